//! Stochastic gradient descent, with momentum or without.

use std::collections::HashMap;

use candle_core::Tensor;
use candle_core::backprop::GradStore;
use lenet_nn::params::Entry;
use lenet_tensor::sgd::{self, Hyper, Velocity};

use super::{Optimizer, all_or_problems, checked, remembered};
use crate::error::Result;

/// The velocity's name in a state, PyTorch's.
const VELOCITY: &str = "momentum_buffer";

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

    fn state(&self) -> Result<Vec<(String, Tensor)>> {
        let with_name = |(entry, velocity): &(Entry, Velocity)| {
            Ok((format!("{}.{VELOCITY}", entry.name), velocity.values()?))
        };
        self.parameters.iter().map(with_name).collect()
    }

    fn restore(&mut self, steps: u64, state: &HashMap<&str, &Tensor>) -> Result<()> {
        let velocities = self.parameters.iter().map(|(entry, _)| {
            let values = remembered(state, entry, VELOCITY)?;
            Velocity::from_values(&entry.var, values).map_err(|e| e.to_string())
        });
        let velocities = all_or_problems(velocities.collect())?;
        for ((_, old), new) in self.parameters.iter_mut().zip(velocities) {
            *old = new;
        }
        self.steps = steps;
        Ok(())
    }
}
