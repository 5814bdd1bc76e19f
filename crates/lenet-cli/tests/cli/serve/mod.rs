//! `lenet serve`: the server as a browser, a script and an attacker meet it.

mod api;
mod browser;
mod limits;

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStderr, Command, Stdio};

use image::{DynamicImage, GrayImage, ImageFormat, Luma};
use serde_json::{Value, json};

use super::Place;
use super::http::{Answer, Client};
use super::openapi::OpenApi;

/// A server on a port of its own. Each answer is compared with the description.
struct Serving {
    child: Child,
    address: String,
    stderr: Lines<BufReader<ChildStderr>>,
    api: OpenApi,
}

impl Serving {
    fn start(place: &Place, args: &[&str]) -> Self {
        let mut command = place.command(&["serve", "--port", "0"]);
        command
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut address = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut address).unwrap();
        let address = address.trim().to_owned();
        let stderr = BufReader::new(child.stderr.take().unwrap()).lines();
        let port = address.rsplit(':').next().unwrap();
        let mut client = Client::new(&format!("http://127.0.0.1:{port}")).unwrap();
        let api = client.ask("GET /openapi.json", &[], b"").unwrap();
        let api = OpenApi(serde_json::from_slice(&api.body).unwrap());
        Self {
            child,
            address,
            stderr,
            api,
        }
    }

    fn client(&self) -> Client {
        Client::new(&self.address).unwrap()
    }

    /// A request on a connection of its own.
    #[track_caller]
    fn ask(&self, request: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let answer = self.client().ask(request, headers, body).unwrap();
        self.is_described(request, &answer);
        answer
    }

    #[track_caller]
    fn is_described(&self, request: &str, answer: &Answer) {
        let is_json = answer.header("content-type") == Some("application/json");
        let is_json = is_json && !request.starts_with("HEAD ");
        let json = is_json.then(|| answer.json());
        let (method, path) = request.split_once(' ').unwrap();
        if !request.starts_with("HEAD ") {
            self.api
                .describes(method, path, answer.status, json.as_ref());
        }
        if let Some(status) = json
            .as_ref()
            .and_then(|json| json.get("error").and(json.get("status")))
        {
            assert_eq!(status, answer.status);
        }
    }

    #[track_caller]
    fn predict(&self, query: &str, kind: &str, body: &[u8]) -> Answer {
        let request = format!("POST /api/predict{query}");
        self.ask(&request, &[("Content-Type", kind)], body)
    }

    #[track_caller]
    fn is_alive(&self) {
        let answer = self.ask("GET /health", &[], b"");
        assert_eq!(
            (answer.status, &answer.json()["status"]),
            (200, &json!("ok"))
        );
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args([name, &pid])
                .status()
                .unwrap()
                .success()
        );
    }

    /// Reads stderr on to a line with this in it.
    fn wait_for(&mut self, text: &str) {
        let mut lines = self.stderr.by_ref().map(Result::unwrap);
        assert!(lines.any(|line| line.contains(text)), "{text}");
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    #[track_caller]
    fn fails(&self, status: u16, part: &str) {
        let body = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, status, "{part}: {body}");
        assert!(
            self.json()["error"].as_str().unwrap().contains(part),
            "{part}: {body}"
        );
    }
}

/// A seven of thick strokes, dark on light.
fn seven() -> GrayImage {
    GrayImage::from_fn(280, 280, |x, y| {
        let (x, y) = (f64::from(x), f64::from(y));
        let top = (50.0..72.0).contains(&y) && (90.0..195.0).contains(&x);
        let stem = (60.0..230.0).contains(&y) && (x - (190.0 - 0.45 * (y - 60.0))).abs() < 12.0;
        Luma([if top || stem { 20 } else { 240 }])
    })
}

fn encoded(picture: &GrayImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    DynamicImage::from(picture.clone())
        .write_to(&mut bytes, format)
        .unwrap();
    bytes.into_inner()
}

fn png(picture: &GrayImage) -> Vec<u8> {
    encoded(picture, ImageFormat::Png)
}
