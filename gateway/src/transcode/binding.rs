//! The REST routes of the API, read from its `google.api.http` options.

use http::{Method, uri::PathAndQuery};
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor, Value};

use super::{
    routes::Routes,
    template::{Template, TemplateError},
};
use crate::descriptors;

/// What a request body stands for.
#[derive(Debug, Clone)]
pub enum BodyUse {
    /// There is none: everything else is in the query.
    None,
    /// The whole request; nothing is in the query.
    Whole,
    /// One field of the request; everything else is in the query.
    Field(FieldDescriptor),
}

/// One RPC at one method and path.
#[derive(Debug, Clone)]
pub struct Binding {
    /// The HTTP method.
    pub method: Method,
    /// The path.
    pub template: Template,
    /// What the body stands for.
    pub body: BodyUse,
    /// The RPC.
    pub rpc: MethodDescriptor,
    /// The RPC's path in gRPC.
    pub rpc_path: PathAndQuery,
}

/// Why the options of an RPC cannot be used. Only a mistake in the `.proto` files gives one.
#[derive(Debug, thiserror::Error)]
#[error("{rpc}: {reason}")]
pub struct BindingError {
    rpc: String,
    reason: BindingReason,
}

#[derive(Debug, thiserror::Error)]
enum BindingReason {
    #[error(transparent)]
    Template(#[from] TemplateError),
    #[error("the request has no field {0:?}")]
    NoField(String),
    #[error("the option names no method of HTTP, or one that is not supported")]
    NoMethod,
    #[error("`response_body` and streams from the client are not supported")]
    Unsupported,
    #[error("the same method and path belong to another RPC too")]
    Taken,
}

/// Every route of the API.
pub fn routes() -> Result<Routes<Binding>, BindingError> {
    let mut routes = Routes::default();
    for rpc in descriptors::services().flat_map(|service| service.methods().collect::<Vec<_>>()) {
        let error = |reason| BindingError { rpc: rpc.full_name().to_owned(), reason };
        for rule in rules(&rpc) {
            let binding = Binding::new(&rpc, &rule).map_err(error)?;
            let (method, template) = (binding.method.clone(), binding.template.clone());
            routes.insert(&method, &template, binding).map_err(|_| error(BindingReason::Taken))?;
        }
    }
    Ok(routes)
}

/// The rule of an RPC and its additional ones.
fn rules(rpc: &MethodDescriptor) -> Vec<DynamicMessage> {
    let http =
        descriptors::pool().get_extension_by_name("google.api.http").expect("it is in the descriptors");
    let options = rpc.options();
    if !options.has_extension(&http) {
        return Vec::new();
    }
    let rule = options.get_extension(&http).as_message().cloned().expect("the option is a message");
    let more = rule.get_field_by_name("additional_bindings").map(|rules| rules.into_owned());
    let more = more.as_ref().and_then(Value::as_list).unwrap_or_default();
    let more: Vec<_> = more.iter().filter_map(Value::as_message).cloned().collect();
    [rule].into_iter().chain(more).collect()
}

impl Binding {
    fn new(rpc: &MethodDescriptor, rule: &DynamicMessage) -> Result<Self, BindingReason> {
        if rpc.is_client_streaming() || !text(rule, "response_body").is_empty() {
            return Err(BindingReason::Unsupported);
        }
        let (method, path) = method_and_path(rule)?;
        let template = Template::parse(&path)?;
        let input = rpc.input();
        for variable in &template.variables {
            field_at(&input, &variable.field)?;
        }
        let body = match text(rule, "body").as_str() {
            "" => BodyUse::None,
            "*" => BodyUse::Whole,
            field => BodyUse::Field(field_at(&input, field)?),
        };
        let rpc_path = format!("/{}/{}", rpc.parent_service().full_name(), rpc.name());
        let rpc_path = rpc_path.parse().expect("names of RPCs fit in a path");
        Ok(Self { method, template, body, rpc: rpc.clone(), rpc_path })
    }

    /// The proto package the RPC belongs to, such as `alerting.v1`.
    pub fn package(&self) -> String {
        self.rpc.parent_service().package_name().to_owned()
    }

    /// Whether a field of the request, by its path in proto names, stands in the URL's path.
    pub fn in_path(&self, field: &str) -> bool {
        self.template.variables.iter().any(|variable| variable.field == field)
    }

    /// The `update_mask` of a PATCH, which is filled in from the body where it is not given.
    pub fn update_mask(&self) -> Option<FieldDescriptor> {
        let mask = self.rpc.input().get_field_by_name("update_mask")?;
        let is_mask =
            matches!(mask.kind(), Kind::Message(kind) if kind.full_name() == "google.protobuf.FieldMask");
        (self.method == Method::PATCH && is_mask).then_some(mask)
    }
}

fn method_and_path(rule: &DynamicMessage) -> Result<(Method, String), BindingReason> {
    let methods = [
        ("get", Method::GET),
        ("put", Method::PUT),
        ("post", Method::POST),
        ("delete", Method::DELETE),
        ("patch", Method::PATCH),
    ];
    let (name, method) =
        methods.into_iter().find(|(name, _)| rule.has_field_by_name(name)).ok_or(BindingReason::NoMethod)?;
    Ok((method, text(rule, name)))
}

fn text(rule: &DynamicMessage, field: &str) -> String {
    let value = rule.get_field_by_name(field);
    value.as_ref().and_then(|value| value.as_str()).unwrap_or_default().to_owned()
}

/// The field at a path of proto names.
fn field_at(message: &MessageDescriptor, path: &str) -> Result<FieldDescriptor, BindingReason> {
    let missing = || BindingReason::NoField(path.to_owned());
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let field = message.get_field_by_name(first).ok_or_else(missing)?;
    match (rest, field.kind()) {
        (None, _) => Ok(field),
        (Some(rest), Kind::Message(inner)) => field_at(&inner, rest).map_err(|_| missing()),
        (Some(_), _) => Err(missing()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transcode::routes::Found;

    #[test]
    fn every_rpc_has_a_route() {
        let routes = routes().unwrap();
        let bound: Vec<_> = routes.values().iter().map(|b| b.rpc.full_name().to_owned()).collect();
        let methods = descriptors::services().flat_map(|service| service.methods().collect::<Vec<_>>());
        let unbound: Vec<_> =
            methods.map(|rpc| rpc.full_name().to_owned()).filter(|rpc| !bound.contains(rpc)).collect();
        assert!(unbound.is_empty(), "RPCs without a route: {unbound:?}");
    }

    #[test]
    fn every_route_leads_to_its_own_rpc() {
        let routes = routes().unwrap();
        for binding in routes.values() {
            let segments = binding.template.segments.iter().map(|segment| match segment {
                super::super::template::Segment::Literal(text) => text.as_str(),
                _ => "0",
            });
            let path = format!("/{}", segments.collect::<Vec<_>>().join("/"));
            let Found::Route(found, _) = routes.find(&binding.method, &path) else { panic!("{path}") };
            assert_eq!(found.rpc, binding.rpc, "{path}");
        }
    }
}
