//! Messages to notification, planned in the transaction that causes them.

use callout_outbox::Message;
use callout_proto::notification::v1::{
    CancelNotificationRequest, Destination, FollowUp, NotificationPriority, SendNotificationRequest,
    cancel_notification_request::Target,
};
use callout_runtime::structs::to_struct;
use callout_store::{Result, Tx, new_id};
use jiff::Timestamp;
use prost::Message as _;
use uuid::Uuid;

use super::context::{StepContext, render_context};
use crate::{
    action::ActionLinks,
    alert::{Alert, AlertId, Priority},
    catalog::Service,
    escalation::step::Recipient,
    wire::to_pb,
};

/// The topic of messages that are to be sent.
pub const SEND: &str = "send";
/// The topic of messages that withdraw others.
pub const CANCEL: &str = "cancel";

/// What notification calls everything about an alert.
pub fn subject(alert_id: AlertId) -> String {
    format!("alert/{alert_id}")
}

/// Plans a page to each of the recipients.
pub async fn page(
    tx: &mut Tx,
    links: &ActionLinks,
    alert: &Alert,
    service: Option<&Service>,
    recipients: &[Recipient],
    step: &StepContext<'_>,
    now: Timestamp,
) -> Result<()> {
    let messages: Vec<_> =
        recipients.iter().map(|to| send_message(links, alert, service, to, Some(step), now)).collect();
    callout_outbox::append(tx, &messages).await
}

/// A message to a channel that a rule names.
pub fn channel(
    links: &ActionLinks,
    alert: &Alert,
    service: Option<&Service>,
    channel_id: &str,
    now: Timestamp,
) -> Message {
    send_message(links, alert, service, &Recipient::Channel(channel_id.to_owned()), None, now)
}

/// Plans that those who were told hear who is on it, and that nobody else is told.
pub async fn acknowledged(
    tx: &mut Tx,
    alert: &Alert,
    service: Option<&Service>,
    actor_user: Option<&str>,
    now: Timestamp,
) -> Result<()> {
    let by = alert.acknowledged_by.as_deref().unwrap_or_default();
    let message = cancel(alert, service, actor_user, format!("acknowledged by {by}"), now);
    callout_outbox::append(tx, &[message]).await
}

/// Plans that those who were told hear that it is over.
pub async fn resolved(
    tx: &mut Tx,
    alert: &Alert,
    service: Option<&Service>,
    actor_user: Option<&str>,
    now: Timestamp,
) -> Result<()> {
    callout_outbox::append(tx, &[close_message(alert, service, actor_user, now)]).await
}

/// The message that [`resolved`] plans.
pub fn close_message(
    alert: &Alert,
    service: Option<&Service>,
    actor_user: Option<&str>,
    now: Timestamp,
) -> Message {
    let by = alert.resolved_by.as_deref().unwrap_or_default();
    cancel(alert, service, actor_user, format!("resolved by {by}"), now)
}

fn send_message(
    links: &ActionLinks,
    alert: &Alert,
    service: Option<&Service>,
    to: &Recipient,
    step: Option<&StepContext<'_>>,
    now: Timestamp,
) -> Message {
    let id = new_id(now);
    let link = links.link(alert, to, now);
    let context = render_context(alert, service, step, Some(&link));
    let (user_ids, destinations) = match to {
        Recipient::User(id) => (vec![id.clone()], vec![]),
        Recipient::Channel(id) => {
            (vec![], vec![Destination { channel_id: id.clone(), ..Default::default() }])
        }
    };
    let request = SendNotificationRequest {
        request_id: id.to_string(),
        template: alert.template.clone().unwrap_or_default(),
        template_version: 0,
        render_context: Some(to_struct(&context)),
        destinations,
        user_ids,
        priority: priority(alert.priority).into(),
        subject: subject(alert.id),
        decided_at: Some(to_pb(now)),
    };
    message(id, alert, SEND, request.encode_to_vec(), now)
}

fn cancel(
    alert: &Alert,
    service: Option<&Service>,
    actor_user: Option<&str>,
    reason: String,
    now: Timestamp,
) -> Message {
    let id = new_id(now);
    let follow_up = FollowUp {
        template: alert.template.clone().unwrap_or_default(),
        template_version: 0,
        render_context: Some(to_struct(&render_context(alert, service, None, None))),
        priority: NotificationPriority::Normal.into(),
        exclude_user_ids: actor_user.map(ToOwned::to_owned).into_iter().collect(),
    };
    let request = CancelNotificationRequest {
        request_id: id.to_string(),
        target: Some(Target::Subject(subject(alert.id))),
        decided_at: Some(to_pb(now)),
        reason: reason.chars().take(200).collect(),
        follow_up: Some(follow_up),
    };
    message(id, alert, CANCEL, request.encode_to_vec(), now)
}

fn message(id: Uuid, alert: &Alert, topic: &str, payload: Vec<u8>, now: Timestamp) -> Message {
    Message {
        id,
        organization: alert.organization.to_string(),
        topic: topic.to_owned(),
        subject: alert.id.to_string(),
        payload,
        created_at: now,
        attempts: 0,
    }
}

fn priority(priority: Priority) -> NotificationPriority {
    match priority {
        Priority::P1 => NotificationPriority::Critical,
        Priority::P2 => NotificationPriority::High,
        Priority::P3 => NotificationPriority::Normal,
        Priority::P4 | Priority::P5 => NotificationPriority::Low,
    }
}
