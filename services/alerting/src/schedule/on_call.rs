//! Who is on call at an instant, and from when to when in a range.

use jiff::Timestamp;
use uuid::Uuid;

use super::plan::{Override, Schedule};

/// The most shifts that one answer may have.
pub const MAX_SHIFTS: usize = 10_000;

/// How many boundaries are looked at to find the next change.
const MAX_LOOK_AHEAD: usize = 2_000;

/// Somebody on call, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnCallUser {
    /// The user.
    pub user_id: String,
    /// The rotation that puts them on call, if one does.
    pub rotation_id: Option<Uuid>,
    /// The override that puts them on call, if one does.
    pub override_id: Option<Uuid>,
}

/// Who is on call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnCall {
    /// Each user once, in the order of the layers.
    pub users: Vec<OnCallUser>,
    /// The answer holds until then, or longer if that is years ahead; `None`: for ever.
    pub valid_until: Option<Timestamp>,
}

/// A span of time in which somebody is on call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shift {
    /// Who, and why.
    pub user: OnCallUser,
    /// From when, inclusive.
    pub start: Timestamp,
    /// To when, exclusive.
    pub end: Timestamp,
}

/// A range has more shifts than one answer may have.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("there are more than {MAX_SHIFTS} shifts in the range; ask for a shorter one")]
pub struct TooManyShifts;

impl Schedule {
    /// Who is on call at an instant: the participants whose turn it is, then each override in the
    /// order of its start.
    pub fn users_at(&self, at: Timestamp) -> Vec<OnCallUser> {
        let mut users: Vec<OnCallUser> = Vec::new();
        for rotation in &self.rotations {
            if let Some(user) = rotation.user_at(at, &self.time_zone)
                && !users.iter().any(|other| other.user_id == user)
            {
                let rotation_id = Some(rotation.id);
                users.push(OnCallUser { user_id: user.to_owned(), rotation_id, override_id: None });
            }
        }
        let mut active: Vec<_> = self.overrides.iter().filter(|o| o.start <= at && at < o.end).collect();
        active.sort_by_key(|o| (o.start, o.id));
        for override_ in active {
            apply(override_, &mut users);
        }
        users
    }

    /// Who is on call at an instant, and until when that holds.
    pub fn on_call(&self, at: Timestamp) -> OnCall {
        let users = self.users_at(at);
        let mut boundary = at;
        for _ in 0..MAX_LOOK_AHEAD {
            let Some(next) = self.next_boundary(boundary) else {
                return OnCall { users, valid_until: None };
            };
            boundary = next;
            if self.users_at(boundary) != users {
                break;
            }
        }
        OnCall { users, valid_until: Some(boundary) }
    }

    /// Everybody's shifts in `from..to`, by their start, cut off at the range.
    pub fn shifts(&self, from: Timestamp, to: Timestamp) -> Result<Vec<Shift>, TooManyShifts> {
        let mut finished = Vec::new();
        let mut open: Vec<Shift> = Vec::new();
        let mut start = from;
        while start < to {
            let end = self.next_boundary(start).map_or(to, |next| next.min(to));
            let users = self.users_at(start);
            let (going_on, over): (Vec<_>, Vec<_>) =
                open.into_iter().partition(|shift| users.contains(&shift.user));
            finished.extend(over);
            open = going_on;
            for user in users {
                match open.iter_mut().find(|shift| shift.user == user) {
                    Some(shift) => shift.end = end,
                    None => open.push(Shift { user, start, end }),
                }
            }
            if finished.len() + open.len() > MAX_SHIFTS {
                return Err(TooManyShifts);
            }
            start = end;
        }
        finished.extend(open);
        finished.sort_by(|a, b| (a.start, &a.user.user_id).cmp(&(b.start, &b.user.user_id)));
        Ok(finished)
    }

    /// The next instant at which who is on call may change.
    fn next_boundary(&self, after: Timestamp) -> Option<Timestamp> {
        let layers = self.rotations.iter().filter_map(|r| r.next_boundary(after, &self.time_zone));
        let overrides = self.overrides.iter().flat_map(|o| [o.start, o.end]);
        layers.chain(overrides).filter(|at| *at > after).min()
    }
}

fn apply(override_: &Override, users: &mut Vec<OnCallUser>) {
    if let Some(remove) = &override_.remove {
        let before = users.len();
        users.retain(|user| user.user_id != *remove);
        if users.len() == before {
            return;
        }
    }
    if let Some(add) = &override_.add
        && !users.iter().any(|user| user.user_id == *add)
    {
        let override_id = Some(override_.id);
        users.push(OnCallUser { user_id: add.clone(), rotation_id: None, override_id });
    }
}

#[cfg(test)]
#[path = "on_call_tests.rs"]
mod tests;
