//! The type check of the CUDA path, on a machine without a GPU or a toolkit.
//!
//! candle's kernels are compiled by `nvcc` in a build script; a stub that writes
//! empty outputs in its place lets everything behind it be checked and linted.
//! It proves that our calls fit candle's CUDA types, and nothing about kernels.

use std::path::Path;

use crate::ci::Outcome;
use crate::workspace::{Failure, Workspace};

/// Answers the three calls that candle-kernels' build script makes: `--version`,
/// `--ptx --output-directory DIR … FILE.cu`, and `… -o FILE`.
const STUB_NVCC: &str = r#"#!/bin/sh
# A stand-in for CUDA's compiler, written by `cargo xtask ci cuda`.
directory=. ptx= last=
for arg in "$@"; do
    case $last in
        -o) : > "$arg" ;;
        --output-directory) directory=$arg ;;
    esac
    case $arg in
        --version) echo "Cuda compilation tools, release 13.0, V13.0.0" ;;
        --ptx) ptx=yes ;;
    esac
    last=$arg
done
if [ -n "$ptx" ]; then
    name=${last##*/}
    : > "$directory/${name%.cu}.ptx"
fi
"#;

/// Lints the crates that have a CUDA path, with it.
pub(crate) fn check(workspace: &Workspace) -> Result<Outcome, Failure> {
    if cfg!(not(unix)) {
        return Ok(Outcome::Skipped("its stub `nvcc` is a shell script"));
    }
    // A target directory of its own: empty kernels must never end up in a build
    // for a real GPU.
    let target = workspace.scratch_dir("cuda")?;
    let nvcc = target.join("nvcc");
    write_program(&nvcc, STUB_NVCC)?;

    let mut cargo = workspace.cargo(["clippy"]);
    for package in workspace.crates()? {
        cargo = cargo.arg("--package").arg(package);
    }
    cargo
        .arg("--features=lenet-cli/cuda")
        // Nothing runs but build scripts: compile them fast.
        .arg("--config=profile.dev.package.'*'.opt-level=0")
        .arg("--target-dir")
        .arg(&target)
        .arg("--")
        .arg("--deny=warnings")
        .env("NVCC", nvcc)
        .env("CUDA_COMPUTE_CAP", "80")
        .env("CUDARC_CUDA_VERSION", "13000")
        .run()?;
    Ok(Outcome::Passed)
}

/// Writes an executable file; one that is there already and equal keeps its time.
fn write_program(path: &Path, text: &str) -> Result<(), Failure> {
    if std::fs::read_to_string(path).is_ok_and(|found| found == text) {
        return Ok(());
    }
    std::fs::write(path, text).map_err(|cause| Failure::io(path, "written", &cause))?;
    #[cfg(unix)]
    {
        use std::fs::{Permissions, set_permissions};
        use std::os::unix::fs::PermissionsExt;

        set_permissions(path, Permissions::from_mode(0o755))
            .map_err(|cause| Failure::io(path, "made executable", &cause))?;
    }
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;

    #[test]
    fn the_stub_answers_like_nvcc() {
        let dir = std::env::temp_dir().join(format!("lenet-xtask-nvcc-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let nvcc = dir.join("nvcc");
        write_program(&nvcc, STUB_NVCC).unwrap();
        let call = |args: &[&str]| {
            // By way of `sh`: a file that was just written may still count as open
            // for writing in a process that another test is starting.
            let output = Command::new("sh")
                .arg(&nvcc)
                .args(args)
                .current_dir(&dir)
                .output()
                .unwrap();
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stdout).unwrap()
        };

        let mode = fs::metadata(&nvcc).unwrap().permissions().mode();
        assert_eq!(mode & 0o111, 0o111, "not executable: {mode:o}");
        assert!(call(&["--version"]).contains("release 13.0,"));

        let out = dir.join("a folder");
        fs::create_dir_all(&out).unwrap();
        let out = out.to_str().unwrap();
        call(&["--ptx", "--output-directory", out, "-O3", "src/unary.cu"]);
        assert!(dir.join("a folder/unary.ptx").is_file());

        call(&["-c", "-o", "moe.o", "-O3", "src/moe.cu"]);
        call(&["--lib", "-o", "libmoe.a", "moe.o"]);
        assert!(dir.join("moe.o").is_file() && dir.join("libmoe.a").is_file());

        fs::remove_dir_all(&dir).unwrap();
    }
}
