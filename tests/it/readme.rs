//! The README's commands are run and its outputs compared, but for times and digests; its playbook is checked.

use super::console::{commands, is_as_told, own, run};
use super::project::Project;

const README: &str = include_str!("../../README.md");

/// The lines of the first block that opens with `fence` after `mark`.
fn block(mark: &str, fence: &str) -> Vec<&'static str> {
    let after = README.split_once(mark).unwrap().1;
    let inside = after.split_once(fence).unwrap().1;
    inside.lines().skip(1).take_while(|line| *line != "```").collect()
}

#[test]
fn the_session_happens_as_it_is_told() {
    let project = Project::new();
    let told = commands(&block("<!-- session -->", "```console").join("\n"));
    assert_eq!(told.len(), 4);
    for (command, expected) in told {
        let (code, shown) = run(&command, &project);
        assert_eq!(code, 0, "{command}\n{shown}");
        assert!(is_as_told(&own(&expected, &project), &shown), "{command}\n{shown}");
    }
}

#[test]
fn the_sentence_becomes_the_file() {
    let project = Project::new();
    project.write("inventory.yaml", "groups:\n  web:\n    hosts: [web1, web2]\n    os: linux\n");
    let lines = block("<!-- compile -->", "```console");
    let (command, expected) = lines.split_first().unwrap();
    let (code, shown) = run(command.strip_prefix("$ ").unwrap(), &project);
    assert_eq!((code, shown.as_str()), (0, (expected.join("\n") + "\n").as_str()));
}

#[test]
fn the_first_commands_work() {
    let project = Project::new();
    for line in block("## Try it", "```console") {
        // The binary is the one that this test was given.
        let command = line.strip_prefix("$ ").unwrap().replace("cargo run --release --", "opsc");
        let (code, shown) = run(&command, &project);
        assert_eq!(code, 0, "{line}\n{shown}");
    }
}

#[test]
fn the_playbook_and_the_inventory_are_right() {
    let project = Project::new();
    project.write("deploy.ops", &(block("# opsc", "```ops").join("\n") + "\n"));
    project.write("app.conf", "");
    project.write("inventory.yaml", &block("## The inventory", "```yaml").join("\n"));
    let checked = project.opsc(&["check", "deploy.ops"]);
    assert_eq!((checked.code, checked.stderr.as_str()), (0, "checked 1 file: 0 errors, 0 warnings\n"));
    assert_eq!(project.opsc(&["fmt", "--check", "deploy.ops"]).code, 0);
    let planned = project.opsc(&["plan", "deploy.ops", "--list-hosts"]);
    assert_eq!(planned.stdout, "app01\napp02\napp03\n");
}
