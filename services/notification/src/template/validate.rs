//! Checking templates before they are kept.

use std::collections::HashSet;

use serde_json::Value;

use super::{Code, Content, Problem, builtin::sample_context, render, render::compile};

/// How many problems are told.
const MAX_PROBLEMS: usize = 100;
/// How many variables may be declared.
pub const MAX_VARIABLES: usize = 64;

/// What is wrong with contents. They are compiled, their variables are checked against those
/// declared, and they are rendered with `context` and the result is held against the channel's rules.
pub fn problems(
    contents: &[Content],
    required: &[String],
    optional: &[String],
    context: Option<&Value>,
) -> Vec<Problem> {
    let mut found = Vec::new();
    if contents.is_empty() || contents.len() > 7 {
        found.push(Problem::of_field(Code::RenderFailed, "contents", "must be 1 to 7, one a channel"));
    }
    if required.len() > MAX_VARIABLES || optional.len() > MAX_VARIABLES {
        let reason = format!("at most {MAX_VARIABLES} variables of each kind can be declared");
        found.push(Problem::of_field(Code::RenderFailed, "required_variables", reason));
    }
    let context = match context {
        Some(context) => context.clone(),
        None => sample_with(required, optional),
    };
    let declared: HashSet<&str> = required.iter().chain(optional).map(String::as_str).collect();
    let mut seen = HashSet::new();
    for (index, content) in contents.iter().enumerate() {
        let field = format!("contents[{index}]");
        if !seen.insert(content.kind) {
            let reason = format!("there is another content for {}", content.kind.name());
            found.push(Problem::of_field(Code::RenderFailed, format!("{field}.channel"), reason));
        }
        let before = found.len();
        check_parts(content, &field, &declared, &mut found);
        if found.len() == before
            && let Err(problem) = render::render_content(content, &context, None, &field)
        {
            found.push(problem);
        }
    }
    found.extend(missing(required, &context));
    found.truncate(MAX_PROBLEMS);
    found
}

/// The required variables that a context does not bring.
pub fn missing(required: &[String], context: &Value) -> Vec<Problem> {
    let absent = required.iter().filter(|path| lookup(context, path).is_none());
    absent
        .map(|path| Problem {
            variable: path.clone(),
            ..Problem::of_field(
                Code::MissingVariable,
                "render_context",
                format!("the required variable `{path}` is missing"),
            )
        })
        .collect()
}

fn check_parts(content: &Content, field: &str, declared: &HashSet<&str>, found: &mut Vec<Problem>) {
    for (name, source, escape) in content.parts() {
        let field = format!("{field}.{name}");
        match compile(source, escape) {
            Err(error) => found.push(Problem::of_template(&field, &error)),
            Ok(compiled) => {
                for path in compiled.variables() {
                    if !is_known(&path, declared) {
                        let (line, column) = place(source, &path);
                        found.push(Problem {
                            line,
                            column,
                            variable: path.clone(),
                            ..Problem::of_field(
                                Code::MissingVariable,
                                &field,
                                format!("`{path}` is neither declared nor part of the standard context"),
                            )
                        });
                    }
                }
            }
        }
    }
}

/// Whether a path is declared, or always there. Labels, annotations and links differ from alert to
/// alert, so single ones must be declared.
fn is_known(path: &str, declared: &HashSet<&str>) -> bool {
    let mut parts = path.split('.');
    let (root, field) = (parts.next().unwrap_or_default(), parts.next());
    if declared.contains(path) || declared.contains(root) {
        return true;
    }
    match (root, field) {
        ("alert" | "labels" | "annotations" | "user" | "escalation" | "service" | "links", None) => true,
        ("alert" | "user" | "escalation", Some(field)) => sample_context()[root].get(field).is_some(),
        ("service", Some(field)) => matches!(field, "id" | "name" | "labels"),
        ("links", Some("action")) => true,
        _ => false,
    }
}

/// Where a path is used first.
fn place(source: &str, path: &str) -> (usize, usize) {
    let Some(at) = source.find(path) else { return (0, 0) };
    let before = &source[..at];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// The sample with every declared path filled in.
fn sample_with(required: &[String], optional: &[String]) -> Value {
    let mut context = sample_context();
    for path in required.iter().chain(optional) {
        let mut place = &mut context;
        for part in path.split('.') {
            if !place.is_object() {
                break;
            }
            place = &mut place[part];
        }
        if place.is_null() {
            *place = Value::from("sample");
        }
    }
    context
}

fn lookup<'a>(context: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(context, |value, part| value.get(part)).filter(|value| !value.is_null())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{rendered::Kind, template::builtin};

    fn slack(body: &str) -> Vec<Content> {
        let body = body.to_owned();
        vec![Content { kind: Kind::Slack, subject: "".into(), text: "t".into(), html: "".into(), body }]
    }

    fn first(contents: &[Content], required: &[&str]) -> (Code, String, usize) {
        let required: Vec<_> = required.iter().map(|path| (*path).to_owned()).collect();
        let problems = problems(contents, &required, &[], None);
        let problem = problems.first().expect("a problem");
        (problem.code, problem.field.clone(), problem.line)
    }

    #[test]
    fn the_built_in_template_is_valid() {
        let version = builtin::default().published;
        assert_eq!(problems(&version.contents, &version.required, &version.optional, None), vec![]);
    }

    #[test]
    fn errors_name_the_place() {
        let header = |text: &str| {
            format!(
                "[\n {{\"type\": \"header\", \"text\": {{\"type\": \"plain_text\", \"text\": \"{text}\"}}}}]"
            )
        };
        let field = || "contents[0].body".to_owned();
        assert_eq!(first(&slack(&header("{{ alert.summary")), &[]), (Code::InvalidSyntax, field(), 2));
        assert_eq!(first(&slack(&header("{{ labels.pod }}")), &[]), (Code::MissingVariable, field(), 2));
        assert_eq!(first(&slack(&header(&"x".repeat(151))), &[]), (Code::ChannelRule, field(), 0));
        assert_eq!(first(&slack("[{]"), &[]).0, Code::ChannelRule);
        let many = format!("[{}]", vec!["{\"type\": \"divider\"}"; 51].join(","));
        assert_eq!(first(&slack(&many), &[]), (Code::ChannelRule, field(), 0));
        assert_eq!(
            problems(&slack(&header("{{ labels.pod }}")), &["labels.pod".to_owned()], &[], None),
            vec![]
        );
    }

    #[test]
    fn what_a_message_does_not_bring_is_named() {
        let required = ["labels.pod".to_owned()];
        let problems = problems(&slack("[]"), &required, &[], Some(&sample_context()));
        assert_eq!((problems[0].code, problems[0].variable.as_str()), (Code::MissingVariable, "labels.pod"));
    }
}
