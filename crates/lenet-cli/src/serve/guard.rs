//! What holds for every request and every answer: who may ask, what a browser may do
//! with the answer, and that a panic is an answer, too.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::answer::Failure;
use super::body;
use crate::printer::Printer;

/// The page takes its own files and asks this server; nothing else, and in no frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
                      img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

/// Who may ask, and where it is noted.
pub(crate) struct Guard {
    /// Whether only this machine may ask.
    pub(crate) local: bool,
    pub(crate) printer: Printer,
    /// The paths that there are.
    pub(crate) paths: &'static str,
}

/// Goes around each route.
pub(super) async fn guard(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Response {
    let start = Instant::now();
    let asked = format!("{} {}", request.method(), request.uri().path());
    let mut response = if guard.local && !is_local(request.headers()) {
        body::discard(request.into_body()).await;
        let error = "the Host header names another machine: ask for 127.0.0.1 or localhost";
        Failure::misdirected(error).into_response()
    } else {
        // A task of its own: its panic ends it and nothing else.
        let answered = tokio::spawn(next.run(request)).await;
        answered.unwrap_or_else(|_| {
            let error = "a fault of this program: please report what was sent";
            Failure::internal(error).into_response()
        })
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let (status, time) = (response.status().as_u16(), start.elapsed().as_secs_f64());
    let line = format!("{asked} {status} {:.1} ms", 1e3 * time);
    guard.printer.detail(&line);
    response
}

/// Whether the client asked for this machine by a name that no one else can own: a page
/// from elsewhere may let its own name point here (DNS rebinding).
fn is_local(headers: &HeaderMap) -> bool {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let Some(host) = host else {
        return false;
    };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let name = match name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
    {
        Some(v6) => v6,
        None => name,
    };
    let address = name.parse::<IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_few_names() {
        let local = |host: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            is_local(&headers)
        };
        for host in [
            "127.0.0.1",
            "127.0.0.1:80",
            "LocalHost:8000",
            "[::1]:1",
            "[::1]",
        ] {
            assert!(local(host), "{host}");
        }
        for host in [
            "",
            "example.org",
            "example.org:8000",
            "localhost.example.org",
            "127.0.0.1.example.org",
            "192.168.0.1:8000",
            "localhost:8000:x",
        ] {
            assert!(!local(host), "{host}");
        }
        assert!(!is_local(&HeaderMap::new()));
    }
}
