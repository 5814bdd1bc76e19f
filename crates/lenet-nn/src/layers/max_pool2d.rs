//! Pooling: the largest value of each window.

use candle_core::{Result, Tensor, ToUsize2};
use candle_nn::Module;
use lenet_tensor::ShapeError;
use lenet_tensor::geometry::Pool2dGeometry;
use lenet_tensor::max_pool2d::max_pool2d;

use super::{Layer, batched, conv2d::pair};
use crate::fuse::Part;
use crate::operator::Operator;

/// PyTorch's `nn.MaxPool2d` without padding: `[N, C, H, W]` → `[N, C, H', W']`.
#[derive(Clone, Copy, Debug)]
pub struct MaxPool2d {
    kernel: [usize; 2],
    stride: [usize; 2],
}

impl MaxPool2d {
    /// A window of `kernel_size`, moved by `stride`: a number for both axes or a
    /// pair `(down, right)`.
    pub fn new(kernel_size: impl ToUsize2, stride: impl ToUsize2) -> Self {
        Self {
            kernel: kernel_size.to_usize2().into(),
            stride: stride.to_usize2().into(),
        }
    }

    /// The window, `[down, right]`.
    pub fn kernel(&self) -> [usize; 2] {
        self.kernel
    }

    /// Its steps, `[down, right]`.
    pub fn stride(&self) -> [usize; 2] {
        self.stride
    }
}

impl Module for MaxPool2d {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let [kh, kw] = self.kernel;
        let [down, right] = self.stride;
        max_pool2d(x, (kh, kw), (down, right))
    }
}

impl Layer for MaxPool2d {
    fn describe(&self) -> String {
        let (kernel, stride) = (pair(self.kernel), pair(self.stride));
        format!("MaxPool2d(kernel_size={kernel}, stride={stride})")
    }

    fn operator(&self) -> Operator {
        Operator::MaxPool2d {
            kernel: self.kernel,
            stride: self.stride,
        }
    }

    fn output_shape(&self, input: &[usize]) -> std::result::Result<Vec<usize>, ShapeError> {
        let input = batched(input);
        let geometry = Pool2dGeometry::new("max_pool2d", &input, self.kernel, self.stride)?;
        Ok(geometry.output_shape()[1..].to_vec())
    }

    fn part(&self) -> Part<'_> {
        Part::MaxPool2d(self)
    }
}
