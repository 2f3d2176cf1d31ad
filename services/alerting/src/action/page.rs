//! The small page behind a link.
//!
//! GET only shows: mail scanners and chat previews follow links. Acting takes a POST, which the
//! page's buttons make.

use axum::{
    Form, Router,
    extract::{Path, State as AxumState},
    http::{HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
    routing::get,
};
use serde::Deserialize;

use super::link::{Claim, LinkError, PATH};
use crate::{
    alert::{Alert, Status, rpc::Actor},
    error::Error,
    escalation::step::Recipient,
    state::State,
};

/// The page's routes.
pub fn router(state: State) -> Router {
    Router::new().route(&format!("{PATH}{{token}}"), get(show).post(act)).with_state(state)
}

#[derive(Deserialize)]
struct Act {
    action: String,
}

async fn show(AxumState(state): AxumState<State>, Path(token): Path<String>) -> Response {
    let claim = match state.links.open(&token, state.clock.now()) {
        Ok(claim) => claim,
        Err(error) => return refused(error),
    };
    match load(&state, &claim).await {
        Ok(alert) => page(StatusCode::OK, &body(&alert)),
        Err(error) => failed(error),
    }
}

async fn act(
    AxumState(state): AxumState<State>,
    Path(token): Path<String>,
    Form(form): Form<Act>,
) -> Response {
    let claim = match state.links.open(&token, state.clock.now()) {
        Ok(claim) => claim,
        Err(error) => return refused(error),
    };
    let user_id = match &claim.recipient {
        Recipient::User(id) => Some(id.clone()),
        Recipient::Channel(_) => None,
    };
    let actor = Actor { name: claim.actor(), user_id };
    let (organization, id) = (claim.organization(), claim.alert_id());
    let done = match form.action.as_str() {
        "acknowledge" => state.acknowledge(&organization, id, &actor, "").await,
        "escalate" => state.escalate(&organization, id, &actor, "").await,
        "resolve" => state.resolve(&organization, id, &actor, "").await,
        _ => Err(Error::invalid("action", "must be acknowledge, escalate or resolve")),
    };
    match done {
        // Back to the page: reloading it must not act again.
        Ok(_) | Err(Error::Precondition(_)) => Redirect::to(&format!("{PATH}{token}")).into_response(),
        Err(error) => failed(error),
    }
}

async fn load(state: &State, claim: &Claim) -> Result<Alert, Error> {
    let alert = crate::alert::store::get(&state.db, &claim.organization(), claim.alert_id()).await?;
    alert.ok_or(Error::NotFound("alert"))
}

fn refused(error: LinkError) -> Response {
    page(StatusCode::FORBIDDEN, &format!("<h1>{error}</h1><p>Ask for the alert in Callout itself.</p>"))
}

fn failed(error: Error) -> Response {
    let status = match &error {
        Error::NotFound(_) => StatusCode::NOT_FOUND,
        Error::Invalid(_) => StatusCode::BAD_REQUEST,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    let text = tonic::Status::from(error).message().to_owned();
    page(status, &format!("<h1>This did not work</h1><p>{}</p>", escape(&text)))
}

fn body(alert: &Alert) -> String {
    let details = match alert.details.as_str() {
        "" => String::new(),
        details => format!("<pre>{}</pre>", escape(details)),
    };
    let labels: String = alert
        .labels
        .iter()
        .map(|(name, value)| format!("<dt>{}</dt><dd>{}</dd>", escape(name), escape(value)))
        .collect();
    format!(
        "<p class=\"status {status}\">{status} · {priority}</p><h1>{summary}</h1><p>{acted}</p>{buttons}{details}\
         <dl>{labels}</dl>",
        status = alert.status.name(),
        priority = alert.priority,
        summary = escape(&alert.summary),
        acted = escape(&who_acted(alert)),
        buttons = buttons(alert.status),
    )
}

/// Who has acted already, so that nobody acts twice without knowing.
fn who_acted(alert: &Alert) -> String {
    let when = |at: Option<jiff::Timestamp>| at.map(|at| at.strftime("%Y-%m-%d %H:%M UTC").to_string());
    let by = |who: &Option<String>| who.clone().unwrap_or_else(|| "somebody".to_owned());
    match alert.status {
        Status::Triggered => {
            format!("Since {}. Nobody has acted yet.", when(Some(alert.created_at)).unwrap_or_default())
        }
        Status::Acknowledged => {
            let at = when(alert.acknowledged_at).unwrap_or_default();
            format!("Acknowledged by {} at {at}.", by(&alert.acknowledged_by))
        }
        Status::Resolved => {
            let at = when(alert.resolved_at).unwrap_or_default();
            format!("Resolved by {} at {at}.", by(&alert.resolved_by))
        }
    }
}

fn buttons(status: Status) -> String {
    let actions: &[(&str, &str)] = match status {
        Status::Triggered => {
            &[("acknowledge", "Acknowledge"), ("escalate", "Escalate to the next"), ("resolve", "Resolve")]
        }
        Status::Acknowledged => &[("escalate", "Escalate to the next"), ("resolve", "Resolve")],
        Status::Resolved => &[],
    };
    let buttons: String = actions
        .iter()
        .map(|(value, label)| format!("<button name=\"action\" value=\"{value}\">{label}</button>"))
        .collect();
    if buttons.is_empty() { buttons } else { format!("<form method=\"post\">{buttons}</form>") }
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:2rem auto;padding:0 1rem;\
color:#1c2126;background:#fff}h1{font-size:1.4rem;margin:.2rem 0}.status{font-weight:600;color:#b3261e;margin:0}\
.ACKNOWLEDGED{color:#8a5a00}.RESOLVED{color:#1e7d34}button{font:inherit;padding:.7rem 1.1rem;margin:.3rem .5rem .3rem 0;\
border:1px solid #888;border-radius:.4rem;background:#f4f5f6;cursor:pointer}button:first-child{background:#1f5fd0;\
border-color:#1f5fd0;color:#fff}pre{white-space:pre-wrap;background:#f4f5f6;padding:.8rem;border-radius:.4rem}\
dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem;font-size:.9rem}dt{color:#5c6670}dd{margin:0;\
overflow-wrap:anywhere}@media(prefers-color-scheme:dark){body{background:#15181b;color:#e6e8ea}pre,button{background:#23282d;\
color:inherit}}";

fn page(status: StatusCode, body: &str) -> Response {
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Callout</title>\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><meta name=\"robots\" content=\"noindex\">\
         <style>{STYLE}</style></head><body>{body}</body></html>"
    );
    let mut response = (status, Html(html)).into_response();
    let policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
