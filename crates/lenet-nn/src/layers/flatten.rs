//! From maps to features.

use candle_core::{Result, Tensor};
use candle_nn::Module;
use lenet_tensor::ShapeError;

use super::Layer;
use crate::operator::Operator;

/// PyTorch's `nn.Flatten`: `[N, …]` → `[N, features]`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flatten;

impl Module for Flatten {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.flatten_from(1)
    }
}

impl Layer for Flatten {
    fn describe(&self) -> String {
        "Flatten".to_owned()
    }

    fn operator(&self) -> Operator {
        Operator::Flatten
    }

    fn output_shape(&self, input: &[usize]) -> std::result::Result<Vec<usize>, ShapeError> {
        let features = input
            .iter()
            .try_fold(1usize, |n, &axis| n.checked_mul(axis));
        let too_large = ShapeError::TooLarge {
            op: "flatten",
            what: "number of features",
        };
        Ok(vec![features.ok_or(too_large)?])
    }
}
