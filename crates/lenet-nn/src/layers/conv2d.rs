//! A convolution over images, with bias.

use candle_core::{Result, Tensor};
use candle_nn::{Module, VarBuilder};
use lenet_tensor::ShapeError;
use lenet_tensor::conv2d::{Conv2dOptions, conv2d};
use lenet_tensor::geometry::Conv2dGeometry;

use super::{Layer, batched};
use crate::fuse::Part;
use crate::init::torch_default;
use crate::operator::Operator;

/// PyTorch's `nn.Conv2d`: `[N, C_in, H, W]` → `[N, C_out, H', W']`, parameters
/// `weight [C_out, C_in / groups, KH, KW]` and `bias [C_out]`.
#[derive(Clone, Debug)]
pub struct Conv2d {
    weight: Tensor,
    bias: Tensor,
    options: Conv2dOptions,
}

impl Conv2d {
    /// A square kernel at stride 1 without padding.
    ///
    /// # Errors
    /// Those of the builder, for example another shape under the same name.
    pub fn new(
        in_channels: usize,
        out_channels: usize,
        kernel_size: usize,
        vb: VarBuilder<'_>,
    ) -> Result<Self> {
        let options = Conv2dOptions::default();
        Self::with_options(in_channels, out_channels, [kernel_size; 2], options, vb)
    }

    /// Any kernel `[KH, KW]`, stride, padding, dilation and groups.
    ///
    /// # Errors
    /// Groups that do not divide the channels, or those of the builder.
    pub fn with_options(
        in_channels: usize,
        out_channels: usize,
        [height, width]: [usize; 2],
        options: Conv2dOptions,
        vb: VarBuilder<'_>,
    ) -> Result<Self> {
        let groups = options.groups.max(1);
        let shape = [out_channels, in_channels / groups, height, width];
        // The smallest input that the kernel fits tells whether the rest does.
        let span = |axis: usize, kernel: usize| options.dilation[axis].saturating_mul(kernel);
        let input = [1, in_channels, span(0, height), span(1, width)];
        Conv2dGeometry::new(&input, &shape, options)?;
        let init = torch_default(shape[1..].iter().product());
        Ok(Self {
            weight: vb.get_with_hints(&shape, "weight", init)?,
            bias: vb.get_with_hints(out_channels, "bias", init)?,
            options,
        })
    }

    /// `[C_out, C_in / groups, KH, KW]`.
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// `[C_out]`.
    pub fn bias(&self) -> &Tensor {
        &self.bias
    }

    /// Stride, padding, dilation and groups.
    pub fn options(&self) -> Conv2dOptions {
        self.options
    }
}

impl Module for Conv2d {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        conv2d(x, &self.weight, Some(&self.bias), self.options)
    }
}

impl Layer for Conv2d {
    fn describe(&self) -> String {
        let plain = Conv2dOptions::default();
        let [out_channels, group_in, height, width] = *self.weight.dims() else {
            return "Conv2d".to_owned();
        };
        let mut settings = format!("Conv2d({}, {out_channels}", group_in * self.options.groups);
        settings += &format!(", kernel_size={}", pair([height, width]));
        if self.options.stride != plain.stride {
            settings += &format!(", stride={}", pair(self.options.stride));
        }
        if self.options.padding != plain.padding {
            settings += &format!(", padding={}", pair(self.options.padding));
        }
        if self.options.dilation != plain.dilation {
            settings += &format!(", dilation={}", pair(self.options.dilation));
        }
        if self.options.groups != 1 {
            settings += &format!(", groups={}", self.options.groups);
        }
        settings + ")"
    }

    fn operator(&self) -> Operator {
        Operator::Conv2d(self.options)
    }

    fn output_shape(&self, input: &[usize]) -> std::result::Result<Vec<usize>, ShapeError> {
        let geometry = Conv2dGeometry::new(&batched(input), self.weight.dims(), self.options)?;
        Ok(geometry.output_shape()[1..].to_vec())
    }

    fn part(&self) -> Part<'_> {
        Part::Conv2d(self)
    }
}

/// `5` for `[5, 5]`, else `(5, 3)`.
pub(super) fn pair([down, right]: [usize; 2]) -> String {
    if down == right {
        down.to_string()
    } else {
        format!("({down}, {right})")
    }
}
