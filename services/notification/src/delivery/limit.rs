//! Our own rate limits, a configuration each.

use std::num::NonZeroU32;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use jiff::SignedDuration;
use moka::sync::Cache;

use super::state::Priority;
use crate::{channel::configuration::Configuration, rendered::Kind};

/// Slack takes one message a second and channel, with short bursts.
/// <https://docs.slack.dev/apis/web-api/rate-limits>
const SLACK_MILLI: i64 = 1000;
/// How many messages may go at once after a pause.
const BURST: u32 = 5;

/// Limits by lane and rate.
#[derive(Debug, Clone)]
pub struct Limits(Cache<(String, i64), std::sync::Arc<DefaultDirectRateLimiter>>);

impl Default for Limits {
    fn default() -> Self {
        Self(Cache::new(10_000))
    }
}

impl Limits {
    /// Whether a message may go now; if not, how long it shall wait. What is critical always may.
    pub fn check(
        &self,
        lane: &str,
        kind: Kind,
        configuration: Option<&Configuration>,
        priority: Priority,
    ) -> Result<(), SignedDuration> {
        let configured = configuration.map_or(0, |configuration| configuration.rate_limit_milli);
        let milli = match (configured, kind) {
            (0, Kind::Slack) => SLACK_MILLI,
            (0, _) => return Ok(()),
            (milli, _) => milli,
        };
        let limiter = self.0.get_with((lane.to_owned(), milli), || {
            let period = std::time::Duration::from_micros(1_000_000_000 / milli.unsigned_abs().max(1));
            let quota = Quota::with_period(period.max(std::time::Duration::from_nanos(1)));
            let burst = NonZeroU32::new(BURST).expect("the burst is not zero");
            let quota = quota.expect("the period is not zero").allow_burst(burst);
            std::sync::Arc::new(RateLimiter::direct(quota))
        });
        if limiter.check().is_ok() || priority == Priority::Critical {
            return Ok(());
        }
        let wait = 1_000_000 / milli.max(1);
        Err(SignedDuration::from_millis(wait.clamp(10, 60_000)))
    }
}
