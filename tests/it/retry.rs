//! A playbook run again on the hosts where it did not come to a good end; through the binary.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::project::Said;
use super::resume::Fleet;

const INVENTORY: &str = "\
hosts:
  w1: { transport: local, os: linux }
  w2: { transport: local, os: linux }
  w3: { transport: local, os: linux }
  w4: { address: 127.0.0.1, port: 1, os: linux, user: nobody }
";

/// A change, then something that may fail.
const DEPLOY: &str = r#"ops 1

playbook deploy() ! change, exec {
  on all() - host("localhost") (batch: 1, max_failures: 4) {
    file.write(to: "ROOT/{host.name}.conf", content: "new")
    shell.run(script: sh"""[ ! -e "ROOT/broken-$h" ]""", vars: { h: host.name }, effect: "read")
  }
}
"#;

fn fleet() -> Fleet {
    let fleet = Fleet::new("");
    fleet.project.write("inventory.yaml", INVENTORY);
    fleet.program("deploy.ops", DEPLOY);
    fleet
}

/// The hosts of a recap.
fn hosts(said: &Said) -> Vec<&str> {
    said.stdout.lines().filter_map(|line| line.split_once(" : ")).map(|(host, _)| host.trim()).collect()
}

#[test]
fn hosts_that_failed_or_were_not_reached_are_tried_again_and_no_others() {
    let fleet = fleet();
    fleet.put("broken-w2", "");
    fleet.put("broken-w3", "");
    fleet.comes_to("run deploy.ops -y", 21);
    let said = fleet.comes_to("retry 1 -y", 21);
    assert!(said.stderr.contains("again on 3 hosts: w2, w3 and w4"), "{said:?}");
    assert_eq!(hosts(&said), ["w2", "w3", "w4"]);

    // The playbook may be another one by then, and what is mended is not looked at any more.
    fleet.take("broken-w2");
    fleet.program("deploy.ops", &DEPLOY.replace("\"new\"", "\"newer\""));
    let said = fleet.comes_to("retry 2 -y", 21);
    assert_eq!(hosts(&said), ["w2", "w3", "w4"]);
    assert_eq!((fleet.root("w1.conf"), fleet.root("w2.conf")), ("new".to_string(), "newer".to_string()));
    fleet.take("broken-w3");
    fleet.project.write("inventory.yaml", &INVENTORY.replace("address: 127.0.0.1, port: 1,", "transport: local,"));
    let said = fleet.comes_to("retry 3 -y", 0);
    assert!(said.stderr.contains("again on 2 hosts: w3 and w4"), "{said:?}");
    assert_eq!(hosts(&said), ["w3", "w4"]);
    let said = fleet.comes_to("retry 4 -y", 10);
    assert!(said.stderr.contains("run 4 is done: nothing of it is missing"), "{said:?}");
}

#[test]
fn hosts_that_are_gone_are_not_forgotten() {
    let fleet = fleet();
    fleet.put("broken-w2", "");
    fleet.put("broken-w3", "");
    fleet.comes_to("run deploy.ops -y -l w1,w2,w3", 21);
    fleet.project.write("inventory.yaml", &INVENTORY.replace("  w2: { transport: local, os: linux }\n", ""));
    let said = fleet.comes_to("retry 1 -y", 13);
    assert!(said.stderr.contains("w2"), "{said:?}");
    let text = DEPLOY.replace("all() - host(\"localhost\")", "all() - host(\"localhost\") - host(\"w4\")");
    fleet.project.write("inventory.yaml", INVENTORY);
    fleet.program("deploy.ops", &text);
    fleet.comes_to("run deploy.ops -y", 21);
    fleet.project.write("inventory.yaml", &INVENTORY.replace("  w2: { transport: local, os: linux }\n", ""));
    let said = fleet.comes_to("retry 2 -y", 21);
    let warning = "warning: not tried again, since the plan of now does not have them: w2";
    assert!(said.stderr.contains(warning) && hosts(&said) == ["w3"], "{said:?}");
    fleet.take("broken-w3");
    fleet.comes_to("run deploy.ops -y", 0);
    fleet.project.write("inventory.yaml", INVENTORY);
    fleet.comes_to("run deploy.ops -y", 21);
    fleet.project.write("inventory.yaml", &INVENTORY.replace("  w2: { transport: local, os: linux }\n", ""));
    let said = fleet.comes_to("retry 5 -y", 10);
    assert!(said.stderr.contains("w2 failed in run 5, and the plan of now does not have them"), "{said:?}");
}

#[test]
fn a_limit_of_then_holds_and_hosts_that_were_not_come_to_count() {
    let fleet = fleet();
    fleet.program("deploy.ops", &DEPLOY.replace(", max_failures: 4", ""));
    fleet.put("broken-w1", "");
    fleet.comes_to("run deploy.ops -y -l w1,w3", 22);
    fleet.take("broken-w1");
    let said = fleet.comes_to("retry 1 -y", 0);
    assert!(said.stderr.contains("again on 2 hosts: w1 and w3"), "{said:?}");
    assert_eq!(hosts(&said), ["w1", "w3"]);
}

#[test]
fn what_must_not_be_done_twice_is_done_again_only_when_that_is_said() {
    let fleet = fleet();
    let once = r#"shell.run(script: sh"""echo "$h" >> ROOT/once""", vars: { h: host.name }, effect: "change")"#;
    fleet.program("deploy.ops", &DEPLOY.replace("    file.write", &format!("    {once}\n    file.write")));
    fleet.put("broken-w2", "");
    fleet.comes_to("run deploy.ops -y -l w1,w2", 21);
    let said = fleet.comes_to("retry 1 -y", 3);
    assert!(
        said.stderr.contains("run 1 did, or may have done, what must not be done twice: `shell.run` on w2\n"),
        "{said:?}"
    );
    assert!(said.stderr.contains("`opsc resume 1` goes on without doing it again"), "{said:?}");
    assert_eq!(fleet.root("once"), "w1\nw2\n");
    fleet.take("broken-w2");
    fleet.comes_to("retry 1 -y --again", 0);
    assert_eq!(fleet.root("once"), "w1\nw2\nw2\n");
}

#[test]
fn a_run_that_died_is_no_run_whose_failures_are_known() {
    let fleet = fleet();
    let waits = r#"shell.run(script: sh"""echo begun; until [ -e ROOT/go ]; do sleep 0.02; done""", effect: "read")"#;
    fleet.program("deploy.ops", &DEPLOY.replace("    file.write", &format!("    {waits}\n    file.write")));
    fleet.killed("run deploy.ops -y -l w1");
    let said = fleet.comes_to("retry 1 -y", 10);
    assert!(said.stderr.contains("run 1 died") && said.stderr.contains("`opsc resume 1` goes on"), "{said:?}");
}
