//! `--resume`: a run's last checkpoint, and whether this command line may go on from it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context;
use lenet_nn::Parameters;
use lenet_train::EpochMetrics;
use lenet_train::checkpoint::{Checkpoint, Checkpoints, Part};

use crate::exit::Usage;
use crate::printer::Printer;
use crate::rundir::{RUNS, last_checkpoint};
use crate::settings::Settings;

/// A run that may go on.
pub(super) struct Resumed {
    run: PathBuf,
    checkpoints: Checkpoints,
    checkpoint: Checkpoint,
}

impl Resumed {
    /// The checkpoint of this run, or of the run in `runs/` that wrote one last.
    pub(super) fn find(run: Option<&Path>, printer: &Printer) -> anyhow::Result<Self> {
        let run = match run {
            Some(run) => run.to_owned(),
            None => latest(Path::new(RUNS)).ok_or_else(|| {
                Usage(format!(
                    "--resume: no run in {RUNS}/ has a checkpoint: name the run, --resume RUN"
                ))
            })?,
        };
        let checkpoints = Checkpoints::of(&last_checkpoint(&run));
        if !checkpoints.exist() {
            return Err(Usage(format!(
                "--resume {}: there is no checkpoint in it, expected {}",
                run.display(),
                checkpoints.folder().display()
            ))
            .into());
        }
        let loaded = checkpoints.load().context("--resume")?;
        let state = &loaded.checkpoint.state;
        if let Some(reason) = loaded.fell_back {
            printer.warn(&format!(
                "{reason}: going on from the checkpoint before it, of step {}",
                state.step
            ));
        }
        printer.note(&format!(
            "{}: going on after step {}",
            run.display(),
            state.step
        ));
        Ok(Self {
            run,
            checkpoints,
            checkpoint: loaded.checkpoint,
        })
    }

    /// The run's folder.
    pub(super) fn path(&self) -> &Path {
        &self.run
    }

    /// The settings that the run had.
    pub(super) fn settings(&self) -> anyhow::Result<Settings> {
        let place = format!("{} (its checkpoint's settings)", self.run.display());
        Settings::parse(&self.checkpoint.state.origin.settings, &place)
    }

    /// The step of its checkpoint.
    pub(super) fn step(&self) -> u64 {
        self.checkpoint.state.step
    }

    /// The epochs that are over.
    pub(super) fn epochs(&self) -> &[EpochMetrics] {
        &self.checkpoint.state.epochs
    }

    /// Where to go on from, and where further checkpoints go.
    pub(super) fn into_parts(self) -> (Checkpoint, Checkpoints) {
        (self.checkpoint, self.checkpoints)
    }

    /// Whether a run of this identity is the same run, further on.
    pub(super) fn check(&self, identity: &BTreeMap<String, String>) -> anyhow::Result<()> {
        let differences = self.checkpoint.state.origin.differences(identity);
        if differences.is_empty() {
            return Ok(());
        }
        Err(Usage(format!(
            "--resume {}: this would be another run: {}; leave that as it was, or start a new \
             run from these weights with --weights-only",
            self.run.display(),
            differences.join("; ")
        ))
        .into())
    }

    /// Whether a run of this length has not ended before the checkpoint: its settings would
    /// not repeat what comes out.
    pub(super) fn check_length(&self, epochs: u64, max_steps: Option<u64>) -> anyhow::Result<()> {
        let state = &self.checkpoint.state;
        let begun = state.epoch - u64::from(state.batch == 0);
        let beyond = match max_steps {
            Some(most) if most < state.step => {
                format!(
                    "step {} is over, which is beyond --max-steps {most}",
                    state.step
                )
            }
            _ if epochs < begun => {
                format!("epoch {begun} has begun, which is beyond --epochs {epochs}")
            }
            _ => return Ok(()),
        };
        Err(Usage(format!("--resume {}: {beyond}", self.run.display())).into())
    }

    /// Sets a new run's parameters and buffers.
    pub(super) fn give_weights(&self, parameters: &Parameters) -> anyhow::Result<()> {
        let given = self.checkpoint.restore(Part::Model, &parameters.entries());
        given.with_context(|| format!("--resume {} --weights-only", self.run.display()))
    }
}

/// The run whose checkpoint is the newest.
fn latest(runs: &Path) -> Option<PathBuf> {
    let written = |run: &PathBuf| -> Option<SystemTime> {
        let files = fs::read_dir(last_checkpoint(run)).ok()?.flatten();
        files
            .filter_map(|file| file.metadata().ok()?.modified().ok())
            .max()
    };
    let runs = fs::read_dir(runs).ok()?.flatten().map(|run| run.path());
    let with_time = runs.filter_map(|run| Some((written(&run)?, run)));
    with_time.max().map(|(_, run)| run)
}
