//! The Sequential as many a tutorial prints it: no activation between its three
//! Linear layers, which so collapse into one linear map. Kept as it stands, to
//! compare with; [`super::Lenet5Sequential`] is the network that was meant.

use candle_core::{Result, Tensor};
use candle_nn::{ModuleT, VarBuilder};

use super::{CLASSES, Model};
use crate::Sequential;
use crate::layers::{Conv2d, Flatten, Linear, MaxPool2d, ReLU};
use crate::summary::LayerInfo;

/// `[N, 1, 28, 28]` → logits `[N, 10]`, parameters named by index as PyTorch
/// does: `0.weight`, `3.weight`, `7.weight`, `8.weight`, `9.weight`.
#[derive(Debug)]
pub struct ArticleSequential(Sequential);

impl ArticleSequential {
    /// Builds the network with parameters `0.weight` to `9.bias`.
    ///
    /// # Errors
    /// Those of the builder.
    pub fn new(vb: VarBuilder<'_>) -> crate::Result<Self> {
        let net = Sequential::new(&[1, 28, 28])
            .add("0", Conv2d::new(1, 6, 5, vb.pp("0"))?)?
            .add("1", ReLU)?
            .add("2", MaxPool2d::new(2, 2))?
            .add("3", Conv2d::new(6, 16, 5, vb.pp("3"))?)?
            .add("4", ReLU)?
            .add("5", MaxPool2d::new(2, 2))?
            .add("6", Flatten)?
            .add("7", Linear::new(16 * 4 * 4, 120, vb.pp("7"))?)?
            .add("8", Linear::new(120, 84, vb.pp("8"))?)?
            .add("9", Linear::new(84, CLASSES, vb.pp("9"))?)?;
        Ok(Self(net))
    }
}

impl ModuleT for ArticleSequential {
    fn forward_t(&self, x: &Tensor, train: bool) -> Result<Tensor> {
        self.0.forward_t(x, train)
    }
}

impl Model for ArticleSequential {
    fn layers(&self) -> &[LayerInfo] {
        self.0.layers()
    }
}
