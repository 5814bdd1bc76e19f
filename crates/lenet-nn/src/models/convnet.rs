//! A smaller classic of the tutorials: two convolutions, two fully connected
//! layers, log-softmax at the end; it is trained with the negative log-likelihood.

use candle_core::{D, Result, Tensor};
use candle_nn::{Module, VarBuilder};

use super::{CLASSES, Model};
use crate::fuse::{conv2d_relu_max_pool2d, linear_relu};
use crate::layers::{Conv2d, Flatten, Linear, LogSoftmax, MaxPool2d, ReLU};
use crate::summary::{LayerInfo, Trace};

/// `[N, 1, 28, 28]` → log-probabilities `[N, 10]`, 21,840 parameters.
#[derive(Clone, Debug)]
pub struct ConvNet {
    conv1: Conv2d,
    conv2: Conv2d,
    fc1: Linear,
    fc2: Linear,
    layers: Trace,
}

impl ConvNet {
    /// Builds the network with parameters `conv1.weight` to `fc2.bias`.
    ///
    /// # Errors
    /// Those of the builder.
    pub fn new(vb: VarBuilder<'_>) -> crate::Result<Self> {
        let conv1 = Conv2d::new(1, 10, 5, vb.pp("conv1"))?;
        let conv2 = Conv2d::new(10, 20, 5, vb.pp("conv2"))?;
        let fc1 = Linear::new(20 * 4 * 4, 50, vb.pp("fc1"))?;
        let fc2 = Linear::new(50, CLASSES, vb.pp("fc2"))?;
        let layers = Trace::new(&[1, 28, 28])
            .then("conv1", &conv1)?
            .then("relu1", &ReLU)?
            .then("pool1", &MaxPool2d::new(2, 2))?
            .fused(3)
            .then("conv2", &conv2)?
            .then("relu2", &ReLU)?
            .then("pool2", &MaxPool2d::new(2, 2))?
            .fused(3)
            .then("flatten", &Flatten)?
            .then("fc1", &fc1)?
            .then("relu3", &ReLU)?
            .fused(2)
            .then("fc2", &fc2)?
            .then("log_softmax", &LogSoftmax)?;
        Ok(Self {
            conv1,
            conv2,
            fc1,
            fc2,
            layers,
        })
    }
}

impl Module for ConvNet {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = conv2d_relu_max_pool2d(&self.conv1, x, 2, 2)?; // [N, 10, 12, 12]
        let x = conv2d_relu_max_pool2d(&self.conv2, &x, 2, 2)?; // [N, 20, 4, 4]
        let x = x.flatten_from(1)?; // [N, 320]
        let x = linear_relu(&self.fc1, &x)?; // [N, 50]
        let x = self.fc2.forward(&x)?; // [N, 10]
        candle_nn::ops::log_softmax(&x, D::Minus1)
    }
}

impl Model for ConvNet {
    fn layers(&self) -> &[LayerInfo] {
        self.layers.layers()
    }
}
