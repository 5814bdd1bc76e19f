//! The command line as it is typed. What is meant by it is worked out in
//! `settings.rs` and in the commands.

mod bench;
mod curves;
mod data;
mod export;
mod inspect;
pub(crate) mod number;
mod report;
mod serve;
mod trained;
mod training;

pub(crate) use bench::BenchArgs;
pub(crate) use curves::CurvesArgs;
pub(crate) use data::{DataArgs, DataCommand, PublishedArgs};
pub(crate) use export::{ExportArgs, Format};
pub(crate) use inspect::InspectArgs;
pub(crate) use report::ReportArgs;
pub(crate) use serve::ServeArgs;
pub(crate) use trained::{EvalArgs, PredictArgs, SummaryArgs, UsageArgs, WeightsArgs};
pub(crate) use training::{LrFindArgs, SweepArgs, TrainArgs};

use clap::builder::Resettable;
use clap::{Arg, CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::Shell;

/// Where help shows what every command has: below the command's own flags.
const LAST: usize = 900;

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
    #[arg(long, short, global = true, display_order = LAST, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Print more of what happens
    #[arg(long, short, global = true, display_order = LAST)]
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
    /// Read digits for a web page and for other programs, over HTTP
    Serve(ServeArgs),
    /// Write trained weights as ONNX, or as safetensors again, with a model card
    Export(ExportArgs),
    /// Show a network's layers, shapes and parameters
    Summary(SummaryArgs),
    /// Make a run's report anew, or compare runs
    Report(ReportArgs),
    /// Draw the curves of runs, epoch by epoch
    Curves(CurvesArgs),
    /// Show images of a data set, or those that a network reads wrong
    Inspect(Box<InspectArgs>),
    /// Try learning rates, from small to large, and suggest one
    LrFind(Box<LrFindArgs>),
    /// Measure how fast this machine trains and reads
    Bench(BenchArgs),
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
