//! Finds the binding of a method and a path, in the number of the path's segments.
//!
//! A trie over segments: literals are tried before variables and variables before "the rest",
//! so `/users/batch` wins over `/users/{user_id}` however they were declared.

use std::collections::{BTreeMap, HashMap};

use http::Method;
use percent_encoding::percent_decode_str;

use super::template::{Segment, Template};

/// More segments than any template has; longer paths are not looked at.
const MAX_SEGMENTS: usize = 32;

/// Routes to values of `T`.
#[derive(Debug)]
pub struct Routes<T> {
    root: Node,
    values: Vec<T>,
}

/// What a path leads to.
#[derive(Debug, PartialEq, Eq)]
pub enum Found<'r, T> {
    /// The value, and the decoded segments of the path without its verb.
    Route(&'r T, Vec<String>),
    /// There is something, for these methods only.
    OtherMethods(Vec<String>),
    /// There is nothing.
    Nothing,
}

#[derive(Debug, Default)]
struct Node {
    literals: HashMap<String, Node>,
    any: Option<Box<Node>>,
    rest: Option<Box<Node>>,
    /// By verb (empty for none), then by method.
    ends: HashMap<String, BTreeMap<String, usize>>,
}

impl<T> Default for Routes<T> {
    fn default() -> Self {
        Self { root: Node::default(), values: Vec::new() }
    }
}

impl<T> Routes<T> {
    /// Adds a route; gives the value back if the same one exists.
    pub fn insert(&mut self, method: &Method, template: &Template, value: T) -> Result<(), T> {
        let mut node = &mut self.root;
        for segment in &template.segments {
            node = match segment {
                Segment::Literal(text) => node.literals.entry(text.clone()).or_default(),
                Segment::Any => &mut **node.any.get_or_insert_default(),
                Segment::Rest => &mut **node.rest.get_or_insert_default(),
            };
        }
        let methods = node.ends.entry(template.verb.clone().unwrap_or_default()).or_default();
        if methods.contains_key(method.as_str()) {
            return Err(value);
        }
        methods.insert(method.as_str().to_owned(), self.values.len());
        self.values.push(value);
        Ok(())
    }

    /// Every value, in the order they were added.
    pub fn values(&self) -> &[T] {
        &self.values
    }

    /// Looks a path up. A path that is not UTF-8 after decoding leads nowhere.
    pub fn find(&self, method: &Method, path: &str) -> Found<'_, T> {
        let Some(segments) = decoded_segments(path) else { return Found::Nothing };
        let mut others = Vec::new();
        if let Some(index) = self.root.find(&segments, "", method.as_str(), &mut others) {
            return Found::Route(&self.values[index], segments);
        }
        if let Some((segments, verb)) = split_verb(&segments)
            && let Some(index) = self.root.find(&segments, &verb, method.as_str(), &mut others)
        {
            return Found::Route(&self.values[index], segments);
        }
        if others.is_empty() {
            return Found::Nothing;
        }
        others.sort();
        others.dedup();
        Found::OtherMethods(others)
    }
}

impl Node {
    /// The value at the end of the segments; methods that would have fitted go to `others`.
    fn find(&self, segments: &[String], verb: &str, method: &str, others: &mut Vec<String>) -> Option<usize> {
        let Some((first, following)) = segments.split_first() else {
            return self.end(verb, method, others);
        };
        if let Some(node) = self.literals.get(first)
            && let Some(found) = node.find(following, verb, method, others)
        {
            return Some(found);
        }
        if first.is_empty() {
            return None;
        }
        if let Some(node) = &self.any
            && let Some(found) = node.find(following, verb, method, others)
        {
            return Some(found);
        }
        self.rest.as_ref()?.end(verb, method, others)
    }

    fn end(&self, verb: &str, method: &str, others: &mut Vec<String>) -> Option<usize> {
        let methods = self.ends.get(verb)?;
        let found = methods.get(method).copied();
        if found.is_none() {
            others.extend(methods.keys().cloned());
        }
        found
    }
}

fn decoded_segments(path: &str) -> Option<Vec<String>> {
    let path = path.strip_prefix('/')?;
    if path.bytes().filter(|byte| *byte == b'/').count() >= MAX_SEGMENTS {
        return None;
    }
    let decode = |segment| percent_decode_str(segment).decode_utf8().ok().map(|text| text.into_owned());
    path.split('/').map(decode).collect()
}

fn split_verb(segments: &[String]) -> Option<(Vec<String>, String)> {
    let (last, before) = segments.split_last()?;
    let (last, verb) = last.rsplit_once(':')?;
    if verb.is_empty() {
        return None;
    }
    let mut shorter = before.to_vec();
    shorter.push(last.to_owned());
    Some((shorter, verb.to_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn routes() -> Routes<&'static str> {
        let mut routes = Routes::default();
        for (method, template) in [
            (Method::GET, "/v1/users"),
            (Method::GET, "/v1/users/{id}"),
            (Method::GET, "/v1/users/batch"),
            (Method::DELETE, "/v1/users/{id}"),
            (Method::GET, "/v1/users/{id}/exists"),
            (Method::POST, "/v1/users/{id}:close"),
            (Method::GET, "/v1/files/{name=**}"),
        ] {
            routes.insert(&method, &Template::parse(template).unwrap(), template).unwrap();
        }
        routes
    }

    #[rstest]
    #[case(Method::GET, "/v1/users", "/v1/users")]
    #[case(Method::GET, "/v1/users/batch", "/v1/users/batch")]
    #[case(Method::DELETE, "/v1/users/batch", "/v1/users/{id}")]
    #[case(Method::GET, "/v1/users/batch/exists", "/v1/users/{id}/exists")]
    #[case(Method::POST, "/v1/users/a:b:close", "/v1/users/{id}:close")]
    #[case(Method::GET, "/v1/users/a:b", "/v1/users/{id}")]
    #[case(Method::GET, "/v1/users/a%2Fb", "/v1/users/{id}")]
    #[case(Method::GET, "/v1/files/a/b/c", "/v1/files/{name=**}")]
    fn paths_lead_to_their_route(#[case] method: Method, #[case] path: &str, #[case] expected: &str) {
        let routes = routes();
        let Found::Route(found, _) = routes.find(&method, path) else { panic!("{path} leads nowhere") };
        assert_eq!(*found, expected);
    }

    #[rstest]
    #[case("/")]
    #[case("")]
    #[case("/v1")]
    #[case("/v1/users/")]
    #[case("/v1/users//exists")]
    #[case("/v1/users/a/b")]
    #[case("/v1/users/%ff")]
    fn other_paths_lead_nowhere(#[case] path: &str) {
        assert_eq!(routes().find(&Method::GET, path), Found::Nothing);
    }

    #[test]
    fn other_methods_are_named() {
        let found = |path| match routes().find(&Method::PUT, path) {
            Found::OtherMethods(methods) => methods.join(" "),
            other => panic!("{other:?}"),
        };
        assert_eq!(found("/v1/users/batch"), "DELETE GET");
        assert_eq!(found("/v1/users/7:close"), "DELETE GET POST");
    }

    #[test]
    fn the_same_route_twice_is_refused() {
        let template = Template::parse("/v1/users/{other}").unwrap();
        assert_eq!(routes().insert(&Method::GET, &template, "again"), Err("again"));
    }

    proptest! {
        #[test]
        fn looking_up_never_panics(path in "[/a-z:%0-9*]{0,200}") {
            let _ = routes().find(&Method::GET, &path);
        }
    }
}
