//! What `lenet inspect` takes.

use clap::Args;
use lenet_data::Augment;

use super::{DataArgs, WeightsArgs};

#[derive(Args, Debug)]
#[command(after_help = HELP)]
#[command(
    mut_arg("weights", |arg| arg.requires("mistakes")),
    mut_arg("model", |arg| arg.hide(true)),
    mut_arg("flavour", |arg| arg.hide(true)),
    mut_arg("normalize", |arg| arg.hide(true)),
    mut_arg("no_normalize", |arg| arg.hide(true)),
    mut_arg("device", |arg| arg.hide(true)),
)]
pub(crate) struct InspectArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Which images: train or test [default: test; train with --augment]
    #[arg(long, value_name = "NAME", value_parser = ["train", "test"])]
    pub(crate) split: Option<String>,
    /// The images at these places, from 0
    #[arg(long, value_name = "N", num_args = 1.., conflicts_with_all = ["digit", "count", "mistakes"])]
    pub(crate) index: Vec<usize>,
    /// Images of this class alone, 0 to 9
    #[arg(long, value_name = "D", value_parser = clap::value_parser!(u8).range(0..=9))]
    pub(crate) digit: Option<u8>,
    /// How many images
    #[arg(long, value_name = "N", default_value_t = 12)]
    pub(crate) count: usize,
    /// As training draws them: shift, affine or elastic
    #[arg(long, value_name = "NAME", conflicts_with = "mistakes")]
    pub(crate) augment: Option<Augment>,
    /// With --augment: the run's seed [default: 0]
    #[arg(long, value_name = "N", requires = "augment")]
    pub(crate) seed: Option<u64>,
    /// With --augment: the run's epoch, from 1 [default: 1]
    #[arg(long, value_name = "N", requires = "augment", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) epoch: Option<u64>,
    /// The images that a network reads wrong, those of the largest loss first
    #[arg(long)]
    pub(crate) mistakes: bool,
    #[command(flatten)]
    pub(crate) trained: WeightsArgs,
    /// Print the result as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

const HELP: &str = "\
  lenet inspect --digit 7 --count 30
  lenet inspect --augment elastic --seed 1 --epoch 3
  lenet inspect --mistakes --weights runs/RUN/model.safetensors";
