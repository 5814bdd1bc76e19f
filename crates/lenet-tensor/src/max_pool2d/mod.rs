//! Max-pooling with the position of each maximum kept, so that its gradient goes
//! where the maximum came from: to the first one on ties, as in PyTorch.
//!
//! candle's own divides a gradient by the size of the window where it should
//! divide by the number of ties, and misplaces it on odd sizes; never use that
//! one, neither in a model nor as an oracle.

mod cpu;
#[doc(hidden)]
pub mod reference;
#[cfg(test)]
mod tests;

use std::sync::OnceLock;

use candle_core::backend::BackendStorage;
use candle_core::{
    CpuStorage, CudaStorage, CustomOp1, DType, Layout, Result, Shape, Tensor, ToUsize2, WithDType,
};

use crate::geometry::Pool2dGeometry;
use crate::grad_mode::records;
use crate::storage::{dispatch, values, with_values};
use crate::windows::Windows;

pub(crate) const OP: &str = "max_pool2d";

/// The largest value of each window.
/// `x: [N, C, H, W]` → `[N, C, H', W']`, `H' = (H - kernel) / stride + 1`.
///
/// Any kernel and stride, overlapping or not; NaN counts as the largest value.
///
/// # Errors
/// A shape that the window does not fit, a dtype other than f32 and f64.
pub fn max_pool2d(x: &Tensor, kernel: impl ToUsize2, stride: impl ToUsize2) -> Result<Tensor> {
    let (kernel, stride) = (kernel.to_usize2(), stride.to_usize2());
    let geometry = Pool2dGeometry::new(OP, x.dims(), kernel.into(), stride.into())?;
    let x = x.contiguous()?;
    let op = MaxPool2d {
        geometry,
        argmax: OnceLock::new(),
    };
    if records(&[&x]) {
        x.apply_op1(op)
    } else {
        x.apply_op1_no_bwd(&op)
    }
}

struct MaxPool2d {
    geometry: Pool2dGeometry,
    /// Where in its plane each output came from; forward leaves it for backward.
    argmax: OnceLock<Vec<u32>>,
}

impl CustomOp1 for MaxPool2d {
    fn name(&self) -> &'static str {
        OP
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let geometry = &self.geometry;
        let shape = Shape::from_dims(&geometry.output_shape());
        let (y, argmax) = match storage.dtype() {
            DType::F32 => {
                let (y, argmax) = cpu::forward(values(storage, layout, OP)?, geometry);
                (f32::to_cpu_storage_owned(y), argmax)
            }
            _ => dispatch!(storage.dtype(), OP, T => {
                let (y, argmax) = reference::forward::<T>(values(storage, layout, OP)?, geometry);
                Ok((T::to_cpu_storage_owned(y), argmax))
            })?,
        };
        // The op is new for each call, so nothing was there before.
        let _ = self.argmax.set(argmax);
        Ok((y, shape))
    }

    fn cuda_fwd(&self, storage: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        let geometry = &self.geometry;
        let y = storage.max_pool2d(layout, geometry.kernel.into(), geometry.stride.into())?;
        Ok((y, Shape::from_dims(&geometry.output_shape())))
    }

    fn bwd(&self, x: &Tensor, y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let Some(argmax) = self.argmax.get() else {
            return composed_backward(&self.geometry, x, y, grad).map(Some);
        };
        let dx = match grad.dtype() {
            DType::F32 => with_values(grad, OP, |grad| {
                Tensor::from_vec(
                    cpu::backward(grad, argmax, &self.geometry),
                    x.shape(),
                    x.device(),
                )
            })?,
            _ => dispatch!(grad.dtype(), OP, T => with_values::<T, _>(grad, OP, |grad| {
                let dx = reference::backward(grad, argmax, &self.geometry);
                Tensor::from_vec(dx, x.shape(), x.device())
            }))?,
        };
        dx.map(Some)
    }
}

/// The gradient from candle's operations alone, on any device: tap by tap, the
/// first tap that holds the maximum takes it.
fn composed_backward(
    geometry: &Pool2dGeometry,
    x: &Tensor,
    y: &Tensor,
    grad: &Tensor,
) -> Result<Tensor> {
    let (x, y) = (x.detach(), y.detach());
    let windows = Windows::new(geometry, &x)?;
    let mut free = Tensor::ones(y.shape(), DType::U8, x.device())?;
    let mut dx = x.zeros_like()?;
    for (tap, seen) in windows.gather(&x).enumerate() {
        let seen = seen?;
        // NaN equals nothing: a NaN maximum came from the first NaN.
        let nan = (y.ne(&y)? * seen.ne(&seen)?)?;
        let hit = ((seen.eq(&y)? + nan)? * &free)?;
        free = (free - &hit)?;
        dx = windows.scatter_add(&dx, tap, &(hit.to_dtype(grad.dtype())? * grad)?)?;
    }
    Ok(dx)
}
