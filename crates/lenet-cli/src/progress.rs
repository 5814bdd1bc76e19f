//! How a run shows itself: a bar for each epoch on a terminal, else a plain line.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use lenet_train::{Ended, EpochMetrics, Event, Observer, Progress};

use crate::printer::Printer;

/// A step takes less time than writing its message: ten a second will do.
const REDRAWN: Duration = Duration::from_millis(100);

/// A bar for a file that arrives.
pub(crate) fn download_bar(file: &str, total: Option<u64>) -> ProgressBar {
    let template = if total.is_some() {
        "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}"
    } else {
        "{msg} {spinner} {bytes} {bytes_per_sec}"
    };
    let bar = ProgressBar::new(total.unwrap_or_default()).with_message(file.to_owned());
    bar.set_style(style(template));
    bar
}

/// A bar over steps of which none is an epoch's; nothing where there is no terminal.
pub(crate) struct StepBar {
    bar: Option<ProgressBar>,
    drawn: Instant,
}

impl StepBar {
    pub(crate) fn new(printer: &Printer, steps: usize) -> Self {
        let bar = printer.bars().then(|| {
            let bar = ProgressBar::new(steps as u64);
            bar.set_style(style("step {pos}/{len} {wide_bar} {msg}  {eta} left"));
            bar
        });
        Self {
            bar,
            drawn: Instant::now(),
        }
    }

    /// A step, from 0, was taken.
    pub(crate) fn step(&mut self, step: usize, message: impl FnOnce() -> String) {
        let Some(bar) = &self.bar else { return };
        if self.drawn.elapsed() > REDRAWN {
            bar.set_message(message());
            bar.set_position(step as u64 + 1);
            self.drawn = Instant::now();
        }
    }

    /// Takes the bar away.
    pub(crate) fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// Shows a run's events.
pub(crate) struct RunProgress<'a> {
    printer: &'a Printer,
    log_interval: Option<u64>,
    epochs: u64,
    batches: u64,
    bar: Option<ProgressBar>,
    drawn: Instant,
}

impl<'a> RunProgress<'a> {
    pub(crate) fn new(printer: &'a Printer, log_interval: Option<u64>) -> Self {
        Self {
            printer,
            log_interval,
            epochs: 0,
            batches: 0,
            bar: None,
            drawn: Instant::now(),
        }
    }

    /// Takes the bar away, where a run ended amid an epoch.
    pub(crate) fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn step(&mut self, at: &Progress) {
        if let Some(bar) = &self.bar
            && (self.drawn.elapsed() > REDRAWN || at.batch == self.batches)
        {
            bar.set_message(format!(
                "loss {:.4}  acc {:5.2} %  {:.0} samples/s",
                at.loss,
                100.0 * at.accuracy,
                at.samples_per_second
            ));
            bar.set_position(at.batch);
            self.drawn = Instant::now();
        }
        if self.log_interval.is_some_and(|n| at.step.is_multiple_of(n)) {
            self.line(&format!(
                "epoch {} step {} [{}/{}] loss {:.6}",
                at.epoch, at.step, at.batch, self.batches, at.batch_loss
            ));
        }
    }

    /// A line above the bar, or just a line.
    fn line(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| self.printer.note(line)),
            None => self.printer.note(line),
        }
    }

    fn epoch(&mut self, metrics: &EpochMetrics) {
        self.clear();
        let validated = match (metrics.val_loss, metrics.val_accuracy) {
            (Some(loss), Some(accuracy)) => {
                format!("  val loss {loss:.4}  val acc {:.2} %", 100.0 * accuracy)
            }
            _ => String::new(),
        };
        self.printer.note(&format!(
            "epoch {:>width$}/{}  loss {:.4}  acc {:.2} %{validated}  {:.1} s  {:.0} samples/s",
            metrics.epoch,
            self.epochs,
            metrics.train_loss,
            100.0 * metrics.train_accuracy,
            metrics.train_seconds,
            metrics.samples_per_second,
            width = self.epochs.to_string().len(),
        ));
    }
}

impl Observer for RunProgress<'_> {
    fn on(&mut self, event: &Event<'_>) {
        match event {
            Event::FitStarted {
                epochs, batches, ..
            } => {
                (self.epochs, self.batches) = (*epochs, *batches);
            }
            Event::EpochStarted { epoch } if self.printer.bars() => {
                let bar = ProgressBar::new(self.batches);
                bar.set_style(style("{prefix} {wide_bar} {msg}  {eta} left"));
                bar.set_prefix(format!("epoch {epoch}/{}", self.epochs));
                self.bar = Some(bar);
            }
            Event::StepEnded(progress) => self.step(progress),
            Event::EpochEnded(metrics) => self.epoch(metrics),
            Event::FitEnded {
                ended: Ended::Early,
                ..
            } => {
                self.printer
                    .note("stopped early: no gain on the held-out samples");
            }
            _ => {}
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
