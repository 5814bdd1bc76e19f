//! Optimizers, as PyTorch has them, their state kept by the parameters' names.

mod adam;
mod sgd;

pub use adam::Adam;
pub use sgd::Sgd;

use candle_core::Tensor;
use candle_core::backprop::GradStore;
use lenet_nn::params::Entry;
use lenet_tensor::reduce::is_finite;

use crate::error::{Error, Result};

/// Changes parameters by their gradients.
pub trait Optimizer: Send {
    /// One step on every parameter.
    ///
    /// # Errors
    /// [`Error::NoGradient`] and [`Error::Diverged`], before anything is changed.
    fn step(&mut self, gradients: &GradStore) -> Result<()>;

    /// The learning rate.
    fn lr(&self) -> f64;

    /// Sets the learning rate of the steps to come.
    fn set_lr(&mut self, lr: f64);

    /// Steps taken so far.
    fn steps(&self) -> u64;
}

/// Each parameter's gradient, all of them there and finite.
fn checked<'a>(
    parameters: impl Iterator<Item = &'a Entry>,
    gradients: &GradStore,
    step: u64,
) -> Result<Vec<Tensor>> {
    parameters
        .map(|entry| {
            let gradient = gradients
                .get(&entry.var)
                .ok_or_else(|| Error::NoGradient(entry.name.clone()))?;
            if is_finite(gradient)? {
                Ok(gradient.clone())
            } else {
                Err(Error::Diverged {
                    what: format!("the gradient of `{}`", entry.name),
                    step,
                })
            }
        })
        .collect()
}

#[cfg(test)]
mod tests;
