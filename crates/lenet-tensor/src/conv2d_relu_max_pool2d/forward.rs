//! The kernel's way forward: a tile of the convolution is pooled while it is still
//! in registers, so that the maps before the pool are never written.

use rayon::prelude::*;

use super::Fused;
use crate::conv2d::direct::{Plan, ROWS, Sink};
use crate::simd::{LANES, Level, Simd};
use crate::tasks::images_a_task;

/// Windows of a row of a tile.
const WINDOWS: usize = LANES / 2;

/// The pooled maps `[N, C_out, PH, PW]`, and with `keep` which cell of its window
/// each value came from (see [`crate::simd::Cell`]).
pub(super) fn forward(
    level: Level,
    x: &[f32],
    plan: &Plan,
    fused: &Fused,
    keep: bool,
) -> (Vec<f32>, Vec<u8>) {
    let g = &fused.conv;
    let image_in = g.in_channels * g.input[0] * g.input[1];
    let image_out = g.out_channels * fused.windows();
    let mut y = vec![0.0; g.batch * image_out];
    let mut cells = vec![0; if keep { y.len() } else { 0 }];
    let images = images_a_task(g.batch);
    let task = |x: &[f32], y: &mut [f32], cells: &mut [u8]| {
        let mut padded = plan.padded.buffer();
        let mut cells = cells.chunks_exact_mut(image_out);
        for (x, y) in x.chunks_exact(image_in).zip(y.chunks_exact_mut(image_out)) {
            let mut pooled = Pooled {
                y,
                cells: cells.next(),
                size: fused.pooled,
            };
            let x = plan.padded.image(x, &mut padded);
            plan.image(level, x, fused.pooled.map(|size| 2 * size), &mut pooled);
        }
    };
    if g.batch <= images {
        task(x, &mut y, &mut cells);
    } else {
        let tasks = y.par_chunks_mut(images * image_out);
        let tasks = tasks.zip(x.par_chunks(images * image_in));
        if keep {
            let cells = cells.par_chunks_mut(images * image_out);
            tasks
                .zip(cells)
                .for_each(|((y, x), cells)| task(x, y, cells));
        } else {
            tasks.for_each(|(y, x)| task(x, y, &mut []));
        }
    }
    (y, cells)
}

/// One image's pooled maps.
struct Pooled<'a> {
    y: &'a mut [f32],
    cells: Option<&'a mut [u8]>,
    /// `[PH, PW]`.
    size: [usize; 2],
}

impl Sink for Pooled<'_> {
    #[inline(always)]
    fn take<S: Simd, const C: usize>(
        &mut self,
        simd: S,
        sums: &[[S::V; ROWS]; C],
        channels: std::ops::Range<usize>,
        row: usize,
        column: usize,
    ) {
        for c in (0..C).step_by(2) {
            let (values, cells) = simd.relu_max_pool([sums[c], sums[c + 1]]);
            let mut out = [0.0; LANES];
            simd.store(values, &mut out);
            for half in 0..2 {
                let channel = channels.start + c + half;
                if channel < channels.end {
                    let start = (channel * self.size[0] + row / 2) * self.size[1] + column / 2;
                    let part = half * WINDOWS..(half + 1) * WINDOWS;
                    self.y[start..start + WINDOWS].copy_from_slice(&out[part.clone()]);
                    if let Some(kept) = &mut self.cells {
                        kept[start..start + WINDOWS].copy_from_slice(&cells[part]);
                    }
                }
            }
        }
    }
}
