//! The audit through the binary: what is in it, and each way to change it behind opsc's back, found at its row.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::io::Write;
use std::process::Stdio;

use rusqlite::Connection;
use serde_json::{Value as Json, json};

use super::db_check::Kept;
use super::project::Said;
use super::schemas::assert_valid;

const SECRET: &str = "ops 1\n\nplaybook s() ! change {\n  on host(\"w2\") {\n    file.secret(to: \"ROOT/s\", content: secret(\"env:TOKEN\"))\n  }\n}\n";

/// Three runs with an answer, then an edit of the inventory, a run with a secret, and one that died and was explained.
struct Audited {
    kept: Kept,
}

impl Audited {
    fn new() -> Audited {
        let audited = Audited { kept: Kept::new() };
        let kept = &audited.kept;
        let root = kept.project.path("root").display().to_string();
        kept.project.write("s.ops", &SECRET.replace("ROOT", &root));
        assert_eq!(kept.opsc("inv set w2 vars.rack geheim7").code, 0);
        let mut run = kept.project.command(&["run", "s.ops", "-y"]);
        let said = run.env("TOKEN", "Kanarienvogel").env("SSH_CONNECTION", "10.9.8.7 1 2 3").output().unwrap();
        assert!(said.status.success(), "{said:?}");
        audited.killed();
        assert_eq!(kept.opsc("lock break w1").code, 0);
        assert_eq!(kept.opsc("resolve 5 shell.run w1 --done").code, 0);
        audited
    }

    /// Its run dies in a step that must not be done twice.
    fn killed(&self) {
        let root = self.kept.project.path("root").display().to_string();
        let step = format!(
            "shell.run(script: sh\"echo begun; until [ -e {root}/go ]; do sleep 0.02; done\", effect: \"change\")"
        );
        self.kept.project.write(
            "dies.ops",
            &format!("ops 1\n\nplaybook dies() ! change, exec {{\n  on host(\"w1\") {{\n    {step}\n  }}\n}}\n"),
        );
        let mut child = self.kept.project.spawn(&["run", "dies.ops", "-y", "-o", "ndjson"]);
        let mut events = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
        assert!(events.any(|event| event.unwrap().contains("begun")));
        child.kill().unwrap();
        child.wait().unwrap();
        self.kept.project.write("root/go", "");
    }

    fn opsc(&self, line: &str) -> Said {
        self.kept.opsc(line)
    }

    fn rows(&self, filter: &str) -> Vec<Json> {
        let said = self.opsc(&format!("audit query -o json {filter}"));
        assert_eq!(said.code, 0, "{said:?}");
        serde_json::from_str::<Vec<Json>>(&said.stdout).unwrap()
    }

    fn kinds(&self, filter: &str) -> Vec<String> {
        self.rows(filter).iter().map(|row| row["kind"].as_str().unwrap().to_string()).collect()
    }

    fn edit(&self, sql: &str) {
        let connection = Connection::open(self.kept.journal()).unwrap();
        connection.pragma_update(None, "foreign_keys", false).unwrap();
        connection.execute_batch(sql).unwrap();
        assert!(connection.total_changes() > 0, "it changes nothing: {sql}");
    }
}

#[test]
fn everything_that_mattered_is_there_with_who_and_what() {
    let audited = Audited::new();
    let all = audited.kinds("");
    let expected = [
        "run.started",
        "run.finished",
        "run.started",
        "run.finished",
        "run.started",
        "run.finished",
        "approval.approved",
        "inventory.changed",
        "run.started",
        "secret.read",
        "run.finished",
        "run.started",
        "lock.broken",
        "run.resolved",
    ];
    assert_eq!(all, expected);
    let rows = audited.rows("");
    assert!(rows.iter().enumerate().all(|(at, row)| row["number"] == json!(at + 1) && row["user"] == "root"));
    let started = &rows[8]["details"];
    assert_eq!(
        (&started["how"], &started["playbook"], &started["hosts"], &started["from"]["ssh_client"]),
        (&json!("run"), &json!("s"), &json!(["w2"]), &json!("10.9.8.7"))
    );
    assert!(started["plan"].as_str().unwrap().starts_with("sha256:"), "{started}");
    assert_eq!(rows[9]["details"], json!({ "names": ["env:TOKEN"] }));
    assert_eq!((&rows[3]["details"]["status"], &rows[3]["details"]["exit"]), (&json!("rolled_back"), &json!(23)));
    assert_eq!((&rows[6]["details"]["as"], &rows[6]["run"]), (&json!("ann"), &json!(3)));
    assert_eq!((&rows[12]["details"], &rows[12]["run"]), (&json!({ "host": "w1" }), &json!(5)));
    assert_eq!(rows[13]["details"]["said"], "said_done");
    let exported = audited.opsc("audit export").stdout;
    assert!(!exported.contains("Kanarienvogel") && !exported.contains("geheim7"), "{exported}");

    let dated = audited.opsc("db backup dated.sqlite");
    assert_eq!(dated.code, 0);
    assert_eq!(audited.opsc("db restore dated.sqlite").code, 0);
    let restored = audited.rows("").pop().unwrap();
    assert_eq!((&restored["kind"], &restored["details"]["before"]["number"]), (&json!("journal.restored"), &json!(14)));
    let resumed = audited.opsc("resume 5 -y");
    assert_eq!(resumed.code, 0, "{resumed:?}");
    let resumed = audited.rows("--run 6");
    assert_eq!((&resumed[0]["details"]["how"], &resumed[0]["details"]["goes_on_with"]), (&json!("resume"), &json!(5)));
    let back = audited.kept.project.command(&["rollback", "4", "-y"]).env("TOKEN", "Kanarienvogel").output().unwrap();
    assert!(String::from_utf8_lossy(&back.stderr).contains("going back over run 4"), "{back:?}");
    assert_eq!(audited.rows("--kind run.started").pop().unwrap()["details"]["how"], "rollback");
    let whole = audited.opsc("audit verify");
    assert_eq!(whole.code, 0, "{whole:?}");
    let none = audited.opsc("audit verify --head 1234");
    assert!(none.code == 10 && none.stderr.contains("expected 64 hex digits"), "a finding about no hash: {none:?}");
}

#[test]
fn rows_are_asked_for_by_run_person_host_kind_and_time() {
    let audited = Audited::new();
    assert_eq!(audited.kinds("--run 3"), ["run.started", "run.finished", "approval.approved"]);
    assert_eq!(audited.kinds("--host w2"), ["inventory.changed", "run.started"]);
    assert_eq!(audited.kinds("--kind approval"), ["approval.approved"]);
    assert_eq!(audited.kinds("--who nobody"), Vec::<String>::new());
    assert_eq!(audited.kinds("--who root --since 1h").len(), 14);
    assert_eq!(audited.kinds("--since 2999-01-01").len(), 0);
    assert_eq!(audited.kinds("--kind host_key.trusted"), Vec::<String>::new(), "a kind of which there is no row");
    for command in ["query", "export"] {
        for (kind, told) in [
            ("nope", "the audit has no kind `nope`, only approval.approved, approval.rejected,"),
            ("run.start", "hint: did you mean `run.started`?"),
            ("aproval", "hint: did you mean `approval`?"),
            ("run.", "has no kind `run.`"),
        ] {
            let refused = audited.opsc(&format!("audit {command} --kind {kind}"));
            assert_eq!((refused.code, refused.stdout.as_str()), (10, ""), "{kind}: {refused:?}");
            assert!(refused.stderr.contains(told), "{kind}: {refused:?}");
        }
    }
    assert_eq!(audited.kinds("--since 2020-01-01T00:00:00Z --host w1 --kind lock.broken"), ["lock.broken"]);
    assert_eq!(audited.opsc("audit query --since yesterday").code, 10);
    let text = audited.opsc("audit query --run 5").stdout;
    let lines: Vec<&str> =
        text.lines().map(|line| line.split_once("  run.").or(line.split_once("  lock.")).unwrap().1).collect();
    assert_eq!(
        lines,
        ["started  run 5: dies on w1", "broken  run 5: w1", "resolved  run 5: shell.run on w1: said_done"]
    );
}

/// What is done to the file, and the line that says where. Rows 1 to 14 are those of the test above.
const TAMPERED: &[(&str, &str)] = &[
    (
        "UPDATE audit SET user = 'bob' WHERE number = 5",
        "audit 5 (run 3): it does not follow row 4: it, or that one, is not as it was written",
    ),
    (
        "UPDATE audit SET details = replace(details, 'env:TOKEN', 'env:OTHER') WHERE number = 10",
        "audit 10 (run 4): it does not follow row 9: it, or that one, is not as it was written",
    ),
    (
        "UPDATE audit SET details = 'x' WHERE number = 8",
        "audit 8: it does not follow row 7: it, or that one, is not as it was written",
    ),
    (
        "UPDATE audit SET time = time + 1 WHERE number = 1",
        "audit 1 (run 1): it is not as it was written, or of another journal",
    ),
    (
        "UPDATE audit SET hash = replace(hash, substr(hash, 1, 1), 'f') || '0' WHERE number = 6",
        "audit 7 (run 3): it does not follow row 6: it, or that one, is not as it was written",
    ),
    ("DELETE FROM audit WHERE number = 7", "audit 7: it is missing"),
    ("DELETE FROM audit WHERE number BETWEEN 3 AND 6", "audit 3: rows 3 to 6 are missing"),
    ("DELETE FROM audit WHERE number = 1", "audit 1: it is missing"),
    ("DELETE FROM audit WHERE number > 12", "audit 13: rows 13 to 14 are missing"),
    // Those behind it are numbered anew, so that there is no gap.
    (
        "DELETE FROM audit WHERE number = 7; UPDATE audit SET number = -number WHERE number > 7; UPDATE audit SET number = -number - 1 WHERE number < 0; UPDATE audit_head SET number = 13",
        "audit 7: it does not follow row 6: it, or that one, is not as it was written",
    ),
    (
        "UPDATE audit SET number = 99 WHERE number = 6; UPDATE audit SET number = 6 WHERE number = 7; UPDATE audit SET number = 7 WHERE number = 99",
        "audit 6 (run 3): it does not follow row 5: it, or that one, is not as it was written",
    ),
    (
        "UPDATE audit SET number = -number WHERE number > 7; UPDATE audit SET number = 1 - number WHERE number < 0; INSERT INTO audit SELECT 8, time, kind, run, 'bob', machine, details, hash FROM audit WHERE number = 7; UPDATE audit_head SET number = 15",
        "audit 8 (run 3): it does not follow row 7: it, or that one, is not as it was written",
    ),
    (
        "INSERT INTO audit SELECT 15, time, kind, run, user, machine, details, hash FROM audit WHERE number = 14",
        "audit 15: it was added behind the head",
    ),
    (
        "UPDATE audit_head SET hash = replace(hash, substr(hash, 1, 1), 'f') || '0'",
        "audit 14: it is not the row that the head was written with",
    ),
    ("UPDATE audit_head SET chain = 'another'", "audit 1 (run 1): it is not as it was written, or of another journal"),
    // The tail is cut off with its head: the runs are still there.
    (
        "DELETE FROM audit WHERE number > 8; UPDATE audit_head SET number = 8, hash = (SELECT hash FROM audit WHERE number = 8)",
        "runs 4: the audit does not say that it started",
    ),
    (
        "DELETE FROM audit WHERE number > 10; UPDATE audit_head SET number = 10, hash = (SELECT hash FROM audit WHERE number = 10)",
        "runs 4: the audit does not say that it ended",
    ),
    ("UPDATE runs SET user = 'bob' WHERE id = 2", "runs 2: it is not the run that row 3 of the audit started"),
    ("UPDATE runs SET request = '{}' WHERE id = 2", "runs 2: it is not the run that row 3 of the audit started"),
    ("UPDATE runs SET digest = 'sha256:0' WHERE id = 2", "runs 2: it is not the run that row 3 of the audit started"),
    (
        "UPDATE runs SET exit_code = 0, status = 'done' WHERE id = 2",
        "runs 2: it did not end as row 4 of the audit says",
    ),
    ("DELETE FROM runs WHERE id = 2", "audit 3 (run 2): run 2 is not in the journal"),
    (
        "UPDATE results SET output = x'00' WHERE run = 1 AND step = 'shell.run'",
        "results (run 1): they are not those of which row 2 of the audit has the hash (2 then, 2 now)",
    ),
    (
        "DELETE FROM intents WHERE run = 2 AND phase = 'apply'",
        "intents (run 2): they are not those of which row 4 of the audit has the hash (2 then, 1 now)",
    ),
    (
        "UPDATE events SET json = replace(json, 'w1', 'w9') WHERE run = 1",
        "events (run 1): they are not those of which row 2 of the audit has the hash",
    ),
    (
        "INSERT INTO results SELECT 999, run, step, host, attempt, phase, outcome, changed, code, before_json, apply_json, after_json, error, output_sha256, output, time, kept_json FROM results WHERE run = 1 LIMIT 1",
        "runs 1: it has records of after its end that nobody is said to have written",
    ),
    (
        "UPDATE approvals SET said_as = 'eve' WHERE run = 3",
        "approvals 1 (run 3): no row of the audit says that this was answered so",
    ),
    (
        "UPDATE approvals SET hosts = 'all of them' WHERE run = 3",
        "approvals 1 (run 3): no row of the audit says that this was answered so",
    ),
    ("DELETE FROM approvals WHERE run = 3", "audit 7 (run 3): the journal has no such answer"),
];

#[test]
fn each_change_behind_opscs_back_is_found_at_its_row() {
    let audited = Audited::new();
    assert_eq!(audited.opsc("db backup whole.sqlite").code, 0);
    let whole = std::fs::read(audited.kept.project.path("whole.sqlite")).unwrap();
    let put = || {
        for ending in ["-wal", "-shm"] {
            drop(std::fs::remove_file(audited.kept.project.path(&format!(".opsc/journal.sqlite{ending}"))));
        }
        std::fs::write(audited.kept.journal(), &whole).unwrap();
    };
    put();
    let verified = audited.opsc("audit verify");
    assert_eq!(
        (verified.code, verified.stdout.lines().next()),
        (0, Some("14 rows: each follows from the one before it"))
    );
    for (sql, expected) in TAMPERED {
        put();
        audited.edit(sql);
        for line in ["audit verify", "db check"] {
            let found = audited.opsc(line);
            assert_eq!(found.code, 1, "{line}: {sql}: {found:?}");
            assert!(
                found.stdout.lines().any(|line| line.starts_with(expected)),
                "{sql}\nexpected {expected}\nfound {}",
                found.stdout
            );
        }
    }
}

/// Everything is written anew by who can write the file: only what was kept elsewhere shows it.
#[test]
fn a_chain_written_anew_is_found_by_a_head_that_was_kept() {
    let audited = Audited::new();
    let head = |said: &Said| said.stdout.lines().last().unwrap().strip_prefix("head ").unwrap().to_string();
    let verified = audited.opsc("audit verify");
    assert!(verified.stderr.contains("can write the whole chain anew"), "{verified:?}");
    let kept = head(&verified);
    assert_eq!(audited.opsc("exec -l w1 -y -- true").code, 0);
    let grown = audited.opsc(&format!("audit verify --head {kept}"));
    assert_eq!(grown.code, 0, "a chain that has grown still has the row: {grown:?}");
    audited.edit("DELETE FROM audit; DELETE FROM audit_head WHERE one = 2; UPDATE audit_head SET number = 0, hash = '', runs_before = 99");
    assert_eq!(audited.opsc("exec -l w1 -y -- true").code, 0);
    let unseen = audited.opsc("audit verify");
    assert_eq!(unseen.code, 1, "run 7 is there and begins behind number 99: {unseen:?}");
    audited.edit("DELETE FROM audit; UPDATE audit_head SET number = 0, hash = '', runs_before = 99");
    assert_eq!(audited.opsc("audit verify").code, 0, "the file alone does not show it");
    let found = audited.opsc(&format!("audit verify --head {kept}"));
    assert_eq!(found.code, 1, "{found:?}");
    assert!(found.stdout.contains("no row has the hash that was kept"), "{found:?}");
}

#[test]
fn an_export_is_followed_by_its_schemas_words_alone() {
    let audited = Audited::new();
    audited.kept.project.write(
        "ü \"b\".ops",
        "ops 1\n\nplaybook u() ! read {\n  on host(\"w1\") {\n    file.info(path: \"/\")\n  }\n}\n",
    );
    assert_eq!(audited.kept.project.opsc(&["run", "ü \"b\".ops", "-y", "-v"]).code, 0);
    let exported = audited.opsc("audit export").stdout;
    let rows: Vec<(String, Json)> =
        exported.lines().enumerate().map(|(at, line)| (at.to_string(), serde_json::from_str(line).unwrap())).collect();
    assert_eq!(rows.len(), 16);
    assert_valid("opsc.audit-1", &rows);
    let follow = |text: &str| -> (bool, String) {
        let script = super::schemas::root().join("tests/it/audit_chain.py");
        let mut python = std::process::Command::new("python3");
        let mut child =
            python.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let ended = child.wait_with_output().unwrap();
        (ended.status.success(), String::from_utf8([ended.stdout, ended.stderr].concat()).unwrap().trim().to_string())
    };
    let verified: Json = serde_json::from_str(&audited.opsc("audit verify -o json").stdout).unwrap();
    assert_eq!(follow(&exported), (true, verified["head"]["hash"].as_str().unwrap().to_string()));
    assert_eq!(follow(&exported.replacen("\"w2\"", "\"w3\"", 1)), (false, "row 8: hash".to_string()));

    audited.edit("UPDATE audit SET user = 'bob' WHERE number = 8; UPDATE results SET output = x'00' WHERE run = 1");
    let found: Json = serde_json::from_str(&audited.opsc("audit verify -o json").stdout).unwrap();
    assert_eq!(found["findings"].as_array().unwrap().len(), 2, "{found}");
    assert_valid("opsc.audit-verify-1", &[("whole".to_string(), verified), ("changed".to_string(), found)]);
}
