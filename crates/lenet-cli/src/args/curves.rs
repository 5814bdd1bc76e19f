//! What `lenet curves` takes.

use std::path::PathBuf;

use clap::Args;

#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct CurvesArgs {
    /// Run folders, for example runs/20260131-235959-lenet5
    #[arg(required = true, value_name = "RUN")]
    pub(crate) runs: Vec<PathBuf>,
}

const HELP: &str = "\
A run's curve is drawn in a letter, a capital one for the held-out samples; * is where several \
meet, and ^ is the epoch whose weights were kept. The axis of the losses is \
logarithmic.";
