//! The best epoch on the validation samples so far, and the weights it had.

use std::collections::HashMap;

use candle_core::Tensor;
use lenet_nn::Parameters;

use crate::checkpoint::{BestEpoch, restore};
use crate::error::Result;
use crate::evaluate::Evaluation;

/// The most hits, and among equals the smallest loss.
#[derive(Debug, Default)]
pub(crate) struct Best {
    pub(crate) epoch: Option<BestEpoch>,
    /// The weights, by name.
    pub(crate) weights: Vec<(String, Tensor)>,
}

impl Best {
    /// Takes the weights of `epoch` if it is better than all before it.
    pub(crate) fn offer(
        &mut self,
        epoch: u64,
        validated: &Evaluation,
        parameters: &Parameters,
    ) -> Result<bool> {
        let tally = &validated.tally;
        let gain = self.epoch.is_none_or(|best| {
            tally.correct > best.correct
                || (tally.correct == best.correct && tally.loss() < best.loss)
        });
        if gain {
            let entries = parameters.entries().into_iter();
            let copies = entries.map(|entry| Ok((entry.name, entry.var.copy()?)));
            *self = Self {
                epoch: Some(BestEpoch {
                    epoch,
                    correct: tally.correct,
                    loss: tally.loss(),
                }),
                weights: copies.collect::<candle_core::Result<_>>()?,
            };
        }
        Ok(gain)
    }

    /// Epochs since the best one.
    pub(crate) fn age(&self, epoch: u64) -> u64 {
        self.epoch.map_or(0, |best| epoch - best.epoch)
    }

    /// Gives the model its best weights back.
    pub(crate) fn give_back(&self, parameters: &Parameters) -> Result<()> {
        let weights: HashMap<&str, &Tensor> = self
            .weights
            .iter()
            .map(|(name, tensor)| (name.as_str(), tensor))
            .collect();
        restore(&parameters.entries(), &weights)
    }
}
