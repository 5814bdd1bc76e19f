//! Stochastic gradient descent, with momentum or without.

use candle_core::backprop::GradStore;
use lenet_nn::params::Entry;
use lenet_tensor::sgd::{self, Hyper, Velocity};

use super::{Optimizer, checked};
use crate::error::Result;

/// PyTorch's `optim.SGD`.
#[derive(Debug)]
pub struct Sgd {
    parameters: Vec<(Entry, Velocity)>,
    hyper: Hyper,
    steps: u64,
}

impl Sgd {
    /// Over these parameters, the velocities at zero.
    ///
    /// # Errors
    /// Those of candle for memory on a device.
    pub fn new(parameters: Vec<Entry>, hyper: Hyper) -> Result<Self> {
        let with_velocity = |entry: Entry| Ok((entry.clone(), Velocity::zeros(&entry.var)?));
        Ok(Self {
            parameters: parameters
                .into_iter()
                .map(with_velocity)
                .collect::<Result<_>>()?,
            hyper,
            steps: 0,
        })
    }

    /// The velocities, by the parameters' names.
    pub fn state(&self) -> impl Iterator<Item = (&str, &Velocity)> {
        self.parameters
            .iter()
            .map(|(entry, velocity)| (entry.name.as_str(), velocity))
    }
}

impl Optimizer for Sgd {
    fn step(&mut self, gradients: &GradStore) -> Result<()> {
        let entries = self.parameters.iter().map(|(entry, _)| entry);
        let gradients = checked(entries, gradients, self.steps + 1)?;
        self.steps += 1;
        for ((entry, velocity), gradient) in self.parameters.iter_mut().zip(&gradients) {
            sgd::update(&entry.var, gradient, velocity, &self.hyper)?;
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
