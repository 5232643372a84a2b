//! `parallel`, through the binary: steps that can only end if they run at the same time, blocks side by side, failures,
//! undoing, and hosts that allow few channels.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use super::language_forms::Forms;
use super::project::Project;
use super::sshd::{Sshd, SshdOptions};

/// Leaves its own mark, then waits for another's: alone it fails after twenty seconds.
const MEETS: &str = r#"shell.run(
        script: sh"""
          touch "$mine"
          i=0
          until [ -e "$theirs" ]; do
            i=$((i + 1))
            [ "$i" -lt 200 ] || { echo "nobody came" >&2; exit 1; }
            sleep 0.1
          done
        """,
        effect: "change",
        vars: { mine: MINE, theirs: THEIRS },
        cwd: "ROOT",
      )"#;

fn meets(mine: &str, theirs: &str) -> String {
    MEETS.replace("MINE", mine).replace("THEIRS", theirs)
}

#[test]
fn steps_of_a_parallel_run_at_the_same_time_on_every_host() {
    let forms = Forms::new();
    let (one, other) =
        (meets("\"{host.name}.a\"", "\"{host.name}.b\""), meets("\"{host.name}.b\"", "\"{host.name}.a\""));
    forms.playbook(
        "change, exec",
        &format!(
            "  on group(\"web\") {{\n    first = file.write(to: \"ROOT/{{host.name}}.first\", content: \"1\")\n    \
             parallel {{\n      one = {one}\n      other = {other}\n      made = file.write(to: \
             \"ROOT/{{host.name}}.made\", content: \"made\")\n    }}\n    require made.changed and one.code == 0 else \
             \"{{other.code}}\"\n  }}\n"
        ),
    );
    let plan = forms.plan();
    let steps = plan["steps"].as_array().unwrap();
    let beside: Vec<_> = steps.iter().map(|step| step["parallel"].as_str()).collect();
    assert_eq!(beside, [None, Some("parallel#1"), Some("parallel#1"), Some("parallel#1")]);
    for step in &steps[1..] {
        let after: Vec<_> = step["after"].as_array().unwrap().iter().map(|edge| edge["step"].clone()).collect();
        assert_eq!(after, ["first"], "none of them waits for another: {step}");
    }
    let shown = forms.project.opsc(&["plan", "a.ops", "--offline"]).stdout;
    assert!(shown.contains("  parallel#1, at the same time:\n    - one = shell.run("), "{shown}");
    let explained = forms.project.opsc(&["explain", "a.ops"]).stdout;
    assert!(explained.contains("At the same time:"), "{explained}");

    let run = forms.run();
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(forms.read("w3.made").unwrap(), "made");
}

#[test]
fn a_step_that_fails_lets_the_others_finish_and_the_host_is_rolled_back() {
    let forms = Forms::new();
    let waits = meets("\"slow\"", "\"failed\"");
    forms.playbook(
        "change, exec",
        &format!(
            "  on host(\"w1\") {{\n    parallel {{\n      file.write(to: \"ROOT/made\", content: \"made\")\n      \
             shell.run(\n        script: sh\"\"\"\n          until [ -e \"$root/slow\" ]; do sleep 0.1; done\n          \
             touch \"$root/failed\"\n          exit 3\n        \"\"\",\n        effect: \"change\",\n        vars: {{ \
             root: \"ROOT\" }},\n      )\n      {waits}\n    }}\n    file.write(to: \"ROOT/never\", content: \
             \"never\")\n\n    on failure {{\n      rollback\n    }}\n  }}\n"
        ),
    );
    let run = forms.run();
    assert_eq!(run.code, 21, "a script has no way back: {run:?}");
    let said = ["x w1 shell.run: failed", "exit code 3", "~ w1 shell.run#2: changed", "left: shell.run#2, shell.run"];
    assert!(said.iter().all(|said| run.stderr.contains(said)), "{run:?}");
    assert_eq!((forms.read("made"), forms.read("never")), (None, None), "undone, and not gone on");
}

#[test]
fn blocks_of_a_parallel_run_side_by_side_and_the_next_one_knows_both() {
    let forms = Forms::new();
    let (one, other) = (meets("\"web\"", "\"lb\""), meets("\"lb\"", "\"web\""));
    forms.playbook(
        "change, exec",
        &format!(
            "  parallel {{\n    on host(\"w1\") {{\n      one = {one}\n    }}\n    on host(\"lb\") {{\n      other = \
             {other}\n    }}\n  }}\n  on one.ok + other.ok {{\n    file.write(to: \"ROOT/{{host.name}}.both\", content: \
             \"both\")\n  }}\n"
        ),
    );
    let plan = forms.plan();
    let beside: Vec<_> = plan["blocks"].as_array().unwrap().iter().map(|block| block["parallel"].as_str()).collect();
    assert_eq!(beside, [Some("parallel#1"), Some("parallel#1"), None]);
    let after: Vec<_> = plan["steps"][2]["after"].as_array().unwrap().iter().map(|edge| edge["step"].clone()).collect();
    assert!(after.contains(&"one".into()) && after.contains(&"other".into()), "{after:?}");
    let run = forms.run();
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!((forms.read("w1.both").as_deref(), forms.read("lb.both").as_deref()), (Some("both"), Some("both")));
}

#[test]
fn hosts_that_the_run_decides_twice_fail_it_before_either_block_begins() {
    let forms = Forms::new();
    forms.playbook(
        "change",
        r#"
  on group("web") {
    seen = file.info(path: "ROOT")
  }
  parallel {
    on seen.ok {
      file.write(to: "ROOT/{host.name}.one", content: "1")
    }
    on host("w2") {
      file.write(to: "ROOT/{host.name}.two", content: "2")
    }
  }
"#,
    );
    let run = forms.run();
    assert_eq!(run.code, 21, "{run:?}");
    let said = "w2 is in `on#2` and in `on#3`, which run at the same time; a host does one thing at a time";
    assert!(run.stderr.contains(said) || run.stdout.contains(said), "{run:?}");
    assert_eq!((forms.read("w1.one"), forms.read("w2.two")), (None, None));
}

/// Steps in a `parallel` on one real SSH server with these options; the most of them at work at the same time.
fn at_work_over_ssh(config: &[&str]) -> (i32, usize) {
    let project = Project::new();
    let options =
        SshdOptions { config: config.iter().map(|line| (*line).to_owned()).collect(), ..SshdOptions::default() };
    let server = Sshd::start(&options);
    project.write(
        "inventory.yaml",
        &format!(
            "hosts:\n  app:\n    address: 127.0.0.1\n    port: {}\n    key: {}\n    known_hosts: {}\n    user: root\n    os: linux\n",
            server.port,
            server.key_path.display(),
            server.known_hosts_path.display()
        ),
    );
    let root = project.path("root").display().to_string();
    std::fs::create_dir(&root).unwrap();
    let step = |number: usize| {
        format!(
            "      shell.run(\n        script: sh\"\"\"\n          touch \"$root/$number\"\n          ls \"$root\" | wc -l >>\"$root.most\"\n          sleep 0.5\n          ls \"$root\" | wc -l >>\"$root.most\"\n          rm \"$root/$number\"\n        \"\"\",\n        effect: \"change\",\n        vars: {{ root: \"{root}\", number: \"{number}\" }},\n      )\n"
        )
    };
    let steps: String = (0..6).map(step).collect();
    project.write(
        "a.ops",
        &format!(
            "ops 1\n\nplaybook a() ! change, exec {{\n  on host(\"app\") {{\n    parallel {{\n{steps}    }}\n  }}\n}}\n"
        ),
    );
    let run = project.opsc(&["run", "a.ops", "-y"]);
    let most = std::fs::read_to_string(format!("{root}.most")).unwrap_or_default();
    (run.code, most.lines().map(|line| line.trim().parse().unwrap()).max().unwrap_or(0))
}

#[test]
fn four_steps_at_most_share_a_connection_and_a_host_that_refuses_channels_gets_one() {
    assert_eq!(at_work_over_ssh(&[]), (0, 4));
    assert_eq!(at_work_over_ssh(&["MaxSessions 1"]), (0, 1));
}
