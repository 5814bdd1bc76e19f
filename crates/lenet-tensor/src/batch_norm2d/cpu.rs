//! The kernels, for f32 and f64 alike: sums in f64 from the first image to the
//! last, each channel by itself, so that the number of threads changes nothing.

use num_traits::Float;
use rayon::prelude::*;

use super::Sizes;

/// f32 or f64.
pub(super) trait Value: Float + Into<f64> + Send + Sync {}
impl<T: Float + Into<f64> + Send + Sync> Value for T {}

/// Rounds once: where the mean is far from 0, values and shift cancel in f64.
fn rounded<T: Value>(v: f64) -> T {
    T::from(v).unwrap_or_else(T::nan)
}

/// Mean and biased variance of each channel of `x [N, C, H·W]`.
pub(super) fn statistics<T: Value>(x: &[T], sizes: &Sizes) -> (Vec<f64>, Vec<f64>) {
    let n = sizes.per_channel() as f64;
    (0..sizes.channels)
        .into_par_iter()
        .map(|channel| {
            let mean = planes(x, channel, sizes)
                .flatten()
                .map(|&v| v.into())
                .sum::<f64>()
                / n;
            let squares = planes(x, channel, sizes)
                .flatten()
                .map(|&v| (v.into() - mean).powi(2));
            (mean, squares.sum::<f64>() / n)
        })
        .unzip()
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
    // `max(1)`: images of no pixels have no planes, and chunks of 0 are refused.
    y.par_chunks_mut(sizes.plane.max(1))
        .zip(x.par_chunks(sizes.plane.max(1)))
        .enumerate()
        .for_each(|(plane, (y, x))| {
            let channel = plane % sizes.channels;
            for (y, &x) in y.iter_mut().zip(x) {
                *y = rounded(x.into() * scale[channel] + shift[channel]);
            }
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
    (0..sizes.channels)
        .into_par_iter()
        .map(|channel| {
            let (mut products, mut total) = (0.0, 0.0);
            for (x, grad) in planes(x, channel, sizes).zip(planes(grad, channel, sizes)) {
                for (x, grad) in x.iter().zip(grad) {
                    products += ((*x).into() - mean[channel]) * (*grad).into();
                    total += (*grad).into();
                }
            }
            (products, total)
        })
        .unzip()
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
            for ((dx, &x), &grad) in dx.iter_mut().zip(x).zip(grad) {
                *dx = rounded(a * grad.into() + b * x.into() + d);
            }
        });
    (dx, dweight, dbias)
}

/// A channel's planes, image by image.
fn planes<'a, T>(x: &'a [T], channel: usize, sizes: &Sizes) -> impl Iterator<Item = &'a [T]> {
    let (plane, image) = (sizes.plane, sizes.channels * sizes.plane);
    (0..sizes.batch).map(move |n| &x[n * image + channel * plane..][..plane])
}
