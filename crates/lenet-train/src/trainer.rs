//! The loop: forward, loss, backward, step; and what it knows when it is done.

use std::time::Instant;

use candle_core::Tensor;
use lenet_data::{Batch, Loader};
use lenet_nn::layers::at_step;
use lenet_nn::loss::Loss;
use lenet_nn::params::Entry;
use lenet_nn::{Model, Parameters};
use lenet_tensor::reduce::is_finite;
use lenet_tensor::tasks::keep_awake;

use crate::checkpoint::{Checkpoint, Checkpoints, Origin};
use crate::error::{Error, Result};
use crate::evaluate::evaluate;
use crate::event::{Event, Observer};
use crate::metrics::{EpochMetrics, Tally};
use crate::optim::{Optimizer, clip_grad_norm};
use crate::run::Run;
use crate::schedule::Schedule;

/// What a run trains, for how long, and what it does beside. Start from
/// [`Trainer::new`] and set what differs.
pub struct Trainer<'a> {
    /// The network.
    pub model: &'a dyn Model,
    /// What it owns.
    pub parameters: &'a Parameters,
    /// The loss that belongs to its output.
    pub loss: Loss,
    /// What changes its parameters.
    pub optimizer: &'a mut dyn Optimizer,
    /// Passes over the training samples (1).
    pub epochs: u64,
    /// Steps at most (no limit).
    pub max_steps: Option<u64>,
    /// Epochs without a gain on the validation samples before stopping (never).
    pub patience: Option<u64>,
    /// The learning rate by the step (the optimizer's own, all along).
    pub schedule: Option<Schedule>,
    /// Label smoothing of the training loss (0).
    pub label_smoothing: f64,
    /// The largest norm of all gradients together (no limit).
    pub clip_grad_norm: Option<f64>,
    /// The decay of a running average of the weights ([`crate::Average`]), which then is
    /// what is validated and kept (none).
    pub ema_decay: Option<f64>,
    /// Where checkpoints go (nowhere).
    pub keep: Option<Keep<'a>>,
    /// What to go on from (the start).
    pub resume: Option<Checkpoint>,
    /// Asked after each step whether to stop there (never).
    pub stop: &'a (dyn Fn() -> bool + Sync),
}

/// Where checkpoints go, how often, and what they say beside.
#[derive(Clone, Copy)]
pub struct Keep<'a> {
    /// Where they go.
    pub checkpoints: &'a Checkpoints,
    /// Steps between two; there is one at the end of each epoch anyway.
    pub every: Option<u64>,
    /// What the run is.
    pub origin: &'a Origin,
    /// Told after each whole epoch whose weights are better on the validation samples than
    /// all before; the model holds them for that moment.
    pub best: Option<&'a OnBest<'a>>,
}

/// See [`Keep::best`].
pub type OnBest<'a> = dyn Fn(&Parameters) -> Result<()> + Sync + 'a;

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
    /// Why it ended.
    pub ended: Ended,
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All epochs, or all steps, are done.
    Done,
    /// Patience ran out.
    Early,
    /// It was asked to stop. The model holds the weights of the last step.
    Stopped,
}

impl<'a> Trainer<'a> {
    /// One epoch of plain training.
    pub fn new(
        model: &'a dyn Model,
        parameters: &'a Parameters,
        loss: Loss,
        optimizer: &'a mut dyn Optimizer,
    ) -> Self {
        Self {
            model,
            parameters,
            loss,
            optimizer,
            epochs: 1,
            max_steps: None,
            patience: None,
            schedule: None,
            label_smoothing: 0.0,
            clip_grad_norm: None,
            ema_decay: None,
            keep: None,
            resume: None,
            stop: &|| false,
        }
    }

    /// Trains, and leaves the model with the best weights; see [`Fit`].
    ///
    /// # Errors
    /// [`Error::Diverged`] at the first NaN or infinity, [`Error::NoBatches`],
    /// [`Error::State`] for a checkpoint of another model, [`Error::Checkpoint`] for one
    /// that cannot be written, or those of data and model.
    pub fn fit(
        &mut self,
        train: &Loader<'_>,
        validation: Option<&Loader<'_>>,
        observer: &mut dyn Observer,
    ) -> Result<Fit> {
        let mut run = Run::begin(self)?;
        self.announce(train, observer)?;
        let batches = train.batch_count() as u64;
        while run.epoch <= self.epochs && !self.is_over(&run) {
            observer.on(&Event::EpochStarted { epoch: run.epoch });
            // An epoch and no longer: who else uses the pool may have to wait for it.
            if keep_awake(|| self.epoch(&mut run, train, observer))? == Ended::Stopped {
                self.save(&run, observer)?;
                return run.end(self, Ended::Stopped, observer);
            }
            let is_whole = run.batch == batches;
            if !is_whole {
                // Amid an epoch, so that more steps go on as if these had not ended.
                self.save(&run, observer)?;
            }
            let validated = run.averaged(|| {
                let on = |data| evaluate(self.model, self.loss, data);
                validation.map(on).transpose()
            })?;
            run.close_epoch(self, validated.as_ref(), is_whole, observer)?;
            if is_whole {
                self.save(&run, observer)?;
            } else {
                break;
            }
        }
        let ended = if self.is_done() || run.epoch > self.epochs {
            Ended::Done
        } else {
            Ended::Early
        };
        run.end(self, ended, observer)
    }

    /// The batches of an epoch that are left; or those up to the last step.
    fn epoch(
        &mut self,
        run: &mut Run,
        train: &Loader<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Ended> {
        let mut start = Instant::now();
        for batch in train.batches_from(run.epoch - 1, run.batch as usize) {
            if self.is_done() {
                break;
            }
            let seen = self.step(&batch?, run)?;
            run.count(&seen, start.elapsed());
            observer.on(&Event::StepEnded(
                run.progress(&seen, self.optimizer.steps()),
            ));
            start = Instant::now();
            if (self.stop)() {
                return Ok(Ended::Stopped);
            }
            let due = |keep: &Keep<'_>| {
                keep.every
                    .is_some_and(|n| self.optimizer.steps().is_multiple_of(n))
            };
            if self.keep.as_ref().is_some_and(due) {
                self.save(run, observer)?;
                start = Instant::now();
            }
        }
        Ok(Ended::Done)
    }

    /// One step on one batch; what the model made of it before.
    pub(crate) fn step(&mut self, batch: &Batch, run: &mut Run) -> Result<Tally> {
        let step = self.optimizer.steps() + 1;
        if let Some(schedule) = &self.schedule {
            self.optimizer.set_lr(schedule.lr(step - 1));
        }
        let output = at_step(step, || self.model.forward_t(&batch.images, true))?;
        let loss = self
            .loss
            .smoothed(&output, &batch.labels, self.label_smoothing)?;
        let tally = Tally::of_step(&loss, &output, &batch.labels)?;
        if !tally.loss_sum.is_finite() {
            return Err(diverged(bad_one(&batch.images, &run.entries)?, step));
        }
        // Each backward makes a new store: no gradient carries over.
        let mut gradients = loss.backward()?;
        if let Some(max_norm) = self.clip_grad_norm {
            clip_grad_norm(&run.entries, &mut gradients, max_norm)?;
        }
        self.optimizer.step(&gradients)?;
        // A gradient can be finite and its step still lead out of what f32 holds.
        if let Some(entry) = not_finite(&run.entries)? {
            return Err(diverged(format!("`{}`", entry.name), step));
        }
        if let Some(average) = &mut run.average {
            average.update(step)?;
        }
        Ok(tally)
    }

    /// Whether the steps are used up.
    pub(crate) fn is_done(&self) -> bool {
        self.max_steps
            .is_some_and(|most| self.optimizer.steps() >= most)
    }

    /// Whether no further epoch begins: steps or patience are used up.
    fn is_over(&self, run: &Run) -> bool {
        let between = run.batch == 0 && run.epoch > 1;
        let worn_out = |patience| run.best.age(run.epoch - 1) >= patience;
        between && (self.is_done() || self.patience.is_some_and(worn_out))
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
            taken: self.optimizer.steps(),
        });
        Ok(())
    }

    /// Writes a checkpoint, where they are kept.
    fn save(&self, run: &Run, observer: &mut dyn Observer) -> Result<()> {
        if let Some(keep) = &self.keep {
            let checkpoint = run.checkpoint(self.optimizer, keep.origin)?;
            keep.checkpoints.save(&checkpoint)?;
            let step = checkpoint.state.step;
            observer.on(&Event::CheckpointSaved { step });
        }
        Ok(())
    }
}

/// What made a loss NaN or infinite: the first of what went into it that is.
fn bad_one(input: &Tensor, entries: &[Entry]) -> Result<String> {
    if !is_finite(input)? {
        return Ok("the input".to_owned());
    }
    Ok(match not_finite(entries)? {
        Some(entry) => format!("`{}`", entry.name),
        None => "the loss".to_owned(),
    })
}

fn not_finite(entries: &[Entry]) -> Result<Option<&Entry>> {
    for entry in entries {
        if !is_finite(&entry.var)? {
            return Ok(Some(entry));
        }
    }
    Ok(None)
}

fn diverged(what: String, step: u64) -> Error {
    Error::Diverged { what, step }
}
