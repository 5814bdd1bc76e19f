//! A run's folder: its configuration, a line of metrics an epoch, the weights and
//! the summary.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use lenet_nn::ModelKind;
use lenet_train::{EpochMetrics, Event, Observer};
use serde::Serialize;

use crate::settings::Settings;

/// The folder, opened for one run.
pub(crate) struct RunDir {
    path: PathBuf,
    metrics: File,
    /// The first line that could not be written; the run goes on without it.
    failed: Option<std::io::Error>,
}

impl RunDir {
    /// Makes the folder, or takes one that is there, and starts its files anew.
    pub(crate) fn create(
        wanted: Option<&Path>,
        model: ModelKind,
        settings: &Settings,
    ) -> anyhow::Result<Self> {
        let path = match wanted {
            Some(path) => path.to_owned(),
            None => free_name(&format!("{}-{model}", now())),
        };
        fs::create_dir_all(&path).with_context(|| path.display().to_string())?;
        let file = |name: &str| path.join(name);
        let config = file("config.toml");
        let text = toml::to_string(settings).context("the settings cannot be written as TOML")?;
        fs::write(&config, text).with_context(|| config.display().to_string())?;
        let metrics = file("metrics.jsonl");
        let metrics = File::create(&metrics).with_context(|| metrics.display().to_string())?;
        Ok(Self {
            path,
            metrics,
            failed: None,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the weights go.
    pub(crate) fn weights(&self) -> PathBuf {
        self.path.join("model.safetensors")
    }

    /// Writes the summary, and tells whether the metrics were written too.
    pub(crate) fn finish(self, summary: &impl Serialize) -> anyhow::Result<()> {
        let path = self.path.join("summary.json");
        let text = serde_json::to_string_pretty(summary)? + "\n";
        fs::write(&path, text).with_context(|| path.display().to_string())?;
        match self.failed {
            None => Ok(()),
            Some(error) => {
                Err(error).with_context(|| self.path.join("metrics.jsonl").display().to_string())
            }
        }
    }

    fn append(&mut self, metrics: &EpochMetrics) -> std::io::Result<()> {
        let line = serde_json::to_string(metrics)? + "\n";
        self.metrics.write_all(line.as_bytes())?;
        self.metrics.flush()
    }
}

impl Observer for RunDir {
    fn on(&mut self, event: &Event<'_>) {
        if let Event::EpochEnded(metrics) = event
            && let Err(error) = self.append(metrics)
        {
            self.failed.get_or_insert(error);
        }
    }
}

/// `runs/NAME`, or `runs/NAME-2` and so on where that is taken.
fn free_name(name: &str) -> PathBuf {
    let runs = Path::new("runs");
    let numbered = (2u32..).map(|n| runs.join(format!("{name}-{n}")));
    std::iter::once(runs.join(name))
        .chain(numbered)
        .find(|path| !path.exists())
        .unwrap_or_else(|| runs.join(name))
}

/// The time in UTC as `20260131-235959`.
fn now() -> String {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    stamp(since.as_secs())
}

fn stamp(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Days to a date: Howard Hinnant, "chrono-compatible low-level date algorithms".
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    format!(
        "{:04}{month:02}{day:02}-{:02}{:02}{:02}",
        year + era * 400 + next,
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_dates() {
        assert_eq!(stamp(0), "19700101-000000");
        assert_eq!(stamp(951_827_696), "20000229-123456");
        assert_eq!(stamp(1_704_067_199), "20231231-235959");
        assert_eq!(stamp(1_798_761_600), "20270101-000000");
    }
}
