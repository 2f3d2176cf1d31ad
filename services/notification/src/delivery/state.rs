//! What becomes of a delivery after an attempt. Pure.
//!
//! ```text
//!             claimed                accepted
//! PENDING ───────────────► SENDING ───────────► DELIVERED
//!   ▲ │                      │ │ └── permanent, or too old ──► FAILED
//!   │ └─ cancelled ─► CANCELLED│ └── may have arrived ────────► UNKNOWN
//!   └──────── try again ───────┘
//! ```
//!
//! An attempt that certainly was not processed is tried again for a day and uses up no budget. One
//! that may have arrived is tried again if it matters (HIGH, CRITICAL) or if the receiver recognises
//! repeats; otherwise it ends as UNKNOWN. A node that dies while it sends leaves such an attempt.

use callout_outbox::backoff;
use jiff::{SignedDuration, Timestamp};

use crate::channel::Outcome;

/// Where a delivery stands. The numbers are those of the wire and of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Waits for its turn or its next attempt.
    Pending = 1,
    /// An attempt is under way.
    Sending = 2,
    /// The provider took it.
    Delivered = 3,
    /// It will not be delivered.
    Failed = 4,
    /// It may have been delivered.
    Unknown = 5,
    /// It was withdrawn.
    Cancelled = 6,
}

impl Status {
    /// The status with this number.
    pub fn from_number(number: i64) -> Option<Self> {
        [Self::Pending, Self::Sending, Self::Delivered, Self::Failed, Self::Unknown, Self::Cancelled]
            .into_iter()
            .find(|status| *status as i64 == number)
    }
}

/// How much a message matters. The numbers are those of the wire and of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// May wait.
    Low = 1,
    /// Ordinary.
    Normal = 2,
    /// Sent again when it may not have arrived.
    High = 3,
    /// As high, and passes our own limits.
    Critical = 4,
}

impl Priority {
    /// The priority with this number; 0 is normal.
    pub fn from_number(number: i64) -> Option<Self> {
        match number {
            0 | 2 => Some(Self::Normal),
            1 => Some(Self::Low),
            3 => Some(Self::High),
            4 => Some(Self::Critical),
            _ => None,
        }
    }
}

/// How many attempts that may have arrived are made.
const BUDGET: i64 = 8;
/// How long an attempt that was not processed is repeated.
const MAX_AGE: SignedDuration = SignedDuration::from_hours(24);
/// The wait after the first failure, and the longest one of our own choice.
const WAITS: (SignedDuration, SignedDuration) =
    (SignedDuration::from_secs(1), SignedDuration::from_secs(120));
/// The longest wait that a provider may ask for.
const MAX_RETRY_AFTER: SignedDuration = SignedDuration::from_mins(15);

/// What a delivery is decided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// How much it matters.
    pub priority: Priority,
    /// The receiver recognises repeats.
    pub idempotent: bool,
    /// How often it has been tried, this time included.
    pub attempts: i64,
    /// How many attempts that may have arrived were made before.
    pub budget_used: i64,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What a delivery becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// Where it stands.
    pub status: Status,
    /// When it is tried next.
    pub due_at: Option<Timestamp>,
    /// Why, or empty.
    pub reason: String,
    /// How many attempts that may have arrived were made.
    pub budget_used: i64,
    /// It has reached its destination, or may have.
    pub reached: bool,
}

/// Decides what becomes of a delivery. `random` is uniform in 0..1.
pub fn settle(facts: &Facts, outcome: &Outcome, now: Timestamp, random: f64) -> Settled {
    let wait = backoff(facts.attempts, WAITS.0, WAITS.1, random);
    let again = |wait: SignedDuration| Some(now.checked_add(wait).unwrap_or(Timestamp::MAX));
    let ended = |status, reason: String, reached, budget_used| Settled {
        status,
        due_at: None,
        reason,
        budget_used,
        reached,
    };
    match outcome {
        Outcome::Accepted { .. } => ended(Status::Delivered, String::new(), true, facts.budget_used),
        Outcome::Permanent { reason } => ended(Status::Failed, reason.clone(), false, facts.budget_used),
        Outcome::NotProcessed { reason, .. } if now.duration_since(facts.created_at) >= MAX_AGE => {
            let reason = format!("given up after 24 h: {reason}");
            ended(Status::Failed, reason, false, facts.budget_used)
        }
        Outcome::NotProcessed { reason, retry_after } => {
            let asked = retry_after.unwrap_or(SignedDuration::ZERO).min(MAX_RETRY_AFTER);
            Settled {
                status: Status::Pending,
                due_at: again(wait.max(asked)),
                reason: reason.clone(),
                budget_used: facts.budget_used,
                reached: false,
            }
        }
        Outcome::Ambiguous { reason } => {
            let budget_used = facts.budget_used + 1;
            let matters = facts.priority >= Priority::High || facts.idempotent;
            if !matters || budget_used >= BUDGET {
                return ended(Status::Unknown, reason.clone(), true, budget_used);
            }
            let due_at = again(wait);
            Settled { status: Status::Pending, due_at, reason: reason.clone(), budget_used, reached: true }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn facts(priority: Priority, idempotent: bool) -> Facts {
        Facts { priority, idempotent, attempts: 1, budget_used: 0, created_at: Timestamp::UNIX_EPOCH }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn each_outcome_has_its_consequence() {
        let low = facts(Priority::Low, false);
        let settle = |facts: &Facts, outcome: Outcome| settle(facts, &outcome, at(10), 0.0);
        let accepted = settle(&low, Outcome::Accepted { provider_id: "x".into() });
        assert_eq!((accepted.status, accepted.due_at, accepted.reached), (Status::Delivered, None, true));
        let permanent = settle(&low, Outcome::permanent("gone"));
        assert_eq!((permanent.status, permanent.reached), (Status::Failed, false));
        let ambiguous = settle(&low, Outcome::ambiguous("time-out"));
        assert_eq!((ambiguous.status, ambiguous.reached), (Status::Unknown, true));
        for facts in [facts(Priority::High, false), facts(Priority::Low, true)] {
            let again = settle(&facts, Outcome::ambiguous("time-out"));
            assert_eq!((again.status, again.due_at, again.budget_used), (Status::Pending, Some(at(11)), 1));
        }
    }

    #[test]
    fn a_provider_may_ask_for_time_up_to_a_cap() {
        let wait = |seconds| {
            let retry_after = Some(SignedDuration::from_secs(seconds));
            let outcome = Outcome::NotProcessed { reason: "429".into(), retry_after };
            settle(&facts(Priority::Low, false), &outcome, at(0), 0.0).due_at
        };
        assert_eq!(wait(30), Some(at(30)));
        assert_eq!(wait(100_000), Some(at(900)));
        assert_eq!(wait(0), Some(at(1)));
    }

    #[test]
    fn what_is_not_processed_is_given_up_after_a_day() {
        let late =
            settle(&facts(Priority::Critical, true), &Outcome::not_processed("refused"), at(86_400), 0.0);
        assert_eq!(late.status, Status::Failed);
    }

    proptest! {
        /// Whatever happens, a delivery either waits for a time or has ended.
        #[test]
        fn nothing_is_forgotten(kinds in prop::collection::vec(0..4_u8, 1..40), priority in 1..=4_i64, idempotent in any::<bool>()) {
            let mut facts = facts(Priority::from_number(priority).unwrap(), idempotent);
            let mut now = at(0);
            for kind in kinds {
                let outcome = match kind {
                    0 => Outcome::not_processed("x"),
                    1 => Outcome::ambiguous("x"),
                    2 => Outcome::permanent("x"),
                    _ => Outcome::Accepted { provider_id: String::new() },
                };
                let settled = settle(&facts, &outcome, now, 0.5);
                prop_assert_eq!(settled.status == Status::Pending, settled.due_at.is_some());
                prop_assert!(settled.budget_used <= BUDGET);
                let Some(due) = settled.due_at else { break };
                prop_assert!(due > now);
                facts.attempts += 1;
                facts.budget_used = settled.budget_used;
                now = due;
            }
        }
    }
}
