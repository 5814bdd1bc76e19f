//! What a run wrote down of itself, read again.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, anyhow};
use lenet_train::EpochMetrics;

use crate::exit::Usage;

/// The lines of a run's `metrics.jsonl`; none where no epoch has ended.
pub(crate) fn read_metrics(run: &Path) -> anyhow::Result<Vec<EpochMetrics>> {
    if !run.is_dir() {
        let run = run.display();
        return Err(Usage(format!("{run}: no such folder, expected that of a run")).into());
    }
    let file = run.join("metrics.jsonl");
    match fs::read_to_string(&file) {
        Err(error) if error.kind() == ErrorKind::NotFound => Err(Usage(format!(
            "{}: no run lies there, expected {} as `lenet train` writes it",
            run.display(),
            file.display()
        ))
        .into()),
        text => {
            let text = text.with_context(|| format!("{}: cannot be read", file.display()));
            parse_metrics(&text?, &file)
        }
    }
}

/// The epochs of a `metrics.jsonl`, which `file` names: each line the next epoch.
fn parse_metrics(text: &str, file: &Path) -> anyhow::Result<Vec<EpochMetrics>> {
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
pub(crate) mod testing {
    use lenet_train::EpochMetrics;

    /// An epoch's numbers; loss and accuracy on what was held out.
    pub(crate) fn epoch(epoch: u64, validated: Option<(f64, f64)>) -> EpochMetrics {
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
}

#[cfg(test)]
mod tests {
    use super::testing::epoch;
    use super::*;

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
        // An epoch that --max-steps cut short has not been validated.
        assert_eq!(of(&[Some((0.1, 0.9)), None]), Some(1));
    }
}
