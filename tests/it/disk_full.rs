//! A journal on a disk that is full at the Nth write, for every N that a run has: nothing new begins, what is under way is
//! kept, and with room again the run goes on and nothing is done twice. Mounts a disk in a namespace, so it needs root.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::process::{Command, Stdio};

use super::project::Project;
use super::schemas::root;

const INVENTORY: &str = "\
hosts:
  w1: { transport: local, os: linux }
  w2: { transport: local, os: linux }
";

/// Steps that must not be done twice on two hosts at the same time, one with a large output, one that converges, and one whose failure is allowed.
const PROGRAM: &str = r#"ops 1

playbook all_kinds() ! change, exec {
  on all() - host("localhost") {
    shell.run(script: sh"""echo x >> "ROOT/$h.1.mark"; head -c 30000 /dev/zero | tr '\0' y""", vars: { h: host.name }, effect: "change")
    conf = file.write(to: "ROOT/{host.name}.conf", content: "new")
    shell.run(script: sh"""echo x >> "ROOT/$h.2.mark" """, vars: { h: host.name }, effect: "change") {
      allow_failure: true
    }
    parallel {
      shell.run(script: sh"""echo x >> "ROOT/$h.3.mark" """, vars: { h: host.name }, effect: "change")
      shell.run(script: sh"""echo x >> "ROOT/$h.4.mark" """, vars: { h: host.name }, effect: "change")
    }
  }
}
"#;

/// What was changed is undone where something fails.
const UNDONE: &str = r#"ops 1

playbook undone() ! change, exec {
  on host("w1") {
    shell.run(script: sh"echo x >> ROOT/w1.1.mark", effect: "change", undo: sh"echo y >> ROOT/undone")
    shell.run(script: sh"echo x >> ROOT/w1.2.mark", effect: "change", undo: sh"echo y >> ROOT/undone")
    shell.run(script: sh"echo x >> ROOT/w1.3.mark", effect: "change", undo: sh"echo y >> ROOT/undone")
    on failure { rollback }
  }
}
"#;

struct Full {
    project: Project,
}

impl Full {
    /// A run whose journal has so many pages of room, and then as many as it wants.
    fn after(program: &str, pages: usize) -> Full {
        let full = Full { project: Project::new() };
        full.project.write("inventory.yaml", INVENTORY);
        std::fs::create_dir(full.project.path("root")).unwrap();
        let place = full.project.path("root").display().to_string();
        full.project.write("a.ops", &program.replace("ROOT", &place));
        let command = full.project.command(&[]);
        let mut unshare = Command::new("unshare");
        unshare
            .args(["--mount", "sh"])
            .arg(root().join("tests/it/disk_full.sh"))
            .arg(command.get_program())
            .args([&pages.to_string(), "a.ops"])
            .current_dir(full.project.folder.path())
            .env_clear()
            .envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))))
            .stdin(Stdio::null());
        let ended = unshare.status().unwrap();
        assert!(ended.success(), "{pages} pages: the script ended with {ended}");
        full
    }

    fn read(&self, name: &str) -> String {
        self.project.read(name).unwrap_or_default()
    }

    fn number(&self, name: &str) -> i64 {
        self.read(name).trim().parse().unwrap_or_else(|_| panic!("{name}: {:?}", self.read(name)))
    }

    /// Of what the run wrote while the disk was full.
    fn count(&self, query: &str) -> i64 {
        let connection = rusqlite::Connection::open(self.project.path("full.sqlite")).unwrap();
        connection.query_row(query, [], |row| row.get(0)).unwrap()
    }

    #[track_caller]
    fn tells_what_to_do(&self, pages: usize) {
        let said = self.read("said.err");
        let file = self
            .project
            .path(".opsc/journal.sqlite")
            .canonicalize()
            .unwrap_or(self.project.path(".opsc/journal.sqlite"));
        assert!(said.contains(&format!("`{}` cannot be written: ", file.display())), "{pages} pages: {said}");
        assert!(said.contains(" free in `") && said.contains("hint: make room there"), "{pages} pages: {said}");
    }
}

/// More than the whole run writes.
const MOST_PAGES: usize = 90;

#[test]
fn a_disk_that_is_full_at_any_write_loses_nothing_and_repeats_nothing() {
    let (mut refused, mut stopped, mut done) = (0, 0, 0);
    for pages in (0..MOST_PAGES).step_by(5).chain([400]) {
        let full = Full::after(PROGRAM, pages);
        let code = full.number("said.code");
        match code {
            0 => done += 1,
            1 => refused += 1,
            21 => stopped += 1,
            _ => panic!("{pages} pages: exit {code}: {}", full.read("said.err")),
        }
        if code != 0 {
            full.tells_what_to_do(pages);
        }
        let (intents, results) = (
            full.count("SELECT count(*) FROM intents WHERE run = 2 AND step LIKE 'shell.run%'"),
            full.count("SELECT count(*) FROM results WHERE run = 2 AND step LIKE 'shell.run%' AND outcome = 'changed'"),
        );
        let marks = full.number("marks");
        assert_eq!((marks, marks), (intents, results), "{pages} pages: effects, their intents, their results");
        assert_eq!(
            full.number("resume.code"),
            0,
            "{pages} pages: {}{}",
            full.read("resume.out"),
            full.read("resume.err")
        );
        for host in ["w1", "w2"] {
            for mark in 1..=4 {
                assert_eq!(full.read(&format!("root/{host}.{mark}.mark")), "x\n", "{pages} pages: {host} {mark}");
            }
            assert_eq!(full.read(&format!("root/{host}.conf")), "new", "{pages} pages");
        }
        assert_eq!(full.number("check.code"), 0, "{pages} pages: {}", full.read("check.out"));
    }
    assert!(refused > 0 && stopped > 3 && done > 0, "{refused} refused, {stopped} stopped, {done} done");
}

/// Somebody else takes the reserve away, and then steps say much.
const TAKEN: &str = r#"ops 1

playbook taken() ! change, exec {
  on host("w1") {
    shell.run(script: sh"mv ROOT/../.opsc/journal.reserve ROOT/../.opsc/other", effect: "change")
    shell.run(script: sh"""echo x >> ROOT/w1.1.mark; head -c 60000 /dev/zero | tr '\0' y""", effect: "change")
    shell.run(script: sh"""echo x >> ROOT/w1.2.mark; head -c 60000 /dev/zero | tr '\0' y""", effect: "change")
  }
}
"#;

#[test]
fn without_a_reserve_the_result_counts_more_than_its_output() {
    let (mut without_output, mut unknown) = (0, 0);
    for pages in (12..48).step_by(3) {
        let full = Full::after(TAKEN, pages);
        without_output += full.count("SELECT count(*) FROM results WHERE CAST(output AS TEXT) LIKE '%was not kept%'");
        match full.number("resume.code") {
            0 => {}
            // Not even the result fitted: it is known that this is not known.
            3 => unknown += 1,
            code => panic!("{pages} pages: exit {code}: {}", full.read("resume.err")),
        }
        for mark in 1..=2 {
            let done = full.read(&format!("root/w1.{mark}.mark"));
            assert!(
                done == "x\n" || full.number("resume.code") == 3 && done.is_empty(),
                "{pages} pages: {mark}: {done}"
            );
        }
    }
    assert!(without_output > 0, "every output fitted, or no result did: {unknown}");
}

/// Undoing is an effect too: it is left for the run that goes on, or for `opsc rollback`.
#[test]
fn nothing_is_undone_that_cannot_be_recorded() {
    let mut stopped = 0;
    for pages in (0..64).step_by(2) {
        let full = Full::after(UNDONE, pages);
        let code = full.number("said.code");
        if code == 24 || code == 21 {
            stopped += 1;
            full.tells_what_to_do(pages);
        }
        assert_eq!(full.read("root/undone"), "", "{pages} pages: exit {code}");
        assert_eq!(full.number("resume.code"), 0, "{pages} pages: {}", full.read("resume.err"));
        for mark in 1..=3 {
            assert_eq!(full.read(&format!("root/w1.{mark}.mark")), "x\n", "{pages} pages: {mark}");
        }
    }
    assert!(stopped > 0, "no disk was full while something was undone");
}
