//! An RPC's request from a path, a query and a body.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind};
use serde_json::{Map, Value as Json};

use super::{
    binding::{Binding, BodyUse},
    body,
    json::{self, field_named},
    parameter, scalar,
    violation::Violations,
};

/// Puts the request together. The path wins over the body where both name a field.
pub fn request(
    binding: &Binding,
    path: &[(&str, String)],
    query: &str,
    body: &[u8],
) -> Result<DynamicMessage, Violations> {
    let input = binding.rpc.input();
    let mut root = from_body(binding, body)?;
    if let Some(mask) = binding.update_mask() {
        fill_mask(binding, &mask, &mut root, query)?;
    }
    let mut violations = Violations::default();
    add_query(binding, query, &mut root, &mut violations);
    add_path(binding, path, &mut root, &mut violations);
    violations.or(())?;
    json::message(&input, root)
}

/// What the body says, as the JSON of the whole request.
fn from_body(binding: &Binding, bytes: &[u8]) -> Result<Map<String, Json>, Violations> {
    let field = match &binding.body {
        // Clients that send a body with every request are harmless.
        BodyUse::None => return Ok(Map::new()),
        BodyUse::Whole => None,
        BodyUse::Field(field) => Some(field),
    };
    let body = body::parse(bytes)?.unwrap_or_else(|| Json::Object(Map::new()));
    match (field, body) {
        (None, Json::Object(object)) => Ok(object),
        (Some(field), body @ Json::Object(_)) => {
            Ok([(field.json_name().to_owned(), body)].into_iter().collect())
        }
        (_, other) => {
            let reason = format!("must be a JSON object, not {}", scalar::kind_of(&other));
            Err(Violations::one("body", reason))
        }
    }
}

/// Says which fields a PATCH changes: those that its body has.
fn fill_mask(
    binding: &Binding,
    mask: &FieldDescriptor,
    root: &mut Map<String, Json>,
    query: &str,
) -> Result<(), Violations> {
    let given = |name: &str| name == mask.name() || name == mask.json_name();
    if form_urlencoded::parse(query.as_bytes()).any(|(name, _)| given(&name)) {
        return Ok(());
    }
    let BodyUse::Field(field) = &binding.body else { return Ok(()) };
    let Kind::Message(message) = field.kind() else { return Ok(()) };
    let Some(Json::Object(changes)) = root.get(field.json_name()) else { return Ok(()) };
    let known = changes.keys().map(|name| match field_named(&message, name) {
        Some(known) => known.name().to_owned(),
        // Left in the body, it is refused as unknown.
        None => String::new(),
    });
    let in_path = |name: &String| binding.in_path(&json::join(field.name(), name));
    let names: Vec<_> = known.filter(|name| !in_path(name)).collect();
    if names.is_empty() {
        // An empty mask would mean every field.
        return Err(Violations::one("body", "names no field to change"));
    }
    let names: Vec<_> = names.into_iter().filter(|name| !name.is_empty()).collect();
    root.insert(mask.json_name().to_owned(), Json::String(names.join(",")));
    Ok(())
}

fn add_query(binding: &Binding, query: &str, root: &mut Map<String, Json>, violations: &mut Violations) {
    let input = binding.rpc.input();
    let usable = |field: &FieldDescriptor| match &binding.body {
        BodyUse::Whole => false,
        BodyUse::Field(body) => body != field && !binding.in_path(field.name()),
        BodyUse::None => !binding.in_path(field.name()),
    };
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let target = match parameter::resolve(&input, &name, usable) {
            Ok(target) => target,
            Err(reason) => {
                violations.push(name.chars().take(64).collect::<String>(), reason);
                continue;
            }
        };
        if let Err(reason) = parameter::set(root, &target, &value) {
            violations.push(target.path(), reason);
        }
    }
}

fn add_path(
    binding: &Binding,
    path: &[(&str, String)],
    root: &mut Map<String, Json>,
    violations: &mut Violations,
) {
    let input = binding.rpc.input();
    for (field, value) in path {
        let target = parameter::descend(&input, field).expect("the variables were checked at start");
        remove(root, &target.fields);
        if let Err(reason) = parameter::set(root, &target, value) {
            violations.push(*field, reason);
        }
    }
}

/// Takes a field out, whichever of its names the body used.
fn remove(root: &mut Map<String, Json>, fields: &[FieldDescriptor]) {
    let Some((last, parents)) = fields.split_last() else { return };
    let mut object = root;
    for parent in parents {
        match object.get_mut(parent.json_name()).and_then(Json::as_object_mut) {
            Some(inner) => object = inner,
            None => return,
        }
    }
    object.remove(last.json_name());
    object.remove(last.name());
}

#[cfg(test)]
mod tests {
    use http::Method;
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::transcode::{
        binding,
        routes::{Found, Routes},
    };

    fn build(routes: &Routes<Binding>, method: &str, url: &str, body: &str) -> Result<Json, Vec<String>> {
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let method: Method = method.parse().unwrap();
        let Found::Route(binding, segments) = routes.find(&method, path) else {
            return Err(vec!["nowhere".to_owned()]);
        };
        let values = binding.template.values(&segments);
        match request(binding, &values, query, body.as_bytes()) {
            Ok(message) => Ok(serde_json::to_value(&message).unwrap()),
            Err(violations) => Err(violations.lines()),
        }
    }

    #[rstest]
    #[case("GET", "/api/v1/alerts/7", "", json!({"alertId": "7"}))]
    #[case("GET", "/api/v1/alerts?statuses=TRIGGERED&filter.statuses=2&labels.team=db&page_size=5", "",
        json!({"filter": {"statuses": ["TRIGGERED", "ACKNOWLEDGED"], "labels": {"team": "db"}}, "pageSize": 5}))]
    #[case("GET", "/api/v1/alerts?created_from=2026-03-02T09:00:00+01:00", "",
        json!({"filter": {"createdFrom": "2026-03-02T08:00:00Z"}}))]
    #[case("GET", "/api/v1/alerts/watch?include_open", "", json!({"includeOpen": true}))]
    #[case("POST", "/api/v1/alerts/7/snooze", "{\"duration\": \"90s\"}",
        json!({"alertId": "7", "duration": "90s"}))]
    #[case("POST", "/api/v1/alerts/7/snooze", "{\"until\": null, \"duration\": \"90s\", \"alert_id\": \"8\"}",
        json!({"alertId": "7", "duration": "90s"}))]
    #[case("POST", "/api/v1/alerts/7/acknowledge", "", json!({"alertId": "7"}))]
    #[case("POST", "/api/v1/alerts", "{\"service_id\": \"s\", \"labels\": {\"a\": \"b\"}, \"priority\": 1}",
        json!({"serviceId": "s", "labels": {"a": "b"}, "priority": "P1"}))]
    #[case("PATCH", "/api/v1/alerts/7", "{\"summary\": \"x\", \"externalTicketId\": \"T\", \"id\": \"8\"}",
        json!({"alert": {"id": "7", "summary": "x", "externalTicketId": "T"}, "updateMask": "externalTicketId,summary"}))]
    #[case("PATCH", "/api/v1/alerts/7", "{\"details\": null}",
        json!({"alert": {"id": "7"}, "updateMask": "details"}))]
    #[case("PATCH", "/api/v1/alerts/7?update_mask=external_ticket_id", "{}",
        json!({"alert": {"id": "7"}, "updateMask": "externalTicketId"}))]
    #[case("PUT", "/api/v1/schedules/s/rotations/r", "{\"name\": \"x\"}",
        json!({"scheduleId": "s", "rotation": {"id": "r", "name": "x"}}))]
    #[case("POST", "/api/v1/templates/preview", "{\"render_context\": {\"a\": [1, null, {\"b\": true}]}}",
        json!({"renderContext": {"a": [1.0, null, {"b": true}]}}))]
    fn requests_are_put_together(
        #[case] method: &str,
        #[case] url: &str,
        #[case] body: &str,
        #[case] expected: Json,
    ) {
        assert_eq!(build(&binding::routes().unwrap(), method, url, body), Ok(expected));
    }

    #[rstest]
    #[case("POST", "/api/v1/alerts", "{\"sumary\": \"x\", \"links\": [{\"name\": 1, \"ur\": 2}]}",
        &["links[0].name: must be a string, not 1", "links[0].ur: this object has no such field",
          "sumary: the request has no such field"])]
    #[case("POST", "/api/v1/alerts?pretty=1", "{}", &["pretty: there is no such parameter"])]
    #[case("POST", "/api/v1/alerts?summary=1", "{}",
        &["summary: is given by the path or the body, not by the query"])]
    #[case("POST", "/api/v1/alerts", "[]", &["body: must be a JSON object, not an array"])]
    #[case("POST", "/api/v1/alerts", "{\"labels\": []}", &["labels: must be an object, not an array"])]
    #[case("POST", "/api/v1/alerts", "{\"labels\": {\"a\": 1}}", &["labels.a: must be a string, not 1"])]
    #[case("POST", "/api/v1/alerts", "{\"started_at\": \"today\"}",
        &["started_at: must be a time such as \"2026-03-02T09:00:00Z\", not \"today\""])]
    #[case("POST", "/api/v1/alerts", "{\"serviceId\": \"a\", \"service_id\": \"b\"}", &["service_id: given twice"])]
    #[case("POST", "/api/v1/alerts/7/snooze", "{\"until\": \"2026-03-02T09:00:00Z\", \"duration\": \"9s\"}",
        &["until: only one of duration and until can be given"])]
    #[case("PATCH", "/api/v1/alerts/7", "{\"id\": \"7\"}", &["body: names no field to change"])]
    #[case("PATCH", "/api/v1/alerts/7", "{\"sumary\": \"\"}", &["alert.sumary: this object has no such field"])]
    #[case("GET", "/api/v1/alerts?page_size=1&page_size=2&alert.id=3", "",
        &["page_size: given twice", "alert.id: there is no such parameter"])]
    #[case("GET", "/api/v1/alerts?filter=1", "",
        &["filter: is an object: name its fields, as in filter.name=value"])]
    #[case("GET", "/api/v1/alerts?statuses=open", "",
        &["filter.statuses[0]: must be one of TRIGGERED, ACKNOWLEDGED, RESOLVED, not \"open\""])]
    fn wrong_requests_name_the_fields(
        #[case] method: &str,
        #[case] url: &str,
        #[case] body: &str,
        #[case] reasons: &[&str],
    ) {
        let reasons = reasons.iter().map(|reason| (*reason).to_owned()).collect();
        assert_eq!(build(&binding::routes().unwrap(), method, url, body), Err(reasons));
    }

    proptest! {
        #[test]
        fn no_query_or_body_panics(
            index in any::<prop::sample::Index>(),
            query in "([a-z_.\\[\\]]{0,12}=[a-zA-Z0-9:+-]{0,8}&?){0,4}",
            names in prop::collection::vec("id|name|labels|filter|statuses|alert|priority|duration|rule|steps", 0..4),
            value in "(null|true|-1|1e400|\"P1\"|\\[\\]|\\[null,\\{\\}\\]|\\{\"a\":\\{\"b\":1\\}\\})",
        ) {
            let routes = binding::routes().unwrap();
            let binding = &routes.values()[index.index(routes.values().len())];
            let fields: Vec<_> = names.iter().map(|name| format!("{name:?}: {value}")).collect();
            let body = format!("{{{}}}", fields.join(","));
            let path: Vec<_> =
                binding.template.variables.iter().map(|v| (v.field.as_str(), "1".to_owned())).collect();
            let _ = request(binding, &path, &query, body.as_bytes());
        }
    }
}
