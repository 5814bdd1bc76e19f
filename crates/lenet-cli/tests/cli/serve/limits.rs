//! How many requests are at work, how long they may take, and how all ends.

use serde_json::json;

use super::{Client, Place, Serving, png, seven};

/// A request whose body the server waits for: it has said so.
fn half_sent(serving: &Serving, body: &[u8]) -> Client {
    let mut client = serving.client();
    let host = serving.address.trim_start_matches("http://");
    let head = format!(
        "POST /api/predict HTTP/1.1\r\nHost: {host}\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        body.len()
    );
    client.send(head.as_bytes()).unwrap();
    assert_eq!(client.head().unwrap().status, 100);
    client
}

#[test]
fn requests_beyond_the_cap_are_told_to_come_again() {
    let place = Place::new();
    let serving = Serving::start(&place, &["--at-work", "2"]);
    let picture = png(&seven());
    let mut first = half_sent(&serving, &picture);
    let _second = half_sent(&serving, &picture);
    let third = serving.predict("", "image/png", &picture);
    third.fails(503, "2 requests are at work");
    assert_eq!(third.header("retry-after"), Some("1"));
    serving.is_alive();
    first.send(&picture).unwrap();
    assert_eq!(first.answer().unwrap().json()["digit"], 7);
    assert_eq!(serving.predict("", "image/png", &picture).status, 200);
}

#[test]
fn who_sends_slowly_is_let_go() {
    let place = Place::new();
    let serving = Serving::start(&place, &["--timeout", "0.05"]);
    let mut body = half_sent(&serving, b"picture");
    body.send(b"pic").unwrap();
    let answer = body.answer().unwrap();
    serving.is_described("POST /api/predict", &answer);
    answer.fails(408, "within 0.05 s");
    let mut head = serving.client();
    head.send(b"GET / HTTP/1.1\r\nHost: loc").unwrap();
    assert!(head.rest().unwrap().is_empty());
    serving.is_alive();
}

#[test]
fn a_signal_lets_the_request_at_work_end() {
    let place = Place::new();
    for (signal, name) in [("-TERM", "SIGTERM"), ("-INT", "Ctrl-C")] {
        let mut serving = Serving::start(&place, &[]);
        let picture = png(&seven());
        // Kept open, with nothing to do.
        let mut idle = serving.client();
        assert_eq!(idle.ask("GET /health", &[], b"").unwrap().status, 200);
        let mut client = half_sent(&serving, &picture);
        serving.signal(signal);
        serving.wait_for(&format!("stopping after {name}"));
        assert!(idle.rest().unwrap().is_empty());
        client.send(&picture).unwrap();
        let answer = client.answer().unwrap();
        assert_eq!((answer.status, &answer.json()["digit"]), (200, &json!(7)));
        assert_eq!(answer.header("connection"), Some("close"));
        assert_eq!(serving.child.wait().unwrap().code(), Some(0));
        assert!(Client::new(&serving.address).is_err());
    }
}

#[test]
fn what_cannot_be_served_is_told_before() {
    let place = Place::new();
    let serving = Serving::start(&place, &[]);
    let port = serving.address.rsplit(':').next().unwrap();
    place
        .run(&["serve", "--port", port])
        .fails(1, &[port, "in use"]);
    place
        .run(&["serve", "--port", "70000"])
        .fails(2, &["70000"]);
    place
        .run(&["serve", "--host", "no such host"])
        .fails(2, &["no such host"]);
    place
        .run(&["serve", "--weights", "a.safetensors"])
        .fails(1, &["a.safetensors"]);
}
