//! A page as a file, which takes the place of nothing but an older page.

use std::fs;
use std::io::Read;
use std::path::Path;

use anyhow::Context;
use lenet_nn::weights::write_whole;

use crate::exit::Usage;

/// A report in a run's folder.
pub(crate) const NAME: &str = "report.html";
/// What every report has within its first lines.
const MARK: &str = "<meta name=\"generator\" content=\"lenet report\">";

/// Whether a file is a report, which may be replaced.
fn is_report(path: &Path) -> bool {
    let mut start = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(1024).read_to_end(&mut start));
    read.is_ok() && String::from_utf8_lossy(&start).contains(MARK)
}

/// Removes the report of the run that was in this folder before.
pub(crate) fn remove_old(run: &Path) {
    let path = run.join(NAME);
    if is_report(&path) {
        let _ = fs::remove_file(path);
    }
}

/// Writes a page whole or not at all, and nothing over a file that is no report.
pub(crate) fn write(path: &Path, page: &str) -> anyhow::Result<()> {
    if path.exists() && !is_report(path) {
        return Err(Usage(format!(
            "{}: is there already and is no report of lenet: remove it, or name another file \
             with -o",
            path.display()
        ))
        .into());
    }
    write_whole(path, page.as_bytes())
        .with_context(|| format!("{}: cannot be written", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_gives_way_to_a_report_and_nothing_else_does() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        let page = include_str!("page.html");
        write(&path, page).unwrap();
        write(&path, &page.replace("lang", "LANG")).unwrap();
        assert!(fs::read_to_string(&path).unwrap().contains("LANG"));
        remove_old(folder.path());
        assert!(!path.exists());
        for other in ["", "<!DOCTYPE html>\n<html>"] {
            fs::write(&path, other).unwrap();
            let error = write(&path, page).unwrap_err().to_string();
            assert!(error.contains("is no report of lenet"), "{error}");
            remove_old(folder.path());
            assert_eq!(fs::read_to_string(&path).unwrap(), other);
        }
    }
}
