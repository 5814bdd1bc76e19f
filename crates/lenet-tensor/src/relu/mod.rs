//! The rectifier, `max(x, 0)`, as PyTorch has it: no gradient at 0, and NaN
//! passes through instead of turning into a harmless 0.

mod cpu;

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use crate::grad_mode::records;
use crate::storage::{dispatch, values, with_values};

pub(crate) use cpu::rectify;

const OP: &str = "relu";

/// `max(x, 0)` of every value, any shape. The gradient is that of `x` where the
/// result is above 0 (or NaN), else 0 (ATen's `threshold_backward`).
///
/// # Errors
/// A dtype other than f32 and f64.
pub fn relu(x: &Tensor) -> Result<Tensor> {
    if !x.device().is_cpu() {
        return composed(x);
    }
    let x = x.contiguous()?;
    if records(&[&x]) {
        x.apply_op1(Relu)
    } else {
        x.apply_op1_no_bwd(&Relu)
    }
}

/// The same through candle's own operations, for other devices.
fn composed(x: &Tensor) -> Result<Tensor> {
    x.le(0.0)?.where_cond(&x.zeros_like()?, x)
}

struct Relu;

impl CustomOp1 for Relu {
    fn name(&self) -> &'static str {
        OP
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        dispatch!(storage.dtype(), OP, T => {
            let y = cpu::rectified(values::<T>(storage, layout, OP)?);
            Ok((<T as candle_core::WithDType>::to_cpu_storage_owned(y), layout.shape().clone()))
        })
    }

    fn bwd(&self, _x: &Tensor, y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        gradient(y, grad).map(Some)
    }
}

/// The input's gradient from the output `y` and its gradient.
pub(crate) fn gradient(y: &Tensor, grad: &Tensor) -> Result<Tensor> {
    dispatch!(y.dtype(), OP, T => {
        let dx = with_values::<T, _>(y, OP, |y| {
            with_values::<T, _>(grad, OP, |grad| cpu::gated(y, grad))
        })??;
        Tensor::from_vec(dx, y.shape(), y.device())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Key;
    use crate::testing::{check_gradients, uniform};
    use candle_core::{DType, Device, Var};
    use proptest::prelude::*;

    fn run(f: fn(&Tensor) -> Result<Tensor>, x: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let x = Var::new(x, &Device::Cpu).unwrap();
        let y = f(&x).unwrap();
        let gradients = y.sum_all().unwrap().backward().unwrap();
        let dx = gradients.get(&x).unwrap().to_vec1().unwrap();
        (y.to_vec1().unwrap(), dx)
    }

    #[test]
    fn zero_and_nan_are_as_in_pytorch() {
        for f in [relu, composed] {
            let (y, dx) = run(f, &[-2., -0., 0., 3., f32::INFINITY]);
            assert_eq!(y, [0., 0., 0., 3., f32::INFINITY]);
            assert_eq!(dx, [0., 0., 0., 1., 1.]);
            let (y, dx) = run(f, &[f32::NAN]);
            assert!(y[0].is_nan() && dx[0] == 1.0);
        }
    }

    #[test]
    fn gradients_agree_with_finite_differences() {
        // Away from the kink at 0 by a step of the differences.
        let x = uniform(Key::from_seed(2), &[2, 3, 4, 5], DType::F64).unwrap();
        let x = x
            .abs()
            .unwrap()
            .affine(1.0, 0.01)
            .unwrap()
            .mul(&sign(&x))
            .unwrap();
        check_gradients(&[x], |x| relu(&x[0])).unwrap();
    }

    fn sign(x: &Tensor) -> Tensor {
        x.ge(0.0)
            .unwrap()
            .to_dtype(DType::F64)
            .unwrap()
            .affine(2.0, -1.0)
            .unwrap()
    }

    #[test]
    fn other_dtypes_are_refused_by_name() {
        let x = Tensor::new(&[1u32], &Device::Cpu).unwrap();
        assert!(relu(&x).unwrap_err().to_string().contains("relu"));
    }

    proptest! {
        #[test]
        fn any_layout_gives_the_plain_result(rows in 1usize..6, cols in 1usize..6, seed: u64) {
            let x = uniform(Key::from_seed(seed), &[rows, cols], DType::F32).unwrap();
            let plain: Vec<f32> = x.t().unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap()
                .into_iter().map(|v| v.max(0.0)).collect();
            let y = relu(&x.t().unwrap()).unwrap();
            prop_assert_eq!(y.dims(), &[cols, rows]);
            prop_assert_eq!(y.flatten_all().unwrap().to_vec1::<f32>().unwrap(), plain.clone());
            let narrow = relu(&x.t().unwrap().narrow(0, cols - 1, 1).unwrap()).unwrap();
            prop_assert_eq!(&narrow.flatten_all().unwrap().to_vec1::<f32>().unwrap()[..], &plain[(cols - 1) * rows..]);
        }
    }
}
