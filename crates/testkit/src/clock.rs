//! A clock that a test winds.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use callout_runtime::Clock;
use jiff::{SignedDuration, Timestamp};

/// Stands still until it is wound. Clones are the same clock.
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// A clock that shows `at`, such as `2026-03-02T09:00:00Z`.
    pub fn at(at: &str) -> Self {
        let at: Timestamp = at.parse().expect("a time in RFC 3339");
        Self(Arc::new(AtomicI64::new(at.as_microsecond())))
    }

    /// Winds it forward, and says what it shows then.
    pub fn advance(&self, by: SignedDuration) -> Timestamp {
        let micros = i64::try_from(by.as_micros()).expect("a span of time that fits");
        self.0.fetch_add(micros, Ordering::SeqCst);
        self.now()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.0.load(Ordering::SeqCst)).expect("a time that fits")
    }
}
