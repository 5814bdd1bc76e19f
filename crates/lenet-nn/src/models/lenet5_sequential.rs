//! LeNet-5 on 28×28 images as a Sequential of named layers: the same network as
//! the module beside it, to the bit.

use candle_core::{Result, Tensor};
use candle_nn::{ModuleT, VarBuilder};

use super::{CLASSES, Model};
use crate::Sequential;
use crate::layers::{Conv2d, Flatten, Linear, MaxPool2d, ReLU};
use crate::summary::LayerInfo;

/// `[N, 1, 28, 28]` → logits `[N, 10]`, with [`super::Lenet5`]'s parameters.
#[derive(Debug)]
pub struct Lenet5Sequential(Sequential);

impl Lenet5Sequential {
    /// Builds the network with parameters `conv1.weight` to `fc3.bias`.
    ///
    /// # Errors
    /// Those of the builder.
    pub fn new(vb: VarBuilder<'_>) -> crate::Result<Self> {
        let net = Sequential::new(&[1, 28, 28])
            .add("conv1", Conv2d::new(1, 6, 5, vb.pp("conv1"))?)?
            .add("relu1", ReLU)?
            .add("pool1", MaxPool2d::new(2, 2))?
            .add("conv2", Conv2d::new(6, 16, 5, vb.pp("conv2"))?)?
            .add("relu2", ReLU)?
            .add("pool2", MaxPool2d::new(2, 2))?
            .add("flatten", Flatten)?
            .add("fc1", Linear::new(16 * 4 * 4, 120, vb.pp("fc1"))?)?
            .add("relu3", ReLU)?
            .add("fc2", Linear::new(120, 84, vb.pp("fc2"))?)?
            .add("relu4", ReLU)?
            .add("fc3", Linear::new(84, CLASSES, vb.pp("fc3"))?)?;
        Ok(Self(net))
    }
}

impl ModuleT for Lenet5Sequential {
    fn forward_t(&self, x: &Tensor, train: bool) -> Result<Tensor> {
        self.0.forward_t(x, train)
    }
}

impl Model for Lenet5Sequential {
    fn layers(&self) -> &[LayerInfo] {
        self.0.layers()
    }
}
