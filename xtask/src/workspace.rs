//! Where the workspace lies, and how cargo is called on it.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus, Stdio};

use crate::json;

/// Why a command ended early.
#[derive(Debug, PartialEq)]
pub(crate) enum Failure {
    /// The command line makes no sense.
    Usage(String),
    /// A build, a check or a file operation did not work out.
    Failed(String),
}

impl Failure {
    /// The code of `lenet` itself for the same kind of fault.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Failed(_) => ExitCode::from(1),
            Self::Usage(_) => ExitCode::from(2),
        }
    }

    /// `file could not be VERB: cause`.
    pub(crate) fn io(path: &Path, verb: &str, cause: &io::Error) -> Self {
        Self::Failed(format!("{} could not be {verb}: {cause}", path.display()))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(message) | Self::Failed(message) => f.write_str(message),
        }
    }
}

/// The root of the workspace that this program was built from.
pub(crate) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// Cargo names the manifest's folder when it runs a program; a binary that
    /// is run by hand falls back to where it was built.
    pub(crate) fn find() -> Self {
        let manifest_dir = std::env::var_os("CARGO_MANIFEST_DIR")
            .unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let mut root = PathBuf::from(manifest_dir);
        root.pop();
        Self { root }
    }

    /// The folder that holds the workspace's `Cargo.toml`.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The names of the packages in `crates/`, which are their folders' names.
    pub(crate) fn crates(&self) -> Result<Vec<String>, Failure> {
        let dir = self.root.join("crates");
        let read = |cause: io::Error| Failure::io(&dir, "read", &cause);
        let mut names = Vec::new();
        for entry in fs::read_dir(&dir).map_err(read)? {
            let entry = entry.map_err(read)?;
            if entry.path().join("Cargo.toml").is_file() {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    /// Cargo's target directory, wherever the user's settings put it.
    pub(crate) fn target_dir(&self) -> Result<PathBuf, Failure> {
        let output = self
            .cargo(["metadata", "--no-deps", "--format-version", "1"])
            .output()?;
        json::string_field(&output, "target_directory")
            .map(PathBuf::from)
            .ok_or_else(|| Failure::Failed("`cargo metadata` names no target directory".to_owned()))
    }

    /// A folder of xtask's own below the target directory, made if it is missing.
    pub(crate) fn scratch_dir(&self, name: &str) -> Result<PathBuf, Failure> {
        let dir = self.target_dir()?.join("xtask").join(name);
        fs::create_dir_all(&dir).map_err(|cause| Failure::io(&dir, "created", &cause))?;
        Ok(dir)
    }

    /// `cargo ARGS` on this workspace: the cargo that runs us, or the one on PATH.
    pub(crate) fn cargo<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Cargo {
        let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(program);
        command.args(args).current_dir(&self.root);
        Cargo {
            command,
            shown_env: String::new(),
        }
    }
}

/// A call of cargo that knows how to show itself and says when it fails.
pub(crate) struct Cargo {
    command: Command,
    shown_env: String,
}

impl Cargo {
    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        let value = value.into();
        self.shown_env += &format!("{name}={:?} ", value.display().to_string());
        self.command.env(name, value);
        self
    }

    /// Run from here instead of from the workspace's root.
    pub(crate) fn current_dir(mut self, dir: impl AsRef<Path>) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// Shows the command, runs it on our own terminal, and fails if it fails.
    pub(crate) fn run(mut self) -> Result<(), Failure> {
        eprintln!("$ {self}");
        let status = self.command.status().map_err(|cause| self.broken(&cause))?;
        if status.success() {
            Ok(())
        } else {
            Err(self.failed(status))
        }
    }

    /// Runs the command and returns what it wrote to stdout; its stderr is ours.
    pub(crate) fn output(mut self) -> Result<String, Failure> {
        let output = self
            .command
            .stderr(Stdio::inherit())
            .output()
            .map_err(|cause| self.broken(&cause))?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(self.failed(output.status))
        }
    }

    fn broken(&self, cause: &io::Error) -> Failure {
        Failure::Failed(format!("{} could not be started: {cause}", self.name()))
    }

    fn failed(&self, status: ExitStatus) -> Failure {
        Failure::Failed(format!("{} failed ({status})", self.name()))
    }

    /// Short, for one line: the command in full has been shown already.
    fn name(&self) -> String {
        let subcommand = self.command.get_args().next().unwrap_or_default();
        format!("`cargo {}`", subcommand.display())
    }
}

impl fmt::Display for Cargo {
    /// As one would type it in a shell.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}cargo", self.shown_env)?;
        for arg in self.command.get_args() {
            let arg = arg.display().to_string();
            if arg.contains([' ', '*', '\'']) {
                write!(f, " {arg:?}")?;
            } else {
                write!(f, " {arg}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_shows_as_it_would_be_typed() {
        let call = Workspace::find()
            .cargo(["doc", "--config=profile.'*'"])
            .env("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(
            call.to_string(),
            r#"RUSTDOCFLAGS="-D warnings" cargo doc "--config=profile.'*'""#
        );
    }

    #[test]
    fn a_call_that_cannot_start_is_named() {
        let call = Workspace::find()
            .cargo(["doc"])
            .current_dir("no/such/folder");
        let Err(Failure::Failed(message)) = call.run() else {
            panic!("cargo ran in a folder that does not exist");
        };
        assert!(
            message.starts_with("`cargo doc` could not be started: "),
            "{message}"
        );
    }

    #[test]
    fn the_workspace_is_the_folder_above_this_crate() {
        let workspace = Workspace::find();
        assert!(workspace.root().join("xtask/Cargo.toml").is_file());
        let crates = workspace.crates().unwrap();
        assert!(crates.contains(&"lenet-cli".to_owned()), "{crates:?}");
    }
}
