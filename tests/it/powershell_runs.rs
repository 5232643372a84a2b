//! Playbooks on Windows hosts over both wires: bodies of PowerShell in all phases, plans, facts and files. SIMULATED
//! PowerShell.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use serde_json::json;

use super::powershell_rig::Hosts;
use super::project::{Project, Said};

const PLAYBOOK: &str = r#"ops 1

action thing.ensure(
  name: string,
  size: size = 1KiB,
  wait: duration = 5s,
  on: bool = true,
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

playbook demo(servers: hosts<windows> = group("fleet")) ! change {
  on servers {
    thing.ensure(name: "it's $(x) ’")
  }
}
"#;

fn bodies() -> serde_json::Value {
    json!({
        "check it": [{ "out": { "state": "gone", "count": 1 } }, { "out": { "state": "there", "count": 2 } }],
        "make it": { "stdout": "made\n", "out": { "count": 2 } },
        "undo it": { "stdout": "undone\n" },
        "look": { "out": { "state": "gone", "count": 1 } },
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
    let scalars = [&first["size"], &first["wait"], &first["on"], &first["items"], &first["note"]];
    assert_eq!(scalars, [&json!(1024), &json!(5), &json!(true), &json!(["one"]), &json!(null)]);
    let made = log.iter().find(|step| step["variables"]["before_count"] == 1).unwrap();
    assert_eq!(made["variables"]["before_state"], "gone");
    assert_eq!(made["variables"]["apply_count"], json!(null));
}

#[test]
fn facts_of_windows_hosts_are_read() {
    let (_hosts, project) = hosts(PLAYBOOK);
    let said = opsc(&project, &["facts", "fleet", "-o", "json"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(said.stdout.matches("10.0.20348.2113").count(), 2, "{said:?}");
}
