//! `lenet report`: a page of a run, or of several.

use std::path::{Path, PathBuf};

use anyhow::Context;
use lenet_data::{Choice, Dataset, DatasetName, Loader, Transform};
use lenet_train::{Evaluation, Mistake, evaluate_with_mistakes};
use serde_json::json;

use crate::args::ReportArgs;
use crate::exit::Usage;
use crate::printer::Printer;
use crate::report::{self, Network, Report, SavedNetwork, SavedRun, Tested};
use crate::{data, threads};

pub(crate) fn run(args: &ReportArgs, printer: &Printer) -> anyhow::Result<()> {
    threads::set(args.threads)?;
    let read = |path: &PathBuf| SavedRun::read(path);
    let runs = args
        .runs
        .iter()
        .map(read)
        .collect::<anyhow::Result<Vec<_>>>()?;
    let mut notes = Vec::new();
    let (page, usual) = match &runs[..] {
        [run] => (one(run, args, &mut notes)?, run.path.join(report::NAME)),
        runs => {
            if args.index.is_some() || args.digit.is_some() {
                return Err(Usage(
                    "--index and --digit belong to the report of a single run".to_owned(),
                )
                .into());
            }
            (report::compare(runs)?, PathBuf::from(report::NAME))
        }
    };
    for note in &notes {
        printer.warn(note);
    }
    let path = args.output.clone().unwrap_or(usual);
    report::write(&path, &page)?;
    if args.json {
        let of_run = |run: &SavedRun| {
            json!({
                "run": run.path.display().to_string(),
                "model": run.resolved.train.model.to_string(),
                "epochs": run.metrics.len(),
                "chosen_epoch": run.chosen(),
                "ended": run.summary.is_some(),
            })
        };
        return printer.json(&json!({
            "report": path.display().to_string(),
            "bytes": page.len(),
            "runs": runs.iter().map(of_run).collect::<Vec<_>>(),
            "left_out": notes,
        }));
    }
    printer.result(&path.display().to_string())
}

/// The page of one run. What has to be left out goes into the notes.
fn one(run: &SavedRun, args: &ReportArgs, notes: &mut Vec<String>) -> anyhow::Result<String> {
    let saved = run.network()?;
    let train = &run.resolved.train;
    if run.summary.is_none() {
        let weights = saved
            .as_ref()
            .map_or("there are no weights", |saved| &saved.weights);
        notes.push(format!("the run has not ended: {weights}"));
    }
    let data = match &saved {
        Some(saved) => find_data(run, saved, args.data_dir.as_deref())
            .map_err(|why| {
                notes.push(format!(
                    "{why}: the report is without what the test images would show"
                ));
            })
            .ok(),
        None => None,
    };
    let tests = match (&saved, &data) {
        (Some(saved), Some(data)) => Some(test(run, saved, data)?),
        _ => None,
    };
    let tested = match (&data, &tests) {
        (Some(data), Some((transform, evaluation, mistakes))) => Some(Tested {
            data,
            transform: *transform,
            evaluation,
            mistakes,
            index: index(args, data)?,
        }),
        _ => None,
    };
    report::page(&Report {
        run: &run.path,
        config: &run.config,
        kind: train.model,
        data_dir: run.resolved.data_dir.as_deref(),
        metrics: &run.metrics,
        chosen: run.chosen(),
        summary: run.summary.as_ref(),
        network: saved.as_ref().map(|saved| Network {
            model: &*saved.model,
            parameters: &saved.parameters,
        }),
        tested,
        notes,
    })
}

/// What the network makes of the test images.
fn test(
    run: &SavedRun,
    saved: &SavedNetwork,
    data: &Dataset,
) -> anyhow::Result<(Transform, Evaluation, Vec<Mistake>)> {
    let train = &run.resolved.train;
    let transform = Transform {
        normalize: run.resolved.normalize.then(|| data.normalize()),
        padding: train.model.padding(),
    };
    let test = Loader::new(&data.test, transform, train.test_batch_size)?;
    let loss = train.model.loss();
    let (evaluation, mistakes) =
        evaluate_with_mistakes(&*saved.model, loss, &test, report::MISTAKES)
            .with_context(|| run.path.display().to_string())?;
    Ok((transform, evaluation, mistakes))
}

/// The data of a run, if they are still what it was trained on; or why not, in a line.
/// Nothing is downloaded for a report.
fn find_data(run: &SavedRun, saved: &SavedNetwork, dir: Option<&Path>) -> Result<Dataset, String> {
    let own = run.resolved.data_dir.as_deref();
    let dirs = match (run.resolved.dataset, dir) {
        // It lies in the program.
        (Choice::Only(DatasetName::Sample), _) => vec![None],
        // LENET_DATA_DIR may be meant for other runs.
        (_, Some(dir)) => vec![Some(dir), own],
        (_, None) => vec![own],
    };
    let mut why = None;
    for dir in dirs {
        let request = data::request(run.resolved.dataset, dir.map(Path::to_owned), true);
        match (lenet_data::load(&request, &mut ()), &saved.data_sha256) {
            (Err(error), _) => why.get_or_insert(error.to_string()),
            (Ok(found), Some(sha256)) if !found.sha256.starts_with(sha256) => {
                why.get_or_insert(format!(
                    "{} ({}): other data than the run's, their sha256 begins with {:.16} and not \
                     with {sha256:.16}",
                    found.name, found.origin, found.sha256
                ))
            }
            (Ok(found), _) => return Ok(found),
        };
    }
    Err(why.unwrap_or_default())
}

/// The test image that was asked for.
fn index(args: &ReportArgs, data: &Dataset) -> anyhow::Result<usize> {
    let (test, name) = (&data.test, data.name);
    if let Some(digit) = args.digit {
        let first = test.labels().iter().position(|label| *label == digit);
        return Ok(first.ok_or_else(|| {
            Usage(format!(
                "--digit {digit}: {name} has no test image of that class"
            ))
        })?);
    }
    let index = args.index.unwrap_or(0);
    if index >= test.len() {
        let n = test.len();
        return Err(Usage(format!(
            "--index {index}: {name} has {n} test images, from 0"
        ))
        .into());
    }
    Ok(index)
}
