//! One RPC to a peer.

use std::{error::Error, time::Duration};

use axum::body::Body;
use futures::{StreamExt, stream};
use http::{HeaderMap, HeaderValue, Response, header::CONTENT_TYPE};
use prost_reflect::DynamicMessage;
use tonic::{Code, Request, Status, client::Grpc, metadata::MetadataValue};

use super::{
    binding::Binding,
    codec::DynamicCodec,
    response::to_json,
    stream::{Form, Items, response},
};
use crate::{error, peers::NamedPeer};

/// What of a caller's headers a service gets to see.
const FORWARDED: [&str; 5] = ["authorization", "traceparent", "tracestate", "x-request-id", "grpc-timeout"];
/// How long a call that is not a stream may take, if the caller does not say.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Longer is not waited, whatever the caller says.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(300);
/// How long the answer is held back to see whether a stream begins with an error, which is then
/// the answer. A stream in which nothing happens must still answer that it has begun.
const FIRST_ITEM: Duration = Duration::from_millis(200);
/// As long as the largest message that a service takes.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// Calls the RPC of a binding and gives its answer as JSON.
pub async fn call(
    peer: &NamedPeer,
    binding: &Binding,
    message: DynamicMessage,
    headers: &HeaderMap,
) -> Result<Response<Body>, Status> {
    let request = request(message, headers, binding.rpc.is_server_streaming());
    let mut client = Grpc::new(peer.peer.clone()).max_decoding_message_size(MAX_ANSWER_BYTES);
    let codec = DynamicCodec::new(binding.rpc.output());
    let hidden = |status| hide_transport(peer.name, status);
    client.ready().await.map_err(|error| hidden(Status::from_error(error)))?;
    let path = binding.rpc_path.clone();
    if binding.rpc.is_server_streaming() {
        let name = peer.name;
        let answer = client.server_streaming(request, path, codec).await.map_err(hidden)?;
        let items = answer.into_inner().map(move |item| item.map_err(|status| hide_transport(name, status)));
        return streamed(items, Form::accepted(headers)).await;
    }
    let answer = tokio::time::timeout(timeout(headers), client.unary(request, path, codec)).await;
    let answer = answer.map_err(|_| Status::deadline_exceeded("the service did not answer in time"))?;
    let mut response = Response::new(Body::from(to_json(answer.map_err(hidden)?.get_ref())));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// Streams the items, unless the first is an error: then that is the answer.
async fn streamed(items: impl Items, form: Form) -> Result<Response<Body>, Status> {
    let mut items = Box::pin(items);
    match tokio::time::timeout(FIRST_ITEM, items.next()).await {
        Ok(Some(Err(status))) => Err(status),
        Ok(first) => Ok(response(stream::iter(first).chain(items), form)),
        Err(_) => Ok(response(items, form)),
    }
}

fn request(message: DynamicMessage, headers: &HeaderMap, streaming: bool) -> Request<DynamicMessage> {
    let mut request = Request::new(message);
    if !streaming {
        request.set_timeout(TIMEOUT);
    }
    for name in FORWARDED {
        let value = headers.get(name).and_then(|value| MetadataValue::try_from(value.as_bytes()).ok());
        if let Some(value) = value {
            request.metadata_mut().insert(name, value);
        }
    }
    request
}

/// How long the caller gives a call; a time that cannot be read counts as none.
fn timeout(headers: &HeaderMap) -> Duration {
    let given = headers.get("grpc-timeout").and_then(|value| parse_timeout(value.to_str().ok()?));
    given.unwrap_or(TIMEOUT).min(LONGEST_TIMEOUT)
}

/// At most 8 digits and a unit, as gRPC over HTTP/2 writes it.
fn parse_timeout(value: &str) -> Option<Duration> {
    let (digits, unit) = value.split_at_checked(value.len().checked_sub(1)?)?;
    let amount: u64 = digits.parse().ok().filter(|_| digits.len() <= 8)?;
    match unit {
        "H" => Some(Duration::from_secs(amount * 3600)),
        "M" => Some(Duration::from_secs(amount * 60)),
        "S" => Some(Duration::from_secs(amount)),
        "m" => Some(Duration::from_millis(amount)),
        "u" => Some(Duration::from_micros(amount)),
        "n" => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}

/// A status the service sent goes on as it is; one that our side of the connection made says
/// only that the service cannot be reached.
fn hide_transport(service: &'static str, status: Status) -> Status {
    let Some(source) = status.source() else { return status };
    match status.code() {
        Code::DeadlineExceeded | Code::Cancelled => {
            Status::deadline_exceeded("the service did not answer in time")
        }
        code => {
            tracing::warn!(service, ?code, error = source as &dyn Error, "a service cannot be reached");
            error::unreachable(service)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read() {
        assert_eq!(parse_timeout("5S"), Some(Duration::from_secs(5)));
        assert_eq!(parse_timeout("250m"), Some(Duration::from_millis(250)));
        for wrong in ["", "S", "5", "5x", "123456789S", "-1S", "5é"] {
            assert_eq!(parse_timeout(wrong), None, "{wrong}");
        }
    }
}
