//! `opsc check --connect`: after the checks, the hosts that playbooks name are looked at as the playbooks would use them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::net::TcpListener;

use serde_json::Value as Json;

use super::project::{Project, Said};
use super::schemas::assert_valid;
use super::sshd::{Sshd, SshdOptions};

/// A playbook of one step on these hosts.
fn playbook(name: &str, hosts: &str, attributes: &str) -> String {
    let row = if attributes.is_empty() { "read" } else { "admin" };
    format!("ops 1\n\nplaybook {name}() ! {row} {{\n  on {hosts} {{\n    os.facts(){attributes}\n  }}\n}}\n")
}

/// One host that is well, one that nobody answers for, one of another system.
fn case() -> (Project, Sshd) {
    let server = Sshd::start(&SshdOptions::default());
    let project = Project::new();
    let (key, known) = (server.key_path.display(), server.known_hosts_path.display());
    project.write(
        "inventory.yaml",
        &format!(
            "defaults: {{ user: root, key: {key}, known_hosts: {known}, port: {} }}\ngroups:\n  some: {{ hosts: [well, gone, odd] }}\nhosts:\n  well: {{ address: 127.0.0.1, os: linux }}\n  gone: {{ address: 127.0.0.1, port: 1, os: linux }}\n  odd: {{ address: 127.0.0.1, os: darwin }}\n  other: {{ address: 127.0.0.1, port: 1 }}\n",
            server.port
        ),
    );
    (project, server)
}

fn found(said: &Said) -> Json {
    let json: Json = serde_json::from_str(&said.stdout).unwrap_or_else(|_| panic!("{said:?}"));
    assert_valid("opsc.check-1", &[("found".to_string(), json.clone())]);
    json
}

fn states(host: &Json) -> Vec<(String, String)> {
    let text = |finding: &Json, key: &str| finding[key].as_str().unwrap().to_string();
    let findings = host["findings"].as_array().unwrap();
    findings.iter().map(|finding| (text(finding, "what"), text(finding, "state"))).collect()
}

#[test]
fn the_hosts_that_playbooks_name_are_looked_at_and_no_others() {
    let (project, _server) = case();
    project.write("a.ops", &playbook("a", "host(\"well\")", ""));
    let well = project.opsc(&["check", "a.ops", "--connect"]);
    assert!(well.code == 0 && well.stdout.starts_with("well  ok  "), "{well:?}");
    assert_eq!(well.stdout.lines().count(), 1, "{well:?}");
    project.write("b.ops", &playbook("b", "group(\"some\")", ""));
    let all = project.opsc(&["check", "a.ops", "b.ops", "--connect"]);
    assert_eq!(all.code, 20, "{all:?}");
    assert!(all.stdout.contains("gone\n") && all.stdout.contains("127.0.0.1:1 refused the connection"), "{all:?}");
    assert!(all.stdout.contains("the inventory says darwin, the host says `linux`"), "{all:?}");
    assert!(!all.stdout.contains("other"), "{all:?}");
    let limited = project.opsc(&["check", "b.ops", "--connect", "-l", "well,odd,other", "-o", "json"]);
    let json = found(&limited);
    assert_eq!(limited.code, 21, "{limited:?}");
    let names: Vec<&str> =
        json["hosts"].as_array().unwrap().iter().map(|host| host["host"].as_str().unwrap()).collect();
    assert_eq!((names, json["hosts"][0]["reached"].as_bool()), (vec!["well", "odd"], Some(true)));
    let ok = |what: &str, state: &str| (what.to_string(), state.to_string());
    assert!(states(&json["hosts"][0]).contains(&ok("os", "ok")), "{json:#}");
    assert!(states(&json["hosts"][1]).contains(&ok("os", "failed")), "{json:#}");
}

#[test]
fn users_are_tried_where_steps_run_as_them() {
    let (project, _server) = case();
    project.write("a.ops", &playbook("a", "host(\"well\")", " {\n      as: \"nobody-at-all\"\n    }"));
    let said = project.opsc(&["check", "a.ops", "--connect", "-o", "json"]);
    let json = found(&said);
    assert_eq!((said.code, json["hosts"][0]["reached"].as_bool()), (21, Some(true)), "{said:?}");
    assert!(states(&json["hosts"][0]).contains(&("sudo".to_string(), "failed".to_string())), "{json:#}");
    project.write("a.ops", &playbook("a", "host(\"well\")", " {\n      as: \"nobody\"\n    }"));
    let said = project.opsc(&["check", "a.ops", "--connect"]);
    assert_eq!(said.code, 0, "{said:?}");
}

#[test]
fn errors_come_first_and_what_cannot_be_known_is_said() {
    let (project, _server) = case();
    project.write(
        "bad.ops",
        "ops 1\n\nplaybook bad() ! read {\n  on host(\"wel\") {\n    file.info(path: \"/tmp\")\n  }\n}\n",
    );
    project.write("a.ops", &playbook("a", "host(\"gone\")", ""));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let (inventory, port) = (project.read("inventory.yaml").unwrap(), listener.local_addr().unwrap().port());
    project.write("inventory.yaml", &inventory.replace("port: 1,", &format!("port: {port},")));
    let bad = project.opsc(&["check", "bad.ops", "a.ops", "--connect"]);
    assert!(listener.accept().is_err(), "nobody is connected to: {bad:?}");
    project.write("inventory.yaml", &inventory);
    assert!(bad.code == 11 && bad.stdout.is_empty() && !bad.stderr.contains("gone"), "{bad:?}");
    let wants = "ops 1\n\nplaybook wants(\n  web: hosts<linux>,\n  port: int,\n) ! read {\n  on web {\n    file.info(path: \"/tmp/{port}\")\n  }\n}\n";
    project.write("wants.ops", wants);
    let nobody = project.opsc(&["check", "wants.ops", "--connect"]);
    assert!(nobody.code == 13 && nobody.stderr.contains("there is no host to connect to"), "{nobody:?}");
    assert!(
        nobody.stderr.contains("the hosts of `wants` (wants.ops) are not known: it wants values for `web` and `port`"),
        "{nobody:?}"
    );
    assert!(nobody.stderr.contains("give them with `-e NAME=VALUE`"), "{nobody:?}");
    // Each playbook gets those that it has parameters for, and a name that none has is told.
    let given = |values: &[&str]| {
        let plain = ["check", "a.ops", "wants.ops", "--connect", "-l", "well,odd", "-o", "json"];
        let values: Vec<&str> = values.iter().flat_map(|value| ["-e", value]).collect();
        project.opsc(&[&plain[..], &values].concat())
    };
    let both = found(&given(&["web=well", "port=1"]));
    assert_eq!(
        (both["hosts"][0]["host"].as_str(), both["unplanned"].as_array().map(Vec::len)),
        (Some("well"), Some(0))
    );
    let wrong = given(&["web=well", "prot=1"]);
    assert!(
        wrong.code == 13 && wrong.stderr.contains("(a.ops) are not known: this playbook has no parameter `prot`"),
        "{wrong:?}"
    );
    let json = found(&project.opsc(&["check", "a.ops", "wants.ops", "--connect", "-o", "json"]));
    assert_eq!(json["unplanned"][0]["playbook"], "wants", "{json:#}");
    let plain = found(&project.opsc(&["check", "a.ops", "-o", "json"]));
    assert!(plain.get("hosts").is_none(), "{plain:#}");
    for arguments in [
        &["check", "a.ops", "--connect", "-o", "sarif"][..],
        &["check", "a.ops", "--connect", "--watch"],
        &["check", "a.ops", "-l", "gone"],
        &["check", "a.ops", "-e", "port=1"],
    ] {
        let refused = project.opsc(arguments);
        assert_eq!((refused.code, refused.stdout.as_str()), (10, ""), "{refused:?}");
    }
}
