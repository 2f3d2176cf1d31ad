//! Ids that sort by the time they were made.

use std::sync::Mutex;

use jiff::Timestamp;
use uuid::{ContextV7, Uuid};

static CONTEXT: Mutex<ContextV7> = Mutex::new(ContextV7::new());

/// A new UUIDv7 (RFC 9562) for something made at `now`. Ids made one after the other in one
/// process are in that order even within a millisecond.
pub fn new_id(now: Timestamp) -> Uuid {
    let context = CONTEXT.lock().expect("no holder of the lock panics");
    let nanos = u32::try_from(now.subsec_nanosecond()).unwrap_or(0);
    let seconds = u64::try_from(now.as_second()).unwrap_or(0);
    Uuid::new_v7(uuid::Timestamp::from_unix(&*context, seconds, nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_in_the_order_they_were_made() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let ids: Vec<_> = (0..1000).map(|_| new_id(now)).collect();
        assert!(ids.is_sorted());
        assert!(new_id(Timestamp::from_second(1_800_000_001).unwrap()) > ids[999]);
    }
}
