//! The runbooks as they lie in the repository: each is in the README's table, canonical, right, and planned offline.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::path::Path;

use super::project::Project;

/// Every runbook with the inputs that it has no default for.
pub(crate) const RUNBOOKS: &[(&str, &[&str])] = &[
    ("backup_check", &["day=2026-01-31"]),
    ("disk_cleanup", &[]),
    ("link_deploy", &["version=2", "release=x"]),
    ("offboard", &["who=ada"]),
    ("patch_and_reboot", &[]),
    ("rolling_config", &["config=x"]),
    ("rotate_certs", &[]),
    ("safe_update", &["program=x"]),
    ("update_stationcontroller", &["program=x"]),
];

/// A copy, so that no test writes into the repository.
pub(crate) fn copied() -> Project {
    let project = Project::new();
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "ops" || ending == "yaml") {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            project.write(&name, &std::fs::read_to_string(&path).unwrap());
        }
    }
    project
}

#[test]
fn every_runbook_is_told_canonical_right_and_planned() {
    let project = copied();
    project.write("x", "");
    let files = std::fs::read_dir(project.folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let mut names: Vec<String> = files
        .filter(|path| path.extension().is_some_and(|ending| ending == "ops"))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert_eq!(names, RUNBOOKS.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    let readme = include_str!("../../README.md");
    let checked = project.opsc(&["check", "."]);
    let said = format!("checked {} files: 0 errors, 0 warnings\n", names.len());
    assert_eq!((checked.code, checked.stderr.as_str()), (0, said.as_str()));
    assert_eq!(project.opsc(&["fmt", "--check", "."]).code, 0);
    for (name, inputs) in RUNBOOKS {
        assert!(readme.contains(&format!("| `{name}` |")), "{name}");
        let file = format!("{name}.ops");
        let mut arguments = vec!["plan", &file, "--offline", "--allow-destroy"];
        arguments.extend(inputs.iter().flat_map(|input| ["-e", input]));
        let planned = project.opsc(&arguments);
        assert!(planned.code == 0 && planned.stdout.contains("4 hosts"), "{name}: {planned:?}");
    }
}

#[test]
fn a_file_is_given_by_its_path() {
    let project = copied();
    project.write("below/new.conf", "a\n");
    let plan = |value: &str| {
        let given = format!("config={value}");
        project.opsc(&["plan", "rolling_config.ops", "--offline", "-o", "json", "-e", &given])
    };
    let planned = plan("below/new.conf");
    assert!(planned.code == 0 && planned.stdout.contains("below/new.conf"), "{planned:?}");
    // Another content is another plan.
    let digest = |said: &str| serde_json::from_str::<serde_json::Value>(said).unwrap()["digest"].clone();
    let first = digest(&planned.stdout);
    project.write("below/new.conf", "b\n");
    assert_ne!(digest(&plan("below/new.conf").stdout), first);
    let mut from_below = project.command(&["plan", "../rolling_config.ops", "--offline", "-e", "config=new.conf"]);
    assert!(from_below.current_dir(project.path("below")).status().unwrap().success());
    for value in ["none.conf", "/etc/hosts", "../opsc.toml", "below"] {
        let said = plan(value);
        assert!(said.code == 10 && said.stderr.contains(&format!("there is no file `{value}`")), "{said:?}");
    }
    project.write("vars.yaml", "config: below/new.conf\n");
    let file = project.opsc(&["plan", "rolling_config.ops", "--offline", "--var-file", "vars.yaml"]);
    assert_eq!(file.code, 0, "{file:?}");
    project.write("vars.yaml", "config: nowhere\n");
    let file = project.opsc(&["plan", "rolling_config.ops", "--offline", "--var-file", "vars.yaml"]);
    assert!(file.code == 10 && file.stderr.contains("there is no file `nowhere`"), "{file:?}");
}
