//! Ways back that are killed at their system calls, those of runs that fail and those that are asked for: what was undone
//! is not undone again, what is left is undone, and only what was under way is unknown.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use super::failpoint_flows::Place;
use super::syscall_kills::{at_each, calls_of, killed_at};

/// Of the points of each way back, as many as a run of the tests takes; `OPSC_TEST_LONG=1` takes all.
const POINTS: usize = 12;

/// A place from which a command goes back, and the command with its exit code.
fn ready(command: (&str, i32)) -> Place {
    let place = Place::new();
    if command.0.starts_with("rollback") {
        place.mend();
        let done = place.opsc("run fails.ops -y");
        assert_eq!(done.code, 0, "{done:?}");
    }
    place
}

#[test]
fn a_way_back_that_is_killed_at_any_call_is_gone_to_its_end() {
    let long = std::env::var_os("OPSC_TEST_LONG").is_some();
    for command in [("run fails.ops -y", 23), ("rollback 1 -y", 0)] {
        let calls = calls_of(&ready(command).project, command);
        let all: Vec<(&str, usize)> =
            calls.iter().flat_map(|(call, most)| (1..=*most).map(|nth| (*call, nth))).collect();
        let every = if long { 1 } else { all.len() / POINTS };
        let visit = |(number, at): (usize, &(&str, usize))| {
            let point = format!("{} at {} {}", command.0, at.0, at.1);
            let (place, mut again) = (ready(command), 0);
            let points = usize::from(killed_at(&place.project, command.0, *at));
            place.is_honest(&point);
            // What goes on is killed as well, somewhere else each time.
            let elsewhere = all[(number * 37 + 11) % all.len()];
            let run = place.project.newest_run();
            if run > 0 && killed_at(&place.project, &format!("rollback {run} -y"), elsewhere) {
                again += 1;
                place.is_honest(&format!("{point}, then {} {}", elsewhere.0, elsewhere.1));
            }
            [points, again, place.goes_back(&point)]
        };
        let [points, again, resolved] = at_each(all.iter().enumerate().skip(every / 2).step_by(every), visit);
        println!("{}: {points} of {} points, {again} again, {resolved} resolved by looking", command.0, all.len());
        assert!(points >= if long { all.len() / 2 } else { POINTS / 2 }, "only {points} points");
    }
}
