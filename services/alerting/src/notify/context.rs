//! What templates can say about an alert.

use serde_json::{Map, Value, json};

use crate::{
    alert::{Alert, Priority},
    catalog::Service,
};

/// Where in its escalation an alert is.
#[derive(Debug, Clone, Copy)]
pub struct StepContext<'a> {
    /// The policy's name.
    pub policy: &'a str,
    /// The step, from 1.
    pub step: u32,
    /// The round, from 1.
    pub round: u32,
}

/// The render context of an alert; notification adds `user`.
pub fn render_context(
    alert: &Alert,
    service: Option<&Service>,
    step: Option<&StepContext<'_>>,
    action_link: Option<&str>,
) -> Value {
    let time = |at: Option<jiff::Timestamp>| at.map(|at| at.to_string());
    let mut links = Map::new();
    for link in &alert.links {
        links.insert(link.name.clone(), link.url.clone().into());
    }
    if let Some(link) = action_link {
        links.insert("action".into(), link.into());
    }
    json!({
        "alert": {
            "id": alert.id.to_string(),
            "summary": alert.summary,
            "details": alert.details,
            "status": alert.status.name(),
            "priority": alert.priority.name(),
            "severity": severity(alert),
            "source": alert.source,
            "fingerprint": alert.fingerprint,
            "dedup_count": alert.dedup_count,
            "created_at": alert.created_at.to_string(),
            "started_at": time(alert.started_at),
            "acknowledged_at": time(alert.acknowledged_at),
            "acknowledged_by": alert.acknowledged_by,
            "resolved_at": time(alert.resolved_at),
            "resolved_by": alert.resolved_by,
        },
        "labels": alert.labels,
        "annotations": alert.annotations,
        "service": {
            "id": alert.service_id.to_string(),
            "name": service.map(|service| service.name.as_str()).unwrap_or_default(),
            "labels": service.map(|service| json!(service.labels)).unwrap_or_else(|| json!({})),
        },
        "escalation": step.map_or_else(|| json!({}), |step| {
            json!({"policy": step.policy, "step": step.step, "round": step.round})
        }),
        "links": links,
    })
}

/// The sender's own word, or the usual one for the priority.
fn severity(alert: &Alert) -> String {
    let usual = match alert.priority {
        Priority::P1 => "critical",
        Priority::P2 => "high",
        Priority::P3 => "medium",
        Priority::P4 => "low",
        Priority::P5 => "info",
    };
    alert.labels.get("severity").filter(|word| !word.is_empty()).cloned().unwrap_or_else(|| usual.to_owned())
}
