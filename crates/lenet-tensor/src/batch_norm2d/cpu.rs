//! The kernels, for f32 and f64 alike: sums in f64 from the first image to the
//! last, each channel by itself, so that the number of threads changes nothing.
//! They are plain loops that the compiler makes vectors of, the widest of the machine,
//! with the same bits at every level.

use num_traits::Float;
use rayon::prelude::*;

use super::Sizes;
use crate::simd::{Kernel, Simd, level, run};

/// Sums side by side: one alone would wait for each addition.
const SUMS: usize = 16;

/// f32 or f64.
pub(super) trait Value: Float + Into<f64> + Send + Sync {}
impl<T: Float + Into<f64> + Send + Sync> Value for T {}

/// Rounds once: where the mean is far from 0, values and shift cancel in f64.
#[inline(always)]
fn rounded<T: Value>(v: f64) -> T {
    T::from(v).unwrap_or_else(T::nan)
}

/// Mean and biased variance of each channel of `x [N, C, H·W]`.
pub(super) fn statistics<T: Value>(x: &[T], sizes: &Sizes) -> (Vec<f64>, Vec<f64>) {
    let n = sizes.per_channel() as f64;
    let level = level();
    let of = |channel| {
        let planes = Planes { x, channel, sizes };
        let mean = run(level, Powers::<_, 1> { planes, mean: 0.0 }) / n;
        (mean, run(level, Powers::<_, 2> { planes, mean }) / n)
    };
    (0..sizes.channels).into_par_iter().map(of).unzip()
}

/// The normalisation of each channel as a scale and a shift.
pub(super) fn scale_shift(
    mean: &[f64],
    variance: &[f64],
    weight: &[f64],
    bias: &[f64],
    eps: f64,
) -> (Vec<f64>, Vec<f64>) {
    let channels = mean.iter().zip(variance).zip(weight.iter().zip(bias));
    channels
        .map(|((mean, variance), (weight, bias))| {
            let scale = weight / (variance + eps).sqrt();
            (scale, bias - mean * scale)
        })
        .unzip()
}

/// `x · scale + shift`, channel by channel.
pub(super) fn affine<T: Value>(x: &[T], scale: &[f64], shift: &[f64], sizes: &Sizes) -> Vec<T> {
    let mut y = vec![T::zero(); x.len()];
    let level = level();
    // `max(1)`: images of no pixels have no planes, and chunks of 0 are refused.
    y.par_chunks_mut(sizes.plane.max(1))
        .zip(x.par_chunks(sizes.plane.max(1)))
        .enumerate()
        .for_each(|(plane, (y, x))| {
            let channel = plane % sizes.channels;
            let (scale, shift) = (scale[channel], shift[channel]);
            run(level, Affine { x, scale, shift, y });
        });
    y
}

/// For each channel `Σ (x - mean)·grad` and `Σ grad`.
pub(super) fn sums<T: Value>(
    x: &[T],
    grad: &[T],
    mean: &[f64],
    sizes: &Sizes,
) -> (Vec<f64>, Vec<f64>) {
    let level = level();
    let of = |channel| {
        let planes = |x| Planes { x, channel, sizes };
        let products = Products {
            x: planes(x),
            mean: mean[channel],
            grad: planes(grad),
        };
        run(level, products)
    };
    (0..sizes.channels).into_par_iter().map(of).unzip()
}

/// The gradients of training mode, of input, weight and bias. With `x̂` the
/// normalised input and `s = 1 / √(variance + eps)`:
/// `dx = weight · s · (grad - mean(grad) - x̂ · mean(grad · x̂))`.
pub(super) fn backward<T: Value>(
    x: &[T],
    grad: &[T],
    (mean, variance): (&[f64], &[f64]),
    weight: &[f64],
    eps: f64,
    sizes: &Sizes,
) -> (Vec<T>, Vec<f64>, Vec<f64>) {
    let n = sizes.per_channel() as f64;
    let inverse: Vec<f64> = variance.iter().map(|v| 1.0 / (v + eps).sqrt()).collect();
    let (products, dbias) = sums(x, grad, mean, sizes);
    let dweight: Vec<f64> = products.iter().zip(&inverse).map(|(p, s)| p * s).collect();
    let mut dx = vec![T::zero(); x.len()];
    let level = level();
    dx.par_chunks_mut(sizes.plane.max(1))
        .zip(x.par_chunks(sizes.plane.max(1)))
        .zip(grad.par_chunks(sizes.plane.max(1)))
        .enumerate()
        .for_each(|(plane, ((dx, x), grad))| {
            let c = plane % sizes.channels;
            // dx = a·grad + b·x + d, each constant over the channel.
            let a = weight[c] * inverse[c];
            let b = -a * inverse[c] * dweight[c] / n;
            let d = -a * dbias[c] / n - b * mean[c];
            run(
                level,
                Combined {
                    grad,
                    a,
                    x,
                    b,
                    d,
                    dx,
                },
            );
        });
    (dx, dweight, dbias)
}

/// A channel's planes, image by image.
#[derive(Clone, Copy)]
struct Planes<'a, T> {
    x: &'a [T],
    channel: usize,
    sizes: &'a Sizes,
}

impl<'a, T> Planes<'a, T> {
    #[inline(always)]
    fn each(self) -> impl Iterator<Item = &'a [T]> {
        let plane = self.sizes.plane;
        let image = self.sizes.channels * plane;
        (0..self.sizes.batch).map(move |n| &self.x[n * image + self.channel * plane..][..plane])
    }
}

/// `Σ (x - mean)^POWER`, the power 1 or 2.
struct Powers<'a, T, const POWER: usize> {
    planes: Planes<'a, T>,
    mean: f64,
}

impl<T: Value, const POWER: usize> Kernel for Powers<'_, T, POWER> {
    type Output = f64;

    #[inline(always)]
    fn run<S: Simd>(self, _simd: S) -> f64 {
        let mut sums = [0.0; SUMS];
        for plane in self.planes.each() {
            let (blocks, rest) = plane.as_chunks::<SUMS>();
            let add = |sum: &mut f64, x: T| {
                let off = x.into() - self.mean;
                *sum += if POWER == 2 { off * off } else { off };
            };
            for block in blocks {
                for i in 0..SUMS {
                    add(&mut sums[i], block[i]);
                }
            }
            for (sum, &x) in sums.iter_mut().zip(rest) {
                add(sum, x);
            }
        }
        sums.iter().sum()
    }
}

/// `Σ (x - mean)·grad` and `Σ grad`.
struct Products<'a, T> {
    x: Planes<'a, T>,
    mean: f64,
    grad: Planes<'a, T>,
}

impl<T: Value> Kernel for Products<'_, T> {
    type Output = (f64, f64);

    #[inline(always)]
    fn run<S: Simd>(self, _simd: S) -> (f64, f64) {
        let (mut products, mut totals) = ([0.0; SUMS], [0.0; SUMS]);
        for (x, grad) in self.x.each().zip(self.grad.each()) {
            let (xs, x_rest) = x.as_chunks::<SUMS>();
            let (grads, grad_rest) = grad.as_chunks::<SUMS>();
            let mut add = |i: usize, x: T, grad: T| {
                let grad: f64 = grad.into();
                products[i] += (x.into() - self.mean) * grad;
                totals[i] += grad;
            };
            for (x, grad) in xs.iter().zip(grads) {
                for i in 0..SUMS {
                    add(i, x[i], grad[i]);
                }
            }
            for (i, (&x, &grad)) in x_rest.iter().zip(grad_rest).enumerate() {
                add(i, x, grad);
            }
        }
        (products.iter().sum(), totals.iter().sum())
    }
}

/// `y = x · scale + shift`.
struct Affine<'a, T> {
    x: &'a [T],
    scale: f64,
    shift: f64,
    y: &'a mut [T],
}

impl<T: Value> Kernel for Affine<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _simd: S) {
        for (y, &x) in self.y.iter_mut().zip(self.x) {
            *y = rounded(x.into() * self.scale + self.shift);
        }
    }
}

/// `dx = a·grad + b·x + d`.
struct Combined<'a, T> {
    grad: &'a [T],
    a: f64,
    x: &'a [T],
    b: f64,
    d: f64,
    dx: &'a mut [T],
}

impl<T: Value> Kernel for Combined<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _simd: S) {
        for ((dx, &x), &grad) in self.dx.iter_mut().zip(self.x).zip(self.grad) {
            *dx = rounded(self.a * grad.into() + self.b * x.into() + self.d);
        }
    }
}
