//! What a run wrote down of itself, read again.

use std::fs;
use std::path::Path;

use anyhow::{Context, anyhow, bail};
use lenet_train::EpochMetrics;

/// The lines of a run's `metrics.jsonl`, in their order: at least one, with epochs that
/// grow.
pub(crate) fn read_metrics(run: &Path) -> anyhow::Result<Vec<EpochMetrics>> {
    let path = run.join("metrics.jsonl");
    let named = path.display();
    let text = fs::read_to_string(&path).with_context(|| {
        format!("{named}: cannot be read, expected a run's folder as `lenet train` writes it")
    })?;
    let mut epochs: Vec<EpochMetrics> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let number = at + 1;
        let epoch: EpochMetrics = serde_json::from_str(line).map_err(|error| {
            anyhow!("{named}:{number}: {error}; expected an epoch's numbers, as `lenet train` writes them")
        })?;
        if let Some(before) = epochs.last().filter(|before| before.epoch >= epoch.epoch) {
            bail!(
                "{named}:{number}: epoch {} comes after epoch {}",
                epoch.epoch,
                before.epoch
            );
        }
        epochs.push(epoch);
    }
    if epochs.is_empty() {
        bail!("{named}: it is empty, expected a line for each epoch");
    }
    Ok(epochs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(epoch: u64) -> String {
        let epoch = EpochMetrics {
            epoch,
            step: 10 * epoch,
            lr: 0.001,
            train_loss: 0.5,
            train_accuracy: 0.9,
            val_loss: None,
            val_accuracy: None,
            train_seconds: 1.0,
            samples_per_second: 640.0,
        };
        serde_json::to_string(&epoch).unwrap()
    }

    #[test]
    fn what_is_no_metrics_is_named_by_file_and_line() {
        let folder = tempfile::tempdir().unwrap();
        let read = |text: &str| {
            fs::write(folder.path().join("metrics.jsonl"), text).unwrap();
            read_metrics(folder.path()).map_err(|error| format!("{error:#}"))
        };
        let epochs = read(&format!("{}\n{}\n", line(1), line(2))).unwrap();
        assert_eq!((epochs.len(), epochs[1].step), (2, 20));
        for (text, expected) in [
            (
                format!("{}\n{{\"epoch\": 2\n", line(1)),
                "metrics.jsonl:2: ",
            ),
            (
                format!("{}\n{}\n", line(2), line(2)),
                "metrics.jsonl:2: epoch 2 comes after epoch 2",
            ),
            (String::new(), "metrics.jsonl: it is empty"),
        ] {
            let error = read(&text).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
        let error = read_metrics(&folder.path().join("no")).unwrap_err();
        assert!(error.to_string().contains("expected a run's folder"));
    }
}
