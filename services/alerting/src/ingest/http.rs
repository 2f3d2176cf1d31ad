//! Webhooks over HTTP.
//!
//! The status decides whether the sender tries again (see each sender's documentation): 2xx only
//! after the commit, 503 with Retry-After whenever nothing could be committed, 400 for a body that
//! can never be taken, 401 for a key that opens nothing, 413 above the limit. Never 429: that makes
//! Alertmanager drop the alert.

use std::time::Instant;

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, Path, Query, State as AxumState, rejection::BytesRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use callout_runtime::status::invalid_argument;
use serde::Deserialize;
use serde_json::{Value, json};
use tonic::{Code, Status};

use super::{
    alertmanager, generic,
    signal::{BodyError, Signal, Verdict},
};
use crate::{alert::rpc::Actor, catalog::key::KeyHit, error::Error, state::State};

/// The largest body.
pub const MAX_BODY_BYTES: usize = 10 << 20;
/// When a sender that could not be served may come again, in seconds.
const RETRY_AFTER: &str = "5";

type Parse = fn(&[u8], &KeyHit) -> Result<Vec<Signal>, BodyError>;

/// The webhooks' routes.
pub fn router(state: State) -> Router {
    let route = |format: &str, parse: Parse| {
        let by_key = post(move |state, key: Path<String>, query, headers, body| {
            receive(parse, state, Some(key.0), query, headers, body)
        });
        let by_header =
            post(move |state, query, headers, body| receive(parse, state, None, query, headers, body));
        Router::new()
            .route(&format!("/api/v1/webhook/{format}"), by_header)
            .route(&format!("/api/v1/webhook/{format}/{{key}}"), by_key)
    };
    route("alertmanager", alertmanager::parse)
        .merge(route("generic", generic::parse))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(state)
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
}

async fn receive(
    parse: Parse,
    AxumState(state): AxumState<State>,
    key: Option<String>,
    Query(query): Query<Token>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let began = Instant::now();
    let response = match take(parse, &state, key.or(query.token), &headers, body).await {
        Ok(verdicts) => Json(answer(&verdicts)).into_response(),
        Err(response) => response,
    };
    metrics::histogram!("callout_ingest_seconds").record(began.elapsed().as_secs_f64());
    let status = response.status().as_u16().to_string();
    metrics::counter!("callout_ingest_requests_total", "status" => status).increment(1);
    response
}

async fn take(
    parse: Parse,
    state: &State,
    key: Option<String>,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Vec<Verdict>, Response> {
    let secret = key.or_else(|| bearer(headers));
    let secret = secret.ok_or_else(|| refuse(&Status::unauthenticated("no integration key")))?;
    let hit = state.keys.find(&state.db, &secret).await.map_err(|error| unavailable(error.into()))?;
    let hit = hit.ok_or_else(|| refuse(&Status::unauthenticated("the integration key opens nothing")))?;
    let body = body.map_err(|rejection| rejected(&rejection))?;
    let signals =
        parse(&body, &hit).map_err(|error| refuse(&invalid_argument([(error.field, error.reason)])))?;
    let verdicts = state.committer.submit(signals).await.map_err(|error| unavailable(error.into()))?;
    for verdict in &verdicts {
        if let Verdict::Acknowledged(alert) = verdict {
            let actor = Actor { name: hit.key_name.clone(), user_id: None };
            match state.acknowledge(&hit.organization, alert.id, &actor, "").await {
                // Somebody closed it in between: there is nothing left to acknowledge.
                Ok(_) | Err(Error::Precondition(_)) => {}
                Err(error) => return Err(unavailable(error)),
            }
        }
    }
    Ok(verdicts)
}

fn bearer(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
}

/// What became of each alert, in the order of the body.
fn answer(verdicts: &[Verdict]) -> Value {
    let alerts: Vec<_> = verdicts
        .iter()
        .map(|verdict| match verdict.alert() {
            Some(alert) => json!({"result": verdict.word(), "id": alert.id.to_string()}),
            None => json!({"result": verdict.word()}),
        })
        .collect();
    json!({"status": "success", "alerts": alerts})
}

fn rejected(rejection: &BytesRejection) -> Response {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        let text = format!("the body is larger than {MAX_BODY_BYTES} bytes");
        return with_status(StatusCode::PAYLOAD_TOO_LARGE, &Status::out_of_range(text));
    }
    refuse(&Status::invalid_argument("the body could not be read"))
}

/// Nothing was committed: the sender shall come again.
fn unavailable(error: Error) -> Response {
    let status = Status::from(error);
    let mut response = with_status(StatusCode::SERVICE_UNAVAILABLE, &Status::unavailable(status.message()));
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER));
    response
}

fn refuse(status: &Status) -> Response {
    let http = match status.code() {
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        _ => StatusCode::BAD_REQUEST,
    };
    with_status(http, status)
}

/// An error in the form of `google.rpc.Status`, as the gateway answers them.
fn with_status(http: StatusCode, status: &Status) -> Response<Body> {
    use tonic_types::StatusExt;
    let violations = status.get_details_bad_request().map(|bad| bad.field_violations).unwrap_or_default();
    let violations: Vec<_> =
        violations.iter().map(|v| json!({"field": v.field, "description": v.description})).collect();
    let details = if violations.is_empty() {
        json!([])
    } else {
        json!([{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": violations}])
    };
    let body = json!({
        "code": status.code() as i32,
        "status": code_name(status.code()),
        "message": status.message(),
        "details": details,
    });
    let mut response = (http, Json(body)).into_response();
    if http == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// The code's name in `google.rpc.Code`, for those that webhooks are answered with.
fn code_name(code: Code) -> &'static str {
    match code {
        Code::Unauthenticated => "UNAUTHENTICATED",
        Code::Unavailable => "UNAVAILABLE",
        Code::OutOfRange => "OUT_OF_RANGE",
        _ => "INVALID_ARGUMENT",
    }
}
