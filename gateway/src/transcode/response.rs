//! Answers as JSON.

use std::io;

use prost_reflect::{DynamicMessage, ReflectMessage, SerializeOptions};
use serde::Serializer as _;
use serde_json::ser::{CompactFormatter, Formatter};

/// A message by the proto3 JSON mapping: camelCase names, fields with default values included,
/// 64-bit numbers as strings.
pub fn to_json(message: &DynamicMessage) -> Vec<u8> {
    let options = SerializeOptions::new().skip_default_fields(false).stringify_64_bit_integers(true);
    let mut json = Vec::with_capacity(512);
    let mut serializer = serde_json::Serializer::with_formatter(&mut json, WholeNumbers);
    if let Err(error) = message.serialize_with_options(&mut serializer, &options) {
        // Only an `Any` of an unknown type, or a time out of range, cannot be written.
        tracing::error!(%error, message = message.descriptor().full_name(), "an answer could not be written");
        json.clear();
        let _ = serde_json::Serializer::new(&mut json).serialize_unit();
    }
    json
}

/// Writes 3 where the number in a `google.protobuf.Struct`, always a double, is 3.0.
struct WholeNumbers;

impl Formatter for WholeNumbers {
    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        if value.fract() == 0.0 && value.abs() < EXACT {
            #[expect(clippy::cast_possible_truncation, reason = "a whole number of this size fits")]
            return self.write_i64(writer, value as i64);
        }
        CompactFormatter.write_f64(writer, value)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::descriptors;

    #[test]
    fn numbers_names_and_defaults_follow_the_mapping() {
        let descriptor = descriptors::pool().get_message_by_name("alerting.v1.AlertEvent").unwrap();
        let event = json!({"alert_id": "7", "kind": 15, "details": {"count": 3, "share": 0.5}});
        let event = DynamicMessage::deserialize(descriptor, event).unwrap();
        assert_eq!(
            String::from_utf8(to_json(&event)).unwrap(),
            r#"{"id":"","alertId":"7","kind":"NOTE","actor":"","message":"","details":{"count":3,"share":0.5}}"#
        );
        let descriptor = descriptors::pool().get_message_by_name("alerting.v1.CountAlertsResponse").unwrap();
        let count =
            DynamicMessage::deserialize(descriptor, json!({"total": "12", "byStatus": {"P1": 2}})).unwrap();
        assert_eq!(
            String::from_utf8(to_json(&count)).unwrap(),
            r#"{"total":"12","byStatus":{"P1":"2"},"byPriority":{}}"#
        );
    }
}
