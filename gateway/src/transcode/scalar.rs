//! JSON values that stand for a single number, text, flag or enum value.

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use prost_reflect::{EnumDescriptor, Kind, Value};
use serde_json::{Number, Value as Json};

use super::violation::shown;

/// Any padding is accepted, as the mapping asks for.
const PADDING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, PADDING);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, PADDING);

/// The value, or what is wrong with it.
pub fn scalar(kind: &Kind, json: Json) -> Result<Value, String> {
    match kind {
        Kind::Bool => json.as_bool().map(Value::Bool).ok_or_else(|| wrong("true or false", &json)),
        Kind::String => match json {
            Json::String(text) => Ok(Value::String(text)),
            other => Err(wrong("a string", &other)),
        },
        Kind::Bytes => bytes(&json),
        Kind::Enum(kind) => enumeration(kind, &json),
        Kind::Double => float(&json).map(Value::F64),
        Kind::Float => match float(&json)? {
            wide if wide.is_finite() && wide.abs() > f64::from(f32::MAX) => {
                Err(wrong("a smaller number", &json))
            }
            #[expect(clippy::cast_possible_truncation, reason = "the range was checked; digits may go")]
            narrow => Ok(Value::F32(narrow as f32)),
        },
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => integer(&json, i32::MIN, i32::MAX).map(Value::I32),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => integer(&json, i64::MIN, i64::MAX).map(Value::I64),
        Kind::Uint32 | Kind::Fixed32 => integer(&json, u32::MIN, u32::MAX).map(Value::U32),
        Kind::Uint64 | Kind::Fixed64 => integer(&json, u64::MIN, u64::MAX).map(Value::U64),
        Kind::Message(_) => Err(wrong("an object", &json)),
    }
}

/// What a JSON value is, in words.
pub fn kind_of(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "true or false",
        Json::Number(_) => "a number",
        Json::String(_) => "a string",
        Json::Array(_) => "an array",
        Json::Object(_) => "an object",
    }
}

fn wrong(expected: &str, json: &Json) -> String {
    match json {
        Json::String(text) => format!("must be {expected}, not {}", shown(text)),
        Json::Number(number) => format!("must be {expected}, not {number}"),
        other => format!("must be {expected}, not {}", kind_of(other)),
    }
}

fn bytes(json: &Json) -> Result<Value, String> {
    let text = json.as_str().ok_or_else(|| wrong("a string in base64", json))?;
    let decoded = STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text));
    decoded.map(|bytes| Value::Bytes(bytes.into())).map_err(|_| "must be a string in base64".to_owned())
}

fn enumeration(kind: &EnumDescriptor, json: &Json) -> Result<Value, String> {
    let value = match json {
        Json::String(name) => kind
            .get_value_by_name(name)
            .or_else(|| name.parse().ok().and_then(|number: i32| kind.get_value(number))),
        Json::Number(_) | Json::Null => {
            let number = json.as_i64().unwrap_or_default();
            i32::try_from(number).ok().and_then(|number| kind.get_value(number))
        }
        _ => None,
    };
    value.map(|value| Value::EnumNumber(value.number())).ok_or_else(|| {
        let names: Vec<_> = kind.values().skip(1).map(|value| value.name().to_owned()).collect();
        wrong(&format!("one of {}", names.join(", ")), json)
    })
}

fn float(json: &Json) -> Result<f64, String> {
    let number = match json {
        Json::Number(number) => number.as_f64(),
        Json::String(text) => match text.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            digits => digits.parse().ok().filter(|number: &f64| number.is_finite()),
        },
        _ => None,
    };
    number.ok_or_else(|| wrong("a number", json))
}

/// A whole number of a type: JSON numbers and decimal strings, `1.0` and `1e3` included.
fn integer<T>(json: &Json, min: T, max: T) -> Result<T, String>
where
    T: TryFrom<i128> + std::fmt::Display,
{
    let number = match json {
        Json::Number(number) => whole(number),
        Json::String(text) => {
            text.parse::<i128>().ok().or_else(|| text.parse().ok().and_then(|number| whole(&number)))
        }
        _ => None,
    };
    let expected = || wrong(&format!("a whole number from {min} to {max}"), json);
    number.and_then(|number| T::try_from(number).ok()).ok_or_else(expected)
}

fn whole(number: &Number) -> Option<i128> {
    if let Some(number) = number.as_i128() {
        return Some(number);
    }
    let float = number.as_f64()?;
    let fits = float.fract() == 0.0 && float.abs() < 1e19;
    #[expect(clippy::cast_possible_truncation, reason = "a whole number of this size fits")]
    fits.then_some(float as i128)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::descriptors;

    fn priority() -> Kind {
        Kind::Enum(descriptors::pool().get_enum_by_name("alerting.v1.Priority").unwrap())
    }

    #[rstest]
    #[case(Kind::Int32, json!(7), Value::I32(7))]
    #[case(Kind::Int32, json!("7"), Value::I32(7))]
    #[case(Kind::Int32, json!(7.0), Value::I32(7))]
    #[case(Kind::Int32, json!("1e3"), Value::I32(1000))]
    #[case(Kind::Int64, json!("-9223372036854775808"), Value::I64(i64::MIN))]
    #[case(Kind::Uint64, json!(u64::MAX), Value::U64(u64::MAX))]
    #[case(Kind::Double, json!("Infinity"), Value::F64(f64::INFINITY))]
    #[case(Kind::Double, json!("2.5"), Value::F64(2.5))]
    #[case(Kind::Bytes, json!("_-8"), Value::Bytes(vec![255, 239].into()))]
    #[case(Kind::Bytes, json!("/+8="), Value::Bytes(vec![255, 239].into()))]
    #[case(priority(), json!("P2"), Value::EnumNumber(2))]
    #[case(priority(), json!(2), Value::EnumNumber(2))]
    #[case(priority(), json!("2"), Value::EnumNumber(2))]
    fn values_are_taken_in_every_form_of_the_mapping(
        #[case] kind: Kind,
        #[case] json: Json,
        #[case] value: Value,
    ) {
        assert_eq!(scalar(&kind, json), Ok(value));
    }

    #[rstest]
    #[case(Kind::Int32, json!(2147483648_i64), "must be a whole number from -2147483648 to 2147483647, not 2147483648")]
    #[case(Kind::Int32, json!(1.5), "must be a whole number from -2147483648 to 2147483647, not 1.5")]
    #[case(Kind::Uint32, json!(-1), "must be a whole number from 0 to 4294967295, not -1")]
    #[case(Kind::Int64, json!(true), "must be a whole number from -9223372036854775808 to 9223372036854775807, not true or false")]
    #[case(Kind::Bool, json!("yes"), "must be true or false, not \"yes\"")]
    #[case(Kind::String, json!(1), "must be a string, not 1")]
    #[case(Kind::Bytes, json!("%"), "must be a string in base64")]
    #[case(Kind::Float, json!(1e300), "must be a smaller number, not 1e+300")]
    #[case(priority(), json!("urgent"), "must be one of P1, P2, P3, P4, P5, not \"urgent\"")]
    #[case(priority(), json!(9), "must be one of P1, P2, P3, P4, P5, not 9")]
    fn wrong_values_say_what_was_expected(#[case] kind: Kind, #[case] json: Json, #[case] reason: &str) {
        assert_eq!(scalar(&kind, json), Err(reason.to_owned()));
    }
}
