//! What the dashboard answers: its page, the run in numbers, and the report's curves.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use axum::routing::get;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::timeout;

use super::{Audience, Live};
use crate::report::curves::{Curve, Measure, svg};
use crate::serve::{Failure, assets, json, query};

/// How long a request for news waits for some.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the handlers share.
type Watched = (watch::Receiver<Live>, Arc<Audience>);

pub(super) const PATHS: &str = "/ or /api/run";

pub(super) fn routes(live: watch::Receiver<Live>, audience: &Arc<Audience>) -> Router {
    Router::new()
        .route("/", get(|| assets::answer("run.html")))
        .route("/assets/{name}", get(assets::named))
        .route("/api/run", get(run))
        .with_state((live, Arc::clone(audience)))
}

#[derive(Deserialize)]
struct Seen {
    /// The version that the client has.
    #[serde(default)]
    after: u64,
    /// The number of epochs whose curves it shows; without it no curves are sent.
    epochs: Option<usize>,
}

/// `GET /api/run`: the run, with curves where the client shows others.
#[derive(Serialize)]
struct News<'a> {
    #[serde(flatten)]
    live: &'a Live,
    charts: Option<Charts>,
}

/// The curves as in a report, each an `<svg>`.
#[derive(Serialize)]
struct Charts {
    loss: String,
    accuracy: String,
    lr: String,
}

/// The run as soon as it is of a later version than `after`, or as it is after a while.
async fn run(State((mut live, audience)): State<Watched>, uri: Uri) -> Result<Response, Failure> {
    let seen: Seen = query(&uri)?;
    audience.is_there.store(true, Ordering::Relaxed);
    let newer = live.wait_for(|live| live.version > seen.after);
    // Late or never: what there is, is the answer.
    let _ = timeout(PATIENCE, newer).await;
    let live = live.borrow().clone();
    audience.knows.fetch_or(live.has_ended(), Ordering::Relaxed);
    let shows_others = |shown| shown != live.metrics.len() || live.has_ended();
    let charts = seen.epochs.is_some_and(shows_others).then(|| charts(&live));
    let charts = charts.transpose();
    let charts = charts.map_err(|error| Failure::internal(format!("{error:#}")))?;
    Ok(json(&News {
        live: &live,
        charts,
    }))
}

fn charts(live: &Live) -> anyhow::Result<Charts> {
    let curve = Curve {
        name: "",
        metrics: &live.metrics,
        chosen: live.chosen,
    };
    let of = |measure| svg(measure, &[curve]);
    Ok(Charts {
        loss: of(Measure::Loss)?,
        accuracy: of(Measure::Accuracy)?,
        lr: of(Measure::LearningRate)?,
    })
}
