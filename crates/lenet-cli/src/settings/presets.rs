//! Recipes by name: settings below everything that is given.

use lenet_train::OptimizerKind;
use serde::{Deserialize, Serialize};

use super::Settings;

/// A recipe by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Preset {
    /// Batches of 4, Adam, 200 epochs, pixels in [0, 1]
    Article,
}

impl Preset {
    /// What it sets.
    pub(super) fn settings(self) -> Settings {
        match self {
            Self::Article => article(),
        }
    }
}

/// The article's `main()`.
fn article() -> Settings {
    Settings {
        batch_size: Some(4),
        epochs: Some(200),
        optimizer: Some(OptimizerKind::Adam),
        lr: Some(1e-3),
        normalize: Some(false),
        ..Settings::default()
    }
}
