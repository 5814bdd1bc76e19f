//! What the bench was asked for.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::Failure;
use crate::race::GROUPS;

const HELP: &str = "\
Ours, candle and the peers side by side in one run.

Usage: cargo xtask bench [OPTIONS] [RACE]...

Races: train-64 train-4 train-128 threads predict-1 predict-10000 far-conv program (all of them)

Options:
  --json FILE      the medians as JSON, too
  --rounds N       turns that each contender takes [default: 7]
  --seconds S      of each turn [default: 1]
  --data-dir DIR   full MNIST [default: as `lenet train`; the built-in sample without a network]
  --peers DIR      scripts of the peers [default: benches/peers]; each runs in `python3` when
                   what it imports is there (`pip install torch jax optax onnx onnxruntime`)
";

pub(crate) struct Args {
    pub(crate) json: Option<PathBuf>,
    pub(crate) rounds: usize,
    pub(crate) seconds: f64,
    pub(crate) data_dir: Option<PathBuf>,
    pub(crate) peers: PathBuf,
    races: Vec<String>,
}

impl Args {
    pub(crate) fn parse(args: Vec<OsString>) -> Result<Self, Failure> {
        let mut parsed = Self {
            json: None,
            rounds: 7,
            seconds: 1.0,
            data_dir: None,
            peers: PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/peers")),
            races: Vec::new(),
        };
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            let text = arg.to_string_lossy().into_owned();
            let mut value = || args.next().ok_or_else(|| format!("{text} needs a value"));
            match text.as_str() {
                "-h" | "--help" => {
                    print!("{HELP}");
                    std::process::exit(0);
                }
                "--json" => parsed.json = Some(value()?.into()),
                "--data-dir" => parsed.data_dir = Some(value()?.into()),
                "--peers" => parsed.peers = value()?.into(),
                "--rounds" => parsed.rounds = number(&value()?)?,
                "--seconds" => parsed.seconds = number(&value()?)?,
                _ if is_race(&text) => parsed.races.push(text),
                _ => {
                    return Err(
                        format!("`{text}` is neither an option nor a race: see --help").into(),
                    );
                }
            }
        }
        Ok(parsed)
    }

    pub(crate) fn chosen(&self, race: &str) -> bool {
        self.races.is_empty() || self.races.iter().any(|chosen| chosen == race)
    }
}

fn is_race(text: &str) -> bool {
    text == "program" || GROUPS.iter().any(|(name, _)| *name == text)
}

fn number<T: std::str::FromStr + PartialOrd + Default>(text: &OsString) -> Result<T, Failure> {
    let parsed = text.to_str().and_then(|text| text.parse().ok());
    match parsed.filter(|number| *number > T::default()) {
        Some(number) => Ok(number),
        None => Err(format!("{}: expected a number above 0", text.to_string_lossy()).into()),
    }
}
