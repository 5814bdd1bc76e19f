//! The files of the page, all within the program.

use axum::extract::Request;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::answer::Failure;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";
const JSON: &str = "application/json";

/// Name, content type and bytes of each file.
const FILES: [(&str, &str, &[u8]); 18] = [
    ("index.html", HTML, include_bytes!("page/index.html")),
    ("favicon.svg", SVG, include_bytes!("page/favicon.svg")),
    ("style.css", CSS, include_bytes!("page/style.css")),
    ("pad.css", CSS, include_bytes!("page/pad.css")),
    ("answer.css", CSS, include_bytes!("page/answer.css")),
    ("about.js", JS, include_bytes!("page/about.js")),
    ("app.js", JS, include_bytes!("page/app.js")),
    ("bars.js", JS, include_bytes!("page/bars.js")),
    ("draw.js", JS, include_bytes!("page/draw.js")),
    ("keyboard.js", JS, include_bytes!("page/keyboard.js")),
    ("maps.js", JS, include_bytes!("page/maps.js")),
    ("predict.js", JS, include_bytes!("page/predict.js")),
    ("strokes.js", JS, include_bytes!("page/strokes.js")),
    ("upload.js", JS, include_bytes!("page/upload.js")),
    ("run.html", HTML, include_bytes!("page/run.html")),
    ("run.css", CSS, include_bytes!("page/run.css")),
    ("run.js", JS, include_bytes!("page/run.js")),
    ("openapi.json", JSON, include_bytes!("openapi.json")),
];

/// `GET /assets/NAME`.
pub(crate) async fn named(request: Request) -> Response {
    let path = request.uri().path();
    answer(path.trim_start_matches("/assets/")).await
}

/// The file of this name.
pub(crate) async fn answer(name: &str) -> Response {
    match FILES.iter().find(|(file, ..)| *file == name) {
        Some(&(_, kind, bytes)) => ([(header::CONTENT_TYPE, kind)], bytes).into_response(),
        None => Failure::not_found(format!("no such file `{name}`")).into_response(),
    }
}
