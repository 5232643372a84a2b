//! The example projects: every playbook is right, canonical and planned offline, with the hosts, batches and gates that
//! its text promises. Knows nothing of what its actions do; `example_actions` runs those that can run here.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::project::Project;

/// Every playbook of the fleet, with the inputs that it has no default for.
const FLEET: &[(&str, &[&str])] = &[
    ("deploy", &["version=2.4.1"]),
    ("patch_windows", &[]),
    ("people", &[]),
    ("postgres_minor", &["version=15.14-0+deb12u1"]),
    ("rotate_certs", &[]),
];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)
}

/// Files below a folder, hidden ones left out.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let hidden = path.file_name().unwrap().to_string_lossy().starts_with('.');
        if path.is_dir() && !hidden {
            found.extend(files(&path));
        } else if !hidden {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// A copy of an example, so that no test writes into the repository.
pub(crate) fn example(name: &str) -> Project {
    let project = Project::new();
    let from = folder(name);
    for file in files(&from) {
        let to = project.path(&file.strip_prefix(&from).unwrap().to_string_lossy());
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(&file, to).unwrap();
    }
    project
}

fn plan(project: &Project, name: &str) -> Value {
    let (_, inputs) = FLEET.iter().find(|(playbook, _)| *playbook == name).unwrap();
    let file = format!("playbooks/{name}.ops");
    let mut arguments = vec!["plan", &file, "--offline", "-o", "json"];
    arguments.extend(inputs.iter().flat_map(|input| ["-e", input]));
    let planned = project.opsc(&arguments);
    assert_eq!(planned.code, 0, "{name}: {planned:?}");
    serde_json::from_str(&planned.stdout).unwrap()
}

/// Of each block: its hosts and its batches.
fn blocks(plan: &Value) -> Value {
    plan["blocks"].as_array().unwrap().iter().map(|block| json!([block["hosts"], block["batches"]])).collect()
}

fn step<'a>(plan: &'a Value, id: &str) -> &'a Value {
    let found = plan["steps"].as_array().unwrap().iter().find(|step| step["id"] == id);
    found.unwrap_or_else(|| panic!("no step `{id}` in {plan:#}"))
}

#[test]
fn the_table_names_every_playbook() {
    let playbooks = files(&folder("fleet/playbooks"));
    let names: Vec<String> =
        playbooks.iter().map(|file| file.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    assert_eq!(names, FLEET.iter().map(|(name, _)| *name).collect::<Vec<_>>());
}

#[test]
fn every_file_is_canonical() {
    let project = example("fleet");
    let ops = files(&folder("fleet")).into_iter().filter(|file| file.extension().is_some_and(|ending| ending == "ops"));
    for file in ops {
        let name = file.strip_prefix(folder("fleet")).unwrap().to_string_lossy().into_owned();
        let formatted = project.opsc(&["fmt", "--diff", &name]);
        assert_eq!((formatted.code, formatted.stdout.as_str()), (0, ""), "{name}");
    }
}

#[test]
fn every_playbook_is_right_and_every_action_is_checked_with_it() {
    let project = example("fleet");
    let checked = project.opsc(&["check", "playbooks"]);
    assert!(checked.code == 0 && checked.stderr.contains("checked 5 files: 0 errors, 0 warnings"), "{checked:?}");
    // An action that no playbook names is looked at in a project where it is a program.
    for file in files(&folder("fleet/actions")) {
        let alone = Project::new();
        alone.write("a.ops", &std::fs::read_to_string(&file).unwrap());
        let checked = alone.opsc(&["check", "a.ops"]);
        assert!(checked.code == 0 && checked.stderr.contains("0 errors, 0 warnings"), "{checked:?}");
    }
}

#[test]
fn a_deployment_goes_one_then_a_quarter_at_a_time() {
    let project = example("fleet");
    let plan = plan(&project, "deploy");
    let web = ["web1", "web2", "web3", "web4"];
    assert_eq!(
        blocks(&plan),
        json!([[["web1"], [["web1"]]], [web, [["web1"], ["web2"], ["web3"], ["web4"]]]]),
        "web5 is no production"
    );
    assert_eq!(step(&plan, "haproxy.drain")["runs_at"], "lb1");
    assert_eq!(step(&plan, "prometheus.query")["clause"], "after_batch");
    assert_eq!(step(&plan, "notify.slack/notify.webhook")["args"]["url"], json!({ "secret": "env:SLACK_WEBHOOK" }));
    let missing = project.opsc(&["plan", "playbooks/deploy.ops", "--offline"]);
    assert!(missing.code != 0 && missing.stderr.contains("version"), "{missing:?}");
    let wrong = project.opsc(&["plan", "playbooks/deploy.ops", "--offline", "-e", "version=../x"]);
    assert!(wrong.code != 0 && wrong.stderr.contains("/[0-9.]+/"), "{wrong:?}");
}

#[test]
fn a_failover_waits_for_approval() {
    let plan = plan(&example("fleet"), "postgres_minor");
    let pg = ["pg1", "pg2", "pg3"];
    assert_eq!(blocks(&plan)[0], json!([pg, [pg]]));
    assert_eq!(plan["blocks"][1]["hosts"]["pending"], "replicas");
    let gates = plan["gates"].as_array().unwrap();
    assert_eq!((gates.len(), &gates[0]["by"], &gates[0]["within"]), (1, &json!(["dba"]), &json!(7200)));
    let behind = gates[0]["before"].as_array().unwrap();
    for id in ["service.ensure", "shell.run", "postgres.follow", "service.ensure#2"] {
        assert!(behind.contains(&json!(id)), "{id}: {behind:?}");
    }
    assert!(!behind.contains(&json!("package.ensure")), "{behind:?}");
}

#[test]
fn people_come_from_data_and_frozen_hosts_are_left_alone() {
    let project = example("fleet");
    let plan = plan(&project, "people");
    let hosts = plan["blocks"][0]["hosts"].as_array().unwrap();
    assert!(hosts.len() == 10 && !hosts.contains(&json!("old1")), "{hosts:?}");
    let ids: Vec<&str> = plan["steps"].as_array().unwrap().iter().map(|step| step["id"].as_str().unwrap()).collect();
    assert_eq!(
        ids,
        [
            "user.ensure[1]",
            "ssh_key.authorize[1][1]",
            "user.ensure[2]",
            "ssh_key.authorize[2][1]",
            "ssh_key.authorize[2][2]",
            "user.remove[3]",
            "file.template"
        ]
    );
    assert_eq!(step(&plan, "file.template")["args"]["vars"], json!({ "admins": "ada" }));
    let data = project.read("data/people.yaml").unwrap();
    project.write("data/people.yaml", &data.replace("name: ada", "name: \"ada; rm\""));
    let checked = project.opsc(&["check", "playbooks/people.ops"]);
    assert!(checked.code == 11 && checked.stderr.contains("data/people.yaml:1"), "{checked:?}");
}

#[test]
fn certificates_are_signed_elsewhere_and_installed_in_quarters() {
    let plan = plan(&example("fleet"), "rotate_certs");
    let web = ["web1", "web2", "web3", "web4", "web5"];
    assert_eq!(blocks(&plan)[0], json!([web, [web]]));
    assert_eq!(plan["blocks"][1]["hosts"]["pending"], "due");
    assert_eq!(step(&plan, "signed")["runs_at"], "ca1");
    assert_eq!(step(&plan, "signed")["as"], "ca");
    assert_eq!(step(&plan, "csr")["args"]["alt"], json!({ "pending": "[host.name, host.address]" }));
    for id in ["key", "signed", "file.write", "file.move", "service.reload"] {
        assert_eq!(step(&plan, id)["reversible"], true, "{id}");
    }
}

#[test]
fn windows_is_patched_within_a_window_and_the_silence_ends_always() {
    let plan = plan(&example("fleet"), "patch_windows");
    let windows = ["win1", "win2", "win3", "win4"];
    assert_eq!(blocks(&plan)[0], json!([windows, [windows]]));
    assert!(plan["schedule"].to_string().contains("Europe/Berlin"), "{}", plan["schedule"]);
    assert_eq!(step(&plan, "alertmanager.unsilence")["clause"], "always");
    assert_eq!(step(&plan, "silence")["runs_at"], "controller");
    assert_eq!(step(&plan, "patched[3]")["timeout"], 5400);
}
