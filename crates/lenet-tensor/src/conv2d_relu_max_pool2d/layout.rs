//! Images with their channels last and their padding around them, and the way
//! there and back.

use crate::geometry::Conv2dGeometry;
use crate::simd::{LANES, Simd};

/// `[H, W, C]`, H and W with the padding.
#[derive(Clone, Copy)]
pub(super) struct Nhwc {
    channels: usize,
    /// Values behind the last place.
    slack: usize,
    /// H and W without the padding.
    input: [usize; 2],
    padding: [usize; 2],
}

/// First columns of the steps through a row: eight at a time, the last eight again
/// rather than fewer.
#[inline(always)]
fn columns(width: usize) -> impl Iterator<Item = usize> {
    let last = width.saturating_sub(LANES);
    (0..width)
        .step_by(LANES)
        .map(move |column| column.min(last))
}

impl Nhwc {
    pub(super) fn new(g: &Conv2dGeometry, slack: usize) -> Self {
        Self {
            channels: g.in_channels,
            slack,
            input: g.input,
            padding: g.options.padding,
        }
    }

    /// Zeros for an image, and a vector more: reading one from the last place stays
    /// inside.
    pub(super) fn buffer(&self) -> Vec<f32> {
        let [height, width] = [0, 1].map(|axis| self.input[axis] + 2 * self.padding[axis]);
        vec![0.0; height * width * self.channels + self.slack]
    }

    /// Where the place in this row and column begins.
    #[inline(always)]
    fn at(&self, row: usize, column: usize) -> usize {
        let width = self.input[1] + 2 * self.padding[1];
        ((row + self.padding[0]) * width + column + self.padding[1]) * self.channels
    }

    /// Brings an image `[C, H, W]` into `out`.
    #[inline(always)]
    pub(super) fn fill<S: Simd>(&self, simd: S, image: &[f32], out: &mut [f32]) {
        let [height, width] = self.input;
        if self.channels == 1 {
            for (row, values) in image.chunks_exact(width).enumerate() {
                out[self.at(row, 0)..][..width].copy_from_slice(values);
            }
            return;
        }
        let plane = height * width;
        // Whole vectors where what one writes beyond its place is written over by
        // the next place, or lies behind the last.
        let spill = self.channels <= LANES && self.padding == [0; 2];
        for block in (0..self.channels).step_by(LANES) {
            let lanes = LANES.min(self.channels - block);
            for row in 0..height {
                for column in columns(width) {
                    let mut rows = [simd.splat(0.0); LANES];
                    for c in 0..lanes {
                        let start = (block + c) * plane + row * width + column;
                        rows[c] = eight(simd, &image[start..(block + c + 1) * plane]);
                    }
                    let places = simd.transpose(rows);
                    for p in 0..LANES.min(width) {
                        let start = self.at(row, column + p) + block;
                        let lanes = if spill { LANES } else { lanes };
                        store(simd, places[p], &mut out[start..start + lanes]);
                    }
                }
            }
        }
    }

    /// Brings `values` back to an image `[C, H, W]`.
    #[inline(always)]
    pub(super) fn take<S: Simd>(&self, simd: S, values: &[f32], image: &mut [f32]) {
        let [height, width] = self.input;
        let plane = height * width;
        for block in (0..self.channels).step_by(LANES) {
            let lanes = LANES.min(self.channels - block);
            for row in 0..height {
                for column in columns(width) {
                    let mut places = [simd.splat(0.0); LANES];
                    for p in 0..LANES.min(width) {
                        let start = self.at(row, column + p) + block;
                        places[p] = eight(simd, &values[start..]);
                    }
                    let rows = simd.transpose(places);
                    for c in 0..lanes {
                        let start = (block + c) * plane + row * width + column;
                        let end = start + LANES.min(width);
                        store(simd, rows[c], &mut image[start..end]);
                    }
                }
            }
        }
    }
}

/// Eight values, or as many as there are.
#[inline(always)]
fn eight<S: Simd>(simd: S, values: &[f32]) -> S::V {
    match values.first_chunk() {
        Some(eight) => simd.load(eight),
        None => simd.load_part(values),
    }
}

#[inline(always)]
fn store<S: Simd>(simd: S, v: S::V, to: &mut [f32]) {
    match to.first_chunk_mut() {
        Some(eight) => simd.store(v, eight),
        None => simd.store_part(v, to),
    }
}
