//! A fully connected layer, with bias.

use candle_core::{Result, Tensor};
use candle_nn::{Module, VarBuilder};
use lenet_tensor::{ShapeError, linear::linear};

use super::Layer;
use crate::fuse::Part;
use crate::init::torch_default;
use crate::operator::Operator;

/// PyTorch's `nn.Linear`: `[N, in]` → `[N, out]`, parameters `weight [out, in]`
/// and `bias [out]`.
#[derive(Clone, Debug)]
pub struct Linear {
    weight: Tensor,
    bias: Tensor,
}

impl Linear {
    /// From `in_features` to `out_features`.
    ///
    /// # Errors
    /// Those of the builder, for example another shape under the same name.
    pub fn new(in_features: usize, out_features: usize, vb: VarBuilder<'_>) -> Result<Self> {
        for (what, size) in [("in_features", in_features), ("out_features", out_features)] {
            if size == 0 {
                return Err(ShapeError::Zero { op: "linear", what }.into());
            }
        }
        let init = torch_default(in_features);
        Ok(Self {
            weight: vb.get_with_hints((out_features, in_features), "weight", init)?,
            bias: vb.get_with_hints(out_features, "bias", init)?,
        })
    }

    /// `[out, in]`.
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// `[out]`.
    pub fn bias(&self) -> &Tensor {
        &self.bias
    }
}

impl Module for Linear {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        linear(x, &self.weight, Some(&self.bias))
    }
}

impl Layer for Linear {
    fn describe(&self) -> String {
        match *self.weight.dims() {
            [out, features] => format!("Linear({features}, {out})"),
            _ => "Linear".to_owned(),
        }
    }

    fn part(&self) -> Part<'_> {
        Part::Linear(self)
    }

    fn operator(&self) -> Operator {
        Operator::Linear
    }

    fn output_shape(&self, input: &[usize]) -> std::result::Result<Vec<usize>, ShapeError> {
        let weight = self.weight.dims();
        match input {
            [features] if *features == weight[1] => Ok(vec![weight[0]]),
            [features] => Err(ShapeError::Channels {
                op: "linear",
                axis: "features",
                got: *features,
                expected: weight[1],
                weight: weight.to_vec(),
            }),
            _ => Err(ShapeError::Rank {
                op: "linear",
                expected: "one axis of features (put a Flatten before it)",
                got: input.to_vec(),
            }),
        }
    }
}
