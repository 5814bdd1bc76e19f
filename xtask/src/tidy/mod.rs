//! `cargo xtask tidy`: the rules of the house that no other tool checks.
//!
//! Every rule looks at the [`Tree`] of the repository's files and returns what
//! breaks it. Its reason is part of its message, and its test shows it a breach.

mod docs;
mod manifest;
mod rust;
mod source;
mod tree;

use std::fmt;

use crate::workspace::{Failure, Workspace};
use tree::Tree;

/// A line that breaks a rule.
#[derive(Debug, PartialEq)]
struct Violation {
    path: String,
    /// Counted from 1; 1 also where the file as a whole is meant.
    line: usize,
    /// What is wrong, and why it is.
    what: String,
}

impl Violation {
    fn new(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line,
            what: what.into(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

type Rule = fn(&Tree) -> Vec<Violation>;

const RULES: &[Rule] = &[
    rust::begins_with_module_docs,
    rust::fits_in_a_glance,
    rust::unsafe_lives_in_one_room,
    rust::libraries_do_not_print,
    rust::is_finished,
    rust::examples_run,
    manifest::edges_are_allowed,
    manifest::terminal_stays_in_the_program,
    manifest::lints_are_inherited,
    manifest::has_a_readme,
    docs::architecture_paths_exist,
    docs::architecture_names_every_module,
    docs::readme_names_the_two_commands,
    docs::builds_for_any_machine,
    tree::names_no_machine,
    tree::holds_no_large_file,
];

/// Checks the repository; prints every violation, in the order of the files.
pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    let tree = Tree::read(workspace.root())?;
    let mut violations: Vec<Violation> = RULES.iter().flat_map(|rule| rule(&tree)).collect();
    violations.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    for violation in &violations {
        eprintln!("{violation}");
    }
    match violations.len() {
        0 => Ok(()),
        1 => Err(Failure::Failed(
            "1 line breaks a rule of the house".to_owned(),
        )),
        n => Err(Failure::Failed(format!(
            "{n} lines break a rule of the house"
        ))),
    }
}

/// What a rule says of these files, as `path:line` each.
#[cfg(test)]
fn breaches(rule: Rule, files: &[(&str, &str)]) -> Vec<String> {
    rule(&Tree::of(files))
        .into_iter()
        .map(|violation| format!("{}:{}", violation.path, violation.line))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_violation_reads_as_an_editor_expects() {
        let violation = Violation::new("crates/a/src/lib.rs", 7, "too long, because");
        assert_eq!(
            violation.to_string(),
            "crates/a/src/lib.rs:7: too long, because"
        );
    }
}
