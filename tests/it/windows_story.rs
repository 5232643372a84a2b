//! The story of one sentence on SIMULATED Windows hosts: compiled, checked, planned, approved, run one server at a time,
//! undone where the new program does not start, gone on with, and looked back at.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use serde_json::{Value as Json, json};

use super::project::{Project, Said};
use super::runbook_files::copied;
use super::windows_rig::{PROGRAM, SERVICE, WindowsHost, write_project};
use super::winrm_rig::PASSWORD;

const SENTENCE: &str = "on the CIS servers check the StationController service, stop it, copy the new stationcontroller.exe, start it and verify it; one server at a time, ask for approval first";

/// What is below the header.
const COMPILED: &str = r#"# translated offline
# assumed: `to` is given when the playbook is run
# assumed: `by: "self"` of the approval is not in the request
# assumed: a host that fails is put back as it was

playbook service_status_and_service_stop(
  cis: hosts<windows> = group("cis"),
  to: path,
) ! change, admin {
  doc: "SENTENCE"

  approve(
    by: ["self"],
    message: "SENTENCE",
  )

  on cis (batch: 1, max_failures: 0) {
    service.status(name: "StationController")
    service.stop(name: "StationController")
    file.copy(from: file("stationcontroller.exe"), to: to)
    service.start(name: "StationController")
    service.check(name: "StationController")

    on failure {
      rollback
    }
  }
}
"#;

const INVENTORY: &str = "groups:\n  cis: { hosts: [cis1, cis2, cis3], os: windows, transport: winrm }\n";

fn plan(project: &Project, file: &str, input: &str) -> Json {
    let said = project.opsc(&["plan", file, "--offline", "-o", "json", "-e", input]);
    serde_json::from_str(&said.stdout).unwrap_or_else(|_| panic!("{said:?}"))
}

#[test]
fn the_sentence_becomes_a_playbook_that_rolls_back() {
    let project = Project::new();
    project.write("inventory.yaml", INVENTORY);
    project.write("stationcontroller.exe", "version 2");
    let compiled = project.opsc(&["compile", SENTENCE, "--save", "station.ops", "--no-input"]);
    assert_eq!(compiled.code, 0, "{compiled:?}");
    let expected = format!("ops 1\n\n# opsc compile \"SENTENCE\"\n{COMPILED}").replace("SENTENCE", SENTENCE);
    assert_eq!(project.read("station.ops").unwrap(), expected);
    assert_eq!(project.opsc(&["fmt", "--check", "station.ops"]).code, 0);
    let checked = project.opsc(&["check", "station.ops"]);
    assert_eq!((checked.code, checked.stderr.as_str()), (0, "checked 1 file: 0 errors, 0 warnings\n"));
}

/// The one that is kept asks more before it begins, and is about servers only that have another program.
#[test]
fn the_playbook_that_is_kept_does_what_the_sentence_says() {
    let project = copied();
    project.write("inventory.yaml", INVENTORY);
    project.write("stationcontroller.exe", "version 2");
    assert_eq!(project.opsc(&["compile", SENTENCE, "--save", "station.ops", "--no-input"]).code, 0);
    let compiled = plan(&project, "station.ops", &format!("to={PROGRAM}"));
    let kept = plan(&project, "update_stationcontroller.ops", "program=stationcontroller.exe");
    let steps = |plan: &Json| -> Vec<Json> {
        let steps = plan["steps"].as_array().unwrap().iter();
        let own = steps.filter(|step| step["clause"] == "main" && step["action"] != "file.info");
        own.map(|step| json!([step["action"], step["args"]])).collect()
    };
    assert_eq!(steps(&kept), steps(&compiled));
    for (plan, changing) in [(&compiled, "on#1"), (&kept, "on#2")] {
        let block = plan["blocks"].as_array().unwrap().iter().find(|block| block["id"] == changing).unwrap();
        assert_eq!(block["max_failures"], 0);
        let gates = plan["gates"].as_array().unwrap();
        assert_eq!((gates.len(), &gates[0]["by"]), (1, &json!(["self"])));
    }
    let told =
        project.opsc(&["plan", "update_stationcontroller.ops", "--offline", "-e", "program=stationcontroller.exe"]);
    for line in ["one at a time", "on failure:\n    rollback host"] {
        assert!(told.stdout.contains(line), "{line}: {}", told.stdout);
    }
}

/// Three servers, the playbook, and the program of another version.
struct Story {
    project: Project,
    hosts: Vec<WindowsHost>,
}

impl Story {
    fn new(program: &str) -> Story {
        let story = Story { project: copied(), hosts: ["cis1", "cis2", "cis3"].map(WindowsHost::start).into() };
        write_project(&story.project, &story.hosts, "");
        story.project.write("stationcontroller.exe", program);
        story
    }

    fn opsc(&self, line: &str) -> Said {
        let words: Vec<&str> = line.split(' ').collect();
        self.project.opsc(&words)
    }

    #[track_caller]
    fn comes_to(&self, line: &str, code: i32) -> Said {
        let said = self.opsc(line);
        assert_eq!(said.code, code, "{line}: {said:?}\n{}", self.hosts[0].everything());
        said
    }

    #[track_caller]
    fn has(&self, line: &str, code: i32, words: &[&str]) {
        let said = self.comes_to(line, code);
        let all = format!("{}{}", said.stdout, said.stderr);
        for expected in words {
            assert!(all.contains(expected), "{line}: expected {expected:?}:\n{all}");
        }
    }

    /// Up to the approval, which is given.
    fn approved(&self) {
        self.has(RUN, 3, &["update StationController on 3 of 3 servers to ", "opsc approve 1"]);
        self.has("approve 1", 0, &["outdated: cis1, cis2, cis3"]);
    }

    fn stations(&self) -> Vec<(String, String)> {
        self.hosts.iter().map(WindowsHost::station).collect()
    }

    /// The password is nowhere but in its own file, and no shell is left open.
    fn ends_well(self) {
        let journal = std::fs::read(self.project.path(".opsc/journal.sqlite")).unwrap();
        assert!(!String::from_utf8_lossy(&journal).contains(PASSWORD));
        for host in self.hosts {
            assert!(!host.everything().contains(PASSWORD));
            let heard = host.end();
            assert!(heard.last().is_none_or(|last| last == "shells 0"), "{heard:?}");
        }
    }
}

const RUN: &str = "run update_stationcontroller.ops -y -e program=stationcontroller.exe --password-file password";
const RESUME: &str = "-y --password-file password";

fn running(version: &str) -> (String, String) {
    ("Running".to_string(), version.to_string())
}

const UPDATE: [&str; 3] = ["service.stop.apply", "file.copy.apply", "service.start.apply"];
const UNDO: [&str; 3] = ["service.start.rollback", "file.copy.rollback", "service.stop.rollback"];

#[test]
fn the_servers_are_updated_one_at_a_time_after_the_approval() {
    let story = Story::new("version 2");
    let plan = "plan update_stationcontroller.ops -e program=stationcontroller.exe --password-file password";
    story.has(plan, 0, &["cis1: ~ will change", "cis3: ~ will change"]);
    story.approved();
    assert_eq!(story.stations(), [running("version 1"), running("version 1"), running("version 1")]);
    story.hosts.iter().for_each(|host| host.assert_changed_by(&[]));

    let lines = [
        "on#2 batch 1 of 3: cis1",
        "~ cis1 service.stop: changed",
        "~ cis1 file.copy: changed",
        "= cis3 service.check: ok",
    ];
    story.has(&format!("resume 1 {RESUME}"), 0, &lines);
    assert_eq!(story.stations(), [running("version 2"), running("version 2"), running("version 2")]);
    story.hosts.iter().for_each(|host| host.assert_changed_by(&UPDATE));
    // No server is begun before the one before it is done.
    let times = |host: &WindowsHost| {
        host.asked().iter().filter(|asked| asked.is_change()).map(|asked| asked.at).collect::<Vec<_>>()
    };
    let times: Vec<Vec<u64>> = story.hosts.iter().map(times).collect();
    assert!(times.windows(2).all(|pair| pair[0].last() < pair[1].first()), "{times:?}");

    // Nothing is to be done any more, so nobody is asked to agree.
    story.has(RUN, 0, &["cis2"]);
    story.hosts.iter().for_each(|host| host.assert_changed_by(&UPDATE));
    story.ends_well();
}

#[test]
fn a_server_where_the_new_program_does_not_start_is_put_back_and_the_run_goes_on_later() {
    let story = Story::new("version 2 needs runtime 8");
    story.hosts[0].set_runtime(8);
    story.hosts[2].set_runtime(8);
    story.approved();
    let says = [
        "x cis2 service.start: failed",
        "The runtime 8 is not installed",
        "< cis2 file.copy: rolled_back",
        "not started: cis3",
    ];
    story.has(&format!("resume 1 {RESUME}"), 23, &says);
    let new = running("version 2 needs runtime 8");
    assert_eq!(story.stations(), [new.clone(), running("version 1"), running("version 1")]);
    story.hosts[1].assert_changed_by(&[UPDATE, UNDO].concat());
    story.hosts[2].assert_changed_by(&[]);

    story.has("show 2", 0, &["(rolled_back)", "cis2 file.copy rollback: rolled_back"]);
    story.has("report 2", 0, &["cis2"]);

    story.hosts[1].set_runtime(8);
    story.has(&format!("resume 2 {RESUME}"), 0, &["= cis1 service.stop: ok (done in run 2)"]);
    assert_eq!(story.stations(), [new.clone(), new.clone(), new]);
    // What was done is not stopped once more.
    story.hosts[0].assert_changed_by(&UPDATE);
    story.has("audit verify", 0, &[]);
    story.ends_well();
}

/// Windows has no inodes to hide behind: the program of a service that runs cannot be replaced.
#[test]
fn a_program_in_use_is_not_replaced_and_who_uses_it_is_said() {
    let story = Story::new("version 2");
    let (from, to) = ("from=stationcontroller.exe", format!("to={PROGRAM}"));
    let said = story.project.opsc(&["do", "file.copy", from, &to, "-l", "cis1", "-y", "--password-file", "password"]);
    assert_eq!(said.code, 21, "{said:?}");
    let all = format!("{}{}", said.stdout, said.stderr);
    assert!(all.contains(&format!("in use by service {SERVICE}, so stop that first")), "{all}");
    assert_eq!(story.hosts[0].station(), running("version 1"));
    story.ends_well();
}

/// Names and texts with every sign that means something to PowerShell arrive as they are, and mean nothing.
#[test]
fn hostile_names_and_texts_arrive_as_they_are() {
    let story = Story::new("version 2");
    let folder = r"C:\srv\it's $(calc) `x` [x] é’‘“”; & %PATH% {0} #";
    let text = "$(Remove-Item C:\\) `n \u{2019}; exit 1 # \" ' @' %{ }";
    story.hosts[0].put(&format!("{folder}\\other"), "");
    let program = r#"ops 1

playbook hostile(to: path, content: text) ! change {
  on host("cis1") {
    file.write(to: to, content: content)
  }
}
"#;
    story.project.write("hostile.ops", program);
    let path = format!("{folder}\\a.txt");
    let (to, content) = (format!("to={path}"), format!("content={text}"));
    let run = ["run", "hostile.ops", "-y", "--password-file", "password", "-e", &to, "-e", &content];
    let said = story.project.opsc(&run);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(story.hosts[0].file(&path).as_deref(), Some(text));
    let asked = story.hosts[0].asked();
    let applied = asked.iter().find(|asked| asked.is("file.write.apply")).unwrap();
    assert_eq!((&applied.variables["to"], &applied.variables["content"]), (&json!(path), &json!(text)));
    story.ends_well();
}
