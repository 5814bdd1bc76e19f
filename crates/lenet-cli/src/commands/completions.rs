//! `lenet completions SHELL`.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::Cli;
use crate::printer::Printer;

pub(crate) fn run(shell: Shell, printer: &Printer) -> anyhow::Result<()> {
    // Written at once: straight to stdout, clap_complete panics where it is closed.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "lenet", &mut script);
    printer.result(String::from_utf8_lossy(&script).trim_end())
}
