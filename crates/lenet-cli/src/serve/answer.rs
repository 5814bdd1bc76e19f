//! Answers: JSON, and failures as JSON of one clear line.

use axum::extract::Query;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use lenet_data::picture;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::picture::Unreadable;

/// Why a request is refused.
#[derive(Debug)]
pub(crate) struct Failure {
    status: StatusCode,
    error: String,
}

impl Failure {
    fn new(status: StatusCode, error: impl Into<String>) -> Self {
        let error = error.into().replace(['\n', '\r'], " ");
        Self { status, error }
    }

    /// 400: a request that makes no sense.
    pub(crate) fn malformed(error: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error)
    }

    /// 404.
    pub(crate) fn not_found(error: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, error)
    }

    /// 405.
    pub(crate) fn wrong_method(error: impl Into<String>) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, error)
    }

    /// 408: a body that does not come.
    pub(crate) fn late(error: impl Into<String>) -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, error)
    }

    /// 413.
    pub(crate) fn too_large(error: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, error)
    }

    /// 421: a name that is not this server's.
    pub(crate) fn misdirected(error: impl Into<String>) -> Self {
        Self::new(StatusCode::MISDIRECTED_REQUEST, error)
    }

    /// 422: a body that is what it should be, with nothing to read in it.
    pub(crate) fn no_digit(error: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, error)
    }

    /// 500: a fault of this program.
    pub(crate) fn internal(error: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, error)
    }

    /// 503: too much to do; a client may try again.
    pub(crate) fn busy(error: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, error)
    }
}

impl From<Unreadable> for Failure {
    fn from(unreadable: Unreadable) -> Self {
        let status = match &unreadable {
            Unreadable::Format(what) => {
                let error = format!("the body is {what}: expected PNG, JPEG or application/json");
                return Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, error);
            }
            Unreadable::TooLong
            | Unreadable::TooDeep { .. }
            | Unreadable::Content(picture::Error::TooLarge { .. }) => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Self::new(status, unreadable.to_string())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let body = json!({"error": self.error, "status": self.status.as_u16()});
        let mut response = json(&body);
        *response.status_mut() = self.status;
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            let headers = response.headers_mut();
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// What an address asks for behind its `?`.
pub(crate) fn query<T: DeserializeOwned>(uri: &Uri) -> Result<T, Failure> {
    let Query(asked) = Query::try_from_uri(uri).map_err(|rejection| {
        let why =
            std::error::Error::source(&rejection).map_or(String::new(), |why| format!(": {why}"));
        Failure::malformed(format!("the query makes no sense{why}"))
    })?;
    Ok(asked)
}

/// A value as JSON, on one line.
pub(crate) fn json(value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(bytes) => of_json(bytes),
        Err(error) => {
            Failure::internal(format!("no answer can be written: {error}")).into_response()
        }
    }
}

/// Bytes that are JSON.
pub(crate) fn of_json(bytes: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], bytes).into_response()
}
