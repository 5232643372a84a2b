//! Runs that come to an approval: they stop, somebody says yes or no, and they go on, once, with what was approved;
//! through the binary.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use super::project::{Project, Said};

const INVENTORY: &str = "\
hosts:
  w1: { transport: local, os: linux }
  w2: { transport: local, os: linux }
  w3: { transport: local, os: linux }
";

/// Something on every host, an approval, something on the hosts that a read has chosen, and clauses.
const RELEASE: &str = r#"ops 1

playbook release() ! change, exec {
  let web = all() - host("localhost") - host("w3")
  on web (batch: 1) {
    shell.run(script: sh"""echo "$h" >> ROOT/before""", vars: { h: host.name }, effect: "change", undo: sh"rm -f ROOT/before")
    flag = file.info(path: "ROOT/{host.name}.flag")
    BEFORE
  }
  let missing = web where not flag[host].exists

  approve(by: ["dba", "ops"], message: "MESSAGE", within: 2h)

  on missing (batch: 1) {
    shell.run(script: sh"""echo "$h" >> ROOT/after""", vars: { h: host.name }, effect: "change")
    AFTER
  }

  on failure {
    at controller {
      shell.run(script: sh"echo failed >> ROOT/clauses", effect: "change")
    }
  }

  always {
    at controller {
      shell.run(script: sh"echo always >> ROOT/clauses", effect: "change")
    }
  }
}
"#;

/// One host after another, each when the one before it was looked at.
const ROLLING: &str = r#"ops 1

playbook rolling() ! change, exec {
  on all() - host("localhost") (batch: 1) {
    shell.run(script: sh"""echo "$h" >> ROOT/after""", vars: { h: host.name }, effect: "change")

    after batch {
      approve(by: ["dba"], message: "the next one\nrun 9 done")
    }

    always {
      shell.run(script: sh"""echo "$h" >> ROOT/always""", vars: { h: host.name }, effect: "change")
    }
  }
}
"#;

const WAITS: &str =
    r#"shell.run(script: sh"""echo begun; until [ -e ROOT/go ]; do sleep 0.02; done""", effect: "read")"#;

struct Fleet {
    project: Project,
}

impl Fleet {
    fn new(program: &str) -> Fleet {
        let fleet = Fleet { project: Project::new() };
        fleet.project.write("inventory.yaml", INVENTORY);
        std::fs::create_dir(fleet.project.path("root")).unwrap();
        let root = fleet.project.path("root").display().to_string();
        fleet.project.write("release.ops", &program.replace("ROOT", &root));
        fleet
    }

    fn release(before: &str, after: &str) -> Fleet {
        let program = RELEASE.replace("MESSAGE", "write {missing.count} flags");
        Fleet::new(&program.replace("BEFORE", before).replace("AFTER", after))
    }

    /// A run that has stopped at its approval.
    fn waiting() -> Fleet {
        let fleet = Fleet::release("", "");
        fleet.comes_to("run release.ops -y", 3);
        fleet
    }

    #[track_caller]
    fn comes_to(&self, line: &str, code: i32) -> Said {
        let said = self.project.opsc(&line.split_whitespace().collect::<Vec<_>>());
        assert_eq!(said.code, code, "{line}: {said:?}");
        said
    }

    /// What it says on the way to this exit code.
    #[track_caller]
    fn says(&self, line: &str, code: i32, expected: &str) {
        let said = self.comes_to(line, code);
        let all = format!("{}{}", said.stdout, said.stderr);
        assert!(all.contains(expected), "{line}: expected {expected:?}:\n{all}");
    }

    fn root(&self, name: &str) -> String {
        self.project.read(&format!("root/{name}")).unwrap_or_default()
    }

    fn put(&self, name: &str) {
        self.project.write(&format!("root/{name}"), "");
    }

    /// Time is not waited for, it is written down.
    fn journal(&self, statement: &str) {
        let journal = rusqlite::Connection::open(self.project.path(".opsc/journal.sqlite")).unwrap();
        assert!(journal.execute(statement, []).unwrap() > 0, "{statement}");
    }

    /// A run that was killed in its step that waits.
    fn killed(&self, line: &str) {
        let mut command = self.project.command(&line.split_whitespace().collect::<Vec<_>>());
        let mut child = command.args(["-o", "ndjson"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut events = BufReader::new(child.stdout.as_mut().unwrap()).lines();
        assert!(events.any(|event| event.unwrap().contains("begun")), "it does not begin");
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

#[test]
fn an_approval_for_hosts_that_turn_out_to_be_none_is_not_asked_for() {
    let fleet = Fleet::release("", "");
    ["w1.flag", "w2.flag"].iter().for_each(|name| fleet.put(name));
    fleet.comes_to("run release.ops -y", 0);
    assert_eq!(fleet.root("after"), "");
}

/// Nobody answers who is not told.
#[test]
fn who_is_asked_learns_of_it_where_nothing_else_is_told() {
    let fleet = Fleet::release("", "");
    let stopped = fleet.comes_to("run release.ops -y -q", 3);
    assert!(stopped.stderr.starts_with("? approve#1 waits for dba or ops, within 2h: write 2 flags\n"), "{stopped:?}");
    assert!(stopped.stderr.contains("run 1 waiting in ") && stopped.stderr.contains("`opsc approve 1`"), "{stopped:?}");
    assert_eq!(stopped.stderr.lines().count(), 2, "{stopped:?}");
    assert!(!stopped.stdout.contains("controller"), "it did nothing but wait: {stopped:?}");
}

#[test]
fn a_run_stops_at_its_approval_and_goes_on_when_it_is_given() {
    let fleet = Fleet::release("", "");
    let stopped = fleet.comes_to("run release.ops -y", 3).stderr;
    assert!(stopped.contains("? approve#1 waits for dba or ops, within 2h: write 2 flags\n"), "{stopped}");
    assert!(stopped.contains("`opsc approve 1` or `opsc reject 1`"), "{stopped}");
    assert_eq!((fleet.root("before"), fleet.root("after")), ("w1\nw2\n".to_string(), String::new()));
    assert_eq!(fleet.root("clauses"), "", "no clause judges a run that waits");
    assert!(!fleet.comes_to("show 1", 0).stdout.contains("not started"), "it is to go on");
    fleet.says("runs", 0, "release  waits for dba or ops: `opsc approve 1` or `opsc reject 1`\n");
    fleet.says("show 1", 0, "run 1: release (waiting)\n");
    fleet.says("show 1", 0, ": `opsc approve 1` or `opsc reject 1`\n");
    fleet.says("show 1 -o json", 0, "\"message\": \"write 2 flags\"");
    fleet.says("resume 1 -y", 3, "error: run 1 waits at `approve#1` for dba or ops\n");

    fleet.says("approve 1 --as dba", 0, ": `opsc resume 1`\n");
    fleet.says("runs", 0, "release  approved by dba (root): `opsc resume 1`\n");
    fleet.comes_to("resume 1 -y", 0);
    assert_eq!((fleet.root("before"), fleet.root("after")), ("w1\nw2\n".to_string(), "w1\nw2\n".to_string()));
    assert_eq!(fleet.root("clauses"), "always\n");
    assert!(fleet.comes_to("runs", 0).stdout.ends_with("  release\n"), "nothing is to be done about run 1");
    fleet.says("show 1", 0, "; run 2 went on\n");
    fleet.says("report 1", 0, "| approve\\#1 | write 2 flags | approved by dba (root) at ");
    fleet.says("runs", 0, "release  goes on with run 1\n");
    fleet.says("resume 1 -y", 10, "run 2 went on with run 1");
    fleet.says("approve 1 --as dba", 10, "run 2 went on with run 1");
}

#[test]
fn only_those_who_are_named_answer_and_only_once() {
    let fleet = Fleet::waiting();
    fleet.says("approve 1", 12, "`approve#1` is to be answered by dba or ops, not by root\n");
    fleet.says("approve 1 --as eve", 12, "by dba or ops, not by eve\n");
    fleet.says("approve 1 --as dba --gate approve#2", 10, "run 1 waits at `approve#1`, not at `approve#2`\n");
    fleet.says("approve 9 --as dba", 10, "there is no run `9`");
    assert_eq!(fleet.comes_to("resume 1 -y", 3).stdout, "", "nobody has answered");
    fleet.comes_to("approve 1 --as dba --gate approve#1", 0);
    fleet.says("approve 1 --as ops", 10, "`approve#1` of run 1 was approved by dba (root) at ");
    fleet.says("reject 1 --as ops", 10, "`approve#1` of run 1 was approved by dba (root) at ");

    let fleet = Fleet::waiting();
    let line = ["approve", "1"];
    let said = super::project::said(fleet.project.command(&line).env("USER", "ops").output().unwrap());
    assert!(said.code == 0 && said.stderr.contains("approved by ops at "), "the login name counts: {said:?}");

    let fleet = Fleet::waiting();
    fleet.project.write(
        "opsc.toml",
        "[approvers]\ndba = [\"RWQmEMG4vz4oDIl3ccVe7n0BMz52oWBjLPI2XCDtPGvxQfYCSoG3FJnL\"]\nops = \"self\"\n",
    );
    fleet.says("approve 1", 0, "approved by ops (root) at ");
}

#[test]
fn what_was_rejected_is_not_gone_on_with_and_can_be_undone() {
    let fleet = Fleet::waiting();
    fleet.says("reject 1 --as ops", 0, ": `opsc rollback 1`\n");
    fleet.says("resume 1 -y", 10, "error: run 1 was rejected by ops (root) at ");
    fleet.says("approve 1 --as dba", 10, "was rejected by ops (root) at ");
    assert_eq!(fleet.root("after"), "");
    fleet.comes_to("rollback 1 -y", 0);
    assert_eq!(fleet.root("before"), "");
}

#[test]
fn an_approval_counts_in_its_time_only() {
    let fleet = Fleet::waiting();
    fleet.journal("UPDATE approvals SET until = 1000 WHERE run = 1");
    fleet.says("approve 1 --as dba", 10, "`approve#1` of run 1 was to be approved until 1970-01-01T00:00:01Z\n");
    fleet.says("resume 1 -y", 3, "? approve#1 waits for dba or ops");
    fleet.comes_to("approve 2 --as dba", 0);
    fleet.journal("UPDATE approvals SET until = 1000 WHERE run = 2");
    fleet.says("resume 2 -y", 3, "? approve#1 waits for dba or ops");
    assert_eq!(fleet.root("after"), "", "an approval that is used too late is none");
    fleet.comes_to("approve 3 --as dba", 0);
    fleet.comes_to("resume 3 -y", 0);
    assert_eq!(fleet.root("after"), "w1\nw2\n");
}

#[test]
fn what_is_another_thing_now_is_approved_anew() {
    let fleet = Fleet::waiting();
    fleet.comes_to("approve 1 --as dba", 0);
    fleet.put("w1.flag");
    let differs = "is not what it is now: the message was \"write 2 flags\", it is \"write 1 flags\" now\n";
    fleet.says("resume 1 -y", 25, differs);
    assert_eq!((fleet.root("after"), fleet.root("clauses")), (String::new(), String::new()));
    fleet.says("resume 2 -y", 3, "run 2 waits at `approve#1`");
    fleet.comes_to("approve 2 --as dba", 0);
    fleet.comes_to("resume 2 -y", 0);
    assert_eq!(fleet.root("after"), "w2\n");

    let program = RELEASE.replace("MESSAGE", "go on").replace("BEFORE", "").replace("AFTER", "");
    let fleet = Fleet::new(&program);
    fleet.comes_to("run release.ops -y", 3);
    fleet.comes_to("approve 1 --as dba", 0);
    fleet.put("w1.flag");
    fleet.says("resume 1 -y", 25, "the hosts were missing: w1, w2, they are missing: w2 now\n");
    assert_eq!(fleet.root("after"), "");

    let fleet = Fleet::waiting();
    fleet.comes_to("approve 1 --as dba", 0);
    let program = fleet.project.read("release.ops").unwrap();
    fleet.project.write("release.ops", &program.replace("/after", "/elsewhere"));
    fleet.says("resume 1 -y", 25, "the plan of run 1 is another one now");
}

#[test]
fn batches_wait_for_each_other_until_the_last() {
    let fleet = Fleet::new(ROLLING);
    fleet.says("run release.ops -y", 3, "? approve#1 after batch 1 waits for dba: the next one\n      run 9 done\n");
    assert_eq!((fleet.root("after"), fleet.root("always")), ("w1\n".to_string(), String::new()));
    // Who approves it agrees to all that may come behind it.
    let shown = fleet.comes_to("show 1", 0).stdout;
    assert!(shown.contains("batch 1: w1\n") && shown.contains(" after it: w2, w3\n"), "{shown}");
    fleet.comes_to("approve 1 --as dba", 0);
    fleet.says("resume 1 -y", 3, "? approve#1 after batch 2 waits for dba: the next one\n      run 9 done\n");
    assert_eq!(fleet.root("after"), "w1\nw2\n");
    fleet.says("resume 2 -y", 3, "run 2 waits at `approve#1 after batch 2` for dba\n");
    fleet.comes_to("approve 2 --as dba", 0);
    // Behind the last batch there is nothing to approve, and the first is not asked about again.
    fleet.comes_to("resume 2 -y", 0);
    assert_eq!(fleet.root("after"), "w1\nw2\nw3\n");
    assert_eq!(fleet.root("always"), "w1\nw1\nw2\nw3\n", "clauses are of the run that comes to the end of a batch");
}

#[test]
fn a_run_that_dies_before_at_or_behind_its_approval_goes_on_from_there() {
    let fleet = Fleet::release(WAITS, "");
    fleet.killed("run release.ops -y");
    fleet.says("approve 1 --as dba", 10, "run 1 waits for no approval\n");
    fleet.put("go");
    fleet.comes_to("resume 1 -y", 3);
    // It dies when it has asked, before it has ended.
    fleet.journal("UPDATE runs SET status = NULL, exit_code = NULL, finished = NULL WHERE id = 2");
    fleet.says("resume 2 -y", 3, "run 2 waits at `approve#1`");
    fleet.comes_to("approve 2 --as dba", 0);
    fleet.comes_to("resume 2 -y", 0);
    assert_eq!((fleet.root("before"), fleet.root("after")), ("w1\nw2\n".to_string(), "w1\nw2\n".to_string()));

    let fleet = Fleet::release("", WAITS);
    fleet.comes_to("run release.ops -y", 3);
    fleet.comes_to("approve 1 --as dba", 0);
    fleet.killed("resume 1 -y");
    // It was used in time, and what stands behind it has begun; that its time is over by now does not matter.
    fleet.journal("UPDATE approvals SET until = 1000");
    fleet.put("go");
    fleet.comes_to("resume 2 -y", 0);
    assert_eq!((fleet.root("before"), fleet.root("after")), ("w1\nw2\n".to_string(), "w1\nw2\n".to_string()));
}

#[test]
fn an_approval_behind_which_nothing_was_begun_counts_in_its_time_only() {
    let behind = format!("  at controller {{\n    {WAITS}\n  }}\n\n  on missing");
    let program = RELEASE.replace("MESSAGE", "go on").replace("BEFORE", "").replace("AFTER", "");
    let fleet = Fleet::new(&program.replace("  on missing", &behind));
    fleet.comes_to("run release.ops -y", 3);
    fleet.comes_to("approve 1 --as dba", 0);
    fleet.killed("resume 1 -y");
    fleet.put("go");
    fleet.journal("UPDATE approvals SET until = 1000");
    fleet.says("resume 2 -y", 3, "? approve#1 waits for dba or ops");
    assert_eq!(fleet.root("after"), "");
    fleet.comes_to("approve 3 --as dba", 0);
    fleet.comes_to("resume 3 -y", 0);
    assert_eq!(fleet.root("after"), "w1\nw2\n");
}

#[test]
fn a_dry_run_asks_nobody() {
    let fleet = Fleet::release("", "");
    let dry = fleet.project.opsc(&["run", "release.ops", "--dry-run"]);
    assert!(dry.code != 3 && dry.stdout.contains("approve#1 by dba or ops, within 2h"), "{dry:?}");
    assert_eq!((fleet.root("before"), fleet.comes_to("runs", 0).stdout), (String::new(), String::new()));
}
