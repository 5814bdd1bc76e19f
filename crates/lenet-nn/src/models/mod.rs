//! The six networks, a file each.

mod article_sequential;
mod convnet;
mod kind;
mod lenet5;
mod lenet5_32;
mod lenet5_plus;
mod lenet5_sequential;
#[cfg(test)]
mod tests;

pub use article_sequential::ArticleSequential;
pub use convnet::ConvNet;
pub use kind::{Flavour, ModelKind};
pub use lenet5::Lenet5;
pub use lenet5_32::Lenet5On32;
pub use lenet5_plus::Lenet5Plus;
pub use lenet5_sequential::Lenet5Sequential;

use candle_nn::ModuleT;

use crate::summary::LayerInfo;

/// Digits, or kinds of clothing.
pub const CLASSES: usize = 10;

/// A network from images `[N, 1, H, W]` to `[N, 10]`.
pub trait Model: ModuleT + Send + Sync {
    /// The layers in their order, for a summary.
    fn layers(&self) -> &[LayerInfo];
}
