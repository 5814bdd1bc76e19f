//! Rules for the members' manifests: who may depend on whom, and on what.

use super::Violation;
use super::tree::{File, Tree};

/// Who may depend on whom: slices know nothing of tensors, tensors nothing of
/// names, names nothing of time, time nothing of terminals.
const EDGES: &[(&str, &[&str])] = &[
    ("crates/lenet-tensor", &[]),
    ("crates/lenet-nn", &["lenet-tensor"]),
    ("crates/lenet-data", &["lenet-tensor"]),
    (
        "crates/lenet-train",
        &["lenet-tensor", "lenet-nn", "lenet-data"],
    ),
    (
        "crates/lenet-cli",
        &["lenet-tensor", "lenet-nn", "lenet-data", "lenet-train"],
    ),
    (
        "benches",
        &["lenet-tensor", "lenet-nn", "lenet-data", "lenet-train"],
    ),
    ("xtask", &[]),
];

/// The layers depend downwards alone, and xtask on nothing at all.
pub(super) fn edges_are_allowed(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in tree.manifests() {
        let folder = folder(file);
        let Some((_, allowed)) = EDGES.iter().find(|(member, _)| *member == folder) else {
            let what = "a member without a layer: name it in docs/architecture.md and in `EDGES`";
            violations.push(Violation::new(&file.path, 1, what));
            continue;
        };
        for (line, dependency) in dependencies(file.text()) {
            // Itself with a feature, for its tests; cargo takes no other circle.
            let is_itself = folder.ends_with(&format!("/{dependency}"));
            let what = if folder == "xtask" {
                format!("`{dependency}`: xtask has no dependency, so that it compiles in a second")
            } else if !dependency.starts_with("lenet") || allowed.contains(&dependency) || is_itself
            {
                continue;
            } else {
                format!("`{dependency}` is no layer below this one (docs/architecture.md)")
            };
            violations.push(Violation::new(&file.path, line, what));
        }
    }
    violations
}

const TERMINAL_CRATES: &[&str] = &["anyhow", "clap", "clap_complete", "indicatif"];

/// Libraries have typed errors and know no command line.
pub(super) fn terminal_stays_in_the_program(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    let libraries = tree
        .manifests()
        .filter(|file| folder(file) != "crates/lenet-cli");
    for file in libraries {
        for (line, dependency) in dependencies(file.text()) {
            if TERMINAL_CRATES.contains(&dependency) {
                let what = format!("`{dependency}` is for lenet-cli, the program, alone");
                violations.push(Violation::new(&file.path, line, what));
            }
        }
    }
    violations
}

/// One set of lints, in the workspace's manifest.
pub(super) fn lints_are_inherited(tree: &Tree) -> Vec<Violation> {
    tree.manifests()
        .filter(|file| {
            let mut lines = sections(file.text());
            !lines.any(|(section, _, line)| section == "lints" && line == "workspace = true")
        })
        .map(|file| {
            let what = "`[lints] workspace = true` is missing: every member has the same lints";
            Violation::new(&file.path, 1, what)
        })
        .collect()
}

/// Each crate can be taken alone, and says how.
pub(super) fn has_a_readme(tree: &Tree) -> Vec<Violation> {
    tree.manifests()
        .filter(|file| file.path.starts_with("crates/"))
        .filter(|file| tree.get(&format!("{}/README.md", folder(file))).is_none())
        .map(|file| {
            let what = "no README.md beside it: each crate shows how it is used alone";
            Violation::new(&file.path, 1, what)
        })
        .collect()
}

fn folder(file: &File) -> &str {
    file.path.trim_end_matches("/Cargo.toml")
}

/// The packages that a manifest depends on, in any way, and the lines that say so.
fn dependencies(manifest: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (section, number, line) in sections(manifest) {
        let renamed = line
            .split_once("package = \"")
            .and_then(|(_, rest)| rest.split('"').next());
        let name = if let Some((_, name)) = section.rsplit_once("dependencies.") {
            // `[dependencies.name]`: its header, and its `package` if it has one.
            match line.starts_with('[') {
                true => Some(name),
                false => renamed,
            }
        } else if section.ends_with("dependencies") && !line.starts_with('[') {
            renamed.or_else(|| line.split([' ', '.', '=']).next())
        } else {
            None
        };
        found.extend(name.map(|name| (number, name.trim_matches('"'))));
    }
    found
}

/// The lines of a manifest that say something, headers included, each with its
/// section and number.
fn sections(manifest: &str) -> impl Iterator<Item = (&str, usize, &str)> {
    let mut section = "";
    (1..)
        .zip(manifest.lines())
        .filter_map(move |(number, line)| {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                return None;
            }
            if let Some(header) = line.strip_prefix('[') {
                section = header.split(']').next().unwrap_or_default();
            }
            Some((section, number, line))
        })
}

#[cfg(test)]
mod tests {
    use super::super::breaches;
    use super::*;

    #[test]
    fn dependencies_are_read_in_every_form() {
        let manifest = "\
[package]
name = \"x\"
[dependencies]
# a comment
a.workspace = true
b = \"1\"
c = { version = \"1\", package = \"d\" }
[target.'cfg(unix)'.dependencies]
\"e\" = \"1\"
[dev-dependencies.f]
version = \"1\"
[build-dependencies.g]
package = \"h\"
[features]
i = []
";
        let names: Vec<&str> = dependencies(manifest).iter().map(|(_, n)| *n).collect();
        assert_eq!(names, ["a", "b", "d", "e", "f", "g", "h"]);
    }

    #[test]
    fn an_edge_upwards_is_found() {
        let up = "[dev-dependencies]\nlenet-nn.workspace = true\n";
        let down = "[dependencies]\nlenet-tensor.workspace = true\nserde = \"1\"\n\
                    [dev-dependencies]\nlenet-nn = { path = \".\" }\n";
        let files = [
            ("crates/lenet-tensor/Cargo.toml", up),
            ("crates/lenet-nn/Cargo.toml", down),
            ("crates/lenet-web/Cargo.toml", down),
            ("xtask/Cargo.toml", "[dependencies]\nserde = \"1\"\n"),
            ("Cargo.toml", "[workspace.dependencies]\nlenet-nn = \"1\"\n"),
        ];
        assert_eq!(
            breaches(edges_are_allowed, &files),
            [
                "crates/lenet-tensor/Cargo.toml:2",
                "crates/lenet-web/Cargo.toml:1",
                "xtask/Cargo.toml:2",
            ]
        );
    }

    #[test]
    fn a_terminal_crate_in_a_library_is_found() {
        let manifest = "[dependencies]\nthiserror = \"2\"\nanyhow = \"1\"\n";
        let files = [
            ("crates/lenet-cli/Cargo.toml", manifest),
            ("crates/lenet-data/Cargo.toml", manifest),
        ];
        assert_eq!(
            breaches(terminal_stays_in_the_program, &files),
            ["crates/lenet-data/Cargo.toml:3"]
        );
    }

    #[test]
    fn own_lints_are_found() {
        let files = [
            ("a/Cargo.toml", "[lints]\nworkspace = true\n"),
            (
                "b/Cargo.toml",
                "[dependencies]\n[package]\nworkspace = true\n",
            ),
        ];
        assert_eq!(breaches(lints_are_inherited, &files), ["b/Cargo.toml:1"]);
    }

    #[test]
    fn a_missing_readme_is_found() {
        let files = [
            ("crates/a/Cargo.toml", ""),
            ("crates/a/README.md", ""),
            ("crates/b/Cargo.toml", ""),
            ("xtask/Cargo.toml", ""),
        ];
        assert_eq!(breaches(has_a_readme, &files), ["crates/b/Cargo.toml:1"]);
    }
}
