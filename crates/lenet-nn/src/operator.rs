//! What a layer computes, apart from the layer: enough for another program to do
//! the same.

use lenet_tensor::conv2d::Conv2dOptions;

/// What a layer computes in evaluation mode. Its parameters go by PyTorch's names
/// below the layer's own: `conv1.weight` for a layer `conv1`.
///
/// A layer of your own that computes one of these says so by
/// [`Layer::operator`](crate::layers::Layer::operator), and is exported with the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operator {
    /// A convolution with `weight [C_out, C_in / groups, KH, KW]` and `bias [C_out]`.
    Conv2d(Conv2dOptions),
    /// `x · weightᵀ + bias`, with `weight [out, in]` and `bias [out]`.
    Linear,
    /// `(x - running_mean) / sqrt(running_var + 1e-5) · weight + bias` by channel.
    BatchNorm2d,
    /// The largest value of each window, without padding.
    MaxPool2d {
        /// The window, `[down, right]`.
        kernel: [usize; 2],
        /// Its steps, `[down, right]`.
        stride: [usize; 2],
    },
    /// The mean of each window, without padding.
    AvgPool2d {
        /// The window, `[down, right]`.
        kernel: [usize; 2],
        /// Its steps, `[down, right]`.
        stride: [usize; 2],
    },
    /// `max(x, 0)`.
    ReLU,
    /// The hyperbolic tangent.
    Tanh,
    /// `x - log(sum(exp(x)))` over the classes.
    LogSoftmax,
    /// `[N, …]` → `[N, features]`.
    Flatten,
    /// Nothing: Dropout in evaluation mode.
    Identity,
    /// Something else.
    #[default]
    Unknown,
}
