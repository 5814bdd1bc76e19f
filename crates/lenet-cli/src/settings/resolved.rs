//! What the settings come to, with the file, the preset and the defaults filled in.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lenet_data::Choice;
use lenet_tensor::device::DeviceChoice;
use lenet_train::{OptimizerKind, TrainConfig};

use super::{Augmentation, Settings};
use crate::exit::Usage;

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
    pub(crate) checkpoint_interval: Option<u64>,
    pub(crate) tensorboard: bool,
    pub(crate) init_from: Option<PathBuf>,
    /// Whether a preset was asked for that had nothing left to set.
    pub(crate) void_preset: bool,
}

impl Settings {
    /// Fills in `below`, what a file says, the preset and the defaults, and checks the
    /// whole.
    pub(crate) fn resolve(self, below: Self) -> anyhow::Result<Resolved> {
        let given = self.without_synonyms().or(below.without_synonyms());
        let (given, void_preset) = match given.preset {
            Some(preset) => {
                let filled = given.clone().or(preset.settings()?);
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
            scheduler: given.scheduler.unwrap_or(default.scheduler),
            gamma: given.gamma.unwrap_or(default.gamma),
            warmup_epochs: given.warmup_epochs.unwrap_or(default.warmup_epochs),
            clip_grad_norm: given.clip_grad_norm,
            label_smoothing: given.label_smoothing.unwrap_or(default.label_smoothing),
            ema_decay: given.ema_decay,
            augment: given.augment.unwrap_or_default().0,
            val_split: given.val_split.unwrap_or(default.val_split),
            patience: given.patience,
            shuffle: !given.no_shuffle.unwrap_or(!default.shuffle),
            seed: given.seed.unwrap_or(default.seed),
        };
        train.validate()?;
        for (name, value) in [
            ("epochs", Some(train.epochs)),
            ("max-steps", train.max_steps),
            ("patience", train.patience),
            ("seed", Some(train.seed)),
            ("checkpoint-interval", given.checkpoint_interval),
        ] {
            // The largest that TOML has, and so config.toml.
            if let Some(value) = value.filter(|&value| i64::try_from(value).is_err()) {
                let most = i64::MAX;
                return Err(Usage(format!("--{name} is {value}: expected at most {most}")).into());
            }
        }
        if given.checkpoint_interval == Some(0) {
            return Err(Usage("--checkpoint-interval is 0: expected at least 1".to_owned()).into());
        }
        Ok(Resolved {
            train,
            dataset: given.dataset.unwrap_or_default(),
            data_dir: given.data_dir,
            offline: given.offline.unwrap_or(false),
            normalize: given.normalize.unwrap_or(true),
            threads: given.threads,
            device: given.device.unwrap_or_default(),
            checkpoint_interval: given.checkpoint_interval,
            tensorboard: given.tensorboard.unwrap_or(false),
            init_from: given.init_from,
            void_preset,
        })
    }
}

impl Resolved {
    /// What must stay the same in a run that goes on, each setting by its name: all but
    /// how far it goes, where things lie and who computes them.
    pub(crate) fn identity(&self) -> anyhow::Result<BTreeMap<String, String>> {
        const FREE: [&str; 10] = [
            "checkpoint-interval",
            "data-dir",
            "device",
            "init-from",
            "offline",
            "patience",
            "tensorboard",
            "test-batch-size",
            "threads",
            "dataset",
        ];
        const LENGTH: [&str; 2] = ["epochs", "max-steps"];
        let table = toml::Table::try_from(self.settings())?;
        let is_free = |name: &str| {
            FREE.contains(&name) || (LENGTH.contains(&name) && !self.train.scheduler.looks_ahead())
        };
        Ok(table
            .into_iter()
            .filter(|(name, _)| !is_free(name))
            .map(|(name, value)| match value {
                toml::Value::String(text) => (name, text),
                value => (name, value.to_string()),
            })
            .collect())
    }

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
            scheduler: Some(train.scheduler),
            gamma: Some(train.gamma),
            warmup_epochs: Some(train.warmup_epochs),
            clip_grad_norm: train.clip_grad_norm,
            label_smoothing: Some(train.label_smoothing),
            ema_decay: train.ema_decay,
            augment: Some(Augmentation(train.augment)),
            val_split: Some(train.val_split),
            patience: train.patience,
            normalize: Some(self.normalize),
            no_normalize: None,
            no_shuffle: Some(!train.shuffle),
            seed: Some(train.seed),
            threads: self.threads,
            device: Some(self.device),
            no_accel: None,
            checkpoint_interval: self.checkpoint_interval,
            tensorboard: Some(self.tensorboard),
            init_from: self.init_from.as_deref().map(absolute),
        }
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
