//! How an organization sends on a channel.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::rendered::Kind;

/// An organization's configuration of a channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Configuration {
    /// Its id.
    pub id: Uuid,
    /// Its name, unique in the organization.
    pub name: String,
    /// The settings of its kind.
    pub settings: Settings,
    /// Used for users' addresses of this kind.
    pub is_default: bool,
    /// Messages a thousand seconds; 0: the provider's own limit.
    pub rate_limit_milli: i64,
    /// Kept, never used.
    pub disabled: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// The settings of a kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Settings {
    /// For Slack.
    Slack(Slack),
    /// For e-mail.
    Email(Email),
    /// For signed webhooks.
    Webhook(Webhook),
}

impl Settings {
    /// The kind they are for.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Slack(_) => Kind::Slack,
            Self::Email(_) => Kind::Email,
            Self::Webhook(_) => Kind::Webhook,
        }
    }
}

/// A secret: neither logged nor shown.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl Secret {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The new secret, or the present one where the new one is empty.
    pub fn or(self, present: &Self) -> Self {
        if self.is_empty() { present.clone() } else { self }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_empty() { "none" } else { "redacted" })
    }
}

/// Slack, by incoming webhook or by bot token.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Slack {
    /// The incoming webhook's URL.
    pub webhook_url: Secret,
    /// The bot's token.
    pub bot_token: Secret,
    /// Where a bot posts when a destination names nothing.
    pub default_channel: String,
    /// The API's base URL.
    pub api_base_url: String,
}

/// How a connection to a mail server is protected. The numbers are those of the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Security {
    /// Plain first, then upgraded.
    StartTls = 1,
    /// TLS from the first byte.
    Tls = 2,
    /// Not protected.
    Plaintext = 3,
}

/// E-mail by SMTP.
#[derive(Debug, Clone, PartialEq)]
pub struct Email {
    /// The server's host name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub security: Security,
    /// Who logs in; empty: nobody.
    pub username: String,
    /// The password.
    pub password: Secret,
    /// The sender.
    pub from: String,
    /// Where to send when a destination names nothing.
    pub default_to: String,
}

/// Signed webhooks.
#[derive(Debug, Clone, PartialEq)]
pub struct Webhook {
    /// Where to send when a destination names nothing.
    pub url: String,
    /// `whsec_` and the base64 of the key.
    pub signing_secret: Secret,
}

impl Configuration {
    /// What is wrong with it: fields and reasons.
    pub fn violations(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let mut fail =
            |field: &str, reason: &str| found.push((format!("channel.{field}"), reason.to_owned()));
        if !(1..=255).contains(&self.name.chars().count()) {
            fail("name", "must have 1 to 255 characters");
        }
        if !(0..=1_000_000_000).contains(&self.rate_limit_milli) {
            fail("rate_limit_per_second", "must be between 0 and 1000000");
        }
        match &self.settings {
            Settings::Slack(slack) => slack_violations(slack, &mut fail),
            Settings::Email(email) => email_violations(email, &mut fail),
            Settings::Webhook(webhook) => {
                if !webhook.url.is_empty() && !is_url(&webhook.url) {
                    fail("webhook.url", "must be an http or https URL");
                }
                if super::webhook::signing_key(&webhook.signing_secret).is_none() {
                    fail("webhook.signing_secret", "must be `whsec_` and the base64 of 24 to 64 bytes");
                }
            }
        }
        found
    }
}

fn slack_violations(slack: &Slack, fail: &mut dyn FnMut(&str, &str)) {
    if slack.webhook_url.is_empty() == slack.bot_token.is_empty() {
        fail("slack", "needs either webhook_url or bot_token");
    }
    if !slack.webhook_url.is_empty() && !is_url(&slack.webhook_url.0) {
        fail("slack.webhook_url", "must be an http or https URL");
    }
    if !is_url(&slack.api_base_url) {
        fail("slack.api_base_url", "must be an http or https URL");
    }
    if slack.bot_token.0.contains(|c: char| c.is_control() || c == ' ') {
        fail("slack.bot_token", "has characters that no token has");
    }
}

fn email_violations(email: &Email, fail: &mut dyn FnMut(&str, &str)) {
    if email.host.is_empty() || email.host.len() > 253 {
        fail("email.host", "is needed");
    }
    if email.from.parse::<lettre::message::Mailbox>().is_err() {
        fail("email.from", "must be an address, such as `Callout <callout@example.com>`");
    }
    if !email.default_to.is_empty() && email.default_to.parse::<lettre::message::Mailbox>().is_err() {
        fail("email.default_to", "is not an address");
    }
}

fn is_url(text: &str) -> bool {
    text.len() <= 2048 && url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}
