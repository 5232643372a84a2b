//! Circuits, driven by hand and by seeds on time that nobody waits for. Tests only.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]
use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::circuit::{Changed, Circuits, Limits, Of, State, group_failures};
use crate::base::ids::{HostId, Id};
use crate::hir::world::{Group, Inventory};

/// Other ones than those that hold without a setting.
const HOST_FAILURES: usize = 4;
const PAUSE: u64 = 20_000;

fn limits() -> Limits {
    Limits { failures: HOST_FAILURES, pause: Duration::from_millis(PAUSE) }
}

fn host(index: usize) -> HostId {
    HostId::from_index(index)
}

/// Hosts of one group, and one of none.
fn circuits(grouped: usize) -> Circuits {
    let hosts = (0..grouped).map(host).collect();
    Circuits::new(
        &Inventory { groups: vec![Group { name: "web".to_string(), hosts }], ..Inventory::default() },
        limits(),
    )
}

fn states(changed: &[Changed]) -> Vec<(&Of, &'static str)> {
    changed.iter().map(|changed| (&changed.of, changed.state.name())).collect()
}

#[test]
fn a_host_is_left_alone_after_failures_in_a_row_and_asked_once_later() {
    let (mut circuits, alone) = (circuits(0), host(0));
    for _ in 1..HOST_FAILURES {
        assert_eq!(circuits.ask(alone, 1000), Ok(Vec::new()));
        assert!(circuits.failed(alone, 1000, "refused").is_empty());
    }
    assert!(circuits.ask(alone, 1000).is_ok());
    assert_eq!(states(&circuits.failed(alone, 1000, "timed out")), [(&Of::Host(alone), "open")]);
    let refused = circuits.ask(alone, 1000 + PAUSE - 1).unwrap_err();
    assert_eq!((refused.since, refused.until, refused.last.as_str()), (1000, 1000 + PAUSE, "timed out"));
    assert_eq!(refused.to_string(), "circuit open for  since 00:00:01Z, until 00:00:21Z; last error: timed out");

    let later = 1000 + PAUSE;
    assert_eq!(states(&circuits.ask(alone, later).unwrap()), [(&Of::Host(alone), "half_open")]);
    assert!(circuits.ask(alone, later).is_err(), "one attempt at a time");
    assert_eq!(states(&circuits.failed(alone, later, "refused")), [(&Of::Host(alone), "open")]);
    let again = circuits.ask(alone, later + 1).unwrap_err();
    assert_eq!((again.since, again.until), (1000, later + PAUSE), "open since it first was");

    assert!(circuits.ask(alone, later + PAUSE).is_ok());
    assert_eq!(states(&circuits.succeeded(alone)), [(&Of::Host(alone), "closed")]);
    assert!(circuits.failed(alone, later + PAUSE, "refused").is_empty(), "counted anew");
}

#[test]
fn a_group_is_left_alone_where_a_share_of_it_fails_and_none_answers() {
    let (grouped, most) = (40, group_failures(40));
    let mut one_answers = circuits(grouped);
    for failing in 0..grouped {
        if failing == most - 1 {
            assert!(one_answers.succeeded(host(grouped - 1)).is_empty());
        }
        let changed = one_answers.failed(host(failing), 5, "refused");
        assert_eq!(changed.is_empty(), failing + 1 != 2 * most - 1, "host {failing}");
    }
    let mut circuits = circuits(grouped);
    for _ in 0..4 * most {
        circuits.failed(host(0), 5, "refused");
    }
    assert!(circuits.ask(host(1), 5).is_ok(), "one host that fails often is no share");
    (1..most).for_each(|failing| drop(circuits.failed(host(failing), 6, "refused")));
    let refused = circuits.ask(host(grouped - 1), 7).unwrap_err();
    assert_eq!((refused.name.as_str(), refused.is_group), ("web", true));
    assert!(circuits.ask(host(grouped), 7).is_ok(), "who is not of the group is asked");
    // A host that is refused for itself does not use up the one attempt of its group.
    (0..HOST_FAILURES).for_each(|_| drop(circuits.failed(host(1), 20, "refused")));
    assert!(!circuits.ask(host(1), 6 + PAUSE).unwrap_err().is_group);
    assert_eq!(states(&circuits.ask(host(2), 6 + PAUSE).unwrap()), [(&Of::Group("web".to_string()), "half_open")]);
}

#[test]
fn a_group_of_a_few_hosts_has_no_circuit() {
    let mut circuits = circuits(4);
    (0..4).for_each(|failing| assert!(circuits.failed(host(failing), 5, "refused").is_empty()));
    assert!((0..4).all(|of| circuits.ask(host(of), 6).is_ok()));
}

/// What somebody does next: waits, or lets the attempt of a host end.
#[derive(Clone, Debug)]
enum Move {
    Wait(u64),
    Ask(usize),
    End(usize, bool),
}

fn any_move() -> impl Strategy<Value = Move> {
    prop_oneof![
        (0..2 * PAUSE).prop_map(Move::Wait),
        (0usize..24).prop_map(Move::Ask),
        (0usize..24, prop::bool::weighted(0.15)).prop_map(|(host, well)| Move::End(host, well)),
    ]
}

fn seeded() -> ProptestConfig {
    ProptestConfig { cases: 2_000, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(seeded())]
    #[test]
    fn whatever_ends_in_whatever_order_the_circuits_hold(moves in prop::collection::vec(any_move(), 1..300)) {
        let mut circuits = circuits(20);
        let (mut now, mut open) = (0, BTreeMap::<Of, State>::new());
        let mut at_work = [0_usize; 24];
        // Failures of a host since it last answered.
        let mut in_a_row = [0_usize; 24];
        for next in moves {
            let changed = match next {
                Move::Wait(length) => { now += length; Vec::new() }
                Move::Ask(of) => {
                    let concerned = |state: &Of| *state == Of::Host(host(of)) || of < 20 && matches!(state, Of::Group(_));
                    let shut = open.iter().any(|(of, state)| concerned(of) && matches!(
                        state, State::Open { until, .. } | State::HalfOpen { until, .. } if now < *until));
                    match circuits.ask(host(of), now) {
                        Ok(changed) => {
                            prop_assert!(!shut, "an attempt while a circuit is open");
                            at_work[of] += 1;
let all_half = changed.iter().all(|changed| matches!(changed.state, State::HalfOpen { .. }));
                            prop_assert!(all_half, "{changed:?}");
                            changed
                        }
                        Err(refused) => {
                            prop_assert!(shut, "refused, and nothing is open");
                            prop_assert!(refused.since <= now && now < refused.until && !refused.last.is_empty());
                            Vec::new()
                        }
                    }
                }
                Move::End(of, _) if at_work[of] == 0 => Vec::new(),
                Move::End(of, well) => {
                    at_work[of] -= 1;
                    in_a_row[of] = if well { 0 } else { in_a_row[of] + 1 };
                    let changed = if well { circuits.succeeded(host(of)) } else { circuits.failed(host(of), now, "no") };
                    for changed in &changed {
                        prop_assert_eq!(changed.state == State::Closed, well);
                        let own = changed.of == Of::Host(host(of)) && !well;
                        prop_assert!(!own || in_a_row[of] >= HOST_FAILURES, "opened too early");
                    }
                    changed
                }
            };
            for Changed { of, state, .. } in changed {
                prop_assert_ne!(open.insert(of, state).unwrap_or(State::Closed), state, "told twice");
            }
        }
    }
}
