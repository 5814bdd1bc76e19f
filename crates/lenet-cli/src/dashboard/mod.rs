//! `lenet train --dashboard`: a page on which a run is watched while it is at work.

mod routes;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use lenet_train::{EpochMetrics, Event, Observer};
use serde::Serialize;
use tokio::sync::watch;

use crate::commands::train::Summary;
use crate::printer::Printer;
use crate::runlog::chosen;
use crate::serve::{self, Guard, Running};

/// A step may take a ten thousandth of a second, an eye a quarter of one.
const SHOWN: Duration = Duration::from_millis(250);

/// How long a client may take to send a request, and so how long one that does not answer
/// can hold up the end of a run.
const TIME: Duration = Duration::from_secs(2);

/// How long the end of a run waits for a page that is watching to hear of it.
const FAREWELL: Duration = Duration::from_secs(1);

/// What is known of a run, `GET /api/run`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Live {
    /// Grows with each change.
    version: u64,
    state: State,
    /// The run as one line.
    title: String,
    run_dir: String,
    /// Epochs at most.
    epochs: u64,
    /// Optimizer steps at most.
    steps: u64,
    /// Where it stands; `None` before its first step.
    now: Option<Now>,
    /// The epoch whose weights would be kept if it ended here.
    chosen: Option<u64>,
    metrics: Vec<EpochMetrics>,
    /// Of the test images, once it has ended.
    test_accuracy: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Running,
    /// All epochs are over and the network is tested.
    Ended,
    /// By a signal or by an error: the terminal says by which.
    Stopped,
}

/// The last step that was shown.
#[derive(Clone, Copy, Debug, Serialize)]
struct Now {
    epoch: u64,
    step: u64,
    loss: f64,
    accuracy: f64,
    samples_per_second: f64,
}

impl Live {
    /// A run of this title that is about to begin, after these epochs.
    pub(crate) fn new(title: String, run_dir: String, before: &[EpochMetrics]) -> Self {
        Self {
            version: 1,
            state: State::Running,
            title,
            run_dir,
            epochs: 0,
            steps: 0,
            now: None,
            chosen: chosen(before),
            metrics: before.to_vec(),
            test_accuracy: None,
        }
    }

    fn has_ended(&self) -> bool {
        self.state != State::Running
    }
}

/// Who watches.
#[derive(Default)]
struct Audience {
    /// Whether anyone has asked for the run.
    is_there: AtomicBool,
    /// Whether anyone was told that it is over.
    knows: AtomicBool,
}

/// The page of a run, served as long as this lives.
pub(crate) struct Dashboard {
    live: watch::Sender<Live>,
    audience: Arc<Audience>,
    server: Option<Running>,
    /// When the last step was shown.
    shown: Option<Instant>,
}

impl Dashboard {
    /// Serves the page on this machine alone, and says where.
    pub(crate) fn start(port: u16, live: Live, printer: &Printer) -> anyhow::Result<Self> {
        let listener = serve::bind("127.0.0.1", port, "--dashboard")?;
        let address = listener.local_addr()?;
        let (live, watched) = watch::channel(live);
        let guard = Guard {
            local: true,
            printer: *printer,
            paths: routes::PATHS,
        };
        let audience = Arc::<Audience>::default();
        let router = serve::guarded(routes::routes(watched, &audience), guard);
        let server = serve::spawn(listener, router, TIME)?;
        printer.note(&format!("watch this run at http://{address}"));
        Ok(Self {
            live,
            audience,
            server: Some(server),
            shown: None,
        })
    }

    /// The run came to this.
    pub(crate) fn end(&self, summary: &Summary) {
        self.change(|live| {
            live.state = State::Ended;
            live.test_accuracy = Some(summary.test_accuracy);
            live.chosen = Some(summary.best_epoch);
        });
    }

    fn change(&self, change: impl FnOnce(&mut Live)) {
        self.live.send_modify(|live| {
            change(live);
            live.version += 1;
        });
    }
}

impl Drop for Dashboard {
    /// Pages that wait for news get the last, then the server stops.
    fn drop(&mut self) {
        if !self.live.borrow().has_ended() {
            self.change(|live| live.state = State::Stopped);
        }
        if let Some(server) = self.server.take() {
            // A page that follows has a request waiting, or is about to send the next.
            let (end, audience) = (Instant::now() + FAREWELL, &self.audience);
            while audience.is_there.load(Ordering::Relaxed)
                && !audience.knows.load(Ordering::Relaxed)
                && Instant::now() < end
            {
                thread::sleep(Duration::from_millis(5));
            }
            // The run is over; what becomes of its page changes nothing about it.
            let _ = server.stop();
        }
    }
}

impl Observer for Dashboard {
    fn on(&mut self, event: &Event<'_>) {
        match event {
            Event::FitStarted { epochs, steps, .. } => self.change(|live| {
                live.epochs = *epochs;
                live.steps = *steps;
            }),
            Event::StepEnded(at) if self.shown.is_none_or(|shown| shown.elapsed() > SHOWN) => {
                self.shown = Some(Instant::now());
                self.change(|live| {
                    live.now = Some(Now {
                        epoch: at.epoch,
                        step: at.step,
                        loss: at.loss,
                        accuracy: at.accuracy,
                        samples_per_second: at.samples_per_second,
                    });
                });
            }
            Event::EpochEnded(epoch) => self.change(|live| {
                live.metrics.push((*epoch).clone());
                live.chosen = chosen(&live.metrics);
                live.now = Some(Now {
                    epoch: epoch.epoch,
                    step: epoch.step,
                    loss: epoch.train_loss,
                    accuracy: epoch.train_accuracy,
                    samples_per_second: epoch.samples_per_second,
                });
            }),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runlog::testing::epoch;

    #[test]
    fn what_happens_is_told_and_an_end_is_one() {
        let (live, watched) = watch::channel(Live::new("a run".into(), "run".into(), &[]));
        let mut dashboard = Dashboard {
            live,
            audience: Arc::default(),
            server: None,
            shown: None,
        };
        dashboard.on(&Event::FitStarted {
            epochs: 3,
            batches: 5,
            samples: 50,
            steps: 15,
            taken: 0,
        });
        for (number, validated) in [(1, (0.25, 0.5)), (2, (0.5, 0.25))] {
            dashboard.on(&Event::EpochEnded(&epoch(number, Some(validated))));
        }
        let json = serde_json::to_value(&*watched.borrow()).unwrap();
        assert_eq!((&json["version"], &json["steps"]), (&4.into(), &15.into()));
        assert_eq!(
            (&json["state"], &json["chosen"]),
            (&"running".into(), &1.into())
        );
        assert_eq!(json["metrics"][1]["val_loss"], 0.5);
        drop(dashboard);
        assert_eq!(watched.borrow().state, State::Stopped);
        assert_eq!(watched.borrow().version, 5);
    }
}
