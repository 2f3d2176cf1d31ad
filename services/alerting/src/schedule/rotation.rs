//! One layer: people who take turns.
//!
//! Turns are counted from the first handoff. Hours and custom lengths are elapsed time; days,
//! weeks and months are calendar time, so that a handoff stays at its wall-clock time when the
//! clocks change: a week that begins before the change in spring has 167 hours, in autumn 169.
//! A month's handoff is on the day of the month of the first one, or on the month's last day; it
//! is counted from the first one, so that 31 January, 28 February, 31 March follow each other.
//! The turn at an instant is computed, not walked to, however long ago the first handoff was.

use jiff::{SignedDuration, Timestamp, ToSpan, civil::DateTime, tz::TimeZone};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::restriction::{self, Restriction, instant};
use crate::violation::Violation;

/// How many participants a rotation may have.
pub const MAX_PARTICIPANTS: usize = 100;
/// How many restrictions a rotation may have.
pub const MAX_RESTRICTIONS: usize = 32;
/// How many units a turn may have.
pub const MAX_COUNT: u16 = 1000;
/// The shortest and the longest custom turn.
pub const CUSTOM: std::ops::RangeInclusive<SignedDuration> =
    SignedDuration::from_mins(1)..=SignedDuration::from_hours(366 * 24);

/// How long a turn is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShiftLength {
    /// Hours of elapsed time.
    Hours(u16),
    /// Calendar days.
    Days(u16),
    /// Calendar weeks.
    Weeks(u16),
    /// Calendar months.
    Months(u16),
    /// Any elapsed time.
    Custom(SignedDuration),
}

/// One layer of a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    /// Its id.
    pub id: Uuid,
    /// Its name, unique in the schedule.
    pub name: String,
    /// User ids in the order of their turns.
    pub participants: Vec<String>,
    /// How long a turn is.
    pub shift: ShiftLength,
    /// The first handoff, in the schedule's wall-clock time.
    pub starts_at: DateTime,
    /// Nobody is on call from then on.
    pub ends_at: Option<DateTime>,
    /// When the layer is on; always, if empty.
    pub restrictions: Vec<Restriction>,
}

impl Rotation {
    /// What is wrong with it, by field.
    pub fn violations(&self, path: &str, found: &mut Vec<Violation>) {
        let mut fail =
            |field: &str, reason: String| found.push(Violation::new(format!("{path}.{field}"), reason));
        if !(1..=255).contains(&self.name.chars().count()) {
            fail("name", "must have 1 to 255 characters".to_owned());
        }
        if !(1..=MAX_PARTICIPANTS).contains(&self.participants.len()) {
            fail("participants", format!("must be 1 to {MAX_PARTICIPANTS} users"));
        }
        for (index, id) in self.participants.iter().enumerate() {
            if !(1..=128).contains(&id.len()) {
                fail(&format!("participants[{index}]"), "must have 1 to 128 bytes".to_owned());
            }
        }
        match self.shift {
            ShiftLength::Custom(length) if !CUSTOM.contains(&length) => {
                fail("shift.custom", "must be 1 minute to 366 days".to_owned());
            }
            ShiftLength::Hours(n) | ShiftLength::Days(n) | ShiftLength::Weeks(n) | ShiftLength::Months(n)
                if !(1..=MAX_COUNT).contains(&n) =>
            {
                fail("shift.count", format!("must be 1 to {MAX_COUNT}"));
            }
            _ => {}
        }
        if !(1970..=2200).contains(&self.starts_at.year()) {
            fail("starts_at", "must be in the years 1970 to 2200".to_owned());
        }
        if self.ends_at.is_some_and(|end| end <= self.starts_at) {
            fail("ends_at", "must be after starts_at".to_owned());
        }
        if self.restrictions.len() > MAX_RESTRICTIONS {
            fail("restrictions", format!("must be at most {MAX_RESTRICTIONS}"));
        }
        for (index, restriction) in self.restrictions.iter().enumerate() {
            restriction.violations(&format!("{path}.restrictions[{index}]"), found);
        }
    }

    /// Who has the layer at an instant; nobody before it starts, after it ends, and outside of its
    /// restrictions.
    pub fn user_at(&self, at: Timestamp, zone: &TimeZone) -> Option<&str> {
        if self.is_over(at, zone) || !restriction::allows(&self.restrictions, at, zone) {
            return None;
        }
        let turn = usize::try_from(self.turn_at(at, zone)).ok()?;
        self.participants.get(turn % self.participants.len().max(1)).map(String::as_str)
    }

    /// The next instant at which somebody else may have the layer.
    pub fn next_boundary(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        if self.is_over(after, zone) {
            return None;
        }
        let start = self.handoff(0, zone);
        if after < start {
            return Some(start);
        }
        let is_shared = self.participants.iter().any(|user| *user != self.participants[0]);
        let handoff = is_shared.then(|| self.next_handoff(after, zone));
        let end = self.ends_at.map(|end| instant(end, zone));
        let restriction = restriction::next_boundary(&self.restrictions, after, zone);
        [handoff, end, restriction].into_iter().flatten().filter(|at| *at > after).min()
    }

    /// When turn `turn` begins; the first one is 0.
    pub fn handoff(&self, turn: i64, zone: &TimeZone) -> Timestamp {
        let calendar = |span: jiff::Span| {
            let local = self.starts_at.checked_add(span);
            local.map(|local| instant(local, zone)).unwrap_or(Timestamp::MAX)
        };
        let elapsed = |length: SignedDuration| {
            let seconds = i128::from(turn) * length.as_millis();
            let wait = SignedDuration::from_millis(i64::try_from(seconds).unwrap_or(i64::MAX));
            instant(self.starts_at, zone).checked_add(wait).unwrap_or(Timestamp::MAX)
        };
        let units = |count: u16| turn.saturating_mul(i64::from(count)).clamp(-4_000_000, 4_000_000);
        match self.shift {
            ShiftLength::Hours(count) => elapsed(SignedDuration::from_hours(i64::from(count))),
            ShiftLength::Custom(length) => elapsed(length),
            ShiftLength::Days(count) => calendar(units(count).days()),
            ShiftLength::Weeks(count) => calendar(units(count).min(500_000).weeks()),
            ShiftLength::Months(count) => calendar(units(count).min(100_000).months()),
        }
    }

    /// The number of the turn at an instant; negative before the first one.
    fn turn_at(&self, at: Timestamp, zone: &TimeZone) -> i64 {
        let mut turn = self.guess(at, zone);
        // Clock changes and months of different length put the guess off by at most a few turns.
        while self.handoff(turn, zone) > at {
            turn -= 1;
        }
        while self.handoff(turn + 1, zone) <= at {
            turn += 1;
        }
        turn
    }

    /// The first handoff after an instant. Where a skipped day makes a turn empty, there are two at
    /// once; the later one counts.
    fn next_handoff(&self, after: Timestamp, zone: &TimeZone) -> Timestamp {
        self.handoff(self.turn_at(after, zone) + 1, zone)
    }

    fn guess(&self, at: Timestamp, zone: &TimeZone) -> i64 {
        let local = at.to_zoned(zone.clone()).datetime();
        let days = i64::from(days_between(self.starts_at, local));
        let elapsed = |length: SignedDuration| {
            let since = at.duration_since(instant(self.starts_at, zone)).as_millis();
            i64::try_from(since.div_euclid(length.as_millis().max(1))).unwrap_or(0)
        };
        match self.shift {
            ShiftLength::Hours(count) => elapsed(SignedDuration::from_hours(i64::from(count))),
            ShiftLength::Custom(length) => elapsed(length),
            ShiftLength::Days(count) => days.div_euclid(i64::from(count)),
            ShiftLength::Weeks(count) => days.div_euclid(7 * i64::from(count)),
            ShiftLength::Months(count) => {
                let months = |at: DateTime| i64::from(at.year()) * 12 + i64::from(at.month());
                (months(local) - months(self.starts_at)).div_euclid(i64::from(count))
            }
        }
    }

    fn is_over(&self, at: Timestamp, zone: &TimeZone) -> bool {
        self.ends_at.is_some_and(|end| instant(end, zone) <= at)
    }
}

fn days_between(from: DateTime, to: DateTime) -> i32 {
    from.date().until(to.date()).map(|span| span.get_days()).unwrap_or(0)
}
