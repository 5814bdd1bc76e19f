//! The `lenet` program: arguments in, results on stdout, progress on stderr, an
//! exit code that scripts can rely on.

mod args;
mod builtin;
mod chart;
mod commands;
mod dashboard;
mod data;
mod exit;
mod field;
mod hints;
mod maps;
mod picture;
mod printer;
mod progress;
mod report;
mod rundir;
mod runlog;
mod serve;
mod settings;
mod signals;
mod sketch;
mod tensorboard;
mod threads;
mod trained;

use std::process::ExitCode;

use args::Command;
use printer::Printer;

/// Training allocates the same sizes at every step: the system's allocator would
/// give pages back in between, and take page faults for a quarter of the time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    threads::own_the_cores();
    let cli = args::parse();
    let printer = Printer::new(cli.quiet, cli.verbose);
    threads::check_vectors(&printer);
    let done = match cli.command {
        Command::Train(args) => commands::train::run(args, &printer),
        Command::Eval(args) => commands::eval::run(&args, &printer),
        Command::Predict(args) => commands::predict::run(&args, &printer),
        Command::Serve(args) => commands::serve::run(&args, &printer),
        Command::Export(args) => commands::export::run(&args, &printer),
        Command::Sweep(args) => commands::sweep::run(&args, &printer),
        Command::Summary(args) => commands::summary::run(&args, &printer),
        Command::Report(args) => commands::report::run(&args, &printer),
        Command::Bench(args) => commands::bench::run(&args, &printer),
        Command::Curves(args) => commands::curves::run(&args, &printer),
        Command::Inspect(args) => commands::inspect::run(&args, &printer),
        Command::LrFind(args) => commands::lr_find::run(&args, &printer),
        Command::Data { command } => commands::data::run(&command, &printer),
        Command::Completions { shell } => commands::completions::run(shell, &printer),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            printer.error(&error);
            exit::code(&error)
        }
    }
}
