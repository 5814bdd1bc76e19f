//! For tests: a web server on this machine that gives the answers it was told.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use super::testing::{Tiny, gzip};
use crate::mnist::Part;

/// What a server says to a request.
#[derive(Clone)]
pub(super) enum Answer {
    /// 200 with this body.
    Body(Vec<u8>),
    /// 200 with the length of this body, but only so many bytes of it.
    Cut(Vec<u8>, usize),
    /// Nothing: the connection is closed, but for requests of the header alone.
    Close,
}

/// Answers by path; any other path is answered with 404.
pub(super) type Answers = HashMap<String, Answer>;

/// A server; it lives until the test program ends.
pub(super) struct Server {
    /// Its address, with the last slash.
    pub(super) base: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(super) fn start(answers: Answers) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}/", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&requests);
        thread::spawn(move || {
            for stream in listener.incoming() {
                serve(&stream.unwrap(), &answers, &log);
            }
        });
        Self { base, requests }
    }

    /// The requests so far, as `GET /path`.
    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(mut stream: &TcpStream, answers: &Answers, log: &Mutex<Vec<String>>) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let Some(request) = lines.next() else { return };
    lines.take_while(|line| !line.is_empty()).for_each(drop);
    let mut words = request.split(' ');
    let [method, target] = [words.next().unwrap(), words.next().unwrap()];
    log.lock().unwrap().push(format!("{method} {target}"));
    let (status, len, body) = match answers.get(target) {
        Some(Answer::Body(body)) => ("200 OK", body.len(), body.as_slice()),
        Some(Answer::Cut(body, sent)) => ("200 OK", body.len(), &body[..*sent]),
        Some(Answer::Close) if method == "HEAD" => ("200 OK", 0, [].as_slice()),
        Some(Answer::Close) => return,
        None => ("404 Not Found", 0, [].as_slice()),
    };
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {len}\r\nConnection: close\r\n\r\n");
    // The client may have hung up: its own test says whether that is right.
    let sent = stream.write_all(head.as_bytes());
    if method != "HEAD" && sent.is_ok() {
        let _ = stream.write_all(body);
    }
}

impl Tiny {
    /// What a mirror answers for each of the four files.
    pub(super) fn answers(&self) -> Answers {
        let answer = |part: Part| {
            (
                format!("/{}.gz", part.file()),
                Answer::Body(gzip(self.file(part))),
            )
        };
        Part::ALL.into_iter().map(answer).collect()
    }
}
