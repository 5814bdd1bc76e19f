//! Stochastic gradient descent with momentum (Sutskever 2013, in PyTorch's form)
//! over one tensor, in one pass.

mod cpu;
#[doc(hidden)]
pub mod reference;
#[cfg(test)]
mod tests;

use std::sync::Mutex;

use candle_core::{CpuStorage, DType, Device, Error, InplaceOp2, Layout, Result, Tensor, Var};

use crate::simd::level;
use crate::storage::like;

/// What SGD does to a parameter, PyTorch's names and defaults.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hyper {
    /// Step size (1e-3).
    pub lr: f64,
    /// Momentum μ (0).
    pub momentum: f64,
    /// Nesterov's momentum: look ahead along the velocity.
    pub nesterov: bool,
    /// Weight decay λ, added to the gradient (0).
    pub weight_decay: f64,
}

impl Default for Hyper {
    fn default() -> Self {
        Self {
            lr: 1e-3,
            momentum: 0.0,
            nesterov: false,
            weight_decay: 0.0,
        }
    }
}

/// A parameter's velocity (PyTorch's `momentum_buffer`), zero at first.
#[derive(Debug)]
pub struct Velocity(State);

#[derive(Debug)]
enum State {
    /// On the CPU in f32; empty where there is no momentum.
    Slice(Vec<f32>),
    /// Elsewhere.
    Tensor(Tensor),
}

impl Velocity {
    /// Zeros for `parameter`.
    ///
    /// # Errors
    /// Those of candle for memory on a device.
    pub fn zeros(parameter: &Tensor) -> Result<Self> {
        let slice = parameter.device().is_cpu() && parameter.dtype() == DType::F32;
        Ok(Self(if slice {
            State::Slice(vec![0.0; parameter.elem_count()])
        } else {
            State::Tensor(parameter.zeros_like()?)
        }))
    }

    /// The velocity of `parameter` as [`Velocity::values`] gave it.
    ///
    /// # Errors
    /// Another number of values than the parameter has, or those of candle.
    pub fn from_values(parameter: &Tensor, values: &Tensor) -> Result<Self> {
        let slice = parameter.device().is_cpu() && parameter.dtype() == DType::F32;
        let values = like(parameter, values)?;
        Ok(Self(if slice {
            State::Slice(values.flatten_all()?.to_vec1()?)
        } else {
            State::Tensor(values)
        }))
    }

    /// The velocity, flat.
    ///
    /// # Errors
    /// Those of candle for a copy from a device.
    pub fn values(&self) -> Result<Tensor> {
        match &self.0 {
            State::Slice(values) => Tensor::new(values.as_slice(), &Device::Cpu),
            State::Tensor(tensor) => tensor.flatten_all(),
        }
    }
}

/// One step: with `g` the gradient plus `λ·θ`, `b ← μ·b + g` and
/// `θ ← θ - lr·b`, or `θ ← θ - lr·(g + μ·b)` with Nesterov.
///
/// # Errors
/// A velocity of another parameter, or those of candle.
pub fn update(
    parameter: &Var,
    gradient: &Tensor,
    velocity: &mut Velocity,
    hyper: &Hyper,
) -> Result<()> {
    match &mut velocity.0 {
        State::Slice(velocity) => parameter.inplace_op2(
            &gradient.contiguous()?,
            &Step {
                velocity: Mutex::new(velocity),
                hyper,
            },
        ),
        State::Tensor(velocity) => {
            let theta = parameter.as_tensor().detach();
            let gradient = (gradient + (&theta * hyper.weight_decay)?)?;
            *velocity = ((&*velocity * hyper.momentum)? + &gradient)?;
            let step = if hyper.nesterov {
                (gradient + (&*velocity * hyper.momentum)?)?
            } else {
                velocity.clone()
            };
            parameter.set(&(theta - (step * hyper.lr)?)?)
        }
    }
}

struct Step<'a> {
    velocity: Mutex<&'a mut Vec<f32>>,
    hyper: &'a Hyper,
}

impl InplaceOp2 for Step<'_> {
    fn name(&self) -> &'static str {
        "sgd"
    }

    fn cpu_fwd(
        &self,
        theta: &mut CpuStorage,
        theta_layout: &Layout,
        gradient: &CpuStorage,
        gradient_layout: &Layout,
    ) -> Result<()> {
        let gradient = crate::storage::values::<f32>(gradient, gradient_layout, "sgd")?;
        let theta = crate::storage::values_mut(theta, theta_layout, "sgd")?;
        let mut velocity = match self.velocity.lock() {
            Ok(velocity) => velocity,
            Err(poisoned) => poisoned.into_inner(),
        };
        if [gradient.len(), velocity.len()] != [theta.len(); 2] {
            return Err(Error::Msg(format!(
                "sgd: {} parameters, but {} gradients and {} velocities",
                theta.len(),
                gradient.len(),
                velocity.len()
            ))
            .bt());
        }
        cpu::step(level(), theta, gradient, &mut velocity, self.hyper);
        Ok(())
    }
}
