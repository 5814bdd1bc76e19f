//! The kernel's way back. Behind a 2×2 max-pool and a ReLU at most one of four
//! cells has a gradient: each channel's are listed, and only those are multiplied.
//!
//! The input lies channels last, so that a row of the kernel reads `KW · C_in`
//! neighbours; the input's gradient too, its channels filled up to eight, so that
//! a tap is a vector.

use rayon::prelude::*;

use super::Fused;
use super::layout::Nhwc;
use crate::conv2d::Gradients;
use crate::simd::{Cell, Kernel, LANES, Lanes, LanesMut, Level, Simd, run};
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
    let sizes = Sizes::of(fused);
    let taps = needs_dx.then(|| sizes.taps(weight));
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
                taps: taps.as_deref(),
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
struct Sizes {
    in_channels: usize,
    out_channels: usize,
    kernel: [usize; 2],
    /// Windows of the pool in a map.
    windows: usize,
    /// The input, channels last.
    x: Nhwc,
    /// Its gradient, channels last and filled up to a multiple of eight.
    dx: Nhwc,
    /// Place of each cell (0 to 3) of each window, in places of the padded image.
    places: Vec<[u32; 4]>,
    /// Values of a row of the kernel, filled up to a multiple of eight.
    row: usize,
    /// Where each vector of the kernel reads, from a window's first place on.
    vectors: Vec<usize>,
    /// Where each vector of each tap adds, from a window's first place on.
    tap_vectors: Vec<usize>,
}

impl Sizes {
    fn of(fused: &Fused) -> Self {
        let g = &fused.conv;
        let [dilation, _] = g.options.dilation;
        let x = Nhwc::new(g, g.in_channels);
        let dx = Nhwc::new(g, g.in_channels.next_multiple_of(LANES));
        let row = (g.kernel[1] * g.in_channels).next_multiple_of(LANES);
        let width = g.input[1] + 2 * g.options.padding[1];
        let mut places = Vec::with_capacity(fused.windows());
        for i in 0..fused.pooled[0] {
            for j in 0..fused.pooled[1] {
                let first = (2 * i * width + 2 * j) as u32;
                places.push([
                    first,
                    first + 1,
                    first + width as u32,
                    first + width as u32 + 1,
                ]);
            }
        }
        let rows = 0..g.kernel[0];
        let of_row = |i: usize| {
            (0..row)
                .step_by(LANES)
                .map(move |at| i * dilation * width * x.channels + at)
        };
        let of_tap = |tap: usize| {
            let place = tap / g.kernel[1] * dilation * width + tap % g.kernel[1];
            (0..dx.channels)
                .step_by(LANES)
                .map(move |at| place * dx.channels + at)
        };
        Self {
            in_channels: g.in_channels,
            out_channels: g.out_channels,
            kernel: g.kernel,
            windows: fused.windows(),
            places,
            row,
            vectors: rows.flat_map(of_row).collect(),
            tap_vectors: (0..g.kernel[0] * g.kernel[1]).flat_map(of_tap).collect(),
            x,
            dx,
        }
    }

    /// The weight as `[C_out, KH, KW, channels of dx]`.
    fn taps(&self, weight: &[f32]) -> Vec<f32> {
        let taps = self.kernel[0] * self.kernel[1];
        let mut out = vec![0.0; self.out_channels * taps * self.dx.channels];
        let kernels = weight.chunks_exact(taps);
        for (at, kernel) in kernels.enumerate() {
            let (o, c) = (at / self.in_channels, at % self.in_channels);
            for (tap, &value) in kernel.iter().enumerate() {
                out[(o * taps + tap) * self.dx.channels + c] = value;
            }
        }
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
            for (at, kernel) in weight.chunks_exact_mut(height * width).enumerate() {
                let (o, c) = (at / self.in_channels, at % self.in_channels);
                let rows = &part.weight[o * height * self.row..][..height * self.row];
                for (sums, row) in kernel
                    .chunks_exact_mut(width)
                    .zip(rows.chunks_exact(self.row))
                {
                    let values = row[c..].iter().step_by(self.in_channels);
                    for (sum, part) in sums.iter_mut().zip(values) {
                        *sum += part;
                    }
                }
            }
        }
        (weight, bias)
    }
}

/// What a task adds up: the weight's gradient as `[C_out, KH, row]`, the bias's.
struct Sums {
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl Sums {
    fn zeros(sizes: &Sizes) -> Self {
        Self {
            weight: vec![0.0; sizes.out_channels * sizes.vectors.len() * LANES],
            bias: vec![0.0; sizes.out_channels],
        }
    }
}

/// What a task needs for one image, and uses again for the next.
struct Scratch {
    x: Vec<f32>,
    dx: Vec<f32>,
    /// The gradients of one channel that are not zero, and where they belong.
    gradients: Vec<f32>,
    places: Vec<u32>,
}

impl Scratch {
    fn new(sizes: &Sizes, needs_dx: bool) -> Self {
        Self {
            x: sizes.x.buffer(),
            dx: if needs_dx {
                sizes.dx.buffer()
            } else {
                Vec::new()
            },
            gradients: vec![0.0; sizes.windows + LANES],
            places: vec![0; sizes.windows + LANES],
        }
    }
}

struct Image<'a> {
    sizes: &'a Sizes,
    x: &'a [f32],
    cells: &'a [u8],
    grad: &'a [f32],
    taps: Option<&'a [f32]>,
    dx: Option<&'a mut [f32]>,
    sums: &'a mut Sums,
    scratch: &'a mut Scratch,
}

impl Kernel for Image<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { sizes, scratch, .. } = self;
        sizes.x.fill(simd, self.x, &mut scratch.x);
        scratch.dx.fill(0.0);
        let x = Lanes::new(&scratch.x);
        let per_kernel = sizes.vectors.len() * LANES;
        let channels = self.cells.chunks_exact(sizes.windows);
        let channels = channels.zip(self.grad.chunks_exact(sizes.windows));
        for (o, (cells, grad)) in channels.enumerate() {
            let n = list(
                sizes,
                cells,
                grad,
                &mut scratch.gradients,
                &mut scratch.places,
            );
            let (gradients, places) = (&scratch.gradients[..n], &scratch.places[..n]);
            self.sums.bias[o] += sum(simd, gradients);
            let sums = &mut self.sums.weight[o * per_kernel..][..per_kernel];
            weight_gradient(simd, sizes, x, gradients, places, sums);
            if let Some(taps) = self.taps {
                let per_kernel = sizes.tap_vectors.len() * LANES;
                let taps = &taps[o * per_kernel..][..per_kernel];
                input_gradient(simd, sizes, taps, gradients, places, &mut scratch.dx);
            }
        }
        if let Some(dx) = self.dx {
            sizes.dx.take(simd, &scratch.dx, dx);
        }
    }
}

/// Lists what passed the ReLU; how many there are. Without a branch: what does not
/// count is written over by the next.
#[inline(always)]
fn list(sizes: &Sizes, cells: &[u8], grad: &[f32], gradients: &mut [f32], to: &mut [u32]) -> usize {
    let mut n = 0;
    for ((&cell, &g), places) in cells.iter().zip(grad).zip(&sizes.places) {
        gradients[n] = g;
        to[n] = places[usize::from(cell) % 4];
        n += usize::from(cell < Cell::OFF);
    }
    n
}

#[inline(always)]
fn sum<S: Simd>(simd: S, values: &[f32]) -> f32 {
    let (eights, rest) = values.as_chunks::<LANES>();
    let mut sums = simd.load_part(rest);
    for eight in eights {
        sums = simd.add(sums, simd.load(eight));
    }
    simd.sum(sums)
}

/// `sums[v] += Σ gradient · x[place + v]`, ten vectors at a time in registers.
#[inline(always)]
fn weight_gradient<S: Simd>(
    simd: S,
    sizes: &Sizes,
    x: Lanes<'_>,
    gradients: &[f32],
    places: &[u32],
    sums: &mut [f32],
) {
    let c = sizes.x.channels;
    let mut sums = LanesMut::new(sums);
    for (block, vectors) in sizes.vectors.chunks(10).enumerate() {
        let at = block * 10 * LANES;
        macro_rules! accumulate {
            ($($n:literal $side_by_side:literal),+) => {
                match vectors.len() {
                    $($n => if let Some(vectors) = vectors.first_chunk::<$n>() {
                        accumulate::<S, $n, $side_by_side>(simd, c, x, gradients, places, vectors, &mut sums, at);
                    },)+
                    _ => {}
                }
            };
        }
        // Ten sums at least hide the latency of a fused product.
        accumulate!(1 4, 2 4, 3 4, 4 2, 5 2, 6 2, 7 1, 8 1, 9 1, 10 1);
    }
}

#[expect(clippy::too_many_arguments, reason = "all live in registers")]
#[inline(always)]
fn accumulate<S: Simd, const N: usize, const E: usize>(
    simd: S,
    channels: usize,
    x: Lanes<'_>,
    gradients: &[f32],
    places: &[u32],
    vectors: &[usize; N],
    sums: &mut LanesMut<'_>,
    at: usize,
) {
    let mut partial = [[simd.splat(0.0); N]; E];
    for v in 0..N {
        partial[0][v] = sums.load(simd, at + v * LANES);
    }
    let (gradients, gradients_rest) = gradients.as_chunks::<E>();
    let (places, places_rest) = places.as_chunks::<E>();
    for (gradients, places) in gradients.iter().zip(places) {
        for e in 0..E {
            let gradient = simd.splat(gradients[e]);
            let first = places[e] as usize * channels;
            for v in 0..N {
                let x = x.load(simd, first + vectors[v]);
                partial[e][v] = simd.mul_add(gradient, x, partial[e][v]);
            }
        }
    }
    for (&gradient, &place) in gradients_rest.iter().zip(places_rest) {
        let gradient = simd.splat(gradient);
        let first = place as usize * channels;
        for v in 0..N {
            let x = x.load(simd, first + vectors[v]);
            partial[0][v] = simd.mul_add(gradient, x, partial[0][v]);
        }
    }
    for v in 0..N {
        let mut sum = partial[0][v];
        for e in 1..E {
            sum = simd.add(sum, partial[e][v]);
        }
        sums.store(simd, sum, at + v * LANES);
    }
}

/// `dx[place + tap] += gradient · weight[tap]`.
#[inline(always)]
fn input_gradient<S: Simd>(
    simd: S,
    sizes: &Sizes,
    taps: &[f32],
    gradients: &[f32],
    places: &[u32],
    dx: &mut [f32],
) {
    let taps = taps.as_chunks::<LANES>().0;
    let mut dx = LanesMut::new(dx);
    for (&gradient, &place) in gradients.iter().zip(places) {
        let gradient = simd.splat(gradient);
        let first = place as usize * sizes.dx.channels;
        for (weight, &at) in taps.iter().zip(&sizes.tap_vectors) {
            let old = dx.load(simd, first + at);
            let new = simd.mul_add(gradient, simd.load(weight), old);
            dx.store(simd, new, first + at);
        }
    }
}
