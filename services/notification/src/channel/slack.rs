//! Slack, by incoming webhook or by `chat.postMessage`.
//!
//! <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>,
//! <https://docs.slack.dev/reference/methods/chat.postMessage>: the latter answers errors with HTTP
//! 200 and `"ok": false`.

use async_trait::async_trait;
use http::{HeaderMap, HeaderValue, StatusCode, header::AUTHORIZATION};
use serde::Deserialize;

use super::{Channel, Outcome, Parcel, configuration::Slack as Settings, http::Client};

pub struct Slack<'a> {
    pub http: &'a Client,
    /// `None` where the address is an incoming webhook's URL.
    pub settings: Option<&'a Settings>,
}

#[derive(Deserialize)]
struct Reply {
    ok: bool,
    #[serde(default)]
    error: String,
    #[serde(default)]
    channel: String,
    #[serde(default)]
    ts: String,
}

#[async_trait]
impl Channel for Slack<'_> {
    async fn send(&self, parcel: &Parcel<'_>) -> Outcome {
        if is_url(parcel.address) {
            return self.to_webhook(parcel.address, parcel).await;
        }
        match self.settings {
            Some(settings) if !settings.bot_token.is_empty() => self.by_bot(settings, parcel).await,
            Some(settings) if !settings.webhook_url.is_empty() => {
                self.to_webhook(&settings.webhook_url.0, parcel).await
            }
            _ => Outcome::permanent("no Slack channel is configured"),
        }
    }
}

impl Slack<'_> {
    async fn to_webhook(&self, url: &str, parcel: &Parcel<'_>) -> Outcome {
        match self.http.post(url, HeaderMap::new(), parcel.rendered.body.clone()).await {
            Err(outcome) => outcome,
            Ok(answer) if answer.status == StatusCode::OK => Outcome::Accepted { provider_id: String::new() },
            Ok(answer) => answer.failure(),
        }
    }

    async fn by_bot(&self, settings: &Settings, parcel: &Parcel<'_>) -> Outcome {
        let url = format!("{}/chat.postMessage", settings.api_base_url.trim_end_matches('/'));
        let Ok(mut token) = HeaderValue::from_str(&format!("Bearer {}", settings.bot_token.0)) else {
            return Outcome::permanent("the bot token has characters that no token has");
        };
        token.set_sensitive(true);
        let headers = HeaderMap::from_iter([(AUTHORIZATION, token)]);
        let answer = match self.http.post(&url, headers, parcel.rendered.body.clone()).await {
            Err(outcome) => return outcome,
            Ok(answer) if answer.status != StatusCode::OK => return answer.failure(),
            Ok(answer) => answer,
        };
        match serde_json::from_str::<Reply>(&answer.body) {
            Ok(reply) if reply.ok => {
                Outcome::Accepted { provider_id: format!("{}/{}", reply.channel, reply.ts) }
            }
            Ok(reply) => failure(&reply.error),
            Err(_) => Outcome::ambiguous(format!("an answer that is not Slack's: {}", answer.excerpt())),
        }
    }
}

/// Whether a contact's address is an incoming webhook.
pub fn is_url(address: &str) -> bool {
    address.starts_with("https://") || address.starts_with("http://")
}

fn failure(error: &str) -> Outcome {
    let reason = format!("Slack says {error}");
    match error {
        "ratelimited" | "rate_limited" | "service_unavailable" | "team_added_to_org" => {
            Outcome::not_processed(reason)
        }
        "internal_error" | "fatal_error" | "request_timeout" => Outcome::Ambiguous { reason },
        _ => Outcome::Permanent { reason },
    }
}
