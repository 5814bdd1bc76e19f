//! Optimizers, as PyTorch has them, their state kept by the parameters' names.

mod adam;
mod clip;
mod kind;
mod sgd;

pub use adam::Adam;
pub use clip::clip_grad_norm;
pub use kind::OptimizerKind;
pub use sgd::Sgd;

use std::collections::HashMap;

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

    /// What it remembers from step to step, flat tensors by PyTorch's names behind
    /// those of the parameters: `conv1.weight.exp_avg`.
    ///
    /// # Errors
    /// Those of candle for a copy from a device.
    fn state(&self) -> Result<Vec<(String, Tensor)>>;

    /// Goes on from a [`Optimizer::state`] after `steps` steps.
    ///
    /// # Errors
    /// [`Error::State`] with everything that is missing or of another size; then nothing
    /// is changed.
    fn restore(&mut self, steps: u64, state: &HashMap<&str, &Tensor>) -> Result<()>;
}

/// A parameter's tensor of a state, by the parameter's name and its own.
fn remembered<'a>(
    state: &HashMap<&str, &'a Tensor>,
    entry: &Entry,
    what: &str,
) -> std::result::Result<&'a Tensor, String> {
    let name = format!("{}.{what}", entry.name);
    match state.get(name.as_str()) {
        None => Err(format!("`{name}` is missing")),
        Some(tensor) if tensor.elem_count() != entry.var.elem_count() => Err(format!(
            "`{name}` has {} values, expected {}",
            tensor.elem_count(),
            entry.var.elem_count()
        )),
        Some(tensor) => Ok(tensor),
    }
}

/// All of them, or every problem.
fn all_or_problems<T>(results: Vec<std::result::Result<T, String>>) -> Result<Vec<T>> {
    let (fine, problems): (Vec<_>, Vec<_>) = results.into_iter().partition(|r| r.is_ok());
    if problems.is_empty() {
        Ok(fine.into_iter().flatten().collect())
    } else {
        Err(Error::State(
            problems.into_iter().filter_map(|r| r.err()).collect(),
        ))
    }
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
