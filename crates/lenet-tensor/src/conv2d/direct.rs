//! Forward without laying out patches, for stride 1 and maps at least eight wide:
//! a vector is eight neighbouring columns of one output row.
//!
//! The tile is two rows by up to six channels: twelve sums, which with two inputs
//! and one weight fill the sixteen registers of AVX2. With AVX-512 two rows share a
//! register, and the tile is four rows.

use crate::geometry::Conv2dGeometry;
use crate::simd::{Kernel, LANES, Lanes, Level, Simd, run};

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

/// Channels that one tile computes, as many of the 2, 4 or 6 as there are.
struct Block {
    /// The first channel.
    first: usize,
    /// How many; where the tile has more, its last ones compute nothing.
    channels: usize,
    /// Channels of the tile: 2, 4 or 6.
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
        channels: std::ops::Range<usize>,
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
        let blocks = (0..g.out_channels)
            .step_by(CHANNELS)
            .map(|first| Block::new(first, weight, bias, g))
            .collect();
        Some(Self {
            blocks,
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
    fn new(first: usize, weight: &[f32], bias: &[f32], g: &Conv2dGeometry) -> Self {
        let channels = CHANNELS.min(g.out_channels - first);
        let width = channels.next_multiple_of(2);
        let mut weights = vec![0.0; g.taps() * width];
        let mut biases = [0.0; CHANNELS];
        for c in 0..channels {
            let kernel = &weight[(first + c) * g.taps()..][..g.taps()];
            for (tap, &weight) in kernel.iter().enumerate() {
                weights[tap * width + c] = weight;
            }
            biases[c] = bias[first + c];
        }
        Self {
            first,
            channels,
            width,
            weights,
            bias: biases,
        }
    }
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
    let channels = block.first..block.first + block.channels;
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
                sink.take(simd, &rows, channels.clone(), top + p * ROWS, left);
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
