//! Restarts of real hosts: the connection ends with the host, and the run goes on when it is back. And what is said of
//! hosts that do not come back, do not go down, or are the machine that opsc runs on.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use super::project::Project;
use super::system_case::{Case, changed};

const BOOT: &str = "cat /proc/sys/kernel/random/boot_id";

#[test]
fn a_run_goes_on_after_its_host_was_restarted() {
    let case = Case::new();
    let before = case.host().sh(BOOT);
    // Sessions beside the first one end with the host too.
    let aside = |names: [&str; 2]| {
        let steps = names.map(|name| format!("file.write(to: \"/home/ops/{name}\", content: \"x\")"));
        format!("parallel {{\n      {}\n    }}\n", steps.join("\n      "))
    };
    let steps = format!(
        "{}    os.hostname(name: \"anew\")\n    again = os.reboot(wait: 2m)\n    require again.changed else \"?\"\n    {}",
        aside(["a", "b"]),
        aside(["c", "d"])
    );
    let planned = case.plans(&steps);
    assert_eq!(case.host().sh(BOOT), before, "{planned:?}");
    assert!(planned.stdout.contains("os.reboot"), "{planned:?}");
    let said = case.run(&steps);
    assert_eq!(said.code, 0, "{said:?}");
    let after = case.host().sh(BOOT);
    assert_ne!(after, before);
    assert_eq!(case.host().sh("uname -n; ls /home/ops"), "anew\na\nb\nc\nd\n");
    let shown = case.project.opsc(&["show", "1", "-o", "json"]);
    assert!(shown.stdout.contains(after.trim()) && shown.stdout.contains(before.trim()), "{shown:?}");
}

#[test]
fn a_host_that_does_not_come_back_is_lost_and_its_rollback_owed() {
    let case = Case::new();
    case.host().sh("systemctl disable ssh");
    let steps = "file.write(to: \"/home/ops/a\", content: \"x\")\n    os.reboot(wait: 10s)";
    let said = case.run(steps);
    assert_eq!(said.code, 20, "{said:?}");
    let lost =
        format!("it was restarted and is not back within 10s: h1: {}:22 refused the connection", case.host().address);
    assert!(said.stderr.contains(&format!("{lost}; 1 step applied before, their rollback is owed")), "{said:?}");
}

#[test]
fn a_host_that_is_not_there_yet_is_waited_for() {
    let case = Case::new();
    let write = "file.write(to: \"/home/ops/a\", content: \"x\")";
    case.host().sh("systemd-run --quiet --on-active=6s systemctl start ssh; systemctl stop ssh");
    let plan = case.opsc(&["plan"], "wait.connection()");
    assert_eq!(plan.code, 0, "a plan waits for nobody: {plan:?}");
    let impatient = case.run(&format!("wait.connection() {{\n      timeout: 2s\n    }}\n    {write}"));
    assert_eq!(impatient.code, 20, "{impatient:?}");
    let refused = format!("h1: {}:22 refused the connection", case.host().address);
    assert!(impatient.stderr.contains(&format!("it was waited for 2s: {refused}")), "{impatient:?}");
    let said = case.run(&format!("wait.connection()\n    {write}"));
    assert_eq!((said.code, changed(&said)), (0, 1), "{said:?}");
}

#[test]
fn a_host_that_does_not_go_down_fails_with_what_is_the_matter() {
    let case = Case::new();
    case.host().sh("systemctl mask --quiet reboot.target");
    let refused = case.run("os.reboot(wait: 10s)");
    assert_eq!(refused.code, 21, "{refused:?}");
    assert!(refused.stderr.contains("Access denied"), "{refused:?}");

    case.host().sh("mv /usr/bin/systemctl /usr/bin/systemctl.real; ln -s /bin/true /usr/bin/systemctl");
    let ignored = case.run("os.reboot(wait: 10s)");
    assert_eq!(ignored.code, 21, "{ignored:?}");
    let reason = "it was restarted and is not back within 10s: it answers, and has not started anew";
    assert!(ignored.stderr.contains(reason), "{ignored:?}");
    case.host().sh("mv /usr/bin/systemctl.real /usr/bin/systemctl");
}

/// An action that says it restarts its host, and only leaves a mark: this machine is to survive a mistake.
const MARKS: &str = r#"action demo.again(mark: path) -> { boot: string } ! change {
  doc: "Start the host anew."
  touches: ["os"]
  restarts: 5s
  ensure: after.boot != before.boot

  linux {
    check sh """
      out boot "$(cat /proc/sys/kernel/random/boot_id)"
    """
    apply sh """
      touch -- "$mark"
    """
  }
}
"#;

#[test]
fn the_machine_that_opsc_runs_on_is_not_restarted() {
    let project = Project::new();
    let mark = project.path("mark");
    let playbook = format!(
        "playbook p() ! change {{\n  on host(\"localhost\") {{\n    demo.again(mark: \"{}\")\n  }}\n}}\n",
        mark.display()
    );
    project.write("p.ops", &format!("ops 1\n\n{MARKS}\n{playbook}"));
    for command in [&["plan", "p.ops"][..], &["run", "-y", "p.ops"][..]] {
        let said = project.opsc(command);
        assert_ne!(said.code, 0, "{said:?}");
        let all = format!("{}{}", said.stdout, said.stderr);
        assert!(all.contains("opsc runs on this machine, and its own run would end with it"), "{said:?}");
    }
    assert!(!mark.exists());
}
