//! `opsc diff`: what two revisions differ in, by meaning, in real repositories. Spelling, layout and comments are no
//! difference; every kind of change is told with what it was and what it is.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::process::Command;

use opsc::base::source::Sources;
use opsc::syntax;
use opsc::syntax::changes::compare;
use opsc::syntax::outline::{Node, outline};
use serde_json::Value as Json;

use super::project::{Project, Said};
use super::schemas::{assert_valid, root};

fn items(text: &str) -> Vec<Node> {
    let mut sources = Sources::new();
    let file = sources.add("a.ops", text);
    let (tree, diagnostics) = syntax::parse(&sources, file);
    assert!(diagnostics.is_empty(), "{diagnostics:#?}\n{text}");
    outline(&tree.unwrap())
}

/// `changed block on app batch: 1 → 2`, a line for each difference.
fn differences(old: &str, new: &str) -> Vec<String> {
    let (old, new) = (items(old), items(new));
    assert_eq!(old.len(), new.len());
    let found = old.iter().zip(&new).flat_map(|(old, new)| compare(old, new));
    let shown = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_string());
    found
        .map(|change| {
            let fact = change.fact.as_ref().map(|fact| format!(" {fact}")).unwrap_or_default();
            let place = change.path.join(" › ");
            let (kind, what) = (change.kind.word(), change.what.word());
            format!("{kind} {what} {place}{fact}: {} → {}", shown(&change.before), shown(&change.after))
        })
        .collect()
}

fn playbook(head: &str, body: &str) -> String {
    format!("ops 1\n\nplaybook a({head}) ! change {{\n{body}\n}}\n")
}

#[test]
fn spelling_layout_and_comments_are_no_difference() {
    let bodies = [
        ("let x = 60s", "let x = 1m"),
        ("let x = 1024KiB", "let x = 1MiB"),
        ("let x = 'a'", "let x = \"a\""),
        ("let x = '{a}\\'", "let x = \"\\{a}\\\\\""),
        ("let x = 1_000", "let x = 1000"),
        ("let x = (1 + 2) + 3", "let x = 1 + 2 + 3"),
        ("let x = 1 + (2 * 3)", "let x = 1 + 2 * 3"),
        ("let x = { a: 1, b: 2 }", "let x = { \"b\": 2, \"a\": 1, }"),
        ("let x = [1, 2]", "let x = [\n  1, # one\n  2,\n]"),
        ("let x = \"\"\"\n  a\n  b\n\"\"\"", "let x = \"a\\nb\""),
        ("let x = sh\"true\"", "let x = sh\"\"\"\n      true\n\"\"\""),
        ("f.x(a: 1, b: 2) {\n  retry: 1\n  every: 1s\n}", "f.x(b: 2, a: 1) {\n  every: 1000ms\n  retry: 1\n}"),
        ("on all() (batch: 1, max_failures: 0) {\n}", "# one by one\non (all()) (batch: 1) {\n}"),
        ("f.x() {\n  retry: 0\n  allow_failure: false\n}", "f.x()"),
        ("if a and (b or c) {\n}", "if (a and (b or c)) {\n}"),
        ("if not (a == b) {\n}", "if (not (a == b)) {\n}"),
    ];
    for (old, new) in bodies {
        assert_eq!(differences(&playbook("", old), &playbook("", new)), Vec::<String>::new(), "{old}\n{new}");
    }
    let heads = [
        ("a: int = 1, b: int = 2", "\n  b: int = 2, # two\n  a: int = 1,\n"),
        ("a: 'x' | 'y' = 'x'", "a: \"x\" | \"y\" = \"x\""),
        ("a: duration(60s..) = 1m", "a: duration(1m..) = 60s"),
    ];
    for (old, new) in heads {
        assert_eq!(differences(&playbook(old, ""), &playbook(new, "")), Vec::<String>::new(), "{old}");
    }
    let effects = ["! change, read, network", "! network, change"];
    let [old, new] = effects.map(|effects| playbook("", "").replace("! change", effects));
    assert_eq!(differences(&old, &new), Vec::<String>::new());
}

#[test]
fn what_means_something_else_is_a_difference() {
    for (old, new) in [
        ("let x = 1 - (2 - 3)", "let x = 1 - 2 - 3"),
        ("let x = (1 + 2) * 3", "let x = 1 + 2 * 3"),
        ("let x = not (a and b)", "let x = not a and b"),
        ("let x = -(1 + 2)", "let x = -1 + 2"),
        ("let x = (a where b) + c", "let x = a where b + c"),
        ("let x = (a or b) and c", "let x = a or b and c"),
        ("let x = \"{a}\"", "let x = '{a}'"),
        ("let x = [1, 2]", "let x = [2, 1]"),
        ("let x = 1", "let x = 1.0"),
        ("let x = 1", "let x = \"1\""),
        ("let x = 5s", "let x = 5"),
        ("let x = 5B", "let x = 5"),
        ("let x = 5%", "let x = 5"),
        ("let x = sh\"a\"", "let x = \"a\""),
        ("let x = sh\"a\"", "let x = powershell\"a\""),
        ("let x = (a + b).c", "let x = a + b.c"),
        ("let x = f(a, b: 1)", "let x = f(a, c: 1)"),
        ("let x = a in b", "let x = a == b"),
        ("let x = (a ?? b) + c", "let x = a ?? b + c"),
        ("on failure {\n}", "always {\n}"),
        ("let x = 1", "let y = 1"),
        ("x = f.x()", "y = f.x()"),
        ("for x in [1] {\n}", "for y in [1] {\n}"),
        ("use_x()", "use_y()"),
        ("on all() {\n}", "at all() {\n}"),
        ("if a {\n}", "if a {\n} else {\n}"),
    ] {
        assert_ne!(differences(&playbook("", old), &playbook("", new)), Vec::<String>::new(), "{old}\n{new}");
    }
}

const OLD: &str = r#"ops 1

type Mode = "0640"

function both sh """
  one
  two
"""

action x.y(
  a: int,
) -> { b: int } ! change {
  doc: "x"
  timeout: 5s

  linux {
    apply sh """
      one
      two
    """
  }
}

playbook deploy(
  app: hosts = group("app"),
  token: secret<text> = secret("env:A"),
  gone: int = 1,
) ! change {
  max_duration: 1h

  approve(by: ["ops"], message: "go", within: 8h)

  first = on app (batch: 1, max_failures: 1) {
    a.one(p: 1)
    a.two(p: 1) {
      timeout: 60s
    }
    a.three(p: 1, secret: token)
    kept = a.four(p: 1)
    if kept.ok {
      a.five(p: 1)
    } else {
      a.six(p: 1)
    }
    for n in ["x"] {
      a.seven(p: n)
    }
    require kept.ok else "no"
    a.one(p: 2)

    on failure {
      rollback
    }
  }
}
"#;

/// One edit of the program, and what a reviewer is told.
const EDITS: &[(&str, &str, &[&str])] = &[
    ("sh \"\"\"\n  one", "sh \"\"\"\n  three", &["changed function  script: sh\none\ntwo → sh\nthree\ntwo"]),
    (") ! change {\n  max", ") ! change, admin {\n  max", &["changed playbook  effects: change → change, admin"]),
    ("max_duration: 1h", "max_duration: 2h", &["changed playbook  max_duration: 1h → 2h"]),
    ("group(\"app\")", "group(\"web\")", &["changed parameter app default: group(\"app\") → group(\"web\")"]),
    ("env:A", "env:B", &["changed parameter token default: secret(\"env:A\") → secret(\"env:B\")"]),
    ("  gone: int = 1,\n", "", &["removed parameter gone: gone (default: 1, type: int) → -"]),
    ("gone: int", "gone: int(0..9)", &["changed parameter gone type: int → int(0..9)"]),
    ("within: 8h", "within: 9h", &["changed approval approve argument within: 8h → 9h"]),
    (
        "  approve(by: [\"ops\"], message: \"go\", within: 8h)\n",
        "",
        &["removed approval approve: approve (by: [\"ops\"], message: \"go\", within: 8h) → -"],
    ),
    ("on app (", "on app - host(\"x\") (", &["changed block on app - host(\"x\") hosts: app → app - host(\"x\")"]),
    ("batch: 1", "batch: [1, 25%]", &["changed block on app batch: 1 → [1, 25%]"]),
    ("max_failures: 1", "max_failures: 0", &["changed block on app max_failures: 1 → -"]),
    ("batch: 1, ", "batch: 1, as: \"root\", ", &["changed block on app as: - → \"root\""]),
    ("timeout: 60s", "timeout: 90s", &["changed step on app › a.two timeout: 1m → 1m30s"]),
    ("    a.one(p: 1)\n", "", &["removed step on app › a.one: a.one (p: 1) → -"]),
    ("    a.one(p: 2)\n", "", &["removed step on app › a.one#2: a.one (p: 2) → -"]),
    ("    a.one(p: 1)\n", "    a.one(p: 3)\n", &["changed step on app › a.one argument p: 1 → 3"]),
    ("    a.one(p: 1)\n", "    a.one(p: 9)\n    a.one(p: 1)\n", &["added step on app › a.one: - → a.one (p: 9)"]),
    (
        "    a.one(p: 1)\n    a.two(p: 1) {\n      timeout: 60s\n    }\n",
        "    a.two(p: 1) {\n      timeout: 60s\n    }\n    a.one(p: 1)\n",
        &["moved step on app › a.two: after a.one → first"],
    ),
    ("secret: token", "secret: \"plain\"", &["changed step on app › a.three argument secret: token → \"plain\""]),
    ("kept = a.four(p: 1)", "kept = a.fore(p: 1)", &["changed step on app › kept action: a.four → a.fore"]),
    ("if kept.ok", "if not kept.ok", &["changed if on app › if not kept.ok condition: kept.ok → not kept.ok"]),
    (
        "    } else {\n      a.six(p: 1)\n    }\n",
        "    }\n",
        &[
            "removed branch on app › if kept.ok › else: else → -",
            "removed step on app › if kept.ok › else › a.six: a.six (p: 1) → -",
        ],
    ),
    (
        "      a.five(p: 1)\n    } else {\n",
        "    } else {\n      a.five(p: 1)\n",
        &["moved step on app › if kept.ok › else › a.five: in on app › if kept.ok → in on app › if kept.ok › else"],
    ),
    ("[\"x\"]", "[\"x\", \"y\"]", &["changed loop on app › for n list: [\"x\"] → [\"x\", \"y\"]"]),
    ("else \"no\"", "else \"never\"", &["changed require on app › require kept.ok message: \"no\" → \"never\""]),
    (
        "      rollback\n",
        "      rollback all\n",
        &["changed rollback on app › on failure › rollback scope: host → all"],
    ),
    (
        "    on failure {\n      rollback\n    }\n",
        "",
        &[
            "removed clause on app › on failure: on failure → -",
            "removed rollback on app › on failure › rollback: rollback (scope: host) → -",
        ],
    ),
    ("\"0640\"", "\"0640\" | \"0600\"", &["changed type  definition: \"0640\" → \"0640\" | \"0600\""]),
    ("  timeout: 5s", "  timeout: 6s", &["changed action  timeout: 5s → 6s"]),
    ("      two\n", "      three\n", &["changed implementation linux apply: sh\none\ntwo → sh\none\nthree"]),
    ("{ b: int }", "{ b: text }", &["changed action  result: { b: int } → { b: text }"]),
];

#[test]
fn every_edit_is_told_and_nothing_else() {
    for (from, to, expected) in EDITS {
        assert_eq!(OLD.matches(from).count(), 1, "{from}");
        let new = OLD.replace(from, to);
        assert_eq!(differences(OLD, &new), *expected, "{from} → {to}");
        assert_eq!(differences(&new, OLD).is_empty(), expected.is_empty());
    }
}

#[test]
fn indented_commented_and_formatted_files_of_the_project_are_the_same() {
    let mut compared = 0;
    for folder in ["tests/it/language", "stdlib", "examples/init"] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "ops") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let indented: String = text
                .lines()
                .map(|line| if line.is_empty() { "\n".to_string() } else { format!("    {line}\n") })
                .collect();
            let commented =
                text.replace("\nplaybook ", "\n# A word.\nplaybook ").replace("\naction ", "\n# A word.\naction ");
            for variant in [indented, commented + "\n# The end.\n"] {
                assert_ne!(variant, text);
                assert_eq!(differences(&text, &variant), Vec::<String>::new(), "{}", path.display());
            }
            compared += 1;
        }
    }
    assert!(compared >= 16, "{compared}");
}

/// A repository in a project; each commit is named by a tag.
struct Repository {
    project: Project,
}

impl Repository {
    fn new() -> Repository {
        let repository = Repository { project: Project::new() };
        repository.git(&["init", "-q", "-b", "main"]);
        repository
    }

    fn git(&self, arguments: &[&str]) {
        let mut command = Command::new("git");
        command.current_dir(self.project.folder.path()).env("HOME", self.project.path("home"));
        for role in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{role}_NAME"), "t").env(format!("GIT_{role}_EMAIL"), "t@example.org");
        }
        let done = command.args(arguments).output().unwrap();
        assert!(done.status.success(), "{arguments:?}: {done:?}");
    }

    fn commit(&self, tag: &str) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", tag, "--allow-empty"]);
        self.git(&["tag", tag]);
    }

    fn diff(&self, arguments: &[&str]) -> Said {
        self.project.opsc(&[&["diff"], arguments].concat())
    }
}

fn repository() -> Repository {
    let repository = Repository::new();
    repository.project.write("playbooks/deploy.ops", OLD);
    repository.project.write("playbooks/same.ops", "ops 1\n\nplaybook same() ! read {\n}\n");
    repository.project.write("old/moved.ops", "ops 1\n\nplaybook moved(\n  a: int = 1,\n) ! read {\n}\n");
    repository.project.write(
        "inventory.yaml",
        "groups:\n  app: { hosts: [\"app[1:2]\"], os: linux }\n  web: { hosts: [web1, app2], os: linux }\n",
    );
    repository.commit("one");
    repository
}

#[test]
fn commits_and_the_working_tree_are_compared() {
    let repository = repository();
    let none = repository.diff(&[]);
    assert_eq!((none.code, none.stdout.as_str()), (0, ""), "{none:?}");
    assert_eq!(none.stderr, "no difference between HEAD and working tree (3 files compared)\n");

    let project = &repository.project;
    project
        .write("playbooks/deploy.ops", &OLD.replace("batch: 1", "batch: 2").replace("\nplaybook", "\n# why\nplaybook"));
    project.write("new.ops", "ops 1\n\nplaybook fresh() ! read {\n  file.info(path: \"/\")\n}\n");
    project.write(".gitignore", "ignored.ops\nhome\n");
    project.write("ignored.ops", "ops 1\n\nplaybook ignored() ! read {\n}\n");
    std::fs::create_dir(project.path("elsewhere")).unwrap();
    std::fs::rename(project.path("old/moved.ops"), project.path("elsewhere/moved.ops")).unwrap();
    std::fs::remove_file(project.path("playbooks/same.ops")).unwrap();
    let expected = "playbook moved (elsewhere/moved.ops, was in old/moved.ops): moved\n\nplaybook fresh (new.ops): added\n  + file.info (path: \"/\")\n\nplaybook deploy (playbooks/deploy.ops)\n  ~ on app, batch: 1 → 2\n\nplaybook same (playbooks/same.ops): removed\n\n";
    let tree = repository.diff(&["one"]);
    assert_eq!((tree.code, tree.stdout.as_str()), (2, expected), "{tree:?}");
    repository.commit("two");
    for range in ["one..two", "one..", "one...two"] {
        let commits = repository.diff(&[range]);
        assert_eq!((commits.code, commits.stdout.as_str()), (2, expected), "{range}: {commits:?}");
    }
    let only = repository.diff(&["one..two", "playbooks/deploy.ops", "old"]);
    assert!(only.stdout.contains("deploy") && !only.stdout.contains("fresh"), "{only:?}");
    let mut below = project.command(&["diff", "one..two", "deploy.ops", "../new.ops"]);
    let below = super::project::said(below.current_dir(project.path("playbooks")).output().unwrap());
    assert!(
        below.stdout.contains("deploy") && below.stdout.contains("fresh") && !below.stdout.contains("same"),
        "{below:?}"
    );
    assert_eq!(repository.diff(&["two..one", "-q"]).code, 2);

    // From where two branches parted, what the other one did meanwhile is no difference.
    repository.git(&["checkout", "-q", "-b", "side", "one"]);
    std::fs::remove_file(project.path("ignored.ops")).unwrap();
    project.write("playbooks/same.ops", "ops 1\n\nplaybook same() ! read, network {\n}\n");
    repository.commit("three");
    let parted = repository.diff(&["main...side"]);
    assert_eq!(parted.stdout, "playbook same (playbooks/same.ops)\n  ~ effects: read → network\n\n", "{parted:?}");
}

#[test]
fn with_an_inventory_the_hosts_of_both_sides_are_named() {
    let repository = repository();
    let changed = OLD.replace("group(\"app\")", "group(\"web\")").replace("on app (", "on app - host(\"app2\") (");
    repository.project.write("playbooks/deploy.ops", &changed);
    let plain = repository.diff(&[]);
    assert!(!plain.stdout.contains("app1"), "{plain:?}");
    let named = repository.diff(&["-i", "inventory.yaml"]);
    for expected in [
        "default: group(\"app\") → group(\"web\")\n      + 1 host: web1\n      - 1 host: app1\n",
        "hosts: app → app - host(\"app2\")\n      + 1 host: web1\n      - 2 hosts: app1, app2\n",
    ] {
        assert!(named.stdout.contains(expected), "{expected}: {}", named.stdout);
    }
    repository.project.write("bad.yaml", "hsots: {}\n");
    assert_eq!(repository.diff(&["-i", "bad.yaml"]).code, 11);
}

#[test]
fn what_cannot_be_compared_is_told() {
    let repository = repository();
    for (arguments, expected) in [
        (vec!["nope..HEAD"], "git knows no commit `nope`"),
        (vec!["HEAD..nope"], "git knows no commit `nope`"),
        (vec!["--", "--output=/tmp/x"], "git knows no commit `--output=/tmp/x`"),
        (vec!["HEAD:playbooks"], "git knows no commit `HEAD:playbooks`"),
        (vec!["HEAD", "nowhere"], "no *.ops file in `nowhere`"),
        (vec!["HEAD", "/etc"], "`/etc` is outside of the repository"),
    ] {
        let refused = repository.diff(&arguments);
        assert!(refused.code == 10 && refused.stderr.contains(expected), "{arguments:?}: {refused:?}");
    }
    let nowhere = Project::new();
    let refused = nowhere.opsc(&["diff"]);
    assert!(refused.code == 10 && refused.stderr.contains("not a git repository"), "{refused:?}");
    let mut without_git = repository.project.command(&["diff"]);
    let refused = super::project::said(without_git.env("PATH", "/nowhere").output().unwrap());
    assert!(refused.code == 10 && refused.stderr.contains("cannot start `git`"), "{refused:?}");

    repository.project.write("playbooks/same.ops", "ops 1\n\nplaybook same( {\n");
    repository.project.write("playbooks/deploy.ops", &OLD.replace("batch: 1", "batch: 2"));
    let broken = repository.diff(&[]);
    assert_eq!(broken.code, 11, "{broken:?}");
    assert!(broken.stderr.contains("--> playbooks/same.ops:3") && broken.stdout.contains("batch: 1 → 2"), "{broken:?}");
    assert!(!broken.stdout.contains("same"), "nothing is said of it: {broken:?}");
    repository.commit("two");
    let broken = repository.diff(&["two..one"]);
    assert!(broken.code == 11 && broken.stderr.contains("--> two:playbooks/same.ops:3"), "{broken:?}");
}

#[test]
fn every_form_says_the_same_and_json_keeps_to_its_schema() {
    let repository = repository();
    let mut outputs = Vec::new();
    for (number, (from, to, expected)) in EDITS.iter().enumerate().step_by(3) {
        repository.project.write("playbooks/deploy.ops", &OLD.replace(from, to));
        let said = repository.diff(&["-o", "json", "-i", "inventory.yaml"]);
        assert_eq!(said.code, 2, "{said:?}");
        let json: Json = serde_json::from_str(&said.stdout).unwrap();
        assert_eq!(json["items"][0]["differences"].as_array().unwrap().len(), expected.len(), "{from}");
        outputs.push((number.to_string(), json));
    }
    repository.project.write("playbooks/deploy.ops", &OLD.replace("message: \"go\"", "message: \"a|b`c\\n# d\""));
    std::fs::remove_file(repository.project.path("playbooks/same.ops")).unwrap();
    repository.project.write("old/moved.ops", "ops 1\n}\n");
    let json = repository.diff(&["-o", "json"]);
    outputs.push(("removed and broken".to_string(), serde_json::from_str(&json.stdout).unwrap()));
    assert_valid("opsc.diff-1", &outputs);
    let markdown = repository.diff(&["-o", "markdown"]).stdout;
    for expected in [
        "## opsc diff `HEAD` → `working tree`\n\n### playbook `deploy` changed in `playbooks/deploy.ops`\n\n| | topic | what | before | after |\n",
        "| ✏️ | approvals | `approve, argument message` | `\"go\"` | ``\"a\\|b`c\\n# d\"`` |\n",
        "### playbook `same` removed in `playbooks/same.ops`\n",
        "**`old/moved.ops` cannot be read at `working tree`**",
    ] {
        assert!(markdown.contains(expected), "{expected}\n{markdown}");
    }
}

#[test]
fn topics_are_what_reviewers_look_for() {
    let repository = repository();
    let topic = |from: &str, to: &str| {
        repository.project.write("playbooks/deploy.ops", &OLD.replace(from, to));
        let json: Json = serde_json::from_str(&repository.diff(&["-o", "json"]).stdout).unwrap();
        json["items"][0]["differences"][0]["topic"].as_str().unwrap_or_else(|| panic!("{from}: {json:#}")).to_string()
    };
    for (from, to, expected) in [
        (") ! change {\n  max", ") ! change, admin {\n  max", "effects"),
        ("on app (", "on all() (", "hosts"),
        ("batch: 1", "batch: 2", "batches"),
        ("max_failures: 1", "max_failures: 2", "batches"),
        ("a.one(p: 1)", "a.eight(p: 1)", "steps"),
        ("a.one(p: 1)", "a.one(p: 5)", "arguments"),
        ("gone: int", "here: int", "parameters"),
        ("env:A", "env:B", "secrets"),
        ("a.three(p: 1", "a.three(p: secret(\"env:C\")", "secrets"),
        ("within: 8h", "within: 1h", "approvals"),
        ("timeout: 60s", "timeout: 61s", "timeouts"),
        ("timeout: 60s", "timeout: 60s\n      as: \"root\"", "users"),
        ("if kept.ok", "if kept.no", "conditions"),
        ("      rollback\n", "", "rollbacks"),
        ("      two\n", "", "scripts"),
    ] {
        assert_eq!(topic(from, to), expected, "{from} → {to}");
    }
}
