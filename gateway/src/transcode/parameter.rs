//! Query and path parameters, put into the JSON of a request.
//!
//! `filter.statuses=TRIGGERED&filter.labels.team=db` sets fields of fields and entries of maps;
//! a name that comes several times fills a list. Where no field of the request has the name but
//! exactly one of its message fields has one, the prefix may be left out: `statuses=TRIGGERED`.

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value as Json};

use super::{
    json::{field_named, is_well_known, join},
    violation::shown,
};

/// The place a parameter's name stands for.
#[derive(Debug, Clone)]
pub struct Target {
    /// The fields on the way, the last one included.
    pub fields: Vec<FieldDescriptor>,
    /// The key, where the last field is a map.
    pub key: Option<String>,
}

impl Target {
    /// The path by proto names, such as `filter.statuses`.
    pub fn path(&self) -> String {
        let path = self.fields.iter().fold(String::new(), |path, field| join(&path, field.name()));
        self.key.iter().fold(path, |path, key| join(&path, key))
    }
}

/// Finds the place for a query parameter; `usable` says which top-level fields may be set.
pub fn resolve(
    input: &MessageDescriptor,
    name: &str,
    usable: impl Fn(&FieldDescriptor) -> bool,
) -> Result<Target, String> {
    let (first, _) = split(name);
    if let Some(field) = field_named(input, first) {
        if !usable(&field) {
            return Err("is given by the path or the body, not by the query".to_owned());
        }
        return descend(input, name);
    }
    let nested = |field: &FieldDescriptor| match field.kind() {
        Kind::Message(inner) => !field.is_list() && !field.is_map() && field_named(&inner, first).is_some(),
        _ => false,
    };
    let parents: Vec<_> = input.fields().filter(|field| usable(field) && nested(field)).collect();
    match parents.as_slice() {
        [] => Err("there is no such parameter".to_owned()),
        [parent] => descend(input, &format!("{}.{name}", parent.name())),
        several => {
            let full: Vec<_> = several.iter().map(|parent| format!("{}.{name}", parent.name())).collect();
            Err(format!("can mean {}: write the full name", full.join(" or ")))
        }
    }
}

/// Follows a dotted name from a message.
pub fn descend(message: &MessageDescriptor, name: &str) -> Result<Target, String> {
    let (mut message, mut rest) = (message.clone(), Some(name));
    let mut target = Target { fields: Vec::new(), key: None };
    while let Some(name) = rest {
        let (first, following) = split(name);
        let field = field_named(&message, first).ok_or_else(|| "there is no such parameter".to_owned())?;
        let kind = field.kind();
        let (is_map, is_list) = (field.is_map(), field.is_list());
        target.fields.push(field);
        if is_map {
            // The rest is the key, dots included: labels.app.kubernetes.io/name.
            let key = following.filter(|key| !key.is_empty()).ok_or("needs a key: name.key=value")?;
            target.key = Some(key.to_owned());
            return Ok(target);
        }
        match kind {
            _ if following.is_none() => {}
            Kind::Message(inner) if !is_list && !is_well_known(&inner) => message = inner,
            _ => return Err("has no fields of its own".to_owned()),
        }
        rest = following;
    }
    Ok(target)
}

/// The first name and what follows it: `a.b.c`, or `labels[key]`.
fn split(name: &str) -> (&str, Option<&str>) {
    match name.find(['.', '[']) {
        Some(at) if name.as_bytes()[at] == b'[' && name.ends_with(']') => {
            (&name[..at], Some(&name[at + 1..name.len() - 1]))
        }
        Some(at) if name.as_bytes()[at] == b'.' => (&name[..at], Some(&name[at + 1..])),
        _ => (name, None),
    }
}

/// Puts a value at its place in the request's JSON.
pub fn set(root: &mut Map<String, Json>, target: &Target, value: &str) -> Result<(), String> {
    let (last, parents) = target.fields.split_last().expect("a target has a field");
    let mut object = root;
    for parent in parents {
        object = child(object, parent)?;
    }
    if let Some(key) = &target.key {
        let entry = child(object, last)?;
        let Kind::Message(kind) = last.kind() else { return Err("is not a map".to_owned()) };
        let value = leaf(&kind.map_entry_value_field(), value)?;
        return match entry.insert(key.clone(), value) {
            None => Ok(()),
            Some(_) => Err("given twice".to_owned()),
        };
    }
    let value = leaf(last, value)?;
    if last.is_list() {
        return match object.entry(last.json_name()).or_insert_with(|| Json::Array(Vec::new())) {
            Json::Array(items) => {
                items.push(value);
                Ok(())
            }
            _ => Err("given twice".to_owned()),
        };
    }
    match object.insert(last.json_name().to_owned(), value) {
        None => Ok(()),
        Some(_) => Err("given twice".to_owned()),
    }
}

/// The object of a message or map field, made where it is not there.
fn child<'m>(
    object: &'m mut Map<String, Json>,
    field: &FieldDescriptor,
) -> Result<&'m mut Map<String, Json>, String> {
    let child = object.entry(field.json_name()).or_insert_with(|| Json::Object(Map::new()));
    child.as_object_mut().ok_or_else(|| format!("{} must be an object", field.name()))
}

/// A value's JSON. Numbers, enums and the rest are taken from strings later.
fn leaf(field: &FieldDescriptor, value: &str) -> Result<Json, String> {
    match field.kind() {
        Kind::Bool => match value {
            "true" | "1" | "" => Ok(Json::Bool(true)),
            "false" | "0" => Ok(Json::Bool(false)),
            other => Err(format!("must be true or false, not {}", shown(other))),
        },
        Kind::Message(message) => match message.full_name() {
            // An unescaped plus sign of an offset arrives as a blank.
            "google.protobuf.Timestamp" => Ok(Json::String(value.replace(' ', "+"))),
            "google.protobuf.Duration" | "google.protobuf.FieldMask" => Ok(Json::String(value.to_owned())),
            _ => Err(format!("is an object: name its fields, as in {}.name=value", field.json_name())),
        },
        _ => Ok(Json::String(value.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::descriptors;

    fn input(name: &str) -> MessageDescriptor {
        descriptors::pool().get_message_by_name(name).unwrap()
    }

    #[rstest]
    #[case("filter.statuses", "filter.statuses")]
    #[case("statuses", "filter.statuses")]
    #[case("serviceIds", "filter.service_ids")]
    #[case("service_ids", "filter.service_ids")]
    #[case("labels.team", "filter.labels.team")]
    #[case("labels[team]", "filter.labels.team")]
    #[case("filter.labels.app.kubernetes.io/name", "filter.labels.app.kubernetes.io/name")]
    #[case("pageSize", "page_size")]
    fn names_stand_for_places(#[case] name: &str, #[case] path: &str) {
        let target = resolve(&input("alerting.v1.ListAlertsRequest"), name, |_| true).unwrap();
        assert_eq!(target.path(), path);
    }

    #[rstest]
    #[case("nothing", "there is no such parameter")]
    #[case("filter.nothing", "there is no such parameter")]
    #[case("", "there is no such parameter")]
    #[case("labels", "needs a key: name.key=value")]
    #[case("filter.statuses.x", "has no fields of its own")]
    #[case("created_from.seconds", "has no fields of its own")]
    fn other_names_say_why(#[case] name: &str, #[case] reason: &str) {
        let error = resolve(&input("alerting.v1.ListAlertsRequest"), name, |_| true).unwrap_err();
        assert_eq!(error, reason);
    }

    #[test]
    fn what_can_mean_two_places_must_be_written_out() {
        // Both the alert and its event have an id.
        let error = resolve(&input("alerting.v1.WatchAlertsResponse"), "id", |_| true).unwrap_err();
        assert_eq!(error, "can mean alert.id or event.id: write the full name");
    }
}
