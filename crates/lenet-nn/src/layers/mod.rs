//! The layers, one struct each, with PyTorch's names and defaults. All are
//! candle-nn modules; [`Layer`] adds what checking and describing a model needs.

mod activation;
mod avg_pool2d;
mod batch_norm2d;
mod conv2d;
mod dropout;
mod flatten;
mod foreign;
mod linear;
mod max_pool2d;

pub use activation::{LogSoftmax, ReLU, Tanh};
pub use avg_pool2d::AvgPool2d;
pub use batch_norm2d::BatchNorm2d;
pub use conv2d::Conv2d;
pub use dropout::{Dropout, at_step};
pub use flatten::Flatten;
pub use foreign::Foreign;
pub use linear::Linear;
pub use max_pool2d::MaxPool2d;

use candle_nn::ModuleT;
use lenet_tensor::ShapeError;

use crate::fuse::Part;
use crate::operator::Operator;
use crate::summary::LayerInfo;

/// A module that knows what it makes of a shape, so that a model can be checked
/// when it is built.
pub trait Layer: ModuleT + Send + Sync {
    /// The layer with its settings, for example `Conv2d(1, 6, kernel_size=5)`.
    fn describe(&self) -> String;

    /// The shape of one sample's output for one sample's input, the batch axis
    /// left out: `[1, 28, 28]` → `[6, 24, 24]`.
    ///
    /// # Errors
    /// A shape that the layer does not take.
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>, ShapeError>;

    /// What the layer is to layers that run as one operation.
    fn part(&self) -> Part<'_> {
        Part::None
    }

    /// What the layer computes in evaluation mode, for programs that take its weights.
    fn operator(&self) -> Operator {
        Operator::Unknown
    }

    /// The layers within, for a layer that is made of layers.
    fn children(&self) -> &[LayerInfo] {
        &[]
    }
}

/// A sample's shape with a batch axis of one.
fn batched(shape: &[usize]) -> Vec<usize> {
    std::iter::once(1).chain(shape.iter().copied()).collect()
}
