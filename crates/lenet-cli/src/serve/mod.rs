//! The networks over HTTP: a page to draw on, and an API for programs.
//!
//! A request's way: `listen.rs` takes the connection, `guard.rs` sees who asks and what
//! goes out, `predict.rs` reads the body and `models.rs` the digit. One thread waits for
//! all connections; a few compute. Other routes can be merged with [`Server::routes`], or
//! stand alone: whatever is served is [`guarded`].

mod answer;
pub(crate) mod assets;
mod body;
mod guard;
mod listen;
mod models;
mod predict;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::json;
use tokio::sync::Semaphore;

pub(crate) use answer::{Failure, json, query};
pub(crate) use guard::Guard;
pub(crate) use listen::{Running, bind, spawn};
pub(crate) use models::Models;

/// What a server gives at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Requests at work at once.
    pub(crate) at_work: usize,
    /// How long a client may take to send a request's head, and its body.
    pub(crate) timeout: Duration,
}

/// What is served.
pub(crate) struct Server {
    pub(crate) models: Models,
    pub(crate) limits: Limits,
}

/// What the handlers share.
struct Shared {
    models: Arc<Models>,
    limits: Limits,
    /// A permit for each request that may be at work.
    at_work: Semaphore,
}

impl Server {
    /// The page and the API, for [`guarded`].
    pub(crate) fn routes(self) -> Router {
        let shared = Shared {
            models: Arc::new(self.models),
            at_work: Semaphore::new(self.limits.at_work),
            limits: self.limits,
        };
        Router::new()
            .route("/", get(|| assets::answer("index.html")))
            .route("/assets/{name}", get(assets::named))
            .route("/api/predict", post(predict::predict))
            .route("/api/model", get(describe))
            .route("/health", get(health))
            .route("/openapi.json", get(|| assets::answer("openapi.json")))
            .with_state(Arc::new(shared))
    }
}

/// The paths of [`Server::routes`], for who asks for another.
pub(crate) const PATHS: &str = "/, /api/predict, /api/model, /health or /openapi.json";

/// Routes with what holds for each answer: the guard, and JSON for what there is not.
pub(crate) fn guarded(routes: Router, guard: Guard) -> Router {
    let paths = guard.paths;
    routes
        .fallback(move |request| unknown_path(request, paths))
        .method_not_allowed_fallback(wrong_method)
        .layer(axum::middleware::from_fn_with_state(
            Arc::new(guard),
            guard::guard,
        ))
}

async fn describe(State(shared): State<Arc<Shared>>) -> Response {
    answer::json(&shared.models.description())
}

async fn health() -> Response {
    answer::json(&json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")}))
}

async fn unknown_path(request: Request, paths: &'static str) -> Failure {
    let path = request.uri().path().to_owned();
    body::discard(request.into_body()).await;
    Failure::not_found(format!("no such path `{path}`: expected {paths}"))
}

async fn wrong_method(request: Request) -> Failure {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    body::discard(request.into_body()).await;
    let expected = match path.as_str() {
        "/api/predict" => "POST",
        _ => "GET",
    };
    Failure::wrong_method(format!("{method} {path}: expected {expected}"))
}
