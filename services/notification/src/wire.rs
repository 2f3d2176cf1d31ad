//! Wire types that several RPCs share.

use callout_proto::notification::v1 as pb;
use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    error::{Error, Result},
    rendered::Kind,
};

/// An id in a request. One that is no UUID names nothing.
pub fn id(text: &str, what: &'static str) -> Result<Uuid> {
    text.parse().map_err(|_| Error::NotFound(what))
}

/// A time on the wire.
pub fn to_pb(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() }
}

/// A time from the wire.
pub fn time(at: prost_types::Timestamp, field: &str) -> Result<Timestamp> {
    let at = Timestamp::new(at.seconds, at.nanos);
    let at = at.and_then(|at| Timestamp::from_microsecond(at.as_microsecond()));
    at.map_err(|_| Error::invalid(field, "is not a time of the years 1 to 9999"))
}

/// A kind of channel from the wire.
pub fn kind(channel: pb::Channel, field: &str) -> Result<Kind> {
    Kind::from_number(i64::from(channel as i32)).ok_or_else(|| Error::invalid(field, "is needed"))
}

/// A kind of channel on the wire.
pub fn kind_to_pb(kind: Kind) -> i32 {
    kind as i32
}
