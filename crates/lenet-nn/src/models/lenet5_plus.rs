//! LeNet-5 with the usual improvements: more kernels, more depth, BatchNorm and
//! Dropout. What repeats is a Sequential block; a module assembles the blocks.

use candle_core::{Result, Tensor};
use candle_nn::{Module, ModuleT};

use super::{CLASSES, Model};
use crate::fuse::linear_relu;
use crate::layers::{BatchNorm2d, Conv2d, Dropout, Flatten, Linear, MaxPool2d, ReLU};
use crate::summary::{LayerInfo, Trace};
use crate::{Parameters, Sequential};

/// `[N, 1, 28, 28]` → logits `[N, 10]`.
#[derive(Debug)]
pub struct Lenet5Plus {
    block1: Sequential,
    block2: Sequential,
    fc1: Linear,
    drop: Dropout,
    fc2: Linear,
    layers: Trace,
}

impl Lenet5Plus {
    /// Builds the network; the parameters' key also draws Dropout's masks.
    ///
    /// # Errors
    /// Those of the builder.
    pub fn new(parameters: &Parameters) -> crate::Result<Self> {
        let vb = parameters.builder();
        let block1 = block("block1", [1, 28, 28], 24, parameters)?;
        let block2 = block("block2", [24, 12, 12], 48, parameters)?;
        let fc1 = Linear::new(48 * 4 * 4, 128, vb.pp("fc1"))?;
        let drop = Dropout::new(0.5, parameters.key("drop")).map_err(candle_core::Error::from)?;
        let fc2 = Linear::new(128, CLASSES, vb.pp("fc2"))?;
        let layers = Trace::new(&[1, 28, 28])
            .then("block1", &block1)?
            .then("block2", &block2)?
            .then("flatten", &Flatten)?
            .then("fc1", &fc1)?
            .then("relu", &ReLU)?
            .fused(2)
            .then("drop", &drop)?
            .then("fc2", &fc2)?;
        Ok(Self {
            block1,
            block2,
            fc1,
            drop,
            fc2,
            layers,
        })
    }
}

/// Two 3×3 convolutions to `channels`, each with BatchNorm and ReLU, then a pool
/// that halves the maps and a light Dropout.
fn block(
    name: &str,
    input: [usize; 3],
    channels: usize,
    parameters: &Parameters,
) -> crate::Result<Sequential> {
    let vb = parameters.builder().pp(name);
    let drop = Dropout::new(0.1, parameters.key(&format!("{name}.drop")))
        .map_err(candle_core::Error::from)?;
    Sequential::new(&input)
        .add("conv1", Conv2d::new(input[0], channels, 3, vb.pp("conv1"))?)?
        .add("norm1", BatchNorm2d::new(channels, vb.pp("norm1"))?)?
        .add("relu1", ReLU)?
        .add("conv2", Conv2d::new(channels, channels, 3, vb.pp("conv2"))?)?
        .add("norm2", BatchNorm2d::new(channels, vb.pp("norm2"))?)?
        .add("relu2", ReLU)?
        .add("pool", MaxPool2d::new(2, 2))?
        .add("drop", drop)
}

impl ModuleT for Lenet5Plus {
    fn forward_t(&self, x: &Tensor, train: bool) -> Result<Tensor> {
        let x = self.block1.forward_t(x, train)?; // [N, 24, 12, 12]
        let x = self.block2.forward_t(&x, train)?; // [N, 48, 4, 4]
        let x = x.flatten_from(1)?; // [N, 768]
        let x = linear_relu(&self.fc1, &x)?; // [N, 128]
        let x = self.drop.forward_t(&x, train)?;
        self.fc2.forward(&x) // logits: [N, 10]
    }
}

impl Model for Lenet5Plus {
    fn layers(&self) -> &[LayerInfo] {
        self.layers.layers()
    }
}
