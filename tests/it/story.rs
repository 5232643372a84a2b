//! The whole story through the binary, on three real SSH hosts: check, plan, run, run again, fail and roll back, show.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use serde_json::Value as Json;

use super::model_server::{ModelServer, Reply};
use super::project::{Health, Project};
use super::sshd::{Sshd, SshdOptions};

const DEPLOY: &str = r#"ops 1

playbook deploy(
  app: hosts<linux> = group("app"),
  base: path,
) ! change, network {
  doc: "Put app.conf in place on the app servers, one at a time, and see that each is healthy."

  on app (batch: 1, max_failures: 0) {
    file.directory(path: "{base}/{host.name}/srv/app")
    file.copy(from: file("app.conf"), to: "{base}/{host.name}/srv/app/app.conf", mode: "0640")
    http.check(url: "http://{host.address}:{host.vars.health}/healthz", status: 200)

    on failure {
      rollback
    }
  }
}
"#;

struct Fleet {
    project: Project,
    health: Vec<Health>,
    _servers: Vec<Sshd>,
}

fn fleet() -> Fleet {
    let project = Project::new();
    let servers: Vec<Sshd> = (0..3).map(|_| Sshd::start(&SshdOptions::default())).collect();
    let health: Vec<Health> = (0..3).map(|_| Health::start()).collect();
    let mut inventory =
        String::from("groups:\n  app:\n    hosts: [\"app[1:3]\"]\n    os: linux\n    user: root\nhosts:\n");
    for (index, (server, health)) in servers.iter().zip(&health).enumerate() {
        inventory.push_str(&format!(
            "  app{}:\n    address: 127.0.0.1\n    port: {}\n    key: {}\n    known_hosts: {}\n    vars: {{ health: {} }}\n",
            index + 1,
            server.port,
            server.key_path.display(),
            server.known_hosts_path.display(),
            health.port
        ));
    }
    project.write("inventory.yaml", &inventory);
    project.write("deploy.ops", DEPLOY);
    project.write("app.conf", "port = 8080\n");
    Fleet { project, health, _servers: servers }
}

#[test]
fn a_rollout_over_ssh_is_checked_planned_run_repeated_and_rolled_back() {
    tell(&fleet());
}

#[test]
fn a_program_of_a_model_rolls_out_the_same() {
    let fleet = fleet();
    let server = ModelServer::start(&[
        Reply::Say(DEPLOY.replace("\"app\"", "\"ap\"")),
        Reply::Say(format!("<think>app, not ap</think>\n```ops\n{DEPLOY}```")),
    ]);
    let request = "roll app.conf out across the app tier with mode 0640, one by one, each must answer 200 on /healthz, undo a failed one";
    let compiled = fleet
        .project
        .command(&["compile", request, "--save", "deploy.ops", "--force", "--translator", "model"])
        .env("OPSC_MODEL_URL", server.url())
        .env("OPSC_MODEL_NAME", "scripted")
        .output()
        .unwrap();
    assert!(compiled.status.success(), "{compiled:?}");
    let saved = fleet.project.read("deploy.ops").unwrap();
    assert!(
        saved.contains("# translated by scripted at http://127.0.0.1:") && saved.contains(" in 2 rounds\n"),
        "{saved}"
    );
    tell(&fleet);
}

/// Check, plan, run, run again, one host made to fail, show.
fn tell(fleet: &Fleet) {
    let project = &fleet.project;
    let base = format!("base={}", project.path("root").display());
    let conf = |host: u8| project.read(&format!("root/app{host}/srv/app/app.conf"));

    assert_eq!(project.opsc(&["fmt", "--check", "deploy.ops"]).code, 0);
    let checked = project.opsc(&["check", "deploy.ops"]);
    assert_eq!((checked.code, checked.stderr.as_str()), (0, "checked 1 file: 0 errors, 0 warnings\n"));

    let planned = project.opsc(&["plan", "deploy.ops", "-e", &base, "-o", "json"]);
    assert_eq!(planned.code, 0, "{planned:?}");
    let plan: Json = serde_json::from_str(&planned.stdout).unwrap();
    assert_eq!(plan["schema"], "opsc.plan/1");
    assert_eq!(plan["blocks"][0]["batches"], serde_json::json!([["app1"], ["app2"], ["app3"]]));
    let url = format!("http://127.0.0.1:{}/healthz", fleet.health[1].port);
    assert_eq!(plan["steps"][2]["args"]["url"]["by_host"]["app2"], url);

    let connected = project.opsc(&["plan", "deploy.ops", "-e", &base, "--detailed-exitcode"]);
    assert_eq!(connected.code, 2, "{connected:?}");
    assert!(connected.stdout.contains("app1: ~ will change"), "{}", connected.stdout);
    assert_eq!(conf(1), None, "a plan changes nothing");

    let first = project.opsc(&["run", "deploy.ops", "-e", &base, "-y"]);
    let recap = |ok: u8, changed: u8| {
        (1..=3)
            .map(|host| {
                format!("app{host} : ok={ok} changed={changed} unreachable=0 failed=0 skipped=0 rolled_back=0\n")
            })
            .collect::<String>()
    };
    assert_eq!((first.code, first.stdout.as_str()), (0, recap(3, 2).as_str()), "{first:?}");
    assert_eq!(conf(3).as_deref(), Some("port = 8080\n"));

    let second = project.opsc(&["run", "deploy.ops", "-e", &base, "-y"]);
    assert_eq!((second.code, second.stdout.as_str()), (0, recap(3, 0).as_str()), "{second:?}");

    project.write("app.conf", "port = 9090\n");
    fleet.health[1].set(500);
    let third = project.opsc(&["run", "deploy.ops", "-e", &base, "-y"]);
    assert_eq!(third.code, 23, "{third:?}");
    assert!(
        third.stderr.contains("expected status 200, found 500") || third.stderr.contains("500"),
        "{}",
        third.stderr
    );
    assert_eq!(conf(1).as_deref(), Some("port = 9090\n"), "the first batch succeeded and stays");
    assert_eq!(conf(2).as_deref(), Some("port = 8080\n"), "the second batch is rolled back");
    assert_eq!(conf(3).as_deref(), Some("port = 8080\n"), "the third batch never started");

    let shown = project.opsc(&["show", "3"]);
    assert!(shown.stdout.starts_with("run 3: deploy (rolled_back)\n"), "{}", shown.stdout);
    assert!(shown.stdout.contains("app2 file.copy rollback: rolled_back"), "{}", shown.stdout);
    assert!(shown.stdout.contains("not started: app3") && !shown.stdout.contains("app3 "), "{}", shown.stdout);
    let listed = project.opsc(&["runs"]);
    assert_eq!(listed.stdout.lines().count(), 3);
}

#[test]
fn the_tour_shows_the_main_job_and_leaves_nothing() {
    let project = Project::new();
    let said = project.opsc(&["tour"]);
    assert_eq!(said.code, 0, "{said:?}");
    for expected in [
        "file.write(to: \"/tmp/opsc-tour-",
        "localhost : ok=1 changed=1 unreachable=0 failed=0 skipped=0 rolled_back=0",
        "localhost : ok=1 changed=0 unreachable=0 failed=0 skipped=0 rolled_back=0",
        "rolled_back=1",
        "the file still says \"hello\"",
    ] {
        assert!(said.stdout.contains(expected), "{expected}: {}", said.stdout);
    }
    let folder = said.stdout.split("/tmp/opsc-tour-").nth(1).unwrap().split('/').next().unwrap();
    assert!(!std::path::Path::new(&format!("/tmp/opsc-tour-{folder}")).exists());
    // A run names what goes on with it, and nothing does here.
    let last = said.stdout.lines().last().unwrap();
    assert!(last.contains(&format!("all of it was in /tmp/opsc-tour-{folder}, which is removed now")), "{last}");
}

#[test]
fn a_killed_runner_leaves_an_intent_without_a_result_and_show_says_so() {
    let project = Project::new();
    let mark = project.path("mark");
    project.write(
        "slow.ops",
        "ops 1\n\nplaybook slow(\n  target: host = host(\"localhost\"),\n  mark: path,\n) ! change, exec {\n  on target {\n    shell.run(script: sh\"touch \\\"$mark\\\"; sleep 30\", effect: \"change\", vars: { mark: \"{mark}\" })\n  }\n}\n",
    );
    let mut runner = project.spawn(&["run", "slow.ops", "-y", "-e", &format!("mark={}", mark.display())]);
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !mark.exists() {
        assert!(std::time::Instant::now() < until, "the step never started: {:?}", runner.wait_with_output());
        std::thread::yield_now();
    }
    runner.kill().unwrap();
    runner.wait().unwrap();
    let shown = project.opsc(&["show", "1"]);
    assert!(shown.stdout.contains("slow (interrupted)"), "{}", shown.stdout);
    assert!(shown.stdout.contains("localhost shell.run apply: intent recorded, no result"), "{}", shown.stdout);
    assert!(shown.stdout.contains("what happened on the host is not known"), "{}", shown.stdout);
}

#[test]
fn wrong_input_is_said_clearly_with_its_exit_code_and_runs_nothing() {
    let project = Project::new();
    project.write(
        "inventory.yaml",
        "groups:\n  web:\n    hosts: [web1]\n    os: linux\n  win:\n    hosts: [win1]\n    os: windows\n",
    );
    let playbook = |body: &str, row: &str| format!("ops 1\n\nplaybook p() ! {row} {{\n  {body}\n}}\n");
    let cases = [
        (
            "misspelt action",
            playbook("on group(\"web\") { file.directry(path: \"/x\") }", "change"),
            11,
            "did you mean `file.directory`?",
        ),
        (
            "misspelt argument",
            playbook("on group(\"web\") { file.directory(paht: \"/x\") }", "change"),
            11,
            "did you mean `path`?",
        ),
        (
            "misspelt group",
            playbook("on group(\"wbe\") { file.info(path: \"/x\") }", "read"),
            11,
            "did you mean `web`?",
        ),
        (
            "misspelt word",
            playbook("on group(\"web\") { service.ensure(name: \"x\", state: \"runing\") }", "change, admin"),
            11,
            "did you mean `\"running\"`?",
        ),
        (
            "wrong type",
            playbook("on group(\"web\") { file.directory(path: 3) }", "change"),
            11,
            "expected path, found int",
        ),
        (
            "a mode without quotes",
            playbook("on group(\"web\") { file.directory(path: \"/x\", mode: 0750) }", "change"),
            11,
            "a text stands in quotes, such as \"0640\"",
        ),
        (
            "a file as a text",
            playbook("on group(\"web\") { file.copy(from: \"a.conf\", to: \"/x\") }", "change"),
            11,
            "a file of the project is written `file(\"app.conf\")`",
        ),
        (
            "missing argument",
            playbook("on group(\"web\") { file.directory() }", "change"),
            11,
            "needs the argument `path`",
        ),
        (
            "positional argument",
            playbook("on group(\"web\") { file.directory(\"/x\") }", "change"),
            11,
            "did you mean `path: …`?",
        ),
        (
            "linux action on windows",
            playbook("on group(\"win\") { file.touch(path: \"/x\") }", "change"),
            11,
            "`file.touch` cannot run on windows",
        ),
        (
            "row too small",
            playbook("on group(\"web\") { file.directory(path: \"/x\") }", "read"),
            11,
            "its steps also need `change`",
        ),
        (
            "zero hosts",
            playbook("on group(\"web\") - group(\"web\") { file.info(path: \"/x\") }", "read"),
            13,
            "no host matches",
        ),
        (
            "duplicate name",
            playbook("let x = 1\n  let x = 2\n  require x > 1 else \"x\"", "read"),
            11,
            "the name `x` is taken",
        ),
    ];
    for (name, text, code, expected) in cases {
        project.write("bad.ops", &text);
        let said = project.opsc(&["run", "bad.ops", "-y"]);
        assert_eq!(said.code, code, "{name}: {said:?}");
        assert!(said.stderr.contains(expected), "{name}: {}", said.stderr);
    }
    assert_eq!(project.opsc(&["runs"]).stdout, "", "nothing ran");
}

#[test]
fn an_unknown_inventory_key_and_an_unreachable_host_are_named() {
    let project = Project::new();
    project.write(
        "look.ops",
        "ops 1\n\nplaybook look() ! read {\n  on group(\"web\") {\n    file.info(path: \"/etc/hosts\")\n  }\n}\n",
    );
    project.write("inventory.yaml", "groups:\n  web:\n    hosts: [web1]\n    usr: root\n");
    let said = project.opsc(&["check", "look.ops"]);
    assert_eq!(said.code, 11);
    assert!(
        said.stderr.contains("inventory.yaml:4:5") && said.stderr.contains("did you mean `user`?"),
        "{}",
        said.stderr
    );
    // Port 1 of loopback: nothing listens there.
    project.write(
        "inventory.yaml",
        "groups:\n  web:\n    hosts: [web1]\n    user: root\n    port: 1\nhosts:\n  web1: { address: 127.0.0.1 }\n",
    );
    let said = project.opsc(&["run", "look.ops"]);
    assert_eq!(said.code, 20, "{said:?}");
    assert!(said.stdout.contains("web1 : ok=0 changed=0 unreachable=1"), "{}", said.stdout);
}

#[test]
fn a_run_that_changes_things_needs_a_yes() {
    let project = Project::new();
    assert_eq!(project.opsc(&["init", "new"]).code, 0);
    let said = project.opsc(&["run", "new/playbooks/hello.ops", "-e", "folder=/nonexistent/never"]);
    assert_eq!(said.code, 3, "{said:?}");
    assert!(said.stderr.contains("add `-y`"), "{}", said.stderr);
    let again = project.opsc(&["init", "new"]);
    assert_eq!(again.code, 10);
    assert!(again.stderr.contains("new/inventory.yaml, new/playbooks/hello.ops, "), "{}", again.stderr);
    assert!(again.stderr.contains("nothing was written"), "{}", again.stderr);
}
