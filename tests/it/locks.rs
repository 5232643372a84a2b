//! One changing run at a time on each host: through the binary, with runs that wait, end, and are killed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use super::project::{Project, Said};

const INVENTORY: &str = "\
hosts:
  w1: { transport: local, os: linux }
  w2: { transport: local, os: linux }
";

/// Runs until `go` is there.
const WAITS: &str = r#"ops 1

playbook waits() ! change, exec {
  on host("w1") {
    shell.run(script: sh"echo begun; until [ -e go ]; do sleep 0.05; done", effect: "change", cwd: "ROOT")
  }
}
"#;

const CHANGES: &str = r#"ops 1

playbook changes() ! change {
  on host("w1") {
    file.write(to: "ROOT/{host.name}", content: "changed")
  }
}
"#;

const READS: &str = r#"ops 1

playbook reads() ! read {
  on host("w1") {
    file.info(path: "ROOT")
  }
}
"#;

/// Its hosts are known once it runs.
const LATE: &str = r#"ops 1

playbook late() ! change {
  on host("w2") {
    seen = file.info(path: "ROOT")
  }
  on all() where host.name == "w1" and seen.ok.count > 0 {
    file.write(to: "ROOT/{host.name}", content: "changed")
  }
}
"#;

struct Fleet {
    project: Project,
}

impl Fleet {
    fn new() -> Fleet {
        let project = Project::new();
        project.write("inventory.yaml", INVENTORY);
        std::fs::create_dir(project.path("root")).unwrap();
        let root = project.path("root").display().to_string();
        for (name, text) in [("waits", WAITS), ("changes", CHANGES), ("reads", READS), ("late", LATE)] {
            project.write(&format!("{name}.ops"), &text.replace("ROOT", &root));
        }
        Fleet { project }
    }

    /// A run that has begun and waits.
    fn waiting(&self) -> Child {
        let mut command = self.project.command(&["run", "waits.ops", "-y", "-o", "ndjson"]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut events = BufReader::new(child.stdout.as_mut().unwrap()).lines();
        assert!(events.any(|event| event.unwrap().contains("begun")), "it does not begin");
        child
    }

    fn opsc(&self, arguments: &[&str]) -> Said {
        self.project.opsc(arguments)
    }
}

#[test]
fn a_second_run_is_refused_and_told_who_has_the_host() {
    let fleet = Fleet::new();
    let mut first = fleet.waiting();
    let second = fleet.opsc(&["run", "changes.ops", "-y"]);
    assert_eq!(second.code, 26, "{second:?}");
    let said = format!("w1 is locked by run 1 (`waits`, by root on {}, process {})", machine(), first.id());
    assert!(second.stderr.contains(&said) && second.stderr.contains("opsc lock break w1"), "{second:?}");
    assert_eq!(fleet.project.read("root/w1"), None, "nothing was done");
    assert!(!fleet.opsc(&["runs"]).stdout.contains("changes"), "what was refused is no run");

    assert_eq!(fleet.opsc(&["run", "reads.ops"]).code, 0, "reading needs no lock");
    let adhoc = fleet.opsc(&["exec", "-l", "w1", "-y", "--", "true"]);
    assert_eq!(adhoc.code, 26, "{adhoc:?}");
    let other = fleet.opsc(&["exec", "-l", "w2", "-y", "--", "true"]);
    assert_eq!(other.code, 0, "another host is free: {other:?}");
    let late = fleet.opsc(&["run", "late.ops", "-y"]);
    assert_eq!(late.code, 21, "{late:?}");
    assert!(late.stderr.contains("w1 is locked by run 1"), "{late:?}");

    fleet.project.write("root/go", "");
    assert!(first.wait().unwrap().success());
    let second = fleet.opsc(&["run", "changes.ops", "-y"]);
    assert_eq!(second.code, 0, "{second:?}");
    let locks = fleet.opsc(&["lock", "ls"]);
    assert_eq!((locks.stdout.as_str(), locks.stderr.as_str()), ("", "no host is locked\n"));
}

#[test]
fn the_lock_of_a_killed_run_goes_to_the_next_one() {
    let fleet = Fleet::new();
    let mut first = fleet.waiting();
    first.kill().unwrap();
    first.wait().unwrap();
    let listed = fleet.opsc(&["lock", "ls"]);
    assert!(listed.stdout.starts_with("w1  run 1  waits  by root") && listed.stdout.contains("gone"), "{listed:?}");
    fleet.project.write("root/go", "");
    assert_eq!(fleet.opsc(&["run", "changes.ops", "-y"]).code, 0);
}

#[test]
fn a_lock_is_broken_only_by_who_says_so() {
    let fleet = Fleet::new();
    let mut first = fleet.waiting();
    let json: serde_json::Value = serde_json::from_str(&fleet.opsc(&["lock", "ls", "-o", "json"]).stdout).unwrap();
    assert_eq!(
        (json[0]["host"].as_str(), json[0]["run"].as_i64(), json[0]["gone"].as_bool()),
        (Some("w1"), Some(1), Some(false))
    );
    let asked = fleet.opsc(&["lock", "break", "w1"]);
    assert_eq!(asked.code, 3, "{asked:?}");
    assert!(asked.stderr.contains("run 1 may still be at work on `w1`"), "{asked:?}");
    assert_eq!(fleet.opsc(&["lock", "break", "w9"]).code, 10);
    assert_eq!(fleet.opsc(&["run", "changes.ops", "-y"]).code, 26, "not broken by asking");
    let broken = fleet.opsc(&["lock", "break", "w1", "-y"]);
    assert_eq!((broken.code, broken.stderr.as_str()), (0, "w1 is free; run 1 had it\n"));
    assert_eq!(fleet.opsc(&["run", "changes.ops", "-y"]).code, 0);
    fleet.project.write("root/go", "");
    assert!(first.wait().unwrap().success(), "the first one ends as if nothing had been");
}

/// As another machine that shares the journal is seen: nothing of its process can be looked at.
const ELSEWHERE: &str = "UPDATE runs SET machine = 'elsewhere', boot_id = 'another'";

impl Fleet {
    /// Time is not waited for, it is written down.
    fn journal(&self, statement: &str) {
        let journal = rusqlite::Connection::open(self.project.path(".opsc/journal.sqlite")).unwrap();
        journal.busy_timeout(std::time::Duration::from_secs(60)).unwrap();
        assert!(journal.execute(statement, []).unwrap() > 0, "{statement}");
    }

    fn lock(&self) -> serde_json::Value {
        serde_json::from_str(&self.opsc(&["lock", "ls", "-o", "json"]).stdout).unwrap()
    }
}

#[test]
fn a_run_says_again_and_again_that_it_goes_on() {
    let fleet = Fleet::new();
    let mut first = fleet.waiting();
    fleet.journal("UPDATE runs SET beat = 1000, until = 2000");
    // Its process is there: however late its beat is, it is not taken for dead.
    assert_eq!(fleet.opsc(&["run", "changes.ops", "-y"]).code, 26);
    while fleet.lock()[0]["beat"] == 1000 {
        assert!(first.try_wait().unwrap().is_none());
    }
    let lock = &fleet.lock()[0];
    let (beat, until) = (lock["beat"].as_u64().unwrap(), lock["until"].as_u64().unwrap());
    assert!(beat > lock["since"].as_u64().unwrap() && until > beat, "{lock}");
    let listed = fleet.opsc(&["lock", "ls"]).stdout;
    assert!(listed.contains(", since 2") && listed.contains(", last heard 2"), "{listed}");
    fleet.project.write("root/go", "");
    assert!(first.wait().unwrap().success());
}

#[test]
fn a_run_elsewhere_keeps_its_lock_for_its_lease_and_no_longer() {
    let fleet = Fleet::new();
    let mut first = fleet.waiting();
    first.kill().unwrap();
    first.wait().unwrap();
    fleet.journal(ELSEWHERE);
    let refused = fleet.opsc(&["run", "changes.ops", "-y"]);
    assert!(refused.code == 26 && refused.stderr.contains("by root on elsewhere"), "{refused:?}");
    assert_eq!(fleet.opsc(&["resume", "1", "-y"]).code, 26, "it may be under way");
    assert!(fleet.opsc(&["runs"]).stdout.contains("  running  "), "as far as anybody knows");
    fleet.journal("UPDATE runs SET beat = 1000, until = 2000");
    let listed = fleet.opsc(&["lock", "ls"]).stdout;
    assert!(
        listed.ends_with(", last heard 1970-01-01T00:00:01Z: its lease is over, and the next run takes it\n"),
        "{listed}"
    );
    assert!(fleet.opsc(&["runs"]).stdout.contains("  interrupted  "));
    let second = fleet.opsc(&["run", "changes.ops", "-y"]);
    assert_eq!(second.code, 0, "{second:?}");
    let warned = "warning: w1 is locked by run 1 (waits, by root on elsewhere), last heard 1970-01-01T00:00:01Z; its lease is over and the lock is taken over\n";
    assert!(second.stderr.contains(warned), "{second:?}");
    let row = fleet.opsc(&["audit", "query", "--kind", "lock"]).stdout;
    assert!(row.ends_with("lock.taken_over  run 2: w1 from run 1\n"), "{row}");
    fleet.journal(&format!("UPDATE runs SET machine = '{}' WHERE id = 1", machine()));
    assert_eq!(fleet.opsc(&["db", "check"]).code, 0);
}

/// It was only cut off, and comes back: what it began goes to its end, and nothing else is begun.
#[test]
fn a_run_that_lost_its_lock_begins_nothing_more() {
    let fleet = Fleet::new();
    let waits = fleet.project.read("waits.ops").unwrap();
    let root = fleet.project.path("root").display().to_string();
    let more = format!("\n    file.write(to: \"{root}/second\", content: \"x\")\n  }}\n}}\n");
    fleet.project.write("waits.ops", &waits.replace("\n  }\n}\n", &more));
    for broken in [false, true] {
        drop(std::fs::remove_file(fleet.project.path("root/go")));
        let mut first = fleet.waiting();
        if broken {
            assert_eq!(fleet.opsc(&["lock", "break", "w1", "-y"]).code, 0);
        } else {
            signal(&first, "STOP");
            fleet.journal(&format!("{ELSEWHERE}, beat = 1000, until = 2000"));
            assert_eq!(fleet.opsc(&["run", "changes.ops", "-y"]).code, 0);
            signal(&first, "CONT");
        }
        fleet.project.write("root/go", "");
        assert_eq!(first.wait().unwrap().code(), Some(21));
        assert_eq!(fleet.project.read("root/second"), None);
        let shown = fleet.opsc(&["show", if broken { "3" } else { "1" }]).stdout;
        assert!(shown.contains("the lock of w1 was taken away: nothing more is begun there"), "{shown}");
    }
}

/// A machine that stands still for a while.
fn signal(run: &Child, name: &str) {
    let kill = std::process::Command::new("kill").args([&format!("-{name}"), &run.id().to_string()]).status();
    assert!(kill.unwrap().success());
}

fn machine() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim().to_owned()
}
