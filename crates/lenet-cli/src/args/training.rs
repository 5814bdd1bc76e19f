//! Arguments of what trains: `train`, `sweep`, `lr-find`.

use std::path::PathBuf;

use clap::{Arg, Args};

use super::number;
use crate::settings::{Resolved, Settings};

/// Settings by flags and variables, and the file below them.
#[derive(Args, Debug)]
pub(crate) struct GivenArgs {
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// Read settings from a TOML file, for example a run's config.toml; flags and
    /// LENET_* variables win over it
    #[arg(long, value_name = "FILE", env = "LENET_CONFIG", hide_env = true)]
    pub(crate) config: Option<PathBuf>,
}

impl GivenArgs {
    /// What they come to.
    pub(crate) fn resolve(&self) -> anyhow::Result<Resolved> {
        let below = self.config.as_deref().map(Settings::read).transpose()?;
        self.settings.clone().resolve(below.unwrap_or_default())
    }
}

#[derive(Args, Debug)]
pub(crate) struct TrainArgs {
    #[command(flatten)]
    pub(crate) given: GivenArgs,
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
    /// Serve a page on which the run is watched, at 127.0.0.1 [default port: 8001]
    #[arg(long, value_name = "PORT", num_args = 0..=1, default_missing_value = "8001", conflicts_with = "dry_run")]
    pub(crate) dashboard: Option<u16>,
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
    pub(crate) given: GivenArgs,
    /// How many seeds: --seed and those after it
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value = "10", value_parser = number::within::<1, 10_000>)]
    pub(crate) seeds: usize,
    /// Print the result as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
#[command(after_help = LR_FIND_HELP, mut_args(hide_idle))]
pub(crate) struct LrFindArgs {
    #[command(flatten)]
    pub(crate) given: GivenArgs,
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

/// A number from 0 to 1.
fn share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("expected a number from 0 to 1, for example 0.983".to_owned()),
    }
}
