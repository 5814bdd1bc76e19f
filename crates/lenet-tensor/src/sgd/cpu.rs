//! The kernel for f32: three slices walked together, a vector at a time.

use rayon::prelude::*;

use super::Hyper;
use crate::simd::{Kernel, LANES, Level, Simd, run};
use crate::tasks::VALUES_A_TASK;

/// As [`super::reference::step`], with velocities below f32's normal range as
/// zeros: those of weights without gradient would decay into it, where arithmetic
/// is slow. All slices have the same length.
pub(super) fn step(
    level: Level,
    theta: &mut [f32],
    gradient: &[f32],
    velocity: &mut [f32],
    hyper: &Hyper,
) {
    let parts = theta
        .par_chunks_mut(VALUES_A_TASK)
        .zip(gradient.par_chunks(VALUES_A_TASK))
        .zip(velocity.par_chunks_mut(VALUES_A_TASK));
    parts.for_each(|((theta, gradient), velocity)| {
        let step = Step {
            theta,
            gradient,
            velocity,
            hyper,
        };
        run(level, step);
    });
}

struct Step<'a> {
    theta: &'a mut [f32],
    gradient: &'a [f32],
    velocity: &'a mut [f32],
    hyper: &'a Hyper,
}

impl Kernel for Step<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let (thetas, theta) = self.theta.as_chunks_mut::<LANES>();
        let (gradients, gradient) = self.gradient.as_chunks::<LANES>();
        let (velocities, velocity) = self.velocity.as_chunks_mut::<LANES>();
        for ((theta, gradient), velocity) in thetas.iter_mut().zip(gradients).zip(velocities) {
            let before = [simd.load(theta), simd.load(gradient), simd.load(velocity)];
            let [t, v] = eight(simd, self.hyper, before);
            simd.store(t, theta);
            simd.store(v, velocity);
        }
        let rest = [
            simd.load_part(theta),
            simd.load_part(gradient),
            simd.load_part(velocity),
        ];
        let [t, v] = eight(simd, self.hyper, rest);
        simd.store_part(t, theta);
        simd.store_part(v, velocity);
    }
}

/// Parameters and velocities after a step, from those before and the gradient.
#[inline(always)]
fn eight<S: Simd>(simd: S, hyper: &Hyper, [t, g, v]: [S::V; 3]) -> [S::V; 2] {
    let momentum = simd.splat(hyper.momentum as f32);
    let g = simd.mul_add(simd.splat(hyper.weight_decay as f32), t, g);
    let v = simd.flush(simd.mul_add(momentum, v, g));
    let step = if hyper.nesterov {
        simd.mul_add(momentum, v, g)
    } else {
        v
    };
    [simd.sub(t, simd.mul(simd.splat(hyper.lr as f32), step)), v]
}
