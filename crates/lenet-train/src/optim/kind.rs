//! The optimizers by name, with PyTorch's defaults.

use std::fmt;
use std::str::FromStr;

use lenet_nn::ModelKind;

/// Which optimizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptimizerKind {
    /// Adam, weight decay added to the gradient.
    Adam,
    /// AdamW, weight decay decoupled.
    AdamW,
    /// SGD, with momentum or without.
    Sgd,
}

impl OptimizerKind {
    /// The learning rate where none is given: PyTorch's 1e-3, and 0.01 for SGD.
    pub fn default_lr(self) -> f64 {
        match self {
            Self::Adam | Self::AdamW => 1e-3,
            Self::Sgd => 1e-2,
        }
    }

    /// The weight decay where none is given, PyTorch's.
    pub fn default_weight_decay(self) -> f64 {
        match self {
            Self::AdamW => 1e-2,
            Self::Adam | Self::Sgd => 0.0,
        }
    }

    /// The optimizer that a model is usually trained with.
    pub fn of(model: ModelKind) -> Self {
        match model {
            ModelKind::ConvNet => Self::Sgd,
            _ => Self::Adam,
        }
    }
}

impl fmt::Display for OptimizerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Adam => "adam",
            Self::AdamW => "adamw",
            Self::Sgd => "sgd",
        })
    }
}

impl FromStr for OptimizerKind {
    type Err = String;

    fn from_str(name: &str) -> std::result::Result<Self, String> {
        match name {
            "adam" => Ok(Self::Adam),
            "adamw" => Ok(Self::AdamW),
            "sgd" => Ok(Self::Sgd),
            _ => Err(format!(
                "unknown optimizer `{name}`: expected adam, adamw or sgd"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn optimizers_go_by_their_names() {
        for name in ["adam", "adamw", "sgd"] {
            assert_eq!(name.parse::<OptimizerKind>().unwrap().to_string(), name);
        }
        assert!(
            "rmsprop"
                .parse::<OptimizerKind>()
                .unwrap_err()
                .contains("`rmsprop`")
        );
    }
}
