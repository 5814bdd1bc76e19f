//! `lenet serve`: the networks behind a page and an API.

use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::Context;

use crate::args::ServeArgs;
use crate::printer::Printer;
use crate::serve::{self, Guard, Limits, Models, Server};
use crate::signals::{self, Signals};
use crate::threads;
use crate::trained::Trained;

/// How often a signal is looked for: nobody notices a tenth of a second at the end.
const LOOK: Duration = Duration::from_millis(100);

pub(crate) fn run(args: &ServeArgs, printer: &Printer) -> anyhow::Result<()> {
    let signals = Signals::watch()?;
    // One image keeps one thread busy; several images come on several threads.
    threads::set(args.usage.threads.or(Some(1)))?;
    let models = models(args, printer)?;
    let names = models.names().join(", ");
    let listener = serve::bind(&args.host, args.port, "--port")?;
    let address = listener.local_addr()?;
    let guard = Guard {
        local: address.ip().is_loopback(),
        printer: *printer,
        paths: serve::PATHS,
    };
    if !guard.local {
        printer.warn(&format!(
            "listening on {address}: whoever reaches this machine can use it, without a password \
             and in plain text; the default is --host 127.0.0.1"
        ));
    }
    let limits = Limits {
        at_work: args.at_work,
        timeout: args.timeout,
    };
    let routes = Server { models, limits }.routes();
    let running = serve::spawn(listener, serve::guarded(routes, guard), args.timeout)?;
    printer.note(&format!("serving {names}; Ctrl-C stops"));
    printer.result(&format!("http://{address}"))?;
    let signal = loop {
        if let Some(signal) = signals.received() {
            break signal;
        }
        if running.has_ended() {
            return running.stop().context("the server ended by itself");
        }
        thread::sleep(LOOK);
    };
    let signal = signals::name(signal);
    printer.note(&format!("stopping after {signal}: requests at work end"));
    running.stop()
}

fn models(args: &ServeArgs, printer: &Printer) -> anyhow::Result<Models> {
    let open = |path: Option<&Path>| Trained::open(path, &args.usage, printer);
    if args.weights.is_empty() {
        return Models::new(vec![("lenet5".to_owned(), open(None)?)]);
    }
    let named = args.weights.iter().map(|path| {
        let stem = path.file_stem().unwrap_or(path.as_os_str());
        Ok((stem.to_string_lossy().into_owned(), open(Some(path))?))
    });
    Models::new(named.collect::<anyhow::Result<_>>()?)
}
