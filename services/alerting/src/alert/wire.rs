//! Alerts on the wire.

use std::collections::BTreeMap;

use callout_proto::alerting::v1 as pb;
use callout_runtime::structs::to_struct;
use serde_json::Value;

use super::{Alert, Link, Priority, Status, event::RecordedEvent, filter::Filter};
use crate::{
    error::{Error, Result},
    escalation::store::Stored,
    violation::Violation,
    wire::{reference, time, to_pb},
};

const MAX_LABELS: usize = 128;
const MAX_LINKS: usize = 32;

/// An alert for an answer.
pub(super) fn alert_to_pb(alert: Alert, service_name: &str, escalation: Option<&Stored>) -> pb::Alert {
    pb::Alert {
        id: alert.id.to_string(),
        organization_id: alert.organization.to_string(),
        service_id: alert.service_id.to_string(),
        summary: alert.summary,
        details: alert.details,
        status: alert.status as i32,
        priority: alert.priority as i32,
        source: alert.source,
        fingerprint: alert.fingerprint,
        dedup_count: alert.dedup_count,
        labels: alert.labels.into_iter().collect(),
        annotations: alert.annotations.into_iter().collect(),
        links: alert.links.into_iter().map(|link| pb::Link { name: link.name, url: link.url }).collect(),
        assignee_user_id: alert.assignee_user_id.unwrap_or_default(),
        snoozed_until: alert.snoozed_until.map(to_pb),
        created_at: Some(to_pb(alert.created_at)),
        updated_at: Some(to_pb(alert.updated_at)),
        acknowledged_at: alert.acknowledged_at.map(to_pb),
        acknowledged_by: alert.acknowledged_by.unwrap_or_default(),
        resolved_at: alert.resolved_at.map(to_pb),
        resolved_by: alert.resolved_by.unwrap_or_default(),
        external_ticket_id: alert.external_ticket_id.unwrap_or_default(),
        escalation: escalation.map(progress),
        suppressed: alert.suppressed,
        started_at: alert.started_at.map(to_pb),
        service_name: service_name.to_owned(),
    }
}

fn progress(escalation: &Stored) -> pb::EscalationProgress {
    pb::EscalationProgress {
        state: escalation.state.phase as i32,
        policy_id: escalation.policy_id.to_string(),
        step: i32::try_from(escalation.state.step).unwrap_or(i32::MAX),
        round: i32::try_from(escalation.state.round).unwrap_or(i32::MAX),
        next_at: escalation.state.due_at.map(to_pb),
    }
}

/// An entry of a history for an answer.
pub(super) fn event_to_pb(recorded: RecordedEvent) -> pb::AlertEvent {
    let event = recorded.event;
    pb::AlertEvent {
        id: recorded.id.to_string(),
        alert_id: event.alert_id.to_string(),
        time: Some(to_pb(event.at)),
        kind: event.kind as i32,
        actor: event.actor,
        message: event.message,
        details: Some(to_struct(&Value::Object(event.details))),
    }
}

/// The filter of a request.
pub(super) fn filter_from_pb(filter: Option<pb::AlertFilter>) -> Result<Filter> {
    let filter = filter.unwrap_or_default();
    let invalid = |field: &str, reason: &str| Error::invalid(format!("filter.{field}"), reason);
    if filter.service_ids.len() > 100 {
        return Err(invalid("service_ids", "must be at most 100"));
    }
    if filter.labels.len() > 16 {
        return Err(invalid("labels", "must be at most 16"));
    }
    if filter.text.chars().count() > 255 {
        return Err(invalid("text", "must have at most 255 characters"));
    }
    if filter.statuses.len() > 10 || filter.priorities.len() > 10 {
        return Err(invalid("statuses", "statuses and priorities must be at most 10"));
    }
    let statuses = filter.statuses.iter().map(|number| {
        Status::from_number((*number).into()).ok_or_else(|| invalid("statuses", "is not a status"))
    });
    let priorities = filter.priorities.iter().map(|number| {
        Priority::from_number((*number).into()).ok_or_else(|| invalid("priorities", "is not a priority"))
    });
    Ok(Filter {
        statuses: statuses.collect::<Result<_>>()?,
        priorities: priorities.collect::<Result<_>>()?,
        services: filter
            .service_ids
            .iter()
            .map(|id| reference(id, "filter.service_ids"))
            .collect::<Result<_>>()?,
        labels: filter.labels.into_iter().collect(),
        created_from: filter.created_from.map(|at| time(at, "filter.created_from")).transpose()?,
        created_before: filter.created_before.map(|at| time(at, "filter.created_before")).transpose()?,
        text: filter.text,
        assignee: filter.assignee_user_id,
    })
}

/// Links of a request.
pub(super) fn links_from_pb(links: Vec<pb::Link>) -> Vec<Link> {
    links.into_iter().map(|link| Link { name: link.name, url: link.url }).collect()
}

/// What people may write into an alert, checked.
pub(super) struct Content<'a> {
    pub summary: &'a str,
    pub details: &'a str,
    pub labels: &'a BTreeMap<String, String>,
    pub annotations: &'a BTreeMap<String, String>,
    pub links: &'a [Link],
}

impl Content<'_> {
    /// What is wrong with it; `prefix` is put before the fields' names.
    pub fn violations(&self, prefix: &str) -> Vec<Violation> {
        let mut found = Vec::new();
        let mut fail =
            |field: &str, reason: &str| found.push(Violation::new(format!("{prefix}{field}"), reason));
        if !(1..=1024).contains(&self.summary.chars().count()) {
            fail("summary", "must have 1 to 1024 characters");
        }
        if self.details.len() > 16 * 1024 {
            fail("details", "must be at most 16 KiB");
        }
        for (field, map, longest) in
            [("labels", self.labels, 4096), ("annotations", self.annotations, 16 * 1024)]
        {
            if map.len() > MAX_LABELS {
                fail(field, "must be at most 128");
            }
            if let Some((name, _)) =
                map.iter().find(|(k, v)| k.is_empty() || k.len() > 255 || v.len() > longest)
            {
                let name: String = name.chars().take(64).collect();
                fail(field, &format!("`{name}`: the name has 1 to 255 bytes, the value at most {longest}"));
            }
        }
        if self.links.len() > MAX_LINKS {
            fail("links", "must be at most 32");
        }
        for (index, link) in self.links.iter().enumerate() {
            let is_web = link.url.starts_with("https://") || link.url.starts_with("http://");
            if link.name.is_empty() || link.name.len() > 255 || !is_web || link.url.len() > 2048 {
                let reason =
                    "needs a name of at most 255 bytes and an http or https URL of at most 2048 bytes";
                fail(&format!("links[{index}]"), reason);
            }
        }
        found
    }
}
