//! The published schemas and what the binary really writes: each output is judged by its schema, closed so that a field
//! without a word in the schema is seen, by a validator of another house. Knows nothing of how outputs are made.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use opsc::cli::explain::codes;
use serde_json::{Value as Json, json};

use super::model_server::{ModelServer, Reply};
use super::project::{Project, said};

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn schema(name: &str) -> PathBuf {
    root().join("schemas").join(format!("{name}.schema.json"))
}

/// Name and message of each instance that a schema refuses.
pub(crate) fn refused(schema: &Path, closed: bool, instances: &[(String, Json)]) -> BTreeMap<String, String> {
    let instances: Vec<Json> = instances.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
    let job = json!({ "schema": schema, "closed": closed, "instances": instances });
    // Debian's own Python has the validator; another one that stands before it on the path may not.
    let mut judge = Command::new("/usr/bin/python3")
        .arg(root().join("tests/validate.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    judge.stdin.take().unwrap().write_all(job.to_string().as_bytes()).unwrap();
    let done = judge.wait_with_output().unwrap();
    assert!(done.status.success(), "the judge failed: {}", String::from_utf8_lossy(&done.stdout));
    serde_json::from_slice::<Vec<(String, String)>>(&done.stdout).unwrap().into_iter().collect()
}

/// All instances are as the schema says, and hold nothing that it does not say.
pub(crate) fn assert_valid(name: &str, instances: &[(String, Json)]) {
    assert!(!instances.is_empty(), "nothing was judged");
    let wrong = refused(&schema(name), true, instances);
    assert!(wrong.is_empty(), "{name}: {wrong:#?}");
}

/// Hosts that examples of codes speak of, all on this machine, and one that cannot be reached.
const INVENTORY: &str = "groups:\n  web:\n    hosts: [web1, web2]\n    os: linux\n    transport: local\n    tags: { env: prod }\n    vars: { port: 8080 }\n  db:\n    hosts: [db1]\n    os: linux\n    transport: local\n    vars: { port: 0 }\n  win:\n    hosts: [win1]\n    os: windows\n  plain:\n    hosts: [plain1]\nhosts:\n  gone: { address: 127.0.0.1, port: 1, os: linux, user: nobody }\n";

fn project() -> Project {
    let project = Project::new();
    project.write("inventory.yaml", INVENTORY);
    project.write("app.conf", "port = 1\n");
    project
}

/// Values of every type, conditions, batches, clauses, sets that the run decides and steps on the controller.
const EVERYTHING: &str = r#"ops 1

type Entry = { path: path, mode: string?, every: duration }

playbook everything(
  target: hosts = group("web") + group("plain"),
  entry: Entry = { path: "/etc/x", mode: none, every: 90s },
  limits: map<string, size> = { a: 5MiB, b: 1KiB },
  share: percent = 12.5%,
  ratio: float = 0.5,
  pause: duration = 1500ms,
  conf: file = file("app.conf"),
  hook: secret<text> = secret("env:HOOK"),
  one: host = host("db1"),
) ! change, admin, network, exec {
  doc: "Everything that a plan can show."
  max_duration: 1h

  on target (batch: [1, 50%], max_failures: 1, at_once: 2) {
    found = file.info(path: "{entry.path}/{host.name}") {
      retry: 3
      every: 1500ms
    }
    if found.exists {
      file.copy(from: conf, to: "/tmp/opsc-never/{host.name}", mode: "0600")
    } else {
      shell.run(script: sh"true", effect: "change", stdin: hook, undo: sh"true")
    }
    for name in ["a", "b"] {
      file.write(to: "/tmp/opsc-never/{name}", content: "{name} {found.exists}") {
        as: "nobody"
        tags: ["x"]
      }
    }

    on failure {
      rollback
    }

    always {
      http.check(url: "http://{host.address}:8080/", status: 200)
    }
  }

  let chosen = target where found[host].exists

  if share > 10% {
    on chosen {
      file.absent(path: "/tmp/opsc-never")
    }
  }
  http.check(url: "http://127.0.0.1/", status: 200)

  on one (include_failed: true) {
    service.restart(name: "x")
  }
}
"#;

/// Plans of programs that say all there is to say, and of every mended example of a code.
fn plans(project: &Project) -> Vec<(String, Json)> {
    project.write("everything.ops", EVERYTHING);
    let mut commands: Vec<Vec<String>> =
        vec![vec!["everything.ops".into()], vec!["everything.ops".into(), "-l".into(), "web1,db1".into()]];
    for doc in codes().filter(|doc| !doc.code.starts_with("E08") && doc.fixed.contains("\nplaybook")) {
        let name = format!("fixed/{}.ops", doc.code);
        project.write(&name, doc.fixed);
        let given = doc.fixed.lines().filter_map(|line| line.split_once("example.ops -e "));
        let given = given.flat_map(|(_, given)| ["-e".to_string(), given.to_string()]);
        commands.push([name].into_iter().chain(given).collect());
    }
    let plan = |command: &Vec<String>| {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let planned = project.opsc(&[&["plan", "-o", "json", "--offline"], words.as_slice()].concat());
        // An example may need an inventory of another shape; whether it is right is another test's business.
        (planned.code == 0).then(|| (command.join(" "), serde_json::from_str(&planned.stdout).unwrap()))
    };
    commands.iter().filter_map(plan).collect()
}

#[test]
fn every_plan_is_as_its_schema_says() {
    let plans = plans(&project());
    assert!(plans.len() > 40, "only {} plans", plans.len());
    assert_eq!(plans.iter().filter(|(name, _)| name.starts_with("everything")).count(), 2);
    assert_valid("opsc.plan-1", &plans);
}

/// The report on every failing example: one for each file and one for all together.
#[test]
fn every_report_of_check_is_as_its_schema_says() {
    let project = project();
    for doc in codes().filter(|doc| !doc.code.starts_with("E08")) {
        project.write(&format!("failing/{}.ops", doc.code), doc.failing);
    }
    project.write("clean/a.ops", "ops 1\n");
    let report = |path: &str| -> Json {
        let checked = project.opsc(&["check", path, "-o", "json"]);
        serde_json::from_str(&checked.stdout).unwrap_or_else(|error| panic!("{error}: {checked:?}"))
    };
    let mut reports: Vec<(String, Json)> = ["failing", "clean"].map(|path| (path.to_string(), report(path))).into();
    project.write("inventory.yaml", "groups: 1\nhsots: {}\n");
    reports.push(("inventory".to_string(), report("clean")));
    let found: Vec<&Json> = reports.iter().flat_map(|(_, report)| report["diagnostics"].as_array().unwrap()).collect();
    for (what, holds) in [
        ("a fix", found.iter().any(|one| one["fix"].is_object())),
        ("a label", found.iter().any(|one| one["labels"] != json!([]))),
        ("a warning", found.iter().any(|one| one["severity"] == "warning")),
        ("many codes", found.iter().map(|one| one["code"].as_str().unwrap()).collect::<BTreeSet<_>>().len() > 50),
    ] {
        assert!(holds, "no {what} among {}", found.len());
    }
    assert_valid("opsc.check-1", &reports);
}

#[test]
fn every_compiled_sentence_is_as_its_schema_says() {
    let project = project();
    let mut outputs = Vec::new();
    let mut keep = |request: &str, stdout: &str| {
        outputs.push((request.to_string(), serde_json::from_str(stdout).unwrap()));
    };
    for request in [
        "restart nginx on the web servers, two at a time, roll back if /healthz fails",
        "restrat nginx on the web servers",
        "restart nginx",
        "restart nginx on the wbe servers",
        "defragment nginx on the web servers",
        "copy app.conf on the web servers",
        "delete /tmp/x on db1",
        "show the uptime of the web servers",
        "",
    ] {
        keep(request, &project.opsc(&["compile", request, "-o", "json", "--no-input"]).stdout);
    }
    let saved = ["compile", "restart nginx on the web servers", "-o", "json", "--save", "saved.ops"];
    keep("saved", &project.opsc(&saved).stdout);
    let wrong = "ops 1\n\nplaybook a() ! read {\n  on group(\"wbe\") {\n    file.info(path: \"/\")\n  }\n}\n";
    let replies = [vec![Reply::Say(wrong.to_string()); 3], vec![Reply::Say("ask: which?\n".to_string())]];
    for replies in replies {
        let server = ModelServer::start(&replies);
        let mut command = project.command(&["compile", "do it", "-o", "json", "--no-input", "--translator", "model"]);
        command.env("OPSC_MODEL_URL", server.url()).env("OPSC_MODEL_NAME", "scripted");
        keep("a model", &said(command.output().unwrap()).stdout);
    }
    let mut command = project.command(&["compile", "do it", "-o", "json", "--no-input", "--translator", "model"]);
    command.env("OPSC_MODEL_URL", "http://127.0.0.1:1").env("OPSC_MODEL_NAME", "scripted");
    keep("no model", &said(command.output().unwrap()).stdout);
    let has = |field: &str, empty: &Json| outputs.iter().any(|(_, output): &(String, Json)| output[field] != *empty);
    for field in ["questions", "diagnostics", "clauses", "assumptions"] {
        assert!(has(field, &json!([])), "no `{field}` in any output");
    }
    for field in ["file", "source", "confidence", "model_error"] {
        assert!(has(field, &Json::Null), "no `{field}` in any output");
    }
    assert_valid("opsc.compile-1", &outputs);
}

fn shell(script: &str, more: &str) -> String {
    format!("    shell.run(script: sh\"{script}\", effect: \"change\", undo: sh\"true\"){more}\n")
}

/// The events of one run on this machine.
fn events(project: &Project, body: &str) -> Vec<(String, Json)> {
    project.write("run.ops", &format!("ops 1\n\nplaybook a() ! change, exec {{\n{body}}}\n"));
    let run = project.opsc(&["run", "run.ops", "-y", "-o", "ndjson"]);
    assert!(!run.stdout.is_empty(), "{run:?}");
    heard(&run.stdout)
}

fn heard(ndjson: &str) -> Vec<(String, Json)> {
    let lines = ndjson.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.map(|event: Json| (event["kind"].as_str().unwrap().to_string(), event)).collect()
}

/// The events of a run that waits for an approval, and of the one that goes on with it.
fn approved(project: &Project) -> Vec<(String, Json)> {
    let gate = "  approve(by: [\"dba\"], message: \"go on\", within: 2h)\n";
    let mut seen = events(project, &format!("{gate}  on host(\"web1\") {{\n{}  }}\n", shell("true", "")));
    let run = seen[0].1["run"].to_string();
    assert_eq!(project.opsc(&["approve", &run, "--as", "dba"]).code, 0);
    seen.extend(heard(&project.opsc(&["resume", &run, "-y", "-o", "ndjson"]).stdout));
    seen
}

/// The events of a run that Ctrl-C ends while its first step waits for a file that never comes.
fn stopped(project: &Project) -> Vec<(String, Json)> {
    use std::io::{BufRead, BufReader};
    let wait = shell("echo waiting; while ! [ -e never ]; do sleep 0.1; done", "");
    project.write(
        "run.ops",
        &format!("ops 1\n\nplaybook a() ! change, exec {{\n  on host(\"web1\") {{\n{wait}  }}\n}}\n"),
    );
    let mut runner = project.spawn(&["run", "run.ops", "-y", "-o", "ndjson"]);
    let mut lines = BufReader::new(runner.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut heard: Vec<(String, Json)> = Vec::new();
    let mut until = |wanted: &str| {
        for line in lines.by_ref() {
            let event: Json = serde_json::from_str(&line).unwrap();
            let kind = event["kind"].as_str().unwrap().to_string();
            heard.push((kind.clone(), event));
            if kind == wanted {
                return;
            }
        }
        panic!("`{wanted}` never came");
    };
    until("step.output");
    for _ in 0..3 {
        assert!(Command::new("kill").args(["-INT", &runner.id().to_string()]).status().unwrap().success());
        until("stop.requested");
    }
    until("run.finished");
    runner.wait().unwrap();
    heard
}

#[test]
fn every_event_is_as_its_schema_says_and_every_kind_is_seen() {
    let project = project();
    let good = shell("echo out; echo err >&2", "");
    let retried = "    shell.run(script: sh\"exit 3\", effect: \"read\") {\n      retry: 1\n      every: 1ms\n      allow_failure: true\n    }\n";
    let rollback = "    on failure {\n      rollback\n    }\n";
    let bodies = [
        format!("  on group(\"web\") (batch: 1) {{\n{good}{retried}  }}\n"),
        format!("  on group(\"web\") (batch: 1, max_failures: 0) {{\n{good}{}{rollback}  }}\n", shell("exit 4", "")),
        format!("  on host(\"web1\") {{\n    shell.run(script: sh\"true\", effect: \"change\", undo: sh\"exit 1\")\n{}{rollback}  }}\n", shell("exit 4", "")),
        format!("  on host(\"web1\") {{\n{}  }}\n", shell("sleep 9", " {\n      timeout: 200ms\n    }")),
        format!("  on host(\"gone\") {{\n{good}  }}\n"),
        format!("  on group(\"web\") (batch: 1) {{\n{good}    after batch {{\n      at controller {{\n{}      }}\n    }}\n  }}\n", shell("exit 1", "")),
        format!("  on host(\"web1\") {{\n    at host(\"gone\") {{\n{}    }}\n  }}\n", retried.repeat(3)),
        "  on host(\"web1\") {\n    x = file.info(path: \"/never/there\")\n    if x.exists {\n      file.info(path: \"/\")\n    }\n  }\n".to_string(),
    ];
    let mut seen: Vec<(String, Json)> = bodies.iter().flat_map(|body| events(&project, body)).collect();
    seen.extend(approved(&project));
    seen.extend(stopped(&project));
    assert_valid("opsc.event-1", &seen);

    let published: Json = serde_json::from_str(&std::fs::read_to_string(schema("opsc.event-1")).unwrap()).unwrap();
    let named = |definition: &Json| definition["properties"]["kind"]["const"].as_str().map(str::to_string);
    let known: BTreeSet<String> = published["definitions"].as_object().unwrap().values().filter_map(named).collect();
    let kinds: BTreeSet<String> = seen.iter().map(|(kind, _)| kind.clone()).collect();
    assert_eq!(kinds, known);
    let outcomes: BTreeSet<&str> = seen.iter().filter_map(|(_, event)| event["outcome"].as_str()).collect();
    for outcome in ["ok", "changed", "skipped", "failed", "ignored", "unreachable", "timed_out", "rolled_back", "dirty"]
    {
        assert!(outcomes.contains(outcome), "`{outcome}` was not seen: {outcomes:?}");
    }
}
