//! Times of the week at which a layer is on.

use jiff::{
    Timestamp, ToSpan,
    civil::{Date, DateTime},
    tz::TimeZone,
};
use serde::{Deserialize, Serialize};

use crate::violation::Violation;

/// The longest reach of a span that began on an earlier day: six extra days and the next one.
const REACH_DAYS: i32 = 8;
/// Minutes of a day.
const DAY: u16 = 24 * 60;

/// A span of local wall-clock time that comes again every week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restriction {
    /// The days on which a span begins, 1 = Monday to 7 = Sunday; every day if empty.
    pub weekdays: Vec<u8>,
    /// When it begins, in minutes since midnight.
    pub start_minute: u16,
    /// When it ends, in minutes since midnight; up to 1440. At or before the beginning: on the next day.
    pub end_minute: u16,
    /// It ends this many days later still.
    pub extra_days: u8,
}

impl Restriction {
    /// What is wrong with it, by field.
    pub fn violations(&self, path: &str, found: &mut Vec<Violation>) {
        if self.weekdays.iter().any(|day| !(1..=7).contains(day)) {
            found.push(Violation::new(format!("{path}.weekdays"), "must be days of the week"));
        }
        if self.start_minute >= DAY {
            found.push(Violation::new(format!("{path}.start_time"), "must be before 24:00"));
        }
        if self.end_minute > DAY {
            found.push(Violation::new(format!("{path}.end_time"), "must be at most 24:00"));
        }
        if self.extra_days > 6 {
            found.push(Violation::new(format!("{path}.extra_days"), "must be 0 to 6"));
        }
    }

    /// The span that begins on this day, if one does.
    fn span(&self, day: Date, zone: &TimeZone) -> Option<(Timestamp, Timestamp)> {
        let begins = self.weekdays.is_empty() || self.weekdays.iter().any(|n| is_weekday(day, *n));
        if !begins {
            return None;
        }
        let next_day = i64::from(self.end_minute <= self.start_minute);
        let last = day.checked_add((next_day + i64::from(self.extra_days)).days()).ok()?;
        Some((
            instant(at_minute(day, self.start_minute)?, zone),
            instant(at_minute(last, self.end_minute)?, zone),
        ))
    }
}

/// Whether any of the restrictions lets a layer be on at an instant.
pub(super) fn allows(restrictions: &[Restriction], at: Timestamp, zone: &TimeZone) -> bool {
    restrictions.is_empty() || spans(restrictions, at, zone).any(|(start, end)| start <= at && at < end)
}

/// The next instant at which a span begins or ends.
pub(super) fn next_boundary(
    restrictions: &[Restriction],
    after: Timestamp,
    zone: &TimeZone,
) -> Option<Timestamp> {
    spans(restrictions, after, zone).flat_map(|(start, end)| [start, end]).filter(|at| *at > after).min()
}

/// Every span that touches the days around an instant, a week ahead included.
fn spans(
    restrictions: &[Restriction],
    around: Timestamp,
    zone: &TimeZone,
) -> impl Iterator<Item = (Timestamp, Timestamp)> {
    let today = around.to_zoned(zone.clone()).date();
    (-REACH_DAYS..=REACH_DAYS)
        .filter_map(move |days| today.checked_add(days.days()).ok())
        .flat_map(move |day| restrictions.iter().filter_map(move |restriction| restriction.span(day, zone)))
}

fn is_weekday(day: Date, number: u8) -> bool {
    i8::try_from(number).is_ok_and(|number| day.weekday().to_monday_one_offset() == number)
}

fn at_minute(day: Date, minute: u16) -> Option<DateTime> {
    let midnight = day.at(0, 0, 0, 0);
    if minute == DAY {
        return midnight.checked_add(1.day()).ok();
    }
    midnight.checked_add(i64::from(minute).minutes()).ok()
}

/// The instant of a wall-clock time: one that a clock change skips is moved past the gap, one
/// that it repeats is the first of the two (RFC 5545, section 3.3.5).
pub(super) fn instant(local: DateTime, zone: &TimeZone) -> Timestamp {
    let zoned = zone.to_ambiguous_zoned(local).compatible();
    zoned.map(|zoned| zoned.timestamp()).unwrap_or(Timestamp::MAX)
}
