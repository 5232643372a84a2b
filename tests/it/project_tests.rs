//! `opsc test`: golden plans, expected findings, and runs in which hosts answer as a test says. No host is touched, and
//! what never happened says so wherever it is shown.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::net::TcpListener;

use serde_json::Value as Json;

use super::examples::example;
use super::project::{Project, Said};
use super::schemas::assert_valid;

const RESTART: &str = r#"ops 1

playbook restart(
  web: hosts<linux> = group("web"),
  service: string = "nginx",
) ! change, admin, network {
  on web (batch: 1) {
    found = service.status(name: service)
    require found.exists else "there is no {service}"
    if found.running {
      service.restart(name: service)
    }
    http.check(url: "http://127.0.0.1:PORT/", status: 200) {
      retry: 5
      every: 2s
    }

    on failure {
      rollback
    }
  }
}
"#;

const FLEET: &str = r#"ops 1

playbook reboot(
  web: hosts<linux> = group("web"),
  token: secret<string> = secret("env:NO_SUCH_TOKEN"),
) ! destroy, admin, network, exec {
  on web {
    system = os.facts()
    if system.distribution == "ubuntu" {
      package.ensure(names: ["snapd"])
    }
    once = shell.run(script: sh"cat", effect: "destroy", stdin: token)
    if once.stdout == "again" {
      file.write(to: "/srv/again", content: "again")
    }
    os.reboot()
    written = file.write(to: "/srv/done", content: "done")
    if written.changed {
      shell.run(script: sh"true", effect: "change") {
        ok: it.code in [0, 3]
      }
    }
  }
}
"#;

/// All tests of a file have these hosts.
pub(super) const HEAD: &str = "inventory:\n  groups:\n    web:\n      hosts: [web1, web2, web3]\n      os: linux\n";

pub(super) fn project() -> Project {
    let project = Project::new();
    project.write("playbooks/restart.ops", &RESTART.replace("PORT", "1"));
    project.write("playbooks/reboot.ops", FLEET);
    project
}

/// The one test of a file, whose playbook runs nginx everywhere.
pub(super) fn restart(steps: &str, expect: &str) -> String {
    let always = "  - { step: found, result: { exists: true, running: true } }\n";
    format!("{HEAD}file: playbooks/restart.ops\nsteps:\n{steps}{always}expect: {expect}\n")
}

pub(super) fn test(project: &Project, text: &str) -> Said {
    project.write("tests/a.test.yaml", text);
    project.opsc(&["test"])
}

/// What the one test says on standard output, where it ends with this code.
fn told(text: &str, code: i32) -> String {
    let said = test(&project(), text);
    assert_eq!(said.code, code, "{text}\n{said:?}");
    said.stdout
}

#[test]
fn hosts_that_behave_are_all_done_at_once() {
    let shown = told(&restart("", "{ exit: 0, hosts: { web1: ok, web3: ok }, within: 0s, never: [require] }"), 0);
    assert_eq!(shown, "ok     tests/a.test.yaml: a (SIMULATED: exit 0, 0s of simulated time)\n");
}

#[test]
fn what_hosts_answer_decides_what_the_engine_does() {
    for (steps, expect) in [
        // A guard that is not true, and a requirement that does not hold.
        (
            "  - { step: found, host: web2, result: { exists: true, running: false } }\n",
            "{ exit: 0, never: [{ step: service.restart, host: web2 }], steps: [{ step: service.restart, host: web2, outcome: skipped }] }",
        ),
        (
            "  - { step: found, host: web2, result: { exists: false, running: false } }\n",
            "{ exit: 22, hosts: { web1: ok, web2: failed, web3: not_run }, steps: [{ step: require, host: web2 }] }",
        ),
        // Failures: the script's own, after the last attempt, and in the way back.
        (
            "  - { step: service.restart, host: web1, exit: 5, stderr: no such unit }\n",
            "{ exit: 23, hosts: { web1: rolled_back, web2: not_run } }",
        ),
        (
            "  - { step: http.check, host: web3, outcome: failed }\n",
            "{ exit: 23, hosts: { web2: ok, web3: rolled_back }, within: 10s }",
        ),
        (
            "  - { step: http.check, attempts: 5, exit: 1, takes: 10s }\n",
            "{ exit: 0, hosts: { web3: ok }, within: 3m }",
        ),
        (
            "  - { step: service.restart, phase: rollback, exit: 3 }\n  - { step: http.check, outcome: failed }\n",
            "{ exit: 24, hosts: { web1: dirty, web2: not_run } }",
        ),
        (
            "  - { step: service.restart, phase: rollback, fault: disconnect }\n  - { step: http.check, outcome: failed }\n",
            "{ exit: 24, hosts: { web1: dirty, web2: not_run } }",
        ),
        // Faults.
        (
            "  - { step: service.restart, host: web?, fault: disconnect }\n",
            "{ exit: 22, hosts: { web1: unreachable, web2: not_run } }",
        ),
        ("  - { step: service.restart, fault: timeout }\n", "{ exit: 27, hosts: { web1: rolled_back }, within: 6m }"),
        ("  - { step: service.restart, takes: 1h }\n", "{ exit: 27, hosts: { web1: rolled_back } }"),
        ("  - { step: service.restart, takes: 4m }\n", "{ exit: 0, within: 12m }"),
        ("  - { step: found, fault: reboot }\n", "{ exit: 22, hosts: { web1: unreachable } }"),
        // What happens first stands first.
        (
            "",
            "{ steps: [{ step: http.check, host: web1 }, { step: found, host: web2 }, { step: service.restart, host: web3, outcome: changed }] }",
        ),
    ] {
        told(&restart(steps, expect), 0);
    }
}

#[test]
fn what_is_not_as_expected_fails_with_its_line() {
    for (expect, message) in [
        ("{ exit: 21 }", ":9: expected exit 21, found 0 (done)\n"),
        ("{ hosts: { web1: failed } }", ":9: web1: expected failed, found ok\n"),
        ("{ hosts: { web1: ok, \"web*\": not_run } }", ":9: web2: expected not_run, found ok\n"),
        ("{ hosts: { \"*\": failed } }", ":9: web3: expected failed, found ok\n"),
        ("{ hosts: { localhost: ok } }", ":9: localhost: expected ok, found not_run\n"),
        ("{ never: [{ step: http.check, host: web3 }] }", ":9: expected never, found `http.check` on web3: ok\n"),
        (
            "{ steps: [{ step: found, host: web2 }, { step: found, host: web1 }] }",
            ":9: expected `found` on web1 after `found` on web2, and it never came\n        what came, in order:\n        web1 found: ok\n",
        ),
        ("{ steps: [{ step: found, outcome: failed }] }", ":9: expected `found` (failed), and it never came\n"),
        ("{ diagnostics: [{ code: E0301, line: 4 }] }", ":9: expected E0301 in line 4, and check does not report it\n"),
        ("{ plan: a.plan }", ":9: there is no `tests/a.plan` yet; `--accept` writes it\n"),
    ] {
        let shown = told(&restart("", expect), 1);
        assert!(shown.starts_with("FAILED tests/a.test.yaml: a"), "{shown}");
        assert!(shown.contains(&format!("\n    tests/a.test.yaml{message}")), "{expect}: {shown}");
    }
    let late = told(&restart("  - { step: service.restart, takes: 2m }\n", "{ within: 5m }"), 1);
    assert!(late.contains("expected an end within 5m, found 6m\n"), "{late}");
}

#[test]
fn what_a_playbook_reads_must_be_said() {
    let shown = told(&restart("  - { step: found, host: web2, result: { exists: true } }\n", "{ exit: 0 }"), 1);
    assert!(shown.contains("the playbook reads `running` of `found` on web2, which the test does not say"), "{shown}");
    assert!(shown.contains("- { step: found, host: web2, result: { running: … } }"), "{shown}");
}

#[test]
fn hosts_are_what_their_facts_say_and_come_back_when_the_test_says() {
    let text = |steps: &str, more: &str, expect: &str| {
        let said = "  - { step: once, stdout: ok }\n";
        format!("{HEAD}file: playbooks/reboot.ops\nallow: [destroy]\n{more}steps:\n{steps}{said}expect: {expect}\n")
    };
    let ubuntu = "facts: { web2: { distribution: ubuntu } }\n";
    for (steps, more, expect) in [
        ("", "", "{ exit: 0, never: [package.ensure, file.write] }"),
        (
            "",
            ubuntu,
            "{ exit: 0, steps: [{ step: package.ensure, host: web2, outcome: changed }], never: [{ step: package.ensure, host: web1 }] }",
        ),
        (
            "  - { step: once, host: web1, stdout: again }\n",
            "",
            "{ steps: [{ step: file.write, host: web1, outcome: changed }], never: [{ step: file.write, host: web2 }] }",
        ),
        ("  - { step: written, outcome: ok }\n", "", "{ exit: 0, never: [{ step: shell.run }] }"),
        ("  - { step: shell.run, exit: 3 }\n", "", "{ exit: 0 }"),
        ("  - { step: shell.run, host: web1, exit: 4 }\n", "", "{ exit: 21, hosts: { web1: failed, web2: ok } }"),
        ("", "unreachable: [web3]\n", "{ exit: 20, hosts: { web1: ok, web3: unreachable } }"),
        ("  - { step: os.reboot, back: 5m }\n", "", "{ exit: 0, within: 7m, hosts: { web1: ok } }"),
        ("  - { step: os.reboot, host: web1, back: never }\n", "", "{ hosts: { web1: unreachable, web2: ok } }"),
        ("", "limit: web1\n", "{ exit: 0, hosts: { web1: ok, web2: not_run } }"),
        ("", "unreachable: [web1]\nlimit: web2\n", "{ exit: 0 }"),
    ] {
        let said = test(&project(), &text(steps, more, expect));
        // Hosts of one batch have all begun before one of them fails: the threshold keeps nobody from it.
        assert_eq!(said.code, 0, "{steps}{more}{expect}\n{said:?}");
    }
}

#[test]
fn a_refusal_is_expected_by_its_exit_code() {
    let text = |expect: &str, more: &str| format!("{HEAD}file: playbooks/reboot.ops\n{more}expect: {expect}\n");
    told(&text("{ exit: 12 }", "playbook: reboot\n"), 0);
    let shown = told(&text("{ exit: 0 }", ""), 1);
    assert!(shown.contains("there is no plan (exit 12)"), "{shown}");
    told(&text("{ exit: 13 }", "limit: web9\n"), 0);
}

#[test]
fn findings_are_all_expected_or_none() {
    let project = Project::new();
    project.write("wrong.ops", "ops 1\n\nplaybook wrong(web: hosts<linux> = group(\"wbe\")) ! change {\n  on web {\n    file.write(to: \"x\", content: \"y\")\n  }\n}\n");
    let text = |findings: &str| format!("{HEAD}file: wrong.ops\nexpect: {{ diagnostics: [{findings}] }}\n");
    let both = "{ code: E0501, line: 3 }, { code: E0303, line: 5 }";
    let exact = test(&project, &text(both));
    assert_eq!((exact.code, exact.stdout.as_str()), (0, "ok     tests/a.test.yaml: a\n"), "{exact:?}");
    let less = test(&project, &text("{ code: E0501, line: 3 }"));
    assert_eq!(less.code, 1);
    assert!(less.stdout.contains("check reports E0303 in line 5, which is not expected: "), "{less:?}");
    let more = test(&project, &text(&format!("{both}, {{ code: E0501, line: 4 }}")));
    assert!(more.code == 1 && more.stdout.contains("expected E0501 in line 4, and check does not"), "{more:?}");
}

#[test]
fn a_golden_plan_is_accepted_and_then_kept() {
    let project = project();
    let text = restart("", "{ plan: a.plan }").replace("\nexpect", "\nname: golden\nexpect");
    project.write("tests/a.test.yaml", &text);
    assert_eq!(project.opsc(&["test"]).code, 1);
    assert!(project.read("tests/a.plan").is_none(), "nothing is written unless somebody says so");
    let accepted = project.opsc(&["test", "--accept"]);
    assert_eq!((accepted.code, accepted.stdout.as_str()), (0, "ok     tests/a.test.yaml: golden\n"), "{accepted:?}");
    assert!(accepted.stderr.starts_with("wrote tests/a.plan\n"), "{accepted:?}");
    let golden = project.read("tests/a.plan").unwrap();
    assert!(golden.starts_with("plan restart: 3 hosts, "), "{golden}");
    assert_eq!(project.opsc(&["test"]).code, 0);
    project.write("playbooks/restart.ops", &RESTART.replace("PORT", "1").replace("every: 2s", "every: 3s"));
    let changed = project.opsc(&["test", "tests/a.test.yaml"]);
    assert_eq!(changed.code, 1, "{changed:?}");
    assert!(changed.stdout.contains("        --- tests/a.plan\n        +++ now\n"), "{changed:?}");
    assert_eq!(project.read("tests/a.plan").unwrap(), golden);
    project.write("tests/a.test.yaml", &text.replace("a.plan", "a.json"));
    assert_eq!(project.opsc(&["test", "--accept"]).code, 0);
    let json: Json = serde_json::from_str(&project.read("tests/a.json").unwrap()).unwrap();
    assert_valid("opsc.plan-1", &[("golden".to_string(), json)]);
}

#[test]
fn no_host_is_asked_and_nothing_is_left_behind() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let project = Project::new();
    let port = listener.local_addr().unwrap().port().to_string();
    project.write("playbooks/restart.ops", &RESTART.replace("PORT", &port));
    let local = restart("", "{ exit: 0 }").replace("os: linux", "os: linux\n      transport: local");
    let said = test(&project, &local);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(listener.accept().is_err(), "somebody asked the url");
    assert!(!project.path(".opsc").exists() && !project.path("home/.local").exists());
}

#[test]
fn what_never_happened_says_so_wherever_it_is_shown() {
    let project = project();
    project.write("tests/a.test.yaml", &restart("  - { step: http.check, outcome: failed }\n", "{ exit: 0 }"));
    let shown = project.opsc(&["test", "-v"]).stdout;
    let story: Vec<&str> = shown.lines().skip(2).collect();
    assert!(story.len() > 8 && story.iter().all(|line| line.starts_with("    SIMULATED ")), "{shown}");
    let json: Json = serde_json::from_str(&project.opsc(&["test", "-o", "json"]).stdout).unwrap();
    assert_valid("opsc.test-1", &[("failed".to_string(), json.clone())]);
    let run = &json["tests"][0]["run"];
    let events = run["events"].as_array().unwrap();
    assert!(events.len() > 10 && events.iter().all(|event| event["simulated"] == true), "{run}");
    let named: Vec<(String, Json)> = events.iter().map(|event| (event["seq"].to_string(), event.clone())).collect();
    assert_valid("opsc.event-1", &named);
    assert_eq!((events[0]["time"].as_u64(), run["elapsed_ms"].as_u64()), (Some(0), Some(10_000)));
    let junit = project.opsc(&["test", "-o", "junit"]);
    assert_eq!(junit.code, 1);
    assert!(
        junit.stdout.contains("<testsuite name=\"tests/a.test.yaml\" tests=\"1\" failures=\"1\" errors=\"0\">"),
        "{junit:?}"
    );
    assert!(
        junit.stdout.contains("<failure type=\"expectation\" message=\"expected exit 0, found 23 (rolled_back)\">")
    );
    let (_, told) = junit.stdout.split_once("<system-out>").unwrap();
    let told = told.split_once("</system-out>").unwrap().0;
    assert!(told.split("&#10;").all(|line| line.is_empty() || line.starts_with("SIMULATED ")), "{told}");
}

/// Five hosts at a time, each in its turn, one of which is tried again, with a wait.
#[test]
fn a_simulated_run_is_the_same_every_time() {
    const IN_TURN: &str =
        "{ exit: 0, steps: [{ step: found, host: web1 }, { step: found, host: web2 }, { step: found, host: web5 }] }";
    let project = project();
    project.write("playbooks/restart.ops", &RESTART.replace("PORT", "1").replace("batch: 1", "batch: 5"));
    let text = restart("  - { step: http.check, host: web2, attempts: 2, exit: 1 }\n", IN_TURN);
    project.write("tests/a.test.yaml", &text.replace("[web1, web2, web3]", "[\"web[1:9]\"]"));
    let once = || project.opsc(&["test", "-o", "json"]);
    let first = once();
    assert_eq!(first.code, 0, "{first:?}");
    for round in 0..20 {
        let again = once();
        assert!(again.stdout == first.stdout, "round {round}\n{}\n{}", first.stdout, again.stdout);
    }
}

/// The engine is the shipped one: a run on this machine and its simulation tell the same story.
#[test]
fn a_simulated_run_tells_what_a_real_one_does() {
    let project = Project::new();
    let folder = project.path("made").display().to_string();
    let playbook = format!(
        "ops 1\n\nplaybook both(web: hosts<linux> = group(\"web\")) ! change, exec {{\n  on web (batch: [1, 2]) {{\n    file.directory(path: \"{folder}/{{host.name}}\")\n    file.write(to: \"{folder}/{{host.name}}/a\", content: \"a\")\n    bad = shell.run(script: sh\"test \\\"$name\\\" != w2\", effect: \"read\", vars: {{ name: host.name }}) {{\n      retry: 1\n      every: 100ms\n    }}\n    if bad.code == 0 {{\n      shell.run(script: sh\"true\", effect: \"change\", undo: sh\"true\")\n    }}\n\n    on failure {{\n      rollback\n    }}\n  }}\n}}\n"
    );
    project.write("both.ops", &playbook);
    let inventory = "groups:\n  web:\n    hosts: [w1, w2, w3, w4]\n    os: linux\n    transport: local\n";
    project.write("inventory.yaml", inventory);
    std::fs::create_dir_all(project.path("made")).unwrap();
    let real = project.opsc(&["run", "both.ops", "-y", "-o", "ndjson", "-f", "1"]);
    project.write("opsc.toml", "forks = 1\n");
    let answers = "steps:\n  - { step: bad, host: w2, exit: 1 }\n";
    project.write("tests/a.test.yaml", &format!("file: both.ops\n{answers}expect: {{ exit: {} }}\n", real.code));
    let simulated = project.opsc(&["test", "-o", "json"]);
    assert_eq!(simulated.code, 0, "{real:?}\n{simulated:?}");
    let json: Json = serde_json::from_str(&simulated.stdout).unwrap();
    let events = json["tests"][0]["run"]["events"].as_array().unwrap().clone();
    let heard: Vec<Json> = real.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(heard.len() > 20, "{real:?}");
    assert_eq!(story(&events), story(&heard));
}

/// Kinds with blocks, hosts, steps and outcomes, in order.
fn story(events: &[Json]) -> Vec<String> {
    let told = events.iter().filter(|event| event["kind"] != "step.output");
    let text = |event: &Json, key: &str| event[key].as_str().unwrap_or_default().to_string();
    told.map(|event| ["kind", "block", "host", "step", "outcome", "status"].map(|key| text(event, key)).join(" "))
        .collect()
}

#[test]
fn the_tests_of_the_example_pass() {
    let project = example("fleet");
    let said = project.opsc(&["test"]);
    assert_eq!((said.code, said.stderr.as_str()), (0, "5 tests: 5 passed, 0 failed\n"), "{said:?}");
}

/// This machine under three names, of which two may be lost.
fn real_hosts() -> Project {
    let project = Project::new();
    project.write(
        "inventory.yaml",
        "groups:\n  web: { hosts: [w1, w2], os: linux, transport: local, tags: { throwaway: true } }\n  prod: { hosts: [p1], os: linux, transport: local }\n",
    );
    std::fs::create_dir(project.path("made")).unwrap();
    let made = project.path("made").display().to_string();
    let playbook = |name: &str, step: &str| {
        let step = step.replace("MADE", &made);
        let text = format!(
            "ops 1\n\nplaybook {name}(web: hosts<linux> = all()) ! change, exec {{\n  on web {{\n    {step}\n  }}\n}}\n"
        );
        project.write(&format!("{name}.ops"), &text);
    };
    playbook("good", "file.write(to: \"MADE/{host.name}\", content: \"a\")");
    let append = "shell.run(script: sh\"echo a >> \\\"$f\\\"\", effect: \"change\", vars: { f: \"MADE/{host.name}\" }, undo: sh\"true\")";
    playbook("again", append);
    playbook("lie", "site.lie(to: \"MADE/{host.name}\")");
    playbook("elsewhere", "at host(\"p1\") {\n      file.write(to: \"MADE/x\", content: \"a\")\n    }");
    project.write(
        "actions/site.ops",
        "ops 1\n\naction site.lie(to: path) -> { there: bool } ! change {\n  doc: \"Makes a file, and says that it takes it away again.\"\n  touches: [\"path:{to}\"]\n  skip: before.there\n  ensure: after.there\n\n  linux {\n    check sh \"\"\"\n      if [ -e \"$to\" ]; then out there true; else out there false; fi\n    \"\"\"\n    apply sh \"\"\"\n      : > \"$to\"\n    \"\"\"\n    rollback sh \"\"\"\n      true\n    \"\"\"\n  }\n}\n",
    );
    project
}

#[test]
fn on_real_hosts_a_second_run_changes_nothing() {
    let project = real_hosts();
    let good = project.opsc(&["test", "--twice", "good.ops", "-l", "web"]);
    assert_eq!((good.code, good.stdout.as_str()), (0, "ok     good.ops: a second run changes nothing\n"), "{good:?}");
    assert_eq!((project.read("made/w1").as_deref(), project.newest_run()), (Some("a"), 2));
    assert!(!good.stderr.contains("SIMULATED"), "{good:?}");
    let again = project.opsc(&["test", "--twice", "again.ops", "-l", "w1", "-q"]);
    assert_eq!(again.code, 1);
    assert!(again.stdout.contains("    again.ops:1: `shell.run` on w1 changed something once more\n"), "{again:?}");
}

#[test]
fn on_real_hosts_a_way_back_leaves_all_as_it_was() {
    let project = real_hosts();
    let good = project.opsc(&["test", "--rollback-each", "good.ops", "-l", "web", "-q"]);
    assert_eq!((good.code, good.stdout.as_str()), (0, "ok     good.ops: what it does can be undone\n"), "{good:?}");
    assert_eq!(project.read("made/w1"), None);
    let lie = project.opsc(&["test", "--rollback-each", "lie.ops", "-l", "w2", "-o", "junit"]);
    assert_eq!(lie.code, 1, "{lie:?}");
    assert!(lie.stdout.contains("`site.lie` on w2 is not as before: it was will_change, it is ok"), "{lie:?}");
}

#[test]
fn no_host_is_tried_that_nobody_says_may_be_lost() {
    let project = real_hosts();
    for (file, limit, refused) in
        [("good.ops", "all", "p1"), ("good.ops", "p1,w1", "p1"), ("elsewhere.ops", "w1", "p1")]
    {
        let limit = if limit == "all" { "*" } else { limit };
        let said = project.opsc(&["test", "--twice", "--rollback-each", file, "-l", limit]);
        assert_eq!(said.code, 12, "{file} {limit}: {said:?}");
        assert!(said.stderr.contains(refused) && said.stderr.contains("may be lost\nhint: "), "{said:?}");
    }
    assert_eq!(std::fs::read_dir(project.path("made")).unwrap().count(), 0);
    assert_eq!(project.opsc(&["test", "--twice", "good.ops"]).code, 10, "the hosts must be named");
    assert_eq!(project.opsc(&["test", "-l", "web"]).code, 10);
}

#[test]
fn nothing_but_a_golden_plan_is_written_over() {
    let project = project();
    for (name, text) in [("notes.md", "precious\n"), ("a.json", "{}\n")] {
        project.write(&format!("tests/{name}"), text);
        project.write("tests/a.test.yaml", &restart("", &format!("{{ plan: {name} }}")));
        let said = project.opsc(&["test", "--accept"]);
        assert!(said.code == 1 && said.stdout.contains("is no golden plan, and is not written over"), "{said:?}");
        assert_eq!(project.read(&format!("tests/{name}")).as_deref(), Some(text));
    }
}

#[test]
fn on_real_hosts_the_rules_of_the_project_hold_and_a_stop_is_one() {
    let project = real_hosts();
    let key = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
    project.write("opsc.toml", &format!("require_signed = \"yes\"\n[approvers]\ndba = [\"{key}\"]\n"));
    let unsigned = project.opsc(&["test", "--twice", "good.ops", "-l", "web"]);
    assert_eq!((unsigned.code, project.read("made/w1"), project.newest_run()), (25, None, 0), "{unsigned:?}");

    let project = real_hosts();
    let made = project.path("made").display().to_string();
    let step = format!("shell.run(script: sh\"touch {made}/begun; sleep 2\", effect: \"change\")");
    for name in ["slow1", "slow2"] {
        let text = format!(
            "ops 1\n\nplaybook {name}(web: hosts<linux> = all()) ! change, exec {{\n  on web (batch: 1) {{\n    {step}\n  }}\n}}\n"
        );
        project.write(&format!("{name}.ops"), &text);
    }
    let runner = project.spawn(&["test", "--twice", "slow1.ops", "slow2.ops", "-l", "web"]);
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while project.read("made/begun").is_none() {
        assert!(std::time::Instant::now() < until, "it never began");
        std::thread::yield_now();
    }
    assert!(std::process::Command::new("kill").args(["-INT", &runner.id().to_string()]).status().unwrap().success());
    let stopped = super::project::said(runner.wait_with_output().unwrap());
    assert_eq!((stopped.code, project.newest_run()), (130, 1), "{stopped:?}");
}
