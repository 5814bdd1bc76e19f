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
use crate::exit::Usage;
use crate::rundir::last_checkpoint;
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
        if !path.is_dir() {
            let path = path.display();
            return Err(Usage(format!("{path}: no such folder, expected that of a run")).into());
        }
        let file = path.join("metrics.jsonl");
        let metrics = match fs::read_to_string(&file) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(Usage(format!(
                    "{}: no run lies there, expected {} as `lenet train` writes it",
                    path.display(),
                    file.display()
                ))
                .into());
            }
            text => text.with_context(|| unreadable(&file))?,
        };
        let metrics = parse_metrics(&metrics, &file)?;
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

/// The epochs of a `metrics.jsonl`, which `file` names: each line the next epoch.
pub(crate) fn parse_metrics(text: &str, file: &Path) -> anyhow::Result<Vec<EpochMetrics>> {
    let mut epochs: Vec<EpochMetrics> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let place = || format!("{}:{}", file.display(), number + 1);
        let epoch: EpochMetrics = serde_json::from_str(line).map_err(|error| {
            // The error counts lines in what it was given: this one alone.
            let error = error.to_string();
            let reason = error.split(" at line ").next().unwrap_or_default();
            anyhow!("{}: no line of metrics: {reason}", place())
        })?;
        let expected = number as u64 + 1;
        if epoch.epoch != expected {
            return Err(anyhow!(
                "{}: epoch {}, expected {expected}",
                place(),
                epoch.epoch
            ));
        }
        epochs.push(epoch);
    }
    Ok(epochs)
}

/// The epoch that a run would choose of these: the best on what was held out, else the last.
pub(crate) fn chosen(metrics: &[EpochMetrics]) -> Option<u64> {
    let better = |a: &&EpochMetrics, b: &&EpochMetrics| {
        let by_accuracy = |epoch: &EpochMetrics| epoch.val_accuracy.unwrap_or(f64::NEG_INFINITY);
        let by_loss = |epoch: &EpochMetrics| epoch.val_loss.unwrap_or(f64::INFINITY);
        by_accuracy(a)
            .total_cmp(&by_accuracy(b))
            .then(by_loss(b).total_cmp(&by_loss(a)))
    };
    let validated = || metrics.iter().filter(|epoch| epoch.val_accuracy.is_some());
    // Of equals the first: `max_by` takes the last, so they go in backwards.
    let best = validated().rev().max_by(better);
    best.or(metrics.last()).map(|epoch| epoch.epoch)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(epoch: u64, validated: Option<(f64, f64)>) -> EpochMetrics {
        EpochMetrics {
            epoch,
            step: epoch,
            lr: 0.001,
            train_loss: 0.1,
            train_accuracy: 0.1 + 0.2,
            val_loss: validated.map(|(loss, _)| loss),
            val_accuracy: validated.map(|(_, accuracy)| accuracy),
            train_seconds: 1.0,
            samples_per_second: 1.0,
        }
    }

    #[test]
    fn metrics_come_back_as_they_were() {
        let epochs = [epoch(1, None), epoch(2, Some((0.25, 0.5)))];
        let lines = epochs
            .each_ref()
            .map(|epoch| serde_json::to_string(epoch).unwrap());
        let text = lines.join("\n") + "\n";
        assert_eq!(parse_metrics(&text, Path::new("m")).unwrap(), epochs);
        assert_eq!(parse_metrics("", Path::new("m")).unwrap(), []);
    }

    #[test]
    fn a_bad_line_is_named_with_its_file() {
        let good = serde_json::to_string(&epoch(1, None)).unwrap();
        let huge = good.replace("0.001", "1e999");
        for (second, reason) in [
            ("{", "EOF while parsing"),
            ("", "EOF while parsing"),
            ("{}", "missing field `epoch`"),
            (good.as_str(), "epoch 1, expected 2"),
            (huge.as_str(), "number out of range"),
        ] {
            let text = format!("{good}\n{second}\n{good}");
            let error = parse_metrics(&text, Path::new("run/metrics.jsonl")).unwrap_err();
            let error = error.to_string();
            assert!(error.starts_with("run/metrics.jsonl:2: "), "{error}");
            assert!(
                error.contains(reason) && !error.contains("at line"),
                "{error}"
            );
        }
    }

    #[test]
    fn the_best_epoch_is_chosen_as_the_trainer_does() {
        let of = |validated: &[Option<(f64, f64)>]| {
            let epochs = validated.iter().zip(1..).map(|(v, n)| epoch(n, *v));
            chosen(&epochs.collect::<Vec<_>>())
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[None, None]), Some(2));
        assert_eq!(of(&[Some((0.3, 0.9)), Some((0.5, 0.8))]), Some(1));
        // Among equals the smaller loss, then the first.
        assert_eq!(
            of(&[Some((0.3, 0.9)), Some((0.2, 0.9)), Some((0.2, 0.9))]),
            Some(2)
        );
    }
}
