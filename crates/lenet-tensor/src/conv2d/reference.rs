//! The plain loops: what a convolution is, in both directions. The spec for the
//! kernel beside it, and the way for f64.

use num_traits::Float;

use super::Gradients;
use crate::geometry::Conv2dGeometry;

/// `[N, C_out, H', W']`.
pub fn forward<T: Float>(x: &[T], weight: &[T], bias: &[T], g: &Conv2dGeometry) -> Vec<T> {
    let outputs = g.output[0] * g.output[1];
    let mut y: Vec<T> = (0..g.batch * g.out_channels * outputs)
        .map(|at| bias[at / outputs % g.out_channels])
        .collect();
    each_product(g, |y_at, x_at, weight_at| {
        y[y_at] = y[y_at] + x[x_at] * weight[weight_at];
    });
    y
}

/// The gradients of input (when asked for), weight and bias, from the gradient
/// of the output `[N, C_out, H', W']`.
pub fn backward<T: Float>(
    x: &[T],
    weight: &[T],
    grad: &[T],
    g: &Conv2dGeometry,
    needs_dx: bool,
) -> Gradients<T> {
    let outputs = g.output[0] * g.output[1];
    let mut dbias = vec![T::zero(); g.out_channels];
    for (at, &grad) in grad.iter().enumerate() {
        let channel = at / outputs % g.out_channels;
        dbias[channel] = dbias[channel] + grad;
    }
    let mut dweight = vec![T::zero(); weight.len()];
    let mut dx = vec![T::zero(); if needs_dx { x.len() } else { 0 }];
    each_product(g, |y_at, x_at, weight_at| {
        dweight[weight_at] = dweight[weight_at] + grad[y_at] * x[x_at];
        if needs_dx {
            dx[x_at] = dx[x_at] + grad[y_at] * weight[weight_at];
        }
    });
    Gradients {
        x: needs_dx.then_some(dx),
        weight: dweight,
        bias: dbias,
    }
}

/// Calls `f(output, input, weight)` with the places of every product that the
/// convolution sums, taps in the padding left out.
fn each_product(g: &Conv2dGeometry, mut f: impl FnMut(usize, usize, usize)) {
    let [height, width] = g.input;
    let [kh, kw] = g.kernel;
    let o = g.options;
    let group_in = g.in_channels / o.groups;
    let group_out = g.out_channels / o.groups;
    let inside = |out: usize, tap: usize, axis: usize| {
        (out * o.stride[axis] + tap * o.dilation[axis])
            .checked_sub(o.padding[axis])
            .filter(|&at| at < g.input[axis])
    };
    for n in 0..g.batch {
        for oc in 0..g.out_channels {
            for oh in 0..g.output[0] {
                for ow in 0..g.output[1] {
                    let y_at = ((n * g.out_channels + oc) * g.output[0] + oh) * g.output[1] + ow;
                    for c in 0..group_in {
                        let ic = oc / group_out * group_in + c;
                        for i in 0..kh {
                            let Some(row) = inside(oh, i, 0) else {
                                continue;
                            };
                            for j in 0..kw {
                                let Some(col) = inside(ow, j, 1) else {
                                    continue;
                                };
                                let x_at = ((n * g.in_channels + ic) * height + row) * width + col;
                                let weight_at = ((oc * group_in + c) * kh + i) * kw + j;
                                f(y_at, x_at, weight_at);
                            }
                        }
                    }
                }
            }
        }
    }
}
