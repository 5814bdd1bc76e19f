//! How long `lenet serve` takes to answer:
//!
//!     cargo bench -p lenet-cli --bench serve [-- SECONDS]
//!
//! 50 requests a second for 20 seconds (or SECONDS) on loopback, each a drawing of
//! 280×280 as PNG whose digit and maps are asked for. The requests have their times
//! beforehand, and an answer's time counts from there: one that waits for the one before
//! it is late by that, too.
#![expect(clippy::print_stdout, reason = "a bench shows what it measured")]

use std::io::{BufRead, BufReader, Cursor};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use image::{DynamicImage, ImageFormat};
use lenet_data::{Choice, DatasetName, Request};
use lenet_tensor::random::Key;

#[path = "../tests/cli/drawn.rs"]
mod drawn;
#[path = "../tests/cli/http.rs"]
#[expect(dead_code, reason = "the tests use the rest of it")]
mod http;

use http::Client;

/// Requests a second.
const RATE: u32 = 50;

/// What 99 of 100 answers may take, in milliseconds.
const TARGET: f64 = 5.0;

/// Requests before the clock starts: pages and connections come into being.
const WARM_UP: usize = 20;

fn main() -> anyhow::Result<()> {
    // cargo adds `--bench`.
    let seconds = std::env::args().skip(1).find(|arg| arg != "--bench");
    let seconds: u32 = seconds
        .map_or(Ok(20), |text| text.parse())
        .context("SECONDS")?;
    let pictures = pictures()?;
    let mut server = Command::new(env!("CARGO_BIN_EXE_lenet"))
        .args(["serve", "--port", "0", "--quiet"])
        .stdout(Stdio::piped())
        .spawn()?;
    let measured = measure(&mut server, &pictures, RATE * seconds);
    server.kill()?;
    server.wait()?;
    let mut times = measured?;
    times.sort_by(f64::total_cmp);
    // The smallest time that this share of the requests did not exceed.
    let percentile = |share: f64| times[((share * times.len() as f64).ceil() as usize).max(1) - 1];
    let p99 = percentile(0.99);
    println!(
        "{} requests, {RATE} a second, 280×280 PNG, with layers",
        times.len()
    );
    for (name, time) in [
        ("p50", percentile(0.5)),
        ("p99", p99),
        ("max", percentile(1.0)),
    ] {
        println!("{name} {time:7.2} ms");
    }
    let verdict = if p99 <= TARGET { "within" } else { "beyond" };
    println!("p99 is {verdict} {TARGET} ms");
    Ok(())
}

/// A hundred digits of the sample as people draw them.
fn pictures() -> anyhow::Result<Vec<Vec<u8>>> {
    let request = Request {
        choice: Choice::Only(DatasetName::Sample),
        ..Request::default()
    };
    let digits = lenet_data::load(&request, &mut ())?.test;
    let encoded = (0..100).map(|index| {
        let key = Key::from_seed(1).fold_in_index(index as u64);
        let picture = DynamicImage::from(drawn::drawn(digits.image(index), &key, 200.0, 200.0));
        let picture = picture.resize_exact(280, 280, image::imageops::FilterType::Triangle);
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, ImageFormat::Png)?;
        Ok(bytes.into_inner())
    });
    encoded.collect()
}

/// The time of each answer, in milliseconds.
fn measure(
    server: &mut std::process::Child,
    pictures: &[Vec<u8>],
    requests: u32,
) -> anyhow::Result<Vec<f64>> {
    let mut address = String::new();
    let stdout = server.stdout.take().context("stdout")?;
    BufReader::new(stdout).read_line(&mut address)?;
    let mut client = Client::new(address.trim())?;
    let mut ask = |at: usize| {
        let picture = &pictures[at % pictures.len()];
        let kind = [("Content-Type", "image/png")];
        let answer = client.ask("POST /api/predict?layers=true", &kind, picture)?;
        if answer.status != 200 {
            bail!(
                "{}: {}",
                answer.status,
                String::from_utf8_lossy(&answer.body)
            );
        }
        Ok(())
    };
    for at in 0..WARM_UP {
        ask(at)?;
    }
    let start = Instant::now();
    let timed = (0..requests).map(|at| {
        let due = start + at * Duration::from_secs(1) / RATE;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        ask(at as usize)?;
        Ok(1e3 * due.elapsed().as_secs_f64())
    });
    timed.collect()
}
