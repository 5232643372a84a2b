//! Encrypted files of secrets through the binary: written, read by runs, listed; nothing else shows a text of one, and
//! what was changed by something else is found.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::project::{Project, Said, said};

/// The part of every secret here that is looked for.
const CANARY: &str = "Kanarie";

/// A command with something on its standard input.
pub(crate) fn given(project: &Project, arguments: &[&str], input: &str) -> Said {
    let mut child = project.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
    // A command that refuses before it reads is no failure of the test.
    drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
    said(child.wait_with_output().unwrap())
}

pub(crate) fn set(project: &Project, name: &str, text: &str) {
    let said = given(project, &["secret", "set", name], text);
    assert_eq!((said.code, said.stdout.as_str()), (0, ""), "{said:?}");
}

pub(crate) fn get(project: &Project, name: &str) -> String {
    let said = project.opsc(&["secret", "get", name]);
    assert_eq!(said.code, 0, "{said:?}");
    said.stdout
}

/// A project whose user has an identity.
pub(crate) fn with_identity() -> Project {
    let project = Project::new();
    let made = project.opsc(&["secret", "keygen"]);
    assert!(made.code == 0 && made.stdout.starts_with("age1"), "{made:?}");
    project
}

/// Those lines of a file that are indented, by secret: its value and the rest.
fn values(project: &Project, name: &str) -> Vec<(String, String)> {
    let text = project.read(&format!("secrets/{name}.yaml")).unwrap();
    let (_, entries) = text.split_once("\nsecrets:\n").unwrap();
    let (entries, _) = entries.split_once("mac:").unwrap();
    let named = entries.split("\n  ").filter_map(|line| line.trim().strip_suffix(':'));
    let of = entries.lines().filter_map(|line| line.strip_prefix("    value: "));
    named.map(str::to_string).zip(of.map(str::to_string)).collect()
}

#[test]
fn an_identity_is_its_owners_and_is_made_once() {
    let project = with_identity();
    let path = project.path("home/.config/opsc/identity");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    let before = std::fs::read_to_string(&path).unwrap();
    let again = project.opsc(&["secret", "keygen"]);
    assert!(again.code == 10 && again.stderr.contains("already, and it is kept"), "{again:?}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
    let recipient = project.opsc(&["secret", "recipient"]).stdout;
    assert!(before.starts_with(&format!("# recipient: {recipient}AGE-SECRET-KEY-1")), "{recipient}");
}

/// What is said to be written is there, whoever else writes at the same time; and the file stays one that can be read.
#[test]
fn writers_at_the_same_time_lose_nothing() {
    let project = with_identity();
    let mut written = 0;
    for round in 0..10 {
        let names: Vec<String> = (0..8).map(|writer| format!("par/r{round}w{writer}")).collect();
        let done: Vec<Said> = std::thread::scope(|scope| {
            let writers = names.iter().map(|name| scope.spawn(|| given(&project, &["secret", "set", name], name)));
            writers.collect::<Vec<_>>().into_iter().map(|writer| writer.join().unwrap()).collect()
        });
        for (name, said) in names.iter().zip(done) {
            let refused = said.code == 10 && said.stderr.contains("was changed by another meanwhile");
            assert!(said.code == 0 || refused, "{said:?}");
            if said.code == 0 {
                written += 1;
                assert_eq!(&get(&project, name), name);
            }
        }
    }
    assert!(written >= 10, "{written}");
    let left = std::fs::read_dir(project.path("secrets")).unwrap().count();
    assert_eq!(left, 1, "nothing stays beside the file");
}

#[test]
fn secrets_are_set_read_listed_and_taken_out() {
    let project = with_identity();
    let texts = ["Kanarie one", "two\nlines of Kanarie\n", " Kanarie: 'quotes' # \"é\" "];
    for (name, text) in ["db/one", "db/two", "db/three.x-y"].into_iter().zip(texts) {
        // The one line end that programs add is no part of it.
        set(&project, name, &format!("{text}\n"));
        assert_eq!(get(&project, name), text);
    }
    let listed = project.opsc(&["secret", "ls"]);
    let names: Vec<&str> = listed.stdout.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(names, ["db/one", "db/three.x-y", "db/two"], "{listed:?}");
    assert_eq!(project.opsc(&["secret", "rm", "db/one"]).code, 0);
    let gone = project.opsc(&["secret", "get", "db/one"]);
    assert!(gone.code == 10 && gone.stderr.contains("`secrets/db.yaml` has no secret `one`"), "{gone:?}");
    assert_eq!(get(&project, "db/two"), texts[1]);
    let text = project.read("secrets/db.yaml").unwrap();
    assert!(!text.contains(CANARY) && !text.contains("  one:"), "{text}");
    // Short ones could not be hidden in what hosts print: they are refused before they are written.
    let short = given(&project, &["secret", "set", "db/one"], "abc\n");
    assert!(short.code == 10 && short.stderr.contains("fewer than 4 visible characters"), "{short:?}");
}

#[test]
fn what_is_not_changed_keeps_its_bytes() {
    let project = with_identity();
    set(&project, "db/one", "Kanarie one");
    set(&project, "db/two", "Kanarie two");
    let (before, text) = (values(&project, "db"), project.read("secrets/db.yaml"));
    let same = given(&project, &["secret", "set", "db/one"], "Kanarie one\n");
    assert!(same.code == 0 && same.stderr.contains("has that text already"), "{same:?}");
    assert_eq!(project.read("secrets/db.yaml"), text);
    set(&project, "db/two", "Kanarie 2");
    let after = values(&project, "db");
    assert_eq!(before.len(), 2);
    assert_eq!(before[0], after[0]);
    assert_eq!((&after[1].0, after[1].1 == before[1].1), (&before[1].0, false));
    let rotated = given(&project, &["secret", "set", "db/two", "--rotate", "90d"], "Kanarie 2");
    assert_eq!(rotated.code, 0, "{rotated:?}");
    assert_eq!(values(&project, "db"), after);
    let listed = project.opsc(&["secret", "ls", "db"]);
    assert!(
        listed.stdout.lines().any(|line| line.starts_with("db/two") && line.ends_with("due in 90 days")),
        "{listed:?}"
    );
}

/// The playbook, its plan and two runs: one that ends well, one whose host says all that it knows.
#[test]
fn a_run_reads_them_and_nothing_but_the_host_has_them() {
    let project = with_identity();
    set(&project, "db/password", "a+Kanarie/word");
    set(&project, "db/pin", "the=Kanarie pin");
    project.write("p.ops", "ops 1\n\nplaybook p(\n  root: path,\n  password: secret<string> = secret(\"age:db/password\"),\n  pin: secret<text> = secret(\"age:db/pin\"),\n) ! change, exec {\n  on host(\"localhost\") {\n    file.secret(to: \"{root}/x\", content: \"{password} {pin}\")\n    shell.run(script: sh\"printf '%s' \\\"$pin\\\"; printf '%s' \\\"$pin\\\" | base64 >&2\", effect: \"change\", vars: { pin: pin })\n  }\n}\n");
    let root = format!("root={}", project.path("out").display());
    std::fs::create_dir_all(project.path("out")).unwrap();
    // A plan needs no identity.
    let plan =
        said(project.command(&["plan", "p.ops", "-e", &root]).env("OPSC_IDENTITY", "/nonexistent").output().unwrap());
    assert!(plan.code == 0 && plan.stdout.contains("  password = secret(\"age:db/password\")\n"), "{plan:?}");
    let run = project.opsc(&["run", "p.ops", "-y", "-v", "-e", &root]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stdout.contains("(secret)") || run.stderr.contains("(secret)"), "{run:?}");
    let ndjson = project.opsc(&["run", "p.ops", "-y", "-o", "ndjson", "-e", &root]);
    assert_eq!(ndjson.code, 0, "{ndjson:?}");
    assert_eq!(project.read("out/x").as_deref(), Some("a+Kanarie/word the=Kanarie pin"));
    let report = project.opsc(&["report", "1"]);
    for said in [&plan, &run, &ndjson, &report] {
        assert_eq!(found_in(format!("{said:?}").as_bytes()), None, "{said:?}");
    }
    let mut looked_at = 0;
    look_into(project.folder.path(), &project.path("out/x"), &mut looked_at);
    assert!(looked_at > 5, "{looked_at} files");
}

/// Plain, in base64 at any of three places, or in hex.
fn found_in(bytes: &[u8]) -> Option<&'static str> {
    let has = |form: &[u8]| bytes.windows(form.len()).any(|part| part == form);
    let hex: String = CANARY.bytes().map(|byte| format!("{byte:02x}")).collect();
    let shifted = (0..3).map(|shift| {
        let text = format!("{}{CANARY}", &"   "[..shift]);
        let whole = STANDARD_NO_PAD.encode(text);
        whole[[0, 2, 3][shift]..whole.len() - 1].to_string()
    });
    let forms = std::iter::once(CANARY.to_string()).chain(std::iter::once(hex)).chain(shifted);
    forms
        .zip(["plain", "hex", "base64", "base64, by one", "base64, by two"])
        .find_map(|(form, name)| has(form.as_bytes()).then_some(name))
}

pub(crate) fn look_into(folder: &Path, meant: &Path, looked_at: &mut usize) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            look_into(&path, meant, looked_at);
        } else if path != meant {
            *looked_at += 1;
            assert_eq!(found_in(&std::fs::read(&path).unwrap()), None, "{}", path.display());
        }
    }
}

#[test]
fn the_canary_would_be_found() {
    for (text, form) in [
        ("x Kanarie x".to_string(), "plain"),
        (STANDARD_NO_PAD.encode("Kanarie"), "base64"),
        (STANDARD_NO_PAD.encode("a+Kanarie/word"), "base64, by two"),
        (STANDARD_NO_PAD.encode("1234Kanarie"), "base64, by one"),
        ("4b616e61726965".to_string(), "hex"),
    ] {
        assert_eq!(found_in(text.as_bytes()), Some(form), "{text}");
    }
}

/// Each change that something else than opsc could make, and what every command says of it.
#[test]
fn what_was_changed_by_something_else_is_found() {
    let project = with_identity();
    for (name, text) in [("db/one", "Kanarie one"), ("db/two", "Kanarie two"), ("prod/one", "Kanarie 111")] {
        set(&project, name, text);
    }
    let rotate = given(&project, &["secret", "set", "db/one", "--rotate", "90d"], "Kanarie one");
    assert_eq!(rotate.code, 0, "{rotate:?}");
    let text = project.read("secrets/db.yaml").unwrap();
    let other = project.read("secrets/prod.yaml").unwrap();
    let line = |text: &str, start: &str| text.lines().find(|line| line.starts_with(start)).unwrap().to_string();
    let [one, two] = [&values(&project, "db")[0].1, &values(&project, "db")[1].1];
    let of_prod = &values(&project, "prod")[0].1;
    let recipient = line(&text, "  - ");
    let entry = |name: &str| {
        let from = text.find(&format!("  {name}:\n")).unwrap();
        let rest = &text[from + 1..];
        let to = rest.find("\n  t").or(rest.find("\nmac")).unwrap();
        text[from..from + to + 2].to_string()
    };
    let cases: Vec<(&str, String)> = vec![
        ("a value of another secret", text.replace(one.as_str(), two)),
        ("two values swapped", text.replace(one.as_str(), "@").replace(two.as_str(), one).replace('@', two)),
        ("a value of another file", text.replace(one.as_str(), of_prod)),
        ("one letter of a value", text.replace(one.as_str(), &flipped(one))),
        ("a secret renamed", text.replace("  two:", "  too:")),
        ("a secret removed", text.replace(&entry("one"), "")),
        ("a secret added", text.replace("secrets:\n", &format!("secrets:\n{}", entry("one").replace("one", "more")))),
        ("a day changed", text.replacen("changed: 2", "changed: 3", 1)),
        ("the rotation taken away", text.replace("    rotate: 90d\n", "")),
        ("a recipient added", text.replace(&recipient, &format!("{recipient}\n{recipient} me"))),
        ("a label changed", text.replace(&recipient, &format!("{recipient} me"))),
        ("the MAC of another file", text.replace(&line(&text, "mac: "), &line(&other, "mac: "))),
        ("no MAC at all", text.replace(&line(&text, "mac: "), "mac: AAAA")),
        ("the key of another file", text.replace(&line(&text, "key: "), &line(&other, "key: "))),
        ("the key cut off", text.replace(&line(&text, "key: "), &line(&text, "key: ")[..60])),
    ];
    let path = format!("`{}` was changed by something else than opsc", project.path("secrets/db.yaml").display());
    for (what, changed) in cases {
        assert_ne!(changed, text, "{what}");
        project.write("secrets/db.yaml", &changed);
        let refused = [
            project.opsc(&["secret", "get", "db/two"]),
            given(&project, &["secret", "set", "db/two"], "Kanarie new"),
            project.opsc(&["secret", "rm", "db/one"]),
            project.opsc(&["secret", "rekey", "db", "-y"]),
        ];
        for said in refused {
            assert!(said.code == 10 && said.stderr.contains(&path), "{what}: {said:?}");
        }
        assert_eq!(project.read("secrets/db.yaml").as_ref(), Some(&changed), "{what}: nothing is written over it");
    }
    project.write("secrets/db.yaml", &text);
    assert_eq!(get(&project, "db/two"), "Kanarie two");
    // A whole file in the place of another, and what a merge leaves.
    project.write("secrets/db.yaml", &other);
    let moved = project.opsc(&["secret", "get", "db/one"]);
    assert!(moved.code == 10 && moved.stderr.contains("was written as `secrets/prod.yaml`"), "{moved:?}");
    project.write("secrets/db.yaml", &text.replace("secrets:\n", "secrets:\n<<<<<<< HEAD\n"));
    let merged = project.opsc(&["secret", "get", "db/one"]);
    assert!(merged.stderr.contains("line 8: expected `  NAME:` or `mac: BASE64`"), "{merged:?}");
}

/// Another letter in the middle.
fn flipped(value: &str) -> String {
    let at = value.len() / 2;
    let other = if &value[at..=at] == "A" { "B" } else { "A" };
    format!("{}{other}{}", &value[..at], &value[at + 1..])
}

#[test]
fn a_name_that_is_not_there_is_said_with_one_that_is() {
    let project = with_identity();
    set(&project, "db/password", "Kanarie one");
    let text = |reference: &str| {
        format!(
            "ops 1\n\nplaybook p(\n  t: secret<text> = secret(\"{reference}\"),\n) ! read {{\n  require t != none else \"no\"\n}}\n"
        )
    };
    for (reference, hints) in [
        ("age:db/pasword", ["`secrets/db.yaml` has no secret `pasword`", "did you mean `password`?"]),
        ("age:bd/password", ["there is no file `secrets/bd.yaml`", "did you mean `db`?"]),
        ("age:mail/token", ["there is no file `secrets/mail.yaml`", "`opsc secret set mail/NAME` writes it"]),
        ("age:password", ["there can be no secret of the name `password`", "age:FILE/NAME"]),
        ("agee:db/password", ["names no place of secrets", "did you mean `age`?"]),
    ] {
        project.write("a.ops", &text(reference));
        let checked = project.opsc(&["check", "a.ops"]);
        let shown = format!("{}{}", checked.stdout, checked.stderr);
        assert_eq!(checked.code, 11, "{shown}");
        assert!(shown.contains("E0707") && hints.iter().all(|hint| shown.contains(hint)), "{reference}: {shown}");
    }
    project.write("a.ops", &text("age:db/password"));
    assert_eq!(project.opsc(&["check", "a.ops"]).code, 0);
    let whole = project.read("secrets/db.yaml").unwrap();
    project.write("secrets/db.yaml", &format!("{whole}<<<<\n"));
    let checked = project.opsc(&["check", "a.ops"]);
    let told = ["E0707", "the secret cannot be read: `", "/secrets/db.yaml` line ", "expected no more lines"];
    assert!(checked.code == 11 && told.iter().all(|told| checked.stderr.contains(told)), "{checked:?}");
    project.write("secrets/db.yaml", &whole);
    project.write("secrets/other.yaml", "a: b\n");
    project.write("a.ops", &text("age:other/a"));
    let run = project.opsc(&["run", "a.ops", "-y"]);
    assert!(run.code == 11 && run.stderr.contains("other.yaml` line 1: expected the title"), "{run:?}");
    for (name, hint) in [
        ("db/pasword", "did you mean `password`?"),
        ("bd/password", "did you mean `db`?"),
        ("password", "expected FILE/NAME such as `db/password`, found `password`"),
        ("../db/password", "expected FILE/NAME"),
    ] {
        let said = project.opsc(&["secret", "get", name]);
        assert!(said.code == 10 && said.stderr.contains(hint), "{said:?}");
    }
    let outside = given(&project, &["secret", "set", "../x"], "Kanarie");
    assert!(outside.code == 10 && outside.stderr.contains("expected FILE/NAME"), "{outside:?}");
}

#[test]
fn what_is_overdue_is_listed_as_it() {
    let project = with_identity();
    for name in ["db/one", "db/three"] {
        let said = given(&project, &["secret", "set", name, "--rotate", "30d"], "Kanarie");
        assert_eq!(said.code, 0, "{said:?}");
    }
    let never = given(&project, &["secret", "set", "db/three", "--rotate", "never"], "Kanarie");
    assert_eq!(never.code, 0, "{never:?}");
    // A listing opens nothing, so it takes the day as it stands there.
    let text = project.read("secrets/db.yaml").unwrap();
    let (before, rest) = text.split_once("    changed: ").unwrap();
    project.write("secrets/db.yaml", &format!("{before}    changed: 2001-01-01{}", &rest["2001-01-01".len()..]));
    let listed = said(project.command(&["secret", "ls"]).env("OPSC_IDENTITY", "/nonexistent").output().unwrap());
    let lines: Vec<&str> = listed.stdout.lines().collect();
    assert!(
        lines[0].starts_with("db/one    changed 2001-01-01  overdue by ") && lines[0].ends_with(" days"),
        "{listed:?}"
    );
    assert!(
        lines[1].starts_with("db/three  changed 20") && lines[1].len() == "db/three  changed 2001-01-01".len(),
        "{listed:?}"
    );
    let json: serde_json::Value =
        serde_json::from_str(&project.opsc(&["secret", "ls", "db", "-o", "json"]).stdout).unwrap();
    assert_eq!(json["secrets"][0]["rotate_days"], 30);
    assert!(json["secrets"][0]["due_in_days"].as_i64().unwrap() < -9000, "{json}");
    assert_eq!(json["secrets"][1]["due_in_days"], serde_json::Value::Null);
    let wrong = given(&project, &["secret", "set", "db/one", "--rotate", "90"], "Kanarie");
    assert!(wrong.code == 10 && wrong.stderr.contains("expected days such as 90d, or never"), "{wrong:?}");
}
