//! Who owns the cores: one set of threads, as many as were asked for.

use crate::exit::Usage;
use crate::printer::Printer;

/// How candle is told the number of its own threads. It reads this once, so that a
/// program has to be started with it.
const CANDLE_THREADS: &str = "CANDLE_NUM_THREADS";

/// How long the allocator waits before it gives memory back that the next step takes again:
/// as milliseconds, or -1 for ever. The system clears each page that it gives, for a
/// twentieth of the time that a step of `lenet5-plus` takes.
const PURGE_DELAY: &str = "MIMALLOC_PURGE_DELAY";

/// Starts the program anew, in its own place, with candle's threads told to stay out:
/// they wait spinning, as ours do, and two sets on the same cores slow each other down.
/// Whoever sets the variable keeps what was set; where a program cannot be replaced,
/// nothing happens.
pub(crate) fn own_the_cores() {
    if std::env::var_os(CANDLE_THREADS).is_none() {
        #[cfg(unix)]
        restart();
    }
}

/// Returns only when it failed, which leaves the program slower but right.
#[cfg(unix)]
fn restart() {
    use std::os::unix::process::CommandExt;

    let Ok(program) = std::env::current_exe() else {
        return;
    };
    let mut args = std::env::args_os();
    let mut command = std::process::Command::new(program);
    if let Some(name) = args.next() {
        command.arg0(name);
    }
    command.args(args).env(CANDLE_THREADS, "1");
    if std::env::var_os(PURGE_DELAY).is_none() {
        command.env(PURGE_DELAY, "-1");
    }
    let _error = command.exec();
}

/// Warns where `LENET_SIMD` asks for vectors that there are not.
pub(crate) fn check_vectors(printer: &Printer) {
    let vectors = lenet_tensor::vectors();
    match std::env::var("LENET_SIMD") {
        Ok(wanted) if !wanted.is_empty() && wanted != vectors => printer.warn(&format!(
            "LENET_SIMD={wanted}: not on this machine, going on with {vectors} (it may be \
             avx512, avx2 or portable)"
        )),
        _ => printer.detail(&format!("vectors: {vectors}")),
    }
}

/// A number of threads that a machine may have.
pub(crate) fn count(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(threads) if (1..=1024).contains(&threads) => Ok(threads),
        _ => Err("expected a number from 1 to 1024".to_owned()),
    }
}

/// Sets the number of threads for everything that runs from here on.
pub(crate) fn set(threads: Option<usize>) -> anyhow::Result<()> {
    if let Some(threads) = threads {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build_global()
            .map_err(|error| Usage(format!("--threads {threads}: {error}")))?;
    }
    Ok(())
}
