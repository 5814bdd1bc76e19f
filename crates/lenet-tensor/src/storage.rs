//! From candle's storages to plain slices and back: the floor between tensors
//! and kernels.

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, DType, Error, Layout, Result, Storage, Tensor, WithDType};

/// A number that our kernels run on: f32, and f64 for the reference.
pub(crate) trait Element:
    num_traits::Float + WithDType + std::iter::Sum + Into<f64>
{
}
impl Element for f32 {}
impl Element for f64 {}

/// The values of a contiguous tensor's storage.
pub(crate) fn values<'a, T: Element>(
    storage: &'a CpuStorage,
    layout: &Layout,
    op: &'static str,
) -> Result<&'a [T]> {
    let values = storage.as_slice::<T>()?;
    match layout.contiguous_offsets() {
        // A view of no values may begin behind the end of its storage.
        Some((start, end)) if start == end => Ok(&[]),
        Some((start, end)) => Ok(&values[start..end]),
        None => Err(Error::RequiresContiguous { op }.bt()),
    }
}

/// The values of a contiguous f32 tensor's storage, to be changed in place.
pub(crate) fn values_mut<'a>(
    storage: &'a mut CpuStorage,
    layout: &Layout,
    op: &'static str,
) -> Result<&'a mut [f32]> {
    let Some((start, end)) = layout.contiguous_offsets() else {
        return Err(Error::RequiresContiguous { op }.bt());
    };
    match storage {
        CpuStorage::F32(_) if start == end => Ok(&mut []),
        CpuStorage::F32(values) => Ok(&mut values[start..end]),
        other => Err(unsupported(other.dtype(), op)),
    }
}

/// Calls `f` on the values of a tensor that lies on the CPU.
pub(crate) fn with_values<T: Element, R>(
    tensor: &Tensor,
    op: &'static str,
    f: impl FnOnce(&[T]) -> R,
) -> Result<R> {
    let tensor = tensor.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        Storage::Cpu(cpu) => values::<T>(cpu, layout, op).map(f),
        _ => Err(Error::Msg(format!("{op}: this path runs on the CPU only")).bt()),
    }
}

/// `values` with the shape, dtype and device of `tensor`, and no graph.
pub(crate) fn like(tensor: &Tensor, values: &Tensor) -> Result<Tensor> {
    values
        .detach()
        .reshape(tensor.shape())?
        .to_dtype(tensor.dtype())?
        .to_device(tensor.device())
}

/// The error for a dtype that an operation does not take.
pub(crate) fn unsupported(dtype: DType, op: &'static str) -> Error {
    Error::UnsupportedDTypeForOp(dtype, op).bt()
}

/// Runs `$body` with `$T` bound to the element type of `$dtype`.
macro_rules! dispatch {
    ($dtype:expr, $op:expr, $T:ident => $body:expr) => {
        match $dtype {
            candle_core::DType::F32 => {
                type $T = f32;
                $body
            }
            candle_core::DType::F64 => {
                type $T = f64;
                $body
            }
            other => Err($crate::storage::unsupported(other, $op)),
        }
    };
}
pub(crate) use dispatch;

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn a_view_of_nothing_has_no_values() {
        let x = Tensor::zeros((0, 20), DType::F32, &Device::Cpu).unwrap();
        let behind = x.narrow(1, 10, 10).unwrap();
        let count = with_values(&behind, "test", |values: &[f32]| values.len());
        assert_eq!(count.unwrap(), 0);
        assert_eq!(crate::relu::relu(&behind).unwrap().dims(), [0, 10]);
    }
}
