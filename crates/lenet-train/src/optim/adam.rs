//! Adam and AdamW.

use candle_core::backprop::GradStore;
use lenet_nn::params::Entry;
use lenet_tensor::adam::{self, Hyper, Moments};

use super::{Optimizer, checked};
use crate::error::Result;

/// PyTorch's `optim.Adam`, and `optim.AdamW` with a decoupled weight decay.
#[derive(Debug)]
pub struct Adam {
    parameters: Vec<(Entry, Moments)>,
    hyper: Hyper,
    steps: u64,
}

impl Adam {
    /// Over these parameters, the moments at zero.
    ///
    /// # Errors
    /// Those of candle for memory on a device.
    pub fn new(parameters: Vec<Entry>, hyper: Hyper) -> Result<Self> {
        let with_moments = |entry: Entry| Ok((entry.clone(), Moments::zeros(&entry.var)?));
        Ok(Self {
            parameters: parameters
                .into_iter()
                .map(with_moments)
                .collect::<Result<_>>()?,
            hyper,
            steps: 0,
        })
    }

    /// The moments, by the parameters' names.
    pub fn state(&self) -> impl Iterator<Item = (&str, &Moments)> {
        self.parameters
            .iter()
            .map(|(entry, moments)| (entry.name.as_str(), moments))
    }
}

impl Optimizer for Adam {
    fn step(&mut self, gradients: &GradStore) -> Result<()> {
        let entries = self.parameters.iter().map(|(entry, _)| entry);
        let gradients = checked(entries, gradients, self.steps + 1)?;
        self.steps += 1;
        for ((entry, moments), gradient) in self.parameters.iter_mut().zip(&gradients) {
            adam::update(&entry.var, gradient, moments, &self.hyper, self.steps)?;
        }
        Ok(())
    }

    fn lr(&self) -> f64 {
        self.hyper.lr
    }

    fn set_lr(&mut self, lr: f64) {
        self.hyper.lr = lr;
    }

    fn steps(&self) -> u64 {
        self.steps
    }
}
