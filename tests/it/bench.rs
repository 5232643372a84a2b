//! What `bench/` measures is real: its playbooks are distinct, and the compiler has nothing to say about them.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::BTreeSet;
use std::process::Command;

use super::project::Project;

fn generate(project: &Project, arguments: &[&str]) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/bench/generate.py");
    let done = Command::new("python3").arg(script).args(arguments).current_dir(project.folder.path()).output().unwrap();
    assert!(done.status.success(), "{done:?}");
}

#[test]
fn the_generated_playbooks_are_distinct_and_right() {
    let project = Project::new();
    generate(&project, &["playbooks", "many", "24"]);
    let folder = project.path("many");
    let checked = project.command(&["check", "playbooks"]).current_dir(&folder).output().unwrap();
    assert!(checked.status.success(), "{checked:?}");
    assert_eq!(String::from_utf8_lossy(&checked.stderr), "checked 24 files: 0 errors, 0 warnings\n");
    let shapes: BTreeSet<String> = (0..24)
        .map(|seed| project.read(&format!("many/playbooks/rollout_{seed:03}.ops")).unwrap())
        .map(|text| text.chars().filter(|letter| !letter.is_ascii_digit()).collect())
        .collect();
    assert_eq!(shapes.len(), 24, "without their numbers they still differ");
}

#[test]
fn the_generated_fleet_is_selected_from() {
    let project = Project::new();
    generate(&project, &["fleet", "fleet", "4", "10"]);
    let list = ["inv", "ls", "-l", "group(\"g001\") & tag(\"env\", \"staging\")"];
    let listed = project.command(&list).current_dir(project.path("fleet")).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&listed.stdout).lines().count(), 10, "{listed:?}");
}

#[test]
fn the_generated_steps_are_run() {
    let project = Project::new();
    generate(&project, &["steps", "steps", "7"]);
    let ran = project.command(&["run", "steps.ops", "-y", "-q"]).current_dir(project.path("steps")).output().unwrap();
    assert!(String::from_utf8_lossy(&ran.stdout).starts_with("localhost : ok=7 changed=7 "), "{ran:?}");
}

#[test]
fn the_generated_rollout_is_planned() {
    let project = Project::new();
    generate(&project, &["rollout", "large", "40", "20"]);
    let planned = project
        .command(&["plan", "large.ops", "--offline", "-o", "json"])
        .current_dir(project.path("large"))
        .output()
        .unwrap();
    let plan: serde_json::Value = serde_json::from_slice(&planned.stdout).unwrap();
    assert_eq!(plan["steps"].as_array().unwrap().len(), 40);
    assert_eq!(plan["hosts"].as_array().unwrap().len(), 20);
}
