//! Journals of every earlier format, by the tables that opsc wrote then: brought up with a copy first; and of a later
//! one, refused by every command and left alone.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use rusqlite::Connection;

use super::project::Project;

/// As it stood in the first opsc with a journal.
const FORMAT_1: &str = "
CREATE TABLE runs (
  id INTEGER PRIMARY KEY, playbook TEXT NOT NULL, path TEXT NOT NULL, digest TEXT NOT NULL, source_sha256 TEXT NOT NULL,
  git_commit TEXT, dirty INTEGER, user TEXT NOT NULL, machine TEXT NOT NULL, started INTEGER NOT NULL,
  pid INTEGER NOT NULL, pid_start INTEGER, boot_id TEXT, status TEXT, exit_code INTEGER, finished INTEGER
);
CREATE TABLE intents (
  id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES runs(id), step TEXT NOT NULL, host TEXT NOT NULL,
  attempt INTEGER NOT NULL, phase TEXT NOT NULL, program_sha256 TEXT NOT NULL, effect TEXT NOT NULL, kind TEXT NOT NULL,
  deadline_ms INTEGER NOT NULL, time INTEGER NOT NULL
);
CREATE TABLE results (
  id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES runs(id), step TEXT NOT NULL, host TEXT NOT NULL,
  attempt INTEGER NOT NULL, phase TEXT NOT NULL, outcome TEXT NOT NULL, changed INTEGER NOT NULL, code INTEGER,
  before_json TEXT NOT NULL, apply_json TEXT NOT NULL, after_json TEXT NOT NULL, error TEXT, output_sha256 TEXT,
  output BLOB NOT NULL, time INTEGER NOT NULL
);
CREATE TABLE events (
  run INTEGER NOT NULL REFERENCES runs(id), seq INTEGER NOT NULL, time INTEGER NOT NULL, json TEXT NOT NULL,
  PRIMARY KEY (run, seq)
) WITHOUT ROWID;
CREATE INDEX intents_of_run ON intents (run, step, host, attempt, phase);
CREATE INDEX results_of_run ON results (run, step, host, attempt, phase);
INSERT INTO runs VALUES (1, 'deploy', 'deploy.ops', 'sha256:1', '2', NULL, NULL, 'ann', 'desk', 1000, 4, 5, '6', 'done', 0, 2000);
INSERT INTO intents VALUES (1, 1, 'copy', 'web1', 1, 'apply', '7', 'change', 'converge', 1000, 1100);
INSERT INTO results VALUES (2, 1, 'copy', 'web1', 1, 'apply', 'changed', 1, 0, '{}', '{}', '{}', NULL, NULL, x'6f757470757421', 1200);
INSERT INTO events VALUES (1, 1, 1000, '{\"schema\":\"opsc.event/1\",\"seq\":1,\"run\":1,\"kind\":\"run.started\"}');
";
const FORMAT_2: &str = "
CREATE TABLE locks (
  host TEXT PRIMARY KEY, run INTEGER NOT NULL REFERENCES runs(id), since INTEGER NOT NULL
) WITHOUT ROWID;
";
const FORMAT_3: &str = "
CREATE TABLE facts (host TEXT PRIMARY KEY, json TEXT NOT NULL, time INTEGER NOT NULL) WITHOUT ROWID;
";
/// For some days format 4 had no approvals.
const FORMAT_4_FIRST: &str = "
ALTER TABLE runs ADD COLUMN request TEXT;
ALTER TABLE runs ADD COLUMN goes_on_with INTEGER REFERENCES runs(id);
ALTER TABLE intents ADD COLUMN before_json TEXT;
ALTER TABLE results ADD COLUMN kept_json TEXT;
CREATE UNIQUE INDEX runs_gone_on_with ON runs (goes_on_with);
";
const FORMAT_4: &str = "
CREATE TABLE approvals (
  id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES runs(id), gate TEXT NOT NULL, batch INTEGER,
  names TEXT NOT NULL, message TEXT NOT NULL, hosts TEXT NOT NULL, digest TEXT NOT NULL, asked INTEGER NOT NULL,
  until INTEGER, approved INTEGER, said_as TEXT, user TEXT, machine TEXT, said INTEGER, used INTEGER REFERENCES runs(id)
);
CREATE INDEX approvals_of_run ON approvals (run);
";

/// The audit knows nothing of runs before it.
const FORMAT_5: &str = "
ALTER TABLE intents ADD COLUMN receipt TEXT;
CREATE TABLE audit (
  number INTEGER PRIMARY KEY, time INTEGER NOT NULL, kind TEXT NOT NULL, run INTEGER, user TEXT NOT NULL,
  machine TEXT NOT NULL, details TEXT NOT NULL, hash TEXT NOT NULL
);
CREATE TABLE audit_head (
  one INTEGER PRIMARY KEY CHECK (one = 1), chain TEXT NOT NULL, number INTEGER NOT NULL, hash TEXT NOT NULL,
  runs_before INTEGER NOT NULL
);
INSERT INTO audit_head VALUES (1, 'c4a1', 0, '', 1);
";

const FORMATS: &[(i64, &[&str])] = &[
    (1, &[FORMAT_1]),
    (2, &[FORMAT_1, FORMAT_2]),
    (3, &[FORMAT_1, FORMAT_2, FORMAT_3]),
    (4, &[FORMAT_1, FORMAT_2, FORMAT_3, FORMAT_4_FIRST]),
    (4, &[FORMAT_1, FORMAT_2, FORMAT_3, FORMAT_4_FIRST, FORMAT_4]),
    (5, &[FORMAT_1, FORMAT_2, FORMAT_3, FORMAT_4_FIRST, FORMAT_4, FORMAT_5]),
];

fn of_format(name: &str, number: i64, texts: &[&str]) -> Project {
    let project = Project::new();
    project.write("inventory.yaml", "hosts:\n  w1: { transport: local, os: linux }\n");
    project.write(name, "");
    let connection = Connection::open(project.path(name)).unwrap();
    connection.pragma_update(None, "journal_mode", "WAL").unwrap();
    texts.iter().for_each(|text| connection.execute_batch(text).unwrap());
    connection.pragma_update(None, "user_version", number).unwrap();
    project
}

const JOURNAL: &str = ".opsc/journal.sqlite";

fn version(project: &Project, name: &str) -> i64 {
    let connection = Connection::open(project.path(name)).unwrap();
    connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
}

#[test]
fn a_journal_of_each_format_is_copied_brought_up_and_used() {
    for (number, texts) in FORMATS {
        let project = of_format(JOURNAL, *number, texts);
        let shown = project.opsc(&["show", "1"]);
        assert_eq!(shown.code, 0, "{number}: {shown:?}");
        assert!(shown.stdout.contains("run 1: deploy (done)"), "{number}: {shown:?}");
        assert!(project.opsc(&["logs", "1"]).stdout.contains("output!"), "{number}");
        let ran = project.opsc(&["exec", "-l", "w1", "-y", "--", "true"]);
        assert_eq!(ran.code, 0, "{number}: {ran:?}");
        let checked = project.opsc(&["db", "check"]);
        assert_eq!(checked.code, 0, "{number}: {checked:?}");
        let copy = format!(".opsc/journal.format-{number}.db");
        assert_eq!(version(&project, &copy), *number, "as it was");
        let looked = project.opsc(&["db", "check", "--file", &copy]);
        assert!(looked.stdout.ends_with(&format!("format {number}, 1 run: nothing is wrong\n")), "{looked:?}");
    }
}

/// The older opsc went on with its copy, and the newer one comes back to it.
#[test]
fn each_copy_before_a_migration_is_kept() {
    let (number, texts) = FORMATS[2];
    let project = of_format(JOURNAL, number, texts);
    assert_eq!(project.opsc(&["runs"]).code, 0);
    for journal in ["journal.sqlite", "journal.sqlite-wal", "journal.sqlite-shm"] {
        drop(std::fs::remove_file(project.path(".opsc").join(journal)));
    }
    std::fs::copy(project.path(".opsc/journal.format-3.db"), project.path(JOURNAL)).unwrap();
    Connection::open(project.path(JOURNAL)).unwrap().execute("UPDATE runs SET user = 'bob'", []).unwrap();
    assert!(project.opsc(&["show", "1"]).stdout.contains("bob"));
    let user = |name: &str| -> String {
        Connection::open(project.path(name)).unwrap().query_row("SELECT user FROM runs", [], |row| row.get(0)).unwrap()
    };
    assert_eq!((user(".opsc/journal.format-3.db"), user(".opsc/journal.format-3-2.db")), ("ann".into(), "bob".into()));
}

#[test]
fn a_backup_of_each_format_comes_back() {
    for (number, texts) in FORMATS {
        let project = of_format("old.sqlite", *number, texts);
        for _ in 0..2 {
            let restored = project.opsc(&["db", "restore", "old.sqlite"]);
            assert_eq!(restored.code, 0, "{number}: {restored:?}");
            assert!(project.opsc(&["runs"]).stdout.contains("deploy"), "{number}");
            assert_eq!(version(&project, "old.sqlite"), *number, "the backup stays as it is");
            assert_eq!(project.opsc(&["exec", "-l", "w1", "-y", "--", "true"]).code, 0);
        }
    }
}

#[test]
fn a_newer_journal_is_refused_by_every_command_and_left_alone() {
    let project = of_format(JOURNAL, 99, &[FORMAT_1]);
    project.write("a.ops", "ops 1\n\nplaybook a() ! change {\n  on host(\"w1\") {\n    file.write(to: \"/never\", content: \"x\")\n  }\n}\n");
    let before = std::fs::read(project.path(JOURNAL)).unwrap();
    let good = of_format("good.sqlite", 4, FORMATS[4].1);
    std::fs::copy(good.path("good.sqlite"), project.path("good.sqlite")).unwrap();
    for line in [
        "runs",
        "show 1",
        "logs 1",
        "report 1",
        "run a.ops -y",
        "exec -l w1 -y -- true",
        "resume 1 -y",
        "rollback 1 -y",
        "approve 1",
        "resolve 1 copy web1 --done",
        "lock ls",
        "facts w1",
        "db check",
        "db restore good.sqlite -y",
    ] {
        let refused = project.opsc(&line.split_whitespace().collect::<Vec<_>>());
        assert_eq!(refused.code, 1, "{line}: {refused:?}");
        assert!(refused.stderr.contains("has format 99, and this opsc knows formats up to "), "{line}: {refused:?}");
        assert!(refused.stderr.contains("use the newer opsc that wrote it"), "{line}: {refused:?}");
        assert_eq!(std::fs::read(project.path(JOURNAL)).unwrap(), before, "{line}");
    }
    let copied = project.opsc(&["db", "backup", "copy.sqlite"]);
    assert_eq!((copied.code, version(&project, "copy.sqlite")), (0, 99), "a copy needs no understanding: {copied:?}");
}
