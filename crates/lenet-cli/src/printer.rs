//! Where lines go: results to stdout, everything else to stderr.

use std::io::{IsTerminal, Write};

use serde::Serialize;

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
            terminal: std::io::stderr().is_terminal(),
        }
    }

    /// Whether to draw bars.
    pub(crate) fn bars(&self) -> bool {
        self.terminal && !self.quiet
    }

    /// A result.
    pub(crate) fn result(&self, line: &str) {
        // A reader that went away (`lenet summary | head`) is no failure.
        let _ = writeln!(std::io::stdout().lock(), "{line}");
    }

    /// A result for a script: one JSON value.
    pub(crate) fn json(&self, value: &impl Serialize) -> anyhow::Result<()> {
        self.result(&serde_json::to_string_pretty(value)?);
        Ok(())
    }

    /// What happens meanwhile.
    pub(crate) fn note(&self, line: &str) {
        if !self.quiet {
            Self::stderr(line);
        }
    }

    /// What only `-v` shows.
    pub(crate) fn detail(&self, line: &str) {
        if self.verbose {
            Self::stderr(line);
        }
    }

    /// What ended the program: one line.
    pub(crate) fn error(&self, error: &anyhow::Error) {
        let mut line = String::from("error: ");
        for (i, cause) in error.chain().enumerate() {
            let text = cause.to_string();
            // Our errors name their cause already.
            if i == 0 || !line.contains(&text) {
                line += if i == 0 { "" } else { ": " };
                line += &text;
            }
        }
        Self::stderr(&line.replace('\n', " "));
    }

    fn stderr(line: &str) {
        let _ = writeln!(std::io::stderr().lock(), "{line}");
    }
}
