//! Loops that reconcile: each reads the table, does what is due, and says when to look again.
//!
//! A wake-up is a hint and the table is the truth: a lost wake-up delays by at most the
//! worker's period, a surplus one costs one look.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::clock::SharedClock;

/// Why a run failed. It is logged, and the worker runs again after a pause.
pub type WorkerError = Box<dyn std::error::Error + Send + Sync>;

/// When a worker wants to run again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// At once: there was more than one run takes.
    Now,
    /// At this time, or when woken.
    At(Timestamp),
    /// When woken, or after its period.
    WhenWoken,
}

/// Something done again and again.
#[async_trait]
pub trait Worker: Send + Sync + 'static {
    /// What logs and metrics call it.
    fn name(&self) -> &'static str;

    /// The longest time it goes without looking, in case a wake-up was lost.
    fn period(&self) -> Duration {
        Duration::from_secs(5)
    }

    /// Does what is due at `now`. Running it more often, or on several nodes at once, comes to
    /// the same result.
    async fn run_once(&self, now: Timestamp) -> Result<Next, WorkerError>;
}

/// Wakes a worker. Cheap to clone; waking twice before it looks is waking once.
#[derive(Debug, Clone, Default)]
pub struct Wake(Arc<Notify>);

impl Wake {
    /// A new, silent one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the worker look soon.
    pub fn wake(&self) {
        self.0.notify_one();
    }

    /// Waits until somebody wakes.
    pub async fn woken(&self) {
        self.0.notified().await;
    }
}

/// The pause after a run that failed.
const PAUSE_AFTER_ERROR: Duration = Duration::from_secs(1);

/// Runs a worker until shutdown. A run under way is finished first.
pub async fn run(worker: Arc<dyn Worker>, wake: Wake, clock: SharedClock, shutdown: CancellationToken) {
    while !shutdown.is_cancelled() {
        let pause = match worker.run_once(clock.now()).await {
            Ok(next) => pause(next, clock.now(), worker.period()),
            Err(error) => {
                tracing::error!(worker = worker.name(), error = %chain(error.as_ref()), "run failed");
                metrics::counter!("callout_worker_errors_total", "worker" => worker.name()).increment(1);
                PAUSE_AFTER_ERROR
            }
        };
        if pause.is_zero() {
            tokio::task::yield_now().await;
            continue;
        }
        tokio::select! {
            () = wake.woken() => {}
            () = tokio::time::sleep(pause) => {}
            () = shutdown.cancelled() => {}
        }
    }
}

/// How long to wait before the next run.
fn pause(next: Next, now: Timestamp, period: Duration) -> Duration {
    match next {
        Next::Now => Duration::ZERO,
        Next::At(at) => Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO).min(period),
        Next::WhenWoken => period,
    }
}

/// An error and its causes on one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_ends_when_something_is_due_or_the_period_is_over() {
        let now = Timestamp::from_second(1_000).unwrap();
        let period = Duration::from_secs(5);
        let due = |seconds| Next::At(Timestamp::from_second(seconds).unwrap());
        assert_eq!(pause(Next::Now, now, period), Duration::ZERO);
        assert_eq!(pause(Next::WhenWoken, now, period), period);
        assert_eq!(pause(due(1_002), now, period), Duration::from_secs(2));
        assert_eq!(pause(due(1_060), now, period), period);
        assert_eq!(pause(due(990), now, period), Duration::ZERO);
    }
}
