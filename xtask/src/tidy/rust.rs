//! Rules for Rust files: what each begins with, how long it may be, and what it
//! may not hold.

use super::Violation;
use super::source::{code_of, has_word};
use super::tree::{File, Tree};

/// What a file is for: `//!`, or the crate's README in its place.
const BEGINNINGS: &[&str] = &["//! ", "#![doc = include_str!("];

/// Who opens a file learns first what it is for.
pub(super) fn begins_with_module_docs(tree: &Tree) -> Vec<Violation> {
    tree.rust()
        .filter(|file| {
            !BEGINNINGS
                .iter()
                .any(|begin| file.text().starts_with(begin))
        })
        .map(|file| {
            let what = "begins without `//! …`: a file says first what it is for";
            Violation::new(&file.path, 1, what)
        })
        .collect()
}

const MOST_LINES: usize = 400;

/// Files that may be longer, and why.
const LONGER_FILES: &[(&str, &str)] = &[];

/// One concept a file: what is longer holds two.
pub(super) fn fits_in_a_glance(tree: &Tree) -> Vec<Violation> {
    tree.rust()
        .filter(|file| LONGER_FILES.iter().all(|(path, _)| *path != file.path))
        .filter_map(|file| {
            let lines = file.lines().count();
            let what = format!("{lines} lines, more than {MOST_LINES}: one concept a file");
            (lines > MOST_LINES).then(|| Violation::new(&file.path, MOST_LINES + 1, what))
        })
        .collect()
}

const UNSAFE_ROOM: &str = "crates/lenet-tensor/src/simd/";

/// All that the compiler cannot prove is read in one place.
pub(super) fn unsafe_lives_in_one_room(tree: &Tree) -> Vec<Violation> {
    let files = tree
        .rust()
        .filter(|file| !file.path.starts_with(UNSAFE_ROOM));
    files
        .flat_map(|file| {
            let what = format!("`unsafe` outside {UNSAFE_ROOM}, the one room to audit");
            words(file, &["unsafe"], move |_| what.clone())
        })
        .collect()
}

const PRINTS: &[&str] = &[
    "println!",
    "eprintln!",
    "print!",
    "eprint!",
    "dbg!",
    "stdout()",
    "stderr()",
];

/// A library reports by values, errors and events; only the program knows the
/// terminal. Tests may say what they skip.
pub(super) fn libraries_do_not_print(tree: &Tree) -> Vec<Violation> {
    tree.rust()
        .filter(|file| is_library_source(&file.path))
        .flat_map(|file| {
            let tests = file
                .lines()
                .find(|(_, line)| line.starts_with("mod tests {"))
                .map_or(usize::MAX, |(number, _)| number);
            let prints = words(file, PRINTS, |word| {
                format!("`{word}` in a library: only lenet-cli knows the terminal")
            });
            prints.into_iter().filter(move |print| print.line < tests)
        })
        .collect()
}

fn is_library_source(path: &str) -> bool {
    path.starts_with("crates/")
        && !path.starts_with("crates/lenet-cli/")
        && path.contains("/src/")
        && !path.ends_with("tests.rs")
        && !path.contains("/src/tests/")
}

const UNFINISHED: &[&str] = &["todo!", "unimplemented!"];

/// Written apart, or this file would break its own rule.
const REMINDERS: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME")];

/// What is in the tree works and is tested: no stub, no reminder, no test that
/// does not run.
pub(super) fn is_finished(tree: &Tree) -> Vec<Violation> {
    let stubs = tree.rust().flat_map(|file| {
        words(file, UNFINISHED, |word| {
            format!("`{word}`: what is in the tree works")
        })
    });
    let skipped_tests = tree.rust().flat_map(|file| {
        let attributes = words(file, &["ignore"], |_| {
            "`ignore` on a test: a test that does not run proves nothing".to_owned()
        });
        attributes.into_iter().filter(|violation| {
            let line = file.text().lines().nth(violation.line - 1);
            line.is_some_and(|line| line.trim_start().starts_with("#["))
        })
    });
    let documents = tree.rust().chain(tree.markdown());
    let reminders = documents.flat_map(|file| {
        file.lines().filter_map(|(number, line)| {
            let word = REMINDERS.iter().find(|word| has_word(line, word))?;
            let what = format!("`{word}`: do it now, or leave it out");
            Some(Violation::new(&file.path, number, what))
        })
    });
    stubs.chain(skipped_tests).chain(reminders).collect()
}

/// An example that is not compiled is wrong within a year; `no_run` is enough
/// for one that needs files or the network.
pub(super) fn examples_run(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in tree.rust().chain(tree.markdown()) {
        for (number, line) in file.lines() {
            let docs = line.trim_start();
            let docs = docs.strip_prefix("///").or(docs.strip_prefix("//!"));
            let docs = match docs {
                Some(docs) => docs,
                None if file.path.ends_with(".md") => line,
                None => continue,
            };
            let fence = docs.trim_start().strip_prefix("```");
            if fence.is_some_and(|info| info.split(',').any(|word| word.trim() == "ignore")) {
                let what = "a code block with `ignore`: use `no_run`, so that it is compiled";
                violations.push(Violation::new(&file.path, number, what));
            }
        }
    }
    violations
}

/// The first of `words` on each line of the file's code, comments and strings
/// apart.
fn words(file: &File, words: &[&str], what: impl Fn(&str) -> String) -> Vec<Violation> {
    let code = code_of(file.text());
    (1..)
        .zip(code.lines())
        .filter_map(|(number, line)| {
            let word = words.iter().find(|word| has_word(line, word))?;
            Some(Violation::new(&file.path, number, what(word)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::breaches;
    use super::*;

    #[test]
    fn a_file_without_module_docs_is_found() {
        let files = [
            ("a.rs", "//! What it is for.\n"),
            ("b.rs", "// What it is for.\n"),
            ("c.rs", "use std::fmt;\n//! late\n"),
            ("d.md", "# a title"),
            ("e.rs", "#![doc = include_str!(\"../README.md\")]\n"),
        ];
        assert_eq!(
            breaches(begins_with_module_docs, &files),
            ["b.rs:1", "c.rs:1"]
        );
    }

    #[test]
    fn a_long_file_is_found() {
        let just = "//! x\n".repeat(MOST_LINES);
        let over = "//! x\n".repeat(MOST_LINES + 1);
        assert_eq!(
            breaches(fits_in_a_glance, &[("a.rs", &just), ("b.rs", &over)]),
            ["b.rs:401"]
        );
    }

    #[test]
    fn unsafe_is_found_in_code_outside_its_file() {
        let code = "//! unsafe\n#![deny(unsafe_code)]\nunsafe { x(\"unsafe\") }\n";
        assert_eq!(
            breaches(
                unsafe_lives_in_one_room,
                &[
                    ("a.rs", code),
                    ("crates/lenet-tensor/src/simd/lanes.rs", code)
                ]
            ),
            ["a.rs:3"]
        );
    }

    #[test]
    fn a_print_is_found_in_a_library_outside_its_tests() {
        let code = "//! println!\nmod tests;\neprintln!(\"x\");\nmod tests {\nprintln!()\n}\n";
        let files = [
            ("crates/lenet-nn/src/lib.rs", code),
            ("crates/lenet-nn/src/conv2d/tests.rs", code),
            ("crates/lenet-nn/tests/all.rs", code),
            ("crates/lenet-cli/src/main.rs", code),
            ("xtask/src/main.rs", code),
        ];
        assert_eq!(
            breaches(libraries_do_not_print, &files),
            ["crates/lenet-nn/src/lib.rs:3"]
        );
    }

    #[test]
    fn unfinished_code_is_found() {
        let code = "fn a() { todo!() }\n    #[ignore = \"slow\"]\nfn ignore() { \"todo!\" }\n";
        assert_eq!(
            breaches(is_finished, &[("a.rs", code)]),
            ["a.rs:1", "a.rs:2"]
        );
        let reminder = format!("text\n<!-- {}: more -->\n", REMINDERS[0]);
        assert_eq!(breaches(is_finished, &[("a.md", &reminder)]), ["a.md:2"]);
    }

    #[test]
    fn a_block_that_is_not_compiled_is_found() {
        let files = [
            ("a.rs", "/// ```\n/// ```ignore\nlet x = \"```ignore\";\n"),
            ("b.rs", "    //! ```rust,ignore\n    //! ```no_run\n"),
            ("c.md", "```rust, ignore\n```text\n"),
        ];
        assert_eq!(
            breaches(examples_run, &files),
            ["a.rs:2", "b.rs:1", "c.md:1"]
        );
    }
}
