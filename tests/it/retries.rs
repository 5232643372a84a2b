//! Steps that are tried again: how long they wait, and how often in all; through the binary.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::time::{Duration, Instant};

use super::project::{Project, Said, said};

const TWO_HOSTS: &str = "hosts:\n  w1: { transport: local, os: linux }\n  w2: { transport: local, os: linux }\n";

const POKE: &str = r#"ops 1

action thing.poke(path: path) ! change {
  doc: "Write a line, and fail."
  example: "thing.poke(path: \"/x\")"
  touches: ["file:{path}"]
  repeatable: true

  linux {
    apply sh """
      echo x >> "$path"
      exit 1
    """
  }
}
"#;

/// A step with these attributes on the hosts, and what a run of it came to.
fn project(step: &str, attributes: &str) -> Project {
    let project = Project::new();
    project.write("inventory.yaml", TWO_HOSTS);
    project.write("actions/thing.ops", POKE);
    let step = step.replace("PATH", &format!("{}/{{host.name}}", project.path("").display()));
    let block = format!("  on host(\"w1\") + host(\"w2\") {{\n    {step} {{\n      {attributes}\n    }}\n  }}\n");
    project.write("p.ops", &format!("ops 1\n\nplaybook p() ! change, exec {{\n{block}}}\n"));
    project
}

fn run(project: &Project, budget: Option<&str>) -> Said {
    let mut command = project.command(&["run", "p.ops", "-y"]);
    said(command.envs(budget.map(|budget| ("OPSC_RETRY_BUDGET", budget))).output().unwrap())
}

/// Attempts of both hosts.
fn attempts(project: &Project) -> usize {
    ["w1", "w2"].iter().map(|host| project.read(host).unwrap_or_default().lines().count()).sum()
}

#[test]
fn what_changes_something_waits_longer_each_time_and_the_plan_says_so() {
    let project = project("thing.poke(path: \"PATH\")", "retry: 4\n      every: 200ms");
    let plan = project.opsc(&["plan", "p.ops", "--offline"]);
    assert!(plan.stdout.contains("retry 4 after 200ms, later up to 1s600ms"), "{plan:?}");
    let begun = Instant::now();
    assert_eq!(run(&project, None).code, 21);
    // Of 200, 400, 800 and 1600 a tenth less.
    assert!(begun.elapsed() >= Duration::from_millis(2700), "{:?}", begun.elapsed());
    assert_eq!(attempts(&project), 10);
}

#[test]
fn what_only_looks_comes_again_at_the_same_pace() {
    let project = project("shell.run(script: sh\"exit 1\", effect: \"read\")", "retry: 4\n      every: 200ms");
    let plan = project.opsc(&["plan", "p.ops", "--offline"]);
    assert!(plan.stdout.contains("retry 4 every 200ms"), "{plan:?}");
}

#[test]
fn a_run_has_a_budget_for_all_its_hosts() {
    let project = project("thing.poke(path: \"PATH\")", "retry: 5\n      every: 1ms");
    let spent = run(&project, Some("3"));
    assert_eq!((spent.code, attempts(&project)), (21, 5), "{spent:?}");
    assert_eq!(spent.stderr.matches("not tried again: the run has spent its `retry.budget`").count(), 2, "{spent:?}");
    project.write("opsc.toml", "[retry]\nbudget = 1\n");
    run(&project, None);
    assert_eq!(attempts(&project), 5 + 3);
    let refused = run(&project, Some("0"));
    assert_eq!(refused.code, 10, "{refused:?}");
}

#[test]
fn what_is_waited_for_costs_nothing_of_it() {
    let look = "shell.run(script: sh\"echo maybe\", effect: \"read\")";
    let project = project(look, "retry: 4\n      every: 1ms\n      until: it.stdout == \"never\"");
    let waited = run(&project, Some("1"));
    assert!(waited.stderr.contains("`until` was not true after 5 attempts"), "{waited:?}");
    assert!(!waited.stderr.contains("retry.budget"), "{waited:?}");
}
