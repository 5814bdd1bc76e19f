//! What a run came to, as JSON and as text.

use serde::Serialize;

use crate::printer::Printer;

/// `summary.json`, and stdout with `--json`.
#[derive(Serialize)]
pub(super) struct Summary {
    pub(super) dataset: String,
    pub(super) train_samples: usize,
    pub(super) test_samples: usize,
    pub(super) model: String,
    pub(super) parameters: usize,
    pub(super) seed: u64,
    pub(super) epochs: u64,
    pub(super) best_epoch: u64,
    /// By what these weights were chosen.
    pub(super) chosen_by: &'static str,
    pub(super) test_loss: f64,
    pub(super) test_accuracy: f64,
    pub(super) test_correct: u64,
    pub(super) train_seconds: f64,
    pub(super) weights_sha256: String,
    pub(super) run_dir: String,
}

impl Summary {
    /// Prints it on stdout.
    pub(super) fn print(&self, json: bool, printer: &Printer) -> anyhow::Result<()> {
        if json {
            return printer.json(self);
        }
        printer.result(&format!(
            "test accuracy {:.2} % ({} of {} right), loss {:.4}",
            100.0 * self.test_accuracy,
            self.test_correct,
            self.test_samples,
            self.test_loss
        ))?;
        printer.result(&format!(
            "trained in {:.1} s; weights {}",
            self.train_seconds,
            &self.weights_sha256[..16]
        ))?;
        printer.result(&format!("run folder {}", self.run_dir))?;
        Ok(())
    }
}
