//! The kernel's way back. Behind a 2×2 max-pool and a ReLU at most one of four
//! cells has a gradient: each channel's are listed, and only those are multiplied.
//!
//! The input lies channels last, so that a row of the kernel is `KW · C_in`
//! neighbours in it, read eight at a time; its gradient, too.

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
struct Sizes {
    in_channels: usize,
    out_channels: usize,
    kernel: [usize; 2],
    /// Windows of the pool in a map.
    windows: usize,
    /// The input and its gradient, channels last.
    layout: Nhwc,
    /// Place of each cell (0 to 3) of each window, in values of the layout.
    places: Vec<[u32; 4]>,
    /// Values of a row of the kernel, filled up to a multiple of eight.
    row: usize,
    /// Where each vector of the kernel lies, from a window's first place on.
    vectors: Vec<usize>,
}

impl Sizes {
    fn of(fused: &Fused) -> Self {
        let g = &fused.conv;
        let c = g.in_channels;
        let width = g.input[1] + 2 * g.options.padding[1];
        let row = (g.kernel[1] * c).next_multiple_of(LANES);
        let rows = (0..g.kernel[0]).map(|i| i * g.options.dilation[0] * width * c);
        let vectors = rows.flat_map(|start| (0..row).step_by(LANES).map(move |at| start + at));
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
            layout: Nhwc::new(g),
            places,
            row,
            vectors: vectors.collect(),
        }
    }

    /// Values of a kernel in the layout, its rows filled up.
    fn kernel_len(&self) -> usize {
        self.vectors.len() * LANES
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
struct Sums {
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl Sums {
    fn zeros(sizes: &Sizes) -> Self {
        Self {
            weight: vec![0.0; sizes.out_channels * sizes.kernel_len()],
            bias: vec![0.0; sizes.out_channels],
        }
    }
}

/// What a task needs for one image, and uses again for the next.
struct Scratch {
    x: Vec<f32>,
    dx: Vec<f32>,
    /// What is listed: gradients that are not zero.
    gradients: Vec<f32>,
    /// Where each one belongs.
    places: Vec<u32>,
}

impl Scratch {
    fn new(sizes: &Sizes, needs_dx: bool) -> Self {
        let listed = sizes.windows.max(4 * sizes.out_channels) + 1;
        Self {
            x: sizes.layout.buffer(),
            dx: if needs_dx {
                sizes.layout.buffer()
            } else {
                Vec::new()
            },
            gradients: vec![0.0; listed],
            places: vec![0; listed],
        }
    }
}

struct Image<'a> {
    sizes: &'a Sizes,
    x: &'a [f32],
    cells: &'a [u8],
    grad: &'a [f32],
    /// `[C_out, KH, row]`.
    weight: Option<&'a [f32]>,
    dx: Option<&'a mut [f32]>,
    sums: &'a mut Sums,
    scratch: &'a mut Scratch,
}

impl Kernel for Image<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { sizes, scratch, .. } = self;
        sizes.layout.fill(simd, self.x, &mut scratch.x);
        let x = Lanes::new(&scratch.x);
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
            let sums = &mut self.sums.weight[o * sizes.kernel_len()..][..sizes.kernel_len()];
            weight_gradient(simd, sizes, x, gradients, places, sums);
        }
        if let (Some(weight), Some(dx)) = (self.weight, self.dx) {
            scratch.dx.fill(0.0);
            input_gradient(simd, sizes, weight, self.cells, self.grad, scratch);
            sizes.layout.take(simd, &scratch.dx, dx);
        }
    }
}

/// Lists what of a channel passed the ReLU; how many there are. Without a branch:
/// what does not count is written over by the next.
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

/// Vectors that are summed up in registers at a time.
const AT_ONCE: usize = 10;

/// Calls `$f::<S, n, …>` for each block of at most [`AT_ONCE`] of the vectors.
macro_rules! by_block {
    ($vectors:expr, $block:ident, $at:ident => $f:ident $args:tt) => {
        for (number, $block) in $vectors.chunks(AT_ONCE).enumerate() {
            let $at = number * AT_ONCE * LANES;
            by_block!(@sizes $block => $f $args; 1 4, 2 4, 3 4, 4 2, 5 2, 6 2, 7 1, 8 1, 9 1, 10 1);
        }
    };
    // Of few vectors, several sums side by side hide the latency of a product.
    (@sizes $block:ident => $f:ident $args:tt; $($n:literal $side_by_side:literal),+) => {
        match $block.len() {
            $($n => if let Some($block) = $block.first_chunk::<$n>() {
                by_block!(@call $f, $n, $side_by_side, $args);
            },)+
            _ => {}
        }
    };
    (@call $f:ident, $n:literal, $side_by_side:literal, ($($arg:expr),+)) => {
        $f::<S, $n, $side_by_side>($($arg),+)
    };
}

/// `sums[v] += Σ gradient · x[place + v]` over what is listed of one channel.
#[inline(always)]
fn weight_gradient<S: Simd>(
    simd: S,
    sizes: &Sizes,
    x: Lanes<'_>,
    gradients: &[f32],
    places: &[u32],
    sums: &mut [f32],
) {
    let mut sums = LanesMut::new(sums);
    by_block!(sizes.vectors, block, at => accumulate(simd, x, gradients, places, block, &mut sums, at));
}

#[inline(always)]
fn accumulate<S: Simd, const N: usize, const E: usize>(
    simd: S,
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
            for v in 0..N {
                let x = x.load(simd, places[e] as usize + vectors[v]);
                partial[e][v] = simd.mul_add(gradient, x, partial[e][v]);
            }
        }
    }
    for (&gradient, &place) in gradients_rest.iter().zip(places_rest) {
        let gradient = simd.splat(gradient);
        for v in 0..N {
            let x = x.load(simd, place as usize + vectors[v]);
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

/// `dx[place + v] += Σ gradient · weight[v]`, place by place over the channels
/// whose maximum lies there.
#[inline(always)]
fn input_gradient<S: Simd>(
    simd: S,
    sizes: &Sizes,
    weight: &[f32],
    cells: &[u8],
    grad: &[f32],
    scratch: &mut Scratch,
) {
    let weight = Lanes::new(weight);
    let Scratch {
        dx,
        gradients,
        places,
        ..
    } = scratch;
    let mut dx = LanesMut::new(dx);
    for (window, first) in sizes.places.iter().enumerate() {
        // A list for each cell, and behind it the channels' kernels.
        let mut n = [0; 4];
        let (lists, kernels) = (gradients.as_mut_slice(), places.as_mut_slice());
        for o in 0..sizes.out_channels {
            let at = o * sizes.windows + window;
            let cell = cells[at];
            let list = usize::from(cell) % 4;
            let end = list * sizes.out_channels + n[list];
            lists[end] = grad[at];
            kernels[end] = (o * sizes.kernel_len()) as u32;
            n[list] += usize::from(cell < Cell::OFF);
        }
        for (cell, &place) in first.iter().enumerate() {
            let list = cell * sizes.out_channels..cell * sizes.out_channels + n[cell];
            let (lists, kernels) = (&lists[list.clone()], &kernels[list]);
            let place = place as usize;
            if !lists.is_empty() {
                by_block!(sizes.vectors, block, at => spread(simd, weight, lists, kernels, block, &mut dx, place, at));
            }
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "all live in registers")]
#[inline(always)]
fn spread<S: Simd, const N: usize, const E: usize>(
    simd: S,
    weight: Lanes<'_>,
    gradients: &[f32],
    kernels: &[u32],
    vectors: &[usize; N],
    dx: &mut LanesMut<'_>,
    place: usize,
    at: usize,
) {
    let mut sums = [simd.splat(0.0); N];
    for (&gradient, &kernel) in gradients.iter().zip(kernels) {
        let gradient = simd.splat(gradient);
        for v in 0..N {
            let weight = weight.load(simd, kernel as usize + at + v * LANES);
            sums[v] = simd.mul_add(gradient, weight, sums[v]);
        }
    }
    for v in 0..N {
        let old = dx.load(simd, place + vectors[v]);
        dx.store(simd, simd.add(old, sums[v]), place + vectors[v]);
    }
}
