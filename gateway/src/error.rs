//! Errors on their way out: a gRPC status as `google.rpc.Status` JSON with the HTTP code for it.
//!
//! This is the one place where HTTP codes are decided.

use axum::body::Body;
use http::{
    HeaderValue, Response, StatusCode,
    header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use prost_reflect::{DynamicMessage, Value};
use serde_json::{Value as Json, json};
use tonic::{Code, Status};

use crate::descriptors;

/// How long a caller should wait before trying again when a service cannot be reached, in seconds.
const RETRY_SECONDS: &str = "1";

/// A failed call, as JSON.
pub(crate) fn response(status: &Status) -> Response<Body> {
    with_code(http_code(status.code()), status)
}

/// A failed call, as JSON, with another HTTP code than the usual one.
pub(crate) fn with_code(code: StatusCode, status: &Status) -> Response<Body> {
    let mut response = Response::new(Body::from(to_value(status).to_string()));
    *response.status_mut() = code;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if code == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    let retry_after = status.metadata().get("retry-after").map(|value| value.as_encoded_bytes());
    if let Some(value) = retry_after.and_then(|value| HeaderValue::from_bytes(value).ok()) {
        headers.insert(RETRY_AFTER, value);
    }
    response
}

/// There is nothing at a path.
pub(crate) fn not_found() -> Response<Body> {
    response(&Status::not_found("there is nothing at this path; /docs lists what there is"))
}

/// There is something at a path, but not for this method.
pub(crate) fn method_not_allowed(allowed: &[String]) -> Response<Body> {
    let allowed = allowed.join(", ");
    let status = Status::unimplemented(format!("this path takes {allowed}"));
    let mut response = with_code(StatusCode::METHOD_NOT_ALLOWED, &status);
    if let Ok(value) = HeaderValue::from_str(&allowed) {
        response.headers_mut().insert(ALLOW, value);
    }
    response
}

/// A body is larger than allowed.
pub(crate) fn too_large(limit: usize) -> Response<Body> {
    let reason = format!("is larger than {limit} bytes");
    with_code(StatusCode::PAYLOAD_TOO_LARGE, &callout_runtime::status::invalid_field("body", reason))
}

/// A service cannot be reached. What went wrong is logged by the caller and not told.
pub(crate) fn unreachable(service: &str) -> Status {
    let mut status = Status::unavailable(format!("the {service} service cannot be reached; try again"));
    status.metadata_mut().insert("retry-after", RETRY_SECONDS.parse().expect("a number fits"));
    status
}

/// A status as `google.rpc.Status` JSON, with the code's name beside its number.
pub(crate) fn to_value(status: &Status) -> Json {
    json!({
        "code": status.code() as i32,
        "status": name(status.code()),
        "message": status.message(),
        "details": details(status),
    })
}

/// The details; those of a type we do not know are left out.
fn details(status: &Status) -> Vec<Json> {
    let Some(descriptor) = descriptors::pool().get_message_by_name("google.rpc.Status") else {
        return Vec::new();
    };
    let Ok(decoded) = DynamicMessage::decode(descriptor, status.details()) else { return Vec::new() };
    let details = decoded.get_field_by_name("details");
    let details = details.as_deref().and_then(Value::as_list).unwrap_or_default();
    let known = details.iter().filter_map(Value::as_message);
    known.filter_map(|detail| serde_json::to_value(detail).ok()).collect()
}

/// The HTTP code for a gRPC code, as documented in `google/rpc/code.proto`.
fn http_code(code: Code) -> StatusCode {
    match code {
        Code::Ok => StatusCode::OK,
        Code::Cancelled => StatusCode::from_u16(499).expect("499 is a code"),
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => StatusCode::BAD_REQUEST,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        Code::Unknown | Code::Internal | Code::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The name of a code in `google.rpc.Code`.
fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn violations_are_told_as_details() {
        let status = callout_runtime::status::invalid_field("alert.id", "is empty");
        assert_eq!(
            to_value(&status),
            json!({
                "code": 3,
                "status": "INVALID_ARGUMENT",
                "message": "alert.id: is empty",
                "details": [{
                    "@type": "type.googleapis.com/google.rpc.BadRequest",
                    "fieldViolations": [
                        {"field": "alert.id", "description": "is empty"}
                    ],
                }],
            })
        );
    }

    #[test]
    fn headers_follow_the_code() {
        let response = response(&Status::unauthenticated("who?"));
        assert_eq!(response.status(), 401);
        assert_eq!(response.headers()[WWW_AUTHENTICATE], "Bearer");
        let response = super::response(&unreachable("alerting"));
        assert_eq!(
            (response.status().as_u16(), &response.headers()[RETRY_AFTER]),
            (503, &"1".parse().unwrap())
        );
        let response = method_not_allowed(&["GET".into(), "POST".into()]);
        assert_eq!(
            (response.status().as_u16(), &response.headers()[ALLOW]),
            (405, &"GET, POST".parse().unwrap())
        );
    }
}
