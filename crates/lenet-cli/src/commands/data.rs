//! `lenet data fetch|verify|path`.

use std::path::{Path, PathBuf};

use lenet_data::{Choice, DatasetName, Request};
use serde::Serialize;

use crate::args::{DataCommand, PublishedArgs};
use crate::data::{DownloadBar, request};
use crate::exit::Usage;
use crate::printer::Printer;

#[derive(Serialize)]
struct Report {
    path: String,
    sha256: Option<String>,
    expected: String,
    ok: bool,
}

pub(crate) fn run(command: &DataCommand, printer: &Printer) -> anyhow::Result<()> {
    match command {
        DataCommand::Fetch(args) => fetch(args, printer),
        DataCommand::Verify(args) => verify(args, printer),
        DataCommand::Path(args) => path(args, printer),
    }
}

fn asked(args: &PublishedArgs) -> Request {
    request(
        Choice::Only(args.dataset),
        args.data_dir.clone(),
        args.offline,
    )
}

fn fetch(args: &PublishedArgs, printer: &Printer) -> anyhow::Result<()> {
    let folder = lenet_data::fetch(args.dataset, &asked(args), &mut DownloadBar::new(printer))?;
    folder_line(args, &folder, printer)
}

fn path(args: &PublishedArgs, printer: &Printer) -> anyhow::Result<()> {
    folder_line(args, &folder(args)?, printer)
}

fn folder_line(args: &PublishedArgs, folder: &Path, printer: &Printer) -> anyhow::Result<()> {
    let folder = folder.display().to_string();
    if args.json {
        return printer
            .json(&serde_json::json!({ "dataset": args.dataset.to_string(), "path": folder }));
    }
    printer.result(&folder)
}

fn folder(args: &PublishedArgs) -> anyhow::Result<PathBuf> {
    if args.dataset == DatasetName::Sample {
        let built_in = "--dataset sample is built into the program: it has no folder";
        return Err(Usage(built_in.to_owned()).into());
    }
    let folder = asked(args).dir(args.dataset);
    Ok(folder.ok_or(match args.dataset {
        DatasetName::Idx => lenet_data::Error::NeedsDataDir,
        name => lenet_data::Error::NoCache(name),
    })?)
}

fn verify(args: &PublishedArgs, printer: &Printer) -> anyhow::Result<()> {
    let reports = lenet_data::verify(args.dataset, &folder(args)?)?;
    let bad: Vec<&str> = reports
        .iter()
        .filter_map(|report| report.problem.as_deref())
        .collect();
    if args.json {
        let files: Vec<Report> = reports
            .iter()
            .map(|report| Report {
                path: report.path.display().to_string(),
                sha256: report.sha256.clone(),
                expected: report.expected.clone(),
                ok: report.is_ok(),
            })
            .collect();
        printer.json(&serde_json::json!({
            "dataset": args.dataset.to_string(), "ok": bad.is_empty(), "files": files,
        }))?;
    } else {
        for report in reports.iter().filter(|report| report.is_ok()) {
            printer.result(&format!("ok  {}", report.path.display()))?;
        }
    }
    if bad.is_empty() {
        return Ok(());
    }
    Err(anyhow::Error::new(Unverified(bad.join("; "))))
}

/// Files that are missing or not the published ones.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unverified(String);
