//! Steps that must not be done twice go on without the run that began them, and the next run takes them up; through the
//! binary.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::resume::Fleet;

const ONCE: &str = r#"shell.run(script: sh"""echo "$h" >> ROOT/once; echo begun; until [ -e ROOT/go ]; do sleep 0.02; done; echo over; exit CODE""", vars: { h: host.name }, effect: "change")"#;

fn killed(code: &str) -> Fleet {
    let fleet = Fleet::new(&ONCE.replace("CODE", code));
    fleet.killed("run deploy.ops -y");
    fleet
}

/// A playbook `late.ops` of these steps on one host.
fn late(steps: &str) -> Fleet {
    let fleet = Fleet::new("");
    let text = format!("ops 1\n\nplaybook late() ! change, exec {{\n  on host(\"w1\") {{\n{steps}\n  }}\n}}\n");
    fleet.program("late.ops", &text);
    fleet
}

/// The step that the killed run has begun is over, by itself.
fn ended_alone(fleet: &Fleet) {
    fleet.put("go", "");
    let until = Instant::now() + Duration::from_secs(30);
    while fleet.open_receipt().is_some() {
        assert!(Instant::now() < until, "it never ended");
        std::thread::yield_now();
    }
}

#[test]
fn a_step_that_still_runs_is_taken_up_with_all_that_it_says() {
    let fleet = killed("0");
    let mut resumed = fleet.project.spawn(&["resume", "1", "-y", "-v"]);
    let until = Instant::now() + Duration::from_secs(30);
    let asks = |fleet: &Fleet| fleet.opsc("show 2").code == 0;
    while !asks(&fleet) {
        assert!(Instant::now() < until && resumed.try_wait().unwrap().is_none(), "it never went on");
    }
    fleet.put("go", "");
    let said = super::project::said(resumed.wait_with_output().unwrap());
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stderr.contains("w1 shell.run#2 went on without the run and is taken up"), "{said:?}");
    assert!(said.stderr.contains("taken up where run 1 lost sight of it"), "{said:?}");
    assert_eq!(fleet.root("once"), "w1\nw2\n", "nothing is done twice");
    let logs = fleet.comes_to("logs 2", 0).stdout;
    assert!(logs.contains("begun\n") && logs.contains("over\n"), "{logs}");
}

#[test]
fn a_step_that_ended_meanwhile_counts_as_it_ended() {
    let fleet = killed("0");
    ended_alone(&fleet);
    fleet.comes_to("resume 1 -y", 0);
    assert_eq!(fleet.root("once"), "w1\nw2\n");
    // What the killed run had recorded before was told to nobody.
    let told = |receipt: &PathBuf| receipt.join("told").exists();
    let receipts: Vec<PathBuf> = fleet.receipts().into_iter().filter(told).collect();
    assert_eq!(receipts.len(), 5, "{receipts:?}");
    for receipt in receipts {
        let mut kept: Vec<_> = std::fs::read_dir(receipt).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        kept.sort();
        assert_eq!(kept, ["code", "told"], "of what is recorded here, no more stays there");
    }

    let fleet = killed("7");
    ended_alone(&fleet);
    let failed = fleet.comes_to("resume 1 -y", 22);
    assert!(failed.stderr.contains("exit code 7"), "{failed:?}");
    assert_eq!(fleet.root("once"), "w1\n");
}

#[test]
fn a_step_that_never_began_is_done() {
    let fleet = killed("0");
    // As if the run had died between its intent and the host's receipt.
    fleet.end_the_step();
    std::fs::remove_dir_all(fleet.open_receipt().unwrap()).unwrap();
    fleet.take("once");
    fleet.put("go", "");
    fleet.comes_to("resume 1 -y", 0);
    assert_eq!(fleet.root("once"), "w1\nw2\n");
    let audit = fleet.comes_to("audit query", 0).stdout;
    assert!(audit.contains("shell.run#2"), "what the host said is on record: {audit}");
}

/// Without the folder of the receipts nobody can say that a step never began.
#[test]
fn a_host_that_lost_its_receipts_settles_nothing() {
    let fleet = killed("0");
    fleet.end_the_step();
    std::fs::remove_dir_all(fleet.project.path("home/.opsc/receipts")).unwrap();
    fleet.put("go", "");
    let refused = fleet.comes_to("resume 1 -y", 3);
    assert!(refused.stderr.contains("w1 shell.run#2: its process on w1 is gone without a word"), "{refused:?}");
}

#[test]
fn nothing_is_undone_beside_a_step_that_still_runs() {
    let fleet = killed("0");
    let refused = fleet.comes_to("rollback 1 -y", 10);
    let expected = "error: of run 1, `shell.run#2` on w1 still runs\nhint: `opsc resume 1` waits for its end and goes on; then go back over that run\n";
    assert_eq!(refused.stderr, expected);
    ended_alone(&fleet);
    fleet.comes_to("rollback 1 -y", 24);
}

#[test]
fn a_deadline_ends_what_would_go_on_alone() {
    let fleet = late(
        r#"    shell.run(script: sh"""sh -c 'trap "" TERM; echo $$ > ROOT/pid; until [ -e ROOT/go ]; do sleep 0.02; done' & wait""", effect: "change") {
      timeout: 2s
      allow_failure: true
    }
    shell.run(script: sh"""grep -q . "/proc/$(cat ROOT/pid)/cmdline" && echo beside > ROOT/beside; :""", effect: "change")
    shell.run(script: sh"""sh -c 'trap "" TERM; echo $$ > ROOT/last; until [ -e ROOT/go ]; do sleep 0.02; done' & wait""", effect: "change") {
      timeout: 2s
    }"#,
    );
    // A machine that is very busy may be taken for silent, and then nothing more begins there.
    let said = fleet.opsc("run late.ops -y");
    assert!([20, 27].contains(&said.code), "{said:?}");
    assert_eq!(fleet.project.read("root/beside"), None, "the next step began beside what outlives TERM");
    let begun = if said.code == 27 { &["pid", "last"][..] } else { &["pid"][..] };
    for name in begun {
        let pid = fleet.root(name).trim().to_owned();
        // One that nobody has collected yet has no command line any more.
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        assert!(!pid.is_empty() && line.is_empty(), "{name}: {pid} lives on");
    }
}

/// What is to end is stopped first, and must not stay so when who ends it is gone. To stop many takes its time.
#[test]
fn a_run_that_is_killed_while_it_ends_a_step_leaves_nothing_stopped() {
    let fleet = late(
        r#"    shell.run(script: sh"""sh -c 'for n in $(seq 200); do sleep 600 & done; echo $$ > ROOT/pid; wait'""", effect: "change") {
      timeout: 1s
    }"#,
    );
    let mut run = fleet.project.spawn(&["run", "late.ops", "-y"]);
    let until = Instant::now() + Duration::from_secs(60);
    let state = || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", fleet.root("pid").trim())).unwrap_or_default();
        stat.rsplit(") ").next().and_then(|rest| rest.chars().next())
    };
    while state() != Some('T') {
        assert!(Instant::now() < until, "it was never stopped: {:?}", state());
    }
    run.kill().unwrap();
    run.wait().unwrap();
    while !matches!(state(), None | Some('Z')) {
        assert!(Instant::now() < until, "it is left as {:?}", state());
        std::thread::yield_now();
    }
}

#[test]
fn a_step_that_was_ended_at_its_deadline_is_for_a_person_to_judge() {
    let fleet = late(
        r#"    shell.run(script: sh"echo begun >> ROOT/late; sleep 600", effect: "change") {
      timeout: 2s
    }"#,
    );
    let run = fleet.opsc("run late.ops -y");
    assert_eq!(run.code, 27, "{run:?}");
    let asked = fleet.comes_to("resume 1 -y", 3);
    let why = "w1 shell.run: it was ended before it was over, and what of it was done by then is not known\n";
    assert!(asked.stderr.contains(why) && asked.stderr.contains("`opsc resolve 1 STEP HOST --done`"), "{asked:?}");
    assert_eq!(fleet.root("late"), "begun\n");
}

/// An earlier run may still be at ending it when the next one takes it up.
#[test]
fn what_is_ended_while_it_is_followed_is_not_done_again() {
    let fleet = killed("0");
    let receipt = fleet.open_receipt().unwrap();
    let mut resumed = fleet.project.spawn(&["resume", "1", "-y"]);
    let until = Instant::now() + Duration::from_secs(60);
    while fleet.opsc("show 2").code != 0 {
        assert!(Instant::now() < until && resumed.try_wait().unwrap().is_none(), "it never went on");
    }
    let process = std::fs::read_to_string(receipt.join("process")).unwrap();
    std::fs::write(receipt.join("ending"), &process).unwrap();
    let number = process.split_whitespace().next().unwrap();
    assert!(std::process::Command::new("kill").args(["-KILL", number]).status().unwrap().success());
    let said = super::project::said(resumed.wait_with_output().unwrap());
    assert_eq!(said.code, 27, "{said:?}");
    assert!(said.stderr.contains("apply was ended before it was over: what of it was done is not known"), "{said:?}");
    fleet.put("go", "");
    let asked = fleet.comes_to("resume 2 -y", 3);
    assert!(asked.stderr.contains("w1 shell.run#2: it was ended before it was over"), "{asked:?}");
    assert_eq!(fleet.root("once"), "w1\n");
}

#[test]
fn what_was_told_to_end_and_failed_is_not_done_again() {
    for (code, ends) in [("7", 27), ("0", 0)] {
        let fleet = killed(code);
        std::fs::write(fleet.open_receipt().unwrap().join("ending"), "").unwrap();
        ended_alone(&fleet);
        let said = fleet.comes_to("resume 1 -y", ends);
        assert_eq!(said.stderr.contains("apply was ended before it was over"), ends != 0, "{said:?}");
        if ends != 0 {
            fleet.comes_to("resume 2 -y", 3);
            assert_eq!(fleet.root("once"), "w1\n");
        }
    }
}
