//! The kernel for f32: planes side by side on the pool's threads, and the 2×2
//! window of LeNet without an inner loop. Every plane is computed by itself, so
//! the number of threads changes nothing.

use rayon::prelude::*;

use crate::geometry::Pool2dGeometry;
use crate::reduce::exceeds;

/// As [`super::reference::forward`].
pub(crate) fn forward(x: &[f32], g: &Pool2dGeometry) -> (Vec<f32>, Vec<u32>) {
    let cells = g.input[0] * g.input[1];
    let outputs = g.output[0] * g.output[1];
    let mut y = vec![0.0; g.planes() * outputs];
    let mut argmax = vec![0; g.planes() * outputs];
    // `max(1)`: a batch of no images has no planes, and chunks of 0 are refused.
    y.par_chunks_mut(outputs.max(1))
        .zip(argmax.par_chunks_mut(outputs.max(1)))
        .zip(x.par_chunks(cells.max(1)))
        .with_min_len(PLANES_A_TASK)
        .for_each(|((y, argmax), x)| plane(x, y, argmax, g));
    (y, argmax)
}

/// As [`super::reference::backward`].
pub(crate) fn backward(grad: &[f32], argmax: &[u32], g: &Pool2dGeometry) -> Vec<f32> {
    let cells = g.input[0] * g.input[1];
    let outputs = g.output[0] * g.output[1];
    let mut dx = vec![0.0; g.planes() * cells];
    dx.par_chunks_mut(cells.max(1))
        .zip(grad.par_chunks(outputs.max(1)))
        .zip(argmax.par_chunks(outputs.max(1)))
        .with_min_len(PLANES_A_TASK)
        .for_each(|((dx, grad), argmax)| {
            for (&grad, &at) in grad.iter().zip(argmax) {
                dx[at as usize] += grad;
            }
        });
    dx
}

/// A plane of LeNet takes about a microsecond; a task of the pool costs as much.
const PLANES_A_TASK: usize = 32;

fn plane(x: &[f32], y: &mut [f32], argmax: &mut [u32], g: &Pool2dGeometry) {
    let width = g.input[1];
    let rows = y
        .chunks_exact_mut(g.output[1])
        .zip(argmax.chunks_exact_mut(g.output[1]));
    for (oh, (y, argmax)) in rows.enumerate() {
        let top = oh * g.stride[0] * width;
        if g.kernel == [2, 2] {
            let (upper, lower) = (&x[top..top + width], &x[top + width..top + 2 * width]);
            for (ow, (y, argmax)) in y.iter_mut().zip(argmax).enumerate() {
                let left = ow * g.stride[1];
                let (a, at_a) = larger(upper[left], 0, upper[left + 1], 1);
                let (b, at_b) = larger(lower[left], width, lower[left + 1], width + 1);
                let (value, at) = larger(a, at_a, b, at_b);
                *y = value;
                *argmax = (top + left + at) as u32;
            }
        } else {
            for (ow, (y, argmax)) in y.iter_mut().zip(argmax).enumerate() {
                let first = top + ow * g.stride[1];
                let (mut value, mut at) = (x[first], first);
                for i in 0..g.kernel[0] {
                    for j in 0..g.kernel[1] {
                        let here = first + i * width + j;
                        (value, at) = larger(value, at, x[here], here);
                    }
                }
                *y = value;
                *argmax = at as u32;
            }
        }
    }
}

/// The larger of two values with its place; the first where they are equal.
fn larger(a: f32, at_a: usize, b: f32, at_b: usize) -> (f32, usize) {
    if exceeds(b, a) { (b, at_b) } else { (a, at_a) }
}
