//! The one render function.

use callout_expression::{Escape, Template as Compiled};
use moka::sync::Cache;
use serde_json::{Value, json};
use std::sync::LazyLock;

use super::{Code, Content, Problem, Version, rules};
use crate::rendered::{Kind, Rendered};

/// Compiled templates by their text: versions are immutable, so nothing here is ever out of date.
static COMPILED: LazyLock<Cache<(Escape, String), Compiled>> = LazyLock::new(|| Cache::new(10_000));

/// Renders what a version says on a channel.
pub fn render(
    version: &Version,
    kind: Kind,
    context: &Value,
    address: Option<&str>,
) -> Result<Rendered, Problem> {
    let place = version.contents.iter().position(|content| content.kind == kind);
    let place = place.ok_or_else(|| {
        Problem::of_field(Code::RenderFailed, "contents", format!("says nothing for {}", kind.name()))
    })?;
    render_content(&version.contents[place], context, address, &format!("contents[{place}]"))
}

/// Renders one content. `address` is where it goes, which Slack's chat.postMessage has in its body.
pub fn render_content(
    content: &Content,
    context: &Value,
    address: Option<&str>,
    field: &str,
) -> Result<Rendered, Problem> {
    let part = |name: &str, source: &str, escape: Escape| -> Result<String, Problem> {
        let field = format!("{field}.{name}");
        let compiled = compile(source, escape).map_err(|error| Problem::of_template(&field, &error))?;
        compiled.render(context).map_err(|error| Problem::of_template(&field, &error))
    };
    let [subject, text, html, body] =
        content.parts().map(|(name, source, escape)| part(name, source, escape));
    let rendered =
        Rendered { kind: content.kind, subject: one_line(&subject?), text: text?, html: html?, body: body? };
    let rendered = match content.kind {
        Kind::Slack => slack(rendered, address, field)?,
        _ => rendered,
    };
    rules::check(&rendered, field)?;
    Ok(rendered)
}

/// Compiles a part, or takes it from those compiled before.
pub fn compile(source: &str, escape: Escape) -> Result<Compiled, callout_expression::TemplateError> {
    let key = (escape, source.to_owned());
    if let Some(known) = COMPILED.get(&key) {
        return Ok(known);
    }
    let compiled = Compiled::compile(source, escape)?;
    COMPILED.insert(key, compiled.clone());
    Ok(compiled)
}

/// A header must not begin another one.
fn one_line(subject: &str) -> String {
    subject.split(['\r', '\n']).map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The body that Slack takes: the blocks, and the text that notifications show.
fn slack(rendered: Rendered, address: Option<&str>, field: &str) -> Result<Rendered, Problem> {
    let blocks: Value = serde_json::from_str(&rendered.body).map_err(|error| Problem {
        line: error.line(),
        column: error.column(),
        ..Problem::of_field(
            Code::ChannelRule,
            format!("{field}.body"),
            format!("the result is not JSON: {error}"),
        )
    })?;
    let mut body = json!({"text": rendered.text, "blocks": blocks});
    if let Some(address) = address {
        body["channel"] = address.into();
    }
    Ok(Rendered { body: body.to_string(), ..rendered })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::builtin::{default, sample_context};

    #[test]
    fn the_built_in_template_says_something_on_every_channel() {
        for kind in Kind::ALL {
            for status in ["TRIGGERED", "ACKNOWLEDGED", "RESOLVED"] {
                let mut context = sample_context();
                context["alert"]["status"] = status.into();
                let rendered = render(&default().published, kind, &context, None);
                let rendered = rendered.unwrap_or_else(|problem| panic!("{kind:?} {status}: {problem}"));
                let all = format!("{}{}{}", rendered.text, rendered.html, rendered.body);
                assert!(all.contains("Checkout is slow"), "{kind:?}: {all}");
            }
        }
    }

    #[test]
    fn buttons_are_there_only_where_they_lead_somewhere() {
        let mut context = sample_context();
        let body = |context: &Value| render(&default().published, Kind::Slack, context, None).unwrap().body;
        assert!(body(&context).contains("\"Runbook\"") && body(&context).contains("\"Dashboard\""));
        context["links"] = json!({"action": "https://callout.example.com/a/x"});
        assert!(!body(&context).contains("Runbook") && body(&context).contains("Acknowledge"));
        context["links"] = json!({});
        context["labels"] = json!({});
        context["alert"]["details"] = "".into();
        assert!(!body(&context).contains("actions") && !body(&context).contains("Namespace"));
    }

    #[test]
    fn a_hostile_alert_breaks_no_channel() {
        let mut context = sample_context();
        let evil = "\"}]<script>alert(1)</script>\r\nBcc: all@example.com\u{0}{{ 7*7 }}".repeat(40);
        for field in ["summary", "details", "severity", "acknowledged_by"] {
            context["alert"][field] = evil.clone().into();
        }
        context["labels"] = json!({"namespace": evil, "a\"b": evil});
        for kind in [Kind::Slack, Kind::Email, Kind::Sms, Kind::Teams, Kind::Webhook] {
            let rendered = render(&default().published, kind, &context, None);
            let rendered = rendered.unwrap_or_else(|problem| panic!("{kind:?}: {problem}"));
            assert!(!rendered.html.contains("<script>") && !rendered.subject.contains('\n'), "{kind:?}");
        }
    }
}
