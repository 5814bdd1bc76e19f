//! Reading a request's body: no more than fits, no longer than is given.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use tokio::time::timeout;

use super::answer::Failure;

/// What is read of a body that nobody wants, in bytes. A client that still sends when
/// the connection is closed would lose its answer; one that never ends has to.
const DISCARDED: usize = 64 << 20;

/// How long such a body is listened to.
const PATIENCE: Duration = Duration::from_secs(10);

/// The whole body, `most` bytes at most; what is beyond is thrown away as it comes.
pub(super) async fn read(body: Body, most: usize, time: Duration) -> Result<Vec<u8>, Failure> {
    let whole = timeout(time, collect(body, most)).await;
    whole.unwrap_or_else(|_| {
        let time = time.as_secs_f64();
        Err(Failure::late(format!(
            "the body did not come within {time} s"
        )))
    })
}

async fn collect(mut body: Body, most: usize) -> Result<Vec<u8>, Failure> {
    let (mut bytes, mut length) = (Vec::new(), 0);
    while let Some(data) = next(&mut body).await {
        let data =
            data.map_err(|error| Failure::malformed(format!("the body ends early: {error}")))?;
        length += data.len();
        if length > DISCARDED {
            break;
        }
        if length > most {
            bytes = Vec::new();
        } else {
            bytes.extend_from_slice(&data);
        }
    }
    if length > most {
        return Err(too_long(most));
    }
    Ok(bytes)
}

/// That a body is longer than `most` bytes.
pub(super) fn too_long(most: usize) -> Failure {
    let most = match most >> 20 {
        0 => format!("{} KiB", most >> 10),
        most => format!("{most} MiB"),
    };
    Failure::too_large(format!("the body is too long: expected {most} at most"))
}

/// Reads on to a body's end, so that its sender comes to read the answer.
pub(super) async fn discard(mut body: Body) {
    let all = async {
        let mut length = 0;
        while let Some(Ok(data)) = next(&mut body).await {
            length += data.len();
            if length > DISCARDED {
                break;
            }
        }
    };
    // In either case it is time to answer.
    let _ = timeout(PATIENCE, all).await;
}

async fn next(body: &mut Body) -> Option<Result<Bytes, axum::Error>> {
    let frame = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await?;
    // A trailer is no data.
    Some(frame.map(|frame| frame.into_data().unwrap_or_default()))
}
