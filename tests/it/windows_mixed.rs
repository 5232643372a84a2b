//! One playbook over a Linux host behind a real sshd and a SIMULATED Windows host: one run, one report. What an action
//! cannot do on Windows is found before anything runs.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use serde_json::Value as Json;

use super::project::Project;
use super::sshd::{Sshd, SshdOptions};
use super::windows_rig::{WindowsHost, write_project};

const NOTICE: &str = r#"ops 1

playbook notice(
  fleet: hosts = group("cis") + host("lin1"),
  text: text = "it's $(moved)",
) ! change {
  on fleet {
    if host.os == "windows" {
      file.write(to: 'C:\srv\notice.txt', content: text)
    }
    if host.os == "linux" {
      file.write(to: "ROOT/notice.txt", content: text)
    }
  }
}
"#;

fn linux_entry(server: &Sshd) -> String {
    let (port, key, known) = (server.port, server.key_path.display(), server.known_hosts_path.display());
    format!("  lin1: {{ address: 127.0.0.1, port: {port}, user: root, os: linux, key: {key}, known_hosts: {known} }}\n")
}

#[test]
fn one_run_changes_hosts_of_both_kinds_and_reports_them_together() {
    let (project, server) = (Project::new(), Sshd::start(&SshdOptions::default()));
    let hosts = [WindowsHost::start("cis1")];
    hosts[0].put(r"C:\srv\other", "");
    write_project(&project, &hosts, &linux_entry(&server));
    std::fs::create_dir(project.path("root")).unwrap();
    project.write("notice.ops", &NOTICE.replace("ROOT", &project.path("root").display().to_string()));
    for changed in [1, 0] {
        let said = project.opsc(&["run", "notice.ops", "-y", "--password-file", "password"]);
        assert_eq!(said.code, 0, "{said:?}");
        for host in ["cis1", "lin1"] {
            let recap = format!("{host} : ok=1 changed={changed} unreachable=0 failed=0");
            assert!(said.stdout.contains(&recap), "{recap}: {said:?}");
        }
    }
    let text = "it's $(moved)";
    assert_eq!(hosts[0].file(r"C:\srv\notice.txt").as_deref(), Some(text));
    assert_eq!(project.read("root/notice.txt").as_deref(), Some(text));
    let report: Json = serde_json::from_str(&project.opsc(&["report", "1", "-o", "json"]).stdout).unwrap();
    let report = report.to_string();
    assert!(report.contains("\"cis1\"") && report.contains("\"lin1\""), "{report}");
    let back = project.opsc(&["rollback", "1", "-y", "--password-file", "password"]);
    assert_eq!(back.code, 0, "{back:?}");
    assert_eq!((hosts[0].file(r"C:\srv\notice.txt"), project.read("root/notice.txt")), (None, None));
}

#[test]
fn what_has_no_way_on_windows_is_found_and_can_be_left_to_the_others() {
    let project = Project::new();
    project.write(
        "inventory.yaml",
        "groups:\n  cis: { hosts: [cis1], os: windows, transport: winrm }\nhosts:\n  lin1: { os: linux }\n",
    );
    let program = |body: &str| {
        format!(
            "ops 1\n\nplaybook jobs(\n  fleet: hosts = group(\"cis\") + host(\"lin1\"),\n) ! change, admin {{\n  on fleet {{\n{body}  }}\n}}\n"
        )
    };
    let job = "cron.ensure(name: \"sweep\", job: \"/usr/bin/sweep\", user: \"root\", schedule: \"5 4 * * *\")";
    project.write("jobs.ops", &program(&format!("    {job}\n")));
    let found = project.opsc(&["plan", "--offline", "jobs.ops"]);
    assert_eq!(found.code, 11, "{found:?}");
    for words in ["`cron.ensure` cannot run on windows", "would run on cis1", "narrow the hosts"] {
        assert!(found.stderr.contains(words), "{words}: {found:?}");
    }
    project.write("jobs.ops", &program(&format!("    if host.os == \"linux\" {{\n      {job}\n    }}\n")));
    let narrowed = project.opsc(&["plan", "--offline", "jobs.ops"]);
    assert_eq!(narrowed.code, 0, "{narrowed:?}");
}

/// In an `at`, what an action asks of `host` is asked of the one that it runs on.
#[test]
fn an_action_is_judged_by_the_host_that_it_runs_on() {
    let (project, server) = (Project::new(), Sshd::start(&SshdOptions::default()));
    let hosts = [WindowsHost::start("cis1")];
    write_project(&project, &hosts, &linux_entry(&server));
    let action = "action demo.mark(path: path) ! change {\n  doc: \"Mark.\"\n  touches: [\"path:{path}\"]\n  needs: host.os == \"linux\" else \"{host.name} is no place for it\"\n\n  linux {\n    apply sh \"\"\"\n      : > \"$path\"\n    \"\"\"\n  }\n}\n";
    let path = project.path("mark").display().to_string();
    let playbook = format!(
        "playbook mark() ! change {{\n  on host(\"cis1\") {{\n    at host(\"lin1\") {{\n      demo.mark(path: \"{path}\")\n    }}\n  }}\n}}\n"
    );
    project.write("mark.ops", &format!("ops 1\n\n{action}\n{playbook}"));
    let said = project.opsc(&["run", "mark.ops", "-y", "--password-file", "password"]);
    assert_eq!((said.code, project.read("mark").as_deref()), (0, Some("")), "{said:?}");
}
