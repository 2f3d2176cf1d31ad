//! Our filters: those the engine does not have, and those of its own that are not bounded.

use jiff::{Timestamp, tz::TimeZone};
use minijinja::{Environment, Error, ErrorKind, Value};

use super::Escape;

/// The longest text that a filter may make.
const MAX_TEXT: usize = 64 * 1024;

pub(super) fn add_to(environment: &mut Environment<'static>, escape: Escape) {
    environment.add_filter("truncate", truncate);
    environment.add_filter("join", join);
    environment.add_filter("replace", replace);
    environment.add_filter("time", time);
    if escape == Escape::Json {
        // In JSON this is the only filter whose result is printed as it is.
        environment.add_filter("tojson", to_json);
    } else {
        environment.remove_filter("tojson");
    }
}

/// At most `length` characters, the last of which is `…` where something was cut off.
fn truncate(text: &str, length: Option<usize>) -> String {
    let length = length.unwrap_or(255);
    if text.chars().count() <= length {
        return text.to_owned();
    }
    text.chars().take(length.saturating_sub(1)).chain(std::iter::once('…')).collect()
}

fn join(values: Value, separator: Option<&str>) -> Result<String, Error> {
    let mut joined = String::new();
    for (index, value) in values.try_iter()?.enumerate() {
        if index > 0 {
            joined.push_str(separator.unwrap_or_default());
        }
        joined.push_str(&value.to_string());
        bounded(joined.len())?;
    }
    Ok(joined)
}

fn replace(text: &str, from: &str, to: &str) -> Result<String, Error> {
    let count = if from.is_empty() { text.len() + 1 } else { text.matches(from).count() };
    bounded(text.len() + count * to.len())?;
    Ok(text.replace(from, to))
}

/// A time in RFC 3339 as `format` says (strftime), in a time zone (IANA name; UTC if left out).
fn time(text: &str, format: Option<&str>, zone: Option<&str>) -> Result<String, Error> {
    let failed = |reason: String| Error::new(ErrorKind::InvalidOperation, reason);
    let at: Timestamp = text.parse().map_err(|_| failed(format!("`{text}` is not a time")))?;
    let zone = zone.unwrap_or("UTC");
    let zone = TimeZone::get(zone).map_err(|_| failed(format!("`{zone}` is not a time zone")))?;
    let shown = jiff::fmt::strtime::format(format.unwrap_or("%Y-%m-%d %H:%M %Z"), &at.to_zoned(zone));
    shown.map_err(|error| failed(error.to_string()))
}

fn to_json(value: Value) -> Result<Value, Error> {
    let json = serde_json::to_string(&value)
        .map_err(|error| Error::new(ErrorKind::InvalidOperation, error.to_string()))?;
    Ok(Value::from_safe_string(json))
}

fn bounded(length: usize) -> Result<(), Error> {
    if length > MAX_TEXT {
        return Err(Error::new(ErrorKind::InvalidOperation, "the text is too long"));
    }
    Ok(())
}
