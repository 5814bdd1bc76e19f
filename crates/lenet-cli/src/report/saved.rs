//! A run as its folder has it, read back: whole or stopped in the middle.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use candle_core::Device;
use lenet_nn::Parameters;
use lenet_nn::models::Model;
use lenet_nn::weights::WeightsFile;
use lenet_tensor::Key;
use lenet_train::EpochMetrics;
use lenet_train::checkpoint::{Checkpoints, Part};

use crate::commands::train::Summary;
use crate::rundir::last_checkpoint;
use crate::runlog::{chosen, read_metrics};
use crate::settings::{Resolved, Settings};

/// What lies in a run's folder, but for the weights.
pub(crate) struct SavedRun {
    /// The folder, as it was named.
    pub(crate) path: PathBuf,
    /// `config.toml`.
    pub(crate) config: String,
    pub(crate) resolved: Resolved,
    pub(crate) metrics: Vec<EpochMetrics>,
    /// `None` of a run that has not ended.
    pub(crate) summary: Option<Summary>,
}

/// A run's network with the weights that it came to.
pub(crate) struct SavedNetwork {
    pub(crate) model: Box<dyn Model>,
    pub(crate) parameters: Parameters,
    /// Which weights these are.
    pub(crate) weights: String,
    /// The data that they were trained on, the beginning of their hash, where it is said.
    pub(crate) data_sha256: Option<String>,
}

impl SavedRun {
    /// Reads a run's folder.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let metrics = read_metrics(path)?;
        let file = path.join("config.toml");
        let config = fs::read_to_string(&file).with_context(|| unreadable(&file))?;
        // What is wrong is the file's fault and not the command line's: it is told as text,
        // so that no typed error asks for the exit code of usage.
        let resolved = Settings::parse(&config, &file.display().to_string())
            .and_then(|settings| Settings::default().resolve(settings))
            .map_err(|error| anyhow!("{error:#}"))
            .with_context(|| format!("{}: no settings of a run", file.display()))?;
        let file = path.join("summary.json");
        let summary = match fs::read_to_string(&file) {
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            text => {
                let text = text.with_context(|| unreadable(&file))?;
                let summary = serde_json::from_str(&text);
                Some(summary.with_context(|| format!("{}: no summary", file.display()))?)
            }
        };
        Ok(Self {
            path: path.to_owned(),
            config,
            resolved,
            metrics,
            summary,
        })
    }

    /// The epoch whose weights were kept, or would have been.
    pub(crate) fn chosen(&self) -> Option<u64> {
        let summary = self.summary.as_ref();
        summary
            .map(|run| run.best_epoch)
            .or_else(|| chosen(&self.metrics))
    }

    /// The network with the run's weights: those that it came to, or where it has not ended
    /// those of its last checkpoint. `None` where there are neither.
    pub(crate) fn network(&self) -> anyhow::Result<Option<SavedNetwork>> {
        let train = &self.resolved.train;
        // Every value comes from a file; the key is only what builds the store.
        let parameters = Parameters::new(Key::from_seed(0), &Device::Cpu);
        let model = train.model.build(train.flavour, &parameters)?;
        let file = self.path.join("model.safetensors");
        let checkpoints = Checkpoints::of(&last_checkpoint(&self.path));
        let (weights, data_sha256) = if self.summary.is_none() && checkpoints.exist() {
            let checkpoint = checkpoints.load()?.checkpoint;
            // As the run would have chosen, had it ended there.
            let of = [Part::Best, Part::Average, Part::Model];
            let part = of
                .into_iter()
                .find(|part| checkpoint.part(*part).next().is_some());
            checkpoint
                .restore(part.unwrap_or(Part::Model), &parameters.entries())
                .with_context(|| checkpoints.folder().display().to_string())?;
            let step = checkpoint.state.step;
            // Its name, and the beginning of its hash.
            let data = checkpoint.state.origin.identity.get("data");
            let sha256 = data.and_then(|data| data.split_whitespace().last());
            let weights = format!("this is what the checkpoint of step {step} holds");
            (weights, sha256.map(str::to_owned))
        } else if file.exists() || self.summary.is_some() {
            let file = WeightsFile::open(&file)?;
            file.load(&parameters)?;
            let said = file.metadata()?.and_then(|said| said.dataset_sha256);
            ("model.safetensors".to_owned(), said)
        } else {
            return Ok(None);
        };
        Ok(Some(SavedNetwork {
            model,
            parameters,
            weights,
            data_sha256,
        }))
    }
}

fn unreadable(file: &Path) -> String {
    format!("{}: cannot be read", file.display())
}
