//! Path and query parameters of an operation.

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Value, json};

use super::schema::{Schemas, description};
use crate::transcode::{
    binding::{Binding, BodyUse},
    template::Segment,
};

/// Fields of fields of fields are as deep as the query goes in the document.
const MAX_DEPTH: usize = 3;

/// Every parameter of an RPC; `names` are those of the path's variables.
pub(super) fn parameters(binding: &Binding, names: &[String], schemas: &mut Schemas) -> Vec<Value> {
    let mut parameters = in_path(binding, names);
    let skip = |field: &FieldDescriptor| match &binding.body {
        BodyUse::Whole => true,
        BodyUse::Field(body) => body == field || binding.in_path(field.name()),
        BodyUse::None => binding.in_path(field.name()),
    };
    for field in binding.rpc.input().fields().filter(|field| !skip(field)) {
        in_query(&field, "", MAX_DEPTH, schemas, &mut parameters);
    }
    parameters
}

fn in_path(binding: &Binding, names: &[String]) -> Vec<Value> {
    let template = &binding.template;
    let segments = template.segments.iter().enumerate();
    let variable =
        segments.filter(|(_, segment)| !matches!(segment, Segment::Literal(_))).map(|(index, _)| {
            template.variables.iter().find(|variable| (variable.start..variable.end).contains(&index))
        });
    let parameter = |(name, variable): (&String, Option<&crate::transcode::template::Variable>)| {
        let field = variable.and_then(|variable| field_at(&binding.rpc.input(), &variable.field));
        let is_number =
            field.as_ref().is_some_and(|field| matches!(field.kind(), Kind::Int32 | Kind::Uint32));
        let kind = if is_number { "integer" } else { "string" };
        let mut parameter = json!({"name": name, "in": "path", "required": true, "schema": {"type": kind}});
        if let Some(text) = field.as_ref().and_then(description) {
            // The field is output only in a body; here it says which one is meant.
            parameter["description"] = text.replace(" Output only.", "").into();
        }
        parameter
    };
    names.iter().zip(variable).map(parameter).collect()
}

fn field_at(message: &MessageDescriptor, path: &str) -> Option<FieldDescriptor> {
    match path.split_once('.') {
        None => message.get_field_by_name(path),
        Some((first, rest)) => match message.get_field_by_name(first)?.kind() {
            Kind::Message(inner) => field_at(&inner, rest),
            _ => None,
        },
    }
}

fn in_query(
    field: &FieldDescriptor,
    parent: &str,
    depth: usize,
    schemas: &mut Schemas,
    parameters: &mut Vec<Value>,
) {
    let name = format!("{parent}{}", field.json_name());
    let nested = match field.kind() {
        Kind::Message(message) if !field.is_map() && message.package_name() != "google.protobuf" => {
            Some(message)
        }
        _ => None,
    };
    if let Some(message) = nested {
        if depth > 1 && !field.is_list() {
            for inner in message.fields() {
                in_query(&inner, &format!("{name}."), depth - 1, schemas, parameters);
            }
        }
        return;
    }
    let mut schema = schemas.field(field);
    let text = schema.as_object_mut().and_then(|schema| schema.remove("description"));
    let mut parameter = json!({"name": name, "in": "query", "schema": schema});
    if let Some(text) = text {
        parameter["description"] = text;
    }
    if field.is_map() {
        // labels[team]=db; the dotted form labels.team=db cannot be said in OpenAPI.
        parameter["style"] = "deepObject".into();
        parameter["explode"] = true.into();
    }
    parameters.push(parameter);
}
