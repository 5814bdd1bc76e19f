//! What `lenet bench` takes.

use clap::Args;
use lenet_nn::ModelKind;
use lenet_nn::models::Flavour;

use super::number;

#[derive(Args, Debug)]
pub(crate) struct BenchArgs {
    /// The network
    #[arg(long, value_name = "NAME", default_value_t)]
    pub(crate) model: ModelKind,
    /// Its flavour: modern or 1998
    #[arg(long, value_name = "NAME", default_value_t)]
    pub(crate) flavour: Flavour,
    /// Threads [default: one a core]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = number::threads, env = "LENET_THREADS", hide_env = true)]
    pub(crate) threads: Option<usize>,
    /// How long each of the three is measured, at least
    #[arg(long, value_name = "S", allow_negative_numbers = true, default_value = "1", value_parser = seconds)]
    pub(crate) seconds: f64,
    /// Print the result as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= 3600.0 => Ok(seconds),
        _ => Err("expected a number above 0 and at most 3600".to_owned()),
    }
}
