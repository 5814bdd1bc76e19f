//! What happens in a run, told to whoever watches. Training never prints.
//!
//! The order of events:
//!
//! ```text
//! FitStarted
//! for each epoch:
//!     EpochStarted
//!     for each batch:
//!         StepEnded
//!         (CheckpointSaved)
//!     EpochEnded
//!     (CheckpointSaved)
//! FitEnded
//! ```

use crate::metrics::EpochMetrics;
use crate::trainer::Ended;

/// Something that happened.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The run begins.
    FitStarted {
        /// Epochs at most.
        epochs: u64,
        /// Batches in each epoch.
        batches: u64,
        /// Samples in each epoch.
        samples: u64,
        /// Optimizer steps at most.
        steps: u64,
        /// Steps of them that were taken before, in a run that goes on.
        taken: u64,
    },
    /// An epoch begins, counted from 1.
    EpochStarted {
        /// The epoch.
        epoch: u64,
    },
    /// The optimizer took a step.
    StepEnded(Progress),
    /// A checkpoint was written, within an epoch or after it.
    CheckpointSaved {
        /// Optimizer steps so far.
        step: u64,
    },
    /// An epoch is over, or the part of it that the steps allowed.
    EpochEnded(&'a EpochMetrics),
    /// The run is over.
    FitEnded {
        /// Optimizer steps taken.
        steps: u64,
        /// Why.
        ended: Ended,
    },
}

/// Where an epoch stands after a step.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// The epoch, from 1.
    pub epoch: u64,
    /// The optimizer step, from 1, over all epochs.
    pub step: u64,
    /// The batch, from 1, in this epoch.
    pub batch: u64,
    /// Samples seen in this epoch.
    pub samples: u64,
    /// This batch's mean loss, before the step.
    pub batch_loss: f64,
    /// Mean loss over the samples of this epoch so far.
    pub loss: f64,
    /// Share of them that were right.
    pub accuracy: f64,
    /// Samples a second in this epoch so far.
    pub samples_per_second: f64,
}

/// Watches a run, from whichever thread trains.
pub trait Observer: Send {
    /// Something happened.
    fn on(&mut self, event: &Event<'_>);
}

/// Watches nothing.
impl Observer for () {
    fn on(&mut self, _event: &Event<'_>) {}
}

impl<F: FnMut(&Event<'_>) + Send> Observer for F {
    fn on(&mut self, event: &Event<'_>) {
        self(event);
    }
}
