//! A run's folder: its configuration, a line of metrics an epoch, the weights and
//! the summary; and what `report/` makes of them.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, anyhow};
use lenet_nn::ModelKind;
use lenet_nn::weights::write_whole;
use lenet_train::{EpochMetrics, Event, Observer};
use serde::Serialize;

use crate::report;
use crate::settings::Settings;
use crate::tensorboard;

/// Where runs lie that are not given a folder.
pub(crate) const RUNS: &str = "runs";

/// A run's weights.
const WEIGHTS: &str = "model.safetensors";

/// What a run began with, where that lies in no file that stays as it is.
const BEGINNING: &str = "init.safetensors";

/// Where a run's last checkpoints lie.
pub(crate) fn last_checkpoint(run: &Path) -> PathBuf {
    run.join("checkpoints").join("last")
}

/// The folder of one run. A run that was there before stays whole until this one
/// has an epoch to show; a folder that was made for nothing is removed again.
pub(crate) struct RunDir {
    path: PathBuf,
    /// Held as long as the run is at work in the folder.
    _lock: Option<File>,
    /// What `config.toml` will hold.
    config: String,
    /// What `init.safetensors` will hold, where a run began with another one's weights.
    beginning: Option<Vec<u8>>,
    /// The folders that were made for this run, the innermost first.
    made: Vec<PathBuf>,
    /// `metrics.jsonl`, once the first epoch is over.
    metrics: Option<File>,
    /// Whether this is no run that goes on.
    is_new: bool,
    /// The epochs that were over when a run was taken up.
    before: Vec<EpochMetrics>,
    /// The step of the last checkpoint that this program wrote.
    saved: Option<u64>,
    /// The first failure to write; the run goes on without it.
    failed: Option<anyhow::Error>,
}

impl RunDir {
    /// Makes the folder, or takes one that is there and can be written to.
    pub(crate) fn create(
        wanted: Option<&Path>,
        model: ModelKind,
        settings: &Settings,
    ) -> anyhow::Result<Self> {
        let config = as_toml(settings)?;
        let claimed = match wanted {
            Some(path) => make(path)
                .and_then(|made| writable(path).map(|()| made))
                .map(|made| (path.to_owned(), made)),
            None => claim(Path::new(RUNS), &format!("{}-{model}", now())),
        };
        let (path, made) = claimed.with_context(|| {
            let path = wanted.unwrap_or(Path::new(RUNS));
            format!(
                "{}: cannot hold a run; give another --out-dir",
                path.display()
            )
        })?;
        Ok(Self {
            _lock: lock(&path)?,
            path,
            config,
            beginning: None,
            made,
            metrics: None,
            is_new: true,
            before: Vec::new(),
            saved: None,
            failed: None,
        })
    }

    /// Keeps what the run begins with, in a file that `settings` name.
    pub(crate) fn begin_with(
        &mut self,
        weights: Vec<u8>,
        settings: &Settings,
    ) -> anyhow::Result<()> {
        self.config = as_toml(settings)?;
        self.beginning = Some(weights);
        Ok(())
    }

    /// Where [`RunDir::begin_with`] puts it.
    pub(crate) fn beginning(&self) -> PathBuf {
        self.path.join(BEGINNING)
    }

    /// The folder of a run that goes on, after these epochs.
    pub(crate) fn take_up(
        path: &Path,
        settings: &Settings,
        before: &[EpochMetrics],
    ) -> anyhow::Result<Self> {
        let mut run = Self::create(Some(path), ModelKind::default(), settings)?;
        run.before = before.to_vec();
        run.is_new = false;
        Ok(run)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the last checkpoints go.
    pub(crate) fn last(&self) -> PathBuf {
        last_checkpoint(&self.path)
    }

    /// Where the best weights so far go.
    pub(crate) fn best(&self) -> PathBuf {
        self.path
            .join("checkpoints")
            .join("best")
            .join("model.safetensors")
    }

    /// The epochs that were over when the run was taken up.
    pub(crate) fn before(&self) -> &[EpochMetrics] {
        &self.before
    }

    /// The step of the last checkpoint that was written.
    pub(crate) fn saved(&self) -> Option<u64> {
        self.saved
    }

    /// Where the weights go.
    pub(crate) fn weights(&self) -> PathBuf {
        self.path.join(WEIGHTS)
    }

    /// Writes the summary, and tells whether the metrics were written too.
    pub(crate) fn finish(mut self, summary: &impl Serialize) -> anyhow::Result<()> {
        let path = self.path.join("summary.json");
        let text = serde_json::to_string_pretty(summary)? + "\n";
        fs::write(&path, text).with_context(|| path.display().to_string())?;
        self.written()
    }

    /// Whether all lines of metrics could be written.
    pub(crate) fn written(&mut self) -> anyhow::Result<()> {
        self.failed.take().map_or(Ok(()), Err)
    }

    /// Adds lines of metrics; before the first, this run takes the folder over.
    fn append(&mut self, metrics: &[EpochMetrics]) -> anyhow::Result<()> {
        let path = self.path.join("metrics.jsonl");
        let named = || path.display().to_string();
        let mut lines = String::new();
        let file = match &mut self.metrics {
            Some(file) => file,
            none => {
                // What an older run came to does not belong beside this one's lines.
                let _ = fs::remove_file(self.path.join("summary.json"));
                report::remove_old(&self.path);
                if self.is_new {
                    let _ = fs::remove_file(self.path.join(WEIGHTS));
                    let _ = fs::remove_dir_all(self.path.join("checkpoints").join("best"));
                    tensorboard::remove_old(&self.path);
                }
                if let Some(weights) = self.beginning.take() {
                    let path = self.path.join(BEGINNING);
                    write_whole(&path, &weights).with_context(|| path.display().to_string())?;
                }
                let config = self.path.join("config.toml");
                fs::write(&config, &self.config).with_context(|| config.display().to_string())?;
                for before in &self.before {
                    lines += &(serde_json::to_string(before)? + "\n");
                }
                none.insert(File::create(&path).with_context(named)?)
            }
        };
        for metrics in metrics {
            lines += &(serde_json::to_string(metrics)? + "\n");
        }
        file.write_all(lines.as_bytes()).with_context(named)
    }
}

impl Drop for RunDir {
    fn drop(&mut self) {
        for folder in &self.made {
            // Only what is empty goes: the first folder with a file in it ends this.
            if fs::remove_dir(folder).is_err() {
                break;
            }
        }
    }
}

impl Observer for RunDir {
    fn on(&mut self, event: &Event<'_>) {
        let appended = match event {
            Event::EpochEnded(metrics) => self.append(std::slice::from_ref(*metrics)),
            Event::CheckpointSaved { step } => {
                self.saved = Some(*step);
                self.append(&[])
            }
            _ => return,
        };
        if let Err(error) = appended {
            self.failed.get_or_insert(error);
        }
    }
}

fn as_toml(settings: &Settings) -> anyhow::Result<String> {
    toml::to_string(settings).context("the settings cannot be written as TOML")
}

/// Two runs in one folder would take each other's checkpoints for their own. The system
/// lets go of the lock with the program, however that ends.
fn lock(folder: &Path) -> anyhow::Result<Option<File>> {
    // Other systems do not open folders.
    let Some(file) = cfg!(unix).then(|| File::open(folder)) else {
        return Ok(None);
    };
    let file = file.with_context(|| folder.display().to_string())?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(anyhow!(
            "{}: another `lenet train` is at work there: wait until it has ended, or give another \
             --out-dir",
            folder.display()
        )),
        // Some network file systems know no locks.
        Err(TryLockError::Error(_)) => Ok(None),
    }
}

/// Makes `path` and the folders above it; which of them are new, the innermost first.
fn make(path: &Path) -> io::Result<Vec<PathBuf>> {
    let new = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
    let made = path.ancestors().take_while(new).map(Path::to_owned);
    let made = made.collect();
    fs::create_dir_all(path)?;
    Ok(made)
}

/// Better to know before the first epoch than after it.
fn writable(folder: &Path) -> io::Result<()> {
    let probe = folder.join(format!(".lenet-{}", std::process::id()));
    File::create(&probe)?;
    fs::remove_file(&probe)
}

/// Makes `NAME` in `runs`, or `NAME-2` and so on where that is taken: also by a run
/// that starts in the same second.
fn claim(runs: &Path, name: &str) -> io::Result<(PathBuf, Vec<PathBuf>)> {
    let mut made = make(runs)?;
    let mut path = runs.join(name);
    let mut number = 2;
    loop {
        match fs::create_dir(&path) {
            Ok(()) => {
                made.insert(0, path.clone());
                return Ok((path, made));
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                path = runs.join(format!("{name}-{number}"));
                number += 1;
            }
            Err(error) => return Err(error),
        }
    }
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
    fn runs_of_the_same_second_get_folders_of_their_own() {
        let root = tempfile::tempdir().unwrap();
        let runs = root.path().join("runs");
        let claims: Vec<PathBuf> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| claim(&runs, "x").unwrap().0))
                .collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        let distinct: std::collections::HashSet<_> = claims.iter().collect();
        assert_eq!(distinct.len(), 8, "{claims:?}");
        assert!(claims.contains(&runs.join("x")) && claims.contains(&runs.join("x-8")));
    }

    #[test]
    fn a_folder_made_for_nothing_goes_and_one_that_was_there_stays() {
        let root = tempfile::tempdir().unwrap();
        let settings = Settings::default();
        let create = |path: &Path| {
            drop(RunDir::create(Some(path), ModelKind::default(), &settings).unwrap());
        };
        create(&root.path().join("a/b/c"));
        assert!(!root.path().join("a").exists());
        let kept = root.path().join("kept");
        fs::create_dir(&kept).unwrap();
        create(&kept);
        create(&kept.join("d"));
        assert_eq!(fs::read_dir(&kept).unwrap().count(), 0);
    }

    #[test]
    fn stamps_are_dates() {
        assert_eq!(stamp(0), "19700101-000000");
        assert_eq!(stamp(951_827_696), "20000229-123456");
        assert_eq!(stamp(1_704_067_199), "20231231-235959");
        assert_eq!(stamp(1_798_761_600), "20270101-000000");
    }
}
