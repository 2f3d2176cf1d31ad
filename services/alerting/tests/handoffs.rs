//! On-call against an independent calculation: `handoffs.json`, made by `handoffs.py`.

use callout_alerting::schedule::{Rotation, Schedule, ShiftLength};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde::Deserialize;
use uuid::Uuid;

#[derive(Deserialize)]
struct Table {
    zone: String,
    start: String,
    shift: String,
    handoffs: Vec<(i64, Timestamp)>,
}

const PARTICIPANTS: i64 = 3;

fn schedule(table: &Table) -> Schedule {
    let shift = match table.shift.as_str() {
        "hourly" => ShiftLength::Hours(1),
        "daily" => ShiftLength::Days(1),
        "weekly" => ShiftLength::Weeks(1),
        "monthly" => ShiftLength::Months(1),
        _ => ShiftLength::Custom(SignedDuration::from_hours(10)),
    };
    let rotation = Rotation {
        id: Uuid::nil(),
        name: "r".into(),
        participants: (0..PARTICIPANTS).map(|number| number.to_string()).collect(),
        shift,
        starts_at: table.start.parse().unwrap(),
        ends_at: None,
        restrictions: vec![],
    };
    Schedule {
        id: Uuid::nil(),
        name: "s".into(),
        description: String::new(),
        time_zone: TimeZone::get(&table.zone).unwrap(),
        rotations: vec![rotation],
        overrides: vec![],
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
    }
}

#[test]
fn handoffs_are_those_of_the_independent_calculation() {
    let tables: Vec<Table> = serde_json::from_str(include_str!("handoffs.json")).unwrap();
    assert_eq!(tables.len(), 50);
    for table in &tables {
        let schedule = schedule(table);
        let what = format!("{} {} {}", table.zone, table.start, table.shift);
        for (turn, expected) in &table.handoffs {
            let handoff = schedule.rotations[0].handoff(*turn, &schedule.time_zone);
            assert_eq!(handoff, *expected, "{what}, turn {turn}");
        }
    }
}

/// The same by asking who is on call, at the handoffs and just before them, backwards in time.
#[test]
fn whose_turn_it_is_follows_from_the_handoffs() {
    let tables: Vec<Table> = serde_json::from_str(include_str!("handoffs.json")).unwrap();
    for table in &tables {
        let schedule = schedule(table);
        let what = format!("{} {} {}", table.zone, table.start, table.shift);
        let on_call = |at: Timestamp| schedule.users_at(at).first().map(|user| user.user_id.clone());
        let of_turn = |turn: i64| (turn >= 0).then(|| (turn % PARTICIPANTS).to_string());
        let instant =
            |turn: i64| table.handoffs.iter().find(|(number, _)| *number == turn).map(|(_, at)| *at);
        for (turn, at) in table.handoffs.iter().rev() {
            // A day that a zone skipped leaves a turn without any time.
            if instant(turn + 1) == Some(*at) || instant(turn - 1) == Some(*at) {
                continue;
            }
            assert_eq!(on_call(*at), of_turn(*turn), "{what}, at handoff {turn}");
            let before = *at - SignedDuration::from_secs(1);
            if *turn <= 0 || instant(turn - 2) != instant(turn - 1) {
                assert_eq!(on_call(before), of_turn(turn - 1), "{what}, before handoff {turn}");
            }
        }
    }
}
