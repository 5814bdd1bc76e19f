//! LeNet-5 on 28×28 images, module style: named fields and an explicit forward.

use candle_core::{Result, Tensor};
use candle_nn::{Module, VarBuilder};

use super::{CLASSES, Model};
use crate::fuse::{conv2d_relu_max_pool2d, linear_relu};
use crate::layers::{Conv2d, Flatten, Linear, MaxPool2d, ReLU};
use crate::summary::{LayerInfo, Trace};

/// `[N, 1, 28, 28]` → logits `[N, 10]`, 44,426 parameters.
#[derive(Clone, Debug)]
pub struct Lenet5 {
    conv1: Conv2d,
    conv2: Conv2d,
    fc1: Linear,
    fc2: Linear,
    fc3: Linear,
    layers: Trace,
}

impl Lenet5 {
    /// Builds the network with parameters `conv1.weight` to `fc3.bias`.
    ///
    /// # Errors
    /// Those of the builder.
    pub fn new(vb: VarBuilder<'_>) -> crate::Result<Self> {
        let conv1 = Conv2d::new(1, 6, 5, vb.pp("conv1"))?;
        let conv2 = Conv2d::new(6, 16, 5, vb.pp("conv2"))?;
        let fc1 = Linear::new(16 * 4 * 4, 120, vb.pp("fc1"))?;
        let fc2 = Linear::new(120, 84, vb.pp("fc2"))?;
        let fc3 = Linear::new(84, CLASSES, vb.pp("fc3"))?;
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
            .then("relu4", &ReLU)?
            .fused(2)
            .then("fc3", &fc3)?;
        Ok(Self {
            conv1,
            conv2,
            fc1,
            fc2,
            fc3,
            layers,
        })
    }
}

impl Module for Lenet5 {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        // C1: [N, 6, 24, 24], S2: [N, 6, 12, 12]
        let x = conv2d_relu_max_pool2d(&self.conv1, x, 2, 2)?;
        // C3: [N, 16, 8, 8], S4: [N, 16, 4, 4]
        let x = conv2d_relu_max_pool2d(&self.conv2, &x, 2, 2)?;
        let x = x.flatten_from(1)?; // [N, 256]
        let x = linear_relu(&self.fc1, &x)?; // C5: [N, 120]
        let x = linear_relu(&self.fc2, &x)?; // F6: [N, 84]
        self.fc3.forward(&x) // logits: [N, 10]
    }
}

impl Model for Lenet5 {
    fn layers(&self) -> &[LayerInfo] {
        self.layers.layers()
    }
}
