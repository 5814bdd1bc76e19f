//! The plain loop: PyTorch's `_single_tensor_sgd`, one element at a time.

use num_traits::Float;

use super::Hyper;

/// One step over parameters, gradients and velocities of the same length.
///
/// PyTorch starts the velocity at the first gradient; from zero the first step
/// gives the same, since `μ·0 + g = g`.
pub fn step<T: Float>(theta: &mut [T], gradient: &[T], velocity: &mut [T], hyper: &Hyper) {
    let of = |v: f64| T::from(v).unwrap_or_else(T::nan);
    let (lr, momentum, decay) = (of(hyper.lr), of(hyper.momentum), of(hyper.weight_decay));
    for ((theta, &gradient), velocity) in theta.iter_mut().zip(gradient).zip(velocity) {
        let g = gradient + decay * *theta;
        *velocity = momentum * *velocity + g;
        let step = if hyper.nesterov {
            g + momentum * *velocity
        } else {
            *velocity
        };
        *theta = *theta - lr * step;
    }
}
