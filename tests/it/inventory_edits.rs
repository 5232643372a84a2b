//! `opsc inv set|add|rm` change the lines concerned and no other, and write nothing that could not be loaded;
//! `opsc inv show --explain` says who says what.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::os::unix::fs::PermissionsExt;

use serde_json::Value as Json;

use super::project::Project;

const TEXT: &str = "\
# Who is where.
defaults: { user: deploy, port: 22 }   # for all

tags:
  env: [prod, test]
groups:
  web:
    hosts: [web1, \"app[01:03]\"]  # the front
    tags: { env: prod }
    vars:
      port: 8080   # as in nginx.conf
  db:
    hosts:
      - db1
      # The second one is gone.
      - db3
  linux:
    groups: [web, db]
    os: linux
hosts:
  web1:
    address: 10.0.0.1
    port: 2201  # behind the wall
    tags: { env: test }

  # Do not restart.
  db1: { address: 10.0.0.9, vars: { rack: b4 } }
  bare:
";

fn project(text: &str) -> Project {
    let project = Project::new();
    project.write("inventory.yaml", text);
    project
}

/// The lines that went and came, in order.
fn changed(before: &str, after: &str) -> Vec<String> {
    let diff = similar::TextDiff::from_lines(before, after);
    let lines = diff.iter_all_changes().filter(|change| change.tag() != similar::ChangeTag::Equal);
    lines.map(|change| format!("{}{}", change.tag(), change.to_string().trim_end_matches('\n'))).collect()
}

fn edited(words: &[&str]) -> Vec<String> {
    let project = project(TEXT);
    let said = project.opsc(&[&["inv"], words].concat());
    assert_eq!(said.code, 0, "{words:?}: {}{}", said.stdout, said.stderr);
    let after = project.read("inventory.yaml").unwrap();
    let lines = changed(TEXT, &after);
    // What is shown is what was done.
    lines.iter().for_each(|line| assert!(said.stdout.lines().any(|shown| shown == line), "{line}: {}", said.stdout));
    let listed = project.opsc(&["inv", "ls"]);
    assert_eq!(listed.code, 0, "{after}\n{}", listed.stderr);
    lines
}

#[test]
fn a_change_concerns_its_lines_alone() {
    let cases: &[(&[&str], &[&str])] = &[
        (
            &["set", "web1", "port", "2222"],
            &["-    port: 2201  # behind the wall", "+    port: 2222  # behind the wall"],
        ),
        (&["set", "web1", "user", "root"], &["+    user: root"]),
        (&["set", "web1", "tags.env", "prod"], &["-    tags: { env: test }", "+    tags: { env: prod }"]),
        (&["set", "web1", "vars.a", "x: y"], &["+    vars: { a: \"x: y\" }"]),
        (
            &["set", "db1", "vars.rack", "[1, b]"],
            &[
                "-  db1: { address: 10.0.0.9, vars: { rack: b4 } }",
                "+  db1: { address: 10.0.0.9, vars: { rack: [1, b] } }",
            ],
        ),
        (
            &["set", "db1", "vars.row", "7"],
            &[
                "-  db1: { address: 10.0.0.9, vars: { rack: b4 } }",
                "+  db1: { address: 10.0.0.9, vars: { rack: b4, row: 7 } }",
            ],
        ),
        (
            &["set", "db1", "address", "--unset"],
            &["-  db1: { address: 10.0.0.9, vars: { rack: b4 } }", "+  db1: { vars: { rack: b4 } }"],
        ),
        (&["set", "web1", "port", "--unset"], &["-    port: 2201  # behind the wall"]),
        (&["set", "bare", "key", "~/.ssh/id"], &["-  bare:", "+  bare: { key: ~/.ssh/id }"]),
        // A host that a range names gets an entry of its own.
        (&["set", "app02", "state", "maintenance"], &["+  app02:", "+    state: maintenance"]),
        (
            &["set", "web", "vars.port", "9090"],
            &["-      port: 8080   # as in nginx.conf", "+      port: 9090   # as in nginx.conf"],
        ),
        (&["set", "db", "tags.env", "prod"], &["+    tags: { env: prod }"]),
        (
            &["set", "defaults", "user", "ops"],
            &["-defaults: { user: deploy, port: 22 }   # for all", "+defaults: { user: ops, port: 22 }   # for all"],
        ),
        (
            &["add", "web9", "--address", "10.0.0.19", "-g", "web", "-g", "db", "--tag", "env=test", "--var", "n=1"],
            &[
                "-    hosts: [web1, \"app[01:03]\"]  # the front",
                "+    hosts: [web1, \"app[01:03]\", web9]  # the front",
                "+      - web9",
                "+  web9:",
                "+    address: 10.0.0.19",
                "+    tags: { env: test }",
                "+    vars: { n: 1 }",
            ],
        ),
        (&["add", "cache[1:3]"], &["+  \"cache[1:3]\": {}"]),
        (&["add", "db4", "--group", "db"], &["+      - db4"]),
        (&["rm", "db1"], &["-      - db1", "-  db1: { address: 10.0.0.9, vars: { rack: b4 } }"]),
        (&["rm", "db3", "--group", "db"], &["-      - db3"]),
        (
            &["rm", "web1", "--group", "web"],
            &["-    hosts: [web1, \"app[01:03]\"]  # the front", "+    hosts: [\"app[01:03]\"]  # the front"],
        ),
    ];
    for (words, lines) in cases {
        assert_eq!(edited(words), *lines, "{words:?}");
    }
}

#[test]
fn what_cannot_be_written_is_not() {
    let cases: &[(&[&str], i32, &[&str])] = &[
        (&["set", "web1", "port", "many"], 11, &["E0804", "expected a port", "inventory.yaml:23:"]),
        (&["set", "web1", "prot", "22"], 11, &["E0803", "did you mean `port`"]),
        (&["set", "web1", "tags.env", "prd"], 11, &["E0811", "did you mean `prod`"]),
        (&["set", "wbe1", "port", "22"], 10, &["there is no host or group `wbe1`", "did you mean"]),
        (&["set", "web1", "key", "--unset"], 10, &["`web1` itself does not say `key`", "--explain"]),
        (&["set", "localhost", "jump", "nobody"], 11, &["E0813"]),
        (&["set", "web1", "tls", "caa.pem"], 10, &["`tls` names the file `caa.pem`, which is not there"]),
        (&["add", "x1", "--set", "certificate=x.pem"], 10, &["`certificate` names the file `x.pem`"]),
        (&["add", "web1"], 10, &["`web1` is there already, in inventory.yaml:21"]),
        (&["add", "app02"], 10, &["`app02` is there already, in inventory.yaml:8"]),
        (&["add", "x1", "-g", "wbe"], 10, &["there is no group `wbe`", "did you mean `web`?"]),
        (&["add", "x1", "--set", "port"], 10, &["invalid value 'port'", "expected KEY=VALUE"]),
        (
            &["rm", "app02"],
            10,
            &["`app02` is a part of `app[01:03]` in inventory.yaml:8; a range is not edited in part"],
        ),
        (&["rm", "db1", "-g", "web"], 10, &["the group `web` does not name `db1` itself"]),
        (&["rm", "db1", "-g", "linux"], 10, &["the group `linux` does not name `db1` itself"]),
        (&["rm", "ghost"], 10, &["there is no host `ghost`"]),
        (&["set", "web1", "port", "1", "--file", "opsc.toml"], 10, &["`opsc.toml` is no file of the inventory"]),
    ];
    for (words, code, sentences) in cases {
        let project = project(TEXT);
        let said = project.opsc(&[&["inv"], *words].concat());
        assert_eq!(said.code, *code, "{words:?}: {}", said.stderr);
        sentences.iter().for_each(|part| assert!(said.stderr.contains(part), "{words:?} {part}: {}", said.stderr));
        assert_eq!(project.read("inventory.yaml").unwrap(), TEXT, "{words:?}");
    }
    let said = Project::new().opsc(&["inv", "add", "web1"]);
    assert!(said.code == 10 && said.stderr.contains("there is no inventory: looked for"), "{}", said.stderr);
}

#[test]
fn a_range_is_set_as_a_whole_or_not_at_all() {
    let project = project("hosts:\n  \"n[1:3]\": { port: 22 }\n  gate: {}\n  n9: { jump: gate }\n");
    let said = project.opsc(&["inv", "set", "n2", "port", "23"]);
    let words = "`n2` is a part of `n[1:3]` in inventory.yaml:2; a range is not edited in part";
    assert!(said.code == 10 && said.stderr.contains(words), "{}", said.stderr);
    let said = project.opsc(&["inv", "set", "n[1:3]", "port", "23"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(project.read("inventory.yaml").unwrap().contains("\"n[1:3]\": { port: 23 }"));
    // Another host goes through it.
    let said = project.opsc(&["inv", "rm", "gate"]);
    assert!(said.code == 11 && said.stderr.contains("E0813"), "{}", said.stderr);
}

#[test]
fn a_dry_run_shows_and_writes_nothing_and_rights_and_links_stay() {
    let project = project(TEXT);
    let said = project.opsc(&["inv", "set", "web1", "port", "2222", "--dry-run"]);
    assert!(said.code == 0 && said.stdout.contains("+    port: 2222"), "{}", said.stdout);
    assert!(said.stderr.contains("nothing was written"), "{}", said.stderr);
    assert_eq!(project.read("inventory.yaml").unwrap(), TEXT);

    std::fs::rename(project.path("inventory.yaml"), project.path("real.yaml")).unwrap();
    std::os::unix::fs::symlink("real.yaml", project.path("inventory.yaml")).unwrap();
    std::fs::set_permissions(project.path("real.yaml"), std::fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(project.opsc(&["inv", "set", "web1", "port", "2222"]).code, 0);
    assert!(project.read("real.yaml").unwrap().contains("port: 2222"));
    assert!(std::fs::symlink_metadata(project.path("inventory.yaml")).unwrap().is_symlink());
    assert_eq!(std::fs::metadata(project.path("real.yaml")).unwrap().permissions().mode() & 0o777, 0o600);
    let left = std::fs::read_dir(project.folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(left.into_iter().all(|name| !name.to_string_lossy().contains("opsc-new")));

    let said = project.opsc(&["inv", "set", "web1", "port", "2222"]);
    assert_eq!((said.code, said.stdout.as_str(), said.stderr.as_str()), (0, "", "nothing to change\n"));
}

#[test]
fn of_several_files_the_one_that_has_it_is_changed() {
    let project = Project::new();
    project.write("inventory/a.yaml", "hosts:\n  a1: { port: 22 }\n");
    project.write("inventory/b.yaml", "hosts:\n  b1: {}\n");
    project.write("inventory/c.yaml", "groups:\n  both: { hosts: [a1, c1] }\n");
    let said = project.opsc(&["inv", "set", "b1", "port", "23"]);
    assert_eq!((said.code, said.stderr.as_str()), (0, "wrote inventory/b.yaml\n"));
    assert_eq!(project.read("inventory/b.yaml").unwrap(), "hosts:\n  b1: { port: 23 }\n");
    // Named in one file only.
    assert_eq!(project.opsc(&["inv", "set", "c1", "port", "24"]).code, 0);
    assert_eq!(
        project.read("inventory/c.yaml").unwrap(),
        "groups:\n  both: { hosts: [a1, c1] }\nhosts:\n  c1: { port: 24 }\n"
    );
    let said = project.opsc(&["inv", "add", "d1", "-g", "both", "--address", "d.example"]);
    assert_eq!(said.code, 10);
    let several = "several files could have d1: inventory/a.yaml, inventory/b.yaml, inventory/c.yaml";
    assert!(said.stderr.contains(several) && said.stderr.contains("--file FILE"), "{}", said.stderr);
    assert!(!project.read("inventory/c.yaml").unwrap().contains("d1"));
    let said =
        project.opsc(&["inv", "add", "d1", "-g", "both", "--address", "d.example", "--file", "inventory/a.yaml"]);
    assert_eq!((said.code, said.stderr.as_str()), (0, "wrote inventory/a.yaml\nwrote inventory/c.yaml\n"));
    assert!(project.opsc(&["inv", "show", "d1"]).stdout.contains("address: d.example\n"));
    project.write("inventory/d.yaml", "groups:\n  d1: { hosts: [a1] }\n");
    let said = project.opsc(&["inv", "set", "d1", "port", "25"]);
    assert!(said.code == 10 && said.stderr.contains("`d1` is a host and a group"), "{}", said.stderr);
    assert_eq!(project.opsc(&["inv", "set", "d1", "port", "25", "--of", "group"]).code, 0);
    assert_eq!(project.read("inventory/d.yaml").unwrap(), "groups:\n  d1: { hosts: [a1], port: 25 }\n");
}

#[test]
fn defaults_do_not_turn_this_machine_into_another() {
    let windows = "transport: winrm, os: windows, user: admin";
    let behind =
        "user: deploy, port: 2222, lane: exec, admin: su, jump: gate, password: \"file:pass\", state: maintenance";
    for said in [windows, behind] {
        let data = "tags: { env: prod }, vars: { rack: 3 }";
        let project =
            project(&format!("defaults: {{ {said}, {data} }}\nhosts: {{ far: {{ address: 10.0.0.1 }}, gate: }}\n"));
        let shown = |name: &str| project.opsc(&["inv", "show", name, "--explain"]).stdout;
        let of_defaults = |told: &str| told.lines().filter(|line| line.contains("(defaults, ")).count();
        let here = shown("localhost");
        for line in
            ["os: linux (", "transport: local (", "user: root (", "admin: sudo (", "state: active (", "vars.rack: 3 ("]
        {
            assert!(here.contains(&format!("\n{line}")), "{line}\n{here}");
        }
        assert_eq!((of_defaults(&here), of_defaults(&shown("far"))), (2, said.matches(": ").count() + 2), "{here}");
        let brief = project.opsc(&["inv", "show", "localhost"]).stdout;
        let expected = "name: localhost\naddress: 127.0.0.1\nos: linux\nstate: active\ngroups: \ntransport: local\nport: none\nuser: the caller's\nadmin: sudo\ntags.env: \"prod\"\nvars.rack: 3";
        assert_eq!(brief.trim_end(), expected);
        let run = project.opsc(&["exec", "-l", "localhost", "-y", "--", "echo here"]);
        assert!(run.code == 0 && run.stdout.contains("here\n"), "{run:?}");
    }
}

#[test]
fn every_setting_says_where_it_comes_from() {
    let project = project(TEXT);
    project.write("opsc.toml", "private_key = \"keys/id\"\n");
    project.write("ssh", "Host 10.0.0.1\n  ConnectTimeout 7\n  Port 99\n  AddressFamily inet\n");
    let ssh = project.path("ssh").display().to_string();
    let said = project.opsc(&["inv", "show", "web1", "--explain", "-u", "root", "--ssh-config", &ssh]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    let toml = project.path("opsc.toml").canonicalize().unwrap();
    let key = project.path("keys/id").display().to_string();
    let told: Vec<&str> = said.stdout.lines().collect();
    for line in [
        "groups: linux, web",
        "address: 10.0.0.1 (host, inventory.yaml:22)",
        "os: linux (group linux, inventory.yaml:19)",
        "transport: ssh (built-in default)",
        "port: 2201 (host, inventory.yaml:23)\n  not 22 (defaults, inventory.yaml:2)",
        "user: root (command line)\n  not deploy (defaults, inventory.yaml:2)",
        "admin: sudo (built-in default)",
        &format!("connect_timeout: 7 (ssh, {ssh}:2)"),
        &format!("ssh.addressfamily: inet (ssh, {ssh}:4)"),
        "tags.env: \"test\" (host, inventory.yaml:24)\n  not \"prod\" (group web, inventory.yaml:9)",
        "vars.port: 8080 (group web, inventory.yaml:11)",
    ] {
        assert!(told.join("\n").contains(line), "{line}\n{}", said.stdout);
    }
    assert!(
        said.stdout.contains("key: ") && said.stdout.contains(&format!("(setting, {}:1)", toml.display())),
        "{key}\n{}",
        said.stdout
    );

    let said = project.opsc(&["inv", "show", "web1", "-o", "json"]);
    let json: Json = serde_json::from_str(&said.stdout).unwrap();
    let setting =
        |key: &str| json["settings"].as_array().unwrap().iter().find(|each| each["key"] == key).cloned().unwrap();
    assert_eq!((&json["host"], &json["groups"][1]), (&Json::from("web1"), &Json::from("web")));
    assert_eq!(
        setting("port").to_string(),
        r#"{"key":"port","value":2201,"from":{"level":"host","group":null,"place":"inventory.yaml:23"},"over":[{"value":22,"from":{"level":"defaults","group":null,"place":"inventory.yaml:2"}}]}"#
    );
    assert_eq!(setting("tags.env")["over"][0]["from"]["group"], "web");
    assert_eq!(setting("state")["from"]["level"], "built_in");
}
