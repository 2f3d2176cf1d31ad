//! The HTTP client that channels share.

use http::{HeaderMap, StatusCode, header};
use jiff::SignedDuration;
use reqwest::redirect::Policy;
use url::Url;

use super::{ATTEMPT_TIMEOUT, Guard, Outcome, Refused};

/// How much of an answer is kept.
const MAX_ANSWER_BYTES: usize = 20_000;

/// A client that follows no redirect, uses no proxy, and connects only where the guard lets it.
#[derive(Debug)]
pub struct Client {
    client: reqwest::Client,
    guard: Guard,
}

/// An answer, as much of it as is kept.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Client {
    pub fn new(guard: Guard) -> Self {
        let client = reqwest::Client::builder()
            .user_agent(concat!("Callout/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .no_proxy()
            .tcp_nodelay(true)
            .connect_timeout(ATTEMPT_TIMEOUT / 2)
            .timeout(ATTEMPT_TIMEOUT)
            .pool_max_idle_per_host(64)
            .dns_resolver(std::sync::Arc::new(guard.clone()))
            .build()
            .expect("the client's settings are sound");
        Self { client, guard }
    }

    /// POSTs JSON once. What went wrong before there was an answer is an outcome already.
    pub async fn post(&self, url: &str, headers: HeaderMap, body: String) -> Result<Answer, Outcome> {
        let url = Url::parse(url).map_err(|_| Outcome::permanent("the address is not a URL"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Outcome::permanent("the address is not an http or https URL"));
        }
        self.guard.check(&url).map_err(|refused| Outcome::permanent(refused.to_string()))?;
        let request = self.client.post(url).headers(headers).header(header::CONTENT_TYPE, "application/json");
        let mut response = request.body(body).send().await.map_err(|error| not_answered(&error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut kept = Vec::new();
        // The status says it all: an answer that breaks off is still an answer.
        while let Ok(Some(chunk)) = response.chunk().await {
            let room = MAX_ANSWER_BYTES - kept.len();
            kept.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if kept.len() == MAX_ANSWER_BYTES {
                break;
            }
        }
        Ok(Answer { status, headers, body: String::from_utf8_lossy(&kept).into_owned() })
    }
}

/// What it means that there was no answer: nothing was sent before there was a connection.
fn not_answered(error: &reqwest::Error) -> Outcome {
    let causes = || std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    if let Some(refused) = causes().find_map(|cause| cause.downcast_ref::<Refused>()) {
        return Outcome::permanent(refused.to_string());
    }
    let reason = causes().last().map_or_else(|| error.to_string(), ToString::to_string);
    if error.is_connect() {
        return Outcome::not_processed(format!("no connection: {reason}"));
    }
    if error.is_builder() {
        return Outcome::permanent(reason);
    }
    Outcome::ambiguous(format!("no answer: {reason}"))
}

impl Answer {
    /// What a status that is no success means to any provider.
    pub fn failure(&self) -> Outcome {
        let reason = format!("HTTP {}: {}", self.status.as_u16(), self.excerpt());
        match self.status.as_u16() {
            429 => Outcome::NotProcessed { reason, retry_after: self.retry_after() },
            408 | 425 => Outcome::Ambiguous { reason },
            503 if self.retry_after().is_some() => {
                Outcome::NotProcessed { reason, retry_after: self.retry_after() }
            }
            500..=599 => Outcome::Ambiguous { reason },
            300..=399 => Outcome::Permanent {
                reason: format!("HTTP {}: redirects are not followed", self.status.as_u16()),
            },
            _ => Outcome::Permanent { reason },
        }
    }

    /// The beginning of the body on one line.
    pub fn excerpt(&self) -> String {
        let line: String =
            self.body.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
        line.trim().to_owned()
    }

    /// `Retry-After` in seconds (RFC 9110, section 10.2.3); a date is not understood.
    fn retry_after(&self) -> Option<SignedDuration> {
        let seconds = self.headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse::<u32>().ok()?;
        Some(SignedDuration::from_secs(seconds.into()))
    }
}
