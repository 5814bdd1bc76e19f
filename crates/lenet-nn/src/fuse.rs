//! Layers that run as one operation: a module calls it by name, a Sequential finds
//! the layers by itself.

use candle_core::{Result, Tensor};
use lenet_tensor::conv2d_relu_max_pool2d as fused;
use lenet_tensor::grad_mode;

use crate::layers::{Conv2d, Layer, MaxPool2d};

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
    run(conv, x, [kernel; 2], [stride; 2])
}

fn run(
    conv: &Conv2d,
    x: &Tensor,
    [kh, kw]: [usize; 2],
    [down, right]: [usize; 2],
) -> Result<Tensor> {
    let weight = grad_mode::read(conv.weight());
    let bias = grad_mode::read(conv.bias());
    fused::conv2d_relu_max_pool2d(x, &weight, &bias, conv.options(), (kh, kw), (down, right))
}

/// What a layer is to a fusion.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub enum Part<'a> {
    /// A convolution, which begins one.
    Conv2d(&'a Conv2d),
    /// The rectifier.
    ReLU,
    /// A max-pool, which ends one.
    MaxPool2d(&'a MaxPool2d),
    /// Nothing.
    #[default]
    None,
}

/// How many layers [`Fusion`] takes.
pub(crate) const LAYERS: usize = 3;

/// Conv2d, ReLU and MaxPool2d in a row.
pub(crate) struct Fusion<'a> {
    conv: &'a Conv2d,
    pool: &'a MaxPool2d,
}

impl<'a> Fusion<'a> {
    /// `None` unless these are the layers of one.
    pub(crate) fn of(layers: [&'a dyn Layer; LAYERS]) -> Option<Self> {
        match layers.map(Layer::part) {
            [Part::Conv2d(conv), Part::ReLU, Part::MaxPool2d(pool)] => Some(Self { conv, pool }),
            _ => None,
        }
    }

    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        run(self.conv, x, self.pool.kernel(), self.pool.stride())
    }
}
