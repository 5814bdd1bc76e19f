//! The peers: programs that hold their library loaded and answer by the line (see
//! `benches/peers/protocol.py`).

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::Failure;
use crate::ours::Data;

pub(crate) struct Peers {
    running: Vec<Peer>,
    /// Which peer knows a measurement.
    owners: HashMap<String, usize>,
    /// Scripts whose imports are not there.
    pub(crate) missing: Vec<String>,
    /// Holds the data's files until the end.
    _dir: tempfile::TempDir,
}

struct Peer {
    process: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

/// Starts every script of `dir` that can import what it needs.
pub(crate) fn start_all(dir: &Path, data: &Data) -> Result<Peers, Failure> {
    let files = tempfile::tempdir()?;
    let (images, labels) = (files.path().join("images"), files.path().join("labels"));
    let bytes: Vec<u8> = data.images.iter().flat_map(|v| v.to_le_bytes()).collect();
    std::fs::write(&images, bytes)?;
    std::fs::write(&labels, &data.labels)?;
    let mut peers = Peers {
        running: Vec::new(),
        owners: HashMap::new(),
        missing: Vec::new(),
        _dir: files,
    };
    let python = ["pytorch_lenet.py", "jax_lenet.py", "onnxruntime_lenet.py"];
    let commands = python.map(|script| {
        let mut command = Command::new("python3");
        command.arg(dir.join(script));
        (script, command)
    });
    let candle = format!("candle_peer{}", std::env::consts::EXE_SUFFIX);
    let mut candle = Command::new(std::env::current_exe()?.with_file_name(candle));
    // As its users have it, whatever ours are given.
    candle.env_remove("CANDLE_NUM_THREADS");
    for (script, command) in [("candle", candle)].into_iter().chain(commands) {
        match Peer::start(command, &images, &labels) {
            Ok((peer, names)) => {
                let at = peers.running.len();
                peers
                    .owners
                    .extend(names.into_iter().map(|name| (name, at)));
                peers.running.push(peer);
            }
            Err(failure) => {
                eprintln!("{script}: left out ({failure})");
                peers.missing.push(script.to_owned());
            }
        }
    }
    Ok(peers)
}

impl Peers {
    /// Samples a second; `None` where no peer knows the measurement.
    pub(crate) fn rate(
        &mut self,
        name: &str,
        batch: usize,
        seconds: f64,
    ) -> Result<Option<f64>, Failure> {
        let Some(&at) = self.owners.get(name) else {
            return Ok(None);
        };
        let peer = &mut self.running[at];
        writeln!(peer.stdin, "{name} {batch} {seconds}")?;
        peer.stdin.flush()?;
        let line = peer.line()?;
        let rate = line.trim().parse();
        rate.map(Some)
            .map_err(|_| format!("{name}: answered `{}`", line.trim()).into())
    }
}

impl Peer {
    fn start(
        mut command: Command,
        images: &Path,
        labels: &Path,
    ) -> Result<(Self, Vec<String>), Failure> {
        let mut process = command
            .args([images, labels])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("{}: {error}", command.get_program().display()))?;
        let (Some(stdin), Some(stdout)) = (process.stdin.take(), process.stdout.take()) else {
            return Err("the process has no pipes".into());
        };
        let stdout = BufReader::new(stdout);
        let mut peer = Self {
            process,
            stdin,
            stdout,
        };
        let line = peer.line()?;
        match line.trim().strip_prefix("ready ") {
            Some(names) => Ok((peer, names.split(' ').map(str::to_owned).collect())),
            None => Err("what it imports is not there".into()),
        }
    }

    fn line(&mut self) -> Result<String, Failure> {
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        Ok(line)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
