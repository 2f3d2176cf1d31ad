//! What a batch of signals comes to. Pure.

use std::collections::HashMap;

use callout_auth::OrganizationId;
use callout_store::new_id;
use jiff::Timestamp;
use uuid::Uuid;

use super::signal::{Report, Signal, Verdict};
use crate::{
    alert::{Alert, AlertId, Event, EventKind, Status, store::OpenKey},
    escalation::{step::Escalation, store::Stored},
    routing::{Decision, Sample},
    snapshot::{ServiceConfig, Snapshot},
};

/// The configuration of the organizations in a batch.
pub type Snapshots = HashMap<OrganizationId, std::sync::Arc<Snapshot>>;

/// What is to be written.
#[derive(Debug, Default)]
pub struct Plan {
    /// Alerts that did not exist.
    pub new: Vec<Alert>,
    /// Alerts that were open before and were reported again or closed.
    pub changed: Vec<Alert>,
    /// Alerts that are closed now; their escalations end.
    pub closed: Vec<Alert>,
    /// Escalations that begin.
    pub escalations: Vec<Stored>,
    /// Channels that rules notify at once.
    pub channels: Vec<(Alert, String)>,
    /// Entries of histories.
    pub events: Vec<Event>,
    /// What became of each signal, in their order.
    pub verdicts: Vec<Verdict>,
}

/// What tells the alert of a signal from others.
pub fn open_key(signal: &Signal) -> OpenKey {
    OpenKey {
        organization: signal.organization.clone(),
        service_id: signal.service_id,
        fingerprint: signal.fingerprint.clone(),
    }
}

/// An alert in the course of a batch.
struct Current {
    alert: Alert,
    /// Its place among the new ones; `None` if it was open before.
    new: Option<usize>,
}

/// Decides about each signal in its order. `open` are the alerts that are open now.
pub fn fold(signals: Vec<Signal>, open: Vec<Alert>, snapshots: &Snapshots, now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    let mut current: HashMap<OpenKey, Current> =
        open.into_iter().map(|alert| (key_of(&alert), Current { alert, new: None })).collect();
    let mut changed: HashMap<AlertId, Alert> = HashMap::new();
    for signal in signals {
        let verdict = one(signal, &mut current, &mut changed, &mut plan, snapshots, now);
        plan.verdicts.push(verdict);
    }
    plan.changed = changed.into_values().collect();
    // In the order of their ids, so that nodes lock rows in the same order.
    plan.changed.sort_by_key(|alert| alert.id);
    plan
}

fn one(
    signal: Signal,
    current: &mut HashMap<OpenKey, Current>,
    changed: &mut HashMap<AlertId, Alert>,
    plan: &mut Plan,
    snapshots: &Snapshots,
    now: Timestamp,
) -> Verdict {
    let key = open_key(&signal);
    match (signal.report, current.get_mut(&key)) {
        (Report::Firing, Some(known)) => {
            known.alert.dedup_count += 1;
            known.alert.annotations = signal.annotations;
            known.alert.updated_at = now;
            keep(known, changed, plan);
            Verdict::Repeated(Box::new(known.alert.clone()))
        }
        (Report::Resolved, Some(known)) => {
            known.alert.resolve(&signal.actor, now);
            keep(known, changed, plan);
            let alert = known.alert.clone();
            let message = format!("resolved by {}", signal.source);
            plan.events.push(Event::new(&alert, now, EventKind::Resolved, &signal.actor, message));
            plan.escalations.retain(|escalation| escalation.alert_id != alert.id);
            plan.closed.push(alert.clone());
            current.remove(&key);
            Verdict::Closed(Box::new(alert))
        }
        (Report::Acknowledged, Some(known)) => Verdict::Acknowledged(Box::new(known.alert.clone())),
        (Report::Resolved | Report::Acknowledged, None) => Verdict::Ignored,
        (Report::Firing, None) => {
            let snapshot = snapshots.get(&signal.organization);
            let Some(config) = snapshot.and_then(|snapshot| snapshot.services.get(&signal.service_id)) else {
                return Verdict::NoService;
            };
            let alert = open_alert(signal, config, plan, now);
            current.insert(key, Current { alert: alert.clone(), new: Some(plan.new.len()) });
            plan.new.push(alert.clone());
            Verdict::Opened(Box::new(alert))
        }
    }
}

/// Remembers an alert's new state where it will be written.
fn keep(known: &Current, changed: &mut HashMap<AlertId, Alert>, plan: &mut Plan) {
    match known.new {
        Some(place) => plan.new[place] = known.alert.clone(),
        None => drop(changed.insert(known.alert.id, known.alert.clone())),
    }
}

fn open_alert(signal: Signal, config: &ServiceConfig, plan: &mut Plan, now: Timestamp) -> Alert {
    let sample = Sample {
        summary: &signal.summary,
        details: &signal.details,
        source: &signal.source,
        priority: signal.priority,
        labels: &signal.labels,
        annotations: &signal.annotations,
    };
    let decision = config.rules.decide(&sample, &config.service);
    let alert = Alert {
        id: AlertId(new_id(now)),
        organization: signal.organization,
        service_id: signal.service_id,
        summary: signal.summary,
        details: signal.details,
        status: Status::Triggered,
        priority: decision.priority,
        source: signal.source,
        fingerprint: signal.fingerprint,
        dedup_count: 1,
        labels: decision.labels.clone(),
        annotations: signal.annotations,
        links: signal.links,
        assignee_user_id: None,
        snoozed_until: None,
        started_at: signal.started_at,
        created_at: now,
        updated_at: now,
        acknowledged_at: None,
        acknowledged_by: None,
        resolved_at: None,
        resolved_by: None,
        external_ticket_id: None,
        suppressed: decision.suppressed,
        template: decision.template.clone(),
    };
    let message = format!("received from {}", alert.source);
    plan.events.push(Event::new(&alert, now, EventKind::Created, &signal.actor, message));
    route(&alert, &decision, config, plan, now);
    alert
}

/// Writes down what was decided, and begins what follows.
fn route(alert: &Alert, decision: &Decision, config: &ServiceConfig, plan: &mut Plan, now: Timestamp) {
    plan.events.push(routed(alert, decision, config, now));
    for channel in &decision.notify_channels {
        plan.channels.push((alert.clone(), channel.clone()));
        let message = format!("a rule notified channel {channel}");
        let event = Event::new(alert, now, EventKind::ChannelNotified, "callout", message);
        plan.events.push(event.with("channel_id", channel.as_str()));
    }
    if decision.suppressed {
        plan.events.push(Event::new(
            alert,
            now,
            EventKind::Suppressed,
            "callout",
            "suppressed: nobody is paged",
        ));
    }
    if let Some(policy_id) = decision.policy_id {
        plan.escalations.push(begin(alert, policy_id, now));
        let event = Event::new(alert, now, EventKind::EscalationStarted, "callout", "escalation started");
        plan.events.push(event.with("policy_id", policy_id.to_string()));
    }
}

fn begin(alert: &Alert, policy_id: Uuid, now: Timestamp) -> Stored {
    Stored {
        alert_id: alert.id,
        organization: alert.organization.clone(),
        policy_id,
        state: Escalation::starting(now),
    }
}

fn routed(alert: &Alert, decision: &Decision, config: &ServiceConfig, now: Timestamp) -> Event {
    let matched: Vec<_> =
        decision.results.iter().filter(|result| result.matched).map(|result| result.name.as_str()).collect();
    let message = match (matched.as_slice(), decision.policy_id) {
        ([], Some(_)) => format!("no rule matched: the default route of {} applies", config.service.name),
        ([], None) => {
            format!("no rule matched and {} has no default policy: nobody is paged", config.service.name)
        }
        (names, Some(_)) => format!("routed by {}", names.join(", ")),
        (names, None) => format!("routed by {}; no rule named an escalation policy", names.join(", ")),
    };
    let errors: serde_json::Map<_, _> = decision
        .results
        .iter()
        .filter_map(|result| Some((result.name.clone(), result.error.clone()?.into())))
        .collect();
    Event::new(alert, now, EventKind::Routed, "callout", message)
        .with("rules", matched)
        .with("errors", errors)
        .with("default_route", decision.default_route)
        .with("priority", decision.priority.name())
}

fn key_of(alert: &Alert) -> OpenKey {
    OpenKey {
        organization: alert.organization.clone(),
        service_id: alert.service_id,
        fingerprint: alert.fingerprint.clone(),
    }
}
