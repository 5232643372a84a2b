//! The forms of `opsc check` for CI systems, judged by others: SARIF by the schema of the standard, Checkstyle and JUnit
//! by an XML parser. Every failing example of a code is in them, and texts that want to break out.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use opsc::cli::explain::codes;
use serde_json::{Value as Json, json};

use super::project::Project;
use super::schemas::{refused, root};

const INVENTORY: &str = "groups:\n  web:\n    hosts: [web1, web2]\n    os: linux\n    vars: { port: 8080 }\n  win:\n    hosts: [win1]\n    os: windows\n";

/// A file's name and a group's name that are markup, and characters that XML cannot hold.
const HOSTILE: (&str, &str) = (
    "a&b <c> \"d\" 'e' %20,ü:1.ops",
    "ops 1\n\nplaybook a() ! read {\n  on group(\"<&'>\u{fffe}\u{7f}]]>%0A,::\") {\n    file.info(path: \"/\")\n  }\n}\n",
);

fn project() -> Project {
    let project = Project::new();
    project.write("inventory.yaml", INVENTORY);
    for doc in codes().filter(|doc| !doc.code.starts_with("E08")) {
        project.write(&format!("failing/{}.ops", doc.code), doc.failing);
    }
    project.write(&format!("failing/{}", HOSTILE.0), HOSTILE.1);
    project.write("clean/a.ops", "ops 1\n");
    project.write(
        "warned/a.ops",
        "ops 1\n\nplaybook a() ! change {\n  on group(\"web\") {\n    file.info(path: \"/\")\n  }\n}\n",
    );
    project
}

fn checked(project: &Project, path: &str, format: &str) -> String {
    let said = project.opsc(&["check", path, "-o", format]);
    assert_eq!(said.code, if path == "failing" { 11 } else { 0 }, "{said:?}");
    said.stdout
}

#[test]
fn sarif_is_as_the_standard_says() {
    let project = project();
    let logs = ["failing", "warned", "clean"].map(|path| {
        let log: Json = serde_json::from_str(&checked(&project, path, "sarif")).unwrap();
        (path.to_string(), log)
    });
    let wrong = refused(&root().join("tests/sarif/sarif-schema-2.1.0.json"), false, &logs);
    assert!(wrong.is_empty(), "{wrong:#?}");
    // The judge can say no.
    let mut bad = logs[0].1.clone();
    bad["runs"][0]["results"][0]["level"] = json!("fatal");
    let instance = [("bad".to_string(), bad)];
    assert_eq!(refused(&root().join("tests/sarif/sarif-schema-2.1.0.json"), false, &instance).len(), 1);

    let run = &logs[0].1["runs"][0];
    let results = run["results"].as_array().unwrap();
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    assert!(results.len() > 60 && rules.len() > 50, "{} results, {} rules", results.len(), rules.len());
    for kind in ["fixes", "relatedLocations"] {
        assert!(results.iter().any(|result| result[kind].is_array()), "no result has {kind}");
    }
    for result in results {
        let rule = result["ruleIndex"].as_u64().and_then(|index| rules.get(usize::try_from(index).unwrap()));
        assert_eq!(rule.map(|rule| &rule["id"]), Some(&result["ruleId"]), "{result}");
        let place = &result["locations"][0]["physicalLocation"];
        let uri = place["artifactLocation"]["uri"].as_str().unwrap();
        assert!(uri.is_ascii() && !uri.contains([' ', '<', '"', '\\']) && !uri.starts_with('/'), "{uri}");
        let region =
            ["startLine", "startColumn", "endLine", "endColumn"].map(|name| place["region"][name].as_u64().unwrap());
        assert!((region[0], region[1]) <= (region[2], region[3]) && !region.contains(&0), "{result}");
    }
    let levels: BTreeSet<&str> = logs
        .iter()
        .flat_map(|(_, log)| log["runs"][0]["results"].as_array().unwrap())
        .map(|result| result["level"].as_str().unwrap())
        .collect();
    assert!(levels.contains("error") && levels.contains("warning"), "{levels:?}");
}

/// `[name, attributes, text, children]`, by Python's parser; a text that is no XML fails.
const PARSE: &str = "import json, sys, xml.etree.ElementTree as t
def tree(e): return [e.tag, e.attrib, e.text or '', [tree(c) for c in e]]
print(json.dumps(tree(t.parse(sys.argv[1]).getroot())))";

fn xml(project: &Project, text: &str) -> Json {
    project.write("report.xml", text);
    let path = project.path("report.xml");
    let parsed = Command::new("/usr/bin/python3").args(["-c", PARSE]).arg(&path).output().unwrap();
    assert!(parsed.status.success(), "{}", String::from_utf8_lossy(&parsed.stderr));
    serde_json::from_slice(&parsed.stdout).unwrap()
}

/// Attributes that an element has, exactly.
fn attributes<'e>(element: &'e Json, name: &str, expected: &[&str]) -> &'e Json {
    assert_eq!(element[0], name, "{element}");
    let found: Vec<&str> = element[1].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(found.iter().collect::<BTreeSet<_>>(), expected.iter().collect::<BTreeSet<_>>(), "{element}");
    &element[1]
}

fn children(element: &Json) -> &[Json] {
    element[3].as_array().unwrap()
}

fn number(value: &Json) -> usize {
    value.as_str().unwrap().parse().unwrap_or_else(|_| panic!("no number: {value}"))
}

fn hostile_path() -> String {
    format!("failing/{}", HOSTILE.0)
}

#[test]
fn checkstyle_is_xml_with_the_usual_attributes() {
    let project = project();
    let tree = xml(&project, &checked(&project, "failing", "checkstyle"));
    attributes(&tree, "checkstyle", &["version"]);
    let mut names = BTreeSet::new();
    let mut found = 0;
    for file in children(&tree) {
        names.insert(attributes(file, "file", &["name"])["name"].as_str().unwrap().to_string());
        assert!(!children(file).is_empty(), "{file}");
        for error in children(file) {
            let said = attributes(error, "error", &["line", "column", "severity", "message", "source"]);
            assert!(number(&said["line"]) > 0 && number(&said["column"]) > 0, "{said}");
            assert!(["error", "warning", "info"].contains(&said["severity"].as_str().unwrap()), "{said}");
            assert!(said["source"].as_str().unwrap().starts_with("opsc."), "{said}");
            assert!(!said["message"].as_str().unwrap().is_empty());
            found += 1;
        }
    }
    assert_eq!(names.len(), children(&tree).len(), "each file stands once");
    assert!(names.contains(&hostile_path()), "{names:?}");
    let json: Json = serde_json::from_str(&checked(&project, "failing", "json")).unwrap();
    assert_eq!(found, json["diagnostics"].as_array().unwrap().len());
    assert!(children(&xml(&project, &checked(&project, "clean", "checkstyle"))).is_empty());
}

#[test]
fn junit_is_xml_with_the_usual_attributes_and_counts_that_are_true() {
    let project = project();
    for (path, files) in [("failing", None), ("warned", Some(1)), ("clean", Some(1))] {
        let tree = xml(&project, &checked(&project, path, "junit"));
        attributes(&tree, "testsuites", &[]);
        let suite = &children(&tree)[0];
        let said = attributes(suite, "testsuite", &["name", "tests", "failures", "errors"]);
        let cases = children(suite);
        assert_eq!((number(&said["tests"]), number(&said["errors"])), (cases.len(), 0));
        let failed = |case: &&Json| children(case).iter().any(|inner| inner[0] == "failure");
        assert_eq!(number(&said["failures"]), cases.iter().filter(failed).count());
        assert_eq!(files.unwrap_or(cases.len()), cases.len());
        for case in cases {
            attributes(case, "testcase", &["classname", "name"]);
            for inner in children(case) {
                let expected: &[&str] = if inner[0] == "failure" { &["message", "type"] } else { &[] };
                attributes(inner, inner[0].as_str().unwrap(), expected);
                assert!(inner[2].as_str().unwrap().contains('['), "{inner}");
            }
        }
        let names: BTreeSet<&str> = cases.iter().map(|case| case[1]["name"].as_str().unwrap()).collect();
        assert_eq!(names.len(), cases.len(), "each file stands once");
        assert_eq!(names.contains(hostile_path().as_str()), path == "failing");
    }
}

/// What GitHub makes of a line: command, properties, message, unescaped as its runner does.
fn github(line: &str) -> (String, Vec<(String, String)>, String) {
    let unescape = |text: &str| {
        text.replace("%3A", ":").replace("%2C", ",").replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")
    };
    let (command, rest) = line.strip_prefix("::").unwrap().split_once(' ').unwrap();
    let (properties, message) = rest.split_once("::").unwrap();
    let pair = |part: &str| part.split_once('=').map(|(key, value)| (key.to_string(), unescape(value))).unwrap();
    (command.to_string(), properties.split(',').map(pair).collect(), unescape(message))
}

#[test]
fn commands_for_github_keep_to_their_line_and_say_what_json_says() {
    let project = project();
    let lines = checked(&project, "failing", "github");
    let json: Json = serde_json::from_str(&checked(&project, "failing", "json")).unwrap();
    let findings = json["diagnostics"].as_array().unwrap();
    assert_eq!(lines.lines().count(), findings.len());
    for (line, finding) in lines.lines().zip(findings) {
        let (command, properties, message) = github(line);
        let property =
            |name: &str| properties.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).unwrap();
        assert!(["error", "warning", "notice"].contains(&command.as_str()), "{line}");
        assert_eq!(
            (property("file"), property("title")),
            (finding["file"].as_str().unwrap(), finding["code"].as_str().unwrap())
        );
        assert_eq!(property("line"), finding["line"].to_string());
        assert!(message.starts_with(finding["message"].as_str().unwrap()), "{line}");
    }
    assert!(Path::new(&project.path(&hostile_path())).exists() && lines.contains("failing/a&b <c>"));
}
