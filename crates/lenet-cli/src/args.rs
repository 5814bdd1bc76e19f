//! The command line as it is typed. What is meant by it is worked out in
//! `settings.rs` and in the commands.

use std::path::PathBuf;

use clap::builder::{BoolishValueParser, Resettable};
use clap::{Arg, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use lenet_data::{Choice, DatasetName};
use lenet_nn::ModelKind;
use lenet_nn::models::Flavour;
use lenet_tensor::device::DeviceChoice;

use crate::settings::Settings;
use crate::threads;

/// LeNet-5 on MNIST: train it, test it, use it.
#[derive(Debug, Parser)]
#[command(name = "lenet", version, propagate_version = true)]
#[command(
    after_help = "Exit codes: 0 done, 1 failed, 2 usage, 3 data missing or corrupt, \
                        4 diverged, 5 target accuracy not reached, 130 and 143 stopped by a signal."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Print results and errors only
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Print more of what happens
    #[arg(long, short, global = true)]
    pub(crate) verbose: bool,
}

/// Reads the command line and the LENET_* variables, or ends the program.
pub(crate) fn parse() -> Cli {
    let command = without_void_variables(Cli::command());
    Cli::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit())
}

/// Lets variables go that say nothing: empty ones, as with most programs, and those
/// that a flag of another name beats, which clap would call a conflict.
fn without_void_variables(command: clap::Command) -> clap::Command {
    let beaten = |arg: &Arg| match arg.get_id().as_str() {
        "device" => is_typed("--no-accel"),
        "normalize" => is_typed("--no-normalize"),
        "config" | "init_from" => is_typed("--resume"),
        "out_dir" => is_typed("--resume") && !is_typed("--weights-only"),
        _ => false,
    };
    let is_empty = |arg: &Arg| {
        let value = arg.get_env().and_then(std::env::var_os);
        value.is_some_and(|value| value.is_empty())
    };
    command
        .mut_args(|arg| {
            if is_empty(&arg) || beaten(&arg) {
                arg.env(Resettable::Reset)
            } else {
                arg
            }
        })
        .mut_subcommands(without_void_variables)
}

fn is_typed(flag: &str) -> bool {
    let with_value = format!("{flag}=");
    std::env::args_os().any(|arg| {
        let arg = arg.to_string_lossy();
        arg == flag || arg.starts_with(&with_value)
    })
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Train a network and test it
    Train(Box<TrainArgs>),
    /// Train with several seeds: mean and spread of the test accuracy
    Sweep(Box<SweepArgs>),
    /// Test trained weights
    Eval(EvalArgs),
    /// Read digits from pictures
    Predict(PredictArgs),
    /// Write trained weights as ONNX, or as safetensors again, with a model card
    Export(ExportArgs),
    /// Show a network's layers, shapes and parameters
    Summary(SummaryArgs),
    /// Try learning rates, from small to large, and suggest one
    LrFind(Box<LrFindArgs>),
    /// Fetch and check data sets
    Data {
        #[command(subcommand)]
        command: DataCommand,
    },
    /// Print a completion script for a shell
    Completions {
        /// bash, elvish, fish, powershell or zsh
        shell: Shell,
    },
}

#[derive(Args, Debug)]
pub(crate) struct TrainArgs {
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// Read settings from a TOML file, for example a run's config.toml; flags and
    /// LENET_* variables win over it
    #[arg(long, value_name = "FILE", env = "LENET_CONFIG", hide_env = true)]
    pub(crate) config: Option<PathBuf>,
    /// Go on from a run's last checkpoint, exactly [default: the run in runs/ that wrote
    /// one last]
    #[arg(long, value_name = "RUN", num_args = 0..=1, conflicts_with_all = ["config", "dry_run", "init_from"])]
    pub(crate) resume: Option<Option<PathBuf>>,
    /// With --resume: begin a new run from those weights, which may differ in the rest
    #[arg(long, requires = "resume")]
    pub(crate) weights_only: bool,
    /// Where to put the run [default: runs/TIME-MODEL]
    #[arg(long, value_name = "DIR", env = "LENET_OUT_DIR", hide_env = true)]
    pub(crate) out_dir: Option<PathBuf>,
    /// Exit with 5 when the final test accuracy, from 0 to 1, is lower
    #[arg(long, value_name = "F", allow_negative_numbers = true, value_parser = share)]
    pub(crate) target_accuracy: Option<f64>,
    /// Print a line every N steps
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) log_interval: Option<u64>,
    /// Print the summary as one JSON object on stdout
    #[arg(long)]
    pub(crate) json: bool,
    /// Check everything and take a single step, but write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Args, Debug)]
pub(crate) struct SweepArgs {
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// Read settings from a TOML file; flags and LENET_* variables win over it
    #[arg(long, value_name = "FILE", env = "LENET_CONFIG", hide_env = true)]
    pub(crate) config: Option<PathBuf>,
    /// How many seeds: --seed and those after it
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value = "10", value_parser = seeds)]
    pub(crate) seeds: usize,
    /// Print the result as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
#[command(after_help = LR_FIND_HELP, mut_args(hide_idle))]
pub(crate) struct LrFindArgs {
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// Read settings from a TOML file, for example a run's config.toml; flags and
    /// LENET_* variables win over it
    #[arg(long, value_name = "FILE", env = "LENET_CONFIG", hide_env = true)]
    pub(crate) config: Option<PathBuf>,
    /// The first learning rate
    #[arg(
        long,
        value_name = "F",
        allow_negative_numbers = true,
        default_value = "1e-6"
    )]
    pub(crate) from: f64,
    /// The last learning rate [default: 1; 10 for sgd]
    #[arg(long, value_name = "F", allow_negative_numbers = true)]
    pub(crate) to: Option<f64>,
    /// Steps, each on a batch, at rates that grow by the same factor
    #[arg(
        long,
        value_name = "N",
        allow_negative_numbers = true,
        default_value_t = 200
    )]
    pub(crate) steps: usize,
    /// Draw the curve as an SVG picture
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Print the suggestion and the curve as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Hides the settings that have no part in a range test: they may be given, since a
/// run's config.toml gives them.
fn hide_idle(arg: Arg) -> Arg {
    const IDLE: [&str; 11] = [
        "test_batch_size",
        "epochs",
        "max_steps",
        "lr",
        "scheduler",
        "gamma",
        "warmup_epochs",
        "ema_decay",
        "patience",
        "checkpoint_interval",
        "tensorboard",
    ];
    let idle = IDLE.contains(&arg.get_id().as_str());
    if idle { arg.hide(true) } else { arg }
}

const LR_FIND_HELP: &str = "\
The suggestion is the rate at which the smoothed loss falls fastest, per power of ten, before \
it is lowest. The test ends once the smoothed loss is above four times its lowest. The weights \
are thrown away.

  lenet train --lr $(lenet lr-find)
  lenet lr-find --optimizer sgd -o curve.svg";

/// Where data come from.
#[derive(Args, Clone, Debug)]
pub(crate) struct DataArgs {
    /// auto, mnist, fashion-mnist, sample or idx
    #[arg(
        long,
        value_name = "NAME",
        env = "LENET_DATASET",
        hide_env = true,
        default_value_t
    )]
    pub(crate) dataset: Choice,
    /// Folder with the four IDX files
    #[arg(long, value_name = "DIR", env = "LENET_DATA_DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Never touch the network
    #[arg(long, env = "LENET_OFFLINE", hide_env = true, value_parser = BoolishValueParser::new())]
    pub(crate) offline: bool,
}

/// Trained weights and how to use them.
#[derive(Args, Clone, Debug)]
pub(crate) struct WeightsArgs {
    /// Trained weights (safetensors) [default: those in the program, LeNet-5 on MNIST]
    #[arg(long, value_name = "FILE")]
    pub(crate) weights: Option<PathBuf>,
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
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = threads::count, env = "LENET_THREADS", hide_env = true)]
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

#[derive(Args, Debug)]
pub(crate) struct SummaryArgs {
    /// The network
    #[arg(long, value_name = "NAME", default_value_t)]
    pub(crate) model: ModelKind,
    /// Its flavour: modern or 1998
    #[arg(long, value_name = "NAME", default_value_t)]
    pub(crate) flavour: Flavour,
    /// Print the result as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// Put a data set into the cache, or into --data-dir
    Fetch(PublishedArgs),
    /// Check a data set's files against the published hashes
    Verify(PublishedArgs),
    /// Print the folder that a data set is read from
    Path(PublishedArgs),
}

#[derive(Args, Clone, Debug)]
pub(crate) struct PublishedArgs {
    /// mnist or fashion-mnist
    #[arg(long, value_name = "NAME", default_value_t = DatasetName::Mnist)]
    pub(crate) dataset: DatasetName,
    /// Use this folder instead of the cache
    #[arg(long, value_name = "DIR", env = "LENET_DATA_DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Never touch the network
    #[arg(long, env = "LENET_OFFLINE", hide_env = true, value_parser = BoolishValueParser::new())]
    pub(crate) offline: bool,
    /// Print the result as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// A number from 0 to 1.
fn share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("expected a number from 0 to 1, for example 0.983".to_owned()),
    }
}

/// A number of runs.
fn seeds(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(seeds) if (1..=10_000).contains(&seeds) => Ok(seeds),
        _ => Err("expected a number from 1 to 10000".to_owned()),
    }
}
