//! Which error ends the program with which code.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::commands::data::Unverified;
use crate::signals;

/// The data are missing or corrupt.
const DATA: u8 = 3;

/// Command lines that make no sense, found after clap has read them.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// `--target-accuracy` was not reached.
#[derive(Debug, thiserror::Error)]
#[error("test accuracy {reached:.4} is below the target of {target}")]
pub(crate) struct BelowTarget {
    pub(crate) reached: f64,
    pub(crate) target: f64,
}

/// A signal ended a run; with a checkpoint, where there is a folder.
#[derive(Debug, thiserror::Error)]
#[error("stopped by {}{}", signals::name(*.signal), to_go_on(run.as_deref()))]
pub(crate) struct Interrupted {
    pub(crate) signal: i32,
    pub(crate) run: Option<PathBuf>,
}

fn to_go_on(run: Option<&Path>) -> String {
    run.map_or(String::new(), |run| {
        let run = quoted(run);
        format!(", a checkpoint is written; to go on: lenet train --resume {run}")
    })
}

/// A path as a shell takes it.
pub(crate) fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+:@%,=".contains(c);
    if path.chars().all(is_plain) {
        path
    } else {
        // Between single quotes a shell reads nothing but a single quote.
        format!("'{}'", path.replace('\'', r"'\''"))
    }
}

/// 1 failed, 2 usage, 3 data missing or corrupt, 4 diverged, 5 below the target, 128 + a
/// signal.
pub(crate) fn code(error: &anyhow::Error) -> ExitCode {
    error
        .chain()
        .find_map(|cause| {
            if cause.is::<Unverified>() {
                return Some(DATA);
            }
            if cause.is::<Usage>() {
                return Some(2);
            }
            if cause.is::<BelowTarget>() {
                return Some(5);
            }
            if let Some(interrupted) = cause.downcast_ref::<Interrupted>() {
                return u8::try_from(signals::exit_code(interrupted.signal)).ok();
            }
            if let Some(error) = cause.downcast_ref::<lenet_data::Error>() {
                return Some(of_data(error));
            }
            if let Some(error) = cause.downcast_ref::<lenet_nn::Error>() {
                return is_usage(error).then_some(2);
            }
            match cause.downcast_ref::<lenet_train::Error>()? {
                lenet_train::Error::Config(_) => Some(2),
                lenet_train::Error::Diverged { .. } | lenet_train::Error::NotFinite(_) => Some(4),
                lenet_train::Error::Data(error) => Some(of_data(error)),
                _ => None,
            }
        })
        .unwrap_or(1)
        .into()
}

/// Whether a name that was typed is at fault. A name that a weights file holds is
/// reported by `trained.rs`, as the file's fault.
fn is_usage(error: &lenet_nn::Error) -> bool {
    matches!(
        error,
        lenet_nn::Error::UnknownModel { .. } | lenet_nn::Error::NoSuchFlavour { .. }
    )
}

fn of_data(error: &lenet_data::Error) -> u8 {
    if error.is_usage() { 2 } else { DATA }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_to_go_on_is_one_for_a_shell() {
        for (path, expected) in [
            ("runs/20260131-235959-lenet5", "runs/20260131-235959-lenet5"),
            ("my run", "'my run'"),
            ("it's $HOME", r"'it'\''s $HOME'"),
        ] {
            assert_eq!(quoted(Path::new(path)), expected);
        }
    }
}
