//! One tensor moved towards another, in place: the running average of weights.

use candle_core::{CpuStorage, DType, InplaceOp2, Layout, Result, Tensor, Var};

use crate::storage::{values, values_mut};

const OP: &str = "lerp";

/// `x ← x + t · (to - x)`, PyTorch's `x.lerp_(to, t)`, for tensors of one shape.
///
/// # Errors
/// Other shapes, dtypes or devices, those of candle.
pub fn lerp(x: &Var, to: &Tensor, t: f64) -> Result<()> {
    if x.shape() != to.shape() {
        candle_core::bail!(
            "{OP}: {:?} towards {:?}, expected one shape",
            x.shape(),
            to.shape()
        );
    }
    if x.device().is_cpu() && x.dtype() == DType::F32 {
        return x.inplace_op2(&to.contiguous()?, &Lerp(t as f32));
    }
    let before = x.as_tensor().detach();
    x.set(&(&before + ((to.detach() - &before)? * t)?)?)
}

struct Lerp(f32);

impl InplaceOp2 for Lerp {
    fn name(&self) -> &'static str {
        OP
    }

    fn cpu_fwd(
        &self,
        x: &mut CpuStorage,
        x_layout: &Layout,
        to: &CpuStorage,
        to_layout: &Layout,
    ) -> Result<()> {
        let to = values::<f32>(to, to_layout, OP)?;
        let x = values_mut(x, x_layout, OP)?;
        for (x, &to) in x.iter_mut().zip(to) {
            *x += self.0 * (to - *x);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn a_value_moves_by_its_share_of_the_way() {
        for dtype in [DType::F32, DType::F64] {
            let of = |values: &[f32]| Tensor::new(values, &Device::Cpu)?.to_dtype(dtype);
            let x = Var::from_tensor(&of(&[0., 2., -1.]).unwrap()).unwrap();
            lerp(&x, &of(&[4., 2., 1.]).unwrap(), 0.25).unwrap();
            let values = x.to_dtype(DType::F32).unwrap().to_vec1::<f32>().unwrap();
            assert_eq!(values, [1., 2., -0.5]);
        }
    }

    #[test]
    fn another_shape_is_refused() {
        let x = Var::new(&[0f32; 3], &Device::Cpu).unwrap();
        let to = Tensor::new(&[1f32; 4], &Device::Cpu).unwrap();
        let error = lerp(&x, &to, 0.5).unwrap_err().to_string();
        assert!(error.starts_with("lerp: [3] towards [4]"), "{error}");
        assert_eq!(x.to_vec1::<f32>().unwrap(), [0.; 3]);
    }
}
