//! Ctrl-C and SIGTERM: the first asks the run to stop, the second ends the program.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::Context;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// The signals that were received since [`Signals::watch`].
pub(crate) struct Signals {
    /// The last one's number, 0 for none.
    received: Arc<AtomicUsize>,
}

impl Signals {
    /// From here on a signal is noted, and a further one ends the program at once with
    /// 128 + its number.
    pub(crate) fn watch() -> anyhow::Result<Self> {
        let (received, again) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds `again` unset and sets it.
            flag::register_conditional_shutdown(signal, exit_code(signal), Arc::clone(&again))
                .and_then(|_| flag::register(signal, Arc::clone(&again)))
                .and_then(|_| flag::register_usize(signal, Arc::clone(&received), signal as usize))
                .context("signals cannot be watched")?;
        }
        Ok(Self { received })
    }

    /// The signal's number, where one was received.
    pub(crate) fn received(&self) -> Option<i32> {
        match self.received.load(Ordering::Relaxed) {
            0 => None,
            signal => i32::try_from(signal).ok(),
        }
    }
}

/// What shells give for a program that a signal ended.
pub(crate) fn exit_code(signal: i32) -> i32 {
    128 + signal
}

/// The signal as people call it.
pub(crate) fn name(signal: i32) -> &'static str {
    match signal {
        SIGINT => "Ctrl-C",
        SIGTERM => "SIGTERM",
        _ => "a signal",
    }
}
