//! The plain loop: PyTorch's `_single_tensor_adam`, one element at a time.

use num_traits::Float;

use super::{Coefficients, Hyper};

/// One step over parameters, gradients and both moments of the same length.
pub fn step<T: Float>(
    theta: &mut [T],
    gradient: &[T],
    first: &mut [T],
    second: &mut [T],
    hyper: &Hyper,
    t: u64,
) {
    let c = Coefficients::<T>::new(hyper, t);
    for i in 0..theta.len() {
        theta[i] = theta[i] * c.shrink;
        let g = gradient[i] + c.coupled * theta[i];
        first[i] = c.beta1 * first[i] + c.rest1 * g;
        second[i] = c.beta2 * second[i] + c.rest2 * g * g;
        let denominator = second[i].sqrt() / c.root_correction2 + c.eps;
        theta[i] = theta[i] - c.step_size * (first[i] / denominator);
    }
}
