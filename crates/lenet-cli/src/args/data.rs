//! Where data come from, and the arguments of `data`.

use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{Args, Subcommand};
use lenet_data::{Choice, DatasetName};

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
