//! Convolution, ReLU and max-pooling as one operation: what the three do one after
//! the other, without writing the maps between them, and with a gradient that
//! visits only the cells it reaches.

mod backward;
mod forward;
mod layout;
mod sparse;
#[cfg(test)]
mod tests;

use std::sync::OnceLock;

use candle_core::{
    CpuStorage, CustomOp3, DType, Layout, Result, Shape, Tensor, ToUsize2, WithDType,
};

use crate::conv2d::direct::Plan;
use crate::conv2d::{Conv2dOptions, conv2d};
use crate::geometry::{Conv2dGeometry, Pool2dGeometry};
use crate::grad_mode::records;
use crate::max_pool2d::max_pool2d;
use crate::relu::relu;
use crate::simd::{LANES, level};
use crate::storage::{values, with_values};

const OP: &str = "conv2d_relu_max_pool2d";

/// `max_pool2d(relu(conv2d(x, weight, bias)))`.
///
/// - `x: [N, C_in, H, W]`
/// - `weight: [C_out, C_in / groups, KH, KW]`
/// - `bias: [C_out]`
/// - → `[N, C_out, PH, PW]`, the sizes those of the three operations
///
/// One kernel serves f32 on the CPU at stride 1, one group, without horizontal
/// dilation, under a 2×2 pool at stride 2 that makes maps of at least four columns.
/// Everything else takes the three operations, with the same result within the
/// rounding of the sums.
///
/// # Errors
/// Those of the three operations.
pub fn conv2d_relu_max_pool2d(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    options: Conv2dOptions,
    pool_kernel: impl ToUsize2,
    pool_stride: impl ToUsize2,
) -> Result<Tensor> {
    let (kernel, stride) = (pool_kernel.to_usize2(), pool_stride.to_usize2());
    let on_cpu = x.device().is_cpu() && [x, weight, bias].iter().all(|t| t.dtype() == DType::F32);
    let conv = Conv2dGeometry::new(x.dims(), weight.dims(), options)?;
    let pool = Pool2dGeometry::new(
        crate::max_pool2d::OP,
        &conv.output_shape(),
        kernel.into(),
        stride.into(),
    )?;
    match Fused::new(conv, &pool) {
        Some(fused) if on_cpu && bias.dims() == [conv.out_channels] => {
            let (x, weight, bias) = (x.contiguous()?, weight.contiguous()?, bias.contiguous()?);
            let records = records(&[&x, &weight, &bias]);
            let op = Op {
                fused,
                keep: records,
                cells: OnceLock::new(),
            };
            if records {
                x.apply_op3(&weight, &bias, op)
            } else {
                x.apply_op3_no_bwd(&weight, &bias, &op)
            }
        }
        _ => max_pool2d(
            &relu(&conv2d(x, weight, Some(bias), options)?)?,
            kernel,
            stride,
        ),
    }
}

/// The geometry that the kernel takes.
#[derive(Clone, Debug)]
struct Fused {
    conv: Conv2dGeometry,
    /// `[PH, PW]`.
    pooled: [usize; 2],
}

impl Fused {
    fn new(conv: Conv2dGeometry, pool: &Pool2dGeometry) -> Option<Self> {
        let o = conv.options;
        let padded = [0, 1].map(|axis| conv.input[axis] + 2 * o.padding[axis]);
        let fits = o.stride == [1; 2]
            && o.groups == 1
            && o.dilation[1] == 1
            && pool.kernel == [2; 2]
            && pool.stride == [2; 2]
            && 2 * pool.output[1] >= LANES
            // Places in a padded image, and kernels in the weight, are kept in 32 bits;
            // a kernel's rows are filled up to whole vectors, of 16 values at most.
            && fits_32_bits([padded[0], padded[1], conv.in_channels])
            && fits_32_bits([
                conv.out_channels,
                conv.kernel[0],
                (conv.kernel[1] * conv.in_channels).saturating_add(15),
            ]);
        fits.then_some(Self {
            conv,
            pooled: pool.output,
        })
    }

    /// Windows of the pool in a map.
    fn windows(&self) -> usize {
        self.pooled[0] * self.pooled[1]
    }
}

fn fits_32_bits(sizes: [usize; 3]) -> bool {
    let product = sizes.into_iter().try_fold(1u32, |product, size| {
        product.checked_mul(u32::try_from(size).ok()?)
    });
    product.is_some()
}

struct Op {
    fused: Fused,
    /// Whether backward may come.
    keep: bool,
    /// Which cell each maximum came from; forward leaves it for backward.
    cells: OnceLock<Vec<u8>>,
}

impl CustomOp3 for Op {
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
        let g = &self.fused.conv;
        let weight = values::<f32>(weight, weight_layout, OP)?;
        let bias = values::<f32>(bias, bias_layout, OP)?;
        let Some(plan) = Plan::new(weight, bias, g) else {
            return Err(candle_core::Error::Msg(format!("{OP}: no kernel for {g:?}")).bt());
        };
        let x = values::<f32>(x, x_layout, OP)?;
        let (y, cells) = forward::forward(level(), x, &plan, &self.fused, self.keep);
        // Once per op: each call makes a new one.
        let _ = self.cells.set(cells);
        let shape = [
            g.batch,
            g.out_channels,
            self.fused.pooled[0],
            self.fused.pooled[1],
        ];
        Ok((f32::to_cpu_storage_owned(y), Shape::from_dims(&shape)))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        _y: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let Some(cells) = self.cells.get() else {
            return Err(candle_core::Error::Msg(format!("{OP}: backward before forward")).bt());
        };
        let device = x.device();
        let gradients = with_values::<f32, _>(x, OP, |x_values| {
            with_values::<f32, _>(weight, OP, |weight| {
                with_values::<f32, _>(grad, OP, |grad| {
                    let needs_dx = x.track_op();
                    backward::backward(
                        level(),
                        x_values,
                        weight,
                        cells,
                        grad,
                        &self.fused,
                        needs_dx,
                    )
                })
            })
        })???;
        let dx = gradients
            .x
            .map(|dx| Tensor::from_vec(dx, x.shape(), device));
        Ok((
            dx.transpose()?,
            Some(Tensor::from_vec(gradients.weight, weight.shape(), device)?),
            Some(Tensor::from_vec(gradients.bias, bias.shape(), device)?),
        ))
    }
}
