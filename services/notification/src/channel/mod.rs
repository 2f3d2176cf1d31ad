//! Channels: the ways out. One file a provider, one trait.

pub mod configuration;
mod email;
pub mod guard;
mod http;
pub mod rpc;
mod secret;
mod slack;
pub mod store;
mod webhook;

use std::time::Duration;

use async_trait::async_trait;
use callout_runtime::SharedClock;
use jiff::SignedDuration;
use uuid::Uuid;

use crate::rendered::{Kind, Rendered};
use configuration::{Configuration, Settings};
pub use guard::{Guard, Refused};

/// How long one attempt may take.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);

/// What came of an attempt: four outcomes, because "it failed" does not say whether to try again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The provider took it.
    Accepted {
        /// How the provider calls it, or empty.
        provider_id: String,
    },
    /// The provider certainly did not process it.
    NotProcessed {
        /// Why.
        reason: String,
        /// When it says to come again.
        retry_after: Option<SignedDuration>,
    },
    /// It may have been processed.
    Ambiguous {
        /// Why.
        reason: String,
    },
    /// The provider will never take it.
    Permanent {
        /// Why.
        reason: String,
    },
}

impl Outcome {
    /// Not processed, for a reason that has no time.
    pub fn not_processed(reason: impl Into<String>) -> Self {
        Self::NotProcessed { reason: reason.into(), retry_after: None }
    }

    /// Ambiguous, for a reason.
    pub fn ambiguous(reason: impl Into<String>) -> Self {
        Self::Ambiguous { reason: reason.into() }
    }

    /// Permanent, for a reason.
    pub fn permanent(reason: impl Into<String>) -> Self {
        Self::Permanent { reason: reason.into() }
    }
}

/// A message on its way to one destination.
#[derive(Debug, Clone)]
pub struct Parcel<'a> {
    /// The delivery: the same on every attempt, so the provider's idempotency key.
    pub delivery_id: Uuid,
    /// What it is about; mail programs thread by it.
    pub subject: &'a str,
    /// Where it goes; may be empty where the configuration says where.
    pub address: &'a str,
    /// What is sent.
    pub rendered: &'a Rendered,
}

/// A way out.
#[async_trait]
trait Channel: Send + Sync {
    /// Tries once.
    async fn send(&self, parcel: &Parcel<'_>) -> Outcome;
}

/// Sends on every channel that is built.
#[derive(Debug)]
pub struct Channels {
    http: http::Client,
    mail: email::Transports,
    clock: SharedClock,
}

impl Channels {
    /// Sends where `guard` lets it.
    pub fn new(guard: Guard, clock: SharedClock) -> Self {
        Self { http: http::Client::new(guard), mail: email::Transports::default(), clock }
    }

    /// Tries once to send a parcel by a configuration; `None` where the address needs none.
    pub async fn send(
        &self,
        kind: Kind,
        configuration: Option<&Configuration>,
        parcel: &Parcel<'_>,
    ) -> Outcome {
        if configuration.is_some_and(|configuration| configuration.disabled) {
            return Outcome::permanent("the channel is disabled");
        }
        let channel: Box<dyn Channel + '_> = match (kind, configuration.map(|c| &c.settings)) {
            (Kind::Slack, Some(Settings::Slack(settings))) => {
                Box::new(slack::Slack { http: &self.http, settings: Some(settings) })
            }
            (Kind::Slack, None) => Box::new(slack::Slack { http: &self.http, settings: None }),
            (Kind::Email, Some(Settings::Email(settings))) => {
                let transport = self.mail.get(configuration, settings);
                Box::new(email::Email { transport, settings, clock: &self.clock })
            }
            (Kind::Webhook, Some(Settings::Webhook(settings))) => {
                Box::new(webhook::Webhook { http: &self.http, settings, clock: &self.clock })
            }
            _ => {
                return Outcome::permanent(format!(
                    "no {} channel is configured",
                    kind.name().to_lowercase()
                ));
            }
        };
        match tokio::time::timeout(ATTEMPT_TIMEOUT, channel.send(parcel)).await {
            Ok(outcome) => outcome,
            Err(_) => Outcome::ambiguous("no answer within 10 s"),
        }
    }
}
