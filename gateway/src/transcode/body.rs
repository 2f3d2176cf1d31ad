//! A request's body, before anything is known about its type.

use serde_json::Value as Json;

use super::violation::Violations;

/// Deeper nesting is refused: `google.protobuf.Struct` cannot be decoded much deeper.
const MAX_DEPTH: usize = 32;

/// The JSON in a body; `None` if the body is empty.
pub fn parse(body: &[u8]) -> Result<Option<Json>, Violations> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    if let Some(position) = too_deep(body) {
        let (line, column) = line_and_column(body, position);
        let reason = format!("nested deeper than {MAX_DEPTH} levels at line {line} column {column}");
        return Err(Violations::one("body", reason));
    }
    // serde_json ends its messages with the line and the column.
    serde_json::from_slice(body)
        .map(Some)
        .map_err(|error| Violations::one("body", format!("is not valid JSON: {error}")))
}

/// Where the nesting goes beyond the bound.
fn too_deep(body: &[u8]) -> Option<usize> {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for (position, byte) in body.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Some(position);
                }
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

fn line_and_column(body: &[u8], position: usize) -> (usize, usize) {
    let before = &body[..position];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("{\n  \"a\": x}", "body: is not valid JSON: expected value at line 2 column 8")]
    #[case("{", "body: is not valid JSON: EOF while parsing an object at line 1 column 1")]
    #[case("a=b", "body: is not valid JSON: expected value at line 1 column 1")]
    fn malformed_bodies_name_the_place(#[case] body: &str, #[case] reason: &str) {
        assert_eq!(parse(body.as_bytes()).unwrap_err().lines(), [reason]);
    }

    #[test]
    fn depth_is_bounded_and_brackets_in_strings_do_not_count() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(nested(32).as_bytes()).is_ok());
        assert!(parse(format!("[\"\\\"{}\"]", "[".repeat(100)).as_bytes()).is_ok());
        let error = parse(format!("\n {}", nested(33)).as_bytes()).unwrap_err();
        assert_eq!(error.lines(), ["body: nested deeper than 32 levels at line 2 column 34"]);
    }

    #[test]
    fn an_empty_body_is_none() {
        assert_eq!(parse(b" \n"), Ok(None));
    }

    proptest! {
        #[test]
        fn parsing_never_panics(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&body);
        }
    }
}
