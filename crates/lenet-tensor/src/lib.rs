#![doc = include_str!("../README.md")]

pub mod adam;
pub mod avg_pool2d;
pub mod batch_norm2d;
pub mod conv2d;
pub mod conv2d_relu_max_pool2d;
pub mod cross_entropy;
pub mod device;
pub mod dropout;
mod error;
pub mod geometry;
pub mod grad_mode;
pub mod lerp;
pub mod linear;
pub mod max_pool2d;
pub mod random;
pub mod reduce;
pub mod relu;
pub mod sgd;
mod simd;
mod storage;
pub mod tasks;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod windows;

/// The vectors that kernels on this machine use: `avx512`, `avx2` or `portable`. The
/// variable `LENET_SIMD` asks for one of them, and counts where the machine has it.
pub fn vectors() -> &'static str {
    simd::level().name()
}

pub use error::{DeviceError, ShapeError};
pub use grad_mode::no_grad;
pub use random::Key;
