//! Rules for the documents and settings at the root: what they name exists, and
//! what exists they name.

use std::collections::BTreeSet;

use super::Violation;
use super::tree::Tree;
use crate::ci::TEST_COMMAND;

const ARCHITECTURE: &str = "docs/architecture.md";

/// A map that names what is gone misleads.
pub(super) fn architecture_paths_exist(tree: &Tree) -> Vec<Violation> {
    let Some(file) = tree.get(ARCHITECTURE) else {
        let what = "missing: it is the map of the house";
        return vec![Violation::new(ARCHITECTURE, 1, what)];
    };
    let mut violations = Vec::new();
    for (number, line) in file.lines() {
        for path in quoted(line).filter(|word| is_path(word)) {
            if !tree.has_path_ending_in(path) {
                let what = format!("`{path}` does not exist");
                violations.push(Violation::new(ARCHITECTURE, number, what));
            }
        }
    }
    violations
}

/// A map that leaves rooms out is no map: each folder at the root and each module
/// of a crate has a place on it.
pub(super) fn architecture_names_every_module(tree: &Tree) -> Vec<Violation> {
    let text = tree.get(ARCHITECTURE).map_or("", |file| file.text());
    let named: BTreeSet<&str> = text
        .lines()
        .flat_map(quoted)
        .flat_map(|word| word.split('/').map(stem))
        .collect();
    let mut places = BTreeSet::new();
    for file in tree.files() {
        let parts: Vec<&str> = file.path.split('/').collect();
        match parts[..] {
            ["crates", name, "src", module, ..] => {
                places.insert((format!("crates/{name}/src/{module}"), module));
            }
            [folder, _, ..] => {
                places.insert((folder.to_owned(), folder));
            }
            _ => {}
        }
    }
    places
        .into_iter()
        .filter(|(_, name)| *name != "lib.rs" && !name.ends_with("tests.rs"))
        .filter(|(_, name)| !named.contains(stem(name)))
        .map(|(path, _)| {
            let what = format!("`{path}` has no place on the map");
            Violation::new(ARCHITECTURE, 1, what)
        })
        .collect()
}

/// A module's name: `idx.rs` and the folder `idx/` beside it are one.
fn stem(name: &str) -> &str {
    name.trim_end_matches(".rs")
}

/// What stands between backticks on a line.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// Whether a quoted word is meant as a path, and not as code.
fn is_path(word: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    let is_file = [".rs", ".md", ".toml"]
        .iter()
        .any(|end| word.ends_with(end));
    word.chars().all(is_plain) && (word.contains('/') || is_file)
}

const README: &str = "README.md";

/// The README's two commands, each a line of its own.
pub(super) fn readme_names_the_two_commands(tree: &Tree) -> Vec<Violation> {
    let text = tree.get(README).map_or("", |file| file.text());
    ["cargo xtask train", TEST_COMMAND]
        .into_iter()
        .filter(|command| !text.lines().any(|line| line.trim() == *command))
        .map(|command| {
            let what = format!("no line is `{command}`: both commands, and CI runs the same");
            Violation::new(README, 1, what)
        })
        .collect()
}

/// The binary runs on any x86-64 or aarch64, and builds with any toolchain from
/// `rust-version` on.
pub(super) fn builds_for_any_machine(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for path in ["rust-toolchain", "rust-toolchain.toml"] {
        if tree.get(path).is_some() {
            let what = "a toolchain file overrules the user's: `rust-version` is enough";
            violations.push(Violation::new(path, 1, what));
        }
    }
    if let Some(file) = tree.get(".cargo/config.toml") {
        for (number, line) in file.lines() {
            let setting = line.split('#').next().unwrap_or_default();
            if setting.contains("target-cpu") {
                let what = "`target-cpu`: the binary must run on any machine of its kind";
                violations.push(Violation::new(&file.path, number, what));
            }
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::super::breaches;
    use super::*;

    #[test]
    fn a_path_that_is_gone_is_found() {
        let map = "`crates/a/src/` `idx.rs` `a::b` `x / y`\n`gone.rs`, gone.rs, `crates/b/`\n";
        let files = [(ARCHITECTURE, map), ("crates/a/src/idx.rs", "")];
        assert_eq!(
            breaches(architecture_paths_exist, &files),
            ["docs/architecture.md:2", "docs/architecture.md:2"]
        );
        assert_eq!(
            breaches(architecture_paths_exist, &[]),
            ["docs/architecture.md:1"]
        );
    }

    #[test]
    fn a_module_without_a_place_is_found() {
        let files = [
            (
                ARCHITECTURE,
                "`docs`, `crates/`: `conv2d/` and `src/idx.rs`",
            ),
            ("crates/a/src/lib.rs", ""),
            ("crates/a/src/idx.rs", ""),
            ("crates/a/src/idx/tests.rs", ""),
            ("crates/a/src/conv2d/cpu.rs", ""),
            ("crates/a/src/loader.rs", ""),
            ("crates/a/README.md", ""),
            ("spare/x.txt", ""),
        ];
        let violations = architecture_names_every_module(&Tree::of(&files));
        let what: Vec<&str> = violations.iter().map(|v| v.what.as_str()).collect();
        assert_eq!(
            what,
            [
                "`crates/a/src/loader.rs` has no place on the map",
                "`spare` has no place on the map"
            ]
        );
    }

    #[test]
    fn a_missing_command_is_found() {
        let both = "```sh\ncargo xtask train\ncargo test --workspace\n```\n";
        let other = "`cargo xtask train`\ncargo test --all\n";
        assert_eq!(
            breaches(readme_names_the_two_commands, &[(README, both)]),
            [""; 0]
        );
        assert_eq!(
            breaches(readme_names_the_two_commands, &[(README, other)]),
            ["README.md:1", "README.md:1"]
        );
    }

    #[test]
    fn a_machine_s_own_setting_is_found() {
        let config = "# no target-cpu\n[build]\nrustflags = [\"-Ctarget-cpu=native\"]\n";
        let files = [
            (".cargo/config.toml", config),
            ("rust-toolchain.toml", "[toolchain]\n"),
        ];
        assert_eq!(
            breaches(builds_for_any_machine, &files),
            ["rust-toolchain.toml:1", ".cargo/config.toml:3"]
        );
    }
}
