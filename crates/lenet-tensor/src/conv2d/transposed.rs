//! The input's gradient as a convolution of its own: at stride 1 each input cell gathers
//! from the outputs through the kernel turned by 180°, with input and output channels
//! exchanged (Dumoulin & Visin 2016, "A guide to convolution arithmetic", 4.2).

use super::direct::{self, Plan};
use crate::geometry::{Conv2dGeometry, Conv2dOptions};
use crate::simd::Level;

/// `None` where another way has to be taken.
pub(super) fn input_gradient(
    level: Level,
    weight: &[f32],
    grad: &[f32],
    g: &Conv2dGeometry,
) -> Option<Vec<f32>> {
    let gathering = gathering(g)?;
    let bias = vec![0.0; g.in_channels];
    let plan = Plan::new(&turned(weight, g), &bias, &gathering)?;
    Some(direct::forward(level, grad, &plan, &gathering))
}

/// The convolution from the outputs to the inputs.
fn gathering(g: &Conv2dGeometry) -> Option<Conv2dGeometry> {
    let o = g.options;
    if o.stride != [1; 2] || o.groups != 1 {
        return None;
    }
    // Cells of padding beyond the kernel's reach are no inputs.
    let reach = |axis: usize| o.dilation[axis] * (g.kernel[axis] - 1);
    let padding = [
        reach(0).checked_sub(o.padding[0])?,
        reach(1).checked_sub(o.padding[1])?,
    ];
    let outputs = [g.batch, g.out_channels, g.output[0], g.output[1]];
    let weight = [g.in_channels, g.out_channels, g.kernel[0], g.kernel[1]];
    let options = Conv2dOptions { padding, ..o };
    Conv2dGeometry::new(&outputs, &weight, options).ok()
}

/// `[C_out, C_in, KH, KW]` → `[C_in, C_out, KH, KW]`, each kernel turned by 180°.
fn turned(weight: &[f32], g: &Conv2dGeometry) -> Vec<f32> {
    let taps = g.kernel[0] * g.kernel[1];
    let mut turned = vec![0.0; weight.len()];
    for (at, kernel) in weight.chunks_exact(taps).enumerate() {
        let (output, input) = (at / g.in_channels, at % g.in_channels);
        let to = &mut turned[(input * g.out_channels + output) * taps..][..taps];
        for (to, from) in to.iter_mut().zip(kernel.iter().rev()) {
            *to = *from;
        }
    }
    turned
}
