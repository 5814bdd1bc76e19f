//! `cargo xtask bench`: ours, candle and the peers side by side in one run.
//!
//! Every contender of a race takes its turn in each round, so that a machine that
//! becomes slower hits all alike; what counts is the median of the rounds.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

mod args;
mod ours;
mod peak;
mod peers;
mod program;
mod race;
mod report;

use std::process::ExitCode;

use args::Args;

/// Steps allocate the same sizes over and over.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Any error, to be shown in one line.
type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let done = Args::parse(std::env::args_os().skip(1).collect()).and_then(|args| run(&args));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), Failure> {
    let data = ours::Data::load(args.data_dir.as_deref())?;
    let mut peers = peers::start_all(&args.peers, &data)?;
    let mut report = report::Report::new(&data, &peers);
    report.peak_gflops = peak::gflops(args.seconds);
    for (_, make) in race::GROUPS.iter().filter(|(name, _)| args.chosen(name)) {
        for mut race in make(&data)? {
            report.add(race.run(args, &mut peers)?);
        }
    }
    if args.chosen("program") {
        report.program = Some(program::measure(args, &data)?);
    }
    print!("{report}");
    if let Some(file) = &args.json {
        std::fs::write(file, report.json()?).map_err(|e| format!("{}: {e}", file.display()))?;
    }
    Ok(())
}
