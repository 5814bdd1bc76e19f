//! A run at work: where it stands, what it has counted, and how it is put down and
//! taken up again.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use candle_core::Tensor;
use lenet_nn::params::Entry;

use crate::average::Average;
use crate::best::Best;
use crate::checkpoint::{Checkpoint, Origin, Part, State};
use crate::error::Result;
use crate::evaluate::Evaluation;
use crate::event::{Event, Observer, Progress};
use crate::metrics::{EpochMetrics, Tally};
use crate::optim::Optimizer;
use crate::trainer::{Ended, Fit, Trainer};

/// A run at work.
pub(crate) struct Run {
    /// The epoch at work, from 1.
    pub(crate) epoch: u64,
    /// Batches of it that are done.
    pub(crate) batch: u64,
    tally: Tally,
    seconds: f64,
    epochs: Vec<EpochMetrics>,
    pub(crate) best: Best,
    pub(crate) average: Option<Average>,
    /// Parameters and buffers.
    pub(crate) entries: Vec<Entry>,
}

impl Run {
    /// At the start, or where the trainer's checkpoint stands.
    pub(crate) fn begin(trainer: &mut Trainer<'_>) -> Result<Self> {
        let average = trainer
            .ema_decay
            .map(|decay| Average::new(trainer.parameters, decay));
        let mut run = Self {
            epoch: 1,
            batch: 0,
            tally: Tally::default(),
            seconds: 0.0,
            epochs: Vec::new(),
            best: Best::default(),
            average: average.transpose()?,
            entries: trainer.parameters.entries(),
        };
        if let Some(checkpoint) = trainer.resume.take() {
            run.take_up(&checkpoint, trainer.optimizer)?;
        }
        Ok(run)
    }

    fn take_up(&mut self, from: &Checkpoint, optimizer: &mut dyn Optimizer) -> Result<()> {
        let state: HashMap<&str, &Tensor> = from.part(Part::Optimizer).collect();
        let before = from.state.clone();
        from.restore(Part::Model, &self.entries)?;
        if let Some(average) = &self.average {
            from.restore(Part::Average, &average.entries())?;
        }
        optimizer.restore(before.step, &state)?;
        self.best = Best {
            epoch: before.best,
            weights: from
                .part(Part::Best)
                .map(|(name, tensor)| (name.to_owned(), tensor.clone()))
                .collect(),
        };
        (self.epoch, self.batch) = (before.epoch, before.batch);
        (self.tally, self.seconds) = (before.tally, before.seconds);
        self.epochs = before.epochs;
        Ok(())
    }

    /// All that it takes to go on from here.
    pub(crate) fn checkpoint(
        &self,
        optimizer: &dyn Optimizer,
        origin: &Origin,
    ) -> Result<Checkpoint> {
        let mut checkpoint = Checkpoint {
            state: State {
                origin: origin.clone(),
                step: optimizer.steps(),
                epoch: self.epoch,
                batch: self.batch,
                tally: self.tally,
                seconds: self.seconds,
                epochs: self.epochs.clone(),
                best: self.best.epoch,
            },
            tensors: BTreeMap::new(),
        };
        let weights = self.entries.iter();
        let weights = weights.map(|entry| (entry.name.clone(), entry.var.as_tensor().detach()));
        checkpoint.add(Part::Model, weights);
        checkpoint.add(Part::Optimizer, optimizer.state()?);
        checkpoint.add(Part::Best, self.best.weights.iter().cloned());
        if let Some(average) = &self.average {
            checkpoint.add(Part::Average, average.state()?);
        }
        Ok(checkpoint)
    }

    /// Counts a batch.
    pub(crate) fn count(&mut self, seen: &Tally, took: Duration) {
        self.batch += 1;
        self.tally.add(seen);
        self.seconds += took.as_secs_f64();
    }

    /// Where the epoch stands after a batch.
    pub(crate) fn progress(&self, seen: &Tally, step: u64) -> Progress {
        Progress {
            epoch: self.epoch,
            step,
            batch: self.batch,
            samples: self.tally.samples,
            batch_loss: seen.loss(),
            loss: self.tally.loss(),
            accuracy: self.tally.accuracy(),
            samples_per_second: self.tally.samples as f64 / self.seconds,
        }
    }

    /// Runs `f` with the averaged weights in the model, where there are some.
    pub(crate) fn averaged<T>(&self, f: impl FnOnce() -> Result<T>) -> Result<T> {
        let Some(average) = &self.average else {
            return f();
        };
        average.swap()?;
        let result = f();
        average.swap()?;
        result
    }

    /// The epoch at work is over, or as much of it as the steps allowed.
    pub(crate) fn close_epoch(
        &mut self,
        trainer: &Trainer<'_>,
        validated: Option<&Evaluation>,
        is_whole: bool,
        observer: &mut dyn Observer,
    ) -> Result<()> {
        let metrics = EpochMetrics {
            epoch: self.epoch,
            step: trainer.optimizer.steps(),
            lr: trainer.optimizer.lr(),
            train_loss: self.tally.loss(),
            train_accuracy: self.tally.accuracy(),
            val_loss: validated.map(|v| v.tally.loss()),
            val_accuracy: validated.map(|v| v.tally.accuracy()),
            train_seconds: self.seconds,
            samples_per_second: self.tally.samples as f64 / self.seconds,
        };
        observer.on(&Event::EpochEnded(&metrics));
        self.epochs.push(metrics);
        if let Some(validated) = validated {
            let mut best = std::mem::take(&mut self.best);
            let epoch = self.epoch;
            self.averaged(|| {
                let gain = best.offer(epoch, validated, trainer.parameters)?;
                match trainer.keep.and_then(|keep| keep.best) {
                    // Of a part of an epoch no checkpoint knows.
                    Some(tell) if gain && is_whole => tell(trainer.parameters),
                    _ => Ok(()),
                }
            })?;
            self.best = best;
        }
        self.epoch += 1;
        self.batch = 0;
        self.tally = Tally::default();
        self.seconds = 0.0;
        Ok(())
    }

    /// The run is over: unless it was asked to stop, the model gets its best weights.
    pub(crate) fn end(
        self,
        trainer: &Trainer<'_>,
        ended: Ended,
        observer: &mut dyn Observer,
    ) -> Result<Fit> {
        observer.on(&Event::FitEnded {
            steps: trainer.optimizer.steps(),
            ended,
        });
        let last = self.epochs.last().map_or(0, |metrics| metrics.epoch);
        let best = self.best.epoch.map(|best| best.epoch);
        if ended != Ended::Stopped {
            match (best, &self.average) {
                (Some(_), _) => self.best.give_back(trainer.parameters)?,
                (None, Some(average)) => average.swap()?,
                (None, None) => {}
            }
        }
        Ok(Fit {
            best_epoch: best.unwrap_or(last),
            train_seconds: self
                .epochs
                .iter()
                .map(|metrics| metrics.train_seconds)
                .sum(),
            epochs: self.epochs,
            ended,
        })
    }
}
