//! One run as JUnit's XML and as a page, judged by parsers of another house: what hosts say stays text, what failed is told
//! first and never green, and what is not known is not guessed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use serde_json::Value as Json;

use super::project::Project;

/// Three hosts that are this machine, and one that nobody answers for.
const INVENTORY: &str = "groups:\n  web:\n    hosts: [w1, w2, w3]\n    transport: local\n    os: linux\nhosts:\n  gone: { address: 127.0.0.1, port: 1, os: linux, user: nobody }\n";

/// What a host prints to be more than a text.
const EVIL: &str = r#"printf '<script>alert("x")</script> ]]> & \033[31m \001 \342\200\256 \377\n'; exit 4"#;

/// A playbook whose first host changes, fails at a hostile step, and goes back over what can be undone.
fn hostile() -> Project {
    let project = Project::new();
    project.write("inventory.yaml", INVENTORY);
    let place = project.path("made");
    project.write(
        "a.ops",
        &format!(
            r#"ops 1

playbook hostile() ! change, exec {{
  log.note(text: "begins")
  on group("web") (batch: 1) {{
    seen = file.info(path: "/never/there")
    if seen.exists {{
      file.info(path: "/")
    }}
    shell.run(script: sh"exit 3", effect: "read") {{
      allow_failure: true
    }}
    file.write(to: "{}", content: "<b>new</b>\n")
    shell.run(script: sh"true", effect: "change")
    shell.run(script: sh"""
      {EVIL}
    """, effect: "change", undo: sh"true")

    on failure {{
      rollback
    }}
  }}
}}
"#,
            place.display()
        ),
    );
    let run = project.opsc(&["run", "a.ops", "-y"]);
    assert!([21, 22, 23, 24].contains(&run.code), "{run:?}");
    project
}

#[test]
fn a_report_is_not_written_over_another_file() {
    let project = Project::new();
    project.write("inventory.yaml", "hosts:\n  here: { transport: local }\n");
    assert_eq!(project.opsc(&["exec", "-l", "here", "-y", "--", "true"]).code, 0);
    project.write("notes.md", "mine\n");
    let save = |more: &[&str]| project.opsc(&[&["report", "1", "--save", "notes.md"], more].concat());
    let refused = save(&[]);
    let expected = "error: `notes.md` is already there; nothing was written\nhint: add `--force` to write over it, or name another file\n";
    assert_eq!((refused.code, refused.stderr.as_str()), (10, expected));
    assert_eq!(project.read("notes.md").unwrap(), "mine\n");
    assert_eq!(save(&["--force"]).code, 0);
    assert!(project.read("notes.md").unwrap().contains("Run 1"), "{:?}", project.read("notes.md"));
    assert_eq!(project.opsc(&["report", "1", "--save", "new.md"]).code, 0);
}

fn report(project: &Project, run: &str, form: &str) -> String {
    let said = project.opsc(&["report", run, "-o", form]);
    assert_eq!((said.code, said.stderr.as_str()), (0, ""), "{said:?}");
    said.stdout
}

/// What Python makes of a text.
fn python(program: &str, text: &str) -> Json {
    let mut parser = Command::new("/usr/bin/python3")
        .args(["-c", program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    parser.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let done = parser.wait_with_output().unwrap();
    assert!(done.status.success(), "{text}");
    serde_json::from_slice(&done.stdout).unwrap()
}

/// Suites with their attributes and cases, as expat reads them.
const SUITES: &str = r#"
import json, sys, xml.etree.ElementTree as tree
root = tree.fromstring(sys.stdin.buffer.read())
assert root.tag == "testsuites"
def case(one):
    ends = [each for each in one if each.tag in ("failure", "error", "skipped")]
    assert len(ends) <= 1 and one.attrib.keys() == {"classname", "name", "time"}, one.attrib
    float(one.attrib["time"])
    end = ends[0] if ends else None
    return {"name": one.attrib["name"], "class": one.attrib["classname"], "end": "passed" if end is None else end.tag,
            "message": "" if end is None else end.attrib["message"], "text": "".join(one.itertext())}
suites = []
for suite in root:
    cases = [case(one) for one in suite.iter("testcase")]
    count = lambda end: str(sum(1 for one in cases if one["end"] == end))
    counted = {"tests": str(len(cases)), "failures": count("failure"), "errors": count("error"), "skipped": count("skipped")}
    assert {name: suite.attrib[name] for name in counted} == counted, suite.attrib
    assert len({(one["class"], one["name"]) for one in cases}) == len(cases), "two cases of one name"
    suites.append({"name": suite.attrib["name"], "timestamp": suite.attrib["timestamp"], "cases": cases})
for name in ("tests", "failures", "errors", "skipped"):
    assert int(root.attrib[name]) == sum(int(suite.attrib[name]) for suite in root), name
print(json.dumps(suites))
"#;

fn suites(project: &Project, run: &str) -> Vec<Json> {
    python(SUITES, &report(project, run, "junit")).as_array().unwrap().clone()
}

/// How a case ended, with its message and its text.
#[track_caller]
fn case(suites: &[Json], name: &str) -> (String, String, String) {
    let cases: Vec<&Json> = suites.iter().flat_map(|suite| suite["cases"].as_array().unwrap()).collect();
    let found = cases.iter().find(|case| case["name"] == name);
    let found = found.unwrap_or_else(|| panic!("no case `{name}` in {cases:#?}"));
    let text = |field: &str| found[field].as_str().unwrap().to_string();
    (text("end"), text("message"), text("text"))
}

/// A gate that does not hold after the first batch, and a block after that one.
const GATED: &str = r#"ops 1

playbook gated() ! exec {
  on group("web") (batch: 1) {
    shell.run(script: sh"true", effect: "read")

    after batch {
      at controller {
        shell.run(script: sh"exit 1", effect: "read")
      }
    }
  }

  on group("web") {
    shell.run(script: sh"true", effect: "read")
  }
}
"#;

#[test]
fn hosts_that_never_started_are_named_with_the_reason() {
    let project = Project::new();
    project.write("inventory.yaml", INVENTORY);
    project.write("a.ops", GATED);
    let gate = "on#1: `after batch` failed; not started: w2, w3\n";
    let other = "on#2: another block ended the run; not started: w1, w2, w3\n";
    let run = project.opsc(&["run", "a.ops", "-y", "-q"]);
    assert_eq!((run.code, run.stderr), (22, format!("! {gate}! {other}")));
    let shown = project.opsc(&["show", "1"]).stdout;
    assert!(shown.contains(&format!("\n\n{gate}\n{other}")), "{shown}");
    let told: Json = serde_json::from_str(&project.opsc(&["show", "1", "-o", "json"]).stdout).unwrap();
    let expected = serde_json::json!([
        { "block": "on#1", "hosts": ["w2", "w3"], "reason": "gate" },
        { "block": "on#2", "hosts": ["w1", "w2", "w3"], "reason": "other_block" },
    ]);
    assert_eq!(told["not_started"], expected);
    let markdown = report(&project, "1", "markdown");
    assert!(markdown.contains("## Not started\n\n- on\\#1: w2, w3 (`after batch` failed)\n- on\\#2: w1"), "{markdown}");
    let html = report(&project, "1", "html");
    assert!(html.contains("<p>`after batch` failed. Not started: w2, w3</p>"), "{html}");
    let (end, why, _) = case(&suites(&project, "1"), "w3: not started");
    assert_eq!((end.as_str(), why.as_str()), ("skipped", "`after batch` failed"));
    let replayed = project.opsc(&["replay", "1"]).stdout;
    assert!(replayed.contains(&format!("! {gate}")), "{replayed}");
    let again = project.opsc(&["retry", "1", "-y"]);
    assert!(
        again.stderr.contains("again on ") && !again.stderr.contains("warning"),
        "the controller is no host: {again:?}"
    );
    let runs = project.opsc(&["runs"]).stdout;
    assert!(runs.contains("  gated  tries run 1 again\n"), "{runs}");
}

#[test]
fn a_ci_system_sees_every_step_of_every_host() {
    let project = hostile();
    let suites = suites(&project, "1");
    let names: Vec<&str> = suites.iter().map(|suite| suite["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["hostile", "hostile.controller#1", "hostile.on#1"]);
    let end = |name: &str| case(&suites, name).0;
    assert_eq!((end("run 1").as_str(), end("controller: log.note").as_str()), ("failure", "passed"));
    assert!(case(&suites, "run 1").2.contains("w1: shell.run#2"), "what was not undone is told: {suites:#?}");
    assert_eq!(end("w1: seen"), "passed");
    assert_eq!(end("w1: file.info"), "skipped");
    let (end_of_allowed, _, said) = case(&suites, "w1: shell.run");
    assert_eq!((end_of_allowed.as_str(), said.contains("failed, which is allowed")), ("passed", true), "{said}");
    assert_eq!(end("w1: file.write"), "passed");
    assert_eq!(end("w1: file.write (way back)"), "passed");
    assert_eq!(end("w2: not started"), "skipped");
    let (end, message, text) = case(&suites, "w1: shell.run#3");
    assert!(end == "failure" && message.ends_with("\\u{202e} \u{fffd} (apply, exit code 4)"), "{end}: {message}");
    for expected in ["outcome failed\nexit 4\n", "<script>alert(\"x\")</script> ]]> & \\u{1b}[31m \\u{1}"] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

#[test]
fn a_host_that_is_gone_is_an_error_and_a_good_run_is_green() {
    let project = Project::new();
    project.write("inventory.yaml", INVENTORY);
    project
        .write("a.ops", "ops 1\n\nplaybook a() ! read {\n  on host(\"gone\") {\n    file.info(path: \"/\")\n  }\n}\n");
    assert_eq!(project.opsc(&["run", "a.ops"]).code, 20);
    let gone = suites(&project, "1");
    assert_eq!(case(&gone, "gone: file.info").0, "error");
    assert_eq!(case(&gone, "run 1").0, "failure");
    assert_eq!(project.opsc(&["do", "file.info", "path=/", "-l", "web"]).code, 0);
    let good = suites(&project, "2");
    let cases: Vec<&Json> = good.iter().flat_map(|suite| suite["cases"].as_array().unwrap()).collect();
    assert_eq!(cases.len(), 4);
    assert!(cases.iter().all(|case| case["end"] == "passed"), "{good:#?}");
}

/// Tags, attributes and text of a page, as a parser of HTML reads them; void elements need no end.
const PAGE: &str = r#"
import html.parser, json, sys
class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.tags, self.names, self.text = [], set(), set(), []
    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.names.update(name for name, _ in attributes)
        if tag != "meta":
            self.open.append(tag)
    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag
    def handle_data(self, data):
        self.text.append(data)
page = Page()
page.feed(sys.stdin.buffer.read().decode())
page.close()
assert not page.open, page.open
print(json.dumps({"tags": sorted(page.tags), "names": sorted(page.names), "text": "".join(page.text)}))
"#;

#[test]
fn the_page_needs_nothing_and_hosts_cannot_write_in_it() {
    let project = hostile();
    let html = report(&project, "1", "html");
    let page = python(PAGE, &html);
    // Nor are readers of the other forms misled.
    for said in [report(&project, "1", "markdown"), project.opsc(&["logs", "1"]).stdout] {
        assert!(said.contains("\\u{202e}") && !said.contains('\u{202e}'), "{said}");
    }
    let known = [
        "body", "code", "details", "div", "footer", "h1", "h2", "h3", "head", "header", "html", "main", "meta", "p",
        "pre", "section", "span", "style", "summary", "table", "td", "th", "title", "tr",
    ];
    for tag in page["tags"].as_array().unwrap() {
        assert!(known.contains(&tag.as_str().unwrap()), "{tag}");
    }
    assert_eq!(
        page["names"],
        serde_json::json!(["charset", "class", "content", "http-equiv", "lang", "name", "style"])
    );
    assert!(html.contains("default-src 'none'") && html.contains("prefers-color-scheme: dark"), "{html}");
    assert!(!html.contains("<script") && !html.contains("url(") && !html.contains("\u{202e}"), "{html}");
    let text = page["text"].as_str().unwrap();
    for expected in [
        "<script>alert(\"x\")</script> ]]> & \\u{1b}[31m \\u{1} \\u{202e}",
        "shell.run#3 on w1 failed, exit 4",
        "w1: shell.run#2",
        "Not started: w2, w3",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let places: Vec<usize> = ["What failed", "Not as before", "Hosts", "Rolled back", "Steps"]
        .iter()
        .map(|title| html.find(&format!("<h2>{title}</h2>")).unwrap_or_else(|| panic!("no `{title}`: {html}")))
        .collect();
    assert!(places.is_sorted(), "{places:?}");
    assert!(html.contains("<p><span class=\"rolled_back\">w1</span>: file.write</p>"), "{html}");
    let saved = project.opsc(&["report", "1", "-o", "html", "--save", "run.html"]);
    assert_eq!((saved.code, saved.stderr.as_str()), (0, "wrote run.html\n"));
    assert_eq!(project.read("run.html").unwrap(), html, "the same run is the same page");
}

#[test]
fn hosts_that_fail_alike_stand_together_and_changes_say_what_they_changed() {
    let project = Project::new();
    project.write("inventory.yaml", INVENTORY);
    let failed = project.opsc(&["exec", "-l", "web", "-y", "--", "echo same; exit 3"]);
    assert_eq!(failed.code, 21);
    let page = report(&project, "1", "html");
    assert_eq!(page.matches("<h3>shell.run on w1, w2 and w3 ").count(), 1, "{page}");
    assert_eq!(page.matches("<pre>same</pre>").count(), 1, "{page}");
    let to = project.path("new.txt");
    let written = project.opsc(&["do", "file.write", &format!("to={}", to.display()), "content=x", "-l", "w1", "-y"]);
    assert_eq!(written.code, 0, "{written:?}");
    let page = report(&project, "2", "html");
    assert!(!page.contains("What failed") && page.contains("<h2>Changed</h2>"), "{page}");
    assert!(page.contains("exists\n  - false\n  + true\n"), "{page}");
}

/// A run that is killed while a step of two hosts is under way: one of them had begun to change.
#[test]
fn what_a_killed_run_was_doing_is_not_known_and_not_green() {
    let project = Project::new();
    project.write("inventory.yaml", INVENTORY);
    let step = |effect: &str| {
        format!(
            "    shell.run(script: sh\"echo here; while ! [ -e never ]; do sleep 0.1; done\", effect: \"{effect}\")\n"
        )
    };
    let text = |effect: &str| {
        format!("ops 1\n\nplaybook a() ! change, exec {{\n  on host(\"w1\") {{\n{}  }}\n}}\n", step(effect))
    };
    for (run, effect, expected) in
        [("1", "change", "what happened on the host is not known"), ("2", "read", "no change was begun")]
    {
        project.write("a.ops", &text(effect));
        let mut runner = project.spawn(&["run", "a.ops", "-y", "-o", "ndjson"]);
        let lines = BufReader::new(runner.stdout.take().unwrap()).lines();
        assert!(lines.map(Result::unwrap).any(|line| line.contains("step.output")), "the step has begun");
        let alive = suites(&project, run);
        assert_eq!(
            (case(&alive, &format!("run {run}")).0.as_str(), case(&alive, "w1: shell.run").0.as_str()),
            ("skipped", "skipped")
        );
        runner.kill().unwrap();
        runner.wait().unwrap();
        let suites = suites(&project, run);
        assert_eq!(case(&suites, &format!("run {run}")).0, "error");
        let (end, message, _) = case(&suites, "w1: shell.run");
        assert!(end == "error" && message.contains(expected), "{end}: {message}");
        assert!(report(&project, run, "html").contains(expected));
    }
}
