//! The program as its users start it: how long until it trains, how fast, and in
//! how much memory.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::Failure;
use crate::args::Args;
use crate::ours::Data;

#[derive(Serialize)]
pub(crate) struct Program {
    /// Samples a second of the last of three epochs at batch 64.
    pub(crate) samples_per_second: f64,
    /// From the start of the process to the end of its first step.
    pub(crate) first_step_seconds: f64,
    /// `None` where the system does not say.
    pub(crate) peak_memory_mib: Option<f64>,
}

pub(crate) fn measure(args: &Args, data: &Data) -> Result<Program, Failure> {
    let mut runs = Vec::new();
    for _ in 0..args.rounds.min(5) {
        runs.push(run(data)?);
    }
    let median = |of: fn(&Program) -> f64| {
        let mut values: Vec<f64> = runs.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    Ok(Program {
        samples_per_second: median(|run| run.samples_per_second),
        first_step_seconds: median(|run| run.first_step_seconds),
        peak_memory_mib: runs
            .iter()
            .all(|run| run.peak_memory_mib.is_some())
            .then(|| median(|run| run.peak_memory_mib.unwrap_or_default())),
    })
}

/// `lenet train` on the data of the races, seed 1.
fn train(data: &Data, out_dir: &Path, args: &[&str]) -> Result<Command, Failure> {
    let mut command = Command::new(lenet()?);
    command.args(["train", "--seed", "1"]).args(args);
    command.arg("--out-dir").arg(out_dir);
    match &data.dir {
        Some(dir) => command.arg("--data-dir").arg(dir),
        None => command.args(["--dataset", "sample"]),
    };
    Ok(command)
}

/// The program that cargo built beside this one.
fn lenet() -> Result<PathBuf, Failure> {
    let path =
        std::env::current_exe()?.with_file_name(format!("lenet{}", std::env::consts::EXE_SUFFIX));
    if path.is_file() {
        Ok(path)
    } else {
        Err(format!(
            "{}: not built; `cargo xtask bench` builds it",
            path.display()
        )
        .into())
    }
}

fn run(data: &Data) -> Result<Program, Failure> {
    let folder = tempfile::tempdir()?;
    let mut command = train(
        data,
        folder.path(),
        &["--epochs", "3", "--log-interval", "1000000000"],
    )?;
    let start = Instant::now();
    let mut process = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let status = format!("/proc/{}/status", process.id());
    let mut peak = None;
    while process.try_wait()?.is_none() {
        peak = peak_memory(&status).or(peak);
        std::thread::sleep(Duration::from_millis(20));
    }
    if !process.wait()?.success() {
        return Err(format!("`lenet train` failed after {:?}", start.elapsed()).into());
    }
    let metrics = std::fs::read_to_string(folder.path().join("metrics.jsonl"))?;
    let last: serde_json::Value = serde_json::from_str(metrics.lines().last().unwrap_or_default())?;
    Ok(Program {
        samples_per_second: last["samples_per_second"].as_f64().unwrap_or_default(),
        first_step_seconds: first_step(data)?,
        peak_memory_mib: peak,
    })
}

/// Seconds until the line of the first step arrives.
fn first_step(data: &Data) -> Result<f64, Failure> {
    let folder = tempfile::tempdir()?;
    let mut command = train(
        data,
        folder.path(),
        &["--max-steps", "1", "--log-interval", "1"],
    )?;
    let start = Instant::now();
    let mut process = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let lines = process
        .stderr
        .take()
        .map(|stderr| BufReader::new(stderr).lines());
    let mut seconds = None;
    for line in lines.into_iter().flatten() {
        if seconds.is_none() && line?.contains("step 1 ") {
            seconds = Some(start.elapsed().as_secs_f64());
        }
    }
    process.wait()?;
    seconds.ok_or_else(|| "`lenet train` told of no first step".into())
}

/// The most memory that a process had at once, in MiB, as Linux tells it.
fn peak_memory(status: &str) -> Option<f64> {
    let status = std::fs::read_to_string(status).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024.0)
}
