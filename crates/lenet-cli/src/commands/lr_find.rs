//! `lenet lr-find`: which learning rate to begin with.

use std::fs;
use std::path::Path;

use anyhow::{Context, anyhow};
use lenet_train::{LrCurve, LrFinder, OptimizerKind};
use serde_json::json;

use super::train::{Run, prepare};
use crate::args::LrFindArgs;
use crate::chart;
use crate::printer::Printer;
use crate::progress::StepBar;

pub(crate) fn run(args: &LrFindArgs, printer: &Printer) -> anyhow::Result<()> {
    let resolved = args.given.resolve()?;
    let highest = match resolved.train.optimizer {
        OptimizerKind::Sgd => 10.0,
        OptimizerKind::Adam | OptimizerKind::AdamW => 1.0,
    };
    let finder = LrFinder {
        from: args.from,
        to: args.to.unwrap_or(highest),
        steps: args.steps,
    };
    finder.validate()?;
    let (device, data) = prepare(&resolved, printer)?;
    let run = Run::new(&resolved, &data, &device)?;
    run.init(printer)?;
    printer.note(&format!(
        "trying learning rates from {:e} to {:e} for {} with {}",
        finder.from, finder.to, resolved.train.model, resolved.train.optimizer
    ));
    let mut bar = StepBar::new(printer, finder.steps);
    let curve = run.lr_curve(&finder, |step, loss| {
        bar.step(step, || {
            format!("lr {:.1e}  loss {loss:.4}", finder.rate(step))
        });
    });
    bar.clear();
    let curve = curve?;
    let picture = chart::text(&curve);
    if !picture.is_empty() {
        printer.note(&picture);
    }
    printer.note(&format!(
        "{} of {} steps taken{}",
        curve.rates.len(),
        finder.steps,
        if curve.rates.len() < finder.steps {
            ": the loss exploded"
        } else {
            ""
        }
    ));
    let drawn = args
        .output
        .as_deref()
        .map_or(Ok(()), |path| draw(&curve, path));
    if args.json {
        printer.json(&json!({
            "suggestion": curve.suggestion,
            "rates": curve.rates,
            "losses": curve.losses,
            "smoothed": curve.smoothed,
        }))?;
    } else if let Some(rate) = curve.suggestion {
        printer.result(&format!("{rate:.2e}"))?;
    }
    drawn?;
    match curve.suggestion {
        Some(_) => Ok(()),
        None => Err(anyhow!(
            "no learning rate from {:e} to {:e} makes the loss fall: try others with --from and \
             --to, or more --steps",
            finder.from,
            finder.to
        )),
    }
}

fn draw(curve: &LrCurve, path: &Path) -> anyhow::Result<()> {
    let picture = chart::svg(curve)?;
    fs::write(path, picture).with_context(|| format!("{}: cannot be written", path.display()))
}
