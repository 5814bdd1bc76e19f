//! What can go wrong when a model is built or weights are read.

use std::path::PathBuf;

use lenet_tensor::ShapeError;

/// Results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// An error in a model or its weights.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A layer does not fit behind the one before it.
    #[error("layer `{layer}`: {source}")]
    Layer {
        /// The layer's name.
        layer: String,
        /// What does not fit.
        source: ShapeError,
    },
    /// Two layers share a name.
    #[error("layer `{0}` is there twice: each layer needs a name of its own")]
    DuplicateLayer(String),
    /// No model has this name.
    #[error("unknown model `{name}`: expected one of {}", known.join(", "))]
    UnknownModel {
        /// The name.
        name: String,
        /// The names that there are.
        known: Vec<&'static str>,
    },
    /// An option that only another model has.
    #[error("model {model} has no {option} flavour: only {only} does")]
    NoSuchFlavour {
        /// The model.
        model: &'static str,
        /// The option.
        option: &'static str,
        /// The model that has it.
        only: &'static str,
    },
    /// A layer that another format has no form for.
    #[error(
        "layer `{layer}` ({kind}) has no form in ONNX: use lenet-nn's layer, or give yours a \
         `Layer::operator`"
    )]
    NoOnnxForm {
        /// The layer's name.
        layer: String,
        /// What it is.
        kind: String,
    },
    /// A layer that does not say what it computes.
    #[error(
        "layer `{layer}` ({kind}): what it computes is not known: use lenet-nn's layer, or give \
         yours a `Layer::operator`"
    )]
    NoOperator {
        /// The layer's name.
        layer: String,
        /// What it is.
        kind: String,
    },
    /// A layer whose parameters go by another name than the layer.
    #[error("layer `{layer}`: there is no parameter `{parameter}`: name both alike")]
    NoParameter {
        /// The layer's name.
        layer: String,
        /// The parameter that was looked for.
        parameter: String,
    },
    /// A file that cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file that is not safetensors.
    #[error("{}: not a weights file: {reason}", path.display())]
    NotWeights {
        /// The file.
        path: PathBuf,
        /// What was found and what to do.
        reason: String,
    },
    /// Weights of another model, or damaged ones: everything that is wrong.
    #[error("{}: does not fit the model: {}", path.display(), problems.join("; "))]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// Each missing, extra, mis-shaped or non-finite tensor.
        problems: Vec<String>,
    },
    /// An error of candle's.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}
