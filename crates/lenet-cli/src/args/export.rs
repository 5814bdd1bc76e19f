//! Arguments of `export`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::WeightsArgs;

#[derive(Args, Debug)]
#[command(after_help = EXPORT_HELP)]
#[command(mut_arg("device", |arg| arg.hide(true)), mut_arg("threads", |arg| arg.hide(true)))]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    pub(crate) trained: WeightsArgs,
    /// onnx or safetensors [default: as the output's name ends]
    #[arg(long, value_name = "NAME")]
    pub(crate) format: Option<Format>,
    /// The file to write; its model card goes beside it, with the ending .json
    #[arg(long, short, value_name = "OUT")]
    pub(crate) output: PathBuf,
}

const EXPORT_HELP: &str = "\
The ONNX graph takes f32 images [N, 1, 28, 28] from 0 (black) to 1 (white), named `image`; \
padding and normalization are part of it. It gives `logits` [N, 10], or `log_probabilities` \
for convnet. The card says what the model is, takes and gives, what it was trained on and how \
well it does; null is what the weights file does not say.

  lenet export --weights runs/RUN/model.safetensors -o lenet5.onnx
  lenet export --weights from-pytorch.safetensors --model convnet --no-normalize -o convnet.onnx";

/// What to export to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A graph for onnxruntime and others
    Onnx,
    /// PyTorch's names and shapes
    Safetensors,
}
