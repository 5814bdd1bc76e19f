//! Trained weights, and the arguments of what uses them to test, to read and to look.

use std::path::PathBuf;

use clap::Args;
use lenet_nn::ModelKind;
use lenet_nn::models::Flavour;
use lenet_tensor::device::DeviceChoice;

use super::{DataArgs, number};

/// Trained weights and how to use them.
#[derive(Args, Clone, Debug)]
pub(crate) struct WeightsArgs {
    /// Trained weights (safetensors) [default: those in the program, LeNet-5 on MNIST]
    #[arg(long, value_name = "FILE")]
    pub(crate) weights: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) usage: UsageArgs,
}

/// How trained weights are used.
#[derive(Args, Clone, Debug)]
pub(crate) struct UsageArgs {
    /// The network, where the file does not say it [default: lenet5]
    #[arg(long, value_name = "NAME", env = "LENET_MODEL", hide_env = true)]
    pub(crate) model: Option<ModelKind>,
    /// Its flavour, where the file does not say it: modern or 1998
    #[arg(long, value_name = "NAME", env = "LENET_FLAVOUR", hide_env = true)]
    pub(crate) flavour: Option<Flavour>,
    /// Normalize pixels, where the file does not say it (this is the default)
    #[arg(long, overrides_with = "no_normalize")]
    pub(crate) normalize: bool,
    /// Leave pixels in [0, 1], where the file does not say it
    #[arg(long)]
    pub(crate) no_normalize: bool,
    /// auto, cpu, cuda or cuda:N
    #[arg(
        long,
        value_name = "NAME",
        env = "LENET_DEVICE",
        hide_env = true,
        default_value_t
    )]
    pub(crate) device: DeviceChoice,
    /// Threads [default: one a core]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = number::threads, env = "LENET_THREADS", hide_env = true)]
    pub(crate) threads: Option<usize>,
}

#[derive(Args, Debug)]
pub(crate) struct EvalArgs {
    #[command(flatten)]
    pub(crate) trained: WeightsArgs,
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Samples at once
    #[arg(
        long,
        value_name = "N",
        allow_negative_numbers = true,
        default_value_t = 1000
    )]
    pub(crate) test_batch_size: usize,
    /// Print the result as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct PredictArgs {
    /// PNG or JPEG pictures of any size, one digit each, dark on light or light on dark
    #[arg(required_unless_present = "index")]
    pub(crate) images: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) trained: WeightsArgs,
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Which split --index counts in: train or test
    #[arg(long, value_name = "NAME", default_value = "test", value_parser = ["train", "test"])]
    pub(crate) split: String,
    /// Take the image at this place of a data set, from 0; may be given again
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) index: Vec<usize>,
    /// Draw what the network saw, and a bar for each digit
    #[arg(long, conflicts_with = "json")]
    pub(crate) show: bool,
    /// Print the results as one JSON array
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct SummaryArgs {
    /// The network
    #[arg(long, value_name = "NAME", default_value_t)]
    pub(crate) model: ModelKind,
    /// Its flavour: modern or 1998
    #[arg(long, value_name = "NAME", default_value_t)]
    pub(crate) flavour: Flavour,
    /// Samples in the batch that shapes, mult-adds and sizes are of
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub(crate) batch_size: u64,
    /// Print the result as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}
