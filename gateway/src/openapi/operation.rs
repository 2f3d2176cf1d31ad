//! One RPC as an operation.

use callout_proto::access::v1::Access;
use http::Method;
use serde_json::{Map, Value, json};

use super::{parameter::parameters, schema::Schemas};
use crate::{
    descriptors,
    transcode::binding::{Binding, BodyUse},
};

/// The operation; `names` are those of the path's variables.
pub(super) fn operation(binding: &Binding, names: &[String], schemas: &mut Schemas) -> Value {
    let rpc = &binding.rpc;
    let service = rpc.parent_service();
    let comment = descriptors::comment(&rpc.parent_file(), rpc.path()).unwrap_or_default();
    let access = access(binding);
    let mut operation = json!({
        "operationId": format!("{}_{}", service.name(), rpc.name()),
        "tags": [service.name()],
        "summary": summary(&comment),
        "description": description(binding, &comment, access),
        "responses": responses(binding, schemas),
    });
    if access == Access::Peer {
        operation["x-internal"] = true.into();
    }
    let parameters = parameters(binding, names, schemas);
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some(schema) = body(binding, schemas) {
        operation["requestBody"] =
            json!({"required": true, "content": {"application/json": {"schema": schema}}});
    }
    operation
}

/// The first sentence, without its full stop.
fn summary(comment: &str) -> String {
    let end = comment.find(". ").or_else(|| comment.find(".\n")).unwrap_or(comment.len());
    comment[..end].trim_end_matches('.').to_owned()
}

fn description(binding: &Binding, comment: &str, access: Access) -> String {
    let mut paragraphs = vec![comment.to_owned()];
    if binding.update_mask().is_some() {
        paragraphs
            .push("Changes the fields that the body names, unless `updateMask` names others.".to_owned());
    }
    if binding.rpc.is_server_streaming() {
        paragraphs.push(
            "A stream: a JSON array, one JSON document a line, or server-sent events, as `Accept` asks. An \
             error after the start is the last item, `{\"error\": {…}}`."
                .to_owned(),
        );
    }
    paragraphs.push(
        match access {
            Access::View => "Roles: viewer, member, admin, owner.",
            Access::Respond => "Roles: member, admin, owner.",
            Access::Configure => "Roles: admin, owner.",
            Access::Peer | Access::Unspecified => "Only Callout's own services may call this.",
        }
        .to_owned(),
    );
    paragraphs.join("\n\n")
}

fn access(binding: &Binding) -> Access {
    let number = descriptors::method_option_number(&binding.rpc.options(), "access.v1.access");
    Access::try_from(number).unwrap_or(Access::Unspecified)
}

/// The schema of the body; the fields in the path are left out of it.
fn body(binding: &Binding, schemas: &mut Schemas) -> Option<Value> {
    match &binding.body {
        BodyUse::None => None,
        BodyUse::Field(field) => Some(schemas.field(field)),
        BodyUse::Whole if binding.template.variables.is_empty() => {
            Some(schemas.message(&binding.rpc.input()))
        }
        BodyUse::Whole => {
            let properties = schemas.properties(&binding.rpc.input(), |field| !binding.in_path(field.name()));
            Some(json!({"type": "object", "properties": properties}))
        }
    }
}

fn responses(binding: &Binding, schemas: &mut Schemas) -> Value {
    let item = schemas.message(&binding.rpc.output());
    let content = if binding.rpc.is_server_streaming() {
        json!({
            "application/json": {"schema": {"type": "array", "items": item}},
            "application/x-ndjson": {"schema": item},
            "text/event-stream": {"schema": item},
        })
    } else {
        json!({"application/json": {"schema": item}})
    };
    let mut responses = Map::new();
    responses.insert("200".into(), json!({"description": "Done.", "content": content}));
    let mut refer = |code: &str, name: &str| {
        responses.insert(code.into(), json!({"$ref": format!("#/components/responses/{name}")}));
    };
    refer("400", "InvalidArgument");
    refer("401", "Unauthenticated");
    refer("403", "PermissionDenied");
    if !binding.template.variables.is_empty() {
        refer("404", "NotFound");
    }
    if binding.method != Method::GET {
        refer("409", "Conflict");
        refer("413", "TooLarge");
    }
    refer("503", "Unavailable");
    refer("default", "Error");
    Value::Object(responses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_is_the_first_sentence() {
        assert_eq!(summary("Gets one alert."), "Gets one alert");
        assert_eq!(summary("Closes it: done. Twice is no error."), "Closes it: done");
        assert_eq!(summary(""), "");
    }
}
