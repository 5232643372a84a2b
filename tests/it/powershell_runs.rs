//! Playbooks on Windows hosts over both wires: bodies of PowerShell in all phases, plans, facts and files. SIMULATED
//! PowerShell.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use serde_json::json;

use super::contract::SOON;
use super::powershell_rig::{Dictionary, Hosts};
use super::project::{Project, Said};
use super::windows_rig::table;
use super::winrm_rig::Listener;

const PLAYBOOK: &str = r#"ops 1

action thing.ensure(
  name: string,
  size: size = 1KiB,
  wait: duration = 5s,
  on: bool = true,
  rate: float = 2,
  items: list<string> = ["one"],
  note: string? = none,
) -> { state: string, count: int } ! change {
  doc: "Ensure a thing."
  skip: before.state == "there"
  ensure: after.state == "there" else "it is not there"

  windows {
    check powershell """
      check it
    """
    apply powershell """
      make it
    """
    rollback powershell """
      undo it
    """
  }
}

action thing.run(
  script: script,
  vars: map<string, text> = {},
  env: map<string, string> = {},
  stdin: text? = none,
) -> { code: int, stdout: text } ! change, exec {
  doc: "Run a script."

  windows {
    apply powershell """
      run it
    """
  }
}

playbook demo(servers: hosts<windows> = group("fleet")) ! change, exec {
  on servers {
    thing.ensure(name: "it's $(x) ’")
    x = thing.run(script: powershell"cat; echo \"$word $SET\"; exit 3", vars: { word: "a b" }, env: { SET: "c" }, stdin: "in") {
      ok: it.code == 3
    }
    require x.stdout == "ina b c" else "{x.stdout}"
  }
}
"#;

fn bodies() -> serde_json::Value {
    json!({
        "check it": [{ "out": { "state": "gone", "count": 1 } }, { "out": { "state": "there", "count": 2 } }],
        "make it": { "stdout": "made\n", "out": { "count": 2 } },
        "look at boot": { "out": { "boot": "PROCESS" } },
        "restart it": { "dies": 9 },
        "run it": { "script": "script" },
        "undo it": { "stdout": "undone\n" },
    })
}

fn hosts(playbook: &str) -> (Hosts, Project) {
    let hosts = Hosts::of(bodies());
    let project = hosts.project();
    project.write("demo.ops", playbook);
    (hosts, project)
}

fn opsc(project: &Project, words: &[&str]) -> Said {
    project.opsc(&[words, &["--password-file", "password"]].concat())
}

#[test]
fn all_phases_of_a_playbook_run_on_windows_hosts() {
    let (hosts, project) = hosts(PLAYBOOK);
    let said = opsc(&project, &["plan", "demo.ops"]);
    assert!(said.code == 0 && said.stdout.contains("win2: ~ will change: state gone, count 1"), "{said:?}");
    let said = opsc(&project, &["run", "demo.ops", "-y", "-v"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stderr.contains("win2 thing.ensure | made"), "{said:?}");
    let log = hosts.dictionary.log();
    let first = &log[0]["variables"];
    assert_eq!(first["name"], "it's $(x) \u{2019}");
    let given = ["size", "wait", "on", "rate", "items", "note"].map(|name| &first[name]);
    assert_eq!(given, [&json!(1024), &json!(5), &json!(true), &json!(2.0), &json!(["one"]), &json!(null)]);
    let made = log.iter().find(|step| step["variables"]["before_count"] == 1).unwrap();
    assert_eq!(made["variables"]["before_state"], "gone");
    assert_eq!(made["variables"].get("apply_count"), Some(&json!(null)));
}

const RESTART: &str = r#"ops 1

action thing.restart() -> { boot: string } ! change, admin {
  doc: "Restart."
  repeatable: true
  restarts: 5m
  ensure: after.boot != before.boot else "it has not started anew"

  windows {
    check powershell """
      look at boot
    """
    apply powershell """
      restart it
    """
  }
}

playbook demo(servers: hosts<windows> = group("fleet")) ! change, admin {
  on servers {
    thing.restart()
  }
}
"#;

/// Each host's process dies of it, and the next one says that the boot is another.
#[test]
fn a_restart_is_waited_for() {
    let (hosts, project) = hosts(RESTART);
    let said = opsc(&project, &["run", "demo.ops", "-y"]);
    assert_eq!(said.code, 0, "{said:?}");
    let with_boot = hosts.dictionary.log().iter().filter(|step| step["variables"]["before_boot"].is_string()).count();
    assert!(with_boot >= 4, "the restart and a look after it, on each host: {with_boot}");
}

const REBOOT: &str = "ops 1\n\nplaybook reboot(servers: hosts<windows> = group(\"fleet\")) ! change, admin {\n  on servers {\n    os.reboot(wait: WAIT)\n  }\n}\n";

/// What the library's bodies of `os.reboot` do, where its `apply` does this.
fn reboots(apply: serde_json::Value) -> serde_json::Value {
    let table = table();
    let of = |phase: &str| {
        let name = format!("os.reboot.{phase}");
        table.iter().find(|(_, names)| names.contains(&name)).unwrap().0.clone()
    };
    let look = json!({ "out": { "boot": "BOOT" } });
    json!({ of("check"): look, of("verify"): look, of("apply"): apply })
}

/// Ten million ticks are a second.
#[test]
fn a_reboot_is_over_when_the_host_was_started_anew() {
    for host in ["win1", "win2"] {
        let hosts = Hosts::of(reboots(json!({ "restarts": 900_000_000, "dies": 9 })));
        let project = hosts.project();
        project.write("reboot.ops", &REBOOT.replace("WAIT", "5m"));
        let said = opsc(&project, &["run", "reboot.ops", "-y", "-l", host]);
        assert_eq!(said.code, 0, "{said:?}");
        let shown = project.opsc(&["show", "1", "-o", "json"]);
        let is_shown = |boot: &str| shown.stdout.contains(boot);
        assert!(is_shown("638712000000000000") && is_shown("638712000900000000"), "{shown:?}");
    }
}

#[test]
fn a_lane_that_ended_is_no_reboot() {
    for host in ["win1", "win2"] {
        let hosts = Hosts::of(reboots(json!({ "dies": 9 })));
        let project = hosts.project();
        project.write("reboot.ops", &REBOOT.replace("WAIT", "10s"));
        let said = opsc(&project, &["run", "reboot.ops", "-y", "-l", host]);
        assert_eq!(said.code, 21, "{said:?}");
        assert!(said.stderr.contains("it answers, and has not started anew"), "{said:?}");
    }
}

/// Whoever answers in its place has another certificate.
#[test]
fn a_host_that_comes_back_as_another_is_not_waited_for() {
    let dictionary = Dictionary::of(reboots(json!({ "restarts": 900_000_000, "dies": 9 })));
    let swapped = json!({ "fault": "swap", "swapped_certificate": "eve.pem", "swapped_key": "eve.key", "powershell": dictionary.path("options") });
    let listener = Listener::tls(swapped);
    let project = listener.project("");
    project.write("reboot.ops", &REBOOT.replace("group(\"fleet\")", "host(\"win1\")").replace("WAIT", "1h"));
    let begun = std::time::Instant::now();
    let said = opsc(&project, &["run", "reboot.ops", "-y"]);
    assert!(begun.elapsed() < 4 * SOON, "{said:?}");
    assert!(said.code == 20 && said.stderr.contains("is not trusted: it is not for a server"), "{said:?}");
}

#[test]
fn the_doctor_asks_powershell_over_both_wires() {
    let (_hosts, project) = hosts(PLAYBOOK);
    let said = opsc(&project, &["doctor", "fleet", "-o", "json"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(said.stdout.matches("5.1.20348.2113 on SIMULATED").count(), 2, "{said:?}");
}

#[test]
fn facts_of_windows_hosts_are_read() {
    let (_hosts, project) = hosts(PLAYBOOK);
    let said = opsc(&project, &["facts", "fleet", "-o", "json"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(said.stdout.matches("10.0.20348.2113").count(), 2, "{said:?}");
}
