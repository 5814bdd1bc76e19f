//! A run put down, so that it can be taken up as if it had never stopped.

mod file;
mod store;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use candle_core::Tensor;
use lenet_nn::params::Entry;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::metrics::{EpochMetrics, Tally};

pub use file::is_checkpoint;
pub use store::{Checkpoints, Loaded};

/// Where a run stands, and what it holds there.
///
/// Random draws need no place in here: each is made from the seed, a name and the
/// number of the epoch, the step or the image.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// Where the run stands.
    pub state: State,
    /// Weights, buffers and what the optimizer remembers, by [`Part`] and name.
    pub tensors: BTreeMap<(Part, String), Tensor>,
}

/// What a run is, in the words of whoever began it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// The run's settings as text, for whoever takes it up.
    pub settings: String,
    /// What must be the same to go on: settings, data, version, each by its name.
    pub identity: BTreeMap<String, String>,
}

/// Where a run stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// What the run is.
    pub origin: Origin,
    /// Optimizer steps taken.
    pub step: u64,
    /// The epoch at work, from 1.
    pub epoch: u64,
    /// Batches of this epoch that are done.
    pub batch: u64,
    /// What was counted in them.
    pub tally: Tally,
    /// Seconds that they took.
    pub seconds: f64,
    /// The epochs that are over.
    pub epochs: Vec<EpochMetrics>,
    /// The best of them on the validation samples, where there are some.
    pub best: Option<BestEpoch>,
}

/// The best epoch on the validation samples so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BestEpoch {
    /// The epoch, from 1.
    pub epoch: u64,
    /// Hits.
    pub correct: u64,
    /// Mean loss.
    pub loss: f64,
}

/// Whose a tensor of a checkpoint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The model's: parameters and buffers, PyTorch's names.
    Model,
    /// The optimizer's: `NAME.exp_avg`, `NAME.exp_avg_sq`, `NAME.momentum_buffer`.
    Optimizer,
    /// The running average of the weights.
    Average,
    /// The model's in its best epoch.
    Best,
}

impl Part {
    const ALL: [Self; 4] = [Self::Model, Self::Optimizer, Self::Average, Self::Best];

    fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Optimizer => "optimizer",
            Self::Average => "average",
            Self::Best => "best",
        }
    }
}

impl Checkpoint {
    /// The tensors of one part, by name.
    pub fn part(&self, part: Part) -> impl Iterator<Item = (&str, &Tensor)> {
        let of_part = self.tensors.iter().filter(move |((p, _), _)| *p == part);
        of_part.map(|((_, name), tensor)| (name.as_str(), tensor))
    }

    /// Adds the tensors of a part.
    pub(crate) fn add(&mut self, part: Part, tensors: impl IntoIterator<Item = (String, Tensor)>) {
        let tensors = tensors.into_iter();
        self.tensors
            .extend(tensors.map(|(name, tensor)| ((part, name), tensor)));
    }

    /// Sets these variables from a part, all of them or none.
    ///
    /// # Errors
    /// [`Error::State`] with everything that is missing, extra or of another shape.
    pub fn restore(&self, part: Part, entries: &[Entry]) -> Result<()> {
        restore(entries, &self.part(part).collect())
    }
}

/// Sets variables from tensors of the same names, all of them or none.
pub(crate) fn restore(entries: &[Entry], tensors: &HashMap<&str, &Tensor>) -> Result<()> {
    let mut problems = Vec::new();
    for entry in entries {
        match tensors.get(entry.name.as_str()) {
            None => problems.push(format!("`{}` is missing", entry.name)),
            Some(tensor) if tensor.dims() != entry.var.dims() => problems.push(format!(
                "`{}` is {:?}, expected {:?}",
                entry.name,
                tensor.dims(),
                entry.var.dims()
            )),
            Some(_) => {}
        }
    }
    let known = |name: &str| entries.iter().any(|entry| entry.name == name);
    let mut extra: Vec<&&str> = tensors.keys().filter(|name| !known(name)).collect();
    extra.sort_unstable();
    problems.extend(
        extra
            .iter()
            .map(|name| format!("`{name}` is not of this model")),
    );
    if !problems.is_empty() {
        return Err(Error::State(problems));
    }
    for entry in entries {
        if let Some(tensor) = tensors.get(entry.name.as_str()) {
            let tensor = tensor.detach().to_dtype(entry.var.dtype())?;
            entry
                .var
                .set(&tensor.to_device(entry.var.device())?.copy()?)?;
        }
    }
    Ok(())
}

impl Origin {
    /// Everything in which a run to come differs from this one: `name: was, is`.
    pub fn differences(&self, identity: &BTreeMap<String, String>) -> Vec<String> {
        let mut names: Vec<&String> = self.identity.keys().chain(identity.keys()).collect();
        names.sort_unstable();
        names.dedup();
        let value = |of: &BTreeMap<String, String>, name: &str| {
            of.get(name).map_or("unset", String::as_str).to_owned()
        };
        names
            .into_iter()
            .map(|name| (name, value(&self.identity, name), value(identity, name)))
            .filter(|(_, was, is)| was != is)
            .map(|(name, was, is)| format!("{name} was {was}, is {is}"))
            .collect()
    }
}
