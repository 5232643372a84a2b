//! Runs that are stopped from another terminal; through the binary.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use super::resume::Fleet;

/// A change, a step that waits for a file `go`, another change; then the same on the second host.
const DEPLOY: &str = r#"ops 1

playbook deploy() ! change, exec {
  on all() - host("localhost") (batch: 1) {
    file.write(to: "ROOT/{host.name}.conf", content: "new")
    shell.run(script: sh"""echo begun; until [ -e ROOT/go ]; do sleep 0.02; done""", effect: "read")
    file.write(to: "ROOT/{host.name}.done", content: "")
    on failure { rollback }
  }
}
"#;

fn fleet() -> Fleet {
    let fleet = Fleet::new("");
    fleet.program("deploy.ops", DEPLOY);
    fleet
}

/// Stops a run that waits, lets its step end once it has heard of that, and gives its exit code.
fn stopped(fleet: &Fleet, line: &str, level: &str) -> Option<i32> {
    let run = fleet.waiting("run deploy.ops -y");
    let mut cancel = fleet.project.spawn(&line.split_whitespace().collect::<Vec<_>>());
    let code = ends_after(run, fleet, level);
    let ended = cancel.wait().unwrap();
    assert!(ended.success(), "{ended}");
    code
}

/// Waits until a run has heard that it is to stop so far, and lets its step end.
fn ends_after(mut run: Child, fleet: &Fleet, level: &str) -> Option<i32> {
    let mut events = run.stdout.take().unwrap();
    let mut seen = String::new();
    let mut piece = [0; 1 << 16];
    let wanted = format!("\"stop.requested\",\"level\":{level}");
    while !seen.contains(&wanted) {
        let read = events.read(&mut piece).unwrap();
        assert!(read > 0, "it never heard of it: {seen}");
        seen.push_str(&String::from_utf8_lossy(piece.get(..read).unwrap()));
    }
    fleet.put("go", "");
    std::io::copy(&mut events, &mut std::io::sink()).unwrap();
    run.wait().unwrap().code()
}

#[test]
fn who_stopped_a_run_from_elsewhere_is_in_the_audit() {
    let fleet = fleet();
    stopped(&fleet, "cancel 1 --steps", "2");
    let rows = fleet.project.opsc(&["audit", "query", "--kind", "run.cancelled", "-o", "json"]);
    let rows: serde_json::Value = serde_json::from_str(&rows.stdout).unwrap();
    let found: Vec<_> = rows.as_array().unwrap().iter().map(|row| (&row["run"], &row["details"]["how"])).collect();
    assert_eq!(found, [(&serde_json::json!(1), &serde_json::json!("steps"))]);
    assert_eq!(fleet.project.opsc(&["cancel", "1"]).code, 10);
    let text = fleet.project.opsc(&["audit", "query", "--kind", "run.cancelled"]).stdout;
    assert!(text.ends_with("run.cancelled  run 1: steps\n"), "{text}");
}

fn signal(run: &Child, signal: &str) {
    assert!(Command::new("kill").args([signal, &run.id().to_string()]).status().unwrap().success());
}

/// Not while it writes: who is stopped then keeps everybody else from the journal.
fn stop_beside_the_journal(fleet: &Fleet, run: &Child) {
    let journal = rusqlite::Connection::open(fleet.project.path(".opsc/journal.sqlite")).unwrap();
    journal.busy_timeout(std::time::Duration::ZERO).unwrap();
    loop {
        signal(run, "-STOP");
        if journal.execute_batch("BEGIN IMMEDIATE; ROLLBACK").is_ok() {
            return;
        }
        signal(run, "-CONT");
    }
}

/// One that is stopped as by Ctrl-Z.
#[test]
fn whoever_stops_a_run_that_does_not_answer_learns_of_it() {
    let fleet = fleet();
    let run = fleet.waiting("run deploy.ops -y");
    stop_beside_the_journal(&fleet, &run);
    let mut cancel = fleet.project.spawn(&["cancel", "1"]);
    let mut told = BufReader::new(cancel.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(told.next().unwrap(), "run 1 is asked to stop; waiting for its end");
    let silent = told.next().unwrap();
    assert!(silent.starts_with(&format!("run 1 does not answer: its process {} is stopped", run.id())), "{silent}");
    signal(&run, "-CONT");
    assert_eq!(ends_after(run, &fleet, "1"), Some(130));
    assert!(told.next().unwrap().starts_with("run 1 stopped"));
    assert!(cancel.wait().unwrap().success());
}

#[test]
fn a_terminal_that_goes_stops_a_run_in_good_order() {
    let fleet = fleet();
    // Who runs the tests may have been told not to mind, and children inherit that.
    let run = fleet.waiting_below(&["env", "--default-signal=HUP"], "run deploy.ops -y");
    signal(&run, "-HUP");
    assert_eq!(ends_after(run, &fleet, "1"), Some(130));
    assert!(fleet.project.path("root/w1.done").exists() && !fleet.project.path("root/w2.conf").exists());
}

/// As `nohup` and many services start programs.
#[test]
fn who_was_told_not_to_mind_goes_on_without_a_terminal() {
    let fleet = fleet();
    let plain = fleet.project.command(&["run", "deploy.ops", "-y", "-o", "ndjson"]);
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' HUP; exec \"$@\"", "sh"]).arg(plain.get_program()).args(plain.get_args());
    command.current_dir(fleet.project.folder.path()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut run = command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?)))).spawn().unwrap();
    let mut events = BufReader::new(run.stdout.take().unwrap()).lines();
    assert!(events.any(|event| event.unwrap().contains("begun")));
    signal(&run, "-HUP");
    fleet.put("go", "");
    let rest: Vec<String> = events.map(|event| event.unwrap()).collect();
    assert!(!rest.iter().any(|event| event.contains("stop.requested")), "{rest:?}");
    assert_eq!(run.wait().unwrap().code(), Some(0));
}

#[test]
fn hosts_at_work_finish_and_no_other_one_begins() {
    let fleet = fleet();
    assert_eq!(stopped(&fleet, "cancel 1", "1"), Some(130));
    assert!(fleet.project.path("root/w1.done").exists() && !fleet.project.path("root/w2.conf").exists());
    let said = fleet.comes_to("cancel 1", 10);
    assert!(said.stderr.contains("run 1 is over: stopped"), "{said:?}");
    fleet.comes_to("resume 1 -y", 0);
    assert!(fleet.project.path("root/w2.done").exists());
}

#[test]
fn steps_at_work_finish_and_what_was_done_is_undone_where_the_playbook_says_so() {
    let fleet = fleet();
    assert_eq!(stopped(&fleet, "cancel 1 --steps", "2"), Some(130));
    assert!(!fleet.project.path("root/w1.done").exists() && !fleet.project.path("root/w1.conf").exists());
}

#[test]
fn nothing_is_waited_for() {
    let fleet = fleet();
    let mut run = fleet.waiting("run deploy.ops -y");
    let said = fleet.comes_to("cancel 1 --now", 0);
    assert!(said.stderr.contains("run 1 stopped; `opsc show 1` tells more, `opsc resume 1` goes on"), "{said:?}");
    // Its output was not read to the end, and it has ended all the same.
    let mut left = run.stdout.take().unwrap();
    std::io::copy(&mut left, &mut std::io::sink()).unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(130));
    assert!(!fleet.project.path("root/w1.done").exists());
}

#[test]
fn what_is_not_under_way_cannot_be_stopped() {
    let fleet = fleet();
    fleet.killed("run deploy.ops -y");
    let said = fleet.comes_to("cancel 1", 10);
    assert!(said.stderr.contains("the process of run 1 is gone\nhint: `opsc resume 1` goes on with it"), "{said:?}");
    let said = fleet.comes_to("cancel 7", 10);
    assert!(said.stderr.contains("there is no run `7`"), "{said:?}");
}
