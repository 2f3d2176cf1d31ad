//! Path templates of `google.api.http`.
//!
//! ```text
//! template = "/" segment { "/" segment } [ ":" verb ]
//! segment  = literal | "*" | "**" | "{" field.path [ "=" pattern ] "}"
//! ```

/// One segment of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// Exactly this text.
    Literal(String),
    /// Any one segment.
    Any,
    /// All that is left, at least one segment; only at the end.
    Rest,
}

/// A field of the request that stands in the path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// The field's path from the request message, by proto names, such as `alert.id`.
    pub field: String,
    /// The first segment it covers.
    pub start: usize,
    /// The segment after the last it covers.
    pub end: usize,
}

/// A parsed template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Its segments, in order.
    pub segments: Vec<Segment>,
    /// Its variables, in order.
    pub variables: Vec<Variable>,
    /// The custom verb after the last colon.
    pub verb: Option<String>,
}

/// Why a template cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("path template {template:?}: {reason}")]
pub struct TemplateError {
    template: String,
    reason: &'static str,
}

impl Template {
    /// Parses a template.
    pub fn parse(template: &str) -> Result<Self, TemplateError> {
        parse(template).map_err(|reason| TemplateError { template: template.to_owned(), reason })
    }

    /// The values of the variables in the segments of a path that fits.
    pub fn values<'t>(&'t self, segments: &[String]) -> Vec<(&'t str, String)> {
        let whole = segments.len().max(self.segments.len());
        let value = |variable: &Variable| {
            let covers_rest = self.segments[variable.end - 1] == Segment::Rest;
            let end = if covers_rest { whole } else { variable.end };
            segments[variable.start..end].join("/")
        };
        self.variables.iter().map(|variable| (variable.field.as_str(), value(variable))).collect()
    }
}

fn parse(template: &str) -> Result<Template, &'static str> {
    let path = template.strip_prefix('/').ok_or("it must begin with a slash")?;
    let (path, verb) = split_verb(path);
    if verb == Some("") {
        return Err("the verb is empty");
    }
    let mut parsed = Template { segments: Vec::new(), variables: Vec::new(), verb: verb.map(str::to_owned) };
    let mut rest = Some(path);
    while let Some(text) = rest {
        rest = take_segment(text, &mut parsed)?;
    }
    let last = parsed.segments.len() - 1;
    if parsed.segments[..last].contains(&Segment::Rest) {
        return Err("`**` may only come last");
    }
    Ok(parsed)
}

/// The path and its verb: what follows a colon after the last slash and the last variable.
fn split_verb(path: &str) -> (&str, Option<&str>) {
    let tail = path.rfind(['/', '}']).map_or(0, |at| at + 1);
    match path[tail..].find(':') {
        Some(colon) => (&path[..tail + colon], Some(&path[tail + colon + 1..])),
        None => (path, None),
    }
}

/// Takes one segment or variable off the front; `None` when it was the last.
fn take_segment<'a>(text: &'a str, parsed: &mut Template) -> Result<Option<&'a str>, &'static str> {
    let after = match text.strip_prefix('{') {
        Some(inner) => take_variable(inner, parsed)?,
        None => {
            let end = text.find('/').unwrap_or(text.len());
            parsed.segments.push(segment(&text[..end])?);
            &text[end..]
        }
    };
    match after.strip_prefix('/') {
        Some(next) => Ok(Some(next)),
        None if after.is_empty() => Ok(None),
        None => Err("a variable must be a whole segment"),
    }
}

fn take_variable<'a>(inner: &'a str, parsed: &mut Template) -> Result<&'a str, &'static str> {
    let (variable, after) = inner.split_once('}').ok_or("a brace is not closed")?;
    let (field, pattern) = variable.split_once('=').unwrap_or((variable, "*"));
    if field.is_empty() || field.split('.').any(str::is_empty) {
        return Err("a variable needs the name of a field");
    }
    let start = parsed.segments.len();
    for part in pattern.split('/') {
        parsed.segments.push(segment(part)?);
    }
    let end = parsed.segments.len();
    parsed.variables.push(Variable { field: field.to_owned(), start, end });
    Ok(after)
}

fn segment(text: &str) -> Result<Segment, &'static str> {
    match text {
        "" => Err("a segment is empty"),
        "*" => Ok(Segment::Any),
        "**" => Ok(Segment::Rest),
        literal if literal.contains(['{', '}', '*']) => Err("a segment mixes text and variables"),
        literal => Ok(Segment::Literal(literal.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn segments(path: &str) -> Vec<String> {
        path.split('/').map(str::to_owned).collect()
    }

    #[rstest]
    #[case("/v1/alerts", "v1/alerts", None, &[])]
    #[case("/v1/alerts/{alert_id}", "v1/alerts/7", None, &[("alert_id", "7")])]
    #[case("/v1/alerts/{alert.id}:close", "v1/alerts/7", Some("close"), &[("alert.id", "7")])]
    #[case("/v1/{name=orgs/*/alerts/*}", "v1/orgs/a/alerts/b", None, &[("name", "orgs/a/alerts/b")])]
    #[case("/v1/{a}/x/{b}", "v1/1/x/2", None, &[("a", "1"), ("b", "2")])]
    #[case("/v1/{name=**}", "v1/a/b/c", None, &[("name", "a/b/c")])]
    #[case("/v1:search", "v1", Some("search"), &[])]
    fn templates_give_the_values_of_their_variables(
        #[case] template: &str,
        #[case] path: &str,
        #[case] verb: Option<&str>,
        #[case] values: &[(&str, &str)],
    ) {
        let template = Template::parse(template).unwrap();
        let values: Vec<_> = values.iter().map(|(field, value)| (*field, (*value).to_owned())).collect();
        assert_eq!(template.verb.as_deref(), verb);
        assert_eq!(template.values(&segments(path)), values);
    }

    #[rstest]
    #[case("v1", "it must begin with a slash")]
    #[case("/", "a segment is empty")]
    #[case("/v1//x", "a segment is empty")]
    #[case("/v1/{x", "a brace is not closed")]
    #[case("/v1/{}", "a variable needs the name of a field")]
    #[case("/v1/{a..b}", "a variable needs the name of a field")]
    #[case("/v1/{a}b", "a variable must be a whole segment")]
    #[case("/v1/a{b}", "a segment mixes text and variables")]
    #[case("/v1/**/b", "`**` may only come last")]
    #[case("/v1:", "the verb is empty")]
    fn wrong_templates_say_why(#[case] template: &str, #[case] reason: &str) {
        assert_eq!(Template::parse(template).unwrap_err().reason, reason);
    }

    proptest! {
        #[test]
        fn parsing_never_panics(template in "[/a-z{}=*.:]{0,40}") {
            let _ = Template::parse(&template);
        }
    }
}
