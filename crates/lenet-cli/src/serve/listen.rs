//! Connections: how many, how long, and how they end.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::pin::pin;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, anyhow};
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};

use crate::exit::Usage;

/// Connections at once; those beyond wait.
const CONNECTIONS: u32 = 256;

/// How long a connection is kept: one that reads its answers a byte at a time has to go.
const LIFE: Duration = Duration::from_secs(600);

/// The most bytes of a request's head.
const HEAD: usize = 32 << 10;

/// How long nothing is accepted after a failure: the system may be out of descriptors.
const RESPITE: Duration = Duration::from_millis(100);

/// Listens at this address; `flag` is what sets the port.
pub(crate) fn bind(host: &str, port: u16, flag: &str) -> anyhow::Result<TcpListener> {
    // As it stands in an address, too.
    let host = host.trim_start_matches('[').trim_end_matches(']');
    TcpListener::bind((host, port)).map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => {
            anyhow!(
                "port {port} of {host} is in use: give another, {flag} PORT, 0 for any free one"
            )
        }
        _ => Usage(format!("port {port} of {host}, by {flag}: {error}")).into(),
    })
}

/// A server at work on a thread of its own.
pub(crate) struct Running {
    thread: JoinHandle<std::io::Result<()>>,
    /// Dropped, it stops the server.
    stop: watch::Sender<()>,
}

impl Running {
    /// Whether it ended without being stopped.
    pub(crate) fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// Takes no more requests, answers those at work, and ends.
    pub(crate) fn stop(self) -> anyhow::Result<()> {
        drop(self.stop);
        let ended = self.thread.join();
        ended
            .map_err(|_| anyhow!("the server's thread panicked"))?
            .context("the server cannot listen")
    }
}

/// Serves `router` on a thread of its own until it is stopped; `time` is how long a client may
/// take to send a request's head.
pub(crate) fn spawn(
    listener: TcpListener,
    router: Router,
    time: Duration,
) -> anyhow::Result<Running> {
    // As many images at once as there are cores, and memory for four large ones.
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(cores.min(4))
        .build()
        .context("the server cannot be started")?;
    listener.set_nonblocking(true)?;
    let (stop, stopped) = watch::channel(());
    let serve = move || {
        let served = runtime.block_on(accept(listener, router, time, stopped));
        runtime.shutdown_timeout(time);
        served
    };
    let thread = thread::Builder::new()
        .name("serve".to_owned())
        .spawn(serve)?;
    Ok(Running { thread, stop })
}

async fn accept(
    listener: TcpListener,
    router: Router,
    time: Duration,
    mut stopped: watch::Receiver<()>,
) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let connections = Arc::new(Semaphore::new(CONNECTIONS as usize));
    loop {
        let accepted = async {
            let permit = Arc::clone(&connections).acquire_owned().await;
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            accepted = accepted => accepted,
            _ = stopped.changed() => break,
        };
        match accepted {
            Ok((stream, _)) => {
                let connection = connection(stream, router.clone(), time, stopped.clone());
                tokio::spawn(async move {
                    connection.await;
                    drop(permit);
                });
            }
            Err(_) => sleep(RESPITE).await,
        }
    }
    drop(listener);
    // Each ends by itself within these: a request that comes in, and its answer.
    let _ = timeout(2 * time, connections.acquire_many(CONNECTIONS)).await;
    Ok(())
}

/// Answers the requests of one connection, one after the other.
async fn connection(
    stream: TcpStream,
    router: Router,
    time: Duration,
    mut stopped: watch::Receiver<()>,
) {
    // An answer is not held back for more to come.
    let _ = stream.set_nodelay(true);
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(time)
            .max_buf_size(HEAD)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
    );
    tokio::select! {
        // A client that goes away is no fault.
        _ = connection.as_mut() => return,
        _ = stopped.changed() => {}
        () = sleep(LIFE) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = timeout(2 * time, connection).await;
}
