//! One image's gradients: each channel's cells that have one are listed, and only
//! those are multiplied.

use super::backward::{Sizes, Sums};
use crate::simd::{Cell, Kernel, LANES, Lanes, LanesMut, Simd};

/// What a task needs for one image, and uses again for the next.
pub(super) struct Scratch {
    x: Vec<f32>,
    dx: Vec<f32>,
    /// What is listed: gradients that are not zero.
    gradients: Vec<f32>,
    /// Where each one belongs.
    places: Vec<u32>,
}

impl Scratch {
    pub(super) fn new(sizes: &Sizes, needs_dx: bool) -> Self {
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

/// An image, its gradients to be added up.
pub(super) struct Image<'a> {
    pub(super) sizes: &'a Sizes,
    pub(super) x: &'a [f32],
    pub(super) cells: &'a [u8],
    pub(super) grad: &'a [f32],
    /// `[C_out, KH, row]`.
    pub(super) weight: Option<&'a [f32]>,
    pub(super) dx: Option<&'a mut [f32]>,
    pub(super) sums: &'a mut Sums,
    pub(super) scratch: &'a mut Scratch,
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
            let $at = number * AT_ONCE * S::WIDE;
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
    let mut partial = [[simd.splat_wide(0.0); N]; E];
    for v in 0..N {
        partial[0][v] = sums.load_wide(simd, at + v * S::WIDE);
    }
    let (gradients, gradients_rest) = gradients.as_chunks::<E>();
    let (places, places_rest) = places.as_chunks::<E>();
    for (gradients, places) in gradients.iter().zip(places) {
        for e in 0..E {
            let gradient = simd.splat_wide(gradients[e]);
            for v in 0..N {
                let x = x.load_wide(simd, places[e] as usize + vectors[v]);
                partial[e][v] = simd.mul_add_wide(gradient, x, partial[e][v]);
            }
        }
    }
    for (&gradient, &place) in gradients_rest.iter().zip(places_rest) {
        let gradient = simd.splat_wide(gradient);
        for v in 0..N {
            let x = x.load_wide(simd, place as usize + vectors[v]);
            partial[0][v] = simd.mul_add_wide(gradient, x, partial[0][v]);
        }
    }
    for v in 0..N {
        let mut sum = partial[0][v];
        for e in 1..E {
            sum = simd.add_wide(sum, partial[e][v]);
        }
        sums.store_wide(simd, sum, at + v * S::WIDE);
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
    let mut sums = [simd.splat_wide(0.0); N];
    for (&gradient, &kernel) in gradients.iter().zip(kernels) {
        let gradient = simd.splat_wide(gradient);
        for v in 0..N {
            let weight = weight.load_wide(simd, kernel as usize + at + v * S::WIDE);
            sums[v] = simd.mul_add_wide(gradient, weight, sums[v]);
        }
    }
    for v in 0..N {
        let old = dx.load_wide(simd, place + vectors[v]);
        dx.store_wide(simd, simd.add_wide(old, sums[v]), place + vectors[v]);
    }
}
