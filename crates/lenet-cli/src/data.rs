//! Loading data as the command line asks for it, with bars for downloads.

use std::path::PathBuf;

use indicatif::ProgressBar;
use lenet_data::{Choice, Dataset, Request, Split, Watcher};

use crate::args::DataArgs;
use crate::exit::Usage;
use crate::printer::Printer;
use crate::progress;

/// How to come by a published data set.
pub(crate) const GET_DATA: &str =
    "run `lenet data fetch` where there is a network, or give --data-dir";

/// Loads a data set and says where it came from.
pub(crate) fn load(request: &Request, printer: &Printer) -> anyhow::Result<Dataset> {
    let data = lenet_data::load(request, &mut DownloadBar::new(printer))?;
    printer.detail(&format!(
        "data: {} ({}), {} training and {} test samples, sha256 {}",
        data.name,
        data.origin,
        data.train.len(),
        data.test.len(),
        data.sha256
    ));
    Ok(data)
}

/// A split by its name, `train` or `test`.
pub(crate) fn split<'a>(data: &'a Dataset, name: &str) -> &'a Split {
    if name == "train" {
        &data.train
    } else {
        &data.test
    }
}

/// A place in a split that is there.
pub(crate) fn checked(data: &Dataset, name: &str, index: usize) -> anyhow::Result<usize> {
    let n = split(data, name).len();
    if index < n {
        return Ok(index);
    }
    Err(Usage(format!(
        "--index {index}: the {name} split of {} has {n} images, from 0",
        data.name
    ))
    .into())
}

/// The request for what was asked for, with the user's cache.
pub(crate) fn request(choice: Choice, data_dir: Option<PathBuf>, offline: bool) -> Request {
    Request {
        choice,
        data_dir,
        offline,
        ..Request::default()
    }
}

impl DataArgs {
    pub(crate) fn request(&self) -> Request {
        request(self.dataset, self.data_dir.clone(), self.offline)
    }
}

/// Shows downloads as bars, or as a line each where there is no terminal.
pub(crate) struct DownloadBar<'a> {
    printer: &'a Printer,
    bar: Option<ProgressBar>,
}

impl<'a> DownloadBar<'a> {
    pub(crate) fn new(printer: &'a Printer) -> Self {
        Self { printer, bar: None }
    }
}

impl Watcher for DownloadBar<'_> {
    fn download_started(&mut self, file: &str, total: Option<u64>) {
        if self.printer.bars() {
            self.bar = Some(progress::download_bar(file, total));
        } else {
            self.printer.note(&format!("downloading {file}"));
        }
    }

    fn downloaded(&mut self, bytes: u64) {
        if let Some(bar) = &self.bar {
            bar.inc(bytes);
        }
    }

    fn download_finished(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn note(&mut self, line: &str) {
        // What loading has to say is that the data are not quite what was asked for.
        self.printer.warn(line);
    }

    fn fell_back(&mut self, line: &str) {
        self.printer
            .warn(&format!("{line}; for the full MNIST {GET_DATA}"));
    }
}
