//! The kernel for f32: four slices walked together without a bound check, which
//! the compiler turns into vectors. Square root and division stay exact.

use super::Coefficients;

/// As [`super::reference::step`], with the coefficients made already. All slices
/// have the same length.
pub(super) fn step(
    theta: &mut [f32],
    gradient: &[f32],
    first: &mut [f32],
    second: &mut [f32],
    c: &Coefficients<f32>,
) {
    let (rest1, rest2) = (1.0 - c.beta1, 1.0 - c.beta2);
    let moments = first.iter_mut().zip(second);
    for ((theta, &gradient), (m, v)) in theta.iter_mut().zip(gradient).zip(moments) {
        let kept = *theta * c.shrink;
        let g = gradient + c.coupled * kept;
        *m = c.beta1 * *m + rest1 * g;
        *v = c.beta2 * *v + rest2 * g * g;
        *theta = kept - c.step_size * (*m / (v.sqrt() / c.root_correction2 + c.eps));
    }
}
