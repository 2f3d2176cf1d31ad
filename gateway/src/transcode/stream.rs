//! Answers that come one by one.
//!
//! By `Accept`: a JSON array (the default), NDJSON (`application/x-ndjson`, one document a
//! line) or server-sent events (`text/event-stream`). Each item is written when it comes. An
//! error after the start is the last item, `{"error": {…}}`; in server-sent events it is an
//! event named `error`. When the client hangs up, the body is dropped and with it the call.

use std::{convert::Infallible, time::Duration};

use axum::{
    body::Body,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::{Stream, StreamExt, stream};
use http::{HeaderMap, HeaderValue, header::ACCEPT, header::CONTENT_TYPE};
use prost_reflect::DynamicMessage;
use serde_json::json;
use tonic::Status;

use super::response::to_json;
use crate::error;

/// How often a silent stream of events shows that it is alive; proxies cut at 30 s and more.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The form of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `application/json`: one array.
    Array,
    /// `application/x-ndjson`: one document a line.
    Lines,
    /// `text/event-stream`: one event each.
    Events,
}

impl Form {
    /// The first form that the caller's `Accept` names; the array if it names none.
    pub fn accepted(headers: &HeaderMap) -> Self {
        let values = headers.get_all(ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
        let types = values
            .flat_map(|value| value.split(','))
            .map(|range| range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
        let mut forms = types.filter_map(|media_type| match media_type.as_str() {
            "application/json" => Some(Self::Array),
            "application/x-ndjson" | "application/jsonl" => Some(Self::Lines),
            "text/event-stream" => Some(Self::Events),
            _ => None,
        });
        forms.next().unwrap_or(Self::Array)
    }
}

/// What a call answers, item by item.
pub trait Items: Stream<Item = Result<DynamicMessage, Status>> + Send + 'static {}

impl<S: Stream<Item = Result<DynamicMessage, Status>> + Send + 'static> Items for S {}

/// The response that streams the items.
pub fn response(items: impl Items, form: Form) -> Response {
    // Nothing comes after an error.
    let documents = items.scan(false, |ended, item| {
        let next = (!*ended).then(|| document(item));
        *ended = next.as_ref().is_none_or(|(_, is_error)| *is_error);
        std::future::ready(next)
    });
    match form {
        Form::Array => array(documents),
        Form::Lines => body("application/x-ndjson", documents.map(|(document, _)| line(document))),
        Form::Events => events(documents),
    }
}

/// An item's JSON, and whether it is an error.
fn document(item: Result<DynamicMessage, Status>) -> (Vec<u8>, bool) {
    match item {
        Ok(message) => (to_json(&message), false),
        Err(status) => (json!({ "error": error::to_value(&status) }).to_string().into_bytes(), true),
    }
}

fn array(documents: impl Stream<Item = (Vec<u8>, bool)> + Send + 'static) -> Response {
    let open = stream::once(async { b"[".to_vec() });
    let items = documents.enumerate().map(|(index, (document, _))| {
        let mut bytes = Vec::with_capacity(document.len() + 1);
        if index > 0 {
            bytes.push(b',');
        }
        bytes.extend(document);
        bytes
    });
    let close = stream::once(async { b"]\n".to_vec() });
    body("application/json", open.chain(items).chain(close))
}

fn line(mut document: Vec<u8>) -> Vec<u8> {
    document.push(b'\n');
    document
}

fn events(documents: impl Stream<Item = (Vec<u8>, bool)> + Send + 'static) -> Response {
    let events = documents.map(|(document, is_error)| {
        // JSON is UTF-8 and has no line breaks outside its strings, where they are escaped.
        let event = Event::default().data(String::from_utf8_lossy(&document));
        Ok::<_, Infallible>(if is_error { event.event("error") } else { event })
    });
    let mut response =
        Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE).text("keep-alive")).into_response();
    // nginx holds events back otherwise.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

fn body(media_type: &'static str, chunks: impl Stream<Item = Vec<u8>> + Send + 'static) -> Response {
    let mut response = Response::new(Body::from_stream(chunks.map(Ok::<_, Infallible>)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::descriptors;

    #[rstest]
    #[case("", Form::Array)]
    #[case("*/*", Form::Array)]
    #[case("text/html, */*", Form::Array)]
    #[case("application/x-ndjson", Form::Lines)]
    #[case("Text/Event-Stream; q=0.9", Form::Events)]
    #[case("text/html, application/x-ndjson, text/event-stream", Form::Lines)]
    fn the_first_known_form_is_taken(#[case] accept: &'static str, #[case] form: Form) {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        assert_eq!(Form::accepted(&headers), form);
    }

    async fn written(form: Form, items: Vec<Result<(), Status>>) -> String {
        let descriptor = descriptors::pool().get_message_by_name("identity.v1.ListTeamsRequest").unwrap();
        let items = items.into_iter().map(move |item| item.map(|()| DynamicMessage::new(descriptor.clone())));
        let response = response(stream::iter(items.collect::<Vec<_>>()), form);
        let bytes = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    const ITEM: &str = r#"{"pageSize":0,"pageToken":""}"#;
    const ERROR: &str = r#"{"error":{"code":5,"details":[],"message":"gone","status":"NOT_FOUND"}}"#;

    #[tokio::test]
    async fn items_and_a_late_error_are_written_in_each_form() {
        let items = || vec![Ok(()), Ok(()), Err(Status::not_found("gone")), Ok(())];
        assert_eq!(written(Form::Array, items()).await, format!("[{ITEM},{ITEM},{ERROR}]\n"));
        assert_eq!(written(Form::Lines, items()).await, format!("{ITEM}\n{ITEM}\n{ERROR}\n"));
        assert_eq!(
            written(Form::Events, items()).await,
            format!("data: {ITEM}\n\ndata: {ITEM}\n\ndata: {ERROR}\nevent: error\n\n")
        );
    }

    #[tokio::test]
    async fn nothing_is_an_empty_array() {
        assert_eq!(written(Form::Array, vec![]).await, "[]\n");
        assert_eq!(written(Form::Lines, vec![]).await, "");
    }
}
