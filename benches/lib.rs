//! What the benches share.

use candle_core::{DType, Device, Result, Tensor};
use lenet_tensor::Key;

/// A tensor of values uniform in `[-1, 1)`: never constant, since kernels take
/// branches by what they see.
///
/// # Errors
/// Those of candle for an impossible shape.
pub fn uniform(name: &str, shape: &[usize]) -> Result<Tensor> {
    let values = Key::from_seed(0)
        .fold_in(name)
        .uniform(shape.iter().product(), -1.0, 1.0);
    Tensor::from_vec(values, shape, &Device::Cpu)?.to_dtype(DType::F32)
}

/// The README's program, so that it is compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
