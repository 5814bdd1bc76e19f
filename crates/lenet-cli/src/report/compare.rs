//! Several runs on one page: their curves in one picture, what they came to, and the
//! settings in which they differ.

use std::collections::BTreeSet;

use super::curves::{Curve, Measure};
use super::html::{details, paragraph, percent, table};
use super::saved::SavedRun;
use super::{assemble, chart, charts, epochs};

/// The whole page.
pub(crate) fn compare(runs: &[SavedRun]) -> anyhow::Result<String> {
    let names = names(runs);
    let curves: Vec<Curve<'_>> = runs
        .iter()
        .zip(&names)
        .map(|(run, name)| Curve {
            name,
            metrics: &run.metrics,
            chosen: run.chosen(),
        })
        .collect();
    let mut pictures = String::new();
    for measure in Measure::ALL {
        let caption = match measure {
            Measure::LearningRate => "That of each epoch's last step.",
            Measure::Loss => {
                "On the held-out samples, and dashed in training; of a run that holds none out, in \
                 training alone. A ring marks the chosen epoch."
            }
            Measure::Accuracy => "As for the loss.",
        };
        pictures += &chart(measure, &curves, caption)?;
    }
    let tables = runs.iter().zip(&names).map(|(run, name)| {
        let summary = format!("The epochs of {name} as a table");
        details(&summary, &epochs(&run.metrics, run.chosen()))
    });
    let sections = [
        ("results", "What they came to", results(runs, &names)),
        (
            "curves",
            "Training",
            charts(&pictures) + &tables.collect::<String>(),
        ),
        (
            "settings",
            "Settings that differ",
            differences(runs, &names)?,
        ),
    ];
    let title = format!("{} runs compared", runs.len());
    Ok(assemble(&title, "", &sections))
}

/// Folders' names, or where two are the same, whole paths.
fn names(runs: &[SavedRun]) -> Vec<String> {
    let last = |run: &SavedRun| {
        let name = run.path.file_name().unwrap_or(run.path.as_os_str());
        name.to_string_lossy().into_owned()
    };
    let short: Vec<String> = runs.iter().map(last).collect();
    let distinct: BTreeSet<&String> = short.iter().collect();
    if distinct.len() == runs.len() {
        return short;
    }
    let paths = runs.iter().map(|run| run.path.display().to_string());
    paths.collect()
}

fn results(runs: &[SavedRun], names: &[String]) -> String {
    let rows: Vec<Vec<String>> = runs
        .iter()
        .zip(names)
        .map(|(run, name)| {
            let summary = run.summary.as_ref();
            let chosen = run.chosen();
            let of = chosen.and_then(|chosen| run.metrics.iter().find(|e| e.epoch == chosen));
            let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
            vec![
                name.clone(),
                run.resolved.train.model.to_string(),
                run.resolved.dataset.to_string(),
                run.metrics.len().to_string(),
                or_dash(chosen.map(|chosen| chosen.to_string())),
                or_dash(of.map(|epoch| format!("{:.4}", epoch.train_loss))),
                percent(of.and_then(|epoch| epoch.val_accuracy)),
                summary.map_or("not ended".to_owned(), |s| percent(Some(s.test_accuracy))),
                or_dash(summary.map(|summary| format!("{:.4}", summary.test_loss))),
                or_dash(summary.map(|summary| format!("{:.1}", summary.train_seconds))),
                or_dash(summary.map(|summary| summary.parameters.to_string())),
            ]
        })
        .collect();
    let head = [
        "run",
        "model",
        "data",
        "epochs",
        "chosen epoch",
        "training loss",
        "validation accuracy",
        "test accuracy",
        "test loss",
        "seconds",
        "parameters",
    ];
    table(
        "Losses and accuracies in the chosen epoch; seconds of training alone",
        &head,
        &rows,
    )
}

/// Every setting that is not the same in all runs.
fn differences(runs: &[SavedRun], names: &[String]) -> anyhow::Result<String> {
    let settings = runs
        .iter()
        .map(|run| toml::Table::try_from(run.resolved.settings()));
    let settings = settings.collect::<Result<Vec<toml::Table>, _>>()?;
    let keys: BTreeSet<&String> = settings.iter().flat_map(toml::Table::keys).collect();
    let value = |table: &toml::Table, key: &str| match table.get(key) {
        None => "–".to_owned(),
        Some(toml::Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    let rows: Vec<Vec<String>> = keys
        .into_iter()
        .filter(|key| {
            settings
                .iter()
                .any(|table| table.get(*key) != settings[0].get(*key))
        })
        .map(|key| {
            let values = settings.iter().map(|table| value(table, key));
            std::iter::once(key.clone()).chain(values).collect()
        })
        .collect();
    if rows.is_empty() {
        return Ok(paragraph("None: all settings are the same."));
    }
    let head: Vec<&str> = std::iter::once("setting")
        .chain(names.iter().map(String::as_str))
        .collect();
    Ok(table("Settings by run", &head, &rows))
}
