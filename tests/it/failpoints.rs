//! Runs that die just before or just after each transition that the journal commits, and what goes on with them dies too:
//! nothing is done twice or left out, nothing is claimed, only what was under way is unknown.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use opsc::state::TRANSITIONS;

use super::failpoint_flows::{FLOWS, Flow, Goal, Line, Place};

/// One place to die: in a line of a flow, at the nth commit of a transition.
struct Point {
    flow: &'static Flow,
    line: usize,
    name: String,
    side: &'static str,
    nth: usize,
}

impl Point {
    fn at(&self) -> String {
        format!("{} {} {}", self.name, self.side, self.nth)
    }
}

fn all_points() -> Vec<Point> {
    let mut points = Vec::new();
    for flow in FLOWS {
        let place = Place::new();
        for (line, command) in flow.lines.iter().enumerate() {
            for (name, times) in place.passes(command) {
                let sides = ["before", "after"].into_iter();
                points.extend((1..=times).flat_map(|nth| {
                    let name = name.clone();
                    sides.clone().map(move |side| Point { flow, line, name: name.clone(), side, nth })
                }));
            }
        }
    }
    points
}

/// Each name once, on this side or that; with `OPSC_TEST_LONG=1` all points.
fn chosen(points: &[Point]) -> Vec<&Point> {
    if std::env::var_os("OPSC_TEST_LONG").is_some() {
        return points.iter().collect();
    }
    let mut by_name: BTreeMap<&str, Vec<&Point>> = BTreeMap::new();
    points.iter().for_each(|point| by_name.entry(&point.name).or_default().push(point));
    by_name.values().enumerate().map(|(number, points)| points[(number * 37 + 11) % points.len()]).collect()
}

struct Enumeration {
    /// Names, sides and numbers for what is killed while it goes on.
    elsewhere: Vec<String>,
    again: AtomicUsize,
    resolved: AtomicUsize,
}

impl Enumeration {
    /// So many points at once: they mostly wait for processes to end.
    const AT_ONCE: usize = 6;

    /// The points at which something was wrong; what it was is printed by then.
    fn wrong(&self, points: &[&Point]) -> Vec<String> {
        let next = AtomicUsize::new(0);
        let some = || {
            let mine = std::iter::from_fn(|| {
                let number = next.fetch_add(1, Ordering::Relaxed);
                Some((number, *points.get(number)?))
            });
            let wrong =
                mine.filter(|(number, point)| catch_unwind(AssertUnwindSafe(|| self.at(point, *number))).is_err());
            wrong.map(|(_, point)| format!("{} line {}: {}", point.flow.name, point.line, point.at())).collect()
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..Self::AT_ONCE).map(|_| scope.spawn(some)).collect();
            workers.into_iter().flat_map(|worker| -> Vec<String> { worker.join().unwrap() }).collect()
        })
    }

    fn at(&self, point: &Point, number: usize) {
        let (before, rest) = point.flow.lines.split_at(point.line);
        let Some((line, rest)) = rest.split_first() else { return };
        let told = format!("{}: {} at {}", point.flow.name, line.text, point.at());
        // How many steps of three hosts are done before one of them runs out of time is not always the same.
        let killed = (0..8).find_map(|_| {
            let place = Place::new();
            before.iter().for_each(|line| place.plainly(line));
            place.killed(line.text, &point.at()).then_some(place)
        });
        let Some(place) = killed else { panic!("{told}: it was not reached") };
        place.is_honest(&told);
        match line.is_run() {
            true => self.settle(&place, point.flow, line, (&told, number)),
            false => said_again(&place, line, rest, &told),
        }
    }

    /// From wherever it died to one of its ends, being killed once more on the way.
    fn settle(&self, place: &Place, flow: &Flow, line: &Line, (told, number): (&str, usize)) {
        let back = !flow.can_end || line.text.starts_with("rollback") || number % 2 == 1;
        let goal = if back { Goal::Back } else { Goal::Done };
        place.mend();
        for attempt in 0..12 {
            let run = place.project.newest_run();
            let command = match (run, goal) {
                (0, _) => return begin_again(place, flow, told),
                (run, Goal::Done) => format!("resume {run} -y"),
                (run, Goal::Back) => format!("rollback {run} -y"),
            };
            if attempt == 0 {
                let at = self.elsewhere[(number * 31 + 7) % self.elsewhere.len()].clone();
                if place.killed(&command, &at) {
                    self.again.fetch_add(1, Ordering::Relaxed);
                    place.is_honest(&format!("{told}, then {command} at {at}"));
                }
                continue;
            }
            let said = place.opsc(&command);
            let is_over =
                said.code == 0 || said.code == 10 && said.stderr.contains("is done: nothing of it is missing");
            if is_over {
                place.is_honest(told);
                return place.is_at(flow.name, goal, told);
            }
            match said.code {
                3 if said.stderr.contains("waits at") || said.stderr.contains(" waits for ") => {
                    let run = place.project.newest_run();
                    drop(place.opsc(&format!("approve {run} --as dba")));
                }
                3 => {
                    self.resolved.fetch_add(1, Ordering::Relaxed);
                    place.resolve(run, &said, told);
                }
                // It took up a step that failed before it was mended, or that was ended at its deadline, and undid what its host had.
                22 | 23 | 27 if matches!(goal, Goal::Done) && said.stderr.contains("is taken up") => {}
                _ => panic!("{told}: {command}: {said:?}\n{:#?}", place.records()),
            }
        }
        panic!("{told}: no end after twelve attempts");
    }
}

/// It died before the journal had the run: nothing of it was done.
fn begin_again(place: &Place, flow: &Flow, told: &str) {
    place.is_at(flow.name, Goal::Back, told);
    let said = place.opsc(flow.lines[0].text);
    assert!(said.code == flow.lines[0].code || said.code == 0, "{told}: {said:?}");
}

/// What somebody says of a run is said once, whether the first time was heard or not.
fn said_again(place: &Place, line: &Line, rest: &[Line], told: &str) {
    let again = place.opsc(line.text);
    assert!([0, line.code, 10].contains(&again.code), "{told}: {again:?}");
    if again.code == 10 {
        let words = [
            "was approved by",
            "was rejected by",
            "is not locked",
            "exists",
            "nobody needs to say",
            "is there already",
        ];
        assert!(words.iter().any(|word| again.stderr.contains(word)), "{told}: {again:?}");
    }
    place.is_honest(told);
    rest.iter().for_each(|line| place.plainly(line));
    place.is_honest(told);
}

#[test]
fn killed_at_any_commit_nothing_is_claimed_done_twice_or_left_out() {
    let points = all_points();
    let reached: BTreeSet<&str> = points.iter().map(|point| point.name.as_str()).collect();
    let missed: Vec<&str> = TRANSITIONS.iter().map(|(_, name)| *name).filter(|name| !reached.contains(name)).collect();
    assert!(missed.is_empty(), "no playbook passes {missed:?}");
    let of_runs = |point: &&Point| point.flow.lines[point.line].is_run() && point.nth < 6;
    let elsewhere = points.iter().filter(of_runs).map(Point::at).collect();
    let enumeration = Enumeration { elsewhere, again: 0.into(), resolved: 0.into() };
    let chosen = chosen(&points);
    let wrong = enumeration.wrong(&chosen);
    let (again, resolved) = (enumeration.again.into_inner(), enumeration.resolved.into_inner());
    println!(
        "{} of {} points of {} transitions, {again} killed again, {resolved} resolved by looking",
        chosen.len(),
        points.len(),
        TRANSITIONS.len(),
    );
    assert!(wrong.is_empty(), "{} points: {wrong:#?}", wrong.len());
    assert!(again > chosen.len() / 8, "only {again} were killed again");
}
