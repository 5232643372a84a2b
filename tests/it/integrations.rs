//! The GitHub Action and the pre-commit hooks: their files are what their readers expect, and every command in them is
//! run as it stands, in a repository of its own.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value as Json;

use super::project::{Project, Said, said};
use super::schemas::{refused, root};

const GOOD: &str = "ops 1\n\nplaybook a() ! read {\n  on group(\"web\") {\n    file.info(path: \"/\")\n  }\n}\n";

fn yaml(name: &str) -> Json {
    let script = "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1], encoding='utf-8'))))";
    let parsed = Command::new("/usr/bin/python3").args(["-c", script]).arg(root().join(name)).output().unwrap();
    assert!(parsed.status.success(), "{}", String::from_utf8_lossy(&parsed.stderr));
    serde_json::from_slice(&parsed.stdout).unwrap()
}

fn keys(object: &Json) -> Vec<&str> {
    object.as_object().unwrap_or_else(|| panic!("no mapping: {object}")).keys().map(String::as_str).collect()
}

fn project() -> Project {
    let project = Project::new();
    project.write("inventory.yaml", "groups:\n  web:\n    hosts: [web1]\n    os: linux\n");
    project.write("playbooks/good.ops", GOOD);
    std::fs::create_dir_all(project.path("bin")).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_opsc"), project.path("bin/opsc")).unwrap();
    project
}

/// The inputs of the action: its defaults, and what a workflow says.
fn inputs(action: &Json, given: &[(&str, &str)]) -> BTreeMap<String, String> {
    let defaults = action["inputs"].as_object().unwrap().iter();
    let mut inputs: BTreeMap<String, String> =
        defaults.map(|(name, input)| (name.clone(), input["default"].as_str().unwrap().to_string())).collect();
    for (name, value) in given {
        assert!(inputs.insert((*name).to_string(), (*value).to_string()).is_some(), "there is no input `{name}`");
    }
    inputs
}

/// `${{ inputs.paths }}` alone, or in a comparison.
fn expression<'a>(text: &'a str, inputs: &'a BTreeMap<String, String>) -> (&'a str, &'a str) {
    let inner = text.trim().strip_prefix("${{ inputs.").unwrap().strip_suffix(" }}").unwrap();
    let (name, rest) = inner.split_once(' ').unwrap_or((inner, ""));
    (inputs[name].as_str(), rest)
}

fn is_wanted(step: &Json, inputs: &BTreeMap<String, String>) -> bool {
    let Some(condition) = step["if"].as_str() else { return true };
    let (value, comparison) = expression(condition, inputs);
    let (operator, literal) = comparison.split_once(' ').unwrap();
    let same = value == literal.trim_matches('\'');
    match operator {
        "==" => same,
        "!=" => !same,
        other => panic!("`{other}`"),
    }
}

/// The steps of the action as a runner takes them: in order, up to the first that fails.
fn act(project: &Project, given: &[(&str, &str)]) -> Said {
    let action = yaml("action.yml");
    let inputs = inputs(&action, given);
    let mut all = Said { code: 0, stdout: String::new(), stderr: String::new() };
    for step in action["runs"]["steps"].as_array().unwrap() {
        if !is_wanted(step, &inputs) {
            continue;
        }
        project.write("step.sh", step["run"].as_str().unwrap());
        // As GitHub starts `shell: bash`.
        let mut command = Command::new("bash");
        command.args(["--noprofile", "--norc", "-eo", "pipefail", "step.sh"]).current_dir(project.folder.path());
        command.env_clear().env("HOME", project.path("home")).env("CI", "true");
        command.env("PATH", format!("{}:/usr/bin:/bin", project.path("bin").display()));
        for (name, value) in step["env"].as_object().into_iter().flatten() {
            command.env(name, expression(value.as_str().unwrap(), &inputs).0);
        }
        let done = said(command.output().unwrap());
        all.stdout.push_str(&done.stdout);
        all.stderr.push_str(&done.stderr);
        all.code = done.code;
        if all.code != 0 {
            break;
        }
    }
    all
}

#[test]
fn the_action_is_a_composite_one_and_no_input_becomes_code() {
    let action = yaml("action.yml");
    assert_eq!(keys(&action), ["name", "description", "inputs", "runs"]);
    assert_eq!(action["runs"]["using"], "composite");
    for (name, input) in action["inputs"].as_object().unwrap() {
        assert_eq!(keys(input), ["description", "default"], "{name}");
    }
    for step in action["runs"]["steps"].as_array().unwrap() {
        let known = ["name", "if", "shell", "env", "run"];
        assert!(keys(step).iter().all(|key| known.contains(key)), "{step}");
        assert_eq!(step["shell"], "bash", "a composite step says its shell");
        assert!(!step["run"].as_str().unwrap().contains("${{"), "a value would become code: {step}");
    }
}

#[test]
fn the_action_checks_annotates_and_writes_sarif() {
    let project = project();
    let clean = act(&project, &[]);
    assert_eq!((clean.code, clean.stdout.as_str()), (0, ""), "{clean:?}");

    project.write("more/bad; $(touch owned) one.ops", &GOOD.replace("\"web\"", "\"wbe\""));
    let found =
        act(&project, &[("sarif", "out file.sarif"), ("paths", "playbooks\nmore/bad; $(touch owned) one.ops\n")]);
    assert_eq!(found.code, 11, "{found:?}");
    assert!(found.stdout.starts_with("::error file=more/bad; $(touch owned) one.ops,line=4,"), "{found:?}");
    assert!(!project.path("owned").exists());
    let log: Json = serde_json::from_str(&project.read("out file.sarif").unwrap()).unwrap();
    assert_eq!(log["runs"][0]["results"].as_array().unwrap().len(), 1);
    let wrong = refused(&root().join("tests/sarif/sarif-schema-2.1.0.json"), false, &[("log".to_string(), log)]);
    assert!(wrong.is_empty(), "{wrong:?}");
    assert_eq!(act(&project, &[]).code, 11, "the default is the whole repository");

    project.write("other.yaml", "groups:\n  wbe:\n    hosts: [web1]\n    os: linux\n");
    let other = act(&project, &[("inventory", "other.yaml"), ("paths", "more")]);
    assert_eq!(other.code, 0, "{other:?}");
    let first = act(&project, &[("baseline", "known.json")]);
    assert!(first.code == 0 && project.read("known.json").unwrap().contains("E0501"), "{first:?}");
    assert_eq!(act(&project, &[("baseline", "known.json"), ("sarif", "s.sarif")]).code, 0);
    let missing = act(&project, &[("paths", "nowhere"), ("sarif", "s.sarif")]);
    assert!(
        missing.code == 10 && missing.stderr.contains("nowhere"),
        "what cannot be checked is no success: {missing:?}"
    );
}

#[test]
fn the_action_wants_the_canonical_form_when_asked() {
    let project = project();
    project.write("playbooks/good.ops", &GOOD.replace("  on group", "      on group"));
    assert_eq!(act(&project, &[("paths", "playbooks")]).code, 0);
    let form = act(&project, &[("paths", "playbooks"), ("fmt", "true")]);
    assert!(form.code == 11 && form.stdout.contains("+  on group"), "{form:?}");
}

#[test]
fn the_action_builds_opsc_where_there_is_none() {
    let action = yaml("action.yml");
    let install = &action["runs"]["steps"][0]["run"];
    let project = Project::new();
    project.write("step.sh", install.as_str().unwrap());
    // A stand-in that says what it was asked to do: the build itself takes minutes and is what every test starts with.
    project.write("bin/cargo", "#!/bin/sh\nprintf '%s|' \"$@\"\n");
    let mut mode = Command::new("chmod");
    assert!(mode.arg("+x").arg(project.path("bin/cargo")).status().unwrap().success());
    let mut command = Command::new("bash");
    command.args(["-eo", "pipefail", "step.sh"]).current_dir(project.folder.path()).env_clear();
    command.env("PATH", format!("{}:/usr/bin:/bin", project.path("bin").display()));
    command.env("GITHUB_ACTION_PATH", "/the action").env("RUNNER_TEMP", "/tmp/x").env("GITHUB_PATH", "added");
    let done = said(command.output().unwrap());
    assert_eq!(done.stdout, "install|--locked|--path|/the action|--root|/tmp/x/opsc|", "{done:?}");
    assert_eq!(project.read("added").unwrap(), "/tmp/x/opsc/bin\n");
    assert!(Path::new(&root().join("Cargo.lock")).exists(), "`--locked` needs it");
}

/// A hook's command with the files of a commit, as pre-commit starts it.
fn hook(project: &Project, id: &str, files: &[&str]) -> Said {
    let hooks = yaml(".pre-commit-hooks.yaml");
    let hook = hooks.as_array().unwrap().iter().find(|hook| hook["id"] == id).unwrap();
    let words: Vec<&str> = hook["entry"].as_str().unwrap().split(' ').collect();
    let (program, arguments) = words.split_first().unwrap();
    assert_eq!(*program, "opsc");
    project.opsc(&[arguments, files].concat())
}

#[test]
fn the_hooks_of_pre_commit_take_files() {
    let hooks = yaml(".pre-commit-hooks.yaml");
    for hook in hooks.as_array().unwrap() {
        let known = ["id", "name", "description", "entry", "language", "files", "require_serial"];
        assert!(keys(hook).iter().all(|key| known.contains(key)), "{hook}");
        assert_eq!((&hook["language"], &hook["files"]), (&"rust".into(), &"\\.ops$".into()));
    }
    let project = project();
    let good = ["playbooks/good.ops", "playbooks/good.ops"];
    let clean = hook(&project, "opsc-check", &good);
    assert_eq!((clean.code, clean.stdout.as_str(), clean.stderr.as_str()), (0, "", ""), "{clean:?}");
    project.write("bad one.ops", &GOOD.replace("\"web\"", "\"wbe\""));
    let bad = hook(&project, "opsc-check", &["playbooks/good.ops", "bad one.ops"]);
    assert!(bad.code == 11 && bad.stderr.contains("bad one.ops:4:12"), "{bad:?}");

    project.write("loose.ops", &GOOD.replace("  on group", "      on group"));
    let formatted = hook(&project, "opsc-fmt", &["playbooks/good.ops", "loose.ops"]);
    assert_eq!((formatted.code, formatted.stderr.as_str()), (0, "formatted loose.ops\n"), "{formatted:?}");
    assert_eq!(project.read("loose.ops").unwrap(), GOOD);
    project.write("broken.ops", "ops 1\n}\n");
    assert_eq!(hook(&project, "opsc-fmt", &["broken.ops"]).code, 11);
}
