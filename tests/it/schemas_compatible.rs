//! Forms with a version keep their word: what an earlier version wrote stays valid, no property goes away, loses its
//! promise or takes more types. Fields that come later are optional in the schema, since earlier outputs lack them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::schemas::{refused, root};

/// Every form that is published with a version.
pub(crate) const FORMS: &[&str] = &[
    "opsc.plan-1",
    "opsc.check-1",
    "opsc.event-1",
    "opsc.compile-1",
    "opsc.diff-1",
    "opsc.file-1",
    "opsc.saved_plan-1",
    "opsc.stats-1",
    "opsc.db-check-1",
    "opsc.audit-1",
    "opsc.audit-verify-1",
    "opsc.test-1",
];

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn published(form: &str) -> Json {
    serde_json::from_str(&read(&format!("schemas/{form}.schema.json"))).unwrap()
}

/// A line for each property of each object, with its place in the schema, its promise and its types.
fn properties(form: &str) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    walk(&published(form), form, &mut lines);
    lines
}

fn walk(schema: &Json, place: &str, lines: &mut BTreeSet<String>) {
    let Json::Object(fields) = schema else { return };
    if let Some(Json::Object(properties)) = fields.get("properties") {
        let required: Vec<&str> =
            fields.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).collect();
        for (name, property) in properties {
            let promise = if required.contains(&name.as_str()) { "required" } else { "optional" };
            lines.insert(format!("{place} {name} {promise} {}", types(property)));
        }
    }
    for (word, inner) in fields {
        match inner {
            Json::Object(_) => walk(inner, &format!("{place}/{word}"), lines),
            Json::Array(items) => {
                items.iter().enumerate().for_each(|(at, item)| walk(item, &format!("{place}/{word}/{at}"), lines));
            }
            _ => {}
        }
    }
}

/// `string|null`, or the definition that says it.
fn types(property: &Json) -> String {
    match (&property["type"], &property["$ref"], &property["const"]) {
        (Json::String(one), _, _) => one.clone(),
        (Json::Array(many), _, _) => many.iter().filter_map(Json::as_str).collect::<Vec<_>>().join("|"),
        (_, Json::String(reference), _) => reference.clone(),
        (_, _, Json::String(constant)) => format!("={constant}"),
        _ => "any".to_string(),
    }
}

#[test]
fn what_version_1_wrote_stays_valid() {
    for form in FORMS {
        let lines = read(&format!("tests/golden/{form}.jsonl"));
        let number = |(at, line): (usize, &str)| (format!("line {}", at + 1), serde_json::from_str(line).unwrap());
        let outputs: Vec<(String, Json)> = lines.lines().enumerate().map(number).collect();
        assert!(!outputs.is_empty());
        let wrong = refused(&root().join(format!("schemas/{form}.schema.json")), true, &outputs);
        assert!(wrong.is_empty(), "{form}: {wrong:#?}");
    }
}

#[test]
fn no_property_of_version_1_is_renamed_removed_or_widened() {
    let promised: Vec<String> = read("tests/golden/properties.txt").lines().map(str::to_string).collect();
    let now: BTreeSet<String> = FORMS.iter().flat_map(|form| properties(form)).collect();
    let gone: Vec<&String> = promised.iter().filter(|line| !now.contains(*line)).collect();
    assert!(gone.is_empty(), "promised by version 1 and no longer so: {gone:#?}");
    // What comes later is promised from then on: it is written below the others.
    let unlisted: Vec<&String> = now.iter().filter(|line| !promised.contains(line)).collect();
    assert!(unlisted.is_empty(), "add to tests/golden/properties.txt: {unlisted:#?}");
}

#[test]
fn every_schema_says_what_each_property_is() {
    let mut silent = Vec::new();
    for form in FORMS.iter().chain(&["inventory"]) {
        let schema = published(form);
        assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#", "{form}");
        assert_eq!(schema["$id"], format!("urn:opsc:{form}"));
        describe(&schema, form, &mut silent);
    }
    assert!(silent.is_empty(), "{silent:#?}");
}

fn describe(schema: &Json, place: &str, silent: &mut Vec<String>) {
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        if property["description"].is_null() && property["$ref"].is_null() {
            silent.push(format!("{place}/{name}"));
        }
    }
    for (word, inner) in schema.as_object().into_iter().flatten() {
        describe(inner, &format!("{place}/{word}"), silent);
    }
}
