//! The OpenAPI 3.1 document of the API, made once at start from the descriptors.
//!
//! Comments of the `.proto` files are its descriptions, so the two cannot disagree.

mod error;
mod operation;
mod parameter;
mod path;
mod schema;
mod webhook;

use serde_json::{Map, Value, json};

use crate::{descriptors, transcode::binding::Binding};
use schema::Schemas;

const DESCRIPTION: &str = "Callout gets a production problem to the person who is on call.\n\n\
    Every call needs an API key as `Authorization: Bearer <key>` and sees the key's organization \
    only. Names are accepted in camelCase and in snake_case; 64-bit numbers are strings; times are \
    RFC 3339 and durations are seconds, as in `90s`. Parameters of a filter may be written without \
    `filter.`, as in `?statuses=TRIGGERED&labels.team=db`. Errors are `google.rpc.Status`, with the \
    fields that are wrong in `details`. The same port speaks gRPC, with reflection.";

/// The document.
pub(crate) fn document(bindings: &[Binding]) -> Value {
    let mut schemas = Schemas::default();
    let mut paths = path::Paths::default();
    for binding in bindings {
        let (path, names) = paths.place(&binding.template);
        let method = binding.method.as_str().to_ascii_lowercase();
        paths.insert(path, method, operation::operation(binding, &names, &mut schemas));
    }
    webhook::add(&mut paths);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Callout API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "tags": tags(),
        "paths": paths.into_json(),
        "components": {
            "schemas": error::with_schema(schemas.into_json()),
            "responses": error::responses(),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "An API key of the organization."},
            },
        },
    })
}

/// One for each service that has a comment of its own, and one for webhooks.
fn tags() -> Vec<Value> {
    let services = descriptors::services().map(|service| {
        let mut tag = Map::new();
        tag.insert("name".into(), service.name().into());
        if let Some(comment) = descriptors::comment(&service.parent_file(), service.path()) {
            tag.insert("description".into(), comment.into());
        }
        Value::Object(tag)
    });
    [webhook::tag()].into_iter().chain(services).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transcode::binding;

    fn made() -> Value {
        document(binding::routes().unwrap().values())
    }

    /// Every `$ref` of the document.
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(object) => {
                found.extend(object.get("$ref").and_then(Value::as_str).map(str::to_owned));
                object.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = made();
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 100);
        for reference in found {
            assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
        }
    }

    #[test]
    fn every_rpc_is_an_operation_with_a_description_and_an_id_of_its_own() {
        let document = made();
        let mut ids = Vec::new();
        for methods in document["paths"].as_object().unwrap().values() {
            for operation in methods.as_object().unwrap().values() {
                let id = operation["operationId"].as_str().unwrap().to_owned();
                assert!(operation["summary"].is_string(), "{id}");
                ids.push(id);
            }
        }
        let methods = descriptors::services().flat_map(|service| service.methods().collect::<Vec<_>>());
        for rpc in methods {
            let id = format!("{}_{}", rpc.parent_service().name(), rpc.name());
            assert_eq!(ids.iter().filter(|other| **other == id).count(), 1, "{id}");
        }
    }

    #[test]
    fn an_operation_says_what_it_takes_and_gives() {
        let document = made();
        insta::assert_json_snapshot!(document["paths"]["/api/v1/alerts/{alertId}"]);
        insta::assert_json_snapshot!(
            document["paths"]["/api/v1/alerts/{alertId}/snooze"]["post"]["requestBody"]
        );
        insta::assert_json_snapshot!(document["components"]["schemas"]["alerting.v1.AlertStatus"]);
        let list = &document["paths"]["/api/v1/alerts"]["get"];
        let names: Vec<_> =
            list["parameters"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
        assert_eq!(
            names,
            [
                "filter.statuses",
                "filter.priorities",
                "filter.serviceIds",
                "filter.labels",
                "filter.createdFrom",
                "filter.createdBefore",
                "filter.text",
                "filter.assigneeUserId",
                "pageSize",
                "pageToken"
            ]
        );
    }
}
