//! Alertmanager's webhook, version "4", and what speaks it (Grafana's is "1").
//!
//! <https://prometheus.io/docs/alerting/latest/configuration/#webhook_config>. Each element of
//! `alerts` is one alert with its own status; the group's status says nothing about it. Unknown
//! fields are not looked at: senders add some.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::signal::{BodyError, MAX_DETAILS_BYTES, Report, Signal, known_links, link, pairs, summary, text};
use crate::{
    alert::{Priority, fingerprint},
    catalog::key::KeyHit,
};

/// More elements than this are taken for a mistake.
const MAX_ALERTS: usize = 10_000;

#[derive(Deserialize)]
struct Body {
    alerts: Vec<Element>,
    #[serde(default, rename = "externalURL")]
    external_url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Element {
    status: Status,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    starts_at: Option<String>,
    #[serde(default, rename = "generatorURL")]
    generator_url: String,
    #[serde(default)]
    fingerprint: String,
    #[serde(default, rename = "dashboardURL")]
    dashboard_url: String,
    #[serde(default, rename = "silenceURL")]
    silence_url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Firing,
    Resolved,
}

/// The signals of a body.
pub fn parse(body: &[u8], key: &KeyHit) -> Result<Vec<Signal>, BodyError> {
    let body: Body = super::generic::read(body)?;
    if body.alerts.len() > MAX_ALERTS {
        let reason = format!("has more than {MAX_ALERTS} elements");
        return Err(BodyError { field: "alerts".to_owned(), reason });
    }
    let external_url = body.external_url;
    Ok(body.alerts.into_iter().map(|element| signal(element, &external_url, key)).collect())
}

fn signal(element: Element, external_url: &str, key: &KeyHit) -> Signal {
    // Grafana strips labels before it sends, so its own fingerprint cannot be computed here.
    let fingerprint = match element.fingerprint.as_str() {
        "" => fingerprint::of_labels(&element.labels),
        given => text(given, 255),
    };
    let labels = pairs(element.labels, 4096);
    let annotations = pairs(element.annotations, MAX_DETAILS_BYTES);
    let mut links = known_links(&annotations);
    let others = [
        ("dashboard", element.dashboard_url.as_str()),
        ("silence", &element.silence_url),
        ("generator", &element.generator_url),
        ("alertmanager", external_url),
    ];
    for (name, url) in others {
        if !links.iter().any(|known| known.name == name) {
            links.extend(link(name, url));
        }
    }
    Signal {
        organization: key.organization.clone(),
        service_id: key.service_id,
        actor: key.key_name.clone(),
        report: match element.status {
            Status::Firing => Report::Firing,
            Status::Resolved => Report::Resolved,
        },
        summary: headline(&labels, &annotations),
        details: annotations.get("description").map(|t| text(t, MAX_DETAILS_BYTES)).unwrap_or_default(),
        priority: Priority::from_labels(&labels),
        source: "alertmanager".to_owned(),
        fingerprint,
        labels,
        annotations,
        links,
        started_at: element.starts_at.and_then(|at| at.parse::<Timestamp>().ok()),
    }
}

/// What people read first: the annotation made for it, or the alert's name and where it is.
fn headline(labels: &BTreeMap<String, String>, annotations: &BTreeMap<String, String>) -> String {
    let annotated = ["summary", "title", "message", "description"].into_iter();
    let annotated = annotated.filter_map(|name| annotations.get(name)).find(|text| !text.trim().is_empty());
    if let Some(line) = annotated {
        return summary(line);
    }
    let name = labels.get("alertname").map_or("alert", String::as_str);
    match labels.get("instance") {
        Some(instance) => summary(&format!("{name} on {instance}")),
        None => summary(name),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn key() -> KeyHit {
        KeyHit { organization: "acme".into(), service_id: uuid::Uuid::nil(), key_name: "prometheus".into() }
    }

    fn body() -> serde_json::Value {
        json!({
            "version": "4", "status": "firing", "receiver": "callout", "groupKey": "{}",
            "externalURL": "http://alertmanager:9093", "notification_reason": "first_notification",
            "alerts": [
                {"status": "firing", "fingerprint": "f404ecabc8dd5cd7", "startsAt": "2026-03-02T09:00:00.5Z",
                 "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "http://prometheus:9090/graph",
                 "labels": {"alertname": "InstanceDown", "job": "node", "severity": "critical",
                            "instance": "localhost:8081", "group": "production"},
                 "annotations": {"summary": "node down", "description": "since 5 minutes",
                                 "runbook_url": "https://runbooks.example.com/x", "dashboard_url": "javascript:alert(1)"}},
                {"status": "resolved", "labels": {"alertname": "Other", "instance": "db-1"}},
            ],
        })
    }

    #[test]
    fn each_element_is_a_signal_with_its_own_status() {
        let signals = parse(&serde_json::to_vec(&body()).unwrap(), &key()).unwrap();
        let [first, second] = &signals[..] else { panic!("{signals:?}") };
        assert_eq!((first.report, first.priority), (Report::Firing, Priority::P1));
        assert_eq!((first.summary.as_str(), first.details.as_str()), ("node down", "since 5 minutes"));
        assert_eq!(first.fingerprint, fingerprint::of_labels(&first.labels));
        let links: Vec<_> = first.links.iter().map(|link| link.name.as_str()).collect();
        assert_eq!(links, ["runbook", "generator", "alertmanager"]);
        assert_eq!((second.report, second.summary.as_str()), (Report::Resolved, "Other on db-1"));
        assert_eq!(second.fingerprint.len(), 16);
    }

    #[test]
    fn what_cannot_be_parsed_names_its_place() {
        let error = |body: &str| parse(body.as_bytes(), &key()).unwrap_err().to_string();
        assert!(error("{\"alerts\": [").contains("line 1"), "{}", error("{\"alerts\": ["));
        let shown = error(r#"{"alerts": [{"status": "firing", "labels": {"a": 1}}]}"#);
        assert!(shown.contains("alerts[0].labels.a"), "{shown}");
        let shown = error(r#"{"alerts": [{"status": "unknown"}]}"#);
        assert!(shown.contains("alerts[0].status"), "{shown}");
        assert!(error("{}").contains("alerts"));
    }

    #[test]
    fn what_is_too_long_is_cut_off_and_nul_is_replaced() {
        let mut body = body();
        body["alerts"][0]["annotations"]["summary"] = "x".repeat(5000).into();
        body["alerts"][0]["labels"]["nul"] = "a\u{0}b".into();
        let signals = parse(&serde_json::to_vec(&body).unwrap(), &key()).unwrap();
        assert_eq!(signals[0].summary.len(), 1024);
        assert_eq!(signals[0].labels["nul"], "a\u{FFFD}b");
        // The sender's fingerprint is of what it sent, so it stays what it is.
        assert_eq!(signals[0].fingerprint, "f404ecabc8dd5cd7");
    }
}
