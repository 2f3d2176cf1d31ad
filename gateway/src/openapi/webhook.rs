//! The webhooks, which are no RPCs: monitoring systems decide what they send.

use serde_json::{Value, json};

use super::path::Paths;

const NAME: &str = "Webhooks";

pub(super) fn tag() -> Value {
    json!({
        "name": NAME,
        "description": "Where monitoring systems send their alerts. The integration key of a service stands in \
            the path, as `?token=`, or as a bearer token.",
    })
}

/// Adds the webhooks to the paths.
pub(super) fn add(paths: &mut Paths) {
    let formats = [
        (
            "alertmanager",
            "Takes the alerts of a Prometheus Alertmanager",
            "The body that Alertmanager sends.",
        ),
        (
            "generic",
            "Takes an alert from anything that can send JSON",
            "`summary`, `details`, `severity` or `priority`, `status`, `dedup_key`, `labels`, `annotations`, \
             `links`; other scalar values become labels.",
        ),
    ];
    for (format, summary, body) in formats {
        let path = format!("/api/v1/webhook/{format}/{{integrationKey}}");
        paths.insert(path, "post".to_owned(), operation(format, summary, body));
    }
}

fn operation(format: &str, summary: &str, body: &str) -> Value {
    let refer = |name: &str| json!({"$ref": format!("#/components/responses/{name}")});
    json!({
        "operationId": format!("Webhook_{format}"),
        "tags": [NAME],
        "summary": summary,
        "description": "Answers with success only after what it took is stored for good.",
        "security": [],
        "parameters": [{
            "name": "integrationKey",
            "in": "path",
            "required": true,
            "description": "An integration key of the service that the alerts are for.",
            "schema": {"type": "string"},
        }],
        "requestBody": {
            "required": true,
            "description": body,
            "content": {"application/json": {"schema": {"type": "object", "additionalProperties": true}}},
        },
        "responses": {
            "2XX": {"description": "Every alert of the body is stored."},
            "400": refer("InvalidArgument"),
            "401": refer("Unauthenticated"),
            "413": refer("TooLarge"),
            "503": refer("Unavailable"),
        },
    })
}
