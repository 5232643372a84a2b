//! Properties of texts and scripts of several lines: whatever blanks, quotes, escapes and holes they are made of, their
//! canonical form has the same value, is formatted once and for all, and comes back from its tree.

use opsc::app::trees;
use opsc::base::source::Sources;
use opsc::syntax;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::properties::{cases, formatted};

/// What lines of a text are made of. Few letters and many blanks: the ends of lines are what matters.
const PIECES: &[&str] = &[
    "\n",
    "\n",
    "\n",
    "\n",
    "\r\n",
    " ",
    "  ",
    "    ",
    "\t",
    "\u{a0}",
    "a",
    "ü",
    "{host.name}",
    "\"",
    "\"\" ",
    "'",
    "#",
    "\\n",
    "\\t",
    "\\r",
    "\\\"",
    "\\\\",
    "\\{",
    "}",
];

/// Of a script: a backslash and a brace are its own.
const SCRIPT_PIECES: &[&str] =
    &["\n", "\n", "\n", "\r\n", " ", "  ", "\t", "\u{a0}", "a", "ü", "\"", "\"\" ", "'", "#", "\\", "\\n", "{", "${x}"];

/// Where a text can stand: `@` is the text.
const PLACES: &[&str] = &[
    "let x = @",
    "let x = [@, @]",
    "let x = { a: @, \"b\": 1 }",
    "let x = f(@, 1)",
    "let x = @ == @ and not (@ != @)",
    "let x = @.lines()",
    "let x = @.lines().count",
    "let x = y[@]",
    "let x = not -@",
    "let x = hosts where @ in host.name",
    "require true else @",
    "file.write(path: \"/x\", content: @)",
    "x = file.write(path: @) {\n    until: @ == it.content\n  }",
    "on web (as: @) {\n    file.write(path: @)\n    always {\n      let x = @\n    }\n  }",
];

fn block(open: &'static str, pieces: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(pieces), 0..14)
        .prop_map(move |pieces| format!("{open}{}\"\"\"", pieces.concat()))
}

fn program(place: &str, text: &str) -> String {
    format!("ops 1\n\nplaybook p(web: hosts = all()) ! change {{\n  {}\n}}\n", place.replace('@', text))
}

fn programs() -> impl Strategy<Value = String> {
    let text = prop_oneof![
        block("\"\"\"", PIECES),
        block("\"\"\"\n", PIECES),
        block("sh\"\"\"", SCRIPT_PIECES),
        block("sh\"\"\"\n", SCRIPT_PIECES)
    ];
    (prop::sample::select(PLACES), text).prop_map(|(place, text)| program(place, &text))
}

/// The values of all texts and scripts of a program, in their order; how they are quoted is left out.
fn values(text: &str) -> Vec<Json> {
    let mut sources = Sources::new();
    let file = sources.add("a.ops", text);
    let tree = syntax::parse(&sources, file).0.expect("a program");
    let mut values = Vec::new();
    collect(&opsc::report::tree_json::tree_json(&tree, text), &mut values);
    values
}

fn collect(node: &Json, values: &mut Vec<Json>) {
    match node {
        Json::Array(items) => items.iter().for_each(|item| collect(item, values)),
        Json::Object(fields) if fields.contains_key("style") => {
            values.push(fields.get("pieces").cloned().unwrap_or(json!([])));
        }
        Json::Object(fields) if fields.get("node") == Some(&json!("script")) => {
            values.push(fields.get("text").cloned().expect("the text of a script"));
        }
        Json::Object(fields) => fields.values().for_each(|field| collect(field, values)),
        _ => {}
    }
}

/// Some pieces make no program, such as a hole with nothing in it; those say nothing of the formatter.
fn judge(text: &str) -> Result<(), TestCaseError> {
    let Some(once) = formatted(text) else { return Ok(()) };
    let twice = formatted(&once);
    prop_assert_eq!(twice.as_deref(), Some(once.as_str()), "formatted again, of {:?}", text);
    prop_assert_eq!(values(&once), values(text), "the values, of {:?}", text);
    prop_assert!(once.lines().all(|line| line.trim_end() == line), "blanks at ends, of {:?}: {:?}", text, once);
    let tree = trees::tree_of(&once).expect("a tree");
    prop_assert_eq!(trees::program(&tree.to_string()), Ok(once), "the tree, of {:?}", text);
    Ok(())
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn a_text_of_any_blanks_keeps_its_value(text in programs()) {
        judge(&text)?;
    }
}

#[test]
fn a_text_keeps_its_value_wherever_it_stands() {
    let texts = [
        "\"\"\"\n a\n \n \n \n\"\"\"",
        "\"\"\" a\n\n\"\"\"",
        "\"\"\"\n\n\n\"\"\"",
        "\"\"\"\n  {host.name}\n\n  \"\"\"",
    ];
    let scripts = ["sh\"\"\"\n a\n \n \n \n\"\"\"", "sh\"\"\" a\n\n\"\"\""];
    let mut read = 0;
    for place in PLACES {
        for text in texts.iter().chain(&scripts) {
            let text = program(place, text);
            judge(&text).unwrap();
            read += usize::from(formatted(&text).is_some());
        }
    }
    // A script is no text: it cannot be an `else`.
    assert_eq!(read, PLACES.len() * (texts.len() + scripts.len()) - scripts.len(), "of {PLACES:?}");
}

#[test]
fn line_breaks_at_an_end_are_text_but_for_the_last() {
    let value = |block: &str| values(&program("let x = @", block));
    let text = |text: &str| vec![json!([{ "text": text }])];
    assert_eq!(value("\"\"\"\n    a\n    \"\"\""), text("a"));
    assert_eq!(value("\"\"\"\n    a\n\n    \"\"\""), text("a\n"));
    assert_eq!(value("\"\"\"\n    a\n      \n    \t\n\"\"\""), text("a\n\n"));
    assert_eq!(value("sh\"\"\"\n    a\n\n    \"\"\""), vec![json!("a\n")]);
}
