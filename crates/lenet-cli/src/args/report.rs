//! The arguments of `report`.

use std::path::PathBuf;

use clap::Args;

use super::number;

#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct ReportArgs {
    /// The folder of a run; several are compared
    #[arg(required = true, value_name = "RUN")]
    pub(crate) runs: Vec<PathBuf>,
    /// Where to write the report [default: RUN/report.html; report.html for several runs]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Show the feature maps of this test image, from 0 [default: 0]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) index: Option<usize>,
    /// Show the feature maps of the first test image of this class
    #[arg(long, value_name = "N", allow_negative_numbers = true, conflicts_with = "index", value_parser = clap::value_parser!(u8).range(0..10))]
    pub(crate) digit: Option<u8>,
    /// Folder with the run's data, where they have moved
    #[arg(long, value_name = "DIR", env = "LENET_DATA_DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Threads [default: one a core]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = number::threads, env = "LENET_THREADS", hide_env = true)]
    pub(crate) threads: Option<usize>,
    /// Print what was written as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

const HELP: &str = "\
One HTML file that needs no network: the curves, the confusion matrix, the worst mistakes, the \
filters and feature maps, the settings. `lenet train` writes it into the run's folder; this makes \
it anew, also of a run that was stopped. Only a report is ever replaced.

  lenet report runs/RUN --digit 8
  lenet report runs/A runs/B -o compared.html";
