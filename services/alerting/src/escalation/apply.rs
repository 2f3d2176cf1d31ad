//! Does what the state machine decides, as part of a transaction.

use callout_store::Tx;
use jiff::Timestamp;

use super::{
    reach::Reach,
    step::{Action, Event, Recipient, step},
    store::{self, Stored},
};
use crate::{
    action::ActionLinks,
    alert::{self, Alert, Event as AlertEvent, EventKind, event::CALLOUT},
    error::Result,
    notify::{self, StepContext},
};

/// What has become of an alert's escalation.
#[derive(Debug)]
pub struct Applied {
    /// What its history says of it.
    pub events: Vec<AlertEvent>,
    /// The new state.
    pub escalation: Stored,
}

/// Lets an event happen to an alert's escalation: writes its new state and plans the
/// notifications. The caller holds the alert's lock, and writes the events to the history.
pub async fn apply(
    tx: &mut Tx,
    links: &ActionLinks,
    alert: &mut Alert,
    mut escalation: Stored,
    event: &Event,
    reach: &Reach,
    now: Timestamp,
) -> Result<Applied> {
    let (state, actions) =
        step(&escalation.state, event, now, reach.policy(), &|target| reach.of(target, now))?;
    let mut events = Vec::new();
    for action in actions {
        perform(tx, links, alert, action, reach, now, &mut events).await?;
    }
    if state != escalation.state {
        store::update(tx, alert.id, &state).await?;
    }
    escalation.state = state;
    Ok(Applied { events, escalation })
}

async fn perform(
    tx: &mut Tx,
    links: &ActionLinks,
    alert: &mut Alert,
    action: Action,
    reach: &Reach,
    now: Timestamp,
    events: &mut Vec<AlertEvent>,
) -> Result<()> {
    match action {
        Action::Notify { step, round, recipients, problems } => {
            let service = reach.snapshot().services.get(&alert.service_id).map(|config| &config.service);
            let policy = reach.policy().map(|policy| policy.name.as_str()).unwrap_or_default();
            let context = StepContext { policy, step, round };
            notify::page(tx, links, alert, service, &recipients, &context, now).await?;
            events.push(notified(alert, step, round, &recipients, &problems, now));
        }
        Action::Skip { step, round, reason } => {
            let message = format!("step {step} skipped: {reason}");
            let event = AlertEvent::new(alert, now, EventKind::StepSkipped, CALLOUT, message);
            events.push(event.with("step", step).with("round", round));
        }
        Action::Exhaust { reason } => {
            let message = format!("escalation ended without an acknowledgement: {reason}");
            events.push(AlertEvent::new(alert, now, EventKind::EscalationExhausted, CALLOUT, message));
        }
        Action::AcknowledgementExpired => {
            let message = match &alert.acknowledged_by {
                Some(who) => format!("the acknowledgement of {who} ran out"),
                None => "the acknowledgement ran out".to_owned(),
            };
            alert.unacknowledge(now)?;
            alert::store::update(tx, alert).await?;
            events.push(AlertEvent::new(alert, now, EventKind::Unacknowledged, CALLOUT, message));
        }
        Action::SnoozeEnded => {
            alert.snoozed_until = None;
            alert.updated_at = now;
            alert::store::update(tx, alert).await?;
            events.push(AlertEvent::new(alert, now, EventKind::SnoozeEnded, CALLOUT, "the snooze ended"));
        }
    }
    Ok(())
}

fn notified(
    alert: &Alert,
    step: u32,
    round: u32,
    recipients: &[Recipient],
    problems: &[String],
    now: Timestamp,
) -> AlertEvent {
    let names: Vec<_> = recipients.iter().map(Recipient::to_string).collect();
    let mut message = format!("step {step} notified {}", names.join(", "));
    if round > 1 {
        message.push_str(&format!(" (round {round})"));
    }
    if !problems.is_empty() {
        message.push_str(&format!("; {}", problems.join("; ")));
    }
    let event = AlertEvent::new(alert, now, EventKind::StepNotified, CALLOUT, message);
    event.with("step", step).with("round", round).with("recipients", names)
}

impl std::fmt::Display for Recipient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::User(id) => f.write_str(id),
            Self::Channel(id) => write!(f, "channel {id}"),
        }
    }
}
