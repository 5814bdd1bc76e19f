//! Batch normalisation over the channels of images (Ioffe & Szegedy 2015): in
//! training by the batch's own mean and variance, in evaluation by given ones.

mod cpu;
#[cfg(test)]
mod tests;

use std::sync::{Arc, OnceLock};

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, WithDType};

use crate::ShapeError;
use crate::grad_mode::records;
use crate::storage::{Element, dispatch, values, with_values};

const OP: &str = "batch_norm2d";

/// What training mode makes of a batch.
#[derive(Clone, Debug)]
pub struct Normalized {
    /// `[N, C, H, W]`.
    pub y: Tensor,
    /// The batch's mean of each channel, `[C]`, not tracked.
    pub mean: Tensor,
    /// Its biased variance, `[C]`, not tracked.
    pub variance: Tensor,
}

/// `y = (x - mean) / √(variance + eps) · weight + bias`, channel by channel, with
/// mean and variance of the batch. `x: [N, C, H, W]`, `weight: [C]`, `bias: [C]`.
///
/// # Errors
/// Shapes that do not fit, or a single value per channel, of which there is no
/// variance.
pub fn train(x: &Tensor, weight: &Tensor, bias: &Tensor, eps: f64) -> Result<Normalized> {
    let sizes = Sizes::of(x, weight, bias)?;
    if sizes.per_channel() < 2 {
        return Err(ShapeError::Other {
            op: OP,
            expected: "more than one value per channel in training mode".to_owned(),
            got: format!("{:?}: use a larger batch, or evaluation mode", x.dims()),
        }
        .into());
    }
    if !x.device().is_cpu() {
        return composed(x, weight, bias, eps);
    }
    let (x, weight, bias) = (x.contiguous()?, weight.contiguous()?, bias.contiguous()?);
    let statistics = Arc::new(OnceLock::new());
    let op = Train {
        sizes,
        eps,
        statistics: statistics.clone(),
    };
    let y = if records(&[&x, &weight, &bias]) {
        x.apply_op3(&weight, &bias, op)?
    } else {
        x.apply_op3_no_bwd(&weight, &bias, &op)?
    };
    let (mean, variance) = statistics.get().cloned().unwrap_or_default();
    let tensor = |v: Vec<f64>| Tensor::from_vec(v, sizes.channels, x.device())?.to_dtype(x.dtype());
    Ok(Normalized {
        y,
        mean: tensor(mean)?,
        variance: tensor(variance)?,
    })
}

/// The same with a given mean and variance, both `[C]`.
///
/// # Errors
/// Shapes that do not fit.
pub fn evaluate(
    x: &Tensor,
    (mean, variance): (&Tensor, &Tensor),
    weight: &Tensor,
    bias: &Tensor,
    eps: f64,
) -> Result<Tensor> {
    let sizes = Sizes::of(x, weight, bias)?;
    let scale = (weight / (variance + eps)?.sqrt()?)?;
    let shift = (bias - (mean * &scale)?)?;
    if !x.device().is_cpu() {
        let per_channel = |t: &Tensor| t.reshape((1, sizes.channels, 1, 1));
        return x
            .broadcast_mul(&per_channel(&scale)?)?
            .broadcast_add(&per_channel(&shift)?);
    }
    let (x, scale, shift) = (x.contiguous()?, scale.contiguous()?, shift.contiguous()?);
    if records(&[&x, &scale, &shift]) {
        x.apply_op3(&scale, &shift, Affine(sizes))
    } else {
        x.apply_op3_no_bwd(&scale, &shift, &Affine(sizes))
    }
}

/// Training mode from candle's operations, whose own gradients then hold.
fn composed(x: &Tensor, weight: &Tensor, bias: &Tensor, eps: f64) -> Result<Normalized> {
    let channels = weight.elem_count();
    let per_channel = |t: &Tensor| t.reshape((1, channels, 1, 1));
    let mean_of = |t: &Tensor| t.transpose(0, 1)?.flatten_from(1)?.mean(1);
    let mean = mean_of(x)?;
    let centred = x.broadcast_sub(&per_channel(&mean)?)?;
    let variance = mean_of(&centred.sqr()?)?;
    let scale = (weight / (&variance + eps)?.sqrt()?)?;
    let y = centred
        .broadcast_mul(&per_channel(&scale)?)?
        .broadcast_add(&per_channel(bias)?)?;
    Ok(Normalized {
        y,
        mean: mean.detach(),
        variance: variance.detach(),
    })
}

/// The sizes that the kernels walk over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) batch: usize,
    pub(crate) channels: usize,
    /// `H · W`.
    pub(crate) plane: usize,
}

impl Sizes {
    fn of(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Self> {
        let &[batch, channels, height, width] = x.dims() else {
            return Err(ShapeError::Rank {
                op: OP,
                expected: "input [N, C, H, W]",
                got: x.dims().to_vec(),
            }
            .into());
        };
        if weight.dims() != [channels] {
            return Err(ShapeError::Channels {
                op: OP,
                axis: "channels",
                got: channels,
                expected: weight.elem_count(),
                weight: weight.dims().to_vec(),
            }
            .into());
        }
        if bias.dims() != [channels] {
            return Err(ShapeError::Bias {
                op: OP,
                bias: bias.dims().to_vec(),
                expected: channels,
            }
            .into());
        }
        Ok(Self {
            batch,
            channels,
            plane: height * width,
        })
    }

    /// Values that a channel has in the batch.
    pub(crate) fn per_channel(&self) -> usize {
        self.batch * self.plane
    }
}

struct Train {
    sizes: Sizes,
    eps: f64,
    /// Mean and biased variance of each channel; forward leaves them.
    statistics: Arc<OnceLock<(Vec<f64>, Vec<f64>)>>,
}

impl CustomOp3 for Train {
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
        dispatch!(x.dtype(), OP, T => {
            let x = values::<T>(x, x_layout, OP)?;
            let weight = wide(values::<T>(weight, weight_layout, OP)?);
            let bias = wide(values::<T>(bias, bias_layout, OP)?);
            let (mean, variance) = cpu::statistics(x, &self.sizes);
            let (scale, shift) = cpu::scale_shift(&mean, &variance, &weight, &bias, self.eps);
            let y = cpu::affine(x, &scale, &shift, &self.sizes);
            // The op is new for each call, so nothing was there before.
            let _ = self.statistics.set((mean, variance));
            Ok((T::to_cpu_storage_owned(y), x_layout.shape().clone()))
        })
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        _y: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (mean, variance) = self.statistics.get().cloned().unwrap_or_default();
        dispatch!(x.dtype(), OP, T => {
            let weights = with_values::<T, _>(weight, OP, wide)?;
            let (dx, dweight, dbias) = with_values::<T, _>(x, OP, |x| with_values::<T, _>(grad, OP, |grad| {
                cpu::backward(x, grad, (&mean, &variance), &weights, self.eps, &self.sizes)
            }))??;
            tensors::<T>((x, dx), (weight, dweight), (bias, dbias))
        })
    }
}

/// `y = x · scale + shift`, channel by channel.
struct Affine(Sizes);

impl CustomOp3 for Affine {
    fn name(&self) -> &'static str {
        OP
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        scale: &CpuStorage,
        scale_layout: &Layout,
        shift: &CpuStorage,
        shift_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        dispatch!(x.dtype(), OP, T => {
            let scale = wide(values::<T>(scale, scale_layout, OP)?);
            let shift = wide(values::<T>(shift, shift_layout, OP)?);
            let y = cpu::affine(values::<T>(x, x_layout, OP)?, &scale, &shift, &self.0);
            Ok((T::to_cpu_storage_owned(y), x_layout.shape().clone()))
        })
    }

    fn bwd(
        &self,
        x: &Tensor,
        scale: &Tensor,
        shift: &Tensor,
        _y: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        dispatch!(x.dtype(), OP, T => {
            let scales = with_values::<T, _>(scale, OP, wide)?;
            let zeros = vec![0.0; self.0.channels];
            let (dx, (dscale, dshift)) = with_values::<T, _>(x, OP, |x| with_values::<T, _>(grad, OP, |grad| {
                (cpu::affine(grad, &scales, &zeros, &self.0), cpu::sums(x, grad, &zeros, &self.0))
            }))??;
            tensors::<T>((x, dx), (scale, dscale), (shift, dshift))
        })
    }
}

fn wide<T: Element>(values: &[T]) -> Vec<f64> {
    values.iter().map(|&v| WithDType::to_f64(v)).collect()
}

/// Three gradients, each in the shape of what it is of.
type Three = (Option<Tensor>, Option<Tensor>, Option<Tensor>);

fn tensors<T: Element>(
    (x, dx): (&Tensor, Vec<T>),
    (a, da): (&Tensor, Vec<f64>),
    (b, db): (&Tensor, Vec<f64>),
) -> Result<Three> {
    let small = |like: &Tensor, v: Vec<f64>| {
        Tensor::from_vec(v, like.shape(), like.device())?.to_dtype(like.dtype())
    };
    Ok((
        Some(Tensor::from_vec(dx, x.shape(), x.device())?),
        Some(small(a, da)?),
        Some(small(b, db)?),
    ))
}
