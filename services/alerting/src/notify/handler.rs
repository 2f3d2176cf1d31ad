//! Hands planned messages to notification.

use async_trait::async_trait;
use callout_outbox::{Handler, Message, Outcome, Trouble};
use callout_proto::notification::v1::{
    CancelNotificationRequest, SendNotificationRequest,
    notification_service_client::NotificationServiceClient,
};
use callout_runtime::{Peer, request::on_behalf_of};
use callout_store::{Result, Tx};
use jiff::Timestamp;
use prost::Message as _;
use serde_json::Map;
use tonic::{Code, Status};
use uuid::Uuid;

use super::message::{CANCEL, SEND};
use crate::alert::{AlertId, Event, EventKind, event::CALLOUT, history};

/// Knows how to reach notification.
#[derive(Debug)]
pub struct NotificationHandler {
    client: NotificationServiceClient<Peer>,
}

impl NotificationHandler {
    /// Hands messages to this service.
    pub fn new(client: NotificationServiceClient<Peer>) -> Self {
        Self { client }
    }

    async fn call(&self, message: &Message) -> std::result::Result<(), Status> {
        let malformed = |error: prost::DecodeError| Status::invalid_argument(error.to_string());
        let mut client = self.client.clone();
        match message.topic.as_str() {
            SEND => {
                let request = SendNotificationRequest::decode(&*message.payload).map_err(malformed)?;
                client.send_notification(on_behalf_of(&message.organization, request)).await.map(drop)
            }
            CANCEL => {
                let request = CancelNotificationRequest::decode(&*message.payload).map_err(malformed)?;
                client.cancel_notification(on_behalf_of(&message.organization, request)).await.map(drop)
            }
            other => Err(Status::invalid_argument(format!("unknown topic {other}"))),
        }
    }
}

#[async_trait]
impl Handler for NotificationHandler {
    async fn deliver(&self, message: &Message) -> Outcome {
        match self.call(message).await {
            Ok(()) => Outcome::Done,
            Err(status) if is_final(status.code()) => Outcome::Refused(status.message().to_owned()),
            Err(status) => {
                tracing::debug!(%status, "notification did not take a message");
                Outcome::Retry("the notification service cannot be reached".to_owned())
            }
        }
    }

    async fn trouble(&self, tx: &mut Tx, message: &Message, trouble: &Trouble, now: Timestamp) -> Result<()> {
        let Ok(alert_id) = message.subject.parse::<Uuid>() else { return Ok(()) };
        if trouble.repeated {
            return Ok(());
        }
        let what = if message.topic == SEND { "a notification" } else { "the news for those who were told" };
        let text = match trouble.next_attempt {
            Some(_) => format!("{what} waits: {}", trouble.reason),
            None => format!("{what} will not be sent: {}", trouble.reason),
        };
        let event = Event {
            organization: message.organization.as_str().into(),
            alert_id: AlertId(alert_id),
            at: now,
            kind: EventKind::Waiting,
            actor: CALLOUT.to_owned(),
            message: text,
            details: Map::new(),
        };
        history::append(tx, vec![event]).await.map(drop)
    }
}

/// Whether the same message will be refused again.
fn is_final(code: Code) -> bool {
    matches!(
        code,
        Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::FailedPrecondition
            | Code::OutOfRange
    )
}
