//! A pooling's windows as tensors, one tensor per tap of the kernel: the way to
//! compose a pooling and its gradient from candle's operations on any device.

use candle_core::{Result, Tensor};

use crate::geometry::Pool2dGeometry;

/// The rows and columns of the input that tap `(i, j)` of every window reads.
struct Tap {
    rows: Tensor,
    cols: Tensor,
}

/// All taps of the kernel, row by row.
pub(crate) struct Windows(Vec<Tap>);

impl Windows {
    pub(crate) fn new(geometry: &Pool2dGeometry, like: &Tensor) -> Result<Self> {
        let places = |axis: usize, tap: usize| {
            let places: Vec<u32> = (0..geometry.output[axis])
                .map(|o| (o * geometry.stride[axis] + tap) as u32)
                .collect();
            Tensor::new(places, like.device())
        };
        let mut taps = Vec::with_capacity(geometry.kernel[0] * geometry.kernel[1]);
        for i in 0..geometry.kernel[0] {
            for j in 0..geometry.kernel[1] {
                taps.push(Tap {
                    rows: places(0, i)?,
                    cols: places(1, j)?,
                });
            }
        }
        Ok(Self(taps))
    }

    /// What each tap sees of `x` `[N, C, H, W]`: `[N, C, H', W']` a tap.
    pub(crate) fn gather(&self, x: &Tensor) -> impl Iterator<Item = Result<Tensor>> {
        self.0.iter().map(move |tap| {
            x.index_select(&tap.rows, 2)?
                .contiguous()?
                .index_select(&tap.cols, 3)
        })
    }

    /// Adds `values` `[N, C, H', W']` at the cells of `x` that tap `n` sees.
    pub(crate) fn scatter_add(&self, x: &Tensor, n: usize, values: &Tensor) -> Result<Tensor> {
        let (batch, channels, _, width) = x.dims4()?;
        let Tap { rows, cols } = &self.0[n];
        let wide = Tensor::zeros(
            (batch, channels, rows.elem_count(), width),
            x.dtype(),
            x.device(),
        )?
        .index_add(cols, &values.contiguous()?, 3)?;
        x.index_add(rows, &wide, 2)
    }
}
