//! The page of `lenet serve` in a real browser: the tests in `tests/browser/`, where
//! Node.js and Chromium are.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::ci::Outcome;
use crate::train::{Profile, build};
use crate::workspace::{Failure, Workspace};

/// The oldest Node.js that playwright-core and the tests run on.
const OLDEST_NODE: u32 = 20;

/// Builds the program as the tests do, fetches what drives the browser, and runs the tests.
pub(crate) fn check(workspace: &Workspace) -> Result<Outcome, Failure> {
    let tests = workspace.root().join("tests").join("browser");
    if node_version().is_none_or(|major| major < OLDEST_NODE) {
        return Ok(Outcome::Skipped("no Node.js, or one before 20"));
    }
    if !succeeds(Command::new("node").arg("chromium.js"), &tests)? {
        return Ok(Outcome::Skipped("no Chromium: `apt-get install chromium`"));
    }
    let install = [
        "ci",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--loglevel=error",
    ];
    if !succeeds(Command::new("npm").args(install), &tests)? {
        return Ok(Outcome::Skipped(
            "`npm ci` could not fetch playwright-core and axe-core",
        ));
    }
    let program = build(workspace, "lenet-cli", "lenet", Profile::Dev, None)?;
    let mut node = Command::new("node");
    node.args(["--test", "--test-reporter=spec"])
        .env("LENET", &program);
    if succeeds(&mut node, &tests)? {
        Ok(Outcome::Passed)
    } else {
        Err(Failure::Failed("`node --test` in tests/browser".to_owned()))
    }
}

/// The first number of `node --version`, where there is Node.js.
fn node_version() -> Option<u32> {
    let mut node = Command::new("node");
    let output = node.arg("--version").stderr(Stdio::null()).output().ok()?;
    major(&String::from_utf8_lossy(&output.stdout))
}

/// `20` of `v20.20.2`.
fn major(version: &str) -> Option<u32> {
    version
        .trim()
        .strip_prefix('v')?
        .split('.')
        .next()?
        .parse()
        .ok()
}

/// Runs a command in `folder` on our own terminal, and says whether it went well. One
/// that is not there did not.
fn succeeds(command: &mut Command, folder: &Path) -> Result<bool, Failure> {
    let program = command.get_program().display().to_string();
    match command.current_dir(folder).status() {
        Ok(status) => Ok(status.success()),
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(cause) => Err(Failure::Failed(format!("{program}: {cause}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_s_first_number_counts() {
        assert_eq!(major("v20.20.2\n"), Some(20));
        assert_eq!(major("v8.0.0"), Some(8));
        assert_eq!(major("node: not found"), None);
    }

    #[test]
    fn a_program_that_is_not_there_does_not_succeed() {
        let mut command = Command::new("no-program-of-this-name");
        assert_eq!(succeeds(&mut command, Path::new(".")), Ok(false));
    }
}
