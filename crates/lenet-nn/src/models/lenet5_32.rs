//! LeNet-5 on 32×32 images (LeCun 1998, "Gradient-based learning applied to
//! document recognition"), with today's ReLU and max-pool or the tanh and average-
//! pool of 1998. The paper's sparse C3, trainable subsampling and RBF output are
//! left out, as everyone does; C5 is a fully connected layer, which on 5×5 maps
//! is the same as its convolution.

use candle_core::{Result, Tensor};
use candle_nn::{Module, VarBuilder};
use lenet_tensor::avg_pool2d::avg_pool2d;

use super::{CLASSES, Flavour, Model};
use crate::fuse::{conv2d_relu_max_pool2d, linear_relu};
use crate::layers::{AvgPool2d, Conv2d, Flatten, Layer, Linear, MaxPool2d, ReLU, Tanh};
use crate::summary::{LayerInfo, Trace};

/// `[N, 1, 32, 32]` → logits `[N, 10]`, 61,706 parameters.
#[derive(Clone, Debug)]
pub struct Lenet5On32 {
    conv1: Conv2d,
    conv2: Conv2d,
    fc1: Linear,
    fc2: Linear,
    fc3: Linear,
    flavour: Flavour,
    layers: Trace,
}

impl Lenet5On32 {
    /// Builds the network with parameters `conv1.weight` to `fc3.bias`.
    ///
    /// # Errors
    /// Those of the builder.
    pub fn new(flavour: Flavour, vb: VarBuilder<'_>) -> crate::Result<Self> {
        let conv1 = Conv2d::new(1, 6, 5, vb.pp("conv1"))?;
        let conv2 = Conv2d::new(6, 16, 5, vb.pp("conv2"))?;
        let fc1 = Linear::new(16 * 5 * 5, 120, vb.pp("fc1"))?;
        let fc2 = Linear::new(120, 84, vb.pp("fc2"))?;
        let fc3 = Linear::new(84, CLASSES, vb.pp("fc3"))?;
        let (act, pool): (&dyn Layer, &dyn Layer) = match flavour {
            Flavour::Modern => (&ReLU, &MaxPool2d::new(2, 2)),
            Flavour::Of1998 => (&Tanh, &AvgPool2d::new(2, 2)),
        };
        // How many layers of a block, and of a dense one, run as one operation.
        let (block, dense) = match flavour {
            Flavour::Modern => (3, 2),
            Flavour::Of1998 => (1, 1),
        };
        let layers = Trace::new(&[1, 32, 32])
            .then("conv1", &conv1)?
            .then("act1", act)?
            .then("pool1", pool)?
            .fused(block)
            .then("conv2", &conv2)?
            .then("act2", act)?
            .then("pool2", pool)?
            .fused(block)
            .then("flatten", &Flatten)?
            .then("fc1", &fc1)?
            .then("act3", act)?
            .fused(dense)
            .then("fc2", &fc2)?
            .then("act4", act)?
            .fused(dense)
            .then("fc3", &fc3)?;
        Ok(Self {
            conv1,
            conv2,
            fc1,
            fc2,
            fc3,
            flavour,
            layers,
        })
    }

    /// Convolution, activation, pooling.
    fn block(&self, conv: &Conv2d, x: &Tensor) -> Result<Tensor> {
        match self.flavour {
            Flavour::Modern => conv2d_relu_max_pool2d(conv, x, 2, 2),
            Flavour::Of1998 => avg_pool2d(&conv.forward(x)?.tanh()?, 2, 2),
        }
    }

    /// Fully connected layer, activation.
    fn dense(&self, layer: &Linear, x: &Tensor) -> Result<Tensor> {
        match self.flavour {
            Flavour::Modern => linear_relu(layer, x),
            Flavour::Of1998 => layer.forward(x)?.tanh(),
        }
    }
}

impl Module for Lenet5On32 {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = self.block(&self.conv1, x)?; // C1: [N, 6, 28, 28], S2: [N, 6, 14, 14]
        let x = self.block(&self.conv2, &x)?; // C3: [N, 16, 10, 10], S4: [N, 16, 5, 5]
        let x = x.flatten_from(1)?; // [N, 400]
        let x = self.dense(&self.fc1, &x)?; // C5: [N, 120]
        let x = self.dense(&self.fc2, &x)?; // F6: [N, 84]
        self.fc3.forward(&x) // logits: [N, 10]
    }
}

impl Model for Lenet5On32 {
    fn layers(&self) -> &[LayerInfo] {
        self.layers.layers()
    }
}
