//! Sums in a fixed order, in f64: a value never depends on the number of threads
//! nor on the length of what was summed before it.

use candle_core::{DType, Result, Tensor};
use rayon::prelude::*;

use crate::simd::{Kernel, Simd, level, run};
use crate::storage::with_values;
use crate::tasks::VALUES_A_TASK;

/// The sum of f32 values, in f64, from the first to the last.
pub fn sum(values: &[f32]) -> f64 {
    values.iter().map(|&v| f64::from(v)).sum()
}

/// The sum of a tensor's squares, in f64, from the first value to the last.
///
/// # Errors
/// Those of candle for a copy from a device.
pub fn sum_of_squares(tensor: &Tensor) -> Result<f64> {
    let of = |values: &[f32]| values.iter().map(|&v| f64::from(v) * f64::from(v)).sum();
    if tensor.device().is_cpu() && tensor.dtype() == DType::F32 {
        return with_values(tensor, "sum_of_squares", of);
    }
    let values = tensor
        .flatten_all()?
        .to_dtype(DType::F64)?
        .to_vec1::<f64>()?;
    Ok(values.iter().map(|v| v * v).sum())
}

/// Mean and standard deviation (of the population), in f64.
pub fn mean_std(values: &[f32]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = sum(values) / n;
    let squares: f64 = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum();
    (mean, (squares / n).sqrt())
}

/// Whether no value is NaN or infinite.
pub fn all_finite(values: &[f32]) -> bool {
    run(level(), AllFinite(values))
}

/// Zero times a value is zero, but NaN where the value is NaN or infinite; and a sum
/// with NaN in it stays NaN.
struct AllFinite<'a>(&'a [f32]);

impl Kernel for AllFinite<'_> {
    type Output = bool;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> bool {
        // Four sums at a time: one alone would wait for its last product.
        const AT_ONCE: usize = 4;
        let zero = simd.splat_wide(0.0);
        let mut sums = [zero; AT_ONCE];
        let mut blocks = self.0.chunks_exact(AT_ONCE * S::WIDE);
        for block in &mut blocks {
            for i in 0..AT_ONCE {
                let values = simd.load_wide(&block[i * S::WIDE..(i + 1) * S::WIDE]);
                sums[i] = simd.mul_add_wide(values, zero, sums[i]);
            }
        }
        for values in blocks.remainder().chunks(S::WIDE) {
            sums[0] = simd.mul_add_wide(simd.load_wide(values), zero, sums[0]);
        }
        let [a, b, c, d] = sums;
        simd.sum_wide(simd.add_wide(simd.add_wide(a, b), simd.add_wide(c, d))) == 0.0
    }
}

/// Whether no value of a tensor of floats is NaN or infinite.
///
/// # Errors
/// Those of candle for a copy from a device.
pub fn is_finite(tensor: &Tensor) -> Result<bool> {
    if tensor.device().is_cpu() && tensor.dtype() == DType::F32 {
        return with_values(tensor, "is_finite", |values| {
            values.par_chunks(4 * VALUES_A_TASK).all(all_finite)
        });
    }
    let values = tensor.flatten_all()?.to_dtype(DType::F32)?;
    Ok(all_finite(&values.to_vec1()?))
}

/// Position of the largest value, the first one on ties; NaN counts as the
/// largest, as in PyTorch. `None` for no values.
pub fn argmax(values: &[f32]) -> Option<usize> {
    let mut best = None;
    for (i, &value) in values.iter().enumerate() {
        match best {
            Some((_, top)) if !exceeds(value, top) => {}
            _ => best = Some((i, value)),
        }
    }
    best.map(|(i, _)| i)
}

/// Whether `value` takes the place of `top` in a maximum: larger, or the first
/// NaN.
pub(crate) fn exceeds<T: num_traits::Float>(value: T, top: T) -> bool {
    value > top || (value.is_nan() && !top.is_nan())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Level;

    #[test]
    fn sums_do_not_stick_where_f32_does() {
        // f32 stops counting at 2^24.
        let ones = vec![1f32; (1 << 24) + 5];
        assert_eq!(sum(&ones), 16_777_221.0);
        assert_eq!(mean_std(&[1., 3.]), (2.0, 1.0));
    }

    #[test]
    fn squares_are_summed_in_f64() {
        let values = Tensor::new(&[3e30f32, 4e30], &candle_core::Device::Cpu).unwrap();
        // Beyond f32; each value is off by a rounding of 6e-8.
        let sum = sum_of_squares(&values).unwrap();
        assert!((sum / 25e60 - 1.0).abs() < 2e-7, "{sum}");
        let wide = sum_of_squares(&values.to_dtype(DType::F64).unwrap()).unwrap();
        assert_eq!(sum, wide);
    }

    #[test]
    fn one_bad_value_is_found() {
        for level in Level::all() {
            let all_finite = |values: &[f32]| run(level, AllFinite(values));
            assert!(all_finite(&[]) && all_finite(&[-0.0, f32::MIN_POSITIVE / 2.0]));
            for n in [1, 8, 15, 64, 1000] {
                let mut values = vec![f32::MAX; n];
                for at in 0..n {
                    assert!(all_finite(&values));
                    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                        values[at] = bad;
                        assert!(!all_finite(&values), "{bad} at {at} of {n}, {level:?}");
                    }
                    values[at] = f32::MAX;
                }
            }
        }
    }

    #[test]
    fn argmax_takes_the_first_and_sees_nan() {
        assert_eq!(argmax(&[1., 3., 3., 2.]), Some(1));
        assert_eq!(argmax(&[1., f32::NAN, 3., f32::NAN]), Some(1));
        assert_eq!(argmax(&[f32::NEG_INFINITY; 2]), Some(0));
        assert_eq!(argmax(&[]), None);
    }
}
