//! Two-dimensional convolution (cross-correlation, as in PyTorch) with its bias,
//! any stride, padding, dilation and groups. Forward and backward are our own on
//! the CPU; an input that is not tracked costs no gradient.

mod cpu;
pub(crate) mod direct;
#[doc(hidden)]
pub mod reference;
#[cfg(test)]
mod tests;
mod transposed;

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp3, DType, Layout, Result, Shape, Tensor, WithDType};

use crate::ShapeError;
use crate::geometry::Conv2dGeometry;
pub use crate::geometry::Conv2dOptions;
use crate::grad_mode::{read, records};
use crate::simd::level;
use crate::storage::{dispatch, values, with_values};

const OP: &str = "conv2d";

/// `y[n, o] = bias[o] + Σ_c weight[o, c] ⋆ x[n, c]`.
///
/// - `x: [N, C_in, H, W]`
/// - `weight: [C_out, C_in / groups, KH, KW]`
/// - `bias: [C_out]`
/// - → `[N, C_out, H', W']`, `H' = (H + 2·padding - dilation·(KH - 1) - 1) / stride + 1`
///
/// # Errors
/// Shapes that do not fit together, a dtype other than f32 and f64.
pub fn conv2d(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    options: Conv2dOptions,
) -> Result<Tensor> {
    let geometry = Conv2dGeometry::new(x.dims(), weight.dims(), options)?;
    if let Some(bias) = bias
        && bias.dims() != [geometry.out_channels]
    {
        return Err(ShapeError::Bias {
            op: OP,
            bias: bias.dims().to_vec(),
            expected: geometry.out_channels,
        }
        .into());
    }
    let zeros = || Tensor::zeros(geometry.out_channels, x.dtype(), x.device());
    let bias = bias.map_or_else(zeros, |bias| bias.contiguous())?;
    if !x.device().is_cpu() {
        return composed(x, &read(weight), &read(&bias), &geometry);
    }
    let (x, weight) = (x.contiguous()?, weight.contiguous()?);
    if records(&[&x, &weight, &bias]) {
        x.apply_op3(&weight, &bias, Conv2d(geometry))
    } else {
        x.apply_op3_no_bwd(&weight, &bias, &Conv2d(geometry))
    }
}

/// The same through candle's own convolution, for other devices. candle takes
/// one stride, padding and dilation for both axes.
fn composed(x: &Tensor, weight: &Tensor, bias: &Tensor, g: &Conv2dGeometry) -> Result<Tensor> {
    let both = |what: &'static str, [down, right]: [usize; 2]| {
        if down == right {
            return Ok(down);
        }
        Err(ShapeError::Other {
            op: OP,
            expected: format!("the same {what} on both axes (this device knows no other)"),
            got: format!("[{down}, {right}]"),
        })
    };
    let stride = both("stride", g.options.stride)?;
    let padding = both("padding", g.options.padding)?;
    let dilation = both("dilation", g.options.dilation)?;
    x.conv2d(weight, padding, stride, dilation, g.options.groups)?
        .broadcast_add(&bias.reshape((1, (), 1, 1))?)
}

struct Conv2d(Conv2dGeometry);

impl CustomOp3 for Conv2d {
    fn name(&self) -> &'static str {
        OP
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let y = match x.dtype() {
            DType::F32 => f32::to_cpu_storage_owned(cpu::forward(
                level(),
                values(x, x_layout, OP)?,
                values(weight, weight_layout, OP)?,
                values(bias, bias_layout, OP)?,
                &self.0,
            )),
            _ => dispatch!(x.dtype(), OP, T => Ok(T::to_cpu_storage_owned(reference::forward::<T>(
                values(x, x_layout, OP)?,
                values(weight, weight_layout, OP)?,
                values(bias, bias_layout, OP)?,
                &self.0,
            ))))?,
        };
        Ok((y, Shape::from_dims(&self.0.output_shape())))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        _y: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let g = &self.0;
        let device = x.device();
        let (dx, dweight, dbias) = dispatch!(x.dtype(), OP, T => {
            with_values::<T, _>(x, OP, |x_values| with_values::<T, _>(weight, OP, |weight_values| with_values::<T, _>(grad, OP, |grad| {
                let gradients = T::conv2d_backward(x_values, weight_values, grad, g, x.track_op());
                let dx = gradients.x.map(|dx| Tensor::from_vec(dx, x.shape(), device)).transpose()?;
                let dweight = Tensor::from_vec(gradients.weight, weight.shape(), device)?;
                let dbias = Tensor::from_vec(gradients.bias, bias.shape(), device)?;
                Ok((dx, dweight, dbias))
            })))???
        })?;
        Ok((dx, Some(dweight), Some(dbias)))
    }
}

/// What a backward pass yields.
#[derive(Debug)]
pub struct Gradients<T> {
    /// Of the input `[N, C_in, H, W]`, where it was asked for.
    pub x: Option<Vec<T>>,
    /// Of the weight `[C_out, C_in / groups, KH, KW]`.
    pub weight: Vec<T>,
    /// Of the bias `[C_out]`.
    pub bias: Vec<T>,
}

/// The kernel for an element type: tuned for f32, the reference for f64.
trait Backward: Sized {
    fn conv2d_backward(
        x: &[Self],
        weight: &[Self],
        grad: &[Self],
        g: &Conv2dGeometry,
        needs_dx: bool,
    ) -> Gradients<Self>;
}

impl Backward for f32 {
    fn conv2d_backward(
        x: &[f32],
        weight: &[f32],
        grad: &[f32],
        g: &Conv2dGeometry,
        needs_dx: bool,
    ) -> Gradients<f32> {
        cpu::backward(level(), x, weight, grad, g, needs_dx)
    }
}

impl Backward for f64 {
    fn conv2d_backward(
        x: &[f64],
        weight: &[f64],
        grad: &[f64],
        g: &Conv2dGeometry,
        needs_dx: bool,
    ) -> Gradients<f64> {
        reference::backward(x, weight, grad, g, needs_dx)
    }
}
