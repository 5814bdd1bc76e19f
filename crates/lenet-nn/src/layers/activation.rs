//! The layers that change values and no shape.

use candle_core::{D, Result, Tensor};
use candle_nn::Module;
use lenet_tensor::{ShapeError, relu::relu};

use super::Layer;
use crate::fuse::Part;
use crate::operator::Operator;

/// PyTorch's `nn.ReLU`: `max(x, 0)`, NaN passing through.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReLU;

/// PyTorch's `nn.Tanh`, the activation of 1998.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tanh;

/// PyTorch's `nn.LogSoftmax(dim=1)`: `[N, classes]` → log-probabilities.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogSoftmax;

impl Module for ReLU {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        relu(x)
    }
}

impl Module for Tanh {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.tanh()
    }
}

impl Module for LogSoftmax {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        candle_nn::ops::log_softmax(x, D::Minus1)
    }
}

macro_rules! keeps_its_shape {
    ($layer:ident, $part:expr) => {
        impl Layer for $layer {
            fn describe(&self) -> String {
                stringify!($layer).to_owned()
            }

            fn output_shape(&self, input: &[usize]) -> std::result::Result<Vec<usize>, ShapeError> {
                Ok(input.to_vec())
            }

            fn operator(&self) -> Operator {
                Operator::$layer
            }

            fn part(&self) -> Part<'_> {
                $part
            }
        }
    };
}

keeps_its_shape!(ReLU, Part::ReLU);
keeps_its_shape!(Tanh, Part::None);
keeps_its_shape!(LogSoftmax, Part::None);
