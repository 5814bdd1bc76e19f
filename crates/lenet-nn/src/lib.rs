#![doc = include_str!("../README.md")]

mod activations;
pub mod card;
mod error;
pub mod fuse;
pub mod init;
pub mod layers;
pub mod loss;
pub mod models;
pub mod onnx;
pub mod operator;
pub mod params;
pub mod sequential;
pub mod summary;
pub mod weights;

pub use activations::activations;
pub use error::{Error, Result};
pub use models::{Model, ModelKind};
pub use operator::Operator;
pub use params::Parameters;
pub use sequential::Sequential;
