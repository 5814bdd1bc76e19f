//! What no request can bring about from outside.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use axum::routing::get;

use super::*;
use crate::printer::Printer;

fn ask(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_panic_is_an_answer_and_ends_nothing_else() {
    async fn waiting() -> &'static str {
        panic!("while others wait")
    }
    async fn working() -> &'static str {
        let worked = tokio::task::spawn_blocking(|| panic!("at work")).await;
        std::panic::resume_unwind(worked.unwrap_err().into_panic())
    }
    let routes = Router::new()
        .route("/waiting", get(waiting))
        .route("/working", get(working))
        .route("/health", get(health));
    let guard = Guard {
        paths: PATHS,
        local: true,
        printer: Printer::new(true, false),
    };
    let limits = Limits {
        at_work: 1,
        timeout: Duration::from_secs(10),
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let running = spawn(listener, guarded(routes, guard), limits.timeout).unwrap();
    for path in ["/waiting", "/working"] {
        let answer = ask(address, path);
        assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
        assert!(answer.contains("content-security-policy: "), "{answer}");
        assert!(answer.ends_with("\"status\":500}"), "{answer}");
    }
    assert!(ask(address, "/health").starts_with("HTTP/1.1 200 "));
    assert!(!running.has_ended());
    running.stop().unwrap();
    assert!(TcpStream::connect(address).is_err());
}
