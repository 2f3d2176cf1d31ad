//! Templates: what messages say, in immutable versions.
//!
//! There is one render function, [`render::render`]: previews and deliveries both call it, so what
//! is shown is what is sent.

pub mod builtin;
pub mod render;
pub mod rpc;
mod rules;
pub mod store;
pub mod validate;
mod wire;

use callout_expression::{Escape, TemplateErrorKind};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::rendered::Kind;

/// The name of the built-in template.
pub const DEFAULT: &str = "default";

/// What is said on one channel; each part is a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// The channel.
    pub kind: Kind,
    /// E-mail: the subject line.
    #[serde(default)]
    pub subject: String,
    /// E-mail: the text part. SMS: the message. Slack: the fall-back text.
    #[serde(default)]
    pub text: String,
    /// E-mail: the HTML part.
    #[serde(default)]
    pub html: String,
    /// Slack: a JSON array of blocks. Teams, webhook: the JSON body.
    #[serde(default)]
    pub body: String,
}

impl Content {
    /// The parts with their names and how their values are escaped.
    pub fn parts(&self) -> [(&'static str, &str, Escape); 4] {
        [
            ("subject", &self.subject, Escape::None),
            ("text", &self.text, Escape::None),
            ("html", &self.html, Escape::Html),
            ("body", &self.body, Escape::Json),
        ]
    }
}

/// An immutable version.
#[derive(Debug, Clone, PartialEq)]
pub struct Version {
    /// From 1.
    pub number: i64,
    /// One content a channel.
    pub contents: Vec<Content>,
    /// Paths that a message must bring.
    pub required: Vec<String>,
    /// Paths that a message may bring.
    pub optional: Vec<String>,
    /// What changed.
    pub comment: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: String,
}

/// A template and its published version.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// Its id; `None` if it is built in.
    pub id: Option<Uuid>,
    /// Its name, unique in the organization.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The version that new messages use.
    pub published: Version,
    /// The newest version.
    pub latest_version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What kind of error is in a template. The numbers are those of the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// It does not parse, or uses something that is not allowed.
    InvalidSyntax = 1,
    /// A variable is not declared, or missing.
    MissingVariable = 2,
    /// The result is longer than the channel takes.
    LengthExceeded = 3,
    /// The result breaks a rule of the channel.
    ChannelRule = 4,
    /// Rendering failed for another reason.
    RenderFailed = 5,
}

/// Something wrong in a template, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What kind of error it is.
    pub code: Code,
    /// Which field, such as `contents[0].body`.
    pub field: String,
    /// From 1; 0 where it is about no place.
    pub line: usize,
    /// From 1; 0 where it is about no place.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// The variable, where it is about one.
    pub variable: String,
}

impl Problem {
    /// A problem of a field as a whole.
    pub fn of_field(code: Code, field: impl Into<String>, message: impl Into<String>) -> Self {
        let (field, message) = (field.into(), message.into());
        Self { code, field, line: 0, column: 0, message, variable: String::new() }
    }

    /// An error of the template engine.
    pub fn of_template(field: impl Into<String>, error: &callout_expression::TemplateError) -> Self {
        let (code, variable) = match &error.kind {
            TemplateErrorKind::Syntax => (Code::InvalidSyntax, String::new()),
            TemplateErrorKind::Undefined { path } => (Code::MissingVariable, path.clone()),
            TemplateErrorKind::TooLarge => (Code::LengthExceeded, String::new()),
            TemplateErrorKind::Render => (Code::RenderFailed, String::new()),
        };
        Self {
            code,
            field: field.into(),
            line: error.line,
            column: error.column,
            message: error.message.clone(),
            variable,
        }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.field)?;
        if self.line > 0 {
            write!(f, ", line {}, column {}", self.line, self.column)?;
        }
        write!(f, ": {}", self.message)
    }
}
