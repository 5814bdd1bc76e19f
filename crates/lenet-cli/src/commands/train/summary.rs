//! What a run came to, as JSON and as text.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::printer::Printer;

/// `summary.json`, and stdout with `--json`.
#[derive(Deserialize, Serialize)]
pub(crate) struct Summary {
    pub(crate) dataset: String,
    pub(crate) train_samples: usize,
    pub(crate) test_samples: usize,
    pub(crate) model: String,
    pub(crate) parameters: usize,
    pub(crate) seed: u64,
    pub(crate) epochs: u64,
    pub(crate) best_epoch: u64,
    /// By what these weights were chosen.
    pub(crate) chosen_by: Cow<'static, str>,
    pub(crate) test_loss: f64,
    pub(crate) test_accuracy: f64,
    pub(crate) test_correct: u64,
    pub(crate) train_seconds: f64,
    pub(crate) weights_sha256: String,
    /// `None` where no folder was written.
    pub(crate) run_dir: Option<String>,
}

impl Summary {
    /// Prints it on stdout.
    pub(crate) fn print(&self, json: bool, printer: &Printer) -> anyhow::Result<()> {
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
        if let Some(run_dir) = &self.run_dir {
            printer.result(&format!("run folder {run_dir}"))?;
        }
        Ok(())
    }
}
