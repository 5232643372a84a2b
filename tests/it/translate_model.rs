//! Plain language through the binary with a model: what it writes is judged like any text, and every way in which a
//! server can misbehave is said by name and writes nothing.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use serde_json::Value as Json;

use super::model_server::{ModelServer, Reply};
use super::project::{Project, Said, said};

const INVENTORY: &str = "groups:\n  web:\n    hosts: [web1, web2]\n    os: linux\n    tags: { env: prod }\n    vars: { canary: topsecret4711 }\n  app:\n    hosts: [app8, app9]\n    os: linux\n";
const REQUEST: &str = "bounce nginx across the whole web tier, two boxes per round";
const GOLDEN: &str = "ops 1\n\nplaybook bounce_nginx(\n  web: hosts<linux> = group(\"web\"),\n) ! change, admin {\n  doc: \"Restart nginx.\"\n\n  on web (batch: 2) {\n    service.restart(name: \"nginx\")\n  }\n}\n";

fn project() -> Project {
    let project = Project::new();
    project.write("inventory.yaml", INVENTORY);
    project
}

fn compile(project: &Project, server: &ModelServer, arguments: &[&str]) -> Said {
    let arguments = [&["compile"], arguments, &["--no-input"]].concat();
    let mut command = project.command(&arguments);
    command.env("OPSC_MODEL_URL", server.url()).env("OPSC_MODEL_NAME", "scripted").env("OPSC_MODEL_TIMEOUT", "2");
    said(command.env("OPSC_MODEL_KEY", "k3y").output().unwrap())
}

/// The program below the header.
fn program(source: &str) -> String {
    let body: Vec<&str> = source.lines().skip_while(|line| !line.starts_with("playbook")).collect();
    format!("ops 1\n\n{}\n", body.join("\n"))
}

#[test]
fn a_good_answer_becomes_a_checked_file_with_its_origin() {
    let project = project();
    let server = ModelServer::start(&[Reply::Say(GOLDEN.to_string())]);
    let done = compile(&project, &server, &[REQUEST, "--save", "a.ops"]);
    assert_eq!(done.code, 0, "{done:?}");
    let saved = project.read("a.ops").unwrap();
    let header =
        format!("ops 1\n\n# opsc compile \"{REQUEST}\"\n# translated by scripted at {} in 1 round\n", server.url());
    assert!(saved.starts_with(&header), "{saved}");
    assert_eq!(program(&saved), GOLDEN);
    assert_eq!(project.opsc(&["fmt", "--check", "a.ops"]).code, 0);
    assert!(done.stderr.contains("warning: nothing in the program represents \"tier\""), "{}", done.stderr);

    let heard = server.heard();
    assert_eq!(heard.len(), 1);
    assert!(heard[0].headers.contains("authorization: bearer k3y"), "{}", heard[0].headers);
    let prompt = heard[0].body["messages"].to_string();
    for part in ["service.restart(name: ", "Groups: web, app", "Hosts: web1, web2", "Tag keys: env", REQUEST] {
        assert!(prompt.contains(part), "{part}: {prompt}");
    }
    assert!(!prompt.contains("topsecret4711"), "a variable's value went out: {prompt}");
    assert_eq!(heard[0].body["temperature"], 0);
}

#[test]
fn a_model_is_asked_only_where_the_offline_translator_has_questions() {
    let project = project();
    let server = ModelServer::start(&[Reply::Say(GOLDEN.to_string())]);
    let plain = "restart nginx on the web servers, two at a time";
    let done = compile(&project, &server, &[plain]);
    assert!(done.code == 0 && done.stdout.contains("# translated offline"), "{done:?}");
    assert_eq!(compile(&project, &server, &[REQUEST, "--translator", "offline"]).code, 3);
    assert_eq!(server.heard().len(), 0);
    let forced = compile(&project, &server, &[plain, "--translator", "model"]);
    assert!(forced.code == 0 && forced.stdout.contains("# translated by scripted"), "{forced:?}");
    assert_eq!(server.heard().len(), 1);
}

#[test]
fn what_surrounds_the_program_is_taken_off() {
    let project = project();
    let fenced = format!("Of course!\n\n```ops\n{GOLDEN}```\n\nThis restarts nginx.");
    let thinking = format!("<think>The user wants\n```sh\nsystemctl restart nginx\n```\n</think>\n\n{GOLDEN}");
    for reply in [Reply::Say(fenced), Reply::Say(thinking), Reply::Stream(GOLDEN.to_string())] {
        let server = ModelServer::start(&[reply]);
        let done = compile(&project, &server, &[REQUEST]);
        assert_eq!((done.code, program(&done.stdout)), (0, GOLDEN.to_string()), "{done:?}");
        assert_eq!(server.heard().len(), 1);
    }
}

#[test]
fn a_mistake_goes_back_with_the_findings_and_converges() {
    let project = project();
    let mistakes = [
        ("group(\"web\")", "group(\"wbe\")", "E0501"),
        ("service.restart", "service.bounce", "E0201"),
        ("name: \"nginx\"", "unit: \"nginx\"", "E0202"),
        ("batch: 2", "batch: \"two\"", "E0301"),
    ];
    for (right, wrong, code) in mistakes {
        let server = ModelServer::start(&[Reply::Say(GOLDEN.replace(right, wrong)), Reply::Say(GOLDEN.to_string())]);
        let done = compile(&project, &server, &[REQUEST, "-o", "json"]);
        assert_eq!(done.code, 0, "{wrong}: {done:?}");
        let json: Json = serde_json::from_str(&done.stdout).unwrap();
        assert_eq!(json["rounds"], 2, "{wrong}");
        assert_eq!(program(json["source"].as_str().unwrap()), GOLDEN);
        let messages = server.heard()[1].body["messages"].as_array().unwrap().clone();
        assert_eq!(messages.len(), 4, "{wrong}");
        let findings = messages[3]["content"].as_str().unwrap();
        assert!(findings.contains(&format!("\"code\": \"{code}\"")), "{wrong}: {findings}");
    }
}

#[test]
fn what_a_machine_can_mend_needs_no_round() {
    let project = project();
    let server = ModelServer::start(&[Reply::Say(GOLDEN.replace("! change, admin", "! read"))]);
    let done = compile(&project, &server, &[REQUEST]);
    assert_eq!((done.code, program(&done.stdout)), (0, GOLDEN.to_string()), "{done:?}");
    assert_eq!(server.heard().len(), 1);
}

#[test]
fn a_model_that_never_mends_it_writes_nothing() {
    let project = project();
    for answer in ["I am sorry, I cannot do that.", "ops 1\n", "```json\n{\"action\": \"restart\"}\n```"] {
        let server = ModelServer::start(&[Reply::Say(answer.to_string())]);
        let done = compile(&project, &server, &[REQUEST, "--save", "a.ops", "--translator", "model"]);
        assert_eq!((done.code, project.read("a.ops")), (11, None), "{done:?}");
        assert!(done.stderr.contains("no program that the compiler accepts, in 3 attempts"), "{}", done.stderr);
        assert_eq!(server.heard().len(), 3);
    }
}

#[test]
fn a_model_may_ask() {
    let project = project();
    let server =
        ModelServer::start(&[Reply::Say("<think>hm</think>ask: which url should the check ask?\n".to_string())]);
    let request = "run the health check on the web servers";
    let done = compile(&project, &server, &[request, "--save", "a.ops", "--translator", "model"]);
    assert_eq!((done.code, project.read("a.ops")), (3, None), "{done:?}");
    assert_eq!(done.stderr, "question: which url should the check ask?\n");
}

#[test]
fn every_misbehaviour_is_said_and_writes_nothing() {
    let project = project();
    let html = || "<html>busy</html>".to_string();
    let cases = [
        (Reply::Cut(GOLDEN.to_string()), 1, "stops in the middle"),
        (
            Reply::Raw(401, "application/json", "{\"error\": \"bad key\"}".to_string()),
            1,
            "answered 401: {\"error\": \"bad key\"}",
        ),
        (Reply::Raw(500, "text/html", html()), 1, "answered 500: <html>busy</html>"),
        (Reply::Raw(200, "text/html", html()), 1, "expected JSON from"),
        (Reply::Raw(200, "application/json", "{}".to_string()), 1, "holds no message"),
        (Reply::Raw(200, "application/json", "x".repeat(5 << 20)), 1, "is larger than 4MiB"),
        (Reply::Silence, 27, "in 2s"),
        (Reply::Close, 1, "no connection to"),
    ];
    for (reply, code, expected) in cases {
        let server = ModelServer::start(&[reply]);
        let done = compile(&project, &server, &[REQUEST, "--save", "a.ops", "--translator", "model"]);
        assert_eq!((done.code, project.read("a.ops")), (code, None), "{expected}: {done:?}");
        assert!(done.stderr.contains(expected) && done.stderr.contains("\nhint: "), "{expected}: {}", done.stderr);
        assert!(!done.stderr.contains("k3y"), "the key was shown: {}", done.stderr);
        // The questions of the offline translator still stand where the model was only to help.
        let helped = compile(&project, &server, &[REQUEST, "--save", "a.ops"]);
        assert_eq!((helped.code, project.read("a.ops")), (3, None), "{expected}: {helped:?}");
        assert!(helped.stderr.contains("question: ") && helped.stderr.contains(expected), "{}", helped.stderr);
    }
}

#[test]
fn no_model_configured_is_said() {
    let project = project();
    let refused = project.opsc(&["compile", REQUEST, "--translator", "model"]);
    assert_eq!(refused.code, 10);
    assert_eq!(
        refused.stderr,
        "error: no model to ask: `model.url` is not set\nhint: set it in opsc.toml, or `OPSC_MODEL_URL`\n"
    );
}

#[test]
fn what_the_request_does_not_say_is_listed() {
    let project = project();
    let invented = GOLDEN.replace("batch: 2", "batch: 7").replace("\"nginx\")", "\"nginx\") {\n      retry: 9\n    }");
    let server = ModelServer::start(&[Reply::Say(invented)]);
    let done = compile(&project, &server, &[REQUEST]);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.stdout.contains("# assumed: `batch: 7` is not in the request\n"), "{}", done.stdout);
    assert!(done.stdout.contains("# assumed: `retry: 9` is not in the request\n"), "{}", done.stdout);
    assert!(!done.stdout.contains("`name: \"nginx\"` is not"), "{}", done.stdout);
}

#[test]
fn a_request_that_only_looks_never_becomes_a_change() {
    let project = project();
    let server = ModelServer::start(&[Reply::Say(GOLDEN.to_string())]);
    let done = compile(&project, &server, &["show whether nginx works across the web tier", "--save", "a.ops"]);
    assert_eq!((done.code, project.read("a.ops")), (3, None), "{done:?}");
    assert!(done.stderr.contains("the request only looks, but the program may change"), "{}", done.stderr);
}

#[test]
fn the_examples_on_the_language_card_compile() {
    let project = project();
    project.write("app.conf", "");
    let examples: Vec<&str> = opsc::translate::prompt::CARD.split("```ops\n").skip(1).collect();
    assert_eq!(examples.len(), 2);
    for example in examples {
        let text = example.split("```").next().unwrap();
        project.write("card.ops", text);
        let checked = project.opsc(&["check", "card.ops"]);
        assert_eq!(checked.code, 0, "{text}\n{checked:?}");
        assert_eq!(project.opsc(&["fmt", "--check", "card.ops"]).code, 0, "{text}");
    }
}
