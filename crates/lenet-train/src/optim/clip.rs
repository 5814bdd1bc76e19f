//! Gradients that are too long, made shorter.

use candle_core::backprop::GradStore;
use lenet_nn::params::Entry;
use lenet_tensor::reduce::sum_of_squares;

use crate::error::Result;

/// Scales the gradients of `parameters` together so that their norm, over all values as
/// one vector, is `max_norm` at most; the norm that they had. PyTorch's
/// `clip_grad_norm_`, with its factor `max_norm / (norm + 1e-6)` where that is below 1.
///
/// A parameter without a gradient is left out, and where the norm is NaN or infinite
/// nothing is scaled: the optimizer then names the gradient.
///
/// # Errors
/// Those of candle.
pub fn clip_grad_norm(
    parameters: &[Entry],
    gradients: &mut GradStore,
    max_norm: f64,
) -> Result<f64> {
    let mut squares = 0.0;
    for entry in parameters {
        if let Some(gradient) = gradients.get(&entry.var) {
            squares += sum_of_squares(gradient)?;
        }
    }
    let norm = squares.sqrt();
    let factor = max_norm / (norm + 1e-6);
    if norm.is_finite() && factor < 1.0 {
        for entry in parameters {
            if let Some(gradient) = gradients.remove(&entry.var) {
                gradients.insert(&entry.var, (gradient * factor)?);
            }
        }
    }
    Ok(norm)
}
