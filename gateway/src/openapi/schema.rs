//! Message and enum types as JSON schemas.

use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};

use crate::descriptors;

/// The schemas that something refers to.
#[derive(Debug, Default)]
pub(super) struct Schemas(Map<String, Value>);

impl Schemas {
    pub(super) fn into_json(self) -> Map<String, Value> {
        self.0
    }

    /// The schema of a field, with its comment.
    pub(super) fn field(&mut self, field: &FieldDescriptor) -> Value {
        let mut schema = match field.kind() {
            Kind::Message(entry) if field.is_map() => {
                let value = self.kind(&entry.map_entry_value_field().kind());
                json!({"type": "object", "additionalProperties": value})
            }
            kind if field.is_list() => json!({"type": "array", "items": self.kind(&kind)}),
            kind => self.kind(&kind),
        };
        if let Some(description) = description(field) {
            if description.contains("Output only.") {
                schema["readOnly"] = true.into();
            }
            schema["description"] = description.into();
        }
        schema
    }

    /// A reference to a message's schema, or the schema itself for the types of `google.protobuf`.
    pub(super) fn message(&mut self, message: &MessageDescriptor) -> Value {
        if let Some(schema) = well_known(message.full_name()) {
            return schema;
        }
        let name = message.full_name().to_owned();
        if !self.0.contains_key(&name) {
            // Taken before its fields are looked at: they may refer back to it.
            self.0.insert(name.clone(), Value::Null);
            let mut schema = json!({"type": "object", "properties": self.properties(message, |_| true)});
            if let Some(comment) = descriptors::comment(&message.parent_file(), message.path()) {
                schema["description"] = comment.into();
            }
            self.0.insert(name.clone(), schema);
        }
        reference(&name)
    }

    /// The schemas of those fields of a message that `wanted` says.
    pub(super) fn properties(
        &mut self,
        message: &MessageDescriptor,
        wanted: impl Fn(&FieldDescriptor) -> bool,
    ) -> Map<String, Value> {
        let fields = message.fields().filter(|field| wanted(field));
        fields.map(|field| (field.json_name().to_owned(), self.field(&field))).collect()
    }

    fn kind(&mut self, kind: &Kind) -> Value {
        match kind {
            Kind::Double | Kind::Float => json!({"type": "number"}),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => json!({"type": "integer", "format": "int32"}),
            Kind::Uint32 | Kind::Fixed32 => json!({"type": "integer", "format": "int64", "minimum": 0}),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => json!({"type": "string", "format": "int64"}),
            Kind::Uint64 | Kind::Fixed64 => json!({"type": "string", "format": "uint64"}),
            Kind::Bool => json!({"type": "boolean"}),
            Kind::String => json!({"type": "string"}),
            Kind::Bytes => json!({"type": "string", "contentEncoding": "base64"}),
            Kind::Enum(kind) => self.enumeration(kind),
            Kind::Message(message) => self.message(message),
        }
    }

    fn enumeration(&mut self, kind: &EnumDescriptor) -> Value {
        let name = kind.full_name().to_owned();
        let file = kind.parent_file();
        let schema = || {
            let names: Vec<_> = kind.values().map(|value| value.name().to_owned()).collect();
            let mut description = descriptors::comment(&file, kind.path()).unwrap_or_default();
            for value in kind.values() {
                let comment = descriptors::comment(&file, value.path()).unwrap_or_default();
                let gap = if description.contains("\n- ") { "\n" } else { "\n\n" };
                description.push_str(&format!("{gap}- `{}`: {comment}", value.name()));
            }
            json!({"type": "string", "enum": names, "description": description.trim()})
        };
        self.0.entry(name.clone()).or_insert_with(schema);
        reference(&name)
    }
}

/// A field's comment, and what else cannot be given beside it.
pub(super) fn description(field: &FieldDescriptor) -> Option<String> {
    let comment = descriptors::comment(&field.parent_file(), field.path());
    let oneof = field.containing_oneof().filter(|oneof| oneof.fields().count() > 1);
    let alternatives = oneof.map(|oneof| {
        let names: Vec<_> = oneof.fields().map(|field| format!("`{}`", field.json_name())).collect();
        format!("Only one of {} can be given.", names.join(", "))
    });
    let parts: Vec<_> = [comment, alternatives].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// The types that have a form of their own in JSON.
fn well_known(name: &str) -> Option<Value> {
    Some(match name {
        "google.protobuf.Timestamp" => {
            json!({"type": "string", "format": "date-time", "examples": ["2026-03-02T09:00:00Z"]})
        }
        "google.protobuf.Duration" => {
            json!({"type": "string", "pattern": "^-?[0-9]+(\\.[0-9]{1,9})?s$", "examples": ["90s"]})
        }
        "google.protobuf.FieldMask" => json!({"type": "string", "examples": ["name,description"]}),
        "google.protobuf.Struct" => json!({"type": "object", "additionalProperties": true}),
        "google.protobuf.Empty" => json!({"type": "object"}),
        "google.protobuf.ListValue" => json!({"type": "array", "items": true}),
        "google.protobuf.Any" => {
            json!({"type": "object", "required": ["@type"], "properties": {"@type": {"type": "string"}}})
        }
        "google.protobuf.BoolValue" => json!({"type": "boolean"}),
        "google.protobuf.StringValue" => json!({"type": "string"}),
        other if other.starts_with("google.protobuf.") => json!({}),
        _ => return None,
    })
}
