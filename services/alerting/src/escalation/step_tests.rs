use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::escalation::policy::Step;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn user(id: &str) -> Target {
    Target::User(id.to_owned())
}

/// A policy of one step a list of targets, each waiting 60 s.
fn policy(steps: Vec<Vec<Target>>, repeat_count: u32) -> Policy {
    let delay = SignedDuration::from_secs(60);
    Policy {
        id: Uuid::nil(),
        name: "p".to_owned(),
        description: String::new(),
        steps: steps.into_iter().map(|targets| Step { delay, targets }).collect(),
        repeat_count,
        acknowledge_timeout: None,
        created_at: at(0),
        updated_at: at(0),
    }
}

/// Users are reached, except "nobody"; everything else reaches nobody.
fn reach(target: &Target) -> Reached {
    match target {
        Target::User(id) if id != "nobody" => {
            Reached { recipients: vec![Recipient::User(id.clone())], problem: None }
        }
        other => Reached { recipients: vec![], problem: Some(format!("{other:?} reaches nobody")) },
    }
}

fn run(state: &Escalation, event: Event, now: i64, policy: &Policy) -> (Escalation, Vec<Action>) {
    step(state, &event, at(now), Some(policy), &reach).unwrap()
}

fn notified(actions: &[Action]) -> Vec<(u32, u32, Vec<String>)> {
    let name = |recipient: &Recipient| match recipient {
        Recipient::User(id) | Recipient::Channel(id) => id.clone(),
    };
    actions
        .iter()
        .filter_map(|action| match action {
            Action::Notify { step, round, recipients, .. } => {
                Some((*round, *step, recipients.iter().map(name).collect()))
            }
            _ => None,
        })
        .collect()
}

#[test]
fn steps_follow_each_other_until_none_is_left() {
    let policy = policy(vec![vec![user("alice")], vec![user("bob"), user("bob")]], 1);
    let mut state = Escalation::starting(at(0));
    let mut told = Vec::new();
    while let Some(due) = state.due_at {
        let (next, actions) = step(&state, &Event::Due, due, Some(&policy), &reach).unwrap();
        told.extend(notified(&actions).into_iter().map(|n| (due.as_second(), n)));
        state = next;
    }
    let expected = [
        (0, (1, 1, vec!["alice".to_owned()])),
        (60, (1, 2, vec!["bob".to_owned()])),
        (120, (2, 1, vec!["alice".to_owned()])),
        (180, (2, 2, vec!["bob".to_owned()])),
    ];
    assert_eq!(told, expected);
    assert_eq!(state.phase, Phase::Exhausted);
}

#[test]
fn a_step_that_reaches_nobody_is_skipped_at_once() {
    let policy = policy(vec![vec![], vec![user("nobody")], vec![user("carol")]], 0);
    let (state, actions) = run(&Escalation::starting(at(0)), Event::Due, 0, &policy);
    assert!(matches!(&actions[0], Action::Skip { step: 1, reason, .. } if reason == "it has no targets"));
    assert!(matches!(&actions[1], Action::Skip { step: 2, reason, .. } if reason.contains("nobody")));
    assert_eq!(notified(&actions), [(1, 3, vec!["carol".to_owned()])]);
    assert_eq!(state.due_at, Some(at(60)));
}

#[test]
fn a_policy_that_reaches_nobody_ends_instead_of_spinning() {
    let policy = policy(vec![vec![user("nobody")], vec![]], 100);
    let (state, actions) = run(&Escalation::starting(at(0)), Event::Due, 0, &policy);
    assert_eq!(state.phase, Phase::Exhausted);
    assert_eq!(actions.len(), 3);
}

#[test]
fn nothing_happens_before_it_is_due() {
    let policy = policy(vec![vec![user("alice")]], 0);
    let state = Escalation { due_at: Some(at(60)), ..Escalation::starting(at(0)) };
    let (next, actions) = run(&state, Event::Due, 59, &policy);
    assert_eq!((next, actions), (state, vec![]));
}

#[test]
fn an_acknowledgement_pauses_and_its_time_out_goes_on() {
    let mut policy = policy(vec![vec![user("alice")], vec![user("bob")]], 0);
    policy.acknowledge_timeout = Some(SignedDuration::from_secs(300));
    let (state, _) = run(&Escalation::starting(at(0)), Event::Due, 0, &policy);
    let (paused, actions) = run(&state, Event::Acknowledged, 10, &policy);
    assert_eq!((paused.phase, paused.due_at), (Phase::Paused, Some(at(310))));
    assert!(actions.is_empty());
    let (resumed, actions) = run(&paused, Event::Due, 310, &policy);
    assert_eq!(actions[0], Action::AcknowledgementExpired);
    assert_eq!(notified(&actions), [(1, 2, vec!["bob".to_owned()])]);
    assert_eq!(resumed.due_at, Some(at(370)));

    policy.acknowledge_timeout = None;
    let (paused, _) = run(&state, Event::Acknowledged, 10, &policy);
    assert_eq!(paused.due_at, None);
    let (_, actions) = run(&paused, Event::Unacknowledged, 20, &policy);
    assert_eq!(notified(&actions), [(1, 2, vec!["bob".to_owned()])]);
}

#[test]
fn a_snooze_delays_and_then_it_goes_on() {
    let policy = policy(vec![vec![user("alice")], vec![user("bob")]], 0);
    let (state, _) = run(&Escalation::starting(at(0)), Event::Due, 0, &policy);
    let (snoozed, _) = run(&state, Event::Snoozed { until: at(1000) }, 30, &policy);
    assert!(run(&snoozed, Event::Due, 60, &policy).1.is_empty());
    let (_, actions) = run(&snoozed, Event::Due, 1000, &policy);
    assert_eq!(actions[0], Action::SnoozeEnded);
    assert_eq!(notified(&actions), [(1, 2, vec!["bob".to_owned()])]);
}

#[test]
fn escalating_by_hand_takes_the_next_step_now_and_begins_again_when_exhausted() {
    let policy = policy(vec![vec![user("alice")], vec![user("bob")]], 0);
    let (state, _) = run(&Escalation::starting(at(0)), Event::Due, 0, &policy);
    let (state, actions) = run(&state, Event::Escalate, 5, &policy);
    assert_eq!(notified(&actions), [(1, 2, vec!["bob".to_owned()])]);
    assert_eq!(state.due_at, Some(at(65)));
    let (state, _) = run(&state, Event::Due, 65, &policy);
    assert_eq!(state.phase, Phase::Exhausted);
    let (_, actions) = run(&state, Event::Escalate, 70, &policy);
    assert_eq!(notified(&actions), [(1, 1, vec!["alice".to_owned()])]);
}

#[test]
fn a_policy_changed_in_flight_applies_from_the_next_step() {
    let before = policy(vec![vec![user("alice")], vec![user("bob")]], 0);
    let (state, _) = run(&Escalation::starting(at(0)), Event::Due, 0, &before);
    let after = policy(vec![vec![user("alice")], vec![user("dave")], vec![user("erin")]], 0);
    let (_, actions) = run(&state, Event::Due, 60, &after);
    assert_eq!(notified(&actions), [(1, 2, vec!["dave".to_owned()])]);
    let shorter = policy(vec![], 0);
    assert_eq!(run(&state, Event::Due, 60, &shorter).0.phase, Phase::Exhausted);
    let (deleted, actions) = step(&state, &Event::Due, at(60), None, &reach).unwrap();
    assert_eq!(deleted.phase, Phase::Exhausted);
    assert!(matches!(&actions[0], Action::Exhaust { reason } if reason.contains("deleted")));
}

#[test]
fn nothing_but_silence_follows_a_resolve() {
    let policy = policy(vec![vec![user("alice")]], 0);
    let (ended, actions) = run(&Escalation::starting(at(0)), Event::Resolved, 0, &policy);
    assert_eq!((ended.phase, ended.due_at, actions), (Phase::Ended, None, vec![]));
    assert!(run(&ended, Event::Due, 10, &policy).1.is_empty());
    let error = step(&ended, &Event::Escalate, at(10), Some(&policy), &reach).unwrap_err();
    assert_eq!(error.to_string(), "an escalation that is Ended cannot take an escalation by hand");
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => Just(Event::Due),
        1 => Just(Event::Acknowledged),
        1 => Just(Event::Unacknowledged),
        1 => (0..10_000_i64).prop_map(|until| Event::Snoozed { until: at(until) }),
        1 => Just(Event::Escalate),
    ]
}

proptest! {
    /// Whatever happens in whatever order: an escalation that runs always has a due time, and
    /// one that is exhausted or ended never has.
    #[test]
    fn a_running_escalation_is_never_forgotten(
        events in prop::collection::vec((any_event(), 0..500_i64), 0..40),
        reachable in prop::collection::vec(any::<bool>(), 1..5),
        repeats in 0..3_u32,
        resolve_last in any::<bool>(),
    ) {
        let targets = reachable.iter().map(|yes| vec![user(if *yes { "alice" } else { "nobody" })]);
        let policy = policy(targets.collect(), repeats);
        let mut state = Escalation::starting(at(0));
        let mut now = 0;
        let last = resolve_last.then_some((Event::Resolved, 1));
        for (event, wait) in events.into_iter().chain(last) {
            now += wait;
            state = step(&state, &event, at(now), Some(&policy), &reach).unwrap().0;
            match state.phase {
                Phase::Running | Phase::Snoozed => prop_assert!(state.due_at.is_some()),
                Phase::Paused => {}
                Phase::Exhausted | Phase::Ended => prop_assert_eq!(state.due_at, None),
            }
            prop_assert!(state.step as usize <= policy.steps.len());
            prop_assert!(state.round <= repeats + 1);
        }
    }
}
