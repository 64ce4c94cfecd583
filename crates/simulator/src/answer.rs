//! An answer on its way out: ordinary, or spoilt by a fault.

use std::io::{self, Read};
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzEncoder;
use futures_util::{StreamExt, stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, LOCATION, RETRY_AFTER};
use hyper::{Response, StatusCode};
use serde_json::Value;

use crate::fault::FaultKind;
use crate::v3::{disturb, error};

pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// What the API answers.
pub(crate) enum Answer {
    Json(Value),
    /// No body; the reference leaves those of 400, 403 and 404 open.
    Empty(StatusCode),
    /// API v3's errors.
    Error(StatusCode, Value),
    /// 302 to this address.
    Redirect(String),
    /// A file's content.
    Content(Bytes),
}

impl Answer {
    /// Of an answer with a body.
    fn status(&self) -> StatusCode {
        match self {
            Self::Error(status, _) => *status,
            _ => StatusCode::OK,
        }
    }

    fn into_bytes(self) -> Bytes {
        match self {
            Self::Json(value) | Self::Error(_, value) => Bytes::from(value.to_string()),
            Self::Content(bytes) => bytes,
            Self::Empty(_) | Self::Redirect(_) => Bytes::from_static(b"{}"),
        }
    }
}

/// An ordinary answer.
pub(crate) fn ordinary(answer: Answer, gzip: bool) -> Response<Body> {
    match answer {
        Answer::Empty(status) => with(status, None, Bytes::new()),
        Answer::Error(status, value) => {
            with(status, Some("application/json"), Bytes::from(value.to_string()))
        }
        Answer::Redirect(to) => redirect(&to),
        Answer::Content(bytes) => with(StatusCode::OK, Some("application/octet-stream"), bytes),
        Answer::Json(value) => {
            let text = value.to_string();
            let mut packed = Vec::new();
            // Packing from memory can't fail.
            let packs = gzip
                && GzEncoder::new(text.as_bytes(), Compression::fast())
                    .read_to_end(&mut packed)
                    .is_ok();
            let body = if packs {
                Bytes::from(packed)
            } else {
                Bytes::from(text)
            };
            let mut response = with(StatusCode::OK, Some("application/json"), body);
            if packs {
                response
                    .headers_mut()
                    .insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
            response
        }
    }
}

/// A spoilt answer. `usual` is what the API would have said.
pub(crate) fn spoilt(fault: &FaultKind, usual: Answer, is_v3: bool) -> Response<Body> {
    const PAGE: &str = "<!DOCTYPE html><html><title>Error</title><h1>Server Error</h1></html>";
    let html = |status| with(status, Some("text/html"), Bytes::from_static(PAGE.as_bytes()));
    let json = |text: &'static str| {
        with(
            StatusCode::OK,
            Some("application/json"),
            Bytes::from_static(text.as_bytes()),
        )
    };
    let failed = |status: StatusCode, code: Option<&str>| match code.or_else(|| error::usual_code(status)) {
        Some(code) if is_v3 => ordinary(error::answer(status, code, error::usual_message(code)), false),
        _ if status.is_server_error() => html(status),
        _ => with(status, None, Bytes::new()),
    };
    let changed = |usual: Answer, change: fn(&mut Value)| match usual {
        Answer::Json(mut value) => {
            change(&mut value);
            ordinary(Answer::Json(value), false)
        }
        other => ordinary(other, false),
    };
    let known = |code: &u16| StatusCode::from_u16(*code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match fault {
        FaultKind::Status(code) => failed(known(code), None),
        FaultKind::RetryAfter(code, seconds) => retry_after(failed(known(code), None), Some(*seconds)),
        FaultKind::Error {
            status,
            code,
            retry_after: seconds,
        } => retry_after(failed(known(status), Some(code)), *seconds),
        FaultKind::Quota if is_v3 => failed(StatusCode::TOO_MANY_REQUESTS, Some("QuotaExceededError")),
        FaultKind::NotJson => html(StatusCode::OK),
        FaultKind::EmptyObject => json("{}"),
        FaultKind::Null => json("null"),
        FaultKind::Redirect(to) => redirect(to),
        FaultKind::Truncated => of_status(usual.status(), truncated(&usual.into_bytes())),
        FaultKind::SlowBody(duration) => of_status(usual.status(), slow(&usual.into_bytes(), *duration)),
        FaultKind::Nulls => changed(usual, disturb::nulls),
        FaultKind::NewCategory => changed(usual, disturb::new_category),
        FaultKind::Huge(bytes) => huge(*bytes),
        FaultKind::WrongTypes => {
            let mut value = serde_json::from_slice(&usual.into_bytes()).unwrap_or(Value::Null);
            retype(&mut value, &mut 0);
            with(
                StatusCode::OK,
                Some("application/json"),
                Bytes::from(value.to_string()),
            )
        }
        // Never reach here: they have no answer, or are told apart before.
        FaultKind::Quota | FaultKind::Reset | FaultKind::Hang => {
            with(StatusCode::NO_CONTENT, None, Bytes::new())
        }
    }
}

fn of_status(status: StatusCode, mut response: Response<Body>) -> Response<Body> {
    *response.status_mut() = status;
    response
}

fn redirect(to: &str) -> Response<Body> {
    let mut response = with(StatusCode::FOUND, None, Bytes::new());
    if let Ok(to) = HeaderValue::from_str(to) {
        response.headers_mut().insert(LOCATION, to);
    }
    response
}

fn retry_after(mut response: Response<Body>, seconds: Option<u64>) -> Response<Body> {
    if let Some(seconds) = seconds {
        response
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn with(status: StatusCode, kind: Option<&'static str>, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Full::new(body).map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = status;
    if let Some(kind) = kind {
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    response
}

fn streamed(frames: impl stream::Stream<Item = io::Result<Bytes>> + Send + 'static) -> Response<Body> {
    let frames = frames.map(|frame| frame.map(Frame::data));
    let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Announces all, sends half, ends.
fn truncated(body: &Bytes) -> Response<Body> {
    let whole = body.len();
    let half = body.slice(..whole / 2);
    let broken = io::Error::from(io::ErrorKind::ConnectionReset);
    // A pause, so that the half is on its way before the connection ends.
    let end = stream::once(async move {
        tokio::time::sleep(Duration::from_millis(5)).await;
        Err(broken)
    });
    let mut response = streamed(stream::iter([Ok(half)]).chain(end));
    response
        .headers_mut()
        .insert(CONTENT_LENGTH, HeaderValue::from(whole));
    response
}

fn slow(body: &Bytes, duration: Duration) -> Response<Body> {
    const PIECES: usize = 10;
    let size = body.len().div_ceil(PIECES).max(1);
    let pieces: Vec<Bytes> = body.chunks(size).map(Bytes::copy_from_slice).collect();
    let pause = duration / u32::try_from(PIECES).unwrap_or(1);
    streamed(stream::iter(pieces).then(move |piece| async move {
        tokio::time::sleep(pause).await;
        Ok(piece)
    }))
}

/// A list that goes on and on, in constant memory.
fn huge(bytes: u64) -> Response<Body> {
    const PIECE: usize = 64 * 1024;
    let piece = Bytes::from("{\"response_code\":1},".repeat(PIECE / 20));
    let count = bytes.div_ceil(piece.len() as u64);
    let start = stream::iter([Ok(Bytes::from_static(b"["))]);
    let middle = stream::iter(0..count).map(move |_| Ok(piece.clone()));
    streamed(
        start
            .chain(middle)
            .chain(stream::iter([Ok(Bytes::from_static(b"{\"response_code\":1}]"))])),
    )
}

/// Numbers become texts; of the texts, every fifth becomes a number and every fifth null.
fn retype(value: &mut Value, texts: &mut u32) {
    match value {
        Value::Number(number) => *value = Value::from(number.to_string()),
        Value::String(_) => {
            *texts += 1;
            match *texts % 5 {
                0 => *value = Value::from(*texts),
                3 => *value = Value::Null,
                _ => {}
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| retype(item, texts)),
        Value::Object(fields) => fields.values_mut().for_each(|field| retype(field, texts)),
        Value::Null | Value::Bool(_) => {}
    }
}
