//! Schedules on the wire.

use callout_proto::alerting::v1::{self as pb, shift_length::Unit};
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use uuid::Uuid;

use super::{OnCall, OnCallUser, Override, Restriction, Rotation, Schedule, Shift, ShiftLength};
use crate::{
    error::{Error, Result},
    wire::{duration, duration_to_pb, time, to_pb},
};

/// The parts of a schedule that a request may set. Rotations without an id are given one.
pub(super) fn schedule_from_pb(schedule: pb::Schedule, new_id: &dyn Fn() -> Uuid) -> Result<Schedule> {
    let zone = TimeZone::get(&schedule.time_zone).ok().filter(|zone| zone.iana_name().is_some());
    let rotations = schedule.rotations.into_iter().enumerate();
    let rotations = rotations
        .map(|(index, rotation)| rotation_from_pb(rotation, &format!("schedule.rotations[{index}]"), new_id));
    Ok(Schedule {
        id: Uuid::nil(),
        name: schedule.name,
        description: schedule.description,
        time_zone: zone.ok_or_else(|| {
            let reason = format!("`{}` is not an IANA time zone", schedule.time_zone);
            Error::invalid("schedule.time_zone", reason)
        })?,
        rotations: rotations.collect::<Result<_>>()?,
        overrides: Vec::new(),
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
    })
}

/// A rotation of a request.
pub(super) fn rotation_from_pb(
    rotation: pb::Rotation,
    path: &str,
    new_id: &dyn Fn() -> Uuid,
) -> Result<Rotation> {
    let local = |field: &str, text: &str| {
        text.parse::<DateTime>().map_err(|_| {
            let reason = "must be a local time without offset, such as 2026-03-02T09:00:00";
            Error::invalid(format!("{path}.{field}"), reason)
        })
    };
    let restrictions = rotation.restrictions.iter().enumerate();
    Ok(Rotation {
        id: rotation.id.parse().unwrap_or_else(|_| new_id()),
        name: rotation.name,
        participants: rotation.participants,
        shift: shift_from_pb(rotation.shift.unwrap_or_default(), path)?,
        starts_at: local("starts_at", &rotation.starts_at)?,
        ends_at: match rotation.ends_at.as_str() {
            "" => None,
            text => Some(local("ends_at", text)?),
        },
        restrictions: restrictions
            .map(|(index, r)| restriction_from_pb(r, &format!("{path}.restrictions[{index}]")))
            .collect::<Result<_>>()?,
    })
}

fn shift_from_pb(shift: pb::ShiftLength, path: &str) -> Result<ShiftLength> {
    let count = u16::try_from(shift.count.max(0)).unwrap_or(u16::MAX).max(1);
    let count = if shift.count < 0 { 0 } else { count };
    Ok(match shift.unit() {
        Unit::Unspecified => {
            let reason = "must be HOURS, DAYS, WEEKS, MONTHS or CUSTOM";
            return Err(Error::invalid(format!("{path}.shift.unit"), reason));
        }
        Unit::Hours => ShiftLength::Hours(count),
        Unit::Days => ShiftLength::Days(count),
        Unit::Weeks => ShiftLength::Weeks(count),
        Unit::Months => ShiftLength::Months(count),
        Unit::Custom => ShiftLength::Custom(duration(shift.custom.unwrap_or_default())),
    })
}

fn restriction_from_pb(restriction: &pb::TimeRestriction, path: &str) -> Result<Restriction> {
    let weekdays = restriction.weekdays.iter().map(|day| u8::try_from(*day).unwrap_or(0));
    Ok(Restriction {
        weekdays: weekdays.collect(),
        start_minute: minute(&restriction.start_time, &format!("{path}.start_time"))?,
        end_minute: minute(&restriction.end_time, &format!("{path}.end_time"))?,
        extra_days: u8::try_from(restriction.extra_days).unwrap_or(u8::MAX),
    })
}

/// "HH:MM" as minutes since midnight; "24:00" is the end of the day.
fn minute(text: &str, field: &str) -> Result<u16> {
    let parse = || {
        let (hour, minute) = text.split_once(':')?;
        let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
        let total = hour * 60 + minute;
        (hour <= 24 && minute < 60 && total <= 24 * 60 && text.len() == 5).then_some(total)
    };
    parse().ok_or_else(|| Error::invalid(field, "must be HH:MM"))
}

fn clock_time(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

/// An override of a request.
pub(super) fn override_from_pb(override_: pb::Override) -> Result<Override> {
    let needed = |at: Option<prost_types::Timestamp>, field: &str| {
        time(at.ok_or_else(|| Error::invalid(field, "is needed"))?, field)
    };
    let user = |id: String| Some(id).filter(|id| !id.is_empty());
    Ok(Override {
        id: Uuid::nil(),
        start: needed(override_.start, "override.start")?,
        end: needed(override_.end, "override.end")?,
        remove: user(override_.remove_user_id),
        add: user(override_.add_user_id),
        created_at: Timestamp::UNIX_EPOCH,
        created_by: String::new(),
    })
}

impl From<Schedule> for pb::Schedule {
    fn from(schedule: Schedule) -> Self {
        Self {
            id: schedule.id.to_string(),
            name: schedule.name,
            description: schedule.description,
            time_zone: schedule.time_zone.iana_name().unwrap_or("UTC").to_owned(),
            rotations: schedule.rotations.into_iter().map(Into::into).collect(),
            created_at: Some(to_pb(schedule.created_at)),
            updated_at: Some(to_pb(schedule.updated_at)),
        }
    }
}

impl From<Rotation> for pb::Rotation {
    fn from(rotation: Rotation) -> Self {
        Self {
            id: rotation.id.to_string(),
            name: rotation.name,
            participants: rotation.participants,
            shift: Some(rotation.shift.into()),
            starts_at: rotation.starts_at.to_string(),
            ends_at: rotation.ends_at.map(|at| at.to_string()).unwrap_or_default(),
            restrictions: rotation.restrictions.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<ShiftLength> for pb::ShiftLength {
    fn from(shift: ShiftLength) -> Self {
        let (unit, count, custom) = match shift {
            ShiftLength::Hours(count) => (Unit::Hours, count, None),
            ShiftLength::Days(count) => (Unit::Days, count, None),
            ShiftLength::Weeks(count) => (Unit::Weeks, count, None),
            ShiftLength::Months(count) => (Unit::Months, count, None),
            ShiftLength::Custom(length) => (Unit::Custom, 0, Some(duration_to_pb(length))),
        };
        Self { unit: unit.into(), count: count.into(), custom }
    }
}

impl From<Restriction> for pb::TimeRestriction {
    fn from(restriction: Restriction) -> Self {
        Self {
            weekdays: restriction.weekdays.into_iter().map(i32::from).collect(),
            start_time: clock_time(restriction.start_minute),
            end_time: clock_time(restriction.end_minute),
            extra_days: restriction.extra_days.into(),
        }
    }
}

/// An override for an answer.
pub(super) fn override_to_pb(override_: Override, schedule_id: Uuid) -> pb::Override {
    pb::Override {
        id: override_.id.to_string(),
        schedule_id: schedule_id.to_string(),
        start: Some(to_pb(override_.start)),
        end: Some(to_pb(override_.end)),
        remove_user_id: override_.remove.unwrap_or_default(),
        add_user_id: override_.add.unwrap_or_default(),
        created_at: Some(to_pb(override_.created_at)),
        created_by: override_.created_by,
    }
}

impl From<OnCall> for pb::GetOnCallUsersResponse {
    fn from(on_call: OnCall) -> Self {
        Self {
            users: on_call.users.into_iter().map(Into::into).collect(),
            valid_until: on_call.valid_until.map(to_pb),
        }
    }
}

fn optional(id: Option<Uuid>) -> String {
    id.map(|id| id.to_string()).unwrap_or_default()
}

impl From<OnCallUser> for pb::OnCallUser {
    fn from(user: OnCallUser) -> Self {
        Self {
            user_id: user.user_id,
            rotation_id: optional(user.rotation_id),
            override_id: optional(user.override_id),
        }
    }
}

impl From<Shift> for pb::Shift {
    fn from(shift: Shift) -> Self {
        Self {
            user_id: shift.user.user_id,
            start: Some(to_pb(shift.start)),
            end: Some(to_pb(shift.end)),
            rotation_id: optional(shift.user.rotation_id),
            override_id: optional(shift.user.override_id),
        }
    }
}
