//! The README's commands are run and its outputs compared, with times and digests taken out; its playbook is checked.

use std::process::Command;

use super::project::Project;

const README: &str = include_str!("../../README.md");

/// The lines of the first block that opens with `fence` after `mark`.
fn block(mark: &str, fence: &str) -> Vec<&'static str> {
    let after = README.split_once(mark).unwrap().1;
    let inside = after.split_once(fence).unwrap().1;
    inside.lines().skip(1).take_while(|line| *line != "```").collect()
}

/// A folder that the README names, replaced by one of the test's own, so that two runs of the tests never meet.
fn own(text: &str, project: &Project) -> String {
    text.replace("/tmp/opsc-readme", &project.path("made").display().to_string())
}

/// Runs a command line as a user's shell would, both outputs in one stream.
fn run(line: &str, project: &Project) -> (i32, String) {
    let line = own(line, project).replace("target/release/opsc", "opsc");
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_opsc")).parent().unwrap();
    let output = Command::new("/bin/sh")
        .args(["-c", &format!("{line} 2>&1")])
        .current_dir(project.path("work"))
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", binary.display()))
        .env("HOME", project.path("home"))
        .output()
        .unwrap();
    (output.status.code().unwrap_or(-1), String::from_utf8(output.stdout).unwrap())
}

/// Digests and durations become `…`.
fn normalised(text: &str) -> String {
    let line = |line: &str| {
        if let Some((head, _)) = line.split_once("sha256:") {
            return format!("{head}sha256:…");
        }
        let is_time = |word: &str| word.ends_with("ms") && word.trim_end_matches("ms").chars().all(char::is_numeric);
        match (line.rsplit_once('('), line.split_once(" in ")) {
            (Some((head, tail)), _) if is_time(tail.trim_end_matches(')')) => format!("{head}(…)"),
            (_, Some((head, tail))) if tail.split(';').next().is_some_and(is_time) => {
                format!("{head} in …;{}", tail.split_once(';').unwrap().1)
            }
            _ => line.to_string(),
        }
    };
    text.lines().map(|each| line(each) + "\n").collect()
}

#[test]
fn the_session_happens_as_it_is_told() {
    let project = Project::new();
    std::fs::create_dir_all(project.path("work")).unwrap();
    let mut told: Vec<(String, String)> = Vec::new();
    for line in block("<!-- session -->", "```console") {
        match line.strip_prefix("$ ") {
            Some(command) => told.push((command.to_string(), String::new())),
            None => told.last_mut().unwrap().1.push_str(&format!("{line}\n")),
        }
    }
    assert_eq!(told.len(), 4);
    for (command, expected) in told {
        let (code, shown) = run(&command, &project);
        assert_eq!(code, 0, "{command}\n{shown}");
        assert_eq!(normalised(&shown), own(&expected, &project), "{command}");
    }
}

#[test]
fn the_sentence_becomes_the_file() {
    let project = Project::new();
    std::fs::create_dir_all(project.path("work")).unwrap();
    project.write("inventory.yaml", "groups:\n  web:\n    hosts: [web1, web2]\n    os: linux\n");
    let lines = block("<!-- compile -->", "```console");
    let (command, expected) = lines.split_first().unwrap();
    let (code, shown) = run(command.strip_prefix("$ ").unwrap(), &project);
    assert_eq!((code, shown.as_str()), (0, (expected.join("\n") + "\n").as_str()));
}

#[test]
fn the_first_commands_work() {
    let project = Project::new();
    std::fs::create_dir_all(project.path("work")).unwrap();
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
