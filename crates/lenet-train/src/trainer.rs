//! The loop: forward, loss, backward, step; and what it knows when it is done.

use std::time::Instant;

use candle_core::Tensor;
use lenet_data::{Batch, Loader};
use lenet_nn::layers::at_step;
use lenet_nn::loss::Loss;
use lenet_nn::{Model, Parameters};
use lenet_tensor::reduce::is_finite;
use lenet_tensor::tasks::keep_awake;

use crate::error::{Error, Result};
use crate::evaluate::{Evaluation, evaluate};
use crate::event::{Event, Observer, Progress};
use crate::metrics::{EpochMetrics, Tally};
use crate::optim::Optimizer;

/// What a run trains, and for how long.
pub struct Trainer<'a> {
    /// The network.
    pub model: &'a dyn Model,
    /// What it owns.
    pub parameters: &'a Parameters,
    /// The loss that belongs to its output.
    pub loss: Loss,
    /// What changes its parameters.
    pub optimizer: &'a mut dyn Optimizer,
    /// Passes over the training samples.
    pub epochs: u64,
    /// Steps at most.
    pub max_steps: Option<u64>,
    /// Epochs without a gain on the validation samples before stopping.
    pub patience: Option<u64>,
}

/// How a run went.
#[derive(Clone, Debug)]
pub struct Fit {
    /// Each epoch in numbers.
    pub epochs: Vec<EpochMetrics>,
    /// The epoch whose weights the model holds now: the best on the validation
    /// samples, or the last where there are none.
    pub best_epoch: u64,
    /// Seconds of training alone.
    pub train_seconds: f64,
}

impl Trainer<'_> {
    /// Trains, and leaves the model with the best weights; see [`Fit`].
    ///
    /// # Errors
    /// [`Error::Diverged`] at the first NaN or infinity, [`Error::NoBatches`], or
    /// those of data and model.
    pub fn fit(
        &mut self,
        train: &Loader<'_>,
        validation: Option<&Loader<'_>>,
        observer: &mut dyn Observer,
    ) -> Result<Fit> {
        keep_awake(|| self.fit_here(train, validation, observer))
    }

    fn fit_here(
        &mut self,
        train: &Loader<'_>,
        validation: Option<&Loader<'_>>,
        observer: &mut dyn Observer,
    ) -> Result<Fit> {
        self.announce(train, observer)?;
        let mut best = Best::default();
        let mut epochs: Vec<EpochMetrics> = Vec::new();
        for epoch in 1..=self.epochs {
            observer.on(&Event::EpochStarted { epoch });
            let (mut tally, start) = (Tally::default(), Instant::now());
            for (batch, number) in train.batches(epoch - 1).zip(1..) {
                let seen = self.step(&batch?)?;
                tally.add(&seen);
                observer.on(&Event::StepEnded(Progress {
                    epoch,
                    step: self.optimizer.steps(),
                    batch: number,
                    samples: tally.samples,
                    batch_loss: seen.loss(),
                    loss: tally.loss(),
                    accuracy: tally.accuracy(),
                    samples_per_second: tally.samples as f64 / start.elapsed().as_secs_f64(),
                }));
                if self.is_done() {
                    break;
                }
            }
            let seconds = start.elapsed().as_secs_f64();
            self.check_parameters()?;
            let validated = self.validate(validation)?;
            let metrics = self.metrics(epoch, &tally, validated.as_ref(), seconds);
            observer.on(&Event::EpochEnded(&metrics));
            epochs.push(metrics);
            best.offer(epoch, validated.as_ref(), self.parameters)?;
            if self.is_done()
                || self
                    .patience
                    .is_some_and(|patience| best.age(epoch) >= patience)
            {
                break;
            }
        }
        self.finish(best, epochs, observer)
    }

    /// One step on one batch; what the model made of it before.
    fn step(&mut self, batch: &Batch) -> Result<Tally> {
        let step = self.optimizer.steps() + 1;
        let output = at_step(step, || self.model.forward_t(&batch.images, true))?;
        let loss = self.loss.of(&output, &batch.labels)?;
        let tally = Tally::of_step(&loss, &output, &batch.labels)?;
        if !tally.loss_sum.is_finite() {
            return Err(diverged("the loss", step));
        }
        // Each backward makes a new store: no gradient carries over.
        let gradients = loss.backward()?;
        self.optimizer.step(&gradients)?;
        Ok(tally)
    }

    fn is_done(&self) -> bool {
        self.max_steps
            .is_some_and(|most| self.optimizer.steps() >= most)
    }

    fn announce(&self, train: &Loader<'_>, observer: &mut dyn Observer) -> Result<()> {
        let batches = train.batch_count() as u64;
        if batches == 0 {
            return Err(Error::NoBatches("train on"));
        }
        let all = batches.saturating_mul(self.epochs);
        observer.on(&Event::FitStarted {
            epochs: self.epochs,
            batches,
            samples: train.sample_count() as u64,
            steps: self.max_steps.unwrap_or(all).min(all),
        });
        Ok(())
    }

    fn validate(&self, validation: Option<&Loader<'_>>) -> Result<Option<Evaluation>> {
        validation
            .map(|data| evaluate(self.model, self.loss, data))
            .transpose()
    }

    /// A gradient can be finite and its step still lead out of what f32 holds.
    fn check_parameters(&self) -> Result<()> {
        for entry in self.parameters.entries() {
            if !is_finite(&entry.var)? {
                return Err(diverged(
                    &format!("`{}`", entry.name),
                    self.optimizer.steps(),
                ));
            }
        }
        Ok(())
    }

    fn metrics(
        &self,
        epoch: u64,
        tally: &Tally,
        validated: Option<&Evaluation>,
        train_seconds: f64,
    ) -> EpochMetrics {
        EpochMetrics {
            epoch,
            step: self.optimizer.steps(),
            lr: self.optimizer.lr(),
            train_loss: tally.loss(),
            train_accuracy: tally.accuracy(),
            val_loss: validated.map(|v| v.tally.loss()),
            val_accuracy: validated.map(|v| v.tally.accuracy()),
            train_seconds,
            samples_per_second: tally.samples as f64 / train_seconds,
        }
    }

    fn finish(
        &self,
        best: Best,
        epochs: Vec<EpochMetrics>,
        observer: &mut dyn Observer,
    ) -> Result<Fit> {
        let last = epochs.last().map_or(0, |metrics| metrics.epoch);
        observer.on(&Event::FitEnded {
            steps: self.optimizer.steps(),
            stopped_early: last < self.epochs && !self.is_done(),
        });
        let best_epoch = best.epoch.unwrap_or(last);
        if best_epoch != last {
            best.restore(self.parameters)?;
        }
        Ok(Fit {
            best_epoch,
            train_seconds: epochs.iter().map(|metrics| metrics.train_seconds).sum(),
            epochs,
        })
    }
}

fn diverged(what: &str, step: u64) -> Error {
    Error::Diverged {
        what: what.to_owned(),
        step,
    }
}

/// The best epoch on the validation samples so far: the most hits, and among
/// equals the smallest loss.
#[derive(Default)]
struct Best {
    epoch: Option<u64>,
    correct: u64,
    loss: f64,
    weights: Vec<Tensor>,
}

impl Best {
    fn offer(
        &mut self,
        epoch: u64,
        validated: Option<&Evaluation>,
        parameters: &Parameters,
    ) -> Result<()> {
        let Some(Evaluation { tally, .. }) = validated else {
            return Ok(());
        };
        let gain = tally.correct > self.correct
            || (tally.correct == self.correct && tally.loss() < self.loss);
        if self.epoch.is_none() || gain {
            let entries = parameters.entries();
            let copies = entries.iter().map(|entry| entry.var.copy());
            *self = Self {
                epoch: Some(epoch),
                correct: tally.correct,
                loss: tally.loss(),
                weights: copies.collect::<candle_core::Result<_>>()?,
            };
        }
        Ok(())
    }

    /// Epochs since the best one.
    fn age(&self, epoch: u64) -> u64 {
        self.epoch.map_or(0, |best| epoch - best)
    }

    fn restore(&self, parameters: &Parameters) -> Result<()> {
        for (entry, weights) in parameters.entries().iter().zip(&self.weights) {
            entry.var.set(&weights.detach())?;
        }
        Ok(())
    }
}
