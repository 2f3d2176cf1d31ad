//! Reading the YAML that people write, with errors that say where.

use std::fmt;

use serde::de::DeserializeOwned;
pub use serde_saphyr::Spanned;

/// Larger files are refused unread.
pub const MAX_BYTES: usize = 4 << 20;

/// What is wrong with a file, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct YamlError {
    /// From 1; 0 where it is about no place.
    pub line: u64,
    /// From 1; 0 where it is about no place.
    pub column: u64,
    /// The field's path, such as `organizations[0].users[2].role`.
    pub field: String,
    /// What is wrong.
    pub reason: String,
}

impl YamlError {
    /// Something wrong with a value that was read.
    pub fn at<T>(place: &Spanned<T>, field: impl Into<String>, reason: impl Into<String>) -> Self {
        let (line, column) = (place.referenced.line(), place.referenced.column());
        Self { line, column, field: field.into(), reason: reason.into() }
    }
}

impl fmt::Display for YamlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}, column {}: ", self.line, self.column)?;
        }
        if !self.field.is_empty() && self.field != "." {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.reason)
    }
}

impl std::error::Error for YamlError {}

/// Reads one YAML document.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T, YamlError> {
    if text.len() > MAX_BYTES {
        let reason = format!("the file is larger than {MAX_BYTES} bytes");
        return Err(YamlError { line: 0, column: 0, field: String::new(), reason });
    }
    let mut track = serde_path_to_error::Track::new();
    let result = serde_saphyr::with_deserializer_from_str(text, |deserializer| {
        T::deserialize(serde_path_to_error::Deserializer::new(deserializer, &mut track))
    });
    result.map_err(|error| {
        let place = error.location();
        let reason = error.without_snippet().to_string();
        YamlError {
            line: place.map_or(0, |place| place.line()),
            column: place.map_or(0, |place| place.column()),
            field: track.path().to_string(),
            reason: without_place(&reason),
        }
    })
}

/// The parser's message without the place that it repeats.
fn without_place(message: &str) -> String {
    let first = message.lines().next().unwrap_or_default();
    let first = first.strip_prefix("error: ").unwrap_or(first);
    match first.split_once(": ") {
        Some((place, rest)) if place.starts_with("line ") => rest.to_owned(),
        _ => first.split(" at line ").next().unwrap_or(first).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        #[expect(dead_code, reason = "only read")]
        people: Vec<Person>,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Person {
        #[expect(dead_code, reason = "only read")]
        age: u8,
    }

    #[test]
    fn an_error_names_line_field_and_reason() {
        let error = parse::<File>("people:\n  - age: 3\n  - age: old\n").unwrap_err();
        assert_eq!((error.line, error.field.as_str()), (3, "people[1].age"), "{error}");
        let error = parse::<File>("people:\n  - age: 3\n    name: x\n").unwrap_err();
        assert_eq!(error.line, 3, "{error}");
        assert!(error.to_string().contains("unknown field `name`"), "{error}");
        assert!(parse::<File>("people: [").is_err());
    }
}
