//! `opsc db check` on real journals that were damaged one thing at a time: each is told with its table and row.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::collections::BTreeSet;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;

use opsc::run::event::Outcome;
use opsc::run::summary::status;
use opsc::state::promises::{ENDS, OUTCOMES};

use super::project::{Project, Said, said};
use super::schemas::assert_valid;

const INVENTORY: &str = "\
hosts:
  w1: { transport: local, os: linux }
  w2: { transport: local, os: linux }
";

/// A change, a read that says it changed something, and something undone.
const PROGRAM: &str = r#"ops 1

playbook a(fails: bool = false) ! change, exec {
  on host("w1") {
    file.write(to: "ROOT/x", content: "new {fails}")
    shell.run(script: sh"true", effect: "read") {
      changed: true
    }
    if fails {
      shell.run(script: sh"false", effect: "read")
    }
    on failure { rollback }
  }
}
"#;

/// Stops at an approval.
const ASKS: &str = "ops 1\n\nplaybook b() ! change {\n  approve(by: [\"ann\"], message: \"go on\")\n  on host(\"w1\") {\n    file.write(to: \"ROOT/y\", content: \"new\")\n  }\n}\n";

/// A project whose journal has runs that ended well, were undone, and wait.
pub(crate) struct Kept {
    pub(crate) project: Project,
}

impl Kept {
    pub(crate) fn new() -> Kept {
        let kept = Kept { project: Project::new() };
        kept.project.write("inventory.yaml", INVENTORY);
        std::fs::create_dir(kept.project.path("root")).unwrap();
        let root = kept.project.path("root").display().to_string();
        kept.project.write("a.ops", &PROGRAM.replace("ROOT", &root));
        kept.project.write("b.ops", &ASKS.replace("ROOT", &root));
        for (line, code) in [
            ("run a.ops -y", 0),
            ("run a.ops -y -e fails=true", 23),
            ("run b.ops -y", 3),
            ("approve 3 --as ann", 0),
            ("facts w1", 0),
        ] {
            assert_eq!(kept.opsc(line).code, code, "{line}");
        }
        kept
    }

    pub(crate) fn opsc(&self, line: &str) -> Said {
        self.project.opsc(&line.split_whitespace().collect::<Vec<_>>())
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.project.path(".opsc/journal.sqlite")
    }

    /// A copy with one thing changed behind opsc's back.
    fn changed(&self, sql: &str) -> PathBuf {
        let copy = self.project.path("copy.sqlite");
        drop(std::fs::remove_file(&copy));
        assert_eq!(self.opsc(&format!("db backup {}", copy.display())).code, 0);
        let connection = rusqlite::Connection::open(&copy).unwrap();
        connection.pragma_update(None, "foreign_keys", false).unwrap();
        let before = connection.total_changes();
        connection.execute_batch(sql).unwrap();
        assert!(connection.total_changes() > before || !sql.contains("WHERE"), "it changes nothing: {sql}");
        copy
    }
}

/// What is done to the journal, and what is said of it.
const BROKEN: &[(&str, &str)] = &[
    ("UPDATE runs SET status = 'fine' WHERE id = 2", "runs 2: no run ends as `fine`"),
    (
        "UPDATE runs SET finished = NULL WHERE id = 1",
        "runs 1: it has only a part of its end: status, exit code and time are written together",
    ),
    ("UPDATE runs SET exit_code = 0 WHERE id = 2", "runs 2: its status and its exit code 0 contradict each other"),
    ("UPDATE runs SET goes_on_with = 3 WHERE id = 1", "runs 1: it goes on with run 3, which is not older"),
    ("UPDATE runs SET request = '{' WHERE id = 1", "runs 1: what it was asked for is no JSON"),
    ("UPDATE intents SET phase = 'look' WHERE id = 4", "intents 4 (run 2): no intent is for the phase `look`"),
    ("UPDATE intents SET kind = 'twice' WHERE id = 4", "intents 4 (run 2): no step is of the kind `twice`"),
    ("UPDATE intents SET attempt = 0 WHERE id = 4", "intents 4 (run 2): attempts are counted from 1, not from 0"),
    ("UPDATE intents SET before_json = 'x' WHERE id = 4", "intents 4 (run 2): what was found before is no JSON"),
    ("DELETE FROM results WHERE id = 2", "intents 1 (run 1): file.write on w1 has no result, and its run ended well"),
    (
        "UPDATE results SET id = 1 WHERE id = 3",
        "results 1 (run 1): an intent has the same number, and they share one count",
    ),
    ("UPDATE results SET phase = 'look' WHERE id = 3", "results 3 (run 1): no result is of the phase `look`"),
    ("UPDATE results SET attempt = 0 WHERE id = 3", "results 3 (run 1): attempts are counted from 1, not from 0"),
    ("UPDATE results SET outcome = 'fine' WHERE id = 3", "results 3 (run 1): no attempt ends as `fine`"),
    ("UPDATE results SET after_json = '' WHERE id = 3", "results 3 (run 1): what the step reported is no JSON"),
    (
        "UPDATE results SET kept_json = '' WHERE id = 3",
        "results 3 (run 1): what is kept for a run that goes on is no JSON",
    ),
    (
        "DELETE FROM intents WHERE phase = 'rollback'",
        "results 9 (run 2): file.write on w1 is said to have acted, and no intent came before it",
    ),
    ("UPDATE events SET json = '{' WHERE run = 1 AND seq = 2", "events 1.2 (run 1): it is no JSON"),
    (
        "UPDATE events SET json = json_set(json, '$.run', 7) WHERE run = 1 AND seq = 1",
        "events 1.1 (run 1): the event `run.started` says another run or number of itself",
    ),
    (
        "INSERT INTO locks (host, run, since) VALUES ('w9', 1, 0)",
        "locks w9 (run 1): its run has ended, and still locks w9",
    ),
    ("INSERT INTO facts (host, json, time) VALUES ('w3', '', 0)", "facts w3: what is known of w3 is no JSON"),
    (
        "UPDATE approvals SET said = NULL WHERE id = 1",
        "approvals 1 (run 3): `approve#1` has only a part of an answer: verdict, name, user, machine and time are written together",
    ),
    (
        "UPDATE approvals SET approved = 0, used = 3 WHERE id = 1",
        "approvals 1 (run 3): a run went on past `approve#1`, and nobody approved it",
    ),
    ("DELETE FROM runs WHERE id = 3", "approvals 1: it belongs to a row of `runs` that is not there"),
    ("DROP TABLE facts", "file: no such table: facts"),
];

#[test]
fn each_broken_promise_is_told_with_its_row() {
    let kept = Kept::new();
    let whole = kept.opsc("db check");
    assert_eq!(whole.code, 0, "{whole:?}");
    assert_eq!(
        whole.stdout,
        format!("{}: format FORMAT, 3 runs: nothing is wrong\n", kept.journal().display()).replace("FORMAT", FORMAT)
    );
    for (sql, expected) in BROKEN {
        let copy = kept.changed(sql);
        let checked = kept.opsc(&format!("db check --file {}", copy.display()));
        assert_eq!(checked.code, 1, "{sql}: {checked:?}");
        let found = checked.stdout.lines().any(|line| line == *expected);
        assert!(found, "{sql}\nexpected {expected}\nfound {}", checked.stdout);
    }
}

const FORMAT: &str = "6";

#[test]
fn a_file_that_cannot_be_read_is_damaged() {
    let kept = Kept::new();
    let copy = kept.changed("");
    let whole = std::fs::read(&copy).unwrap();
    let judged = |bytes: &[u8]| {
        std::fs::write(&copy, bytes).unwrap();
        kept.opsc(&format!("db check --file {}", copy.display()))
    };
    let mut torn = whole.clone();
    torn[4096..4096 * 3].fill(0x5a);
    for (what, bytes, expected) in [
        ("pages overwritten", torn.as_slice(), "file: database disk image is malformed"),
        ("cut", &whole[..whole.len() / 2], "file: database disk image is malformed"),
        (
            "other",
            b"these are notes, and no database at all, but long enough for a look into the first page of it all"
                .repeat(10)
                .as_slice(),
            "file: file is not a database",
        ),
        ("empty", b"", "file: it is no journal of opsc: it has no format"),
    ] {
        let checked = judged(bytes);
        assert_eq!(checked.code, 1, "{what}: {checked:?}");
        assert!(checked.stdout.contains(expected), "{what}: {checked:?}");
        assert_eq!(std::fs::read(&copy).unwrap(), bytes, "{what}: nothing is mended by looking");
    }
    let missing = kept.opsc("db check --file nowhere");
    assert_eq!((missing.code, missing.stderr.lines().next()), (10, Some("error: there is no journal `nowhere`")));
}

/// Root without its powers may do what everybody may with their own files.
fn powerless(kept: &Kept, line: &[&str]) -> Said {
    let opsc = env!("CARGO_BIN_EXE_opsc");
    let is_root = std::fs::metadata(kept.journal()).unwrap().uid() == 0;
    let without = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"];
    let words = [if is_root { &without[..] } else { &[] }, &[opsc], line].concat();
    let mut command = std::process::Command::new(words[0]);
    said(command.args(&words[1..]).current_dir(kept.project.folder.path()).output().unwrap())
}

/// SQLite writes beside a journal that it looks at, where it may.
#[test]
fn a_journal_that_may_only_be_read_is_looked_through() {
    let kept = Kept::new();
    let folder = kept.project.path("of #1?");
    std::fs::create_dir(&folder).unwrap();
    let [file, parted, hidden, mine] =
        ["journal", "parted", "hidden", "mine"].map(|name| folder.join(format!("{name}.sqlite")));
    std::fs::copy(kept.changed(""), &file).unwrap();
    let connection = rusqlite::Connection::open(&file).unwrap();
    connection.pragma_update(None, "journal_mode", "wal").unwrap();
    connection.execute_batch("UPDATE runs SET id = id").unwrap();
    std::fs::copy(&file, &parted).unwrap();
    std::fs::copy(folder.join("journal.sqlite-wal"), folder.join("parted.sqlite-wal")).unwrap();
    drop(connection);
    std::fs::copy(&file, &hidden).unwrap();
    std::fs::copy(&file, &mine).unwrap();
    let bytes = std::fs::read(&file).unwrap();
    let mode = |path: &PathBuf, mode: u32| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    [(&file, 0o444), (&parted, 0o444), (&hidden, 0o000)].into_iter().for_each(|(path, bits)| mode(path, bits));
    let names = || std::fs::read_dir(&folder).unwrap().count();
    let before = names();
    for bits in [0o555, 0o755] {
        mode(&folder, bits);
        let check = |file: &PathBuf| powerless(&kept, &["db", "check", "--file", file.to_str().unwrap()]);
        for file in [&file, &mine] {
            let whole = check(file);
            assert!(whole.code == 0 && whole.stdout.contains("3 runs: nothing is wrong"), "{bits:o}: {whole:?}");
        }
        let refused = check(&hidden);
        assert!(
            refused.code == 1 && refused.stderr.contains("hidden.sqlite` cannot be read: Permission"),
            "{refused:?}"
        );
        if bits == 0o555 {
            let refused = check(&parted);
            assert!(
                refused.code == 1 && refused.stderr.contains("parted.sqlite` may only be read here"),
                "{refused:?}"
            );
            assert!(refused.stderr.contains("hint: be the user whose runs it has, or copy both"), "{refused:?}");
        }
        assert_eq!((names(), std::fs::read(&file).unwrap() == bytes), (before, true), "{bits:o}: it was written");
    }
}

/// Nothing begins a new journal over what may be the rest of one.
#[test]
fn a_journal_of_which_little_is_left_is_not_taken_for_none() {
    let project = Project::new();
    project.write("opsc.toml", "");
    assert_eq!(project.opsc(&["exec", "-l", "localhost", "-y", "--", "true"]).code, 0);
    let journal = project.path(".opsc/journal.sqlite");
    let rest = std::fs::read(&journal).unwrap()[..90].to_vec();
    std::fs::write(&journal, &rest).unwrap();
    let said = project.opsc(&["exec", "-l", "localhost", "-y", "--", "true"]);
    assert!(said.code != 0 && said.stderr.contains("has 90 bytes and is no journal: it was cut"), "{said:?}");
    assert_eq!(std::fs::read(&journal).unwrap(), rest);
    std::fs::write(&journal, "").unwrap();
    for command in [&["exec", "-l", "localhost", "-y", "--", "true"][..], &["runs"]] {
        let said = project.opsc(command);
        assert!(said.code == 1 && said.stderr.contains("has 0 bytes and is no journal: it was cut"), "{said:?}");
        assert!(
            said.stderr.contains("hint: `opsc db check` tells what is wrong with it, and `opsc db restore"),
            "{said:?}"
        );
    }
    assert!(std::fs::read(&journal).unwrap().is_empty());
    let checked = project.opsc(&["db", "check"]);
    assert!(checked.code == 1 && checked.stdout.contains("it is no journal of opsc"), "{checked:?}");
    // Who takes it away knows that it is gone.
    std::fs::remove_file(&journal).unwrap();
    assert_eq!(project.opsc(&["exec", "-l", "localhost", "-y", "--", "true"]).code, 0);
}

#[test]
fn what_is_found_is_as_its_schema_says() {
    let kept = Kept::new();
    let checked = |file: &std::path::Path| -> (String, serde_json::Value) {
        let said = kept.opsc(&format!("db check -o json --file {}", file.display()));
        (said.code.to_string(), serde_json::from_str(&said.stdout).unwrap())
    };
    let whole = checked(&kept.journal());
    let broken =
        checked(&kept.changed("UPDATE results SET outcome = 'fine' WHERE id = 3; DELETE FROM runs WHERE id = 3"));
    let faults: BTreeSet<&str> =
        broken.1["findings"].as_array().unwrap().iter().map(|finding| finding["fault"].as_str().unwrap()).collect();
    assert_eq!(
        (whole.0.as_str(), broken.0.as_str(), faults),
        ("0", "1", BTreeSet::from(["audit", "promise", "reference"]))
    );
    assert_valid("opsc.db-check-1", &[whole, broken]);
}

/// The words that the runner writes are those that are known.
#[test]
fn every_end_and_every_outcome_is_known() {
    let ends: BTreeSet<&str> = (0..=255).map(status).collect();
    assert_eq!(ends, ENDS.iter().copied().collect());
    let outcomes = [
        Outcome::Ok,
        Outcome::Changed,
        Outcome::Skipped,
        Outcome::Failed,
        Outcome::Ignored,
        Outcome::Unreachable,
        Outcome::TimedOut,
        Outcome::RolledBack,
        Outcome::RollbackFailed,
        Outcome::Cancelled,
    ];
    let said = ["said_done", "said_not_done", "said_again"];
    let written: BTreeSet<&str> = outcomes.iter().map(|outcome| outcome.name()).chain(said).collect();
    assert_eq!(written, OUTCOMES.iter().copied().collect());
}
