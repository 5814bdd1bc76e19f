//! Losses, accuracies and learning rates over the epochs, of one run or of several, as
//! SVG. Lines differ by dashes and marks as well as by colour; a title and a description
//! say what there is to see.

mod draw;
#[cfg(test)]
mod tests;

use anyhow::Context;
use lenet_train::EpochMetrics;
use plotters::prelude::{RGBColor, SVGBackend};

use super::html::escape;
use crate::chart::BRIGHT;

/// Colours of lines; the last one, grey, is the grid's.
const COLORS: usize = BRIGHT.len() - 1;
/// Letters of a name in the legend.
const LETTERS: usize = 22;

/// What is drawn over the epochs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measure {
    Loss,
    Accuracy,
    LearningRate,
}

/// The epochs of one run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Curve<'a> {
    /// What the legend calls the run, where there are several.
    pub(crate) name: &'a str,
    pub(crate) metrics: &'a [EpochMetrics],
    /// The epoch whose weights were kept, to be marked.
    pub(crate) chosen: Option<u64>,
}

/// A line and how it looks.
struct Line {
    label: String,
    /// Whether this is of the only run.
    alone: bool,
    /// Whether this is in training, and another line on what was held out.
    beside: bool,
    points: Vec<(u64, f64)>,
    color: RGBColor,
    mark: Mark,
    dashed: bool,
    /// Whether the legend has it.
    listed: bool,
    chosen: Option<u64>,
}

#[derive(Clone, Copy)]
enum Mark {
    Circle,
    Triangle,
    Square,
    Cross,
}

const MARK_KINDS: [Mark; 4] = [Mark::Circle, Mark::Triangle, Mark::Square, Mark::Cross];

impl Measure {
    pub(crate) const ALL: [Self; 3] = [Self::Loss, Self::Accuracy, Self::LearningRate];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Loss => "Loss",
            Self::Accuracy => "Accuracy",
            Self::LearningRate => "Learning rate",
        }
    }

    fn id(self) -> &'static str {
        match self {
            Self::Loss => "chart-loss",
            Self::Accuracy => "chart-accuracy",
            Self::LearningRate => "chart-lr",
        }
    }

    /// In training, and on what was held out.
    fn of(self, epoch: &EpochMetrics) -> [Option<f64>; 2] {
        let percent = |share: f64| 100.0 * share;
        match self {
            Self::Loss => [Some(epoch.train_loss), epoch.val_loss],
            Self::Accuracy => [
                Some(percent(epoch.train_accuracy)),
                epoch.val_accuracy.map(percent),
            ],
            Self::LearningRate => [Some(epoch.lr), None],
        }
    }

    /// A value as the axis and the description have it.
    fn text(self, value: f64) -> String {
        let short = number(value);
        match self {
            Self::Accuracy => format!("{short} %"),
            Self::Loss | Self::LearningRate => short,
        }
    }
}

/// Four figures, and no more than it takes.
fn number(value: f64) -> String {
    let text = format!("{value:.3e}");
    let value: f64 = text.parse().unwrap_or(value);
    if value == 0.0 || (1e-4..1e6).contains(&value.abs()) {
        value.to_string()
    } else {
        format!("{value:e}")
    }
}

/// One measure of all runs in one picture: an `<svg>` to stand within HTML. Of several
/// runs each has a colour and a mark, and its losses in training are dashed.
pub(crate) fn svg(measure: Measure, runs: &[Curve<'_>]) -> anyhow::Result<String> {
    let lines = lines(measure, runs);
    let mut text = String::new();
    let size = draw::size(&lines);
    draw::draw(measure, &lines, SVGBackend::with_string(&mut text, size))
        .context("the curves cannot be drawn")?;
    // The opening tag is ours: it scales, and is read aloud.
    let drawn = text.split_once('>').map_or("", |(_, drawn)| drawn);
    let (id, (width, height)) = (measure.id(), size);
    let title = escape(measure.title());
    let desc = escape(&describe(measure, &lines));
    Ok(format!(
        "<svg class=\"chart\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
         aria-labelledby=\"{id}-title {id}-desc\">\n<title id=\"{id}-title\">{title} over the \
         epochs</title>\n<desc id=\"{id}-desc\">{desc}</desc>{drawn}"
    ))
}

fn lines(measure: Measure, runs: &[Curve<'_>]) -> Vec<Line> {
    let mut lines = Vec::new();
    for (number, run) in runs.iter().enumerate() {
        let of = |held_out: usize| -> Vec<(u64, f64)> {
            let point = |epoch: &EpochMetrics| Some((epoch.epoch, measure.of(epoch)[held_out]?));
            let points = run.metrics.iter().filter_map(point);
            let points = points.filter(|(_, value)| value.is_finite());
            // Far above anything that was ever measured, and no axis has more.
            points
                .map(|(epoch, value)| (epoch, value.clamp(-1e30, 1e30)))
                .collect()
        };
        let [train, held_out] = [of(0), of(1)];
        let validated = !held_out.is_empty();
        let alone = runs.len() == 1;
        for (points, is_held_out) in [(train, false), (held_out, true)] {
            if points.is_empty() {
                continue;
            }
            let which = if alone {
                usize::from(is_held_out)
            } else {
                number
            };
            lines.push(Line {
                label: match (alone, is_held_out) {
                    (false, _) => shortened(run.name),
                    (true, true) => "validation".to_owned(),
                    (true, false) if measure == Measure::LearningRate => {
                        "last step of the epoch".to_owned()
                    }
                    (true, false) => "training".to_owned(),
                },
                alone,
                beside: validated && !is_held_out,
                points,
                color: BRIGHT[which % COLORS],
                mark: MARK_KINDS[which % MARK_KINDS.len()],
                dashed: !is_held_out && (validated || alone) && measure != Measure::LearningRate,
                listed: alone || is_held_out == validated,
                chosen: run
                    .chosen
                    .filter(|_| is_held_out == validated && measure != Measure::LearningRate),
            });
        }
    }
    lines
}

/// The end of a name tells more than its beginning.
fn shortened(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    match letters.len().checked_sub(LETTERS) {
        None | Some(0) => name.to_owned(),
        Some(more) => {
            let end: String = letters[more + 1..].iter().collect();
            format!("…{end}")
        }
    }
}

/// The picture in words.
fn describe(measure: Measure, lines: &[Line]) -> String {
    let line = |line: &Line| -> Option<String> {
        let ((first, from), (last, to)) = (line.points.first()?, line.points.last()?);
        let better = |a: &&(u64, f64), b: &&(u64, f64)| a.1.total_cmp(&b.1);
        let (word, (at, best)) = match measure {
            Measure::Accuracy => ("highest", line.points.iter().rev().max_by(better)?),
            Measure::Loss | Measure::LearningRate => ("lowest", line.points.iter().min_by(better)?),
        };
        let mut text = line.label.clone();
        if line.beside && !line.alone {
            text += " in training";
        }
        text += &format!(": {} in epoch {first}", measure.text(*from));
        if first != last {
            let (to, best) = (measure.text(*to), measure.text(*best));
            text += &format!(", {to} in epoch {last}, {word} {best} in epoch {at}");
        }
        if let Some(epoch) = line.chosen {
            text += &format!("; chosen: epoch {epoch}");
        }
        Some(text + ".")
    };
    let lines: Vec<String> = lines.iter().filter_map(line).collect();
    if lines.is_empty() {
        "No epoch has ended.".to_owned()
    } else {
        lines.join(" ")
    }
}
