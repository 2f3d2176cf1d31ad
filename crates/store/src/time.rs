//! Times as the databases keep them: microseconds since the epoch.

use jiff::Timestamp;

/// A time as a column holds it.
pub fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

/// A column's value as a time; one that no calendar has becomes the nearest that one has.
pub fn timestamp(micros: i64) -> Timestamp {
    let nearest = if micros < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_microsecond(micros).unwrap_or(nearest)
}

/// [`micros`] of a time that may be missing.
pub fn optional_micros(at: Option<Timestamp>) -> Option<i64> {
    at.map(micros)
}

/// [`timestamp`] of a column that may be null.
pub fn optional_timestamp(micros: Option<i64>) -> Option<Timestamp> {
    micros.map(timestamp)
}
