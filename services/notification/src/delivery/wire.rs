//! Deliveries on the wire.

use callout_proto::notification::v1 as pb;
use callout_store::timestamp;

use super::store::{Attempt, Delivery, Notification, StatusChange};
use crate::wire::{kind_to_pb, to_pb};

/// A delivery for an answer.
pub(super) fn delivery_to_pb(
    delivery: Delivery,
    notification: Option<&Notification>,
    history: (Vec<Attempt>, Vec<StatusChange>),
) -> pb::Delivery {
    let (attempts, changes) = history;
    let address = shown_address(&delivery);
    let is_pending = delivery.status == super::state::Status::Pending;
    pb::Delivery {
        id: delivery.id.to_string(),
        notification_id: delivery.notification_id.to_string(),
        subject: delivery.subject,
        destination: Some(pb::Destination {
            channel: kind_to_pb(delivery.kind),
            address,
            channel_id: delivery.channel_id.map(|id| id.to_string()).unwrap_or_default(),
            user_id: delivery.recipient.id,
        }),
        status: delivery.status as i32,
        attempt_count: i32::try_from(delivery.attempts).unwrap_or(i32::MAX),
        last_error: delivery.last_error,
        next_attempt_at: delivery.due_at.filter(|_| is_pending).map(to_pb),
        created_at: Some(to_pb(delivery.created_at)),
        updated_at: Some(to_pb(delivery.updated_at)),
        delivered_at: delivery.delivered_at.map(to_pb),
        provider_message_id: delivery.provider_message_id,
        template: notification.map(|n| n.template_name.clone()).unwrap_or_default(),
        template_version: notification.map_or(0, |n| i32::try_from(n.template_version).unwrap_or(i32::MAX)),
        attempts: attempts.into_iter().map(Into::into).collect(),
        history: changes.into_iter().map(Into::into).collect(),
    }
}

/// Of a URL only its origin: the rest of an incoming webhook's URL is what opens it. A destination
/// without an address is shown by its configuration's name.
fn shown_address(delivery: &Delivery) -> String {
    let address = delivery.address.as_str();
    if address.is_empty() && delivery.recipient.id.is_empty() {
        return delivery.recipient.name.clone();
    }
    if !address.starts_with("http") {
        return address.to_owned();
    }
    url::Url::parse(address).map(|url| url.origin().ascii_serialization()).unwrap_or_default()
}

impl From<Attempt> for pb::DeliveryAttempt {
    fn from(attempt: Attempt) -> Self {
        Self {
            number: i32::try_from(attempt.number).unwrap_or(i32::MAX),
            started_at: Some(to_pb(timestamp(attempt.started_at))),
            finished_at: attempt.finished_at.map(|at| to_pb(timestamp(at))),
            outcome: i32::try_from(attempt.outcome).unwrap_or(0),
            detail: attempt.detail,
        }
    }
}

impl From<StatusChange> for pb::DeliveryStatusChange {
    fn from(change: StatusChange) -> Self {
        Self {
            time: Some(to_pb(timestamp(change.at))),
            status: i32::try_from(change.status).unwrap_or(0),
            reason: change.reason,
        }
    }
}
