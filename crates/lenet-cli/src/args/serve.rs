//! The flags of `lenet serve`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::{UsageArgs, number};

#[derive(Args, Debug)]
#[command(after_help = HELP, mut_arg("threads", |arg| arg.help("Threads for a picture [default: 1]")))]
pub(crate) struct ServeArgs {
    /// Trained weights (safetensors); may be given again, for several models
    /// [default: those in the program, LeNet-5 on MNIST]
    #[arg(long, value_name = "FILE")]
    pub(crate) weights: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) usage: UsageArgs,
    /// The address to listen on: 0.0.0.0 lets in whoever reaches this machine
    #[arg(long, value_name = "HOST", default_value = "127.0.0.1")]
    pub(crate) host: String,
    /// The port to listen on; 0 for any free one
    #[arg(
        long,
        value_name = "P",
        allow_negative_numbers = true,
        default_value_t = 8000
    )]
    pub(crate) port: u16,
    /// Requests at work at once; those beyond are answered with 503
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 32, value_parser = number::within::<1, 1000>)]
    pub(crate) at_work: usize,
    /// Seconds that a client may take to send a request
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true, default_value = "10", value_parser = seconds)]
    pub(crate) timeout: Duration,
}

const HELP: &str = "\
The page is at the address that is printed; the description of the API, for programs, at \
/openapi.json. Ctrl-C and SIGTERM stop it after the requests at work.

  lenet serve
  lenet serve --weights runs/A/model.safetensors --weights other.safetensors --port 0
  curl --data-binary @digit.png http://127.0.0.1:8000/api/predict";

/// A part of a second to an hour.
fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.001..=3600.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("expected seconds from 0.001 to 3600".to_owned()),
    }
}
