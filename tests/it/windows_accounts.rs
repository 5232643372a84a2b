//! Accounts, groups and installed programs of a SIMULATED Windows host, by whole runs: changed once, undone, and with the
//! values that were given. What Windows makes of the bodies is not shown.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use opsc::base::hex::hex;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::project::{Project, Said, said};
use super::windows_rig::{WindowsHost, write_project};

/// One host, and a playbook whose one block has this body.
pub(crate) struct Lab {
    project: Project,
    hosts: [WindowsHost; 1],
}

const SECRET: &str = "tell-nobody $x 'y' \u{2019}";

impl Lab {
    pub(crate) fn new(body: &str) -> Lab {
        let lab = Lab { project: Project::new(), hosts: [WindowsHost::start("cis1")] };
        write_project(&lab.project, &lab.hosts, "");
        lab.plays(body);
        lab
    }

    pub(crate) fn plays(&self, body: &str) {
        let params = "name: string = \"\", team: string = \"\"";
        let head = format!("ops 1\n\nplaybook p({params}) ! change, admin, exec {{\n  on host(\"cis1\") {{\n");
        self.project.write("p.ops", &format!("{head}{body}\n  }}\n}}\n"));
    }

    pub(crate) fn host(&self) -> &WindowsHost {
        &self.hosts[0]
    }

    #[track_caller]
    pub(crate) fn comes_to(&self, arguments: &[&str], code: i32) -> Said {
        let words = [arguments, &["--password-file", "password"]].concat();
        let said = said(self.project.command(&words).env("ANN", SECRET).output().unwrap());
        assert_eq!(said.code, code, "{arguments:?}: {said:?}\n{}", self.host().everything());
        said
    }

    #[track_caller]
    pub(crate) fn runs(&self, code: i32) -> Said {
        self.comes_to(&["run", "p.ops", "-y"], code)
    }
}

const ACCOUNT: &str = r#"    group.ensure(name: "Station Operators")
    user.ensure(name: "Ann", groups: ["station operators"], comment: "it's hers", password: secret("env:ANN"))"#;

#[test]
fn an_account_is_made_once_and_undone() {
    let lab = Lab::new(ACCOUNT);
    let before = lab.host().state();
    lab.runs(0);
    let state = lab.host().state();
    let sha256 = hex(&Sha256::digest(SECRET.as_bytes()));
    assert_eq!(state["users"], json!([{ "name": "Ann", "comment": "it's hers", "sha256": sha256 }]));
    assert_eq!(state["groups"], json!([{ "name": "Station Operators", "members": ["ann"] }]));
    // What means nothing there is not sent: PowerShell keeps `home` to itself.
    let asked = lab.host().asked();
    let checked = asked.iter().find(|asked| asked.is("user.ensure.check")).unwrap();
    assert_eq!((checked.variables.get("home"), &checked.variables["comment"]), (None, &json!("it's hers")));
    let again = lab.runs(0);
    assert!(again.stdout.contains("changed=0"), "{again:?}");
    lab.host().assert_changed_by(&["group.ensure.apply", "user.ensure.apply"]);
    lab.comes_to(&["rollback", "1", "-y"], 0);
    let after = lab.host().state();
    assert_eq!((&after["users"], &after["groups"]), (&json!([]), &json!([])));
    assert_eq!(after["services"], before["services"]);
    let journal = std::fs::read(lab.project.path(".opsc/journal.sqlite")).unwrap();
    assert!(!String::from_utf8_lossy(&journal).contains("tell-nobody"));
}

#[test]
fn an_account_that_is_there_gets_back_what_it_had() {
    let lab = Lab::new(ACCOUNT);
    lab.runs(0);
    lab.plays(
        r#"    group.ensure(name: "Others")
    user.ensure(name: "ANN", groups: ["Others"], append: false, comment: "new")"#,
    );
    lab.runs(0);
    let groups = |state: &Json| -> Vec<(String, Json)> {
        let groups = state["groups"].as_array().unwrap().iter();
        groups.map(|group| (group["name"].as_str().unwrap().to_string(), group["members"].clone())).collect()
    };
    let expected = [("Station Operators".to_string(), json!([])), ("Others".to_string(), json!(["ann"]))];
    assert_eq!(groups(&lab.host().state()), expected);
    lab.comes_to(&["rollback", "2", "-y"], 0);
    let state = lab.host().state();
    assert_eq!(groups(&state), [("Station Operators".to_string(), json!(["ann"]))]);
    assert_eq!(state["users"][0]["comment"], "it's hers");
}

/// Nobody can give an account its number back.
#[test]
fn a_removed_account_is_said_not_to_come_back() {
    let lab = Lab::new(ACCOUNT);
    lab.runs(0);
    lab.plays("    user.remove(name: \"ann\")\n    group.remove(name: \"STATION OPERATORS\")");
    lab.runs(0);
    let state = lab.host().state();
    assert_eq!((&state["users"], &state["groups"]), (&json!([]), &json!([])));
    lab.comes_to(&["rollback", "2", "-y"], 24);
    lab.host().assert_changed_by(&[
        "group.ensure.apply",
        "user.ensure.apply",
        "user.remove.apply",
        "group.remove.apply",
    ]);
}

#[test]
fn hostile_names_arrive_as_they_are() {
    let lab = Lab::new("    group.ensure(name: team)\n    user.ensure(name: name, groups: [team])");
    let (name, team) = ("it's $(calc) `x` \u{2018}\u{2019} é & %PATH% {0} #", "$env 'y' ~!^(a) \u{201c}");
    let (given, team_given) = (format!("name={name}"), format!("team={team}"));
    lab.comes_to(&["run", "p.ops", "-y", "-e", &given, "-e", &team_given], 0);
    let state = lab.host().state();
    assert_eq!((&state["users"][0]["name"], &state["groups"][0]["name"]), (&json!(name), &json!(team)));
    // What Windows allows in no name is not sent.
    let asked = lab.host().asked().len();
    for name in ["a*", "a?", "[a]", "a\\b", "a\"b", "a.", " a", "-a"] {
        let given = format!("name={name}");
        lab.comes_to(&["run", "p.ops", "-y", "-e", &given, "-e", &team_given], 11);
    }
    assert_eq!(lab.host().asked().len(), asked);
}

#[test]
fn what_means_nothing_on_windows_is_told_before_anything_runs() {
    let lab = Lab::new("    user.ensure(name: \"ann\", shell: \"/bin/sh\")");
    let said = lab.runs(11);
    assert!(said.stderr.contains("`shell` means nothing on windows hosts"), "{said:?}");
    // Where only the run knows the value, it is the run that says so.
    lab.plays(
        "    seen = file.info(path: 'C:\\srv')\n    file.directory(path: 'C:\\srv', mode: seen.mode ?? \"0750\")",
    );
    let said = lab.runs(21);
    assert!(said.stderr.contains("`mode` means nothing on windows hosts"), "{said:?}");
    lab.host().assert_changed_by(&[]);
}

const PROGRAM: &str = "    windows.package(name: \"App 2\", installer: 'C:\\setup\\app.msi', version: \"2.4.1\")";

fn installer(codes: &[i32]) -> String {
    let program = json!({ "name": "App 2", "code": "{A-1}", "version": "2.4.1", "quiet": true });
    json!({ "program": program, "codes": codes }).to_string()
}

#[test]
fn a_program_is_installed_once_and_taken_away_again() {
    let lab = Lab::new(PROGRAM);
    // Another installation is under way at first, and a restart is asked for at last.
    lab.host().put(r"C:\setup\app.msi", &installer(&[1618, 3010]));
    lab.runs(0);
    assert_eq!(lab.host().state()["programs"][0]["version"], "2.4.1");
    let report = lab.project.opsc(&["report", "1", "-o", "json"]);
    assert!(report.stdout.contains("\"restart_needed\""), "{report:?}");
    lab.runs(0);
    lab.host().assert_changed_by(&["windows.package.apply"]);
    lab.comes_to(&["rollback", "1", "-y"], 0);
    assert_eq!(lab.host().state()["programs"], json!([]));
}

#[test]
fn an_installer_that_fails_or_is_not_there_is_told() {
    let lab = Lab::new(PROGRAM);
    let said = lab.runs(21);
    assert!(said.stderr.contains("there is no installer"), "{said:?}");
    lab.host().put(r"C:\setup\app.msi", &installer(&[1603]));
    let said = lab.runs(21);
    assert!(said.stderr.contains("ended with the code 1603"), "{said:?}");
}
