//! Adam and AdamW.

use std::collections::HashMap;

use candle_core::Tensor;
use candle_core::backprop::GradStore;
use lenet_nn::params::Entry;
use lenet_tensor::adam::{self, Hyper, Moments};

use super::{Optimizer, all_or_problems, checked, remembered};
use crate::error::Result;

/// The moments' names in a state, PyTorch's.
const FIRST: &str = "exp_avg";
const SECOND: &str = "exp_avg_sq";

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

    fn state(&self) -> Result<Vec<(String, Tensor)>> {
        let mut state = Vec::with_capacity(2 * self.parameters.len());
        for (entry, moments) in &self.parameters {
            let (first, second) = moments.values()?;
            state.push((format!("{}.{FIRST}", entry.name), first));
            state.push((format!("{}.{SECOND}", entry.name), second));
        }
        Ok(state)
    }

    fn restore(&mut self, steps: u64, state: &HashMap<&str, &Tensor>) -> Result<()> {
        let moments = self.parameters.iter().map(|(entry, _)| {
            let first = remembered(state, entry, FIRST)?;
            let second = remembered(state, entry, SECOND)?;
            Moments::from_values(&entry.var, first, second).map_err(|e| e.to_string())
        });
        let moments = all_or_problems(moments.collect())?;
        for ((_, old), new) in self.parameters.iter_mut().zip(moments) {
            *old = new;
        }
        self.steps = steps;
        Ok(())
    }
}
