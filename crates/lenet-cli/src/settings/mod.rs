//! A run's settings as they may be given: by flag, by LENET_* variable, in a TOML
//! file or by a preset, in this order; and what they come to.

mod presets;
mod resolved;
#[cfg(test)]
mod tests;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Context;
use clap::Args;
use clap::builder::BoolishValueParser;
use lenet_data::{Augment, Choice};
use lenet_nn::ModelKind;
use lenet_nn::models::Flavour;
use lenet_tensor::device::DeviceChoice;
use lenet_train::{OptimizerKind, Scheduler};
use serde::{Deserialize, Serialize};

pub(crate) use presets::Preset;
pub(crate) use resolved::Resolved;

use crate::args::number;
use crate::exit::Usage;

/// How training images are drawn anew, or `none`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Augmentation(pub(crate) Option<Augment>);

impl fmt::Display for Augmentation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(augment) => augment.fmt(f),
            None => f.write_str("none"),
        }
    }
}

impl FromStr for Augmentation {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "none" => Ok(Self(None)),
            name => name.parse().map(|augment| Self(Some(augment))),
        }
    }
}

/// Declares the settings once: each is a flag, a LENET_* variable and a key of
/// the TOML file, and later sources fill what earlier ones left open.
macro_rules! settings {
    ($($(#[$meta:meta])* $field:ident: $kind:ty,)*) => {
        /// Settings that were given, each or not.
        #[derive(Args, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
        pub(crate) struct Settings {
            $($(#[$meta])* pub(crate) $field: Option<$kind>,)*
        }

        impl Settings {
            /// These, and where one is open that of `other`.
            fn or(self, other: Self) -> Self {
                Self { $($field: self.$field.or(other.$field),)* }
            }
        }
    };
}

settings! {
    /// article, fast or accurate: a recipe of defaults, below everything that a flag, a variable or --config says
    #[arg(long, value_name = "NAME", env = "LENET_PRESET", hide_env = true)]
    preset: Preset,
    /// auto, mnist, fashion-mnist, sample or idx [default: auto]
    #[arg(long, value_name = "NAME", env = "LENET_DATASET", hide_env = true)]
    #[serde(with = "text")]
    dataset: Choice,
    /// Folder with the four IDX files
    #[arg(long, value_name = "DIR", env = "LENET_DATA_DIR")]
    data_dir: PathBuf,
    /// Never touch the network
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = BoolishValueParser::new(), value_name = "BOOL", env = "LENET_OFFLINE", hide_env = true)]
    offline: bool,
    /// lenet5, lenet5-sequential, lenet5-32, lenet5-plus, article-sequential or convnet [default: lenet5]
    #[arg(long, value_name = "NAME", env = "LENET_MODEL", hide_env = true)]
    #[serde(with = "text")]
    model: ModelKind,
    /// Flavour of lenet5-32: modern or 1998 [default: modern]
    #[arg(long, value_name = "NAME", env = "LENET_FLAVOUR", hide_env = true)]
    #[serde(with = "text")]
    flavour: Flavour,
    /// Passes over the training samples [default: 10]
    #[arg(long, value_name = "N", allow_negative_numbers = true, env = "LENET_EPOCHS", hide_env = true)]
    epochs: u64,
    /// Samples a step [default: 64]
    #[arg(long, value_name = "N", allow_negative_numbers = true, env = "LENET_BATCH_SIZE", hide_env = true)]
    batch_size: usize,
    /// Samples at once when testing [default: 1000]
    #[arg(long, value_name = "N", allow_negative_numbers = true, env = "LENET_TEST_BATCH_SIZE", hide_env = true)]
    test_batch_size: usize,
    /// Stop after N optimizer steps
    #[arg(long, value_name = "N", allow_negative_numbers = true, env = "LENET_MAX_STEPS", hide_env = true)]
    max_steps: u64,
    /// adam, adamw or sgd [default: adam; sgd for convnet]
    #[arg(long, value_name = "NAME", env = "LENET_OPTIMIZER", hide_env = true)]
    #[serde(with = "text")]
    optimizer: OptimizerKind,
    /// Step size [default: 0.001; 0.01 for sgd]
    #[arg(long, value_name = "F", allow_negative_numbers = true, env = "LENET_LR", hide_env = true)]
    lr: f64,
    /// SGD's momentum [default: 0]
    #[arg(long, value_name = "F", allow_negative_numbers = true, env = "LENET_MOMENTUM", hide_env = true)]
    momentum: f64,
    /// Nesterov's form of momentum
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = BoolishValueParser::new(), value_name = "BOOL", env = "LENET_NESTEROV", hide_env = true)]
    nesterov: bool,
    /// Weight decay [default: 0; 0.01 for adamw]
    #[arg(long, value_name = "F", allow_negative_numbers = true, env = "LENET_WEIGHT_DECAY", hide_env = true)]
    weight_decay: f64,
    /// none, step, cosine or one-cycle [default: none]
    #[arg(long, value_name = "NAME", env = "LENET_SCHEDULER", hide_env = true)]
    #[serde(with = "text")]
    scheduler: Scheduler,
    /// Factor of the step size after each epoch, for --scheduler step [default: 0.7]
    #[arg(long, value_name = "F", allow_negative_numbers = true, env = "LENET_GAMMA", hide_env = true)]
    gamma: f64,
    /// Epochs in which the step size grows from 0 first [default: 0]
    #[arg(long, value_name = "F", allow_negative_numbers = true, env = "LENET_WARMUP_EPOCHS", hide_env = true)]
    warmup_epochs: f64,
    /// Make gradients shorter whose norm is above F [default: never]
    #[arg(long, value_name = "F", allow_negative_numbers = true, env = "LENET_CLIP_GRAD_NORM", hide_env = true)]
    clip_grad_norm: f64,
    /// Share of a label that goes to all classes [default: 0]
    #[arg(long, value_name = "F", allow_negative_numbers = true, env = "LENET_LABEL_SMOOTHING", hide_env = true)]
    label_smoothing: f64,
    /// Test and keep a running average of the weights, of this decay [default: no average]
    #[arg(long, value_name = "F", allow_negative_numbers = true, env = "LENET_EMA_DECAY", hide_env = true)]
    ema_decay: f64,
    /// Draw training images anew in each epoch: none, shift, affine or elastic [default: none]
    #[arg(long, value_name = "NAME", env = "LENET_AUGMENT", hide_env = true)]
    #[serde(with = "text")]
    augment: Augmentation,
    /// Share of the training samples to hold out for validation [default: 0]
    #[arg(long, value_name = "F", allow_negative_numbers = true, env = "LENET_VAL_SPLIT", hide_env = true)]
    val_split: f64,
    /// Stop after N epochs without a gain on the held-out samples
    #[arg(long, value_name = "N", allow_negative_numbers = true, env = "LENET_PATIENCE", hide_env = true)]
    patience: u64,
    /// Normalize pixels by the data set's mean and standard deviation (this is the default)
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = BoolishValueParser::new(), value_name = "BOOL", overrides_with = "no_normalize", env = "LENET_NORMALIZE", hide_env = true)]
    normalize: bool,
    /// Leave pixels in [0, 1]
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = BoolishValueParser::new(), value_name = "BOOL", overrides_with = "normalize")]
    #[serde(skip_serializing_if = "Option::is_none")]
    no_normalize: bool,
    /// Take the training samples in file order
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = BoolishValueParser::new(), value_name = "BOOL", env = "LENET_NO_SHUFFLE", hide_env = true)]
    no_shuffle: bool,
    /// Seed of everything that is drawn [default: 0]
    #[arg(long, value_name = "N", allow_negative_numbers = true, env = "LENET_SEED", hide_env = true)]
    seed: u64,
    /// Threads; the result does not depend on it [default: one a core]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = number::threads, env = "LENET_THREADS", hide_env = true)]
    threads: usize,
    /// auto, cpu, cuda or cuda:N [default: auto]
    #[arg(long, value_name = "NAME", overrides_with = "no_accel", env = "LENET_DEVICE", hide_env = true)]
    #[serde(with = "text")]
    device: DeviceChoice,
    /// Same as --device cpu
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = BoolishValueParser::new(), value_name = "BOOL", overrides_with = "device")]
    #[serde(skip_serializing_if = "Option::is_none")]
    no_accel: bool,
    /// Steps between two checkpoints; there is one after each epoch anyway
    #[arg(long, value_name = "N", allow_negative_numbers = true, env = "LENET_CHECKPOINT_INTERVAL", hide_env = true)]
    checkpoint_interval: u64,
    /// Write an event file for TensorBoard into the run folder, too
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = BoolishValueParser::new(), value_name = "BOOL", env = "LENET_TENSORBOARD", hide_env = true)]
    tensorboard: bool,
    /// Weights to start from (safetensors)
    #[arg(long, value_name = "FILE", env = "LENET_INIT_FROM", hide_env = true)]
    init_from: PathBuf,
}

impl Settings {
    /// `--no-normalize` is `--normalize=false` and `--no-accel` is `--device cpu`, in
    /// each source by itself: a file's must not beat a flag.
    fn without_synonyms(mut self) -> Self {
        if let Some(off) = self.no_normalize.take() {
            self.normalize = Some(!off);
        }
        if self.no_accel.take() == Some(true) {
            self.device = Some(DeviceChoice::Cpu);
        }
        self
    }

    /// Reads a TOML file.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| {
            format!(
                "--config {}: cannot be read, expected a TOML file",
                path.display()
            )
        })?;
        Self::parse(&text, &path.display().to_string())
    }

    /// Settings as TOML, from a place that has this name.
    pub(crate) fn parse(text: &str, place: &str) -> anyhow::Result<Self> {
        let settings = toml::from_str(text).map_err(|error| {
            let line = error
                .span()
                .map_or(0, |span| text[..span.start].matches('\n').count() + 1);
            Usage(format!("{place}:{line}: {}", error.message()))
        })?;
        Ok(settings)
    }
}

/// A setting as its name.
mod text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<T: Display, S: Serializer>(
        value: &Option<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => serializer.collect_str(value),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        let name = String::deserialize(deserializer)?;
        name.parse().map(Some).map_err(de::Error::custom)
    }
}
