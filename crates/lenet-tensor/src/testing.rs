//! For the tests of operations: comparisons that name the worst value, and
//! gradients checked in f64 by finite differences.

use candle_core::{DType, Device, Result, Tensor, Var};

use crate::Key;
use crate::simd::{Kernel, Level, Simd, level, run, with_level};

pub mod golden;

/// Runs `f` once for each level of vectors that this machine has, the operations
/// that `f` calls on this thread using that level.
pub fn at_each_level(f: impl Fn()) {
    for level in Level::all() {
        with_level(level, &f);
    }
}

/// Asserts that two slices agree: `|a - b| ≤ tolerance · max(1, |b|)` for every
/// pair, NaN agreeing with NaN.
///
/// # Panics
/// With the worst pair when they do not agree.
#[track_caller]
pub fn assert_close<A, B>(actual: &[A], expected: &[B], tolerance: f64)
where
    A: Copy + Into<f64>,
    B: Copy + Into<f64>,
{
    assert_eq!(actual.len(), expected.len(), "different lengths");
    for (i, (&a, &b)) in actual.iter().zip(expected).enumerate() {
        let (a, b): (f64, f64) = (a.into(), b.into());
        let agree =
            a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= tolerance * b.abs().max(1.0);
        assert!(
            agree,
            "value {i}: {a} where {b} was expected (tolerance {tolerance:e})"
        );
    }
}

/// Does `n` fused multiply-adds or some more, in registers, on this thread: what
/// the machine can do at most is measured by it.
pub fn fused_products(n: usize) -> f32 {
    struct Products(usize);
    impl Kernel for Products {
        type Output = f32;

        #[inline(always)]
        fn run<S: Simd>(self, simd: S) -> f32 {
            const CHAINS: usize = 12;
            let factor = simd.splat_wide(0.999);
            let mut chains = [simd.splat_wide(1.0); CHAINS];
            for _ in 0..self.0.div_ceil(CHAINS * S::WIDE) {
                for chain in &mut chains {
                    *chain = simd.mul_add_wide(*chain, factor, factor);
                }
            }
            let mut total = 0.0;
            for chain in chains {
                total += simd.sum_wide(chain);
            }
            total
        }
    }
    run(level(), Products(n))
}

/// A tensor of values uniform in `[-1, 1)`.
///
/// # Errors
/// Those of candle for an impossible shape.
pub fn uniform(key: Key, shape: &[usize], dtype: DType) -> Result<Tensor> {
    let values = key.uniform(shape.iter().product(), -1.0, 1.0);
    Tensor::from_vec(values, shape, &Device::Cpu)?.to_dtype(dtype)
}

/// Checks the gradients of `f` at `inputs` (f64) against central differences.
///
/// The output is weighed by fixed random weights into a scalar, so that every
/// output counts. With steps of 1e-5 the difference quotient is off by about
/// 1e-10 (the third derivative) plus 1e-11 (rounding); 1e-6 leaves room for
/// sums of many terms. Inputs have to lie away from kinks by more than a step.
///
/// # Errors
/// Whatever `f` returns, or a missing gradient.
///
/// # Panics
/// When a gradient does not agree.
#[track_caller]
pub fn check_gradients(inputs: &[Tensor], f: impl Fn(&[Tensor]) -> Result<Tensor>) -> Result<()> {
    const STEP: f64 = 1e-5;
    const TOLERANCE: f64 = 1e-6;
    let weigh = |y: Tensor| -> Result<Tensor> {
        let weights = uniform(Key::from_seed(0), y.dims(), DType::F64)?;
        (y * weights)?.sum_all()
    };
    let vars: Vec<Var> = inputs.iter().map(Var::from_tensor).collect::<Result<_>>()?;
    let tensors: Vec<Tensor> = vars.iter().map(|v| v.as_tensor().clone()).collect();
    let gradients = weigh(f(&tensors)?)?.backward()?;
    for (which, var) in vars.iter().enumerate() {
        let analytic = gradients
            .get(var)
            .ok_or_else(|| candle_core::Error::Msg(format!("no gradient for input {which}")))?
            .flatten_all()?
            .to_vec1::<f64>()?;
        let values = inputs[which].flatten_all()?.to_vec1::<f64>()?;
        let at = |i: usize, delta: f64| -> Result<f64> {
            let mut moved = values.clone();
            moved[i] += delta;
            let mut all: Vec<Tensor> = inputs.to_vec();
            all[which] = Tensor::from_vec(moved, inputs[which].shape(), &Device::Cpu)?;
            weigh(f(&all)?)?.to_scalar::<f64>()
        };
        let numeric = (0..values.len())
            .map(|i| Ok((at(i, STEP)? - at(i, -STEP)?) / (2.0 * STEP)))
            .collect::<Result<Vec<f64>>>()?;
        assert_close(&analytic, &numeric, TOLERANCE);
    }
    Ok(())
}
