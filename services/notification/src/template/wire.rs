//! Templates on the wire.

use callout_proto::notification::v1 as pb;

use super::{Content, Problem, Template, Version};
use crate::{
    error::{Error, Result},
    rendered::Rendered,
    wire::{kind, kind_to_pb, to_pb},
};

/// Contents of a request.
pub(super) fn contents(contents: Vec<pb::ChannelContent>) -> Result<Vec<Content>> {
    contents.into_iter().enumerate().map(|(index, c)| content(c, &format!("contents[{index}]"))).collect()
}

/// A content of a request.
pub(super) fn content(content: pb::ChannelContent, field: &str) -> Result<Content> {
    Ok(Content {
        kind: kind(content.channel(), &format!("{field}.channel"))?,
        subject: content.subject,
        text: content.text,
        html: content.html,
        body: content.body,
    })
}

impl From<Content> for pb::ChannelContent {
    fn from(content: Content) -> Self {
        Self {
            channel: kind_to_pb(content.kind),
            subject: content.subject,
            text: content.text,
            html: content.html,
            body: content.body,
        }
    }
}

impl From<Version> for pb::TemplateVersion {
    fn from(version: Version) -> Self {
        Self {
            version: i32::try_from(version.number).unwrap_or(i32::MAX),
            contents: version.contents.into_iter().map(Into::into).collect(),
            required_variables: version.required,
            optional_variables: version.optional,
            created_at: Some(to_pb(version.created_at)),
            created_by: version.created_by,
            comment: version.comment,
        }
    }
}

impl From<Template> for pb::Template {
    fn from(template: Template) -> Self {
        Self {
            id: template.id.map(|id| id.to_string()).unwrap_or_default(),
            name: template.name,
            description: template.description,
            published: Some(template.published.into()),
            latest_version: i32::try_from(template.latest_version).unwrap_or(i32::MAX),
            built_in: template.id.is_none(),
            created_at: Some(to_pb(template.created_at)),
            updated_at: Some(to_pb(template.updated_at)),
        }
    }
}

impl From<Rendered> for pb::RenderPreviewResponse {
    fn from(rendered: Rendered) -> Self {
        let is_sms = rendered.kind == crate::rendered::Kind::Sms;
        let segments = if is_sms { super::rules::segments(&rendered.text) } else { 0 };
        Self {
            channel: kind_to_pb(rendered.kind),
            subject: rendered.subject,
            text: rendered.text,
            html: rendered.html,
            body: rendered.body,
            segments: i32::try_from(segments).unwrap_or(i32::MAX),
        }
    }
}

impl From<Problem> for pb::TemplateError {
    fn from(problem: Problem) -> Self {
        Self {
            code: problem.code as i32,
            field: problem.field,
            line: i32::try_from(problem.line).unwrap_or(0),
            column: i32::try_from(problem.column).unwrap_or(0),
            message: problem.message,
            variable: problem.variable,
        }
    }
}

impl From<Vec<Problem>> for Error {
    fn from(problems: Vec<Problem>) -> Self {
        let violation = |problem: Problem| {
            let place = if problem.line > 0 {
                format!("line {}, column {}: ", problem.line, problem.column)
            } else {
                String::new()
            };
            (problem.field, format!("{place}{}", problem.message))
        };
        Self::Invalid(problems.into_iter().map(violation).collect())
    }
}
