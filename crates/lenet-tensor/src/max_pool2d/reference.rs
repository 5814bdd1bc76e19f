//! The plain loops: what max-pooling is, in both directions. The spec for the
//! kernel beside it, and the way for f64.

use num_traits::Float;

use crate::geometry::Pool2dGeometry;
use crate::reduce::exceeds;

/// The maxima `[N, C, H', W']` and where in its plane `[H, W]` each was found:
/// the first one on ties, row by row.
pub fn forward<T: Float>(x: &[T], g: &Pool2dGeometry) -> (Vec<T>, Vec<u32>) {
    let [height, width] = g.input;
    let mut y = Vec::with_capacity(g.planes() * g.output[0] * g.output[1]);
    let mut argmax = Vec::with_capacity(y.capacity());
    for plane in 0..g.planes() {
        let x = &x[plane * height * width..][..height * width];
        for oh in 0..g.output[0] {
            for ow in 0..g.output[1] {
                let first = oh * g.stride[0] * width + ow * g.stride[1];
                let (mut top, mut at) = (x[first], first);
                for i in 0..g.kernel[0] {
                    for j in 0..g.kernel[1] {
                        let here = first + i * width + j;
                        if exceeds(x[here], top) {
                            (top, at) = (x[here], here);
                        }
                    }
                }
                y.push(top);
                argmax.push(at as u32);
            }
        }
    }
    (y, argmax)
}

/// The gradient of the input `[N, C, H, W]`: each output's gradient is added
/// where its maximum was found.
pub fn backward<T: Float>(grad: &[T], argmax: &[u32], g: &Pool2dGeometry) -> Vec<T> {
    let [height, width] = g.input;
    let outputs = g.output[0] * g.output[1];
    let mut dx = vec![T::zero(); g.planes() * height * width];
    for plane in 0..g.planes() {
        for o in plane * outputs..(plane + 1) * outputs {
            let cell = &mut dx[plane * height * width + argmax[o] as usize];
            *cell = *cell + grad[o];
        }
    }
    dx
}
