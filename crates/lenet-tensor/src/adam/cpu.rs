//! The kernel for f32: four slices walked together, a vector at a time. Square root
//! and division stay exact.

use rayon::prelude::*;

use super::Coefficients;
use crate::simd::{Kernel, LANES, Level, Simd, run};
use crate::tasks::VALUES_A_TASK;

/// As [`super::reference::step`], with the coefficients made already, and moments
/// below f32's normal range as zeros: those of weights without gradient would
/// decay into it, where arithmetic is slow. All slices have the same length.
pub(super) fn step(
    level: Level,
    theta: &mut [f32],
    gradient: &[f32],
    first: &mut [f32],
    second: &mut [f32],
    c: &Coefficients<f32>,
) {
    let parts = theta
        .par_chunks_mut(VALUES_A_TASK)
        .zip(gradient.par_chunks(VALUES_A_TASK));
    let moments = first
        .par_chunks_mut(VALUES_A_TASK)
        .zip(second.par_chunks_mut(VALUES_A_TASK));
    parts
        .zip(moments)
        .for_each(|((theta, gradient), (first, second))| {
            let step = Step {
                theta,
                gradient,
                first,
                second,
                c,
            };
            run(level, step);
        });
}

struct Step<'a> {
    theta: &'a mut [f32],
    gradient: &'a [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
    c: &'a Coefficients<f32>,
}

impl Kernel for Step<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let (thetas, theta) = self.theta.as_chunks_mut::<LANES>();
        let (gradients, gradient) = self.gradient.as_chunks::<LANES>();
        let (firsts, first) = self.first.as_chunks_mut::<LANES>();
        let (seconds, second) = self.second.as_chunks_mut::<LANES>();
        let moments = firsts.iter_mut().zip(seconds);
        for ((theta, gradient), (first, second)) in thetas.iter_mut().zip(gradients).zip(moments) {
            let before = [
                simd.load(theta),
                simd.load(gradient),
                simd.load(first),
                simd.load(second),
            ];
            let [t, m, v] = eight(simd, self.c, before);
            simd.store(t, theta);
            simd.store(m, first);
            simd.store(v, second);
        }
        let rest = [
            simd.load_part(theta),
            simd.load_part(gradient),
            simd.load_part(first),
            simd.load_part(second),
        ];
        let [t, m, v] = eight(simd, self.c, rest);
        simd.store_part(t, theta);
        simd.store_part(m, first);
        simd.store_part(v, second);
    }
}

/// Parameters and moments after a step, from those before and the gradient.
#[inline(always)]
fn eight<S: Simd>(simd: S, c: &Coefficients<f32>, [t, g, m, v]: [S::V; 4]) -> [S::V; 3] {
    let kept = simd.mul(t, simd.splat(c.shrink));
    let g = simd.mul_add(simd.splat(c.coupled), kept, g);
    let m = simd.mul_add(simd.splat(c.beta1), m, simd.mul(simd.splat(c.rest1), g));
    let square = simd.mul(simd.mul(simd.splat(c.rest2), g), g);
    let v = simd.mul_add(simd.splat(c.beta2), v, square);
    let (m, v) = (simd.flush(m), simd.flush(v));
    // A product with the inverse: one division less of the two.
    let root = simd.mul(simd.sqrt(v), simd.splat(1.0 / c.root_correction2));
    let ratio = simd.div(m, simd.add(root, simd.splat(c.eps)));
    [
        simd.sub(kept, simd.mul(simd.splat(c.step_size), ratio)),
        m,
        v,
    ]
}
