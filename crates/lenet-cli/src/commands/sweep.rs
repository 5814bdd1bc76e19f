//! `lenet sweep`: one recipe over several seeds, since one run alone says little.

use anyhow::Context;
use lenet_data::Dataset;
use lenet_train::Event;
use serde::Serialize;

use super::train::{Going, Run, Summary, prepare};
use crate::args::SweepArgs;
use crate::exit::Interrupted;
use crate::printer::Printer;
use crate::settings::{Resolved, Settings};
use crate::signals::Signals;

/// What the runs came to.
#[derive(Serialize)]
struct Sweep {
    model: String,
    dataset: String,
    seeds: usize,
    test_accuracy: Spread,
    train_seconds: Spread,
    runs: Vec<Summary>,
}

/// Several figures of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Spread {
    mean: f64,
    /// Of the sample: the squares by one less than there are. `None` for one run.
    std: Option<f64>,
    min: f64,
    max: f64,
}

impl Spread {
    fn of(values: &[f64]) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Self {
            mean,
            std: (values.len() > 1).then(|| (squares / (n - 1.0)).sqrt()),
            min: values.iter().copied().fold(f64::INFINITY, f64::min),
            max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        }
    }
}

pub(crate) fn run(args: &SweepArgs, printer: &Printer) -> anyhow::Result<()> {
    let signals = Signals::watch()?;
    let below = args.config.as_deref().map(Settings::read);
    let mut resolved = args
        .settings
        .clone()
        .resolve(below.transpose()?.unwrap_or_default())?;
    let (device, data) = prepare(&resolved, printer)?;
    let first = resolved.train.seed;
    let mut runs: Vec<Summary> = Vec::with_capacity(args.seeds);
    for number in 0..args.seeds as u64 {
        resolved.train.seed = first.wrapping_add(number);
        let run = Run::new(&resolved, &data, &device)?;
        run.init(printer)?;
        let going = Going {
            max_steps: resolved.train.max_steps,
            keep: None,
            from: None,
            stop: &|| signals.received().is_some(),
        };
        let fit = run.fit(going, &mut |event: &Event<'_>| {
            if let Event::EpochEnded(epoch) = event {
                printer.detail(&format!(
                    "epoch {}: loss {:.4}",
                    epoch.epoch, epoch.train_loss
                ));
            }
        });
        let fit = fit.with_context(|| format!("seed {}", resolved.train.seed))?;
        if signals.received().is_some() {
            break;
        }
        let summary = run.summary(&fit, &run.test()?, None)?;
        printer.note(&format!(
            "seed {}  test accuracy {:.2} %  loss {:.4}  {:.1} s",
            summary.seed,
            100.0 * summary.test_accuracy,
            summary.test_loss,
            summary.train_seconds
        ));
        runs.push(summary);
    }
    let stopped = signals.received();
    if stopped.is_none() || !runs.is_empty() {
        Sweep::of(runs, &resolved, &data).print(args.json, printer)?;
    }
    match stopped {
        Some(signal) => Err(Interrupted { signal, run: None }.into()),
        None => Ok(()),
    }
}

impl Sweep {
    fn of(runs: Vec<Summary>, resolved: &Resolved, data: &Dataset) -> Self {
        let figures =
            |of: fn(&Summary) -> f64| Spread::of(&runs.iter().map(of).collect::<Vec<_>>());
        Self {
            model: resolved.train.model.to_string(),
            dataset: data.name.to_string(),
            seeds: runs.len(),
            test_accuracy: figures(|run| run.test_accuracy),
            train_seconds: figures(|run| run.train_seconds),
            runs,
        }
    }

    fn print(&self, json: bool, printer: &Printer) -> anyhow::Result<()> {
        if json {
            return printer.json(self);
        }
        let Spread {
            mean,
            std,
            min,
            max,
        } = self.test_accuracy;
        let std = std.map_or(String::new(), |std| format!(" ± {:.3}", 100.0 * std));
        let s = if self.seeds == 1 { "" } else { "s" };
        printer.result(&format!(
            "{} seed{s}: test accuracy {:.3}{std} % (from {:.2} to {:.2}), {:.1} s of training each",
            self.seeds,
            100.0 * mean,
            100.0 * min,
            100.0 * max,
            self.train_seconds.mean
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_that_of_the_sample() {
        let spread = Spread::of(&[0.98, 0.99, 1.0]);
        // Sums of three f64.
        assert!((spread.mean - 0.99).abs() < 1e-15);
        assert!((spread.std.unwrap() - 0.01).abs() < 1e-15);
        assert_eq!((spread.min, spread.max), (0.98, 1.0));
        assert_eq!(Spread::of(&[0.5]).std, None);
    }
}
