//! How errors look.

use serde_json::{Map, Value, json};

/// Adds the schema of errors.
pub(super) fn with_schema(mut schemas: Map<String, Value>) -> Map<String, Value> {
    let schema = json!({
        "type": "object",
        "description": "What went wrong, as google.rpc.Status.",
        "required": ["code", "status", "message", "details"],
        "properties": {
            "code": {"type": "integer", "description": "The code of google.rpc.Code."},
            "status": {"type": "string", "description": "The code's name, such as `INVALID_ARGUMENT`."},
            "message": {"type": "string", "description": "For people."},
            "details": {
                "type": "array",
                "description": "For programs; a `google.rpc.BadRequest` names each field that is wrong.",
                "items": {
                    "type": "object",
                    "required": ["@type"],
                    "properties": {"@type": {"type": "string"}},
                },
            },
        },
        "examples": [{
            "code": 3,
            "status": "INVALID_ARGUMENT",
            "message": "summary: must have 1 to 1024 characters",
            "details": [{
                "@type": "type.googleapis.com/google.rpc.BadRequest",
                "fieldViolations": [{"field": "summary", "description": "must have 1 to 1024 characters"}],
            }],
        }],
    });
    schemas.insert("Error".into(), schema);
    schemas
}

/// The responses that operations refer to.
pub(super) fn responses() -> Value {
    let response = |description: &str| {
        json!({
            "description": description,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
        })
    };
    let mut unavailable = response("Not now; try again after `Retry-After` seconds.");
    unavailable["headers"] = json!({
        "Retry-After": {"description": "In seconds.", "schema": {"type": "integer"}},
    });
    json!({
        "InvalidArgument": response("The request is wrong, or not possible in the present state."),
        "Unauthenticated": response("No API key, or one that is not good."),
        "PermissionDenied": response("The key's role does not allow this."),
        "NotFound": response("There is no such thing in the organization."),
        "Conflict": response("It exists already, or was changed meanwhile."),
        "TooLarge": response("The body is too large."),
        "Unavailable": unavailable,
        "Error": response("Anything else."),
    })
}
