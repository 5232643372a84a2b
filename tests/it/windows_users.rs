//! Whole runs whose steps are another user's on SIMULATED Windows hosts: what the plan says, who does what, and what is never
//! begun. What Windows makes of a task is not shown.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use serde_json::{Value as Json, json};

use super::project::{Project, Said, said};
use super::sshd::{Sshd, SshdOptions};
use super::windows_rig::{WindowsHost, write_project};

/// One host and the file `p.ops`.
struct Lab {
    project: Project,
    hosts: [WindowsHost; 1],
}

impl Lab {
    /// A playbook of this block.
    fn new(options: &str, steps: &str) -> Lab {
        let lab = Lab { project: Project::new(), hosts: [WindowsHost::start("cis1")] };
        write_project(&lab.project, &lab.hosts, "");
        lab.plays(options, steps);
        lab
    }

    fn plays(&self, options: &str, steps: &str) {
        let head = "ops 1\n\nplaybook p(\n  who: string = \"SYSTEM\",\n) ! change, admin, exec, network {\n";
        let block = format!("  on host(\"cis1\"){options} {{\n    {steps}\n  }}\n}}\n");
        self.project.write("p.ops", &format!("{head}{block}"));
    }

    #[track_caller]
    fn comes_to(&self, line: &str, more: &[&str], code: i32) -> Said {
        let words: Vec<&str> =
            line.split(' ').chain(["--password-file", "password"]).chain(more.iter().copied()).collect();
        let said = said(self.project.command(&words).env("ANN", "tell-nobody").output().unwrap());
        assert_eq!(said.code, code, "{words:?}: {said:?}\n{}", self.host().everything());
        said
    }

    fn host(&self) -> &WindowsHost {
        &self.hosts[0]
    }

    /// Who did what changed something.
    fn changed_as(&self) -> Vec<Json> {
        self.host().asked().iter().filter(|asked| asked.is_change()).map(|asked| asked.user.clone()).collect()
    }

    fn has(&self, updates: Json) {
        let mut state = self.host().state();
        state["updates"] = updates;
        self.host().set(&state);
    }
}

#[test]
fn a_fleet_of_both_kinds_has_users_of_both() {
    let (project, server) = (Project::new(), Sshd::start(&SshdOptions::default()));
    let hosts = [WindowsHost::start("cis1")];
    hosts[0].put(r"C:\srv\other", "");
    let (port, key, known) = (server.port, server.key_path.display(), server.known_hosts_path.display());
    let linux = format!(
        "  lin1: {{ address: 127.0.0.1, port: {port}, user: root, os: linux, key: {key}, known_hosts: {known}, as: nobody }}\n"
    );
    write_project(&project, &hosts, &linux);
    let place = project.path("open");
    std::fs::create_dir(&place).unwrap();
    std::fs::set_permissions(&place, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    std::fs::set_permissions(project.path(""), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let place = place.display();
    let block = |host: &str, options: &str, path: &str| {
        format!("  on host(\"{host}\"){options} {{\n    file.write(to: '{path}', content: \"it's $(x)\")\n  }}\n")
    };
    let (first, second) =
        (block("cis1", " (as: \"SYSTEM\")", r"C:\srv\notice.txt"), block("lin1", "", &format!("{place}/notice.txt")));
    project.write("p.ops", &format!("ops 1\n\nplaybook p() ! change, admin {{\n{first}{second}}}\n"));
    let planned = project.opsc(&["plan", "p.ops", "--offline"]);
    assert!(planned.stdout.contains("as SYSTEM") && planned.stdout.contains("as nobody"), "{planned:?}");
    let ran = project.opsc(&["run", "p.ops", "-y", "--password-file", "password"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(hosts[0].file(r"C:\srv\notice.txt").as_deref(), Some("it's $(x)"));
    assert!(hosts[0].asked().iter().all(|asked| asked.user == "SYSTEM"), "{:?}", hosts[0].asked());
    let back = project.opsc(&["rollback", "1", "-y", "--password-file", "password"]);
    assert_eq!(back.code, 0, "{back:?}");
    assert_eq!(hosts[0].file(r"C:\srv\notice.txt"), None);
}

#[test]
fn hostile_names_of_users_arrive_as_they_are() {
    let lab = Lab::new(" (as: who)", "file.write(to: 'C:\\srv\\a', content: \"x\")");
    lab.host().put(r"C:\srv\other", "");
    let names = ["it's $(calc) `x` \u{2018}\u{2019} é & %PATH% {0} #", "CORP\\a \"b\"", "  "];
    for (number, name) in names.iter().enumerate() {
        lab.plays(" (as: who)", &format!("file.write(to: 'C:\\srv\\{number}', content: \"x\")"));
        lab.comes_to("run p.ops -y", &["-e", &format!("who={name}")], 0);
        assert_eq!(lab.changed_as().last(), Some(&json!(name)));
    }
    // Who logs in anyway needs no task for it.
    lab.plays(" (as: who)", "file.write(to: 'C:\\srv\\own', content: \"x\")");
    lab.comes_to("run p.ops -y -e who=ANN", &[], 0);
    assert_eq!(lab.changed_as().last(), Some(&Json::Null));
}

#[test]
fn what_would_lie_in_a_file_there_is_no_plan() {
    let lab = Lab::new("", "");
    lab.project.write("a.txt", "a");
    let steps = [
        (
            "user.ensure(name: \"ann\", password: secret(\"env:ANN\"))",
            "a secret is not given to a step as `SYSTEM` on windows",
        ),
        ("file.copy(from: file(\"a.txt\"), to: 'C:\\a.txt')", "a file is not given to a step as `SYSTEM` on windows"),
    ];
    for (step, words) in steps {
        lab.plays(" (as: who)", step);
        let refused = lab.comes_to("run p.ops -y", &[], 11);
        assert!(refused.stderr.contains(words), "{refused:?}");
        assert!(lab.comes_to("plan p.ops --offline -e who=root", &[], 11).stderr.contains("windows has no root"));
        // Who logs in may have both.
        lab.comes_to("plan p.ops --offline -e who=ann", &[], 0);
    }
    // What only the run knows, the run refuses.
    lab.plays("", "x = file.info(path: 'C:\\srv')\n    shell.run(script: powershell\"y\", effect: \"change\", stdin: \"{x.exists}\") {\n      as: \"SYSTEM\"\n    }");
    let refused = lab.comes_to("run p.ops -y", &[], 21);
    assert!(refused.stderr.contains("standard input is not given to a step as `SYSTEM`"), "{refused:?}");
    assert_eq!(lab.changed_as(), [Json::Null; 0]);
}

const UPDATE: &str = "updated = os.update(classes: [\"security\"])\n    require updated.reboot_required else \"no\"";

#[test]
fn windows_update_installs_as_the_system_alone() {
    let lab = Lab::new("", "os.update()");
    lab.comes_to("run p.ops -y", &[], 0);
    lab.has(json!([{ "title": "Update (KB1)", "result": 2 }, { "title": "it's (KB2)", "result": 3 }]));
    let barred = lab.comes_to("run p.ops -y", &[], 21);
    assert!(barred.stderr.contains("installs nothing over a network login: write `as: \"SYSTEM\"`"), "{barred:?}");
    assert_eq!(lab.changed_as(), [Json::Null; 0]);
    lab.plays(" (as: \"SYSTEM\")", UPDATE);
    assert!(lab.comes_to("plan p.ops", &[], 0).stdout.contains("as SYSTEM"));
    lab.comes_to("run p.ops -y", &[], 0);
    assert_eq!(lab.changed_as(), ["SYSTEM"]);
    let report = lab.project.opsc(&["report", "3", "-o", "json"]);
    assert!(report.stdout.contains("KB1") && report.stdout.contains("it's (KB2)"), "{report:?}");
    lab.plays(" (as: \"SYSTEM\")", "os.update()");
    lab.comes_to("run p.ops -y", &[], 0);
    assert_eq!(lab.changed_as().len(), 1);
}

#[test]
fn an_update_that_fails_is_named() {
    let lab = Lab::new(" (as: \"SYSTEM\")", "os.update()");
    lab.has(json!([{ "title": "Update (KB1)", "result": 4 }, { "title": "Other (KB2)", "result": 2 }]));
    let said = lab.comes_to("run p.ops -y", &[], 21);
    assert!(said.stderr.contains("could not install Update (KB1) (result 4, 0x80070005)"), "{said:?}");
    lab.plays(" (as: \"SYSTEM\")", "os.update(age: 2h)");
    assert!(lab.comes_to("run p.ops -y", &[], 11).stderr.contains("`age` means nothing on windows hosts"));
}
