//! `cargo xtask train`, `lenet` and `bench`: build a program in release, then
//! become it.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::json;
use crate::workspace::{Failure, Workspace};

/// Builds the program with the cargo features `features` and runs it with
/// `args`, in the folder and on the terminal of the user.
pub(crate) fn build_and_run(
    workspace: &Workspace,
    features: Option<&OsStr>,
    args: &[OsString],
) -> Result<ExitCode, Failure> {
    let program = build(workspace, "lenet-cli", "lenet", Profile::Release, features)?;
    let mut command = Command::new(&program);
    command.args(args);
    become_it(command, &program)
}

/// How many threads candle keeps for sums of 65,536 values and more, beside those of
/// the pool that training keeps awake. On as many cores the two slow each other down;
/// `lenet` sees to it itself.
const CANDLE_THREADS: &str = "CANDLE_NUM_THREADS";

/// Builds the benches, and the program that they measure, and runs them.
pub(crate) fn bench(workspace: &Workspace, args: &[OsString]) -> Result<ExitCode, Failure> {
    build(workspace, "lenet-cli", "lenet", Profile::Release, None)?;
    let program = build(workspace, "benches", "compare", Profile::Release, None)?;
    let mut command = Command::new(&program);
    command.args(args);
    if env::var_os(CANDLE_THREADS).is_none() {
        command.env(CANDLE_THREADS, "1");
    }
    become_it(command, &program)
}

/// How a program is built.
#[derive(Clone, Copy)]
pub(crate) enum Profile {
    /// As the tests build it.
    Dev,
    /// As users get it.
    Release,
}

impl Profile {
    fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Release => "release",
        }
    }
}

/// Builds a package's program and returns its path, as cargo reports it: the
/// target directory and the name's suffix are the user's and the platform's choice.
pub(crate) fn build(
    workspace: &Workspace,
    package: &str,
    program: &str,
    profile: Profile,
    features: Option<&OsStr>,
) -> Result<PathBuf, Failure> {
    let mut cargo = workspace
        // A relative CARGO_TARGET_DIR counts from where the user stands.
        .cargo(["build", "--package", package, "--profile", profile.name()])
        .arg("--message-format=json-render-diagnostics")
        .arg("--manifest-path")
        .arg(workspace.root().join("Cargo.toml"))
        .current_dir(".");
    if let Some(features) = features {
        cargo = cargo.arg("--features").arg(features);
    }
    let messages = cargo.output()?;
    executable(&messages, program).ok_or_else(|| {
        Failure::Failed(format!(
            "`cargo build` reported no program named `{program}`"
        ))
    })
}

/// The program of this name among cargo's messages.
fn executable(messages: &str, program: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| json::string_field(line, "executable"))
        .map(PathBuf::from)
        .find(|path| path.file_stem() == Some(OsStr::new(program)))
}

/// Replaces this process, so that signals, exit code and terminal are the
/// program's own: a Ctrl-C waits for its last checkpoint, not for us.
#[cfg(unix)]
fn become_it(mut command: Command, program: &Path) -> Result<ExitCode, Failure> {
    use std::os::unix::process::CommandExt;

    // It returns only if it fails.
    let cause = command.exec();
    Err(Failure::io(program, "started", &cause))
}

/// Runs the program and passes its exit code on.
#[cfg(not(unix))]
fn become_it(mut command: Command, program: &Path) -> Result<ExitCode, Failure> {
    let status = command
        .status()
        .map_err(|cause| Failure::io(program, "started", &cause))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(ExitCode::from(code.unwrap_or(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_the_one_cargo_names() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","executable":null}"#,
            "\n",
            r#"{"reason":"compiler-artifact","executable":"/t/debug/build-script"}"#,
            "\n",
            r#"{"reason":"compiler-artifact","executable":"/t/release/lenet"}"#,
            "\n",
            r#"{"reason":"build-finished","success":true}"#,
        );
        assert_eq!(
            executable(messages, "lenet"),
            Some("/t/release/lenet".into())
        );
        assert_eq!(executable(r#"{"reason":"build-finished"}"#, "lenet"), None);
        assert_eq!(executable(messages, "compare"), None);
    }
}
