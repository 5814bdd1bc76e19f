//! Forward without laying out patches, for stride 1 and maps at least eight wide:
//! a vector is eight neighbouring columns of one output row.
//!
//! The tile is two rows by up to six channels: twelve sums, which with two inputs
//! and one weight fill the sixteen registers of AVX2. With AVX-512 two rows share a
//! register, and the tile is four rows.

use std::ops::Range;

use rayon::prelude::*;

use crate::geometry::Conv2dGeometry;
use crate::simd::{Kernel, LANES, Lanes, Level, Simd, run};
use crate::tasks::images_a_task;

/// Rows of a tile.
pub(crate) const ROWS: usize = 2;

/// Channels of a tile, at most.
const CHANNELS: usize = 6;

/// A convolution made ready: weights by tile, and where each tap reads.
pub(crate) struct Plan {
    blocks: Vec<Block>,
    /// Distance of each tap from a window's first cell, in the padded image.
    taps: Vec<usize>,
    pub(crate) padded: Padded,
}

/// Channels that one tile computes.
struct Block {
    channels: Range<usize>,
    /// Channels of the tile, 2, 4 or 6: its last one may compute nothing.
    width: usize,
    /// `[taps, width]`.
    weights: Vec<f32>,
    bias: [f32; CHANNELS],
}

/// Where finished tiles go.
pub(crate) trait Sink {
    /// Takes `sums[channel][row]` of the channels from `channels.start` and of the
    /// eight columns from `column` in the two rows from `row`. Sums beyond the end
    /// of `channels` mean nothing. Implementations are `inline(always)`.
    fn take<S: Simd, const C: usize>(
        &mut self,
        simd: S,
        sums: &[[S::V; ROWS]; C],
        channels: Range<usize>,
        row: usize,
        column: usize,
    );
}

impl Plan {
    /// `None` where another way has to be taken.
    pub(crate) fn new(weight: &[f32], bias: &[f32], g: &Conv2dGeometry) -> Option<Self> {
        let o = g.options;
        let fits = o.stride == [1; 2] && o.groups == 1;
        if !fits || g.output[0] < ROWS || g.output[1] < LANES {
            return None;
        }
        let padded = Padded::of(g);
        let mut taps = Vec::with_capacity(g.taps());
        for c in 0..g.in_channels {
            for i in 0..g.kernel[0] {
                for j in 0..g.kernel[1] {
                    let row = c * padded.height + i * o.dilation[0];
                    taps.push(row * padded.width + j * o.dilation[1]);
                }
            }
        }
        let kernels: Vec<&[f32]> = weight.chunks_exact(g.taps()).collect();
        let blocks = kernels.chunks(CHANNELS).zip(bias.chunks(CHANNELS));
        let blocks = blocks
            .zip((0..).step_by(CHANNELS))
            .map(|((kernels, bias), first)| Block::new(kernels, bias, first));
        Some(Self {
            blocks: blocks.collect(),
            taps,
            padded,
        })
    }

    /// Computes the first `area` (rows, columns) of one image's outputs; it is
    /// at least two by eight. `x` is the image, padded.
    pub(crate) fn image<K: Sink>(&self, level: Level, x: &[f32], area: [usize; 2], sink: &mut K) {
        run(
            level,
            Image {
                plan: self,
                x,
                area,
                sink,
            },
        );
    }
}

impl Block {
    fn new(kernels: &[&[f32]], bias: &[f32], first: usize) -> Self {
        let (weights, width) = match kernels.len() {
            5 | 6 => (interleaved::<6>(kernels), 6),
            3 | 4 => (interleaved::<4>(kernels), 4),
            _ => (interleaved::<2>(kernels), 2),
        };
        let mut biases = [0.0; CHANNELS];
        biases[..bias.len()].copy_from_slice(bias);
        Self {
            channels: first..first + kernels.len(),
            width,
            weights,
            bias: biases,
        }
    }
}

/// The kernels' first weights, then their second ones, and so on; where there are
/// fewer than `C` kernels, the last takes the others' place.
fn interleaved<const C: usize>(kernels: &[&[f32]]) -> Vec<f32> {
    let taps = kernels[0].len();
    let kernels: [&[f32]; C] = std::array::from_fn(|c| &kernels[c.min(kernels.len() - 1)][..taps]);
    let mut weights = vec![0.0; taps * C];
    for (tap, weights) in weights.as_chunks_mut::<C>().0.iter_mut().enumerate() {
        for c in 0..C {
            weights[c] = kernels[c][tap];
        }
    }
    weights
}

struct Image<'a, K> {
    plan: &'a Plan,
    x: &'a [f32],
    area: [usize; 2],
    sink: &'a mut K,
}

impl<K: Sink> Kernel for Image<'_, K> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self {
            plan,
            x,
            area,
            sink,
        } = self;
        let x = Lanes::new(x);
        for block in &plan.blocks {
            macro_rules! tiles {
                ($channels:literal) => {
                    if S::ROW_PAIRS == 2 && area[0] >= 2 * ROWS {
                        tiles::<S, K, $channels, 2>(simd, plan, block, x, area, sink)
                    } else {
                        tiles::<S, K, $channels, 1>(simd, plan, block, x, area, sink)
                    }
                };
            }
            match block.width {
                6 => tiles!(6),
                4 => tiles!(4),
                _ => tiles!(2),
            }
        }
    }
}

/// Tiles of `C` channels by `P` pairs of rows over the whole area.
#[inline(always)]
fn tiles<S: Simd, K: Sink, const C: usize, const P: usize>(
    simd: S,
    plan: &Plan,
    block: &Block,
    x: Lanes<'_>,
    area: [usize; 2],
    sink: &mut K,
) {
    let weights = block.weights.as_chunks::<C>().0;
    // The last tile is moved back inside: what it computes again is the same.
    let mut row = 0;
    while row < area[0] {
        let top = row.min(area[0] - P * ROWS);
        let mut column = 0;
        while column < area[1] {
            let left = column.min(area[1] - LANES);
            let sums = tile::<S, C, P>(simd, plan, &block.bias, weights, x, [top, left]);
            for p in 0..P {
                let mut rows = [[simd.splat(0.0); ROWS]; C];
                for c in 0..C {
                    rows[c] = simd.rows(sums[c][p]);
                }
                sink.take(simd, &rows, block.channels.clone(), top + p * ROWS, left);
            }
            column += LANES;
        }
        row += P * ROWS;
    }
}

#[inline(always)]
fn tile<S: Simd, const C: usize, const P: usize>(
    simd: S,
    plan: &Plan,
    bias: &[f32; CHANNELS],
    weights: &[[f32; C]],
    x: Lanes<'_>,
    [row, column]: [usize; 2],
) -> [[S::Rows; P]; C] {
    let width = plan.padded.width;
    let first = row * width + column;
    let mut sums = [[simd.splat_rows(0.0); P]; C];
    for c in 0..C {
        sums[c] = [simd.splat_rows(bias[c]); P];
    }
    for (&tap, weights) in plan.taps.iter().zip(weights) {
        let mut rows = [simd.splat_rows(0.0); P];
        for p in 0..P {
            let top = first + p * ROWS * width + tap;
            rows[p] = simd.load_rows(x.eight(top), x.eight(top + width));
        }
        for c in 0..C {
            let weight = simd.splat_rows(weights[c]);
            for p in 0..P {
                sums[c][p] = simd.mul_add_rows(weight, rows[p], sums[c][p]);
            }
        }
    }
    sums
}

/// The convolution, `[N, C_out, H', W']`.
pub(crate) fn forward(level: Level, x: &[f32], plan: &Plan, g: &Conv2dGeometry) -> Vec<f32> {
    let image_in = (g.in_channels * g.input[0] * g.input[1]).max(1);
    let image_out = (g.out_channels * g.output[0] * g.output[1]).max(1);
    let mut y = vec![0.0; g.output_shape().iter().product()];
    let images = images_a_task(g.batch);
    let tasks = y.par_chunks_mut(images * image_out);
    tasks
        .zip(x.par_chunks(images * image_in))
        .for_each(|(y, x)| {
            let mut padded = plan.padded.buffer();
            for (x, y) in x.chunks_exact(image_in).zip(y.chunks_exact_mut(image_out)) {
                let mut maps = Maps { y, size: g.output };
                plan.image(
                    level,
                    plan.padded.image(x, &mut padded),
                    g.output,
                    &mut maps,
                );
            }
        });
    y
}

/// One image's outputs.
struct Maps<'a> {
    y: &'a mut [f32],
    size: [usize; 2],
}

impl Sink for Maps<'_> {
    #[inline(always)]
    fn take<S: Simd, const C: usize>(
        &mut self,
        simd: S,
        sums: &[[S::V; ROWS]; C],
        channels: Range<usize>,
        row: usize,
        column: usize,
    ) {
        for (channel, rows) in channels.zip(sums) {
            for r in 0..ROWS {
                let start = (channel * self.size[0] + row + r) * self.size[1] + column;
                if let Some(eight) = self.y[start..].first_chunk_mut() {
                    simd.store(rows[r], eight);
                }
            }
        }
    }
}

/// An image `[C, H, W]` with its padding of zeros around it.
#[derive(Clone, Copy)]
pub(crate) struct Padded {
    channels: usize,
    /// H and W as they come.
    input: [usize; 2],
    padding: [usize; 2],
    /// H and W with the padding.
    pub(crate) height: usize,
    pub(crate) width: usize,
}

impl Padded {
    pub(crate) fn of(g: &Conv2dGeometry) -> Self {
        let padding = g.options.padding;
        Self {
            channels: g.in_channels,
            input: g.input,
            padding,
            height: g.input[0] + 2 * padding[0],
            width: g.input[1] + 2 * padding[1],
        }
    }

    /// Zeros for an image, or nothing where there is no padding.
    pub(crate) fn buffer(&self) -> Vec<f32> {
        let values = self.channels * self.height * self.width;
        vec![0.0; if self.padding == [0; 2] { 0 } else { values }]
    }

    /// The image with its padding, in `buffer` where it needs any.
    pub(crate) fn image<'a>(&self, x: &'a [f32], buffer: &'a mut [f32]) -> &'a [f32] {
        if buffer.is_empty() {
            return x;
        }
        let [height, width] = self.input;
        let channels = buffer.chunks_exact_mut(self.height * self.width);
        for (channel, x) in channels.zip(x.chunks_exact(height * width)) {
            let rows = channel.chunks_exact_mut(self.width).skip(self.padding[0]);
            for (row, x) in rows.zip(x.chunks_exact(width)) {
                row[self.padding[1]..][..width].copy_from_slice(x);
            }
        }
        buffer
    }
}
