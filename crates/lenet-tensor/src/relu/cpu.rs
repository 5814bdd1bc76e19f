//! The kernels, for f32 and f64: plain loops that the compiler makes vectors of. Each value
//! is by itself, so that neither tasks nor vectors change a bit.

use rayon::prelude::*;

use crate::simd::{Kernel, Simd, level, run};
use crate::storage::Element;
use crate::tasks::VALUES_A_TASK;

/// `max(x, 0)` of each value.
pub(super) fn rectified<T: Element>(x: &[T]) -> Vec<T> {
    let mut y = vec![T::zero(); x.len()];
    let level = level();
    y.par_chunks_mut(VALUES_A_TASK)
        .zip(x.par_chunks(VALUES_A_TASK))
        .for_each(|(y, x)| run(level, Rectify { x, y }));
    y
}

/// The gradient where the output `y` lets it through, else 0.
pub(super) fn gated<T: Element>(y: &[T], grad: &[T]) -> Vec<T> {
    let mut dx = vec![T::zero(); y.len()];
    let level = level();
    dx.par_chunks_mut(VALUES_A_TASK)
        .zip(y.par_chunks(VALUES_A_TASK))
        .zip(grad.par_chunks(VALUES_A_TASK))
        .for_each(|((dx, y), grad)| run(level, Gate { y, grad, dx }));
    dx
}

struct Rectify<'a, T> {
    x: &'a [T],
    y: &'a mut [T],
}

impl<T: Element> Kernel for Rectify<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _simd: S) {
        for (y, &x) in self.y.iter_mut().zip(self.x) {
            *y = rectify(x);
        }
    }
}

struct Gate<'a, T> {
    y: &'a [T],
    grad: &'a [T],
    dx: &'a mut [T],
}

impl<T: Element> Kernel for Gate<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _simd: S) {
        for ((dx, &y), &grad) in self.dx.iter_mut().zip(self.y).zip(self.grad) {
            *dx = gate(y, grad);
        }
    }
}

// `v <= 0` is false for NaN, which so passes.
#[inline(always)]
pub(crate) fn rectify<T: num_traits::Float>(v: T) -> T {
    if v <= T::zero() { T::zero() } else { v }
}

#[inline(always)]
fn gate<T: Element>(y: T, grad: T) -> T {
    if y <= T::zero() { T::zero() } else { grad }
}
