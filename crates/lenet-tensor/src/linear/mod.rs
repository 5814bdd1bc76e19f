//! The fully connected layer, `y = x·Wᵀ + b`.

mod cpu;
#[doc(hidden)]
pub mod reference;
#[cfg(test)]
mod tests;

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp3, DType, Layout, Result, Shape, Tensor, WithDType};

use crate::ShapeError;
use crate::grad_mode::{read, records};
use crate::simd::level;
use crate::storage::{dispatch, values, with_values};

const OP: &str = "linear";

/// `x: [N, in]`, `weight: [out, in]`, `bias: [out]` → `[N, out]`; leading axes
/// before the last are kept as they are.
///
/// # Errors
/// Features that differ from the weight's, a dtype other than f32 and f64.
pub fn linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    product(x, weight, bias, false)
}

/// `relu(linear(x, weight, bias))` as one operation.
///
/// # Errors
/// As [`linear`].
pub fn linear_relu(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    product(x, weight, bias, true)
}

fn product(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, relu: bool) -> Result<Tensor> {
    let (out, expected) = weight.dims2()?;
    let Some((&got, leading)) = x.dims().split_last() else {
        return Err(ShapeError::Rank {
            op: OP,
            expected: "input [N, in]",
            got: vec![],
        }
        .into());
    };
    if got != expected {
        return Err(ShapeError::Channels {
            op: OP,
            axis: "features",
            got,
            expected,
            weight: weight.dims().to_vec(),
        }
        .into());
    }
    if let Some(bias) = bias
        && bias.dims() != [out]
    {
        return Err(ShapeError::Bias {
            op: OP,
            bias: bias.dims().to_vec(),
            expected: out,
        }
        .into());
    }
    let rows: usize = leading.iter().product();
    let sizes = Sizes {
        rows,
        inputs: expected,
        outputs: out,
        relu,
    };
    let flat;
    let x = if leading.len() == 1 {
        x
    } else {
        flat = x.reshape((rows, expected))?;
        &flat
    };
    let zeros = || Tensor::zeros(out, x.dtype(), x.device());
    let bias = bias.map_or_else(zeros, |bias| bias.contiguous())?;
    let y = if x.device().is_cpu() {
        let (x, weight) = (x.contiguous()?, weight.contiguous()?);
        if records(&[&x, &weight, &bias]) {
            x.apply_op3(&weight, &bias, Linear(sizes))?
        } else {
            x.apply_op3_no_bwd(&weight, &bias, &Linear(sizes))?
        }
    } else {
        let y = x.matmul(&read(weight).t()?)?.broadcast_add(&read(&bias))?;
        if relu { crate::relu::relu(&y)? } else { y }
    };
    if leading.len() == 1 {
        return Ok(y);
    }
    let shape: Vec<usize> = leading.iter().copied().chain([out]).collect();
    y.reshape(shape)
}

/// What a product is made by.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// N.
    pub rows: usize,
    /// Features of the input.
    pub inputs: usize,
    /// Features of the output.
    pub outputs: usize,
    /// Whether a ReLU follows.
    pub relu: bool,
}

/// What a backward pass yields.
#[derive(Debug)]
pub struct Gradients<T> {
    /// Of the input `[N, in]`, where it was asked for.
    pub x: Option<Vec<T>>,
    /// Of the weight `[out, in]`.
    pub weight: Vec<T>,
    /// Of the bias `[out]`.
    pub bias: Vec<T>,
}

struct Linear(Sizes);

impl CustomOp3 for Linear {
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
                self.0,
            )),
            _ => dispatch!(x.dtype(), OP, T => Ok(T::to_cpu_storage_owned(reference::forward::<T>(
                values(x, x_layout, OP)?,
                values(weight, weight_layout, OP)?,
                values(bias, bias_layout, OP)?,
                self.0,
            ))))?,
        };
        Ok((y, Shape::from((self.0.rows, self.0.outputs))))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        y: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let gated;
        let grad = if self.0.relu {
            gated = crate::relu::gradient(y, grad)?;
            &gated
        } else {
            grad
        };
        let (device, needs_dx) = (x.device(), x.track_op());
        dispatch!(x.dtype(), OP, T => {
            let gradients = with_values::<T, _>(x, OP, |x| {
                with_values::<T, _>(weight, OP, |weight| {
                    with_values::<T, _>(grad, OP, |grad| {
                        T::linear_backward(x, weight, grad, self.0, needs_dx)
                    })
                })
            })???;
            let dx = gradients.x.map(|dx| Tensor::from_vec(dx, x.shape(), device));
            let dweight = Tensor::from_vec(gradients.weight, weight.shape(), device)?;
            let dbias = Tensor::from_vec(gradients.bias, bias.shape(), device)?;
            Ok((dx.transpose()?, Some(dweight), Some(dbias)))
        })
    }
}

/// The kernel for an element type: tuned for f32, the reference for f64.
trait Backward: Sized {
    fn linear_backward(
        x: &[Self],
        weight: &[Self],
        grad: &[Self],
        sizes: Sizes,
        needs_dx: bool,
    ) -> Gradients<Self>;
}

impl Backward for f32 {
    fn linear_backward(
        x: &[f32],
        weight: &[f32],
        grad: &[f32],
        sizes: Sizes,
        needs_dx: bool,
    ) -> Gradients<f32> {
        cpu::backward(level(), x, weight, grad, sizes, needs_dx)
    }
}

impl Backward for f64 {
    fn linear_backward(
        x: &[f64],
        weight: &[f64],
        grad: &[f64],
        sizes: Sizes,
        needs_dx: bool,
    ) -> Gradients<f64> {
        reference::backward(x, weight, grad, sizes, needs_dx)
    }
}
