//! The plain loops: what the layer is, in both directions. The spec for the kernel
//! beside it, and the way for f64.

use num_traits::Float;

use super::{Gradients, Sizes};

/// `[N, out]`.
pub fn forward<T: Float>(x: &[T], weight: &[T], bias: &[T], sizes: Sizes) -> Vec<T> {
    let Sizes {
        rows,
        inputs,
        outputs,
        relu,
    } = sizes;
    let mut y = Vec::with_capacity(rows * outputs);
    for n in 0..rows {
        for o in 0..outputs {
            let mut sum = bias[o];
            for k in 0..inputs {
                sum = sum + x[n * inputs + k] * weight[o * inputs + k];
            }
            y.push(if relu { crate::relu::rectify(sum) } else { sum });
        }
    }
    y
}

/// The gradients of input (when asked for), weight and bias, from that of the
/// output `[N, out]` before any ReLU.
pub fn backward<T: Float>(
    x: &[T],
    weight: &[T],
    grad: &[T],
    sizes: Sizes,
    needs_dx: bool,
) -> Gradients<T> {
    let Sizes {
        rows,
        inputs,
        outputs,
        ..
    } = sizes;
    let mut dx = vec![T::zero(); if needs_dx { rows * inputs } else { 0 }];
    let mut dweight = vec![T::zero(); outputs * inputs];
    let mut dbias = vec![T::zero(); outputs];
    for n in 0..rows {
        for o in 0..outputs {
            let grad = grad[n * outputs + o];
            dbias[o] = dbias[o] + grad;
            for k in 0..inputs {
                let (x_at, weight_at) = (n * inputs + k, o * inputs + k);
                dweight[weight_at] = dweight[weight_at] + grad * x[x_at];
                if needs_dx {
                    dx[x_at] = dx[x_at] + grad * weight[weight_at];
                }
            }
        }
    }
    Gradients {
        x: needs_dx.then_some(dx),
        weight: dweight,
        bias: dbias,
    }
}
