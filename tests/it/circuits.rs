//! Machines that give no connection are left alone for a time, and the steps that wanted one say so; through the binary.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use super::project::{Project, Said};

/// Nothing listens at port 1.
const INVENTORY: &str = "\
defaults: { os: linux, user: nobody }
hosts:
  w1: { transport: local }
  w2: { transport: local }
  w3: { transport: local }
  w4: { transport: local }
  w5: { transport: local }
  gone: { address: 127.0.0.1, port: 1 }
  'dead[1:8]': { address: 127.0.0.1, port: 1 }
groups:
  lab: { hosts: ['dead[1:8]'] }
";

fn ran(program: &str) -> (Project, Said) {
    ran_with("", program)
}

fn ran_with(settings: &str, program: &str) -> (Project, Said) {
    let project = Project::new();
    project.write("opsc.toml", settings);
    project.write("inventory.yaml", INVENTORY);
    project.write("a.ops", program);
    let said = project.opsc(&["run", "a.ops", "-y"]);
    (project, said)
}

/// What each step that failed says.
fn errors(said: &Said) -> Vec<&str> {
    let lines = said.stderr.lines().collect::<Vec<_>>();
    lines
        .windows(2)
        .filter(|pair| pair[0].starts_with("  x ") || pair[0].starts_with("  ! "))
        .map(|pair| pair[1].trim())
        .collect()
}

#[test]
fn a_machine_that_many_need_is_not_asked_by_each_of_them() {
    let (project, said) = ran(
        "ops 1\n\nplaybook asks() ! read {\n  on host(\"w1\") + host(\"w2\") + host(\"w3\") + host(\"w4\") + host(\"w5\") (batch: 1, max_failures: 9) {\n    at host(\"gone\") {\n      file.info(path: \"/\")\n    }\n  }\n}\n",
    );
    assert_eq!(said.code, 21, "{said:?}");
    let errors = errors(&said);
    assert_eq!(errors.len(), 5, "{said:?}");
    let open = |error: &&&str| error.contains("circuit open for gone since ") && error.contains("; last error: ");
    assert_eq!(errors.iter().filter(open).count(), 2, "{errors:?}");
    assert!(errors[..3].iter().all(|error| !error.contains("circuit")), "{errors:?}");
    assert_eq!(said.stderr.matches("! gone gives no connection: circuit open until ").count(), 1, "{said:?}");
    let events = project.opsc(&["replay", "1", "-o", "ndjson"]).stdout;
    let told = events.lines().find(|line| line.contains("circuit.changed")).unwrap();
    let event: serde_json::Value = serde_json::from_str(told).unwrap();
    assert_eq!(
        (event["name"].as_str(), event["of"].as_str(), event["state"].as_str()),
        (Some("gone"), Some("host"), Some("open"))
    );
    assert_eq!(event["until"].as_u64().unwrap() - event["since"].as_u64().unwrap(), 30_000);
}

#[test]
fn a_project_says_when_a_machine_is_left_alone_and_how_long() {
    let (project, said) = ran_with(
        "[circuit]\nfailures = 1\npause = 7\n",
        "ops 1\n\nplaybook asks() ! read {\n  on host(\"w1\") + host(\"w2\") (batch: 1, max_failures: 9) {\n    at host(\"gone\") {\n      file.info(path: \"/\")\n    }\n  }\n}\n",
    );
    let errors = errors(&said);
    assert_eq!(
        errors.iter().map(|error| error.contains("circuit open")).collect::<Vec<_>>(),
        [false, true],
        "{said:?}"
    );
    let events = project.opsc(&["replay", "1", "-o", "ndjson"]).stdout;
    let told = events.lines().find(|line| line.contains("circuit.changed")).unwrap();
    let event: serde_json::Value = serde_json::from_str(told).unwrap();
    assert_eq!(event["until"].as_u64().unwrap() - event["since"].as_u64().unwrap(), 7_000);
}

#[test]
fn a_group_of_which_a_share_gives_no_connection_is_left_alone() {
    let (_, said) = ran(
        "ops 1\n\nplaybook looks() ! read {\n  on group(\"lab\") (batch: 1, max_failures: 99) {\n    file.info(path: \"/\")\n  }\n  on host(\"gone\") (max_failures: 9) {\n    file.info(path: \"/\")\n  }\n}\n",
    );
    assert_eq!(said.code, 20, "{said:?}");
    let errors = errors(&said);
    let open = |error: &&&str| error.contains("circuit open for group lab since ");
    assert_eq!((errors.len(), errors.iter().filter(open).count()), (9, 3), "{said:?}");
    assert!(!errors[8].contains("circuit"), "a host that is not of the group is asked: {errors:?}");
}

#[test]
fn who_waits_for_a_machine_asks_it_again_and_again() {
    let (_, said) = ran(
        "ops 1\n\nplaybook waits() ! read {\n  on host(\"w1\") + host(\"w2\") + host(\"w3\") + host(\"w4\") (batch: 1, max_failures: 9) {\n    at host(\"gone\") {\n      file.info(path: \"/\")\n    }\n  }\n  on host(\"w5\") {\n    at host(\"gone\") {\n      wait.connection() {\n        timeout: 1s\n      }\n    }\n  }\n}\n",
    );
    let errors = errors(&said);
    assert_eq!(errors.len(), 5, "{said:?}");
    assert!(errors[3].contains("circuit open") && !errors[4].contains("circuit open"), "{errors:?}");
    assert!(errors[4].contains("it was waited for 1s"), "{errors:?}");
}
