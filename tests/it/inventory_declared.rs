//! Variables that an inventory declares: which there are, of which types, at every level; through the binary.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::project::{Project, Said};

const DECLARED: &str = "\
tags: { env: [prod, test], rack: }
vars:
  port: int(1..65535)
  drain: duration
  tier: [gold, silver]
  mounts: list<path>(1..)
  labels: map<string(/[a-z]+/), int>
  site: { url: url, retries: int(0..9) }
  home: path
  note:
";

fn project(rest: &str) -> Project {
    let project = Project::new();
    project.write("inventory.yaml", &format!("{DECLARED}{rest}"));
    project
}

fn opsc(project: &Project, line: &str) -> Said {
    project.opsc(&line.split_whitespace().collect::<Vec<_>>())
}

/// What is said of variables set at one place, wherever that is.
#[track_caller]
fn refused(vars: &str, code: &str, words: &str) {
    for level in [
        format!("defaults: {{ vars: {vars} }}\nhosts: {{ a: }}\n"),
        format!("groups:\n  g: {{ hosts: [a], vars: {vars} }}\n"),
        format!("hosts:\n  \"a[1:3]\": {{ vars: {vars} }}\n"),
        // What is said over is wrong all the same.
        format!("groups:\n  g: {{ hosts: [a], vars: {vars} }}\nhosts:\n  a: {{ vars: {{ port: 1, note: 1 }} }}\n"),
    ] {
        let said = opsc(&project(&level), "inv ls");
        assert_eq!(said.code, 11, "{level}: {said:?}");
        assert!(said.stderr.contains(&format!("error[{code}]")) && said.stderr.contains(words), "{level}: {said:?}");
        // One mistake, however many hosts have it.
        assert_eq!(said.stderr.matches("error[").count(), 1, "{level}: {said:?}");
    }
}

#[test]
fn what_is_not_declared_or_does_not_fit_is_named_at_every_level() {
    refused("{ prot: 80 }", "E0815", "the variable `prot` is not declared");
    refused("{ prot: 80 }", "E0815", "did you mean `port`?");
    refused("{ zebra: 80 }", "E0815", "declared: port, drain, tier, mounts, labels, site, home and note");
    refused("{ port: 0 }", "E0816", "`port` does not fit: expected 1..65535, found 0");
    refused("{ port: http }", "E0816", "`port` does not fit: ");
    refused("{ port: [80] }", "E0816", "`port` does not fit: ");
    refused("{ port: 0 }", "E0816", "its type is declared here");
    refused("{ drain: 5 }", "E0816", "`drain` does not fit: expected duration, found ");
    refused("{ drain: soon }", "E0816", "`drain` does not fit: ");
    refused("{ tier: bronze }", "E0816", "`tier` does not fit: expected \"gold\" or \"silver\", found");
    refused("{ mounts: [] }", "E0816", "`mounts` does not fit: expected 1.. items, found 0");
    refused("{ mounts: [srv] }", "E0816", "expected an absolute path, found `srv`");
    refused("{ labels: { A: 1 } }", "E0816", "the key `A`: expected text like /[a-z]+/");
    refused(
        "{ site: { url: \"https://a\", retires: 1 } }",
        "E0816",
        "there is no field `retires`; did you mean `retries`?",
    );
    refused("{ site: { url: \"https://a\" } }", "E0816", "the field `retries` is missing");
}

#[test]
fn what_fits_has_the_type_declared() {
    let vars = "{ port: 80, drain: 90s, tier: gold, mounts: [/srv, /var], labels: { a: 1 }, note: [1, x], home: /srv, \
                site: { url: \"https://a.example\", retries: 3 } }";
    let project =
        project(&format!("groups:\n  web: {{ hosts: [w1, w2], transport: local, os: linux, vars: {vars} }}\n"));
    let said = opsc(&project, "inv show w1");
    assert!(said.stdout.contains("vars.drain: 1m30s\n") && said.stdout.contains("vars.note: [1, \"x\"]\n"), "{said:?}");
    // A duration, a number and a path are what parameters and operators take; undeclared, some were texts.
    let program = "ops 1\n\nplaybook p() ! read {\n  on group(\"web\") {\n    \
                   require host.vars.drain > 1m else \"short\"\n    \
                   require host.vars.site.retries < 4 else \"many\"\n    \
                   file.info(path: host.vars.home)\n  }\n}\n";
    project.write("p.ops", program);
    assert_eq!(opsc(&project, "check p.ops").code, 0, "{:?}", opsc(&project, "check p.ops"));
    let ran = opsc(&project, "run p.ops -y");
    assert_eq!(ran.code, 0, "{ran:?}");
    let undeclared = project.read("inventory.yaml").unwrap().replace(DECLARED, "");
    project.write("inventory.yaml", &undeclared);
    assert_eq!(opsc(&project, "check p.ops").code, 11);
}

#[test]
fn what_a_host_lacks_is_optional_and_what_is_not_declared_is_unknown() {
    let project = project(
        "groups:\n  web: { hosts: [w1, w2], transport: local, os: linux }\nhosts:\n  w1: { vars: { port: 80 } }\n",
    );
    let program = |port: &str| {
        format!("ops 1\n\nplaybook p() ! read {{\n  on group(\"web\") {{\n    wait.port(port: {port})\n  }}\n}}\n")
    };
    for (port, code, words) in [
        ("host.vars.port", 11, "expected int(1..65535), found a value that may be absent"),
        ("host.vars.port ?? 80", 0, ""),
        // No host has it, and it is declared all the same.
        ("host.vars.site.retries ?? 80", 0, ""),
        ("host.vars.prot ?? 80", 11, "did you mean `port`?"),
        ("host.vars.drian ?? 80", 11, "did you mean `drain`?"),
    ] {
        project.write("p.ops", &program(port));
        let said = opsc(&project, "check p.ops");
        assert_eq!(said.code, code, "{port}: {said:?}");
        assert!(said.stderr.contains(words), "{port}: {said:?}");
    }
    let program = "ops 1\n\nplaybook p() ! read {\n  on group(\"web\") {\n    require (host.vars.drain ?? 2m) > 1m else \"short\"\n  }\n}\n";
    project.write("p.ops", program);
    let said = opsc(&project, "run p.ops -y");
    assert_eq!(said.code, 0, "{said:?}");
}

#[test]
fn edits_sources_and_further_files_are_held_to_what_is_declared() {
    let project = project("hosts: { a: }\n");
    let said = opsc(&project, "inv set a vars.port 70000");
    assert!(said.code == 11 && said.stderr.contains("E0816"), "{said:?}");
    let said = opsc(&project, "inv set a vars.prot 7");
    assert!(said.code == 11 && said.stderr.contains("E0815"), "{said:?}");
    assert_eq!(opsc(&project, "inv set a vars.port 7").code, 0);
    project.write("opsc.toml", "[sources.cloud]\ncommand = [\"cat\", \"hosts.json\"]\nmax_age = 0\n");
    project.write("hosts.json", r#"[{ "name": "c1", "vars": { "port": 0 } }]"#);
    let said = opsc(&project, "inv ls");
    assert!(said.code == 11 && said.stderr.contains("E0816") && said.stderr.contains("<source cloud>:"), "{said:?}");
    project.write("hosts.json", r#"[{ "name": "c1", "tags": { "evn": "prod" } }]"#);
    let said = opsc(&project, "inv ls");
    assert!(said.code == 11 && said.stderr.contains("E0810"), "{said:?}");
    project.write("hosts.json", r#"[{ "name": "c1", "tags": { "env": "prod" }, "vars": { "drain": "5s" } }]"#);
    assert!(opsc(&project, "inv show c1").stdout.contains("vars.drain: 5s\n"));
    project.write("opsc.toml", "");
    project.write("more.yaml", "vars: { port: int }\n");
    let said = opsc(&project, "inv ls -i inventory.yaml -i more.yaml");
    assert!(
        said.code == 11 && said.stderr.contains("E0805") && said.stderr.contains("`port` stands twice"),
        "{said:?}"
    );
    project.write("more.yaml", "vars: { zone: [a, b] }\nhosts:\n  b: { vars: { zone: c } }\n");
    let said = opsc(&project, "inv ls -i inventory.yaml -i more.yaml");
    assert!(said.code == 11 && said.stderr.contains("E0816"), "{said:?}");
}
