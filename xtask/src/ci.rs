//! `cargo xtask ci`: every check, cheapest first, so that most faults are told
//! within seconds. It stops at the first step that fails.
//!
//! The steps share one profile and one target directory (but for the CUDA
//! check), so that each dependency is checked once and built once.

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::workspace::{Failure, Workspace};
use crate::{browser, cuda, package, peers, tidy};

/// The test command of the README, word for word; tidy sees to that.
pub(crate) const TEST_COMMAND: &str = "cargo test --workspace";

/// What became of a step that did not fail.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Outcome {
    Passed,
    /// It cannot run on this machine, for this reason.
    Skipped(&'static str),
}

/// One check.
struct Step {
    name: &'static str,
    what: &'static str,
    run: fn(&Workspace) -> Result<Outcome, Failure>,
}

const STEPS: &[Step] = &[
    Step {
        name: "fmt",
        what: "the code is formatted",
        run: |workspace| passes(workspace.cargo(["fmt", "--all", "--check"]).run()),
    },
    Step {
        name: "tidy",
        what: "layering and house rules (`cargo xtask tidy`)",
        run: |workspace| passes(tidy::run(workspace)),
    },
    Step {
        name: "clippy",
        what: "no lint, in tests and benches neither",
        run: clippy,
    },
    Step {
        name: "doc",
        what: "the documentation builds without a warning",
        run: doc,
    },
    Step {
        name: "alone",
        what: "each crate builds without what its neighbours switch on",
        run: alone,
    },
    Step {
        name: "package",
        what: "each crate packages, and builds from its package",
        run: |workspace| passes(package::check(workspace)),
    },
    Step {
        name: "cuda",
        what: "the CUDA path type-checks (no GPU needed)",
        run: cuda::check,
    },
    Step {
        name: "test",
        what: TEST_COMMAND,
        run: test,
    },
    Step {
        name: "portable",
        what: "the operations without the machine's own vectors",
        run: portable,
    },
    Step {
        name: "peers",
        what: "PyTorch and onnxruntime agree, where Python has them",
        run: peers::check,
    },
    Step {
        name: "hub",
        what: "the feature `hub`: lints of data and program, tests of data",
        run: hub,
    },
    Step {
        name: "browser",
        what: "the page of `lenet serve` in Chromium, where Node.js has it",
        run: browser::check,
    },
];

fn passes(result: Result<(), Failure>) -> Result<Outcome, Failure> {
    result.map(|()| Outcome::Passed)
}

fn clippy(workspace: &Workspace) -> Result<Outcome, Failure> {
    let args = "clippy --workspace --all-targets -- --deny=warnings";
    passes(workspace.cargo(args.split(' ')).run())
}

fn doc(workspace: &Workspace) -> Result<Outcome, Failure> {
    let doc = workspace.cargo(["doc", "--workspace", "--no-deps"]);
    passes(doc.env("RUSTDOCFLAGS", "--deny=warnings").run())
}

/// In a build of the whole workspace the features of a shared dependency are
/// united, which hides a feature that a crate forgot to ask for.
fn alone(workspace: &Workspace) -> Result<Outcome, Failure> {
    for name in workspace.crates()? {
        for selection in ["--no-default-features", "--all-targets"] {
            workspace
                .cargo(["clippy", "--package", &name, selection, "--"])
                .arg("--deny=warnings")
                .run()?;
        }
    }
    Ok(Outcome::Passed)
}

fn test(workspace: &Workspace) -> Result<Outcome, Failure> {
    // The first word is the program.
    passes(workspace.cargo(TEST_COMMAND.split(' ').skip(1)).run())
}

/// The kernels' own suites run at every level anyway; here all else does, too.
fn portable(workspace: &Workspace) -> Result<Outcome, Failure> {
    let tests = workspace.cargo(["test", "--package", "lenet-tensor", "--package", "lenet-nn"]);
    passes(tests.env("LENET_SIMD", "portable").run())
}

fn hub(workspace: &Workspace) -> Result<Outcome, Failure> {
    let lints = "clippy -p lenet-data -p lenet-cli --all-targets --features hub -- --deny=warnings";
    workspace.cargo(lints.split(' ')).run()?;
    let tests = "test -p lenet-data --features hub";
    workspace.cargo(tests.split(' ')).run()?;
    Ok(Outcome::Passed)
}

/// Which steps to run.
#[derive(Debug, PartialEq)]
pub(crate) enum Selection {
    /// None: list them.
    List,
    /// These (all of them when empty), in the usual order.
    Only(Vec<String>),
    Except(Vec<String>),
}

impl Selection {
    pub(crate) fn parse(args: &[OsString]) -> Result<Self, Failure> {
        let words: Vec<String> = args
            .iter()
            .map(|arg| arg.to_string_lossy().into_owned())
            .collect();
        let (names, select): (_, fn(Vec<String>) -> Self) = match words.split_first() {
            Some((flag, [])) if flag == "--list" => return Ok(Self::List),
            Some((flag, [])) if flag == "--except" => {
                return Err(Failure::Usage("`--except` needs a step".to_owned()));
            }
            Some((flag, rest)) if flag == "--except" => (rest, Self::Except),
            _ => (words.as_slice(), Self::Only),
        };
        for name in names {
            if STEPS.iter().all(|step| step.name != name) {
                let known: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
                return Err(Failure::Usage(format!(
                    "unknown step `{name}`: {}",
                    known.join(", ")
                )));
            }
        }
        Ok(select(names.to_vec()))
    }

    fn includes(&self, step: &Step) -> bool {
        let named = |names: &[String]| names.iter().any(|name| name == step.name);
        match self {
            Self::List => false,
            Self::Only(names) => names.is_empty() || named(names),
            Self::Except(names) => !named(names),
        }
    }
}

/// Runs the selected steps up to the first that fails, then sums up.
pub(crate) fn run(workspace: &Workspace, selection: &Selection) -> Result<ExitCode, Failure> {
    if *selection == Selection::List {
        for step in STEPS {
            println!("{:8} {}", step.name, step.what);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let start = Instant::now();
    let mut summary = Vec::new();
    let mut failure = None;
    for step in STEPS.iter().filter(|step| selection.includes(step)) {
        eprintln!("\n== {}: {}", step.name, step.what);
        let step_start = Instant::now();
        let result = (step.run)(workspace);
        summary.push(line(step.name, step_start.elapsed(), &result));
        if let Err(cause) = result {
            failure = Some(Failure::Failed(format!(
                "step `{0}`: {cause}\n  again: cargo xtask ci {0}",
                step.name
            )));
            break;
        }
    }
    eprintln!("\n== summary");
    for line in summary {
        eprintln!("{line}");
    }
    eprintln!("{:8} {:7.1} s", "in all", start.elapsed().as_secs_f64());
    match failure {
        None => Ok(ExitCode::SUCCESS),
        Some(failure) => Err(failure),
    }
}

/// A step's line in the summary.
fn line(name: &str, time: Duration, result: &Result<Outcome, Failure>) -> String {
    let verdict = match result {
        Ok(Outcome::Passed) => "ok".to_owned(),
        Ok(Outcome::Skipped(reason)) => format!("skipped: {reason}"),
        Err(_) => "FAILED".to_owned(),
    };
    format!("{name:8} {:7.1} s  {verdict}", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected(line: &str) -> Result<Vec<&'static str>, Failure> {
        let args: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        let selection = Selection::parse(&args)?;
        let steps = STEPS.iter().filter(|step| selection.includes(step));
        Ok(steps.map(|step| step.name).collect())
    }

    #[test]
    fn all_steps_run_unless_some_are_named() {
        assert_eq!(selected("").unwrap().len(), STEPS.len());
        assert_eq!(selected("--list").unwrap(), [""; 0]);
        assert_eq!(selected("clippy fmt").unwrap(), ["fmt", "clippy"]);
        let rest = selected("--except hub fmt").unwrap();
        assert_eq!(rest.len(), STEPS.len() - 2);
        assert!(!rest.contains(&"hub") && !rest.contains(&"fmt"));
    }

    #[test]
    fn an_unknown_step_is_refused_with_the_known_ones() {
        for line in ["tests", "fmt --list", "--except", "--except lint"] {
            assert!(
                matches!(selected(line), Err(Failure::Usage(_))),
                "`{line}` was accepted"
            );
        }
        let Err(Failure::Usage(message)) = selected("lint") else {
            panic!("`lint` was accepted");
        };
        assert!(message.contains("fmt, tidy, clippy"), "{message}");
    }

    #[test]
    fn the_summary_tells_the_three_outcomes_apart() {
        let line = |result| line("cuda", Duration::from_millis(1500), &result);
        assert_eq!(line(Ok(Outcome::Passed)), "cuda         1.5 s  ok");
        assert_eq!(
            line(Ok(Outcome::Skipped("no shell"))),
            "cuda         1.5 s  skipped: no shell"
        );
        let failed = line(Err(Failure::Failed("why".to_owned())));
        assert_eq!(failed, "cuda         1.5 s  FAILED");
    }
}
