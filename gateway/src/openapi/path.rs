//! The paths of the document.
//!
//! `/alerts/{alert_id}` of one RPC and `/alerts/{alert.id}` of another are one path to OpenAPI:
//! the names of the first are used for both.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use crate::transcode::template::{Segment, Template};

/// The paths and their operations, as far as they are made.
#[derive(Debug, Default)]
pub(super) struct Paths {
    by_shape: HashMap<String, Place>,
    paths: Map<String, Value>,
}

/// A path and the names of its variables, in order.
type Place = (String, Vec<String>);

impl Paths {
    /// The path of a template.
    pub(super) fn place(&mut self, template: &Template) -> Place {
        let verb = template.verb.as_ref().map(|verb| format!(":{verb}")).unwrap_or_default();
        let mut names = Vec::new();
        let (mut shape, mut path) = (String::new(), String::new());
        for (index, segment) in template.segments.iter().enumerate() {
            if let Segment::Literal(text) = segment {
                shape.push_str(&format!("/{text}"));
                path.push_str(&format!("/{text}"));
                continue;
            }
            let name = name(template, index);
            shape.push_str("/{}");
            path.push_str(&format!("/{{{name}}}"));
            names.push(name);
        }
        self.by_shape.entry(shape + &verb).or_insert((path + &verb, names)).clone()
    }

    /// Adds an operation.
    pub(super) fn insert(&mut self, path: String, method: String, operation: Value) {
        let methods = self.paths.entry(path).or_insert_with(|| json!({}));
        methods[method] = operation;
    }

    pub(super) fn into_json(self) -> Value {
        Value::Object(self.paths)
    }
}

/// A name in camelCase for the variable that covers a segment.
fn name(template: &Template, index: usize) -> String {
    let covers =
        |variable: &&crate::transcode::template::Variable| (variable.start..variable.end).contains(&index);
    let Some(variable) = template.variables.iter().find(covers) else { return format!("segment{index}") };
    let mut name = String::new();
    for word in variable.field.split(['.', '_']) {
        match word.chars().next() {
            Some(first) if !name.is_empty() => {
                name.extend(first.to_uppercase());
                name.push_str(&word[first.len_utf8()..]);
            }
            _ => name.push_str(word),
        }
    }
    if variable.end - variable.start > 1 { format!("{name}{}", index - variable.start) } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_one_shape_are_one_path() {
        let mut paths = Paths::default();
        let mut place = |template| paths.place(&Template::parse(template).unwrap()).0;
        assert_eq!(place("/v1/alerts/{alert_id}"), "/v1/alerts/{alertId}");
        assert_eq!(place("/v1/alerts/{alert.id}"), "/v1/alerts/{alertId}");
        assert_eq!(place("/v1/alerts/{other}"), "/v1/alerts/{alertId}");
        assert_eq!(place("/v1/{name=orgs/*/alerts/*}:close"), "/v1/orgs/{name1}/alerts/{name3}:close");
    }
}
