//! What other programs say: the checks in `benches/peers/` that need Python's packages,
//! each where they can be imported.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::ci::Outcome;
use crate::train::{Profile, build};
use crate::workspace::{Failure, Workspace};

/// Scripts, and the modules that each imports.
const CHECKS: &[(&str, &[&str])] = &[
    ("weights_both_ways.py", &["torch", "safetensors", "numpy"]),
    ("whole_runs.py", &["torch", "safetensors", "numpy"]),
    ("tensorboard_check.py", &["tensorboard"]),
    ("onnx_check.py", &["onnx", "onnxruntime", "numpy"]),
];

/// Runs the checks whose modules are there, on the program as the tests build it.
pub(crate) fn check(workspace: &Workspace) -> Result<Outcome, Failure> {
    let (ready, missing): (Vec<_>, Vec<_>) =
        CHECKS.iter().partition(|(_, modules)| importable(modules));
    for (script, modules) in missing {
        eprintln!(
            "{script}: skipped, Python does not import {}",
            modules.join(", ")
        );
    }
    if ready.is_empty() {
        return Ok(Outcome::Skipped(
            "no PyTorch, no onnxruntime, no TensorBoard: `pip install torch safetensors onnx onnxruntime tensorboard`",
        ));
    }
    let program = build(workspace, "lenet-cli", "lenet", Profile::Dev, None)?;
    for (script, _) in ready {
        run(workspace.root(), script, &program)?;
    }
    Ok(Outcome::Passed)
}

fn run(root: &Path, script: &str, program: &Path) -> Result<(), Failure> {
    eprintln!("{script}");
    let path = root.join("benches").join("peers").join(script);
    let status = Command::new("python3")
        .arg(path)
        .arg("--lenet")
        .arg(program)
        .status()
        .map_err(|cause| Failure::Failed(format!("python3: {cause}")))?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::Failed(format!("{script}: {status}")))
    }
}

/// Whether Python is there and has these modules.
fn importable(modules: &[&str]) -> bool {
    Command::new("python3")
        .arg("-c")
        .arg(format!("import {}", modules.join(", ")))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_that_is_not_there_is_not_importable() {
        assert!(!importable(&["no_module_of_this_name"]));
    }
}
