//! `schemas/inventory.schema.json` and the inventory's own reader agree on what is well formed: keys, forms, words and
//! names. Names that must exist elsewhere are the reader's business alone.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use opsc::base::source::Sources;
use opsc::cli::explain::codes;
use opsc::hir::value::Value;
use opsc::inventory;
use serde_json::{Value as Json, json};

use super::project::Project;
use super::schemas::{refused, root};

/// Unknown keys, wrong forms, wrong words, names and ranges that are none, secrets in the open.
const FORM: &[&str] = &["E0803", "E0804", "E0808", "E0809", "E0812", "E0820"];

/// Codes of the findings in an inventory.
fn findings(text: &str) -> Vec<&'static str> {
    let mut sources = Sources::new();
    let file = sources.add("inventory.yaml", text);
    inventory::load(&sources, &[file]).1.iter().map(|finding| finding.code).collect()
}

fn json_of(value: &Value) -> Json {
    match value {
        Value::None => Json::Null,
        Value::Bool(value) => json!(value),
        Value::Int(value) => json!(value),
        Value::Float(value) => json!(value),
        Value::String(text) => json!(text),
        Value::List(items) => items.iter().map(json_of).collect(),
        Value::Record(fields) => {
            Json::Object(fields.iter().map(|(key, value)| (key.clone(), json_of(value))).collect())
        }
        other => panic!("no YAML is {other:?}"),
    }
}

/// The mapping that a text is; none where it is no YAML, or no mapping.
fn mapping(text: &str) -> Option<Json> {
    let mut sources = Sources::new();
    let file = sources.add("inventory.yaml", text);
    let fields = inventory::variables(&sources, file).ok()?;
    Some(Json::Object(fields.iter().map(|(key, value)| (key.clone(), json_of(value))).collect()))
}

/// Where the reader and the schema differ.
fn disagreements(texts: &[String]) -> Vec<String> {
    let read: Vec<(String, Json)> = texts.iter().filter_map(|text| Some((text.clone(), mapping(text)?))).collect();
    let wrong = refused(&root().join("schemas/inventory.schema.json"), false, &read);
    let differs = |(text, _): &(String, Json)| {
        let found: Vec<&str> = findings(text).into_iter().filter(|code| FORM.contains(code)).collect();
        let said = wrong.get(text);
        (found.is_empty() != said.is_none()).then(|| format!("{text:?}: opsc {found:?}, the schema {said:?}"))
    };
    read.iter().filter_map(differs).collect()
}

const KEYS: &[&str] = &[
    "address",
    "os",
    "transport",
    "port",
    "user",
    "key",
    "jump",
    "admin",
    "lane",
    "as",
    "known_hosts",
    "host_key",
    "connect_timeout",
    "tls",
    "certificate",
    "kdc",
    "password",
    "passphrase",
    "admin_password",
    "state",
    "runs_on",
    "depends_on",
    "behind",
    "tags",
    "vars",
    "hosts",
    "groups",
    "prot",
    "Port",
    "defaults",
];

const VALUES: &[&str] = &[
    "",
    "true",
    "0",
    "22",
    "-1",
    "70000",
    "2.5",
    "text",
    "\"\"",
    "\"10\"",
    "10s",
    "1m30s",
    "10 s",
    "s",
    "linux",
    "Linux",
    "ssh",
    "winrm",
    "sudo",
    "none",
    "raw",
    "accept-new",
    "machine",
    "sha256:12",
    "sha256:0123456789abcdef0123456789abcdef0123456789ABCDEF0123456789abcdef",
    "active",
    "[]",
    "[a]",
    "[a, 7]",
    "[[a]]",
    "[true]",
    "[\"a[1:3]\"]",
    "[\"a[1:\"]",
    "[\"a b\"]",
    "{}",
    "{ a: 1 }",
    "{ a: { b: [c] } }",
    "env:A",
    "\"env:\"",
    "envy:A",
    "vault:secret/app/db#password",
    "keyring:db/admin",
];

#[test]
fn every_key_with_every_form_of_value_is_judged_alike() {
    let mut texts = Vec::new();
    for (head, tail) in [("defaults: {", "}"), ("groups: { web: {", "} }"), ("hosts: { web1: {", "} }"), ("", "")] {
        for key in KEYS {
            texts.extend(VALUES.iter().map(|value| format!("{head} {key}: {value} {tail}\n")));
        }
    }
    let accepted = texts.iter().filter(|text| findings(text).is_empty()).count();
    assert!(accepted > 300 && texts.len() - accepted > 1000, "{accepted} of {}", texts.len());
    let differ = disagreements(&texts);
    assert!(differ.is_empty(), "{} of {}: {:#?}", differ.len(), texts.len(), &differ[..differ.len().min(20)]);
}

#[test]
fn names_ranges_and_declared_tags_are_judged_alike() {
    let names = [
        "a",
        "7",
        "web-1",
        "a.b:c_d",
        "-a",
        ".a",
        "a b",
        "a/b",
        "a@b",
        "ü1",
        "a[1:3]",
        "[1:3]a",
        "a[01:20]-[a:f]",
        "a[x]",
        "a[1:b]",
        "a]",
        "a[1:2",
        "a#b",
        "a$",
        "a~",
        "a^b",
    ];
    let mut texts: Vec<String> = Vec::new();
    for name in names {
        texts.push(format!("hosts:\n  \"{name}\": {{ port: 22 }}\n"));
        texts.push(format!("groups:\n  \"{name}\":\n    hosts: [a]\n"));
        texts.push(format!("groups:\n  g:\n    hosts: [\"{name}\"]\n"));
    }
    for value in VALUES {
        texts.push(format!("tags: {{ env: {value} }}\n"));
    }
    let differ = disagreements(&texts);
    assert!(differ.is_empty(), "{differ:#?}");
}

/// Text between quotes in the source of a test that is an inventory without a place to fill in.
fn quoted_inventories(source: &str) -> Vec<String> {
    let starts = ["groups:\\n", "hosts:\\n", "defaults:", "tags:\\n"];
    let whole = |rest: &str| {
        let end = rest.char_indices().scan(false, |escaped, (at, letter)| {
            let is_end = letter == '"' && !*escaped;
            *escaped = letter == '\\' && !*escaped;
            Some((at, is_end))
        });
        let end = end.into_iter().find(|(_, is_end)| *is_end)?.0;
        Some(rest[..end].replace("\\n", "\n").replace("\\\"", "\""))
    };
    let openings = source.match_indices('"').map(|(at, _)| &source[at + 1..]);
    let inventories = openings.filter(|rest| starts.iter().any(|start| rest.starts_with(start)));
    inventories.filter_map(whole).filter(|text| !text.contains("{}\\") && !text.contains("{{")).collect()
}

#[test]
fn every_inventory_of_the_project_is_judged_alike() {
    let mut texts: Vec<String> = Vec::new();
    for doc in codes().filter(|doc| doc.code.starts_with("E08")) {
        texts.extend([doc.failing.to_string(), doc.fixed.to_string()]);
    }
    texts.push(std::fs::read_to_string(root().join("examples/init/inventory.yaml")).unwrap());
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let (_, after) = readme.split_once("## The inventory").unwrap();
    texts.push(after.split("```").nth(1).unwrap().trim_start_matches("yaml\n").to_string());
    for file in super::floors::rust_files(&root().join("tests/it")) {
        texts.extend(quoted_inventories(&std::fs::read_to_string(file).unwrap()));
    }
    assert!(texts.len() > 40, "{}", texts.len());
    let semantic = |text: &String| findings(text).iter().all(|code| FORM.contains(code) && *code != "E0808");
    texts.retain(semantic);
    let differ = disagreements(&texts);
    assert!(differ.is_empty(), "{differ:#?}");
}

#[test]
fn what_the_schema_refuses_the_binary_refuses() {
    let project = Project::new();
    for (text, code, expected) in [
        ("groups:\n  web:\n    hsots: [web1]\n", "E0803", "hsots"),
        ("groups:\n  web:\n    hosts: web1\n", "E0804", "web1"),
        ("hosts:\n  a: { os: linus }\n", "E0809", "linus"),
        ("tags:\n  env: { prod: 1 }\n", "E0804", "prod"),
    ] {
        project.write("inventory.yaml", text);
        let listed = project.opsc(&["inv", "ls"]);
        assert!(listed.code == 11 && listed.stderr.contains(code), "{text}: {listed:?}");
        let instance = [("it".to_string(), mapping(text).unwrap())];
        let said = refused(&root().join("schemas/inventory.schema.json"), false, &instance);
        assert!(said.get("it").is_some_and(|said| said.contains(expected)), "{text}: {said:?}");
    }
}
