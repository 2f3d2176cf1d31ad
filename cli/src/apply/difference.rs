//! What differs between what is declared and what is there. Pure.

use serde_json::{Map, Value};

/// Lines such as `steps[0].delay: "60s" → "300s"`, for all that is declared and is otherwise. What is
/// not declared is not looked at, except that lists must have the same length.
pub fn difference(declared: &Value, present: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    compare("", declared, present, &mut lines);
    lines
}

fn compare(path: &str, declared: &Value, present: &Value, lines: &mut Vec<String>) {
    match (declared, present) {
        (Value::Object(declared), _) => {
            let nothing = Map::new();
            let present = present.as_object().unwrap_or(&nothing);
            for (name, value) in declared {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                compare(&path, value, present.get(name).unwrap_or(&Value::Null), lines);
            }
        }
        (Value::Array(declared), Value::Array(present)) if declared.len() == present.len() => {
            for (index, (declared, present)) in declared.iter().zip(present).enumerate() {
                compare(&format!("{path}[{index}]"), declared, present, lines);
            }
        }
        _ if same(declared, present) => {}
        _ => lines.push(format!("{path}: {} → {}", shown(present), shown(declared))),
    }
}

/// Defaults are the same as nothing, and numbers are the same however they are written.
fn same(declared: &Value, present: &Value) -> bool {
    let is_default = |value: &Value| match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    };
    let number = |value: &Value| value.as_f64();
    declared == present
        || (is_default(declared) && is_default(present))
        || (number(declared).is_some() && number(declared) == number(present))
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None if value.is_null() => "nothing".to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_is_declared_is_compared() {
        let present = json!({"name": "a", "steps": [{"delay": "60s", "targets": []}], "createdAt": "now", "count": 2.0});
        assert_eq!(
            difference(&json!({"name": "a", "count": 2, "template": ""}), &present),
            Vec::<String>::new()
        );
        let declared = json!({"steps": [{"delay": "300s"}], "description": "new"});
        let lines = difference(&declared, &present);
        assert_eq!(lines, ["description: nothing → \"new\"", "steps[0].delay: \"60s\" → \"300s\""]);
        assert_eq!(difference(&json!({"steps": []}), &present).len(), 1);
    }
}
