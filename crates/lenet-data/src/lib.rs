#![doc = include_str!("../README.md")]

mod augment;
mod dataset;
mod error;
mod hash;
pub mod idx;
mod loader;
mod mnist;
mod name;
pub mod picture;
mod sources;
mod split;
mod transform;

pub use augment::{Augment, Augmenter, EpochAugmenter};
pub use dataset::{Dataset, Origin};
pub use error::{Error, Fault, Result};
pub use loader::{Batch, Loader};
pub use name::{Choice, DatasetName};
pub use sources::{FileReport, Request, Watcher, fetch, load, verify};
pub use split::Split;
pub use transform::{Normalize, Transform};
