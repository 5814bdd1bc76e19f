//! `POST /api/predict`: from a body to a digit.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use serde::Deserialize;

use super::answer::{self, Failure};
use super::{Models, Shared, body};
use crate::picture;

/// The longest picture, in bytes: a telephone's photo.
const PICTURE: usize = 8 << 20;

/// The longest JSON, in bytes: 784 numbers, each on a line of its own.
const JSON: usize = 64 << 10;

/// The most memory, in bytes, that decoding a picture may take: 21 million pixels of RGB.
const DECODED: u64 = 64 << 20;

/// The query.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    model: Option<String>,
    #[serde(default)]
    layers: bool,
}

/// A body of JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pixels {
    pixels: Vec<f64>,
}

pub(super) async fn predict(
    State(shared): State<Arc<Shared>>,
    request: Request,
) -> Result<Response, Failure> {
    let (head, body) = request.into_parts();
    let asked = answer::query(&head.uri).and_then(|asked: Asked| {
        shared.models.get(asked.model.as_deref())?;
        Ok(asked)
    });
    let permit = shared.at_work.try_acquire();
    let (asked, _permit) = match (asked, permit) {
        (Ok(asked), Ok(permit)) => (asked, permit),
        (Err(failure), _) => {
            body::discard(body).await;
            return Err(failure);
        }
        (_, Err(_)) => {
            body::discard(body).await;
            let most = shared.limits.at_work;
            let error = format!("{most} requests are at work, which is the most: try again");
            return Err(Failure::busy(error));
        }
    };
    let is_json = is_json(&head.headers);
    let most = if is_json { JSON } else { PICTURE };
    refuse_long(&head.headers, most)?;
    let bytes = body::read(body, most, shared.limits.timeout).await?;
    let models = Arc::clone(&shared.models);
    let work = move || answer(&models, &asked, &bytes, is_json);
    match tokio::task::spawn_blocking(work).await {
        Ok(answer) => answer.map(answer::of_json),
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(Failure::busy("the server is stopping")),
        },
    }
}

/// A client that waits for a word before it sends need not send what is too long.
fn refuse_long(headers: &HeaderMap, most: usize) -> Result<(), Failure> {
    let length = headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    match length {
        Some(length) if length > most as u64 && headers.contains_key(header::EXPECT) => {
            Err(body::too_long(most))
        }
        _ => Ok(()),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let essence = kind
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

/// The work on a body, on a thread that may take its time.
fn answer(models: &Models, asked: &Asked, bytes: &[u8], is_json: bool) -> Result<Vec<u8>, Failure> {
    let start = Instant::now();
    let seen = match is_json {
        true => pixels(bytes)?,
        // What the bytes are is told by themselves: clients often say something else.
        false => picture::digit(bytes, DECODED)?,
    };
    let model = models.get(asked.model.as_deref())?;
    let fault = |error: anyhow::Error| Failure::internal(format!("no prediction: {error:#}"));
    let mut prediction = model.predict(&seen, asked.layers).map_err(fault)?;
    prediction.milliseconds = 1e3 * start.elapsed().as_secs_f64();
    serde_json::to_vec(&prediction).map_err(|error| fault(error.into()))
}

/// 784 numbers from 0 to 255 as bytes.
fn pixels(bytes: &[u8]) -> Result<Vec<u8>, Failure> {
    let Pixels { pixels } = serde_json::from_slice(bytes).map_err(|error| {
        Failure::malformed(format!(
            "the JSON makes no sense: {error}; expected {{\"pixels\": [784 numbers]}}"
        ))
    })?;
    if pixels.len() != 784 {
        let found = pixels.len();
        return Err(Failure::malformed(format!(
            "pixels: {found} numbers, expected 784: 28 rows of 28"
        )));
    }
    if let Some(at) = pixels
        .iter()
        .position(|pixel| !(0.0..=255.0).contains(pixel))
    {
        let found = pixels[at];
        return Err(Failure::malformed(format!(
            "pixels[{at}] is {found}, expected 0 (paper) to 255 (ink)"
        )));
    }
    let pixels: Vec<u8> = pixels.iter().map(|pixel| pixel.round() as u8).collect();
    if pixels.iter().all(|pixel| *pixel == pixels[0]) {
        let error = "no digit found: all 784 pixels are alike, expected a digit, light on dark";
        return Err(Failure::no_digit(error));
    }
    Ok(pixels)
}
