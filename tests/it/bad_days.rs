//! Connections and steps that go wrong, through the binary: each is named with what to do, has its exit code, and leaves
//! a journal that says what happened.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::Child;
use std::time::{Duration, Instant};

use super::project::{Project, Said};
use super::sshd::{Sshd, SshdOptions, make_key};

struct Day {
    project: Project,
    server: Sshd,
}

impl Day {
    fn new() -> Day {
        let day = Day { project: Project::new(), server: Sshd::start(&SshdOptions::default()) };
        day.inventory("");
        day
    }

    /// One host `far`, with more or other settings.
    fn inventory(&self, more: &str) {
        let server = &self.server;
        let mut settings = vec![
            format!("port: {}", server.port),
            format!("key: {}", server.key_path.display()),
            format!("known_hosts: {}", server.known_hosts_path.display()),
        ];
        settings.retain(|setting| !more.contains(setting.split(':').next().unwrap()));
        let text = format!(
            "hosts:\n  far: {{ address: 127.0.0.1, os: linux, user: root, {}{more} }}\n",
            settings.iter().map(|setting| format!("{setting}, ")).collect::<String>()
        );
        self.project.write("inventory.yaml", &text);
    }

    fn exec(&self, script: &str) -> Said {
        self.project.opsc(&["exec", "-l", "far", "-y", "--", script])
    }
}

#[test]
fn a_wrong_key_is_named_with_what_was_tried() {
    let day = Day::new();
    let wrong = day.project.path("wrong");
    make_key(&wrong);
    day.inventory(&format!("key: {}", wrong.display()));
    let said = day.exec("true");
    assert_eq!(said.code, 20, "{said:?}");
    for expected in ["far: ", "root", &format!("key {}", wrong.display()), "hint: "] {
        assert!(said.stderr.contains(expected), "{expected}: {}", said.stderr);
    }
}

#[test]
fn unknown_and_changed_host_keys_stop_before_anything_runs() {
    let day = Day::new();
    let mark = day.project.path("mark");
    let touch = format!("touch {}", mark.display());
    let empty = day.project.path("empty");
    std::fs::write(&empty, "").unwrap();
    day.inventory(&format!("known_hosts: {}", empty.display()));
    let said = day.exec(&touch);
    assert_eq!(said.code, 20, "{said:?}");
    assert!(said.stderr.contains("opsc inv trust far") && said.stderr.contains("SHA256:"), "{}", said.stderr);

    // Nobody is there to approve; then somebody does, and it is this key that becomes known.
    let asked = day.project.opsc(&["inv", "trust", "far"]);
    assert!(asked.code == 3 && asked.stdout.starts_with("far: ssh-ed25519 SHA256:"), "{asked:?}");
    assert_eq!(std::fs::read_to_string(&empty).unwrap(), "");
    let trusted = day.project.opsc(&["inv", "trust", "far", "-y"]);
    assert_eq!((trusted.code, trusted.stderr.as_str()), (0, "far: added\n"), "{trusted:?}");
    let (added, right) =
        [empty.clone(), day.server.known_hosts_path.clone()].map(|file| std::fs::read_to_string(file).unwrap()).into();
    assert_eq!(
        added.trim().split(' ').take(3).collect::<Vec<_>>(),
        right.trim().split(' ').take(3).collect::<Vec<_>>()
    );
    assert_eq!(day.exec("true").code, 0);
    assert_eq!(day.project.opsc(&["inv", "trust", "far"]).stderr, "far: the key is known\n");

    let other = day.project.path("other");
    make_key(&other);
    let key = std::fs::read_to_string(day.project.path("other.pub")).unwrap();
    std::fs::write(&empty, format!("[127.0.0.1]:{} {key}", day.server.port)).unwrap();
    let said = day.exec(&touch);
    assert_eq!(said.code, 20, "{said:?}");
    assert!(said.stderr.contains("changed") && said.stderr.contains("SHA256:"), "{}", said.stderr);
    let refused = day.project.opsc(&["inv", "trust", "far", "-y"]);
    assert!(refused.code == 20 && refused.stderr.contains("the host key changed"), "{refused:?}");
    assert!(!mark.exists());
}

#[test]
fn a_failing_script_shows_its_last_words_and_binary_output_does_no_harm() {
    let day = Day::new();
    let said = day.exec("echo first; echo 'the disk is full' >&2; exit 28");
    assert_eq!(said.code, 21, "{said:?}");
    assert!(said.stderr.contains("the disk is full") && said.stderr.contains("exit code 28"), "{}", said.stderr);
    let said = day.exec(r"printf '\033]0;owned\007\000\377\n'; head -c 4096 /dev/urandom");
    assert_eq!(said.code, 0, "{said:?}");
    assert!(!said.stdout.contains('\u{1b}') && !said.stdout.contains('\u{7}'), "control characters are written out");
    let logs = day.project.opsc(&["logs", "2"]);
    assert!(logs.stdout.contains("\\u{1b}]0;owned"), "{logs:?}");
}

/// A run of one step that must not be done twice and waits for a file; it has begun.
fn waiting(day: &Day) -> (Child, PathBuf) {
    let (mark, go) = (day.project.path("mark"), day.project.path("go"));
    let script = format!("touch {}; until [ -e {} ]; do sleep 0.02; done; echo over", mark.display(), go.display());
    let step = format!("shell.run(script: sh\"\"\"{script}\"\"\", effect: \"change\")");
    let text = format!("ops 1\n\nplaybook waits() ! change, exec {{\n  on host(\"far\") {{\n    {step}\n  }}\n}}\n");
    day.project.write("waits.ops", &text);
    let mut runner = day.project.spawn(&["run", "waits.ops", "-y", "--timeout", "1"]);
    let until = Instant::now() + Duration::from_secs(20);
    while !mark.exists() {
        assert!(Instant::now() < until, "the step never started: {:?}", runner.try_wait());
        std::thread::yield_now();
    }
    (runner, go)
}

#[test]
fn a_connection_that_is_cut_is_not_the_end_of_the_step() {
    let day = Day::new();
    let (runner, go) = waiting(&day);
    day.server.cut_connections();
    std::fs::write(go, "").unwrap();
    let said = super::project::said(runner.wait_with_output().unwrap());
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stderr.contains("the connection was lost; the host went on with the step"), "{said:?}");
    assert!(day.project.opsc(&["logs", "1"]).stdout.contains("over\n"), "what it printed was not lost");
}

#[test]
fn a_host_that_is_gone_says_so_and_leaves_the_intent_open() {
    let mut day = Day::new();
    let (runner, go) = waiting(&day);
    day.server.stop();
    let said = super::project::said(runner.wait_with_output().unwrap());
    assert_eq!(said.code, 20, "{said:?}");
    assert!(said.stderr.contains("connection"), "{}", said.stderr);
    let shown = day.project.opsc(&["show", "1"]);
    assert!(shown.stdout.contains("far shell.run apply: unreachable"), "{}", shown.stdout);
    std::fs::write(go, "").unwrap();
}

#[test]
fn sudo_that_is_not_there_is_told() {
    let day = Day::new();
    // The user has no other name on this machine, so becoming `nobody` needs sudo, and this PATH has none.
    day.inventory("admin: none");
    day.project.write(
        "a.ops",
        "ops 1\n\nplaybook a() ! change, admin, exec {\n  on host(\"far\") (as: \"nobody\") {\n    shell.run(script: sh\"true\", effect: \"change\")\n  }\n}\n",
    );
    let said = day.project.opsc(&["run", "a.ops", "-y"]);
    assert!([20, 21].contains(&said.code), "{said:?}");
    assert!(said.stderr.contains("nobody") && said.stderr.contains("hint: "), "{}", said.stderr);
}

#[test]
fn an_action_for_windows_is_refused_on_linux_before_any_connection() {
    let day = Day::new();
    day.project.write(
        "actions/win.ops",
        "ops 1\n\naction win.hello() -> { } ! change {\n  doc: \"Say hello.\"\n  touches: []\n\n  windows {\n    apply powershell \"\"\"\n      Write-Output hello\n    \"\"\"\n  }\n}\n",
    );
    day.project.write("a.ops", "ops 1\n\nplaybook a() ! change {\n  on host(\"far\") {\n    win.hello()\n  }\n}\n");
    let said = day.project.opsc(&["run", "a.ops", "-y"]);
    assert_eq!(said.code, 11, "{said:?}");
    assert!(said.stderr.contains("`win.hello` cannot run on linux"), "{}", said.stderr);
}

const THREE: &str = "groups:\n  all3:\n    hosts: [\"n[1:3]\"]\n    transport: local\n    os: linux\n";

/// Two steps on each of three hosts, one host at a time; both leave a mark and take it back.
fn stoppable(project: &Project) {
    project.write("inventory.yaml", THREE);
    let step = |name: &str| {
        format!(
            "    shell.run(\n      script: sh\"touch \\\"$base/$host.{name}\\\"; sleep 1; touch \\\"$base/$host.{name}.done\\\"\",\n      undo: sh\"rm -f \\\"$base/$host.{name}\\\" \\\"$base/$host.{name}.done\\\"\",\n      effect: \"change\",\n      vars: {{ base: \"{{base}}\", host: \"{{host.name}}\" }},\n    )\n"
        )
    };
    let text = format!(
        "ops 1\n\nplaybook stoppable(\n  base: path,\n) ! change, exec {{\n  on group(\"all3\") (batch: 1) {{\n{}{}\n    on failure {{\n      rollback\n    }}\n  }}\n}}\n",
        step("one"),
        step("two")
    );
    project.write("stoppable.ops", &text);
}

fn interrupt(pid: u32) {
    assert!(std::process::Command::new("kill").args(["-INT", &pid.to_string()]).status().unwrap().success());
}

/// Starts the run, interrupts it so often while the first step runs, and gives what it said and the marks that are left.
fn interrupted(times: usize) -> (Said, Vec<String>) {
    let project = Project::new();
    stoppable(&project);
    let base = project.path("marks");
    std::fs::create_dir(&base).unwrap();
    let given = format!("base={}", base.display());
    let mut runner = project.spawn(&["run", "stoppable.ops", "-y", "-e", &given]);
    let mut told = BufReader::new(runner.stderr.take().unwrap());
    let mut heard = String::new();
    let until = Instant::now() + Duration::from_secs(20);
    while !base.join("n1.one").exists() {
        assert!(Instant::now() < until, "the first step never started");
        std::thread::yield_now();
    }
    for time in 1..=times {
        interrupt(runner.id());
        // Two signals of a kind that arrive together are one.
        while !heard.contains(&format!("stop requested ({time} of 3)")) {
            assert!(told.read_line(&mut heard).unwrap() > 0, "{heard}");
        }
    }
    told.read_to_string(&mut heard).unwrap();
    let said = Said { stderr: heard, ..super::project::said(runner.wait_with_output().unwrap()) };
    let mut left: Vec<String> =
        std::fs::read_dir(&base).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    left.sort();
    (said, left)
}

#[test]
fn ctrl_c_once_lets_hosts_finish_and_starts_no_other() {
    let (said, left) = interrupted(1);
    assert_eq!(said.code, 130, "{said:?}");
    assert_eq!(left, ["n1.one", "n1.one.done", "n1.two", "n1.two.done"], "{said:?}");
    assert!(said.stderr.contains("stop requested (1 of 3)"), "{said:?}");
    assert!(said.stdout.contains("n1 : ok=2 changed=2") && !said.stdout.contains("n2 : ok=1"), "{said:?}");
}

#[test]
fn ctrl_c_twice_stops_at_the_next_step_and_takes_back() {
    let (said, left) = interrupted(2);
    assert_eq!((said.code, left), (130, Vec::<String>::new()), "{said:?}");
    assert!(said.stderr.contains("stop requested (2 of 3)") && said.stdout.contains("rolled_back=1"), "{said:?}");
}

#[test]
fn a_host_that_was_never_reached_is_unreachable_and_in_the_journal() {
    let day = Day::new();
    let lines = "groups:\n  both:\n    hosts: [near, far]\nhosts:\n  near: { transport: local, os: linux }\n  far: { address: 127.0.0.1, port: 1, os: linux, user: root }\n".to_string();
    day.project.write("inventory.yaml", &lines);
    let mark = day.project.path("mark");
    day.project.write(
        "a.ops",
        &format!("ops 1\n\nplaybook a() ! change {{\n  on group(\"both\") {{\n    file.write(to: \"{}\", content: \"x\")\n\n    on failure {{\n      rollback\n    }}\n  }}\n}}\n", mark.display()),
    );
    let said = day.project.opsc(&["run", "a.ops", "-y"]);
    assert_eq!(said.code, 20, "nothing was rolled back: {said:?}");
    assert!(mark.exists() && !said.stderr.contains("rolled back"), "{said:?}");
    let shown = day.project.opsc(&["show", "1"]);
    assert!(
        shown.stdout.contains("(unreachable)") && shown.stdout.contains("far file.write apply: unreachable"),
        "{shown:?}"
    );
    assert!(day.project.opsc(&["report", "1"]).stdout.contains("| far | 1 unreachable |"));
}

/// Whatever becomes of some of them, and however few are worked with at a time.
#[test]
fn a_command_is_tried_on_every_host() {
    let project = Project::new();
    let far = "address: 127.0.0.1, port: 1, user: root";
    let hosts = format!("hosts:\n  dead: {{ {far}, os: linux }}\n  gear: {{ {far}, lane: raw }}\n");
    let near = "groups:\n  near: { hosts: [\"n[1:5]\"], transport: local, os: linux }\n";
    project.write("inventory.yaml", &format!("{near}{hosts}"));
    let said = project.opsc(&["exec", "-l", "dead,gear,near", "-f", "2", "-y", "-q", "--", "echo", "hi"]);
    assert_eq!(said.code, 20, "{said:?}");
    for host in ["dead", "gear", "n1, n2, n3, n4, n5"] {
        assert!(said.stdout.contains(host), "{host}: {said:?}");
    }
    let failed = project.opsc(&["exec", "-l", "near", "-f", "1", "-y", "--", "test \"$PWD\" = nowhere"]);
    assert!(failed.code == 21 && failed.stdout.contains("n1, n2, n3, n4, n5"), "{failed:?}");
}

#[test]
fn what_cannot_be_undone_is_said_before_and_kept_after() {
    let day = Day::new();
    day.project.write(
        "a.ops",
        "ops 1\n\nplaybook a() ! change, exec {\n  on host(\"far\") {\n    shell.run(script: sh\"true\", effect: \"change\")\n    require host.name == \"nobody\" else \"stop here\"\n\n    on failure {\n      rollback\n    }\n  }\n}\n",
    );
    let planned = day.project.opsc(&["plan", "a.ops", "--offline"]);
    assert!(planned.stdout.contains("· not reversible ·"), "{planned:?}");
    let said = day.project.opsc(&["run", "a.ops", "-y"]);
    assert_eq!(said.code, 21, "{said:?}");
    for (verb, expected) in [("show", "far is NOT as it was before: shell.run"), ("report", "## Not as before\n")] {
        let told = day.project.opsc(&[verb, "1"]);
        assert!(told.stdout.contains(expected), "{told:?}");
    }
}

#[test]
fn output_that_is_not_kept_says_so() {
    let day = Day::new();
    let said = day.exec("i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done");
    assert_eq!(said.code, 0);
    let last = said.stdout.lines().last().unwrap();
    assert!(last.ends_with("more bytes are not kept; `-v` shows them as they come]"), "{last}");
    let logs = day.project.opsc(&["logs", "1", "shell.run"]);
    assert!(logs.stdout.contains("more bytes are not kept"), "{logs:?}");
    assert_eq!(day.project.opsc(&["logs", "9"]).code, 10);
    let step = day.project.opsc(&["logs", "1", "nosuch"]);
    assert!(step.code == 10 && step.stderr.contains("it has shell.run"), "{step:?}");
}

#[test]
fn keys_of_the_inventory_are_found_from_any_folder() {
    let day = Day::new();
    std::fs::copy(&day.server.key_path, day.project.path("id")).unwrap();
    std::fs::copy(&day.server.known_hosts_path, day.project.path("hosts")).unwrap();
    day.inventory("key: id, known_hosts: hosts");
    std::fs::create_dir(day.project.path("sub")).unwrap();
    let mut command = day.project.command(&["exec", "-l", "far", "--effect", "read", "--", "true"]);
    let said = super::project::said(command.current_dir(day.project.path("sub")).output().unwrap());
    assert_eq!(said.code, 0, "{said:?}");
}

#[test]
fn a_plan_that_cannot_ask_a_host_is_no_success() {
    let day = Day::new();
    day.project.write("a.ops", "ops 1\n\nplaybook a() ! read {\n  on host(\"far\") {\n    file.info(path: \"/\")\n    file.info(path: \"/etc\")\n  }\n}\n");
    assert_eq!(day.project.opsc(&["plan", "a.ops"]).code, 0);
    day.inventory("port: 1");
    let planned = day.project.opsc(&["plan", "a.ops"]);
    assert_eq!(planned.code, 20, "{planned:?}");
    assert!(planned.stdout.contains("far: ! unreachable: ") && planned.stdout.contains("(hint: "), "{planned:?}");
    assert!(planned.stdout.contains("far: ? unknown (the host cannot be asked)"), "{planned:?}");
    assert_eq!(day.project.opsc(&["plan", "a.ops", "--offline"]).code, 0);
}
