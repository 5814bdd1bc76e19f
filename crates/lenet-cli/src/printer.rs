//! Where lines go: results to stdout, everything else to stderr.

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::path::Path;

use anyhow::Context;
use lenet_nn::weights::Loaded;
use serde::Serialize;

use crate::hints;

/// Writes for people and for scripts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Printer {
    quiet: bool,
    verbose: bool,
    terminal: bool,
}

impl Printer {
    pub(crate) fn new(quiet: bool, verbose: bool) -> Self {
        Self {
            quiet,
            verbose,
            terminal: io::stderr().is_terminal(),
        }
    }

    /// Whether to draw bars.
    pub(crate) fn bars(&self) -> bool {
        self.terminal && !self.quiet
    }

    /// How many columns a result has: those of the terminal, or 80 where it goes
    /// elsewhere.
    pub(crate) fn columns(&self) -> usize {
        let size = terminal_size::terminal_size_of(io::stdout());
        size.map_or(80, |(width, _)| usize::from(width.0))
    }

    /// A result.
    pub(crate) fn result(&self, text: &str) -> anyhow::Result<()> {
        let mut out = io::stdout().lock();
        match writeln!(out, "{text}").and_then(|()| out.flush()) {
            // A reader that went away (`lenet summary | head`) is no failure.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            written => written.context("the result cannot be written to stdout"),
        }
    }

    /// A result for a script: one JSON value.
    pub(crate) fn json(&self, value: &impl Serialize) -> anyhow::Result<()> {
        self.result(&serde_json::to_string_pretty(value)?)
    }

    /// What happens meanwhile.
    pub(crate) fn note(&self, line: &str) {
        if !self.quiet {
            Self::stderr(line);
        }
    }

    /// What makes a result something else than was asked for: `-q` shows it, too.
    pub(crate) fn warn(&self, line: &str) {
        Self::stderr(&format!("warning: {line}"));
    }

    /// What only `-v` shows.
    pub(crate) fn detail(&self, line: &str) {
        if self.verbose {
            Self::stderr(line);
        }
    }

    /// That a weights file did not hold f32.
    pub(crate) fn converted(&self, file: &Path, loaded: &Loaded) {
        if !loaded.converted.is_empty() {
            self.note(&format!(
                "{}: its {} values were converted to f32",
                file.display(),
                loaded.converted.join(" and ")
            ));
        }
    }

    /// What ended the program: one line.
    pub(crate) fn error(&self, error: &anyhow::Error) {
        let mut line = String::from("error: ");
        for (i, cause) in error.chain().enumerate() {
            let text = hints::text(cause);
            // Our errors name their cause already.
            if i == 0 || !line.contains(&text) {
                line += if i == 0 { "" } else { ": " };
                line += &text;
            }
        }
        Self::stderr(&line.replace('\n', " "));
    }

    fn stderr(line: &str) {
        let _ = writeln!(io::stderr().lock(), "{line}");
    }
}
