//! A change whose consequence a run did not come to: the next ordinary run says so, and says what makes up for it; through
//! the binary.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use super::project::{Project, Said};

const INVENTORY: &str = "hosts:\n  w1: { transport: local, os: linux }\n  w2: { transport: local, os: linux }\n";

/// Nothing is reloaded where the step between does not find what it reads.
const DEPLOY: &str = r#"ops 1

playbook deploy() ! change, exec {
  on host("w1") + host("w2") {
    conf = file.write(to: "ROOT/{host.name}.conf", content: "new")
    shell.run(script: sh"""test -e "ROOT/$h.ready" """, vars: { h: host.name }, effect: "read")
    if conf.changed {
      shell.run(script: sh"""echo "$h" >> ROOT/reloaded""", vars: { h: host.name }, effect: "change")
    }
    if not conf.changed {
      shell.run(script: sh"""echo "$h" >> ROOT/same""", vars: { h: host.name }, effect: "change")
    }
  }
}
"#;

struct Deploy {
    project: Project,
}

impl Deploy {
    fn new() -> Deploy {
        let deploy = Deploy { project: Project::new() };
        let root = deploy.project.path("root");
        std::fs::create_dir(&root).unwrap();
        deploy.project.write("inventory.yaml", INVENTORY);
        deploy.project.write("deploy.ops", &DEPLOY.replace("ROOT", root.to_str().unwrap()));
        deploy.project.write("root/w2.ready", "");
        deploy
    }

    #[track_caller]
    fn comes_to(&self, line: &str, code: i32) -> Said {
        let said = self.project.opsc(&line.split_whitespace().collect::<Vec<_>>());
        assert_eq!(said.code, code, "{line}: {said:?}");
        said
    }

    fn root(&self, name: &str) -> String {
        self.project.read(&format!("root/{name}")).unwrap_or_default()
    }
}

const OWED: &str = "warning: run 1 (deploy) changed `conf` on w1 and did not come to `shell.run#2`, which waits for that; no later run makes up for it: `opsc resume 1` does\n";

#[test]
fn an_ordinary_run_says_what_an_earlier_one_owes() {
    let deploy = Deploy::new();
    let first = deploy.comes_to("run deploy.ops -y", 21);
    assert!(!first.stderr.contains("did not come to"), "{first:?}");
    assert_eq!(deploy.root("reloaded"), "w2\n");
    let other = deploy.comes_to("run deploy.ops -y -l w2", 0);
    assert!(!other.stderr.contains("did not come to"), "another host: {other:?}");
    deploy.project.write("root/w1.ready", "");
    let next = deploy.comes_to("run deploy.ops -y -l w1", 0);
    assert!(next.stderr.contains(OWED), "{next:?}");
    let next = deploy.comes_to("run deploy.ops -y", 0);
    assert!(next.stderr.contains(OWED), "{next:?}");
    assert_eq!(deploy.root("reloaded"), "w2\n");
    deploy.comes_to("resume 1 -y", 0);
    assert_eq!(deploy.root("reloaded"), "w2\nw1\n");
    let last = deploy.comes_to("run deploy.ops -y", 0);
    assert!(!last.stderr.contains("did not come to"), "{last:?}");
}

#[test]
fn what_a_later_run_did_is_not_owed() {
    let deploy = Deploy::new();
    deploy.comes_to("run deploy.ops -y", 21);
    deploy.project.write("root/w1.ready", "");
    deploy.project.write("root/w1.conf", "somebody else");
    let next = deploy.comes_to("run deploy.ops -y", 0);
    assert!(next.stderr.contains(OWED), "nobody knows that before: {next:?}");
    assert_eq!(deploy.root("reloaded"), "w2\nw1\n");
    let last = deploy.comes_to("run deploy.ops -y", 0);
    assert!(!last.stderr.contains("did not come to"), "{last:?}");
}
