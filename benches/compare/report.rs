//! The table for people and the JSON for scripts.

use std::fmt;

use serde_json::{Value, json};

use crate::Failure;
use crate::ours::Data;
use crate::peers::Peers;
use crate::program::Program;
use crate::race::Outcome;

/// Multiply-adds, counted as two, of a sample's way through the network and back,
/// without the gradient of the input: conv1 twice, everything else three times.
const FLOP_A_SAMPLE: f64 = 2.0 * (2.0 * 86_400.0 + 3.0 * (153_600.0 + 41_640.0));

pub(crate) struct Report {
    machine: String,
    data: String,
    missing: Vec<String>,
    pub(crate) peak_gflops: f64,
    outcomes: Vec<Outcome>,
    pub(crate) program: Option<Program>,
}

impl Report {
    pub(crate) fn new(data: &Data, peers: &Peers) -> Self {
        Self {
            machine: machine(),
            data: format!("{} ({})", data.dataset.name, data.dataset.origin),
            missing: peers.missing.clone(),
            peak_gflops: 0.0,
            outcomes: Vec::new(),
            program: None,
        }
    }

    pub(crate) fn add(&mut self, outcome: Outcome) {
        self.outcomes.push(outcome);
    }

    /// Of the machine's peak, the share that training at this rate reaches.
    fn share(&self, samples_per_second: f64) -> f64 {
        samples_per_second * FLOP_A_SAMPLE / 1e9 / self.peak_gflops
    }

    pub(crate) fn json(&self) -> Result<String, Failure> {
        let races = self.outcomes.iter().map(|outcome| {
            let rates = outcome.rates.iter().map(|(name, rate)| (name.clone(), json!(rate)));
            let targets = outcome.targets.iter().filter_map(|target| {
                let ratio = outcome.ratio(target.against)?;
                Some(json!({ "against": target.against, "ratio": ratio, "must": target.must, "goal": target.goal }))
            });
            json!({
                "name": outcome.name,
                "samples_per_second": Value::Object(rates.collect()),
                "targets": targets.collect::<Vec<_>>(),
            })
        });
        let value = json!({
            "machine": self.machine,
            "data": self.data,
            "peak_gflops": self.peak_gflops,
            "missing_peers": self.missing,
            "races": races.collect::<Vec<_>>(),
            "program": self.program,
        });
        Ok(serde_json::to_string_pretty(&value)? + "\n")
    }
}

impl Outcome {
    /// The first contender's rate over another's.
    fn ratio(&self, against: &str) -> Option<f64> {
        let (_, other) = self.rates.iter().find(|(name, _)| name == against)?;
        self.rates.first().map(|(_, first)| first / other)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "machine: {}", self.machine)?;
        writeln!(f, "data: {}", self.data)?;
        writeln!(
            f,
            "fused multiply-add peak: {:.1} GFLOP/s",
            self.peak_gflops
        )?;
        for outcome in &self.outcomes {
            writeln!(f, "\n{}", outcome.name)?;
            for (name, rate) in &outcome.rates {
                let ratio = outcome.ratio(name).unwrap_or(f64::NAN);
                write!(
                    f,
                    "  {name:<18}{rate:>12.0}/s {:>10.2} us {ratio:>8.2} x",
                    1e6 / rate
                )?;
                if let Some(target) = outcome.targets.iter().find(|t| t.against == name) {
                    let verdict = match ratio {
                        _ if ratio >= target.goal => "reaches the goal",
                        _ if ratio >= target.must => "reaches the must",
                        _ => "MISSED",
                    };
                    write!(f, "  must {} goal {}: {verdict}", target.must, target.goal)?;
                }
                writeln!(f)?;
            }
            if let Some((_, rate)) = outcome.rates.first()
                && outcome.name.starts_with("train")
            {
                let share = 100.0 * self.share(*rate);
                writeln!(f, "  {share:.0} % of the peak, counted dense")?;
            }
        }
        if let Some(program) = &self.program {
            writeln!(f, "\nlenet train")?;
            writeln!(
                f,
                "  batch 64           {:>12.0} samples/s",
                program.samples_per_second
            )?;
            writeln!(
                f,
                "  to the first step  {:>12.3} s  must 0.5 goal 0.25",
                program.first_step_seconds
            )?;
            if let Some(mib) = program.peak_memory_mib {
                writeln!(f, "  peak memory        {mib:>12.0} MiB  must 200")?;
            }
        }
        Ok(())
    }
}

/// The processor's name and how many threads run on it.
fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = info.lines().find(|line| line.starts_with(name))?;
        line.split_once(": ").map(|(_, value)| value.to_owned())
    };
    let model = field("model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let family = field("cpu family").map(|family| format!(", family {family}"));
    let number = field("model\t").map(|number| format!(" model {number}"));
    let details = family.unwrap_or_default() + &number.unwrap_or_default();
    format!("{model}{details}, {} threads", rayon::current_num_threads())
}
