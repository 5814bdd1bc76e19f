//! Layers that run as one operation: a module calls it by name, a Sequential finds
//! the layers by itself.

use candle_core::{Result, Tensor};
use lenet_tensor::conv2d_relu_max_pool2d as conv;
use lenet_tensor::linear;

use crate::layers::{Conv2d, Layer, Linear, MaxPool2d};

/// `max_pool2d(relu(conv(x)), kernel, stride)` without writing the maps between
/// them: `[N, C_in, H, W]` → `[N, C_out, PH, PW]`.
///
/// # Errors
/// Shapes that do not fit.
pub fn conv2d_relu_max_pool2d(
    conv: &Conv2d,
    x: &Tensor,
    kernel: usize,
    stride: usize,
) -> Result<Tensor> {
    pooled(conv, x, [kernel; 2], [stride; 2])
}

/// `relu(linear(x))`: `[N, in]` → `[N, out]`.
///
/// # Errors
/// Shapes that do not fit.
pub fn linear_relu(layer: &Linear, x: &Tensor) -> Result<Tensor> {
    linear::linear_relu(x, layer.weight(), Some(layer.bias()))
}

fn pooled(
    layer: &Conv2d,
    x: &Tensor,
    [kh, kw]: [usize; 2],
    [down, right]: [usize; 2],
) -> Result<Tensor> {
    let (weight, bias) = (layer.weight(), layer.bias());
    conv::conv2d_relu_max_pool2d(x, weight, bias, layer.options(), (kh, kw), (down, right))
}

/// What a layer is to a fusion.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub enum Part<'a> {
    /// A convolution, which begins one.
    Conv2d(&'a Conv2d),
    /// A fully connected layer, which begins one.
    Linear(&'a Linear),
    /// The rectifier.
    ReLU,
    /// A max-pool, which ends one.
    MaxPool2d(&'a MaxPool2d),
    /// Nothing.
    #[default]
    None,
}

/// Layers in a row that run as one.
pub(crate) enum Fusion<'a> {
    /// Conv2d, ReLU, MaxPool2d.
    Pooled(&'a Conv2d, &'a MaxPool2d),
    /// Linear, ReLU.
    Rectified(&'a Linear),
}

impl<'a> Fusion<'a> {
    /// Of all these layers, `None` unless they are those of one.
    pub(crate) fn of(layers: &'a [(String, Box<dyn Layer>)]) -> Option<Self> {
        match layers {
            [(_, conv), (_, relu), (_, pool)] => match (conv.part(), relu.part(), pool.part()) {
                (Part::Conv2d(conv), Part::ReLU, Part::MaxPool2d(pool)) => {
                    Some(Self::Pooled(conv, pool))
                }
                _ => None,
            },
            [(_, linear), (_, relu)] => match (linear.part(), relu.part()) {
                (Part::Linear(linear), Part::ReLU) => Some(Self::Rectified(linear)),
                _ => None,
            },
            _ => None,
        }
    }

    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Pooled(conv, pool) => pooled(conv, x, pool.kernel(), pool.stride()),
            Self::Rectified(linear) => linear_relu(linear, x),
        }
    }
}
