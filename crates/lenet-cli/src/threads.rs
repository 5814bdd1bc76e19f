//! Who owns the cores: one set of threads, as many as were asked for.

use crate::exit::Usage;
use crate::printer::Printer;

/// What the program has to be started with, since it is read once and first, with the
/// value that it has unless somebody sets another:
/// - The number of candle's own threads. They wait spinning, as ours do, and two sets on
///   the same cores slow each other down.
/// - How long the allocator waits before it gives memory back that the next step takes
///   again, in milliseconds, or -1 for ever. The system clears each page that it gives, for a
///   twentieth of the time that a step of `lenet5-plus` takes.
const STARTED_WITH: [(&str, &str); 2] =
    [("CANDLE_NUM_THREADS", "1"), ("MIMALLOC_PURGE_DELAY", "-1")];

/// Starts the program anew, in its own place, with the variables that nobody has set.
/// Where a program cannot be replaced it goes on, slower but right.
pub(crate) fn own_the_cores() {
    let is_missing = |(name, _): &(&str, &str)| std::env::var_os(name).is_none();
    let missing: Vec<_> = STARTED_WITH.into_iter().filter(is_missing).collect();
    if !missing.is_empty() {
        #[cfg(unix)]
        restart_with(&missing);
    }
}

/// Returns only when it failed.
#[cfg(unix)]
fn restart_with(variables: &[(&str, &str)]) {
    use std::os::unix::process::CommandExt;

    let Ok(program) = std::env::current_exe() else {
        return;
    };
    let mut args = std::env::args_os();
    let mut command = std::process::Command::new(program);
    if let Some(name) = args.next() {
        command.arg0(name);
    }
    let _error = command.args(args).envs(variables.iter().copied()).exec();
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
