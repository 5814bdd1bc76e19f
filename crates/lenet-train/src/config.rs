//! What a run is meant to be: resolved from whatever was typed, checked as a
//! whole, and enough to build model and optimizer.

use lenet_data::{Augment, Augmenter, Split};
use lenet_nn::models::Flavour;
use lenet_nn::{ModelKind, Parameters};
use lenet_tensor::{Key, adam, sgd};

use crate::error::{Error, Result};
use crate::optim::{Adam, Optimizer, OptimizerKind, Sgd};
use crate::schedule::{Schedule, Scheduler};

/// A run's settings.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainConfig {
    /// The network.
    pub model: ModelKind,
    /// Its flavour.
    pub flavour: Flavour,
    /// Passes over the training samples.
    pub epochs: u64,
    /// Samples a step.
    pub batch_size: usize,
    /// Samples at once when testing.
    pub test_batch_size: usize,
    /// Steps at most, over all epochs.
    pub max_steps: Option<u64>,
    /// The optimizer.
    pub optimizer: OptimizerKind,
    /// Step size.
    pub lr: f64,
    /// SGD's momentum.
    pub momentum: f64,
    /// SGD's momentum in Nesterov's form.
    pub nesterov: bool,
    /// Weight decay.
    pub weight_decay: f64,
    /// How the learning rate goes.
    pub scheduler: Scheduler,
    /// The factor of [`Scheduler::Step`].
    pub gamma: f64,
    /// Epochs in which the learning rate grows up to `lr` first.
    pub warmup_epochs: f64,
    /// The largest norm of all gradients together.
    pub clip_grad_norm: Option<f64>,
    /// Label smoothing.
    pub label_smoothing: f64,
    /// The decay of a running average of the weights.
    pub ema_decay: Option<f64>,
    /// How training images are drawn anew in each epoch.
    pub augment: Option<Augment>,
    /// Share of the training samples held out for validation.
    pub val_split: f64,
    /// Epochs without a gain on the validation samples before stopping.
    pub patience: Option<u64>,
    /// Whether each epoch takes the samples in an order of its own.
    pub shuffle: bool,
    /// The seed of everything that is drawn.
    pub seed: u64,
}

impl Default for TrainConfig {
    fn default() -> Self {
        let optimizer = OptimizerKind::of(ModelKind::default());
        Self {
            model: ModelKind::default(),
            flavour: Flavour::default(),
            epochs: 10,
            batch_size: 64,
            test_batch_size: 1000,
            max_steps: None,
            optimizer,
            lr: optimizer.default_lr(),
            momentum: 0.0,
            nesterov: false,
            weight_decay: optimizer.default_weight_decay(),
            scheduler: Scheduler::None,
            gamma: 0.7,
            warmup_epochs: 0.0,
            clip_grad_norm: None,
            label_smoothing: 0.0,
            ema_decay: None,
            augment: None,
            val_split: 0.0,
            patience: None,
            shuffle: true,
            seed: 0,
        }
    }
}

impl TrainConfig {
    /// Checks the settings as a whole.
    ///
    /// # Errors
    /// [`Error::Config`] with every fault at once.
    pub fn validate(&self) -> Result<()> {
        let mut faults = Vec::new();
        let mut check = |fine: bool, fault: String| {
            if !fine {
                faults.push(fault);
            }
        };
        let at_least_1 = |n: u64| n >= 1;
        check(
            at_least_1(self.epochs),
            "`epochs` is 0: expected at least 1".to_owned(),
        );
        for (field, size) in [
            ("batch_size", self.batch_size),
            ("test_batch_size", self.test_batch_size),
        ] {
            check(size >= 1, format!("`{field}` is 0: expected at least 1"));
        }
        check(
            self.max_steps != Some(0),
            "`max_steps` is 0: expected at least 1".to_owned(),
        );
        check(
            self.lr > 0.0 && self.lr.is_finite(),
            format!("`lr` is {}: expected a number above 0", self.lr),
        );
        check(
            (0.0..1.0).contains(&self.momentum),
            format!(
                "`momentum` is {}: expected at least 0 and less than 1",
                self.momentum
            ),
        );
        check(
            self.weight_decay >= 0.0 && self.weight_decay.is_finite(),
            format!(
                "`weight_decay` is {}: expected at least 0",
                self.weight_decay
            ),
        );
        check(
            self.momentum == 0.0 || self.optimizer == OptimizerKind::Sgd,
            format!(
                "`momentum` belongs to `optimizer` sgd, not to {}",
                self.optimizer
            ),
        );
        check(
            !self.nesterov || self.momentum > 0.0,
            "`nesterov` needs `optimizer` sgd with a `momentum` above 0".to_owned(),
        );
        check(
            self.gamma > 0.0 && self.gamma <= 1.0,
            format!("`gamma` is {}: expected above 0 and at most 1", self.gamma),
        );
        check(
            self.gamma == Self::default().gamma || self.scheduler == Scheduler::Step,
            format!(
                "`gamma` belongs to `scheduler` step, not to {}",
                self.scheduler
            ),
        );
        check(
            (0.0..self.epochs.max(1) as f64).contains(&self.warmup_epochs),
            format!(
                "`warmup_epochs` is {}: expected at least 0 and less than `epochs`, {}",
                self.warmup_epochs, self.epochs
            ),
        );
        check(
            self.scheduler != Scheduler::OneCycle || self.warmup_epochs == 0.0,
            "`warmup_epochs` does not go with `scheduler` one-cycle, which warms up by itself"
                .to_owned(),
        );
        check(
            self.clip_grad_norm
                .is_none_or(|norm| norm > 0.0 && norm.is_finite()),
            "`clip_grad_norm` is not a number above 0".to_owned(),
        );
        check(
            (0.0..1.0).contains(&self.label_smoothing),
            format!(
                "`label_smoothing` is {}: expected at least 0 and less than 1",
                self.label_smoothing
            ),
        );
        check(
            self.ema_decay
                .is_none_or(|decay| (0.0..1.0).contains(&decay)),
            "`ema_decay` is not at least 0 and less than 1".to_owned(),
        );
        check(
            (0.0..1.0).contains(&self.val_split),
            format!(
                "`val_split` is {}: expected at least 0 and less than 1",
                self.val_split
            ),
        );
        check(
            self.patience.is_none() || self.val_split > 0.0,
            "`patience` needs a `val_split` to measure a gain on".to_owned(),
        );
        check(
            self.patience != Some(0),
            "`patience` is 0: expected at least 1".to_owned(),
        );
        check(
            self.flavour == Flavour::Modern || self.model == ModelKind::Lenet5On32,
            format!(
                "`flavour` 1998 belongs to `model` lenet5-32, not to {}",
                self.model
            ),
        );
        if faults.is_empty() {
            Ok(())
        } else {
            Err(Error::Config(faults))
        }
    }

    /// The key for `purpose`: `parameters`, `shuffle`, `augment` or `validation`.
    pub fn key(&self, purpose: &str) -> Key {
        Key::from_seed(self.seed).fold_in(purpose)
    }

    /// What to train on and what to hold out for validation; `None` where all of
    /// it is for training.
    ///
    /// # Errors
    /// A share of so few samples that a side would be empty.
    pub fn hold_out(&self, train: &Split) -> Result<Option<(Split, Split)>> {
        if self.val_split == 0.0 {
            return Ok(None);
        }
        let parts = train.stratified(self.val_split, self.key("validation"))?;
        Ok(Some(parts))
    }

    /// What draws the training images anew, where something does.
    pub fn augmenter(&self) -> Option<Augmenter> {
        self.augment
            .map(|augment| Augmenter::new(augment, self.key("augment")))
    }

    /// Steps of the whole run, of which each epoch has `epoch_steps`.
    pub fn steps(&self, epoch_steps: u64) -> u64 {
        let all = epoch_steps.saturating_mul(self.epochs);
        self.max_steps.map_or(all, |most| most.min(all))
    }

    /// The learning rate by the step, for epochs of `epoch_steps` steps.
    pub fn schedule(&self, epoch_steps: u64) -> Schedule {
        Schedule {
            scheduler: self.scheduler,
            lr: self.lr,
            gamma: self.gamma,
            epoch_steps,
            steps: self.steps(epoch_steps),
            warmup_steps: (self.warmup_epochs * epoch_steps as f64).round() as u64,
        }
    }

    /// The optimizer over a model's parameters.
    ///
    /// # Errors
    /// Those of candle for memory on a device.
    pub fn optimizer(&self, parameters: &Parameters) -> Result<Box<dyn Optimizer>> {
        let entries = parameters.trainable();
        Ok(match self.optimizer {
            OptimizerKind::Adam | OptimizerKind::AdamW => Box::new(Adam::new(
                entries,
                adam::Hyper {
                    lr: self.lr,
                    weight_decay: self.weight_decay,
                    decoupled: self.optimizer == OptimizerKind::AdamW,
                    ..adam::Hyper::default()
                },
            )?),
            OptimizerKind::Sgd => Box::new(Sgd::new(
                entries,
                sgd::Hyper {
                    lr: self.lr,
                    momentum: self.momentum,
                    nesterov: self.nesterov,
                    weight_decay: self.weight_decay,
                },
            )?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_listed_at_once() {
        assert!(TrainConfig::default().validate().is_ok());
        let config = TrainConfig {
            epochs: 0,
            batch_size: 0,
            lr: f64::NAN,
            nesterov: true,
            patience: Some(3),
            gamma: 0.0,
            warmup_epochs: 1.0,
            scheduler: Scheduler::OneCycle,
            clip_grad_norm: Some(0.0),
            label_smoothing: 1.0,
            ema_decay: Some(f64::NAN),
            flavour: Flavour::Of1998,
            ..TrainConfig::default()
        };
        let error = config.validate().unwrap_err().to_string();
        for part in [
            "`epochs` is 0",
            "`batch_size` is 0",
            "`lr` is NaN",
            "`nesterov` needs",
            "`patience` needs",
            "`gamma` is 0",
            "`gamma` belongs to `scheduler` step, not to one-cycle",
            "`warmup_epochs` is 1",
            "`warmup_epochs` does not go with",
            "`clip_grad_norm` is not",
            "`label_smoothing` is 1",
            "`ema_decay` is not",
            "`flavour` 1998",
        ] {
            assert!(error.contains(part), "{part} not in: {error}");
        }
        let momentum = TrainConfig {
            momentum: 0.9,
            ..TrainConfig::default()
        };
        let error = momentum.validate().unwrap_err().to_string();
        assert_eq!(error, "`momentum` belongs to `optimizer` sgd, not to adam");
    }
}
