use jiff::{SignedDuration, ToSpan, civil, tz::TimeZone};
use proptest::prelude::*;

use super::*;
use crate::schedule::{Restriction, Rotation, ShiftLength};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn rotation(participants: &[&str], shift: ShiftLength, starts_at: &str) -> Rotation {
    Rotation {
        id: Uuid::from_u128(1),
        name: "primary".into(),
        participants: participants.iter().map(|user| (*user).to_owned()).collect(),
        shift,
        starts_at: starts_at.parse().unwrap(),
        ends_at: None,
        restrictions: vec![],
    }
}

fn schedule(zone: &str, rotations: Vec<Rotation>) -> Schedule {
    Schedule {
        id: Uuid::nil(),
        name: "s".into(),
        description: String::new(),
        time_zone: TimeZone::get(zone).unwrap(),
        rotations,
        overrides: vec![],
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
    }
}

fn names(schedule: &Schedule, when: &str) -> Vec<String> {
    schedule.users_at(at(when)).into_iter().map(|user| user.user_id).collect()
}

fn override_(number: u128, start: &str, end: &str, remove: Option<&str>, add: Option<&str>) -> Override {
    Override {
        id: Uuid::from_u128(number),
        start: at(start),
        end: at(end),
        remove: remove.map(ToOwned::to_owned),
        add: add.map(ToOwned::to_owned),
        created_at: Timestamp::UNIX_EPOCH,
        created_by: "test".into(),
    }
}

#[test]
fn a_weekly_handoff_stays_at_its_wall_clock_time() {
    let weekly = rotation(&["alice", "bob"], ShiftLength::Weeks(1), "2026-03-23T09:00:00");
    let schedule = schedule("Europe/Berlin", vec![weekly]);
    let shifts = schedule.shifts(at("2026-03-23T00:00:00Z"), at("2026-04-06T07:00:00Z")).unwrap();
    let hours: Vec<_> = shifts.iter().map(|s| s.end.duration_since(s.start).as_hours()).collect();
    // The clocks went forward on 29 March.
    assert_eq!(hours, [167, 168]);
    assert_eq!(shifts[1].start, at("2026-03-30T07:00:00Z"));
    assert_eq!(names(&schedule, "2026-03-23T07:59:59Z"), Vec::<String>::new());
}

#[test]
fn months_are_counted_from_the_first_handoff() {
    let monthly = rotation(&["a", "b"], ShiftLength::Months(1), "2026-01-31T09:00:00");
    let zone = TimeZone::UTC;
    let days: Vec<_> = (0..5).map(|n| monthly.handoff(n, &zone).to_string()[..10].to_owned()).collect();
    assert_eq!(days, ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"]);
}

#[test]
fn restrictions_leave_gaps_and_may_cross_midnight_and_weekends() {
    let mut layer = rotation(&["alice"], ShiftLength::Weeks(1), "2026-01-05T00:00:00");
    layer.restrictions = vec![Restriction {
        weekdays: vec![1, 2, 3, 4, 5],
        start_minute: 22 * 60,
        end_minute: 6 * 60,
        extra_days: 0,
    }];
    let nights = schedule("UTC", vec![layer.clone()]);
    assert_eq!(names(&nights, "2026-01-05T21:59:00Z"), Vec::<String>::new());
    assert_eq!(names(&nights, "2026-01-05T22:00:00Z"), ["alice"]);
    assert_eq!(names(&nights, "2026-01-10T05:59:00Z"), ["alice"], "the night of Friday");
    assert_eq!(names(&nights, "2026-01-10T22:30:00Z"), Vec::<String>::new());

    layer.restrictions =
        vec![Restriction { weekdays: vec![5], start_minute: 18 * 60, end_minute: 8 * 60, extra_days: 2 }];
    let weekends = schedule("UTC", vec![layer]);
    let on_call = weekends.on_call(at("2026-01-09T18:00:00Z"));
    assert_eq!(on_call.valid_until, Some(at("2026-01-12T08:00:00Z")));
    assert_eq!(weekends.on_call(at("2026-01-12T08:00:00Z")).valid_until, Some(at("2026-01-16T18:00:00Z")));
}

#[test]
fn overrides_replace_add_and_remove() {
    let layer = rotation(&["alice", "bob"], ShiftLength::Days(1), "2026-01-01T00:00:00");
    let mut schedule = schedule("UTC", vec![layer]);
    schedule.overrides = vec![
        override_(1, "2026-01-01T06:00:00Z", "2026-01-02T06:00:00Z", Some("alice"), Some("carol")),
        override_(2, "2026-01-03T00:00:00Z", "2026-01-03T12:00:00Z", None, Some("dave")),
        override_(3, "2026-01-04T00:00:00Z", "2026-01-04T12:00:00Z", Some("bob"), None),
    ];
    for (when, expected) in [
        ("2026-01-01T05:59:00Z", vec!["alice"]),
        ("2026-01-01T06:00:00Z", vec!["carol"]),
        ("2026-01-02T01:00:00Z", vec!["bob"]), // alice is not on call, so carol does not stand in
        ("2026-01-03T01:00:00Z", vec!["alice", "dave"]),
        ("2026-01-04T01:00:00Z", vec![]),
        ("2026-01-04T12:00:00Z", vec!["bob"]),
    ] {
        assert_eq!(names(&schedule, when), expected, "{when}");
    }
}

#[test]
fn layers_are_on_call_together_and_one_person_once() {
    let primary = rotation(&["alice", "bob"], ShiftLength::Days(1), "2026-01-01T00:00:00");
    let mut secondary = rotation(&["bob"], ShiftLength::Days(1), "2026-01-01T00:00:00");
    secondary.id = Uuid::from_u128(2);
    let schedule = schedule("UTC", vec![primary, secondary]);
    assert_eq!(names(&schedule, "2026-01-01T01:00:00Z"), ["alice", "bob"]);
    assert_eq!(names(&schedule, "2026-01-02T01:00:00Z"), ["bob"]);
}

#[test]
fn what_never_changes_holds_for_ever() {
    let alone = schedule("UTC", vec![rotation(&["alice"], ShiftLength::Hours(1), "2026-01-01T00:00:00")]);
    assert_eq!(alone.on_call(at("2026-06-01T00:00:00Z")).valid_until, None);
    let mut ending = rotation(&["alice"], ShiftLength::Hours(1), "2026-01-01T00:00:00");
    ending.ends_at = Some(civil::date(2026, 7, 1).at(0, 0, 0, 0));
    let ending = schedule("UTC", vec![ending]);
    assert_eq!(ending.on_call(at("2026-06-01T00:00:00Z")).valid_until, Some(at("2026-07-01T00:00:00Z")));
    assert_eq!(ending.on_call(at("2026-07-01T00:00:00Z")), OnCall { users: vec![], valid_until: None });
}

#[test]
fn a_range_with_too_many_shifts_is_refused() {
    let busy = ShiftLength::Custom(SignedDuration::from_mins(1));
    let schedule = schedule("UTC", vec![rotation(&["a", "b"], busy, "2026-01-01T00:00:00")]);
    assert_eq!(schedule.shifts(at("2026-01-01T00:00:00Z"), at("2026-02-01T00:00:00Z")), Err(TooManyShifts));
}

const ZONES: [&str; 8] = [
    "America/Chicago",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "America/Sao_Paulo",
    "Asia/Beirut",
    "Pacific/Apia",
    "UTC",
];

prop_compose! {
    fn any_rotation()(
        participants in 1..5_usize,
        shift in prop_oneof![
            (1..30_u16).prop_map(ShiftLength::Hours),
            (1..5_u16).prop_map(ShiftLength::Days),
            (1..3_u16).prop_map(ShiftLength::Weeks),
            (1..3_u16).prop_map(ShiftLength::Months),
            (30..5_000_i64).prop_map(|minutes| ShiftLength::Custom(SignedDuration::from_mins(minutes))),
        ],
        start_day in 0..20_000_i64,
        start_minute in 0..1440_i64,
        restricted in any::<bool>(),
        weekdays in prop::collection::vec(1..=7_u8, 0..4),
        begin in 0..1440_u16,
        end in 0..=1440_u16,
        extra_days in 0..3_u8,
    ) -> Rotation {
        let starts_at = civil::date(1975, 1, 1).at(0, 0, 0, 0) + start_day.days() + start_minute.minutes();
        let restriction = Restriction { weekdays, start_minute: begin, end_minute: end, extra_days };
        Rotation {
            id: Uuid::from_u128(1),
            name: "r".into(),
            participants: (0..participants).map(|n| format!("user-{n}")).collect(),
            shift,
            starts_at,
            ends_at: None,
            restrictions: if restricted { vec![restriction] } else { vec![] },
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Shifts of one layer never overlap; without restrictions they tile the range; and at every
    /// boundary they say the same as asking for that instant.
    #[test]
    fn shifts_of_a_layer_tile_the_range(
        rotation in any_rotation(), zone in prop::sample::select(&ZONES), offset in -400..15_000_i64,
    ) {
        let free = rotation.restrictions.is_empty();
        let schedule = schedule(zone, vec![rotation]);
        let start = schedule.rotations[0].handoff(0, &schedule.time_zone);
        let from = start + SignedDuration::from_hours(offset);
        let to = from + SignedDuration::from_hours(40 * 24);
        let shifts = schedule.shifts(from, to).unwrap();
        for pair in shifts.windows(2) {
            prop_assert!(pair[0].end <= pair[1].start, "two people at once: {:?}", pair);
            if free {
                prop_assert_eq!(pair[0].end, pair[1].start);
            }
        }
        if free && to > start {
            prop_assert_eq!(shifts[0].start, from.max(start));
            prop_assert_eq!(shifts.last().unwrap().end, to);
        }
        for shift in &shifts {
            let last = shift.end - SignedDuration::from_micros(1);
            prop_assert_eq!(&schedule.users_at(shift.start)[0], &shift.user);
            prop_assert_eq!(&schedule.users_at(last)[0], &shift.user);
        }
    }

    /// What holds until an instant holds just before it and not at it.
    #[test]
    fn valid_until_is_exact(
        rotation in any_rotation(), zone in prop::sample::select(&ZONES), offset in -400..15_000_i64,
    ) {
        let schedule = schedule(zone, vec![rotation]);
        let when = schedule.rotations[0].handoff(0, &schedule.time_zone) + SignedDuration::from_hours(offset);
        let on_call = schedule.on_call(when);
        if let Some(until) = on_call.valid_until {
            prop_assert!(until > when);
            prop_assert_eq!(&schedule.users_at(until - SignedDuration::from_micros(1)), &on_call.users);
            // Restrictions that cover all time have boundaries at which nothing changes; after some
            // thousands of them nobody looks further.
            if until.duration_since(when) < SignedDuration::from_hours(200 * 24) {
                prop_assert_ne!(schedule.users_at(until), on_call.users);
            }
        }
    }

    /// A range cut in two says the same.
    #[test]
    fn a_range_may_be_cut_anywhere(rotation in any_rotation(), zone in prop::sample::select(&ZONES), cut in 1..700_i64) {
        let schedule = schedule(zone, vec![rotation]);
        let from = schedule.rotations[0].handoff(0, &schedule.time_zone) + SignedDuration::from_hours(9_000);
        let (middle, to) = (from + SignedDuration::from_hours(cut), from + SignedDuration::from_hours(720));
        let mut joined = schedule.shifts(from, middle).unwrap();
        for shift in schedule.shifts(middle, to).unwrap() {
            match joined.last_mut().filter(|last| last.end == shift.start && last.user == shift.user) {
                Some(last) => last.end = shift.end,
                None => joined.push(shift),
            }
        }
        prop_assert_eq!(joined, schedule.shifts(from, to).unwrap());
    }
}
