//! Wire types that several RPCs share.

use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::error::{Error, Result};

/// An id in a request. One that is no UUID names nothing, so it is not found, as any other that
/// does not exist.
pub fn id(text: &str, what: &'static str) -> Result<Uuid> {
    Uuid::from_str(text).map_err(|_| Error::NotFound(what))
}

/// An id in a field that names something else.
pub fn reference(text: &str, field: &str) -> Result<Uuid> {
    Uuid::from_str(text).map_err(|_| Error::invalid(field, "is not an id"))
}

/// A time on the wire.
pub fn to_pb(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() }
}

/// A time from the wire.
pub fn time(at: prost_types::Timestamp, field: &str) -> Result<Timestamp> {
    let at = Timestamp::new(at.seconds, at.nanos);
    // The databases keep microseconds.
    let at = at.and_then(|at| Timestamp::from_microsecond(at.as_microsecond()));
    at.map_err(|_| Error::invalid(field, "is not a time of the years 1 to 9999"))
}

/// A span of time on the wire.
pub fn duration_to_pb(span: SignedDuration) -> prost_types::Duration {
    prost_types::Duration { seconds: span.as_secs(), nanos: span.subsec_nanos() }
}

/// A span of time from the wire.
pub fn duration(span: prost_types::Duration) -> SignedDuration {
    SignedDuration::from_secs(span.seconds).saturating_add(SignedDuration::from_nanos(span.nanos.into()))
}

/// Which fields of a resource a request changes.
#[derive(Debug)]
pub struct Mask(Option<Vec<String>>);

impl Mask {
    /// The mask of a request; absent, it names all of `allowed`.
    pub fn new(mask: Option<prost_types::FieldMask>, allowed: &[&str]) -> Result<Self> {
        let Some(mask) = mask.filter(|mask| !mask.paths.is_empty()) else { return Ok(Self(None)) };
        for path in &mask.paths {
            if !allowed.contains(&path.as_str()) {
                let reason = format!("`{path}` cannot be changed; there are {}", allowed.join(", "));
                return Err(Error::invalid("update_mask", reason));
            }
        }
        Ok(Self(Some(mask.paths)))
    }

    /// Whether the field is to be changed.
    pub fn has(&self, field: &str) -> bool {
        self.0.as_ref().is_none_or(|paths| paths.iter().any(|path| path == field))
    }
}

/// The present value or, where the mask names the field, the new one.
pub fn masked<T>(mask: &Mask, field: &str, present: T, new: T) -> T {
    if mask.has(field) { new } else { present }
}
