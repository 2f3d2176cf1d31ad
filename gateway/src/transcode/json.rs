//! JSON to messages, by the proto3 JSON mapping.
//!
//! <https://protobuf.dev/programming-guides/json/>. Names are accepted in camelCase and in
//! snake_case, enum values by name and by number, 64-bit numbers as numbers and as strings.
//! Unknown fields are refused. Everything that is wrong is reported, not only the first thing.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value};
use serde_json::{Map, Value as Json};

use super::{
    scalar,
    violation::{Violations, shown},
};

/// A message from a JSON object.
pub fn message(
    descriptor: &MessageDescriptor,
    object: Map<String, Json>,
) -> Result<DynamicMessage, Violations> {
    let mut violations = Violations::default();
    let message = fields(descriptor, object, "", &mut violations);
    violations.or(message)
}

/// The field a JSON name stands for.
pub fn field_named(descriptor: &MessageDescriptor, name: &str) -> Option<FieldDescriptor> {
    descriptor.get_field_by_json_name(name).or_else(|| descriptor.get_field_by_name(name))
}

/// Whether a message type has its own form in JSON.
pub fn is_well_known(descriptor: &MessageDescriptor) -> bool {
    descriptor.package_name() == "google.protobuf"
}

/// The path of a field inside a message at `parent`.
pub fn join(parent: &str, name: &str) -> String {
    if parent.is_empty() { name.to_owned() } else { format!("{parent}.{name}") }
}

fn fields(
    descriptor: &MessageDescriptor,
    object: Map<String, Json>,
    path: &str,
    violations: &mut Violations,
) -> DynamicMessage {
    let mut message = DynamicMessage::new(descriptor.clone());
    for (name, json) in object {
        let Some(field) = field_named(descriptor, &name) else {
            let place = if path.is_empty() { "the request" } else { "this object" };
            violations.push(join(path, &shorten(&name)), format!("{place} has no such field"));
            continue;
        };
        let at = join(path, field.name());
        if let Some(reason) = refused(&message, &field, &json) {
            violations.push(at, reason);
        } else if let Some(value) = value(&field, json, &at, violations) {
            message.set_field(&field, value);
        }
    }
    message
}

/// Why a field cannot be taken beside those taken before.
fn refused(message: &DynamicMessage, field: &FieldDescriptor, json: &Json) -> Option<String> {
    if json.is_null() {
        return None;
    }
    if message.has_field(field) {
        return Some("given twice".to_owned());
    }
    let oneof = field.containing_oneof()?;
    let other = oneof.fields().find(|other| message.has_field(other))?;
    Some(format!("only one of {} and {} can be given", other.name(), field.name()))
}

/// A field's value; `None` if it is null, which leaves the field unset, or wrong.
fn value(field: &FieldDescriptor, json: Json, path: &str, violations: &mut Violations) -> Option<Value> {
    if field.is_map() {
        return map(field, json, path, violations);
    }
    if field.is_list() {
        return list(field, json, path, violations);
    }
    if json.is_null() && !takes_null(&field.kind()) {
        return None;
    }
    single(field, &field.kind(), json, path, violations)
}

fn takes_null(kind: &Kind) -> bool {
    match kind {
        Kind::Message(message) => message.full_name() == "google.protobuf.Value",
        Kind::Enum(kind) => kind.full_name() == "google.protobuf.NullValue",
        _ => false,
    }
}

fn list(field: &FieldDescriptor, json: Json, path: &str, violations: &mut Violations) -> Option<Value> {
    let items = match json {
        Json::Null => return None,
        Json::Array(items) => items,
        other => {
            violations.push(path, format!("must be an array, not {}", scalar::kind_of(&other)));
            return None;
        }
    };
    let items = items.into_iter().enumerate();
    let values = items.filter_map(|(index, item)| {
        single(field, &field.kind(), item, &format!("{path}[{index}]"), violations)
    });
    Some(Value::List(values.collect()))
}

fn map(field: &FieldDescriptor, json: Json, path: &str, violations: &mut Violations) -> Option<Value> {
    let entries = match json {
        Json::Null => return None,
        Json::Object(entries) => entries,
        other => {
            violations.push(path, format!("must be an object, not {}", scalar::kind_of(&other)));
            return None;
        }
    };
    let Kind::Message(entry) = field.kind() else { return None };
    let (key_kind, value_field) = (entry.map_entry_key_field().kind(), entry.map_entry_value_field());
    let mut values = std::collections::HashMap::with_capacity(entries.len());
    for (name, json) in entries {
        let at = join(path, &shorten(&name));
        let Some(key) = map_key(&key_kind, name) else {
            violations.push(at, "the key has the wrong form");
            continue;
        };
        if let Some(value) = single(&value_field, &value_field.kind(), json, &at, violations) {
            values.insert(key, value);
        }
    }
    Some(Value::Map(values))
}

fn map_key(kind: &Kind, name: String) -> Option<MapKey> {
    if matches!(kind, Kind::Bool) {
        return name.parse().ok().map(MapKey::Bool);
    }
    scalar::scalar(kind, Json::String(name)).ok()?.into_map_key()
}

fn single(
    field: &FieldDescriptor,
    kind: &Kind,
    json: Json,
    path: &str,
    violations: &mut Violations,
) -> Option<Value> {
    let Kind::Message(descriptor) = kind else {
        return scalar::scalar(kind, json).map_err(|reason| violations.push(path, reason)).ok();
    };
    if is_well_known(descriptor) {
        return well_known(descriptor, json).map_err(|reason| violations.push(path, reason)).ok();
    }
    match json {
        Json::Object(object) => Some(Value::Message(fields(descriptor, object, path, violations))),
        other => {
            let name = field.name();
            violations.push(path, format!("{name} must be an object, not {}", scalar::kind_of(&other)));
            None
        }
    }
}

/// The types of `google.protobuf`, each with its own form.
fn well_known(descriptor: &MessageDescriptor, json: Json) -> Result<Value, String> {
    let (form, json) = match descriptor.full_name() {
        "google.protobuf.Timestamp" => ("a time such as \"2026-03-02T09:00:00Z\"", json),
        "google.protobuf.Duration" => ("a duration in seconds such as \"90s\" or \"0.5s\"", json),
        "google.protobuf.FieldMask" => ("names of fields, separated by commas", camel_case_mask(json)),
        "google.protobuf.Struct" => ("an object", json),
        "google.protobuf.ListValue" => ("an array", json),
        "google.protobuf.Any" => ("an object with \"@type\"", json),
        "google.protobuf.Empty" => ("an empty object", json),
        _ => ("a value of the right type", json),
    };
    let sent = match &json {
        Json::String(text) => shown(text),
        other => scalar::kind_of(other).to_owned(),
    };
    DynamicMessage::deserialize(descriptor.clone(), json)
        .map(Value::Message)
        .map_err(|_| format!("must be {form}, not {sent}"))
}

/// Masks are written in camelCase by the mapping; people write the names of the documentation.
fn camel_case_mask(json: Json) -> Json {
    let Json::String(mask) = json else { return json };
    let mut camel = String::with_capacity(mask.len());
    let mut upper = false;
    for character in mask.chars() {
        match character {
            '_' => upper = true,
            other if upper => {
                camel.extend(other.to_uppercase());
                upper = false;
            }
            other => camel.push(other),
        }
    }
    Json::String(camel)
}

/// A name as the caller sent it, short enough to be repeated.
fn shorten(name: &str) -> String {
    name.chars().take(64).collect()
}
