//! The plain loops: what average-pooling is, in both directions.

use num_traits::Float;

use crate::geometry::Pool2dGeometry;

/// The means `[N, C, H', W']`, each summed row by row.
pub fn forward<T: Float>(x: &[T], g: &Pool2dGeometry) -> Vec<T> {
    let mut y = Vec::with_capacity(g.planes() * g.output[0] * g.output[1]);
    each_window(g, |cells| {
        let sum = cells.fold(T::zero(), |sum, cell| sum + x[cell]);
        y.push(sum / window_size(g));
    });
    y
}

/// The gradient of the input `[N, C, H, W]`: each output's gradient in equal
/// parts to the cells of its window.
pub fn backward<T: Float>(grad: &[T], g: &Pool2dGeometry) -> Vec<T> {
    let mut dx = vec![T::zero(); g.planes() * g.input[0] * g.input[1]];
    let mut grad = grad.iter();
    each_window(g, |cells| {
        if let Some(&grad) = grad.next() {
            for cell in cells {
                dx[cell] = dx[cell] + grad / window_size(g);
            }
        }
    });
    dx
}

fn window_size<T: Float>(g: &Pool2dGeometry) -> T {
    T::from(g.kernel[0] * g.kernel[1]).unwrap_or_else(T::nan)
}

/// Calls `f` with the cells of each window, in the order of the outputs.
fn each_window(g: &Pool2dGeometry, mut f: impl FnMut(&mut dyn Iterator<Item = usize>)) {
    let [height, width] = g.input;
    for plane in 0..g.planes() {
        for oh in 0..g.output[0] {
            for ow in 0..g.output[1] {
                let first = plane * height * width + oh * g.stride[0] * width + ow * g.stride[1];
                let mut cells = (0..g.kernel[0])
                    .flat_map(|i| (0..g.kernel[1]).map(move |j| first + i * width + j));
                f(&mut cells);
            }
        }
    }
}
