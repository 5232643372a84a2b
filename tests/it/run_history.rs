//! What earlier runs tell: lists of some of them, how long steps took, how long a run may still take, and hosts that fail
//! alike.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use serde_json::Value as Json;

use super::project::Project;
use super::schemas::assert_valid;

const INVENTORY: &str = "groups:\n  web:\n    hosts: [w1, w2]\n    transport: local\n    os: linux\n  db:\n    hosts: [d1]\n    transport: local\n    os: linux\n";

fn playbook(project: &Project, name: &str, hosts: &str, script: &str) {
    let body = format!("    shell.run(script: sh\"{script}\", effect: \"change\")\n");
    let text =
        format!("ops 1\n\nplaybook {name}() ! change, exec {{\n  on {hosts} (max_failures: 9) {{\n{body}  }}\n}}\n");
    project.write(&format!("{name}.ops"), &text);
}

fn project() -> Project {
    let project = Project::new();
    project.write("inventory.yaml", INVENTORY);
    project
}

fn run(project: &Project, name: &str) -> i32 {
    project.opsc(&["run", &format!("{name}.ops"), "-y", "-q"]).code
}

/// Numbers of the runs that are listed, newest first.
fn listed(project: &Project, more: &[&str]) -> Vec<u64> {
    let said = project.opsc(&[&["runs", "-o", "json"], more].concat());
    assert_eq!(said.code, 0, "{said:?}");
    let json: Json = serde_json::from_str(&said.stdout).unwrap();
    json["runs"].as_array().unwrap().iter().map(|run| run["run"].as_u64().unwrap()).collect()
}

#[test]
fn runs_are_found_by_what_is_known_of_them() {
    let project = project();
    playbook(&project, "good", "group(\"web\")", "true");
    playbook(&project, "bad", "host(\"d1\")", "exit 3");
    assert_eq!((run(&project, "good"), run(&project, "bad"), run(&project, "good")), (0, 21, 0));
    assert_eq!(listed(&project, &[]), [3, 2, 1]);
    assert_eq!(listed(&project, &["--playbook", "good"]), [3, 1]);
    assert_eq!(listed(&project, &["--playbook", "goo"]), [0_u64; 0]);
    assert_eq!(listed(&project, &["--host", "d1"]), [2]);
    assert_eq!(listed(&project, &["--host", "w2", "--most", "1"]), [3]);
    assert_eq!(listed(&project, &["--outcome", "failed"]), [2]);
    assert_eq!(listed(&project, &["--outcome", "done,failed", "--most", "2"]), [3, 2]);
    assert_eq!(listed(&project, &["--outcome", "running,interrupted"]), [0_u64; 0]);
    assert_eq!(listed(&project, &["--since", "1h", "--outcome", "done"]), [3, 1]);
    assert_eq!(listed(&project, &["--since", "2199-01-01"]), [0_u64; 0]);
    assert_eq!(project.opsc(&["runs", "--host", "w9"]).stderr, "no such run\n");
    for wrong in [["--since", "yesterday"], ["--outcome", "great"]] {
        assert_eq!(project.opsc(&["runs", wrong[0], wrong[1]]).code, 10, "{wrong:?}");
    }
}

#[test]
fn steps_have_the_times_that_were_measured() {
    let project = project();
    playbook(&project, "slow", "group(\"web\")", "sleep 0.2");
    assert_eq!((run(&project, "slow"), run(&project, "slow")), (0, 0));
    playbook(&project, "slow", "group(\"web\")", "exit 1");
    assert_eq!(run(&project, "slow"), 21);
    let said = project.opsc(&["runs", "stats", "slow", "-o", "json"]);
    assert_eq!(said.code, 0, "{said:?}");
    let stats: Json = serde_json::from_str(&said.stdout).unwrap();
    assert_valid("opsc.stats-1", &[("slow".to_string(), stats.clone())]);
    assert_eq!((&stats["runs"], &stats["failed"]), (&3.into(), &1.into()));
    let step = &stats["steps"][0];
    assert_eq!(
        (&step["step"], &step["failed"], &step["elapsed_ms"]["count"]),
        (&"shell.run".into(), &2.into(), &4.into())
    );
    let times = ["p50", "p95", "most"].map(|name| step["elapsed_ms"][name].as_u64().unwrap());
    assert!(times[0] >= 200 && times.is_sorted(), "{times:?}");
    assert_eq!(stats["elapsed_ms"]["count"], 2);
    let text = project.opsc(&["runs", "stats", "slow"]).stdout;
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("slow: 3 runs from 20"), "{text}");
    let words = |line: &str| line.split_whitespace().map(str::to_string).collect::<Vec<_>>();
    assert_eq!(words(lines[1]), ["step", "times", "p50", "p95", "failed"]);
    let row = words(lines[2]);
    assert_eq!((row[0].as_str(), row[1].as_str(), row[4].as_str()), ("shell.run", "4", "2"), "{text}");
    let failed: Json =
        serde_json::from_str(&project.opsc(&["runs", "stats", "slow", "--most", "1", "-o", "json"]).stdout).unwrap();
    assert_valid("opsc.stats-1", &[("one that failed".to_string(), failed.clone())]);
    assert_eq!((&failed["elapsed_ms"]["p50"], &failed["steps"][0]["failed"]), (&Json::Null, &2.into()));
    let unknown = project.opsc(&["runs", "stats", "fast"]);
    assert_eq!(
        (unknown.code, unknown.stderr.as_str()),
        (10, "error: no run of `fast` is over\nhint: there were runs of slow\n")
    );
}

#[test]
fn a_terminal_says_how_much_longer_only_where_three_runs_tell() {
    let project = project();
    playbook(&project, "slow", "group(\"web\")", "sleep 0.6");
    let mut shown: Vec<String> = (0..4).map(|_| project.on_terminal("run slow.ops -y", "")).collect();
    // On a machine that is busy, the hosts of one run may be at work one after the other.
    assert!(shown.iter().any(|shown| shown.contains("s · shell.run on w1 and w2\u{1b}")), "{shown:?}");
    let last = shown.pop().unwrap();
    for shown in shown {
        assert!(shown.contains("0 of 2 steps · 0s · ") && !shown.contains(" left"), "{shown:?}");
    }
    assert!(last.contains("0 of 2 steps, ") && last.contains(" s left · 0s · "), "{last:?}");
    // Of another size: those runs tell nothing of this one.
    let shown = project.on_terminal("run slow.ops -y -l w1", "");
    assert!(shown.contains("0 of 1 steps · 0s") && !shown.contains(" left"), "{shown:?}");
}

#[test]
fn hosts_that_fail_alike_are_told_together_at_the_end() {
    let project = project();
    playbook(&project, "bad", "group(\"web\")", "echo it is full >&2; exit 3");
    let said = project.opsc(&["run", "bad.ops", "-y"]);
    assert_eq!(said.code, 21);
    let expected = "2 hosts failed alike at shell.run: w1, w2\n      it is full (apply, exit code 3)\n";
    assert_eq!(said.stderr.matches(expected).count(), 1, "{}", said.stderr);
    playbook(&project, "bad", "all()", "cat /proc/sys/kernel/random/uuid >&2; exit 3");
    let apart = project.opsc(&["run", "bad.ops", "-y"]);
    assert!(apart.code == 21 && !apart.stderr.contains("alike"), "{apart:?}");
}
