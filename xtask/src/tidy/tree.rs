//! The repository's files, read once, and the rules that hold for all of them.

use std::fs;
use std::path::Path;

use super::Violation;
use crate::workspace::Failure;

/// A file of the repository.
pub(super) struct File {
    /// From the root, with `/` between its parts.
    pub(super) path: String,
    /// Nothing where it is no UTF-8.
    pub(super) text: Option<String>,
    bytes: u64,
}

impl File {
    /// The text, empty for a binary file.
    pub(super) fn text(&self) -> &str {
        self.text.as_deref().unwrap_or_default()
    }

    /// Its lines with their numbers, from 1.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.text().lines())
    }
}

/// Every file of the repository that `.gitignore` lets in, sorted by path.
pub(super) struct Tree {
    files: Vec<File>,
}

impl Tree {
    /// Reads what lies below `root`. The patterns understood in `.gitignore` are
    /// plain names: `/name` at the root, `name` anywhere.
    pub(super) fn read(root: &Path) -> Result<Self, Failure> {
        let ignored = fs::read_to_string(root.join(".gitignore")).unwrap_or_default();
        let mut files = Vec::new();
        walk(root, "", &ignored, &mut files)?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { files })
    }

    /// A tree that exists in a test alone.
    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let file = |&(path, text): &(&str, &str)| File {
            path: path.to_owned(),
            text: Some(text.to_owned()),
            bytes: text.len() as u64,
        };
        Self {
            files: files.iter().map(file).collect(),
        }
    }

    pub(super) fn files(&self) -> impl Iterator<Item = &File> {
        self.files.iter()
    }

    pub(super) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files().filter(|file| file.path.ends_with(".rs"))
    }

    pub(super) fn markdown(&self) -> impl Iterator<Item = &File> {
        self.files().filter(|file| file.path.ends_with(".md"))
    }

    /// The manifests of the workspace's members: all but the root's.
    pub(super) fn manifests(&self) -> impl Iterator<Item = &File> {
        self.files()
            .filter(|file| file.path.ends_with("/Cargo.toml"))
    }

    pub(super) fn get(&self, path: &str) -> Option<&File> {
        self.files().find(|file| file.path == path)
    }

    /// Whether a file or folder has this path, or ends in it (`src/idx.rs`).
    pub(super) fn has_path_ending_in(&self, path: &str) -> bool {
        let path = format!("/{}/", path.trim_matches('/'));
        self.files()
            .any(|file| format!("/{}/", file.path).contains(&path))
    }
}

fn walk(dir: &Path, prefix: &str, ignored: &str, files: &mut Vec<File>) -> Result<(), Failure> {
    let failed = |cause| Failure::io(dir, "read", &cause);
    for entry in fs::read_dir(dir).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == ".git" || is_ignored(&name, prefix.is_empty(), ignored) {
            continue;
        }
        let path = format!("{prefix}{name}");
        if entry.file_type().map_err(failed)?.is_dir() {
            walk(&entry.path(), &format!("{path}/"), ignored, files)?;
        } else {
            let bytes = fs::read(entry.path())
                .map_err(|cause| Failure::io(&entry.path(), "read", &cause))?;
            files.push(File {
                path,
                bytes: bytes.len() as u64,
                text: String::from_utf8(bytes).ok(),
            });
        }
    }
    Ok(())
}

fn is_ignored(name: &str, at_root: bool, ignored: &str) -> bool {
    ignored.lines().any(|pattern| {
        let pattern = pattern.trim_end().trim_end_matches('/');
        match pattern.strip_prefix('/') {
            Some(rooted) => at_root && rooted == name,
            None => pattern == name,
        }
    })
}

/// Folders that belong to one machine. Written apart, or this file would break
/// its own rule.
const MACHINE_FOLDERS: &[&str] = &[
    concat!("/", "home/"),
    concat!("/", "Users/"),
    concat!("/", "root/"),
    concat!("/", "tmp/"),
    concat!("/", "work/"),
    concat!("C:", "\\Users"),
];

/// What works on one machine alone has no place here.
pub(super) fn names_no_machine(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in tree.files() {
        for (number, line) in file.lines() {
            if let Some(folder) = MACHINE_FOLDERS.iter().find(|&&f| names(line, f)) {
                violations.push(Violation::new(
                    &file.path,
                    number,
                    format!("the path `{folder}…` exists on one machine alone"),
                ));
            }
        }
    }
    violations
}

/// Whether `folder` begins a path in `line`, and is no part of a longer one.
fn names(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|c| !c.is_alphanumeric() && !"._-~}/".contains(c))
    })
}

const LARGEST_FILE: u64 = 2_000_000;

/// Every clone carries every file for ever.
pub(super) fn holds_no_large_file(tree: &Tree) -> Vec<Violation> {
    tree.files()
        .filter(|file| file.bytes > LARGEST_FILE)
        .map(|file| {
            let what = format!(
                "{} bytes, more than the {LARGEST_FILE} that every clone may be asked to carry",
                file.bytes
            );
            Violation::new(&file.path, 1, what)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::breaches;
    use super::*;

    #[test]
    fn ignored_names_count_at_the_root_or_anywhere() {
        let ignored = "/target\n.DS_Store\nvenv/\n";
        assert!(is_ignored("target", true, ignored));
        assert!(!is_ignored("target", false, ignored));
        assert!(is_ignored(".DS_Store", false, ignored));
        assert!(is_ignored("venv", false, ignored));
        assert!(!is_ignored("src", true, ignored));
    }

    #[test]
    fn the_repository_is_read_without_its_build() {
        let workspace = crate::workspace::Workspace::find();
        let tree = Tree::read(workspace.root()).unwrap();
        assert!(tree.get("xtask/src/main.rs").is_some());
        assert!(tree.files().all(|file| !file.path.starts_with("target/")));
    }

    #[test]
    fn a_path_is_found_whole_or_by_its_end() {
        let tree = Tree::of(&[("crates/a/src/conv2d/cpu.rs", "")]);
        for path in ["crates/a/src/conv2d/cpu.rs", "cpu.rs", "conv2d/", "src"] {
            assert!(tree.has_path_ending_in(path), "{path}");
        }
        assert!(!tree.has_path_ending_in("pu.rs"));
        assert!(!tree.has_path_ending_in("conv2d/mod.rs"));
    }

    #[test]
    fn a_machine_path_is_found_and_a_longer_path_is_not() {
        let bad = format!("first\nlet x = \"{}me/x\";\n", MACHINE_FOLDERS[0]);
        let good = format!("see https://example.org{}me/x\n", MACHINE_FOLDERS[0]);
        assert_eq!(
            breaches(names_no_machine, &[("a.rs", &bad), ("b.md", &good)]),
            ["a.rs:2"]
        );
    }

    #[test]
    fn a_large_file_is_found() {
        let large = "x".repeat(LARGEST_FILE as usize + 1);
        assert_eq!(
            breaches(holds_no_large_file, &[("a.bin", &large), ("b", "small")]),
            ["a.bin:1"]
        );
    }
}
