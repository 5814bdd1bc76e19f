//! Average-pooling, the subsampling of 1998 without its trainable coefficients.

#[doc(hidden)]
pub mod reference;
#[cfg(test)]
mod tests;

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, ToUsize2, WithDType};

use crate::geometry::Pool2dGeometry;
use crate::grad_mode::records;
use crate::storage::{dispatch, values, with_values};
use crate::windows::Windows;

const OP: &str = "avg_pool2d";

/// The mean of each window.
/// `x: [N, C, H, W]` → `[N, C, H', W']`, `H' = (H - kernel) / stride + 1`.
///
/// # Errors
/// A shape that the window does not fit, a dtype other than f32 and f64.
pub fn avg_pool2d(x: &Tensor, kernel: impl ToUsize2, stride: impl ToUsize2) -> Result<Tensor> {
    let (kernel, stride) = (kernel.to_usize2(), stride.to_usize2());
    let geometry = Pool2dGeometry::new(OP, x.dims(), kernel.into(), stride.into())?;
    if !x.device().is_cpu() {
        return composed(x, &geometry);
    }
    let x = x.contiguous()?;
    let op = AvgPool2d(geometry);
    if records(&[&x]) {
        x.apply_op1(op)
    } else {
        x.apply_op1_no_bwd(&op)
    }
}

/// The same from candle's operations, whose own gradients then hold.
fn composed(x: &Tensor, geometry: &Pool2dGeometry) -> Result<Tensor> {
    let mut sum = Tensor::zeros(&geometry.output_shape(), x.dtype(), x.device())?;
    for seen in Windows::new(geometry, x)?.gather(x) {
        sum = (sum + seen?)?;
    }
    sum / (geometry.kernel[0] * geometry.kernel[1]) as f64
}

struct AvgPool2d(Pool2dGeometry);

impl CustomOp1 for AvgPool2d {
    fn name(&self) -> &'static str {
        OP
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        dispatch!(storage.dtype(), OP, T => {
            let y = reference::forward::<T>(values(storage, layout, OP)?, &self.0);
            Ok((T::to_cpu_storage_owned(y), Shape::from_dims(&self.0.output_shape())))
        })
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        dispatch!(grad.dtype(), OP, T => with_values::<T, _>(grad, OP, |grad| {
            Tensor::from_vec(reference::backward(grad, &self.0), x.shape(), x.device())
        }))?
        .map(Some)
    }
}
