//! A run told again: the same lines and the same events as while it ran, from any place on, also of a run that is not over
//! or was killed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::io::{BufRead, BufReader};
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use super::project::{Project, Said};
use super::schemas::assert_valid;

const INVENTORY: &str = "groups:\n  web:\n    hosts: [w1, w2]\n    transport: local\n    os: linux\n";

/// Output, a note, a retried step, a failure that is gone back over and a host that does not start.
const PLAYBOOK: &str = r#"ops 1

playbook told() ! change, exec {
  log.note(text: "begins")
  on group("web") (batch: 1) {
    shell.run(script: sh"echo one; echo two >&2", effect: "change", undo: sh"echo back")
    shell.run(script: sh"echo tried; exit 3", effect: "read") {
      retry: 1
      every: 1ms
    }

    on failure {
      rollback
    }
  }
}
"#;

fn project(playbook: &str) -> Project {
    let project = Project::new();
    project.write("inventory.yaml", INVENTORY);
    project.write("a.ops", playbook);
    project
}

fn replay(project: &Project, more: &[&str]) -> Said {
    let said = project.opsc(&[&["replay", "1"], more].concat());
    assert_eq!(said.code, 0, "{said:?}");
    said
}

#[test]
fn events_are_told_again_as_they_were_and_from_any_place_on() {
    let project = project(PLAYBOOK);
    let live = project.opsc(&["run", "a.ops", "-y", "-o", "ndjson"]);
    assert!([22, 23].contains(&live.code), "{live:?}");
    let outputs = live.stdout.lines().filter(|line| line.contains("\"kind\":\"step.output\"")).count();
    assert!(outputs > 4, "{}", live.stdout);
    let kept: Vec<&str> = live.stdout.lines().filter(|line| !line.contains("\"kind\":\"step.output\"")).collect();
    let again = replay(&project, &["-o", "ndjson"]);
    assert_eq!((again.stdout.lines().collect::<Vec<_>>(), again.stderr.as_str()), (kept.clone(), ""));
    let events: Vec<(String, Json)> =
        kept.iter().map(|line| ((*line).to_string(), serde_json::from_str(line).unwrap())).collect();
    assert_valid("opsc.event-1", &events);
    let numbers: Vec<u64> = events.iter().map(|(_, event)| event["seq"].as_u64().unwrap()).collect();
    assert!(numbers.is_sorted(), "{numbers:?}");
    for (place, number) in numbers.iter().enumerate() {
        let rest = replay(&project, &["-o", "ndjson", "--after", &number.to_string()]);
        assert_eq!(rest.stdout.lines().collect::<Vec<_>>(), kept[place + 1..], "after {number}");
    }
    let missing = project.opsc(&["replay", "9"]);
    assert!(missing.code == 10 && missing.stderr.contains("there is no run `9`"), "{missing:?}");
}

#[test]
fn lines_are_told_again_as_they_were() {
    let project = project(PLAYBOOK);
    let live = project.opsc(&["run", "a.ops", "-y"]);
    // What only the process that ran it says: the last line, and notes, which are outputs.
    let (told, end) = live.stderr.trim_end().rsplit_once('\n').unwrap();
    assert!(end.starts_with("run 1 ") && told.contains("  i controller: begins\n"), "{live:?}");
    let told = format!("{}\n", told.replace("  i controller: begins\n", ""));
    let again = replay(&project, &["--fast"]);
    assert_eq!(again.stdout, format!("{told}{}", live.stdout));
    assert_eq!(again.stderr, "what the steps printed is not told; `-v` or `opsc logs 1` shows it\n");
    let verbose = replay(&project, &["--fast", "-v"]);
    assert!(verbose.stderr.contains("when each line came is not kept"), "{verbose:?}");
    let place = |text: &str| verbose.stdout.find(text).unwrap_or_else(|| panic!("{text}: {}", verbose.stdout));
    let order = [
        "    controller log.note | begins\n",
        "    w1 shell.run | one\n",
        "  ~ w1 shell.run: changed",
        "  ~ w1 shell.run#2: attempt 1 failed",
        "    w1 shell.run#2 | tried\n",
        "  x w1 shell.run#2: failed",
        "    w1 shell.run | back\n",
        "  < w1 shell.run: rolled_back",
        "w1         : ok=",
    ];
    assert!(order.map(place).is_sorted(), "{}", verbose.stdout);
}

#[test]
fn a_replay_takes_its_time_unless_told_otherwise() {
    let project = project(
        "ops 1\n\nplaybook a() ! exec {\n  on host(\"w1\") {\n    shell.run(script: sh\"sleep 0.8\", effect: \"read\")\n  }\n}\n",
    );
    assert_eq!(project.opsc(&["run", "a.ops"]).code, 0);
    let times = |more: &[&str]| {
        let started = Instant::now();
        replay(&project, more);
        started.elapsed()
    };
    assert!(times(&[]) > Duration::from_millis(800));
    assert!(times(&["--speed", "0.5"]) > Duration::from_millis(1600));
    assert!(times(&["-o", "ndjson", "--speed", "1"]) > Duration::from_millis(800));
    let quick = [times(&["--fast"]), times(&["-o", "ndjson"]), times(&["--speed", "1000"])];
    assert!(quick.iter().any(|quick| *quick < Duration::from_millis(800)), "{quick:?}");
    for wrong in ["0", "-1", "fast"] {
        assert_eq!(project.opsc(&["replay", "1", &format!("--speed={wrong}")]).code, 10, "{wrong}");
    }
}

/// A step that is under way until its file is there.
const WAITS: &str = "ops 1\n\nplaybook a() ! change, exec {\n  on host(\"w1\") {\n    shell.run(script: sh\"echo here; while ! [ -e GO ]; do sleep 0.05; done\", effect: \"change\")\n  }\n}\n";

#[test]
fn a_run_that_is_not_over_is_followed_to_its_end_by_a_reader_who_was_cut_off() {
    let project = project("");
    project.write("a.ops", &WAITS.replace("GO", &project.path("go").display().to_string()));
    let mut runner = project.spawn(&["run", "a.ops", "-y", "-o", "ndjson"]);
    let mut live = BufReader::new(runner.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut heard: Vec<String> = live.by_ref().take_while(|line| !line.contains("step.output")).collect();
    let last: Json = serde_json::from_str(heard.last().unwrap()).unwrap();
    let after = last["seq"].as_u64().unwrap().to_string();
    // Its reader goes away here, and another one comes back.
    let mut reader = project.spawn(&["replay", "1", "-o", "ndjson", "--after", &after, "--follow"]);
    let at_once = replay(&project, &["-o", "ndjson"]);
    assert!(!at_once.stdout.contains("run.finished"), "without --follow it ends: {at_once:?}");
    project.write("go", "");
    let rest: Vec<String> = BufReader::new(reader.stdout.take().unwrap()).lines().map(Result::unwrap).collect();
    assert!(reader.wait().unwrap().success());
    assert!(rest.last().unwrap().contains("run.finished"), "{rest:?}");
    heard.extend(rest);
    let seen_live = live.count();
    assert!(seen_live > 0 && runner.wait().unwrap().success());
    assert_eq!(replay(&project, &["-o", "ndjson"]).stdout.lines().collect::<Vec<_>>(), heard);
}

#[test]
fn a_killed_run_is_told_up_to_where_it_was() {
    let project = project("");
    project.write("a.ops", &WAITS.replace("GO", "never"));
    let mut runner = project.spawn(&["run", "a.ops", "-y", "-o", "ndjson"]);
    let lines = BufReader::new(runner.stdout.take().unwrap()).lines();
    assert!(lines.map(Result::unwrap).any(|line| line.contains("step.output")));
    runner.kill().unwrap();
    runner.wait().unwrap();
    let again = replay(&project, &["-o", "ndjson", "--follow"]);
    let last: Json = serde_json::from_str(again.stdout.lines().last().unwrap()).unwrap();
    assert_eq!(last["kind"], "step.started", "{again:?}");
}
