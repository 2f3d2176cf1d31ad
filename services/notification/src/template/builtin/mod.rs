//! The template that comes with Callout, so that a new installation says something good at once.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Content, DEFAULT, Template, Version};
use crate::rendered::Kind;

/// The built-in template.
pub fn default() -> Template {
    let text = |text: &str| text.trim_end_matches('\n').to_owned();
    let content = |kind, subject: &str, plain: &str, html: &str, body: &str| Content {
        kind,
        subject: text(subject),
        text: text(plain),
        html: text(html),
        body: text(body),
    };
    let email = (include_str!("email_subject.txt"), include_str!("email.txt"), include_str!("email.html"));
    let contents = vec![
        content(Kind::Slack, "", include_str!("slack.txt"), "", include_str!("slack.json")),
        content(Kind::Teams, "", "", "", include_str!("teams.json")),
        content(Kind::Email, email.0, email.1, email.2, ""),
        content(Kind::Sms, "", include_str!("sms.txt"), "", ""),
        content(Kind::Voice, "", include_str!("voice.txt"), "", ""),
        content(Kind::Push, "", "", "", include_str!("push.json")),
        content(Kind::Webhook, "", "", "", include_str!("webhook.json")),
    ];
    let optional = ["labels.namespace", "links.action", "links.runbook", "links.dashboard"];
    Template {
        id: None,
        name: DEFAULT.to_owned(),
        description: "Comes with Callout.".to_owned(),
        published: Version {
            number: 1,
            contents,
            required: Vec::new(),
            optional: optional.map(ToOwned::to_owned).to_vec(),
            comment: String::new(),
            created_at: Timestamp::UNIX_EPOCH,
            created_by: "callout".to_owned(),
        },
        latest_version: 1,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
    }
}

/// A context to look at templates with, as alerting makes them.
pub fn sample_context() -> Value {
    json!({
        "alert": {
            "id": "019a8f00-0000-7000-8000-000000000000",
            "summary": "Checkout is slow: p99 is 2.4 s",
            "details": "The 99th percentile of /checkout has been above 1 s for 10 minutes.",
            "status": "TRIGGERED", "priority": "P1", "severity": "critical", "source": "alertmanager",
            "fingerprint": "f404ecabc8dd5cd7", "dedup_count": 1,
            "created_at": "2026-03-02T09:00:00Z", "started_at": "2026-03-02T08:50:00Z",
            "acknowledged_at": null, "acknowledged_by": null, "resolved_at": null, "resolved_by": null,
        },
        "labels": {"alertname": "HighLatency", "namespace": "checkout", "severity": "critical"},
        "annotations": {"summary": "Checkout is slow: p99 is 2.4 s"},
        "service": {"id": "019a8f00-0000-7000-8000-000000000001", "name": "checkout", "labels": {}},
        "escalation": {"policy": "Checkout", "step": 1, "round": 1},
        "user": {"id": "alice", "name": "Alice Example", "email": "alice@example.com", "time_zone": "Europe/Berlin"},
        "links": {
            "action": "https://callout.example.com/a/sample", "runbook": "https://runbooks.example.com/latency",
            "dashboard": "https://dashboards.example.com/checkout",
        },
    })
}
