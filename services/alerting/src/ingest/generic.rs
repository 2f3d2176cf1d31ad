//! Plain JSON, for whatever can POST: one object, or an array of them.
//!
//! | key | meaning |
//! |---|---|
//! | `summary` (or `title`, `message`) | what is wrong; needed unless it is a resolve |
//! | `details` (or `description`) | more text |
//! | `severity`, `priority` | as in labels |
//! | `status` or `action` | `firing`/`trigger` (or nothing), `acknowledged`/`acknowledge`, `resolved`/`resolve` |
//! | `dedup_key` | recognises repeats; made of the summary and the labels (but severity and priority) if missing |
//! | `source`, `started_at` | what sends it, and since when |
//! | `labels`, `annotations` | objects of texts |
//! | `links` | an object of name and URL, or a list of `{name, url}` |
//! | any other | a label, where it is a text, a number or true/false |

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::signal::{BodyError, MAX_DETAILS_BYTES, Report, Signal, known_links, link, pairs, summary, text};
use crate::{
    alert::{Link, Priority, fingerprint},
    catalog::key::KeyHit,
};

/// More elements than this are taken for a mistake.
const MAX_ALERTS: usize = 10_000;

/// Reads JSON, with errors that name the field, line and column. Nesting is bounded by the parser
/// (128 levels).
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, BodyError> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let read = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let field = if path == "." { "body".to_owned() } else { path };
        BodyError { field, reason: error.inner().to_string() }
    })?;
    let end = deserializer.end();
    end.map_err(|error| BodyError { field: "body".to_owned(), reason: error.to_string() })?;
    Ok(read)
}

/// The signals of a body.
pub fn parse(body: &[u8], key: &KeyHit) -> Result<Vec<Signal>, BodyError> {
    match read::<Value>(body)? {
        Value::Object(fields) => Ok(vec![signal(fields, "", key)?]),
        Value::Array(elements) if elements.len() > MAX_ALERTS => {
            let reason = format!("has more than {MAX_ALERTS} elements");
            Err(BodyError { field: "body".to_owned(), reason })
        }
        Value::Array(elements) => elements
            .into_iter()
            .enumerate()
            .map(|(index, element)| match element {
                Value::Object(fields) => signal(fields, &format!("[{index}]."), key),
                _ => Err(wrong(&format!("[{index}]"), "must be an object")),
            })
            .collect(),
        _ => Err(wrong("body", "must be an object or an array of objects")),
    }
}

fn wrong(field: &str, reason: &str) -> BodyError {
    BodyError { field: field.to_owned(), reason: reason.to_owned() }
}

/// The fields of one object, taken out one by one.
struct Fields<'a> {
    fields: Map<String, Value>,
    prefix: &'a str,
}

impl Fields<'_> {
    fn error(&self, name: &str, reason: &str) -> BodyError {
        BodyError { field: format!("{}{name}", self.prefix), reason: reason.to_owned() }
    }

    /// A text or number under the first of these names that is there.
    fn text(&mut self, names: &[&str]) -> Result<Option<String>, BodyError> {
        for name in names {
            match self.fields.remove(*name) {
                None | Some(Value::Null) => {}
                Some(value) => {
                    let text = scalar(&value).ok_or_else(|| self.error(name, "must be a text"))?;
                    return Ok(Some(text).filter(|text| !text.trim().is_empty()));
                }
            }
        }
        Ok(None)
    }

    fn map(&mut self, name: &str) -> Result<BTreeMap<String, String>, BodyError> {
        let fields = match self.fields.remove(name) {
            None | Some(Value::Null) => return Ok(BTreeMap::new()),
            Some(Value::Object(fields)) => fields,
            Some(_) => return Err(self.error(name, "must be an object")),
        };
        let pair = |(key, value): (String, Value)| {
            let text = scalar(&value);
            let text =
                text.ok_or_else(|| self.error(&format!("{name}.{key}"), "must be a text, number or bool"));
            Ok((key, text?))
        };
        fields.into_iter().map(pair).collect()
    }

    fn links(&mut self) -> Result<Vec<Link>, BodyError> {
        let web = |name: &str, url: Option<&Value>| {
            let url = url.and_then(Value::as_str);
            let found = url.and_then(|url| link(name, url));
            found.ok_or_else(|| self.error("links", "must be http or https URLs of at most 2048 bytes"))
        };
        match self.fields.get("links") {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Object(links)) => links.iter().map(|(name, url)| web(name, Some(url))).collect(),
            Some(Value::Array(links)) => links
                .iter()
                .map(|entry| {
                    web(entry.get("name").and_then(Value::as_str).unwrap_or("link"), entry.get("url"))
                })
                .collect(),
            Some(_) => Err(self.error("links", "must be an object or a list")),
        }
    }
}

fn signal(fields: Map<String, Value>, prefix: &str, key: &KeyHit) -> Result<Signal, BodyError> {
    let mut fields = Fields { fields, prefix };
    let report = report(&mut fields)?;
    let line = fields.text(&["summary", "title", "message"])?;
    let dedup_key = fields.text(&["dedup_key"])?;
    let details = fields.text(&["details", "description"])?.unwrap_or_default();
    let (severity, priority) = (fields.text(&["severity"])?, fields.text(&["priority"])?);
    let source = fields.text(&["source"])?.unwrap_or_else(|| "webhook".to_owned());
    let started_at = match fields.text(&["started_at"])? {
        None => None,
        Some(at) => Some(at.parse().map_err(|_| fields.error("started_at", "must be a time in RFC 3339"))?),
    };
    let (mut labels, annotations) = (fields.map("labels")?, fields.map("annotations")?);
    let mut links = fields.links()?;
    fields.fields.remove("links");
    for (name, value) in [("severity", severity), ("priority", priority)] {
        if let Some(value) = value {
            labels.insert(name.to_owned(), value);
        }
    }
    for (name, value) in &fields.fields {
        if let Some(value) = scalar(value) {
            labels.entry(name.clone()).or_insert(value);
        }
    }
    let fingerprint = match (&dedup_key, &line) {
        (Some(given), _) => text(given, 255),
        (None, Some(line)) => fingerprint::of_report(line, &labels),
        (None, None) => return Err(fields.error("summary", "is needed, or a dedup_key")),
    };
    let line = match (line, report) {
        (Some(line), _) => line,
        (None, Report::Firing) => return Err(fields.error("summary", "is needed")),
        (None, _) => String::new(),
    };
    let (labels, annotations) = (pairs(labels, 4096), pairs(annotations, MAX_DETAILS_BYTES));
    for known in known_links(&annotations) {
        if !links.iter().any(|link| link.name == known.name) {
            links.push(known);
        }
    }
    links.truncate(32);
    Ok(Signal {
        organization: key.organization.clone(),
        service_id: key.service_id,
        actor: key.key_name.clone(),
        report,
        summary: summary(&line),
        details: text(&details, MAX_DETAILS_BYTES),
        priority: Priority::from_labels(&labels),
        source: text(&source, 255),
        fingerprint,
        labels,
        annotations,
        links,
        started_at,
    })
}

fn report(fields: &mut Fields<'_>) -> Result<Report, BodyError> {
    let word = fields.text(&["status", "action"])?.unwrap_or_default();
    match word.to_lowercase().as_str() {
        "" | "firing" | "fire" | "trigger" | "triggered" | "alerting" | "open" => Ok(Report::Firing),
        "acknowledged" | "acknowledge" | "ack" => Ok(Report::Acknowledged),
        "resolved" | "resolve" | "ok" | "closed" | "close" => Ok(Report::Resolved),
        _ => Err(fields.error("status", "must be firing, acknowledged or resolved")),
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn key() -> KeyHit {
        KeyHit { organization: "acme".into(), service_id: uuid::Uuid::nil(), key_name: "k".into() }
    }

    fn parse(body: &Value) -> Result<Vec<Signal>, BodyError> {
        super::parse(&serde_json::to_vec(body).unwrap(), &key())
    }

    #[test]
    fn the_keys_mean_what_the_table_says() {
        let signals = parse(&json!({
            "summary": "disk full", "details": "95%", "severity": "critical", "dedup_key": "disk-1",
            "host": "db-1", "percent": 95, "nested": {"a": 1}, "labels": {"team": "db"},
            "annotations": {"runbook_url": "https://runbooks.example.com/disk"},
            "links": {"graph": "https://graphs.example.com/1"},
        }));
        let signal = &signals.unwrap()[0];
        assert_eq!((signal.priority, signal.fingerprint.as_str()), (Priority::P1, "disk-1"));
        let labels: Vec<_> = signal.labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
        assert_eq!(labels, ["host=db-1", "percent=95", "severity=critical", "team=db"]);
        let links: Vec<_> = signal.links.iter().map(|link| link.name.as_str()).collect();
        assert_eq!(links, ["graph", "runbook"]);
    }

    #[test]
    fn a_resolve_needs_only_its_key() {
        let signal = &parse(&json!([{"action": "resolve", "dedup_key": "disk-1"}])).unwrap()[0];
        assert_eq!((signal.report, signal.fingerprint.as_str()), (Report::Resolved, "disk-1"));
    }

    #[test]
    fn errors_name_the_field() {
        for (body, field) in [
            (json!({}), "summary"),
            (json!({"host": "a"}), "summary"),
            (json!([{"summary": "a"}, {"summary": "b", "status": "maybe"}]), "[1].status"),
            (json!({"summary": "a", "labels": {"x": [1]}}), "labels.x"),
            (json!({"summary": "a", "links": {"x": "javascript:1"}}), "links"),
            (json!({"summary": ["a"]}), "summary"),
            (json!({"summary": "a", "started_at": "yesterday"}), "started_at"),
            (json!("text"), "body"),
        ] {
            assert_eq!(parse(&body).unwrap_err().field, field, "{body}");
        }
        let deep = format!("{}1{}", "[".repeat(5000), "]".repeat(5000));
        assert!(super::parse(deep.as_bytes(), &key()).is_err());
    }

    proptest! {
        #[test]
        fn no_body_panics(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = super::parse(&body, &key());
            let _ = crate::ingest::alertmanager::parse(&body, &key());
        }

        #[test]
        fn repeats_have_the_same_fingerprint(labels in prop::collection::btree_map("[a-z]{1,4}", "\\PC{0,8}", 0..6)) {
            let body = json!({"summary": "s", "labels": labels});
            prop_assert_eq!(&parse(&body).unwrap()[0].fingerprint, &parse(&body).unwrap()[0].fingerprint);
        }
    }
}
