//! The kernel's way back. Behind a 2×2 max-pool and a ReLU at most one of four
//! cells has a gradient: each channel's are listed, and only those are multiplied.
//!
//! The input lies channels last, so that a row of the kernel is `KW · C_in`
//! neighbours in it, read in whole vectors; its gradient, too.

use rayon::prelude::*;

use super::Fused;
use super::layout::Nhwc;
use super::sparse::{Image, Scratch};
use crate::conv2d::Gradients;
use crate::simd::{LANES, Level, run};
use crate::tasks::images_a_task;

/// The gradients of input (when asked for), weight and bias, from that of the
/// pooled maps and the cells that [`super::forward`] kept.
pub(super) fn backward(
    level: Level,
    x: &[f32],
    weight: &[f32],
    cells: &[u8],
    grad: &[f32],
    fused: &Fused,
    needs_dx: bool,
) -> Gradients<f32> {
    let g = &fused.conv;
    let image_in = g.in_channels * g.input[0] * g.input[1];
    let image_out = g.out_channels * fused.windows();
    // Of a wider vector most would lie beyond the kernel's row.
    let narrow = g.kernel[1] * g.in_channels <= LANES;
    let level = if narrow { level.of_eight() } else { level };
    let sizes = Sizes::of(fused, level.wide());
    let rows = needs_dx.then(|| sizes.rows_of(weight));
    let mut dx = vec![0.0; if needs_dx { x.len() } else { 0 }];
    let task = |x: &[f32], cells: &[u8], grad: &[f32], dx: Option<&mut [f32]>| {
        let mut dx = dx.map(|dx| dx.chunks_exact_mut(image_in));
        let mut sums = Sums::zeros(&sizes);
        let mut scratch = Scratch::new(&sizes, needs_dx);
        let images = x.chunks_exact(image_in);
        let images = images.zip(cells.chunks_exact(image_out));
        for ((x, cells), grad) in images.zip(grad.chunks_exact(image_out)) {
            let image = Image {
                sizes: &sizes,
                x,
                cells,
                grad,
                weight: rows.as_deref(),
                dx: dx.as_mut().and_then(Iterator::next),
                sums: &mut sums,
                scratch: &mut scratch,
            };
            run(level, image);
        }
        sums
    };
    let images = images_a_task(g.batch);
    let parts: Vec<Sums> = if g.batch <= images {
        vec![task(x, cells, grad, needs_dx.then_some(&mut dx))]
    } else {
        let tasks = x.par_chunks(images * image_in);
        let tasks = tasks.zip(cells.par_chunks(images * image_out));
        let tasks = tasks.zip(grad.par_chunks(images * image_out));
        if needs_dx {
            let tasks = tasks.zip(dx.par_chunks_mut(images * image_in));
            tasks
                .map(|(((x, cells), grad), dx)| task(x, cells, grad, Some(dx)))
                .collect()
        } else {
            tasks
                .map(|((x, cells), grad)| task(x, cells, grad, None))
                .collect()
        }
    };
    let (weight, bias) = sizes.total(&parts);
    Gradients {
        x: needs_dx.then_some(dx),
        weight,
        bias,
    }
}

/// The sizes that both gradients are made by.
pub(super) struct Sizes {
    in_channels: usize,
    pub(super) out_channels: usize,
    kernel: [usize; 2],
    /// Windows of the pool in a map.
    pub(super) windows: usize,
    /// The input and its gradient, channels last.
    pub(super) layout: Nhwc,
    /// Place of each cell (0 to 3) of each window, in values of the layout.
    pub(super) places: Vec<[u32; 4]>,
    /// Values of a vector.
    wide: usize,
    /// Values of a row of the kernel, filled up to whole vectors.
    row: usize,
    /// Where each vector of the kernel lies, from a window's first place on.
    pub(super) vectors: Vec<usize>,
}

impl Sizes {
    /// For vectors of `wide` values.
    fn of(fused: &Fused, wide: usize) -> Self {
        let g = &fused.conv;
        let c = g.in_channels;
        let width = g.input[1] + 2 * g.options.padding[1];
        let row = (g.kernel[1] * c).next_multiple_of(wide);
        let rows = (0..g.kernel[0]).map(|i| i * g.options.dilation[0] * width * c);
        let vectors = rows.flat_map(|start| (0..row).step_by(wide).map(move |at| start + at));
        let mut places = Vec::with_capacity(fused.windows());
        for i in 0..fused.pooled[0] {
            for j in 0..fused.pooled[1] {
                let first = 2 * (i * width + j);
                let cells = [first, first + 1, first + width, first + width + 1];
                places.push(cells.map(|place| (place * c) as u32));
            }
        }
        Self {
            in_channels: c,
            out_channels: g.out_channels,
            kernel: g.kernel,
            windows: fused.windows(),
            layout: Nhwc::new(g, wide),
            wide,
            places,
            row,
            vectors: vectors.collect(),
        }
    }

    /// Values of a kernel in the layout, its rows filled up.
    pub(super) fn kernel_len(&self) -> usize {
        self.vectors.len() * self.wide
    }

    /// Calls `f` for each row of each kernel, in the weight's own layout: where the
    /// row begins there, and where in the layout.
    fn each_row(&self, mut f: impl FnMut(usize, usize)) {
        let [height, width] = self.kernel;
        for o in 0..self.out_channels {
            for c in 0..self.in_channels {
                for i in 0..height {
                    let start = ((o * self.in_channels + c) * height + i) * width;
                    f(start, (o * height + i) * self.row + c);
                }
            }
        }
    }

    /// The weight `[C_out, C_in, KH, KW]` as `[C_out, KH, row]`.
    fn rows_of(&self, weight: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; self.out_channels * self.kernel_len()];
        let [_, width] = self.kernel;
        self.each_row(|from, to| {
            let row = out[to..].iter_mut().step_by(self.in_channels);
            for (out, &weight) in row.zip(&weight[from..from + width]) {
                *out = weight;
            }
        });
        out
    }

    /// The parts' sums, one part after the other, in the weight's own layout.
    fn total(&self, parts: &[Sums]) -> (Vec<f32>, Vec<f32>) {
        let [height, width] = self.kernel;
        let mut weight = vec![0.0; self.out_channels * self.in_channels * height * width];
        let mut bias = vec![0.0; self.out_channels];
        for part in parts {
            for (sum, part) in bias.iter_mut().zip(&part.bias) {
                *sum += part;
            }
            self.each_row(|to, from| {
                let row = part.weight[from..].iter().step_by(self.in_channels);
                for (sum, part) in weight[to..to + width].iter_mut().zip(row) {
                    *sum += part;
                }
            });
        }
        (weight, bias)
    }
}

/// What a task adds up: the weight's gradient as `[C_out, KH, row]`, the bias's.
pub(super) struct Sums {
    pub(super) weight: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

impl Sums {
    fn zeros(sizes: &Sizes) -> Self {
        Self {
            weight: vec![0.0; sizes.out_channels * sizes.kernel_len()],
            bias: vec![0.0; sizes.out_channels],
        }
    }
}
