//! `lenet curves`: the epochs of runs as curves of characters, and their last and best
//! numbers.

use anyhow::bail;
use lenet_train::EpochMetrics;

use crate::args::CurvesArgs;
use crate::exit::Usage;
use crate::field::Field;
use crate::printer::Printer;
use crate::runlog::{chosen, read_metrics};

/// A run under its letter.
struct Run {
    letter: char,
    name: String,
    /// One at least.
    epochs: Vec<EpochMetrics>,
    /// Where the epoch stands whose weights were kept.
    chosen: usize,
}

/// What a curve shows of an epoch.
type Figure = fn(&EpochMetrics) -> Option<f64>;

pub(crate) fn run(args: &CurvesArgs, printer: &Printer) -> anyhow::Result<()> {
    let (n, most) = (args.runs.len(), ('a'..='z').count());
    if n > most {
        return Err(Usage(format!("{n} runs: expected at most {most}, a letter each")).into());
    }
    let runs = args.runs.iter().zip('a'..='z');
    let runs = runs.map(|(path, letter)| {
        let epochs = read_metrics(path)?;
        let name = path.display().to_string();
        let Some(kept) = chosen(&epochs) else {
            bail!("{name}: no epoch has ended: there is nothing to draw yet");
        };
        let chosen = epochs.iter().position(|epoch| epoch.epoch == kept);
        Ok(Run {
            letter,
            name,
            chosen: chosen.unwrap_or_default(),
            epochs,
        })
    });
    let runs = runs.collect::<anyhow::Result<Vec<Run>>>()?;

    let loss: [Figure; 2] = [|e| Some(e.train_loss), |e| e.val_loss];
    // By its logarithm: what a run gains late is small beside what it gains first.
    let label = |ln: f64| format!("{:.4}", ln.exp());
    let ln: fn(f64) -> f64 = |loss| loss.max(f64::MIN_POSITIVE).ln();
    printer.result(&panel(&runs, "loss", loss, ln, label))?;

    let accuracy: [Figure; 2] = [|e| Some(e.train_accuracy), |e| e.val_accuracy];
    let label = |share: f64| format!("{:.2} %", 100.0 * share);
    printer.result(&panel(&runs, "accuracy", accuracy, |share| share, label))?;

    let rate: [Figure; 2] = [|e| Some(e.lr), |_| None];
    let label = |rate: f64| format!("{rate:.1e}");
    printer.result(&panel(&runs, "rate", rate, |rate| rate, label))?;

    printer.result(&table(&runs))
}

/// A field with all runs' curves over the epochs, and a blank line.
fn panel(
    runs: &[Run],
    name: &str,
    figures: [Figure; 2],
    scale: fn(f64) -> f64,
    label: impl Fn(f64) -> String,
) -> String {
    let epochs = || runs.iter().flat_map(|run| &run.epochs);
    let values = || {
        let values = epochs().flat_map(|epoch| figures.map(|figure| figure(epoch)));
        values.flatten().map(scale).filter(|v| v.is_finite())
    };
    let low = values().fold(f64::INFINITY, f64::min);
    let high = values().fold(f64::NEG_INFINITY, f64::max);
    let first = epochs().map(|epoch| epoch.epoch).min().unwrap_or(1);
    let last = epochs().map(|epoch| epoch.epoch).max().unwrap_or(1);
    let mut field = Field::new((first as f64, last as f64), (low, high));
    for run in runs {
        let marks = [run.letter, run.letter.to_ascii_uppercase()];
        for (figure, mark) in figures.iter().zip(marks) {
            let points = run.epochs.iter();
            let points = points.filter_map(|e| Some((e.epoch as f64, scale(figure(e)?))));
            field.draw(mark, points);
        }
        field.point_at(run.epochs[run.chosen].epoch as f64);
    }
    let ends = [first, last].map(|epoch| format!("epoch {epoch}"));
    field.text(name, label, [&ends[0], &ends[1]]) + "\n"
}

/// The last epoch of each run, and the chosen one where that is another.
fn table(runs: &[Run]) -> String {
    let width = runs.iter().map(|run| run.name.chars().count()).max();
    let width = width.unwrap_or(0).max(3);
    let mut lines = vec![format!(
        "   {:width$}  {:>6} {:6}  {:>7} {:>9}  {:>8} {:>9}  {:>7}",
        "run", "epoch", "", "loss", "acc", "val loss", "val acc", "lr"
    )];
    for run in runs {
        let last = run.epochs.len() - 1;
        let mut row = |at: usize, what: &str| {
            let epoch = &run.epochs[at];
            let percent = |share: f64| format!("{:.2} %", 100.0 * share);
            let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
            lines.push(format!(
                "{}  {:width$}  {:>6} {what:6}  {:>7.4} {:>9}  {:>8} {:>9}  {:>7.1e}",
                run.letter,
                run.name,
                epoch.epoch,
                epoch.train_loss,
                percent(epoch.train_accuracy),
                or_none(epoch.val_loss.map(|loss| format!("{loss:.4}"))),
                or_none(epoch.val_accuracy.map(percent)),
                epoch.lr
            ));
        };
        if run.chosen == last {
            row(last, "last ^");
        } else {
            row(last, "last");
            row(run.chosen, "best ^");
        }
    }
    lines.join("\n")
}
