//! The registry and processes of a SIMULATED Windows host, by whole runs: changed once, undone, and with the values that
//! were given. What Windows makes of the bodies is not shown.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use serde_json::{Value as Json, json};

use super::windows_accounts::Lab;

fn set(lab: &Lab, kind: &str, value: &Json) {
    let mut state = lab.host().state();
    state[kind] = value.clone();
    lab.host().set(&state);
}

fn machine(values: &Json) -> Json {
    json!({ "LocalMachine 64": values })
}

#[test]
fn a_value_and_the_keys_on_its_way_are_made_once_and_undone() {
    let lab = Lab::new(
        r#"    registry.set(key: 'HKLM:\SOFTWARE\Station\App', name: "Port", value: "0x1F90", type: "dword")
    registry.set(key: 'HKEY_LOCAL_MACHINE\software\STATION', value: "it's", view: "64")"#,
    );
    set(&lab, "registry", &machine(&json!({ "SOFTWARE": {} })));
    lab.runs(0);
    let made = json!({
        "SOFTWARE": {},
        "SOFTWARE\\Station": { "": ["string", "it's"] },
        "SOFTWARE\\Station\\App": { "Port": ["dword", "8080"] },
    });
    assert_eq!(lab.host().state()["registry"], machine(&made));
    let again = lab.runs(0);
    assert!(again.stdout.contains("changed=0"), "{again:?}");
    lab.host().assert_changed_by(&["registry.set.apply", "registry.set.apply"]);
    lab.comes_to(&["rollback", "1", "-y"], 0);
    assert_eq!(lab.host().state()["registry"], machine(&json!({ "SOFTWARE": {} })));
}

#[test]
fn a_value_of_another_kind_comes_back_as_it_was() {
    let lab = Lab::new(
        r#"    registry.set(key: 'HKLM\SOFTWARE\App', name: "PORT", value: "8080", type: "qword")
    x = registry.get(key: 'HKLM\SOFTWARE\App', name: "port")
    require x.value == "8080" and x.kind == "qword" else "it is another""#,
    );
    let before = machine(
        &json!({ "SOFTWARE": {}, "SOFTWARE\\app": { "Port": ["string", "80"], "Other": ["multistring", "a\nb"] } }),
    );
    set(&lab, "registry", &before);
    lab.runs(0);
    assert_eq!(lab.host().state()["registry"]["LocalMachine 64"]["SOFTWARE\\app"]["Port"], json!(["qword", "8080"]));
    lab.comes_to(&["rollback", "1", "-y"], 0);
    assert_eq!(lab.host().state()["registry"], before);
}

#[test]
fn a_key_with_keys_below_it_goes_only_where_that_is_said() {
    let lab = Lab::new(r"    registry.remove(key: 'HKLM\SOFTWARE\App')");
    let tree = json!({ "SOFTWARE": {}, "SOFTWARE\\App": { "": ["string", "x"] }, "SOFTWARE\\App\\Below": {}, "SOFTWARE\\Apple": {} });
    set(&lab, "registry", &machine(&tree));
    let refused = lab.runs(21);
    assert!(refused.stderr.contains("has keys below it; say recursive: true"), "{refused:?}");
    lab.plays(r"    registry.remove(key: 'HKLM\SOFTWARE\App', recursive: true)");
    lab.runs(0);
    assert_eq!(lab.host().state()["registry"], machine(&json!({ "SOFTWARE": {}, "SOFTWARE\\Apple": {} })));
    lab.comes_to(&["rollback", "2", "-y"], 0);
    assert_eq!(lab.host().state()["registry"], machine(&tree));
    lab.plays(r#"    registry.remove(key: 'HKLM\SOFTWARE\App', name: "")"#);
    lab.runs(0);
    assert_eq!(lab.host().state()["registry"]["LocalMachine 64"]["SOFTWARE\\App"], json!({}));
    lab.comes_to(&["rollback", "4", "-y"], 0);
    assert_eq!(lab.host().state()["registry"], machine(&tree));
}

#[test]
fn hostile_names_and_values_of_the_registry_arrive_as_they_are() {
    let lab = Lab::new(r"    registry.set(key: 'HKLM\SOFTWARE', name: name, value: team)");
    for text in ["it's", "$(calc)", "`a`", "\u{2018}x\u{2019}", "a \"b\"", "*?[x]", "%PATH%", "a;b|c&d", " x "] {
        let (name, team) = (format!("name={text}"), format!("team={text}"));
        lab.comes_to(&["run", "p.ops", "-y", "-e", &name, "-e", &team], 0);
        let now = &lab.host().state()["registry"]["LocalMachine 64"]["SOFTWARE"][text];
        assert_eq!(*now, json!(["string", text]));
    }
}

#[test]
fn a_process_that_does_not_end_when_it_is_asked_is_ended_only_with_force() {
    let lab = Lab::new("    process.kill(name: \"agent\")");
    set(
        &lab,
        "processes",
        &json!([
            { "name": "Agent.exe", "pid": 812, "ends": "window" },
            { "name": "agent.exe", "pid": 96, "ends": "force" },
            { "name": "agents.exe", "pid": 3, "ends": "force" },
        ]),
    );
    let refused = lab.runs(21);
    assert!(refused.stderr.contains("agent is still running; force: true ends it"), "{refused:?}");
    lab.plays("    x = process.status(name: \"AGENT.EXE\")\n    require x.pids == [96] else \"{x.pids}\"\n    process.kill(name: \"agent\", force: true)");
    lab.runs(0);
    assert_eq!(lab.host().state()["processes"], json!([{ "name": "agents.exe", "pid": 3, "ends": "force" }]));
    let again = lab.comes_to(&["do", "process.kill", "name=agent", "-l", "cis1", "-y"], 0);
    assert!(again.stdout.contains("changed=0") || again.stdout.contains("cis1: ok"), "{again:?}");
}
