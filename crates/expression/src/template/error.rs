//! What is wrong with a template, and where.

use std::{fmt, ops::Range, sync::LazyLock};

use minijinja::{Error, ErrorKind};
use regex::Regex;

/// What the writer says when the result is too long.
pub(super) const OUTPUT_TOO_LONG: &str = "the result is too long";

/// What kind of error it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplateErrorKind {
    /// It does not parse, or uses something that is not allowed.
    Syntax,
    /// It prints something that the context does not have.
    Undefined {
        /// The variable's path, such as `labels.namespace`.
        path: String,
    },
    /// Its result is too long, or takes too much work.
    TooLarge,
    /// Something else failed while rendering, such as a filter.
    Render,
}

/// What is wrong with a template, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateError {
    /// What kind of error it is.
    pub kind: TemplateErrorKind,
    /// From 1; 0 where it is about no place.
    pub line: usize,
    /// From 1, in characters; 0 where it is about no place.
    pub column: usize,
    /// What is wrong, for people.
    pub message: String,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}, column {}: ", self.line, self.column)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for TemplateError {}

impl TemplateError {
    pub(super) fn syntax_at(line: usize, column: usize, message: impl Into<String>) -> Self {
        Self { kind: TemplateErrorKind::Syntax, line, column, message: message.into() }
    }
}

/// An error of the parser.
pub(super) fn syntax(source: &str, error: &Error) -> TemplateError {
    let (line, column) = place(source, error);
    TemplateError::syntax_at(line, column, message(error))
}

/// An error of rendering.
pub(super) fn rendering(source: &str, error: &Error) -> TemplateError {
    let (line, column) = place(source, error);
    let kind = match error.kind() {
        ErrorKind::UndefinedError => TemplateErrorKind::Undefined { path: path(source, error) },
        ErrorKind::OutOfFuel | ErrorKind::WriteFailure => TemplateErrorKind::TooLarge,
        _ => TemplateErrorKind::Render,
    };
    let message = match &kind {
        TemplateErrorKind::Undefined { path } => format!("`{path}` is not defined"),
        TemplateErrorKind::TooLarge if error.kind() == ErrorKind::OutOfFuel => {
            "rendering takes too many steps".to_owned()
        }
        TemplateErrorKind::TooLarge => OUTPUT_TOO_LONG.to_owned(),
        _ => message(error),
    };
    TemplateError { kind, line, column, message }
}

fn message(error: &Error) -> String {
    let text = error.detail().map_or_else(|| error.kind().to_string(), ToOwned::to_owned);
    text.lines().next().unwrap_or_default().chars().take(300).collect()
}

fn place(source: &str, error: &Error) -> (usize, usize) {
    let from_range = || {
        let before = source.get(..error.range()?.start)?;
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Some((before.matches('\n').count() + 1, before[line_start..].chars().count() + 1))
    };
    from_range().unwrap_or((error.line().unwrap_or(0), usize::from(error.line().is_some())))
}

/// The variable that an error is about, from the place it names: the engine does not say.
fn path(source: &str, error: &Error) -> String {
    static PATH: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"[A-Za-z_]\w*(?:\s*\.\s*\w+|\s*\[\s*(?:'[^']*'|"[^"]*")\s*\])*"#)
            .expect("a valid pattern")
    });
    let range: Range<usize> = error.range().unwrap_or(0..0);
    let before = source.get(..range.start).unwrap_or_default();
    // A filter's error is about what stands before the bar.
    let text = match before.trim_end().strip_suffix('|') {
        Some(filtered) => filtered.rsplit(['{', '%', '(', ',', '~']).next().unwrap_or_default(),
        None => source.get(range).unwrap_or_default(),
    };
    PATH.find(text).map(|found| dotted(found.as_str())).unwrap_or_else(|| "a value".to_owned())
}

/// `labels["a"].b` as `labels.a.b`.
fn dotted(path: &str) -> String {
    let parts = path.split(['.', '[', ']', '\'', '"']).map(str::trim);
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(".")
}
