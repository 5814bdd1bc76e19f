//! Adam (Kingma & Ba 2015) and AdamW (Loshchilov & Hutter 2019) over one tensor,
//! as PyTorch computes them: one pass over parameter, gradient and moments.

mod cpu;
#[doc(hidden)]
pub mod reference;
#[cfg(test)]
mod tests;

use std::sync::Mutex;

use candle_core::{CpuStorage, DType, Device, Error, InplaceOp2, Layout, Result, Tensor, Var};

use crate::simd::level;

/// What Adam does to a parameter, PyTorch's names and defaults.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hyper {
    /// Step size (1e-3).
    pub lr: f64,
    /// Decay of the first moment (0.9).
    pub beta1: f64,
    /// Decay of the second moment (0.999).
    pub beta2: f64,
    /// Added to the denominator (1e-8).
    pub eps: f64,
    /// Weight decay λ (0).
    pub weight_decay: f64,
    /// AdamW: the decay shrinks the parameter itself. Else it is added to the
    /// gradient.
    pub decoupled: bool,
}

impl Default for Hyper {
    fn default() -> Self {
        Self {
            lr: 1e-3,
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            weight_decay: 0.0,
            decoupled: false,
        }
    }
}

/// The running means of a parameter's gradient and of its square, zero at first.
#[derive(Debug)]
pub struct Moments(State);

#[derive(Debug)]
enum State {
    /// On the CPU in f32: slices that the kernel updates in place.
    Slices { first: Vec<f32>, second: Vec<f32> },
    /// Elsewhere.
    Tensors { first: Tensor, second: Tensor },
}

impl Moments {
    /// Zeros for `parameter`.
    ///
    /// # Errors
    /// Those of candle for memory on a device.
    pub fn zeros(parameter: &Tensor) -> Result<Self> {
        let slices = parameter.device().is_cpu() && parameter.dtype() == DType::F32;
        Ok(Self(if slices {
            let zeros = vec![0.0; parameter.elem_count()];
            State::Slices {
                first: zeros.clone(),
                second: zeros,
            }
        } else {
            State::Tensors {
                first: parameter.zeros_like()?,
                second: parameter.zeros_like()?,
            }
        }))
    }

    /// The moments (first, second), flat.
    ///
    /// # Errors
    /// Those of candle for a copy from a device.
    pub fn values(&self) -> Result<(Tensor, Tensor)> {
        match &self.0 {
            State::Slices { first, second } => Ok((
                Tensor::new(first.as_slice(), &Device::Cpu)?,
                Tensor::new(second.as_slice(), &Device::Cpu)?,
            )),
            State::Tensors { first, second } => Ok((first.flatten_all()?, second.flatten_all()?)),
        }
    }
}

/// One step: `t` counts from 1 and corrects the moments' bias towards zero.
///
/// With `g` the gradient (plus `λ·θ` when the decay is not decoupled),
/// `m ← β₁·m + (1 - β₁)·g`, `v ← β₂·v + (1 - β₂)·g²` and
/// `θ ← θ - lr / (1 - β₁ᵗ) · m / (√v / √(1 - β₂ᵗ) + ε)`, after
/// `θ ← θ·(1 - lr·λ)` when it is.
///
/// # Errors
/// Moments of another parameter, or those of candle.
pub fn update(
    parameter: &Var,
    gradient: &Tensor,
    moments: &mut Moments,
    hyper: &Hyper,
    t: u64,
) -> Result<()> {
    match &mut moments.0 {
        State::Slices { first, second } => parameter.inplace_op2(
            &gradient.contiguous()?,
            &Step {
                moments: Mutex::new((first, second)),
                coefficients: Coefficients::new(hyper, t),
            },
        ),
        State::Tensors { first, second } => {
            let theta = parameter.as_tensor().detach();
            let c = Coefficients::<f64>::new(hyper, t);
            let gradient = (gradient + (&theta * c.coupled)?)?;
            *first = ((&*first * c.beta1)? + (&gradient * c.rest1)?)?;
            *second = ((&*second * c.beta2)? + (gradient.sqr()? * c.rest2)?)?;
            let denominator = second.sqrt()?.affine(1.0 / c.root_correction2, c.eps)?;
            let step = ((&*first / denominator)? * c.step_size)?;
            parameter.set(&((theta * c.shrink)? - step)?)
        }
    }
}

/// What stays the same over a tensor.
struct Coefficients<T> {
    beta1: T,
    /// `1 - β₁`.
    rest1: T,
    beta2: T,
    /// `1 - β₂`: from β₂ in f32 it would be wrong in its fifth digit.
    rest2: T,
    eps: T,
    /// `lr / (1 - β₁ᵗ)`.
    step_size: T,
    /// `√(1 - β₂ᵗ)`.
    root_correction2: T,
    /// `λ` where it is added to the gradient, else 0.
    coupled: T,
    /// `1 - lr·λ` where it shrinks the parameter, else 1.
    shrink: T,
}

impl<T: num_traits::Float> Coefficients<T> {
    fn new(hyper: &Hyper, t: u64) -> Self {
        // Computed in f64 and rounded once, as PyTorch does with Python's floats.
        let of = |v: f64| T::from(v).unwrap_or_else(T::nan);
        let power = |beta: f64| 1.0 - beta.powf(t as f64);
        let (coupled, shrink) = if hyper.decoupled {
            (0.0, 1.0 - hyper.lr * hyper.weight_decay)
        } else {
            (hyper.weight_decay, 1.0)
        };
        Self {
            beta1: of(hyper.beta1),
            rest1: of(1.0 - hyper.beta1),
            beta2: of(hyper.beta2),
            rest2: of(1.0 - hyper.beta2),
            eps: of(hyper.eps),
            step_size: of(hyper.lr / power(hyper.beta1)),
            root_correction2: of(power(hyper.beta2).sqrt()),
            coupled: of(coupled),
            shrink: of(shrink),
        }
    }
}

struct Step<'a> {
    moments: Mutex<(&'a mut Vec<f32>, &'a mut Vec<f32>)>,
    coefficients: Coefficients<f32>,
}

impl InplaceOp2 for Step<'_> {
    fn name(&self) -> &'static str {
        "adam"
    }

    fn cpu_fwd(
        &self,
        theta: &mut CpuStorage,
        theta_layout: &Layout,
        gradient: &CpuStorage,
        gradient_layout: &Layout,
    ) -> Result<()> {
        let gradient = crate::storage::values::<f32>(gradient, gradient_layout, "adam")?;
        let theta = crate::storage::values_mut(theta, theta_layout, "adam")?;
        let mut moments = match self.moments.lock() {
            Ok(moments) => moments,
            Err(poisoned) => poisoned.into_inner(),
        };
        let (first, second) = &mut *moments;
        if [gradient.len(), first.len(), second.len()] != [theta.len(); 3] {
            return Err(Error::Msg(format!(
                "adam: {} parameters, but {} gradients and {} moments",
                theta.len(),
                gradient.len(),
                first.len()
            ))
            .bt());
        }
        cpu::step(level(), theta, gradient, first, second, &self.coefficients);
        Ok(())
    }
}
