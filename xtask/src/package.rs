//! Each crate packages, and what was packaged builds: `cargo package` verifies
//! with a fresh build of every dependency, so we check the unpacked crates
//! against each other with the dependencies that the other steps have checked.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::workspace::{Failure, Workspace};

/// Packs, unpacks and checks every crate of `crates/`.
pub(crate) fn check(workspace: &Workspace) -> Result<(), Failure> {
    let target = workspace.target_dir()?;
    let scratch = workspace.scratch_dir("package")?;
    let crates = workspace.crates()?;
    // What an earlier run packed must not stand in for a crate that fails now.
    for dir in [&scratch, &target.join("package")] {
        if dir.exists() {
            fs::remove_dir_all(dir).map_err(|cause| Failure::io(dir, "removed", &cause))?;
        }
    }
    fs::create_dir_all(&scratch).map_err(|cause| Failure::io(&scratch, "created", &cause))?;

    let mut pack = workspace.cargo(["package", "--no-verify", "--allow-dirty"]);
    for name in &crates {
        pack = pack.arg("--package").arg(name);
    }
    pack.run()?;

    for name in &crates {
        unpack(&target.join("package"), name, &scratch)?;
    }
    let manifest = read(&workspace.root().join("Cargo.toml"))?;
    let manifest = scratch_manifest(&crates, &profiles(&manifest));
    write(&scratch.join("Cargo.toml"), &manifest)?;
    let lock = read(&workspace.root().join("Cargo.lock"))?;
    write(&scratch.join("Cargo.lock"), &lock)?;

    workspace
        .cargo(["check", "--workspace", "--target-dir"])
        .arg(&target)
        .current_dir(&scratch)
        .run()
}

/// Unpacks the one package of crate `name` that lies in `from` as `into/name`.
fn unpack(from: &Path, name: &str, into: &Path) -> Result<(), Failure> {
    let archive = fs::read_dir(from)
        .map_err(|cause| Failure::io(from, "read", &cause))?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .find(|path| is_package_of(path, name))
        .ok_or_else(|| Failure::Failed(format!("`cargo package` left no package of `{name}`")))?;
    let folder = into.join(name);
    fs::create_dir_all(&folder).map_err(|cause| Failure::io(&folder, "created", &cause))?;
    let status = Command::new("tar")
        .args(["--extract", "--gzip", "--strip-components=1", "--file"])
        .arg(&archive)
        .arg("--directory")
        .arg(&folder)
        .status()
        .map_err(|cause| Failure::Failed(format!("`tar` could not be started: {cause}")))?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::Failed(format!(
            "{} could not be unpacked: `tar` ended with {status}",
            archive.display()
        )))
    }
}

/// Whether `path` ends in `NAME-VERSION.crate`.
fn is_package_of(path: &Path, name: &str) -> bool {
    path.file_name()
        .and_then(|file| file.to_str())
        .and_then(|file| file.strip_suffix(".crate"))
        .and_then(|file| file.strip_prefix(name))
        .and_then(|rest| rest.strip_prefix('-'))
        .is_some_and(|version| version.starts_with(|c: char| c.is_ascii_digit()))
}

/// A workspace of the unpacked crates, each taking the others from beside it
/// where it would take them from the registry.
fn scratch_manifest(crates: &[String], profiles: &str) -> String {
    let members: Vec<String> = crates.iter().map(|name| format!("{name:?}")).collect();
    let mut manifest = format!(
        "[workspace]\nresolver = \"3\"\nmembers = [{}]\n\n[patch.crates-io]\n",
        members.join(", ")
    );
    for name in crates {
        manifest += &format!("{name} = {{ path = {name:?} }}\n");
    }
    manifest + "\n" + profiles
}

/// The `[profile…]` sections of a manifest: what is built with other settings
/// would not share its artefacts with the other steps.
fn profiles(manifest: &str) -> String {
    let mut inside = false;
    let mut sections = String::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.starts_with("[profile.");
        }
        if inside {
            sections += line;
            sections.push('\n');
        }
    }
    sections
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|cause| Failure::io(path, "read", &cause))
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(|cause| Failure::io(path, "written", &cause))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_told_from_its_namesakes() {
        let is = |file: &str| is_package_of(Path::new(file), "lenet");
        assert!(is("target/package/lenet-0.1.0.crate"));
        assert!(!is("target/package/lenet-nn-0.1.0.crate"));
        assert!(!is("target/package/lenet-0.1.0.tar"));
        assert!(!is("target/package/lenet.crate"));
    }

    #[test]
    fn profiles_are_taken_over_and_nothing_else() {
        let manifest = "[workspace]\nmembers = []\n[profile.dev]\nopt-level = 1\n\
                        [profile.dev.package.\"*\"]\nopt-level = 3\n[lints]\na = 1\n";
        assert_eq!(
            profiles(manifest),
            "[profile.dev]\nopt-level = 1\n[profile.dev.package.\"*\"]\nopt-level = 3\n"
        );
    }

    #[test]
    fn the_unpacked_crates_find_each_other() {
        let crates = ["a".to_owned(), "b".to_owned()];
        let manifest = scratch_manifest(&crates, "[profile.dev]\n");
        assert!(manifest.contains("members = [\"a\", \"b\"]"), "{manifest}");
        assert!(manifest.contains("b = { path = \"b\" }"), "{manifest}");
        assert!(manifest.ends_with("[profile.dev]\n"), "{manifest}");
    }
}
