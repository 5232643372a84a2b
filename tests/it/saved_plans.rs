//! Plans that are saved, looked at and run later: as they were shown, or not at all; through the binary.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::fs;

use serde_json::Value as Json;

use super::project::{Project, Said};
use super::schemas::assert_valid;

const INVENTORY: &str = "\
groups:
  web: { hosts: [w1, w2], transport: local, os: linux }
";

/// What is written depends on an input, a file, the hosts, and on what a read finds on a host.
const DEPLOY: &str = r#"ops 1

playbook deploy(mode: string = "0640") ! change, exec {
  on group("web") {
    was = shell.run(script: sh"cat ROOT/state 2>/dev/null || echo fresh", effect: "read")
    if was.stdout == "fresh" {
      file.copy(from: file("app.conf"), to: "ROOT/{host.name}.conf", mode: mode)
    }
    shell.run(script: sh"""echo "$h" >> ROOT/done""", vars: { h: host.name }, effect: "change")
  }
}
"#;

fn project() -> Project {
    let project = Project::new();
    project.write("opsc.toml", "");
    project.write("inventory.yaml", INVENTORY);
    project.write("app.conf", "port = 1\n");
    let root = project.path("root");
    fs::create_dir(&root).unwrap();
    project.write("deploy.ops", &DEPLOY.replace("ROOT", root.to_str().unwrap()));
    project
}

#[track_caller]
fn comes_to(project: &Project, line: &str, code: i32) -> Said {
    let said = project.opsc(&line.split_whitespace().collect::<Vec<_>>());
    assert_eq!(said.code, code, "{line}: {said:?}");
    said
}

/// Nothing was begun: no run in the journal, nothing on the hosts.
#[track_caller]
fn nothing_was_run(project: &Project, why: &str) {
    assert!(project.read("root/done").is_none(), "{why}");
    assert_eq!(comes_to(project, "runs", 0).stdout, "", "{why}");
}

#[test]
fn a_saved_plan_is_run_as_it_was_shown_and_only_while_that_holds() {
    let project = project();
    let said = comes_to(&project, "plan deploy.ops -e mode=0600 -l w1 --save out.plan", 0);
    assert!(said.stderr.contains("`opsc run out.plan` runs exactly this"), "{said:?}");
    // Who saved it has agreed, and everything that decides is in it.
    let said = comes_to(&project, "run out.plan", 0);
    assert!(said.stdout.contains("w1 : ok=3 changed=2"), "{said:?}");
    assert_eq!(project.read("root/w1.conf").as_deref(), Some("port = 1\n"));
    assert!(project.read("root/w2.conf").is_none());
    let again = comes_to(&project, "run out.plan", 25);
    assert!(again.stderr.contains("w1 file.copy: `~ will change") && again.stderr.contains("` is `= ok`"), "{again:?}");
    assert_eq!(project.read("root/done").as_deref(), Some("w1\n"));
    // From elsewhere, the project is that of the file.
    let outside = tempfile::tempdir().unwrap();
    let plan = project.path("out.plan");
    let there = project.command(&["run", plan.to_str().unwrap()]).current_dir(outside.path()).output().unwrap();
    assert_eq!(there.status.code(), Some(25), "{}", String::from_utf8_lossy(&there.stderr));
    // What was run by a saved plan is gone on with like any other run.
    comes_to(&project, "rollback 1 -y", 24);
    assert!(project.read("root/w1.conf").is_none());
}

/// What is changed, how, and what is told of it.
type Changed<'a> = (&'a str, &'a dyn Fn(&Project), &'a str);

#[test]
fn whatever_decides_and_changed_stops_it_before_the_first_effect() {
    let changes: [Changed<'_>; 7] = [
        ("a host", &|project| project.write("inventory.yaml", &INVENTORY.replace("w2", "w2, w3")), "+"),
        ("a file", &|project| project.write("app.conf", "port = 2\n"), "a file, an input or the inventory is not"),
        ("the program", &|project| edit(project, "0640", "0644"), "-  mode = "),
        ("a step", &|project| edit(project, "effect: \"change\")", "effect: \"change\") { timeout: 9s }"), "timeout"),
        ("what a read decides", &|project| project.write("root/state", "old"), "w1 file.copy: `~ will change"),
        (
            "what is there",
            &|project| project.write("root/w2.conf", "port = 1\n"),
            "w2 file.copy: `~ will change: exists",
        ),
        (
            "the address",
            &|project| project.write("inventory.yaml", &format!("{INVENTORY}hosts:\n  w1: {{ address: 10.0.0.9 }}\n")),
            "is not what would be run now",
        ),
    ];
    for (what, change, told) in changes {
        let project = project();
        comes_to(&project, "plan deploy.ops --save out.plan", 0);
        change(&project);
        let said = comes_to(&project, "run out.plan -y", 25);
        assert!(said.stderr.contains(told) && said.stderr.contains("hint: nothing was run"), "{what}: {said:?}");
        nothing_was_run(&project, what);
    }
}

fn edit(project: &Project, from: &str, to: &str) {
    let text = project.read("deploy.ops").unwrap();
    assert!(text.contains(from));
    project.write("deploy.ops", &text.replace(from, to));
}

#[test]
fn layout_comments_and_the_place_of_the_project_decide_nothing() {
    let project = project();
    comes_to(&project, "plan deploy.ops --save out.plan", 0);
    edit(&project, "  on group", "  # the web servers\n\n  on   group");
    let elsewhere = tempfile::tempdir().unwrap();
    for name in ["opsc.toml", "inventory.yaml", "app.conf", "deploy.ops", "out.plan"] {
        fs::rename(project.path(name), elsewhere.path().join(name)).unwrap();
    }
    let done = project.command(&["run", "out.plan"]).current_dir(elsewhere.path()).output().unwrap();
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    assert!(project.read("root/done").is_some());
}

#[test]
fn no_byte_of_it_can_be_changed() {
    let project = project();
    comes_to(&project, "plan deploy.ops --save out.plan", 0);
    let bytes = fs::read(project.path("out.plan")).unwrap();
    let seen: Json = serde_json::from_slice(&bytes).unwrap();
    assert_valid("opsc.saved_plan-1", &[("asked".to_string(), seen.clone())]);
    assert_valid("opsc.plan-1", &[("its plan".to_string(), seen["saved"]["plan"].clone())]);
    assert!(bytes.len() > 2_000);
    for at in (0..bytes.len()).step_by(bytes.len() / 60).chain([bytes.len() - 1]) {
        let mut other = bytes.clone();
        other[at] ^= 1;
        fs::write(project.path("out.plan"), &other).unwrap();
        let said = comes_to(&project, "run out.plan -y", 25);
        assert!(said.stderr.contains("is not as it was saved"), "{at}: {said:?}");
    }
    for shorter in [0, 1, bytes.len() / 2, bytes.len() - 1] {
        fs::write(project.path("out.plan"), &bytes[..shorter]).unwrap();
        comes_to(&project, "run out.plan -y", 25);
    }
    nothing_was_run(&project, "a byte");
    fs::write(project.path("out.plan"), &bytes).unwrap();
    comes_to(&project, "run out.plan", 0);
}

#[test]
fn flags_that_would_make_another_plan_are_refused() {
    let project = project();
    comes_to(&project, "plan deploy.ops --save out.plan", 0);
    for flag in [
        "-e mode=0600",
        "-l w1",
        "--tags x",
        "--skip-tags x",
        "--from file.copy",
        "--allow-destroy",
        "-i inventory.yaml",
    ] {
        let said = comes_to(&project, &format!("run out.plan {flag}"), 10);
        assert!(said.stderr.contains("would make another plan of `out.plan`"), "{flag}: {said:?}");
    }
    nothing_was_run(&project, "flags");
    // Looking is no running.
    let said = comes_to(&project, "run out.plan --dry-run", 0);
    assert!(said.stdout.contains("~ will change: exists false"), "{said:?}");
    nothing_was_run(&project, "a dry run");
}

#[test]
fn what_is_no_plan_is_not_written_over_and_what_cannot_be_done_is_not_saved() {
    let project = project();
    let said = comes_to(&project, "plan deploy.ops --save deploy.ops", 10);
    assert!(said.stderr.contains("a saved plan is named `*.plan`"), "{said:?}");
    project.write("notes.plan", "buy milk\n");
    let said = comes_to(&project, "plan deploy.ops --save notes.plan", 10);
    assert!(said.stderr.contains("`notes.plan` exists, and is no saved plan"), "{said:?}");
    assert_eq!(project.read("notes.plan").as_deref(), Some("buy milk\n"));
    comes_to(&project, "plan deploy.ops --save out.plan", 0);
    comes_to(&project, "plan deploy.ops -l w2 --save out.plan", 0);
    fs::create_dir(project.path("folder.plan")).unwrap();
    comes_to(&project, "plan deploy.ops --save folder.plan", 1);
    let left = fs::read_dir(project.folder.path()).unwrap();
    assert!(
        !left.map(|entry| entry.unwrap().file_name().into_string().unwrap()).any(|name| name.ends_with("opsc-new"))
    );
    comes_to(&project, "plan deploy.ops --list-hosts --save out.plan", 10);
    project.write(
        "inventory.yaml",
        "groups:\n  web: { hosts: [w1] }\nhosts:\n  w1: { address: 127.0.0.1, port: 1, os: linux, user: nobody }\n",
    );
    let said = comes_to(&project, "plan deploy.ops --save gone.plan", 20);
    assert!(said.stderr.contains("`gone.plan` is not written"), "{said:?}");
    assert!(project.read("gone.plan").is_none());
    let said = comes_to(&project, "plan deploy.ops --offline --save later.plan", 0);
    assert!(said.stderr.contains("saved, without what the hosts say"), "{said:?}");
}

/// A plan that nobody asked the hosts for is held to what it says, and to nothing else.
#[test]
fn a_plan_saved_offline_is_held_to_the_program_alone() {
    let project = project();
    comes_to(&project, "plan deploy.ops --offline -o json --save out.plan", 0);
    let seen = serde_json::from_str(&project.read("out.plan").unwrap()).unwrap();
    assert_valid("opsc.saved_plan-1", &[("offline".to_string(), seen)]);
    project.write("root/w2.conf", "port = 1\n");
    comes_to(&project, "run out.plan", 0);
    project.write("app.conf", "port = 2\n");
    comes_to(&project, "run out.plan", 25);
}

/// Whom a connection reaches, on which way, and who one is there.
#[test]
fn each_setting_of_a_way_to_a_host_is_part_of_it() {
    let inventory = |web1: &str, hop: &str| {
        let hosts = format!(
            "  web1: {{ os: linux, address: 127.0.0.1, port: 1{web1} }}\n  hop: {{ address: 127.0.0.2{hop} }}\n"
        );
        format!("groups:\n  web: {{ hosts: [web1] }}\nhosts:\n{hosts}")
    };
    let project = Project::new();
    let playbook = r#"playbook p() ! change { on group("web") { file.line(path: "/tmp/x", line: "x") } }"#;
    project.write("p.ops", &format!("ops 1\n\n{playbook}\n"));
    project.write("inventory.yaml", &inventory(", jump: hop", ""));
    comes_to(&project, "plan p.ops --offline --save out.plan", 0);
    let other = [
        (", jump: hop, key: ~/.ssh/other", ""),
        (", jump: hop, known_hosts: other", ""),
        (", jump: hop, host_key: accept-new", ""),
        (", jump: hop, admin: su", ""),
        ("", ""),
        (", jump: hop", ", port: 2222"),
        (", jump: hop", ", key: ~/.ssh/other"),
    ];
    for (web1, hop) in other {
        project.write("inventory.yaml", &inventory(web1, hop));
        let said = comes_to(&project, "run out.plan -y", 25);
        assert!(said.stderr.contains("hint: nothing was run"), "{web1} {hop}: {said:?}");
    }
    // The same again is the same plan: it is run, and nobody is there.
    project.write("inventory.yaml", &inventory(", jump: hop", ""));
    comes_to(&project, "run out.plan -y", 20);
}

#[test]
fn no_secret_is_in_it() {
    let project = project();
    let root = project.path("root");
    let text = "ops 1\n\nplaybook p(word: secret<string> = secret(\"env:OPSC_WORD\")) ! change, exec {\n  on group(\"web\") {\n    shell.run(script: sh\"umask 022; cat > ROOT/word\", stdin: word, effect: \"change\")\n  }\n}\n";
    project.write("secret.ops", &text.replace("ROOT", root.to_str().unwrap()));
    let with_word =
        |arguments: &[&str]| project.command(arguments).env("OPSC_WORD", "canary-in-the-plan").output().unwrap();
    let saved = with_word(&["plan", "secret.ops", "--diff", "--save", "out.plan"]);
    assert!(saved.status.success(), "{}", String::from_utf8_lossy(&saved.stderr));
    let ran = with_word(&["run", "out.plan"]);
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    assert_eq!(project.read("root/word").as_deref(), Some("canary-in-the-plan"));
    assert!(!project.read("out.plan").unwrap().contains("canary"));
}
