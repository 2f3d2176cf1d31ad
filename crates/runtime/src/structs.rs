//! JSON as `google.protobuf.Struct`, and back.

use prost_types::{ListValue, Struct, Value as PbValue, value::Kind};
use serde_json::{Map, Number, Value};

/// A JSON object as a struct; anything else becomes an empty one.
pub fn to_struct(value: &Value) -> Struct {
    match value {
        Value::Object(fields) => {
            Struct { fields: fields.iter().map(|(name, value)| (name.clone(), to_value(value))).collect() }
        }
        _ => Struct::default(),
    }
}

/// A struct as a JSON object. The wire has only doubles: whole ones become integers again.
pub fn from_struct(value: &Struct) -> Value {
    Value::Object(
        value.fields.iter().map(|(name, value)| (name.clone(), from_value(value))).collect::<Map<_, _>>(),
    )
}

fn to_value(value: &Value) -> PbValue {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(value) => Kind::BoolValue(*value),
        Value::Number(value) => Kind::NumberValue(value.as_f64().unwrap_or(0.0)),
        Value::String(value) => Kind::StringValue(value.clone()),
        Value::Array(values) => Kind::ListValue(ListValue { values: values.iter().map(to_value).collect() }),
        Value::Object(_) => Kind::StructValue(to_struct(value)),
    };
    PbValue { kind: Some(kind) }
}

fn from_value(value: &PbValue) -> Value {
    match &value.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(value)) => Value::Bool(*value),
        Some(Kind::NumberValue(value)) => number(*value),
        Some(Kind::StringValue(value)) => Value::String(value.clone()),
        Some(Kind::ListValue(list)) => Value::Array(list.values.iter().map(from_value).collect()),
        Some(Kind::StructValue(value)) => from_struct(value),
    }
}

/// Integers that a double holds exactly reach up to 2^53.
fn number(value: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() <= EXACT {
        return Value::Number(Number::from(value as i64));
    }
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_survives_the_wire() {
        let value = json!({"a": 1, "b": 2.5, "c": [true, null, "x"], "d": {"e": -7}});
        assert_eq!(from_struct(&to_struct(&value)), value);
    }
}
