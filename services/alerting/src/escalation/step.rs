//! The escalation of one alert, as a state machine.
//!
//! ```text
//!            take a step (notify, or skip at once where nobody is reached)
//!              ┌────┐
//!              ▼    │
//! start ──► RUNNING ┴──── no step left ────► EXHAUSTED
//!            │  ▲  │                             │
//!  acknowledge  │  snooze                        │ escalate: a new round
//!            │  │  │                             │
//!            ▼  │  ▼                             ▼
//!        PAUSED ┴ SNOOZED                     RUNNING
//!         (the acknowledgement runs out; the snooze ends)
//!
//! any of them ── resolve ──► ENDED
//! ```
//!
//! [`step`] decides; it knows neither the database nor who is on call: `reach` says whom a
//! target reaches at a time. The policy is looked at as it is now, so one that changed applies
//! from the next step on, and one that was deleted ends the escalation.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::policy::{Policy, Target};

/// Somebody or something that is told.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recipient {
    /// A user, by id.
    User(String),
    /// A channel configuration, by id.
    Channel(String),
}

/// What a target comes to at a time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reached {
    /// Who is told.
    pub recipients: Vec<Recipient>,
    /// Why somebody who should be told is not among them.
    pub problem: Option<String>,
}

/// What an escalation is doing. The numbers are those of the wire and of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Going from step to step.
    Running = 1,
    /// Held by an acknowledgement.
    Paused = 2,
    /// Held by a snooze.
    Snoozed = 3,
    /// Every step of every round was tried.
    Exhausted = 4,
    /// The alert was resolved.
    Ended = 5,
}

impl Phase {
    /// The phase with this number.
    pub fn from_number(number: i64) -> Option<Self> {
        [Self::Running, Self::Paused, Self::Snoozed, Self::Exhausted, Self::Ended]
            .into_iter()
            .find(|phase| *phase as i64 == number)
    }
}

/// How far an escalation has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Escalation {
    /// What it is doing.
    pub phase: Phase,
    /// The step taken last in this round, from 1; 0 before the first.
    pub step: u32,
    /// The round, from 1.
    pub round: u32,
    /// When it does the next thing by itself.
    pub due_at: Option<Timestamp>,
}

impl Escalation {
    /// One that takes its first step at `now`.
    pub fn starting(now: Timestamp) -> Self {
        Self { phase: Phase::Running, step: 0, round: 1, due_at: Some(now) }
    }
}

/// What happens to an escalation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The time it waited for has come.
    Due,
    /// Somebody is on it.
    Acknowledged,
    /// Somebody took the acknowledgement back.
    Unacknowledged,
    /// Somebody holds it until a time.
    Snoozed {
        /// When it goes on.
        until: Timestamp,
    },
    /// Somebody wants the next step now.
    Escalate,
    /// The alert was closed.
    Resolved,
}

/// What follows from an event, in the order in which it happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Tell these.
    Notify {
        /// The step, from 1.
        step: u32,
        /// The round, from 1.
        round: u32,
        /// Who is told, each once.
        recipients: Vec<Recipient>,
        /// Why others of the step are not told.
        problems: Vec<String>,
    },
    /// The step reached nobody.
    Skip {
        /// The step, from 1.
        step: u32,
        /// The round, from 1.
        round: u32,
        /// Why, for people.
        reason: String,
    },
    /// Nothing is left to do.
    Exhaust {
        /// Why, for people.
        reason: String,
    },
    /// The acknowledgement ran out: the alert is triggered again.
    AcknowledgementExpired,
    /// The snooze ended.
    SnoozeEnded,
}

/// An event that an escalation in this phase does not take.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("an escalation that is {phase:?} cannot take {event}")]
pub struct IllegalEvent {
    /// What it is doing.
    pub phase: Phase,
    /// The event's name.
    pub event: &'static str,
}

/// Decides what follows from `event` at `now`. `policy` is `None` where it was deleted.
pub fn step(
    state: &Escalation,
    event: &Event,
    now: Timestamp,
    policy: Option<&Policy>,
    reach: &dyn Fn(&Target) -> Reached,
) -> Result<(Escalation, Vec<Action>), IllegalEvent> {
    let mut next = state.clone();
    let mut actions = Vec::new();
    match (state.phase, event) {
        (_, Event::Resolved) => {
            next.phase = Phase::Ended;
            next.due_at = None;
        }
        (Phase::Ended, Event::Due) => next.due_at = None,
        (Phase::Ended, _) => return Err(illegal(state, event)),
        (_, Event::Due) if state.due_at.is_none_or(|due| due > now) => {}
        (Phase::Running, Event::Due) => take_steps(&mut next, &mut actions, now, policy, reach),
        (Phase::Snoozed, Event::Due) => {
            actions.push(Action::SnoozeEnded);
            take_steps(&mut next, &mut actions, now, policy, reach);
        }
        (Phase::Paused, Event::Due) => {
            actions.push(Action::AcknowledgementExpired);
            take_steps(&mut next, &mut actions, now, policy, reach);
        }
        (Phase::Paused, Event::Unacknowledged) | (_, Event::Escalate) => {
            begin_again_if_exhausted(&mut next);
            take_steps(&mut next, &mut actions, now, policy, reach);
        }
        (Phase::Exhausted, Event::Due) => next.due_at = None,
        (_, Event::Unacknowledged) => {}
        (_, Event::Acknowledged) => {
            next.phase = Phase::Paused;
            next.due_at = policy.and_then(|policy| policy.acknowledge_timeout).map(|wait| after(now, wait));
        }
        (_, Event::Snoozed { until }) => {
            next.phase = Phase::Snoozed;
            next.due_at = Some(*until);
        }
    }
    Ok((next, actions))
}

/// Takes the next step, and those after it for as long as they reach nobody.
fn take_steps(
    state: &mut Escalation,
    actions: &mut Vec<Action>,
    now: Timestamp,
    policy: Option<&Policy>,
    reach: &dyn Fn(&Target) -> Reached,
) {
    state.phase = Phase::Running;
    let Some(policy) = policy else {
        return exhaust(state, actions, "the escalation policy was deleted");
    };
    // A whole round without a recipient will not find one in the next: it would only repeat
    // the same skips. It ends there, and says so.
    for _ in 0..policy.steps.len() {
        if !advance(state, policy) {
            return exhaust(state, actions, "every step was taken");
        }
        let step = &policy.steps[state.step as usize - 1];
        let (recipients, problems) = recipients(&step.targets, reach);
        if recipients.is_empty() {
            let reason = skip_reason(&problems);
            actions.push(Action::Skip { step: state.step, round: state.round, reason });
            continue;
        }
        actions.push(Action::Notify { step: state.step, round: state.round, recipients, problems });
        state.due_at = Some(after(now, step.delay));
        return;
    }
    exhaust(state, actions, "no step reaches anybody");
}

/// Goes to the next step, or to the first one of the next round; false where none is left.
fn advance(state: &mut Escalation, policy: &Policy) -> bool {
    if (state.step as usize) < policy.steps.len() {
        state.step += 1;
        return true;
    }
    if state.round > policy.repeat_count || policy.steps.is_empty() {
        return false;
    }
    state.round += 1;
    state.step = 1;
    true
}

fn begin_again_if_exhausted(state: &mut Escalation) {
    if state.phase == Phase::Exhausted {
        state.step = 0;
        state.round = 1;
    }
}

fn exhaust(state: &mut Escalation, actions: &mut Vec<Action>, reason: &str) {
    state.phase = Phase::Exhausted;
    state.due_at = None;
    actions.push(Action::Exhaust { reason: reason.to_owned() });
}

/// Everybody the targets reach, each once, in the order of the targets.
fn recipients(targets: &[Target], reach: &dyn Fn(&Target) -> Reached) -> (Vec<Recipient>, Vec<String>) {
    let mut recipients = Vec::new();
    let mut problems = Vec::new();
    for target in targets {
        let reached = reach(target);
        problems.extend(reached.problem);
        for recipient in reached.recipients {
            if !recipients.contains(&recipient) {
                recipients.push(recipient);
            }
        }
    }
    (recipients, problems)
}

fn skip_reason(problems: &[String]) -> String {
    if problems.is_empty() { "it has no targets".to_owned() } else { problems.join("; ") }
}

fn after(now: Timestamp, wait: SignedDuration) -> Timestamp {
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

fn illegal(state: &Escalation, event: &Event) -> IllegalEvent {
    let event = match event {
        Event::Due => "a due time",
        Event::Acknowledged => "an acknowledgement",
        Event::Unacknowledged => "the end of an acknowledgement",
        Event::Snoozed { .. } => "a snooze",
        Event::Escalate => "an escalation by hand",
        Event::Resolved => "a resolve",
    };
    IllegalEvent { phase: state.phase, event }
}

#[cfg(test)]
#[path = "step_tests.rs"]
mod tests;
