//! A run's settings as they may be given: by flag, by LENET_* variable, in a TOML
//! file or by a preset, in this order; and what they come to.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use clap::builder::BoolishValueParser;
use lenet_data::Choice;
use lenet_nn::ModelKind;
use lenet_nn::models::Flavour;
use lenet_tensor::device::DeviceChoice;
use lenet_train::{OptimizerKind, TrainConfig};
use serde::{Deserialize, Serialize};

use crate::exit::Usage;
use crate::threads;

/// A recipe by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Preset {
    /// Batches of 4, Adam, 200 epochs, pixels in [0, 1]
    Article,
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
    /// article: a recipe of defaults, below everything that a flag, a variable or --config says
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
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = threads::count, env = "LENET_THREADS", hide_env = true)]
    threads: usize,
    /// auto, cpu, cuda or cuda:N [default: auto]
    #[arg(long, value_name = "NAME", overrides_with = "no_accel", env = "LENET_DEVICE", hide_env = true)]
    #[serde(with = "text")]
    device: DeviceChoice,
    /// Same as --device cpu
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = BoolishValueParser::new(), value_name = "BOOL", overrides_with = "device")]
    #[serde(skip_serializing_if = "Option::is_none")]
    no_accel: bool,
    /// Weights to start from (safetensors)
    #[arg(long, value_name = "FILE", env = "LENET_INIT_FROM", hide_env = true)]
    init_from: PathBuf,
}

/// What the settings come to.
#[derive(Clone, Debug)]
pub(crate) struct Resolved {
    pub(crate) train: TrainConfig,
    pub(crate) dataset: Choice,
    pub(crate) data_dir: Option<PathBuf>,
    pub(crate) offline: bool,
    pub(crate) normalize: bool,
    pub(crate) threads: Option<usize>,
    pub(crate) device: DeviceChoice,
    pub(crate) init_from: Option<PathBuf>,
    /// Whether a preset was asked for that had nothing left to set.
    pub(crate) void_preset: bool,
}

impl Settings {
    /// Fills in the file, the preset and the defaults, and checks the whole.
    pub(crate) fn resolve(self, file: Option<&Path>) -> anyhow::Result<Resolved> {
        let file = file.map(Self::read).transpose()?.unwrap_or_default();
        let given = self.without_synonyms().or(file.without_synonyms());
        let (given, void_preset) = match given.preset {
            Some(Preset::Article) => {
                let filled = given.clone().or(Self::article());
                let void = filled == given;
                (filled, void)
            }
            None => (given, false),
        };
        let default = TrainConfig::default();
        let model = given.model.unwrap_or(default.model);
        let optimizer = given.optimizer.unwrap_or(OptimizerKind::of(model));
        let train = TrainConfig {
            model,
            flavour: given.flavour.unwrap_or(default.flavour),
            epochs: given.epochs.unwrap_or(default.epochs),
            batch_size: given.batch_size.unwrap_or(default.batch_size),
            test_batch_size: given.test_batch_size.unwrap_or(default.test_batch_size),
            max_steps: given.max_steps,
            optimizer,
            lr: given.lr.unwrap_or(optimizer.default_lr()),
            momentum: given.momentum.unwrap_or(default.momentum),
            nesterov: given.nesterov.unwrap_or(default.nesterov),
            weight_decay: given
                .weight_decay
                .unwrap_or(optimizer.default_weight_decay()),
            val_split: given.val_split.unwrap_or(default.val_split),
            patience: given.patience,
            shuffle: !given.no_shuffle.unwrap_or(!default.shuffle),
            seed: given.seed.unwrap_or(default.seed),
        };
        train.validate()?;
        Ok(Resolved {
            train,
            dataset: given.dataset.unwrap_or_default(),
            data_dir: given.data_dir,
            offline: given.offline.unwrap_or(false),
            normalize: given.normalize.unwrap_or(true),
            threads: given.threads,
            device: given.device.unwrap_or_default(),
            init_from: given.init_from,
            void_preset,
        })
    }

    /// The article's `main()`.
    fn article() -> Self {
        Self {
            batch_size: Some(4),
            epochs: Some(200),
            optimizer: Some(OptimizerKind::Adam),
            lr: Some(1e-3),
            normalize: Some(false),
            ..Self::default()
        }
    }

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

    fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| {
            format!(
                "--config {}: cannot be read, expected a TOML file",
                path.display()
            )
        })?;
        let settings = toml::from_str(&text).map_err(|error| {
            let line = error
                .span()
                .map_or(0, |span| text[..span.start].matches('\n').count() + 1);
            Usage(format!("{}:{line}: {}", path.display(), error.message()))
        })?;
        Ok(settings)
    }
}

impl Resolved {
    /// The settings that repeat this run, every one of them, from any folder.
    pub(crate) fn settings(&self) -> Settings {
        let train = &self.train;
        Settings {
            preset: None,
            dataset: Some(self.dataset),
            data_dir: self.data_dir.as_deref().map(absolute),
            offline: Some(self.offline),
            model: Some(train.model),
            flavour: Some(train.flavour),
            epochs: Some(train.epochs),
            batch_size: Some(train.batch_size),
            test_batch_size: Some(train.test_batch_size),
            max_steps: train.max_steps,
            optimizer: Some(train.optimizer),
            lr: Some(train.lr),
            momentum: Some(train.momentum),
            nesterov: Some(train.nesterov),
            weight_decay: Some(train.weight_decay),
            val_split: Some(train.val_split),
            patience: train.patience,
            normalize: Some(self.normalize),
            no_normalize: None,
            no_shuffle: Some(!train.shuffle),
            seed: Some(train.seed),
            threads: self.threads,
            device: Some(self.device),
            no_accel: None,
            init_from: self.init_from.as_deref().map(absolute),
        }
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
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

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
