//! Where a tree that was written and read back means something else than what was given. Knows nothing of how it is
//! written.

use serde_json::{Map, Value as Json};

use super::tree_shape::{ShapeError, below};
use super::tree_source::text;

/// Where what was read back means something else than what was given: a name that is a keyword, a text that is more than
/// one expression, a comment that has no place.
pub fn differs(given: &Json, read: &Json) -> Option<ShapeError> {
    first_difference(&meaning(given), &meaning(read), "").or_else(|| {
        let (given, read) = (comments_in(given), comments_in(read));
        let lost = given.iter().find(|(text, _)| {
            let count = |all: &[(String, String)]| all.iter().filter(|(other, _)| other == text).count();
            count(&given) != count(&read)
        });
        lost.map(|(text, pointer)| ShapeError {
            pointer: pointer.clone(),
            reason: format!("the comment `{text}` has no place there"),
        })
    })
}

/// What is only layout, or says that nothing is there.
fn meaning(node: &Json) -> Json {
    const LAYOUT: &[&str] = &[
        "comments",
        "trailing",
        "blank",
        "end",
        "opening",
        "params_end",
        "params_on_lines",
        "args_end",
        "steps_blank",
    ];
    match node {
        Json::Object(fields) => {
            let keeps = |(key, value): &(&String, &Json)| {
                !LAYOUT.contains(&key.as_str())
                    && **value != Json::Array(Vec::new())
                    && !(*key == "block" && **value == Json::Bool(false))
            };
            fields.iter().filter(keeps).map(|(key, value)| (key.clone(), meaning(value))).collect::<Map<_, _>>().into()
        }
        Json::Array(items) => items.iter().map(meaning).collect(),
        other => other.clone(),
    }
}

fn first_difference(given: &Json, read: &Json, pointer: &str) -> Option<ShapeError> {
    match (given, read) {
        (Json::Object(given), Json::Object(read)) => {
            let mut keys: Vec<&String> = given.keys().chain(read.keys()).collect();
            keys.dedup();
            let null = Json::Null;
            keys.into_iter().find_map(|key| {
                let side = |fields: &Map<String, Json>| fields.get(key).cloned().unwrap_or(null.clone());
                first_difference(&side(given), &side(read), &below(pointer, key))
            })
        }
        (Json::Array(given), Json::Array(read)) if given.len() == read.len() => given
            .iter()
            .zip(read)
            .enumerate()
            .find_map(|(index, (given, read))| first_difference(given, read, &below(pointer, &index.to_string()))),
        _ if given == read => None,
        _ => Some(ShapeError {
            pointer: pointer.to_string(),
            reason: format!("written as a program this reads as {}", shortened(read)),
        }),
    }
}

fn shortened(value: &Json) -> String {
    let text = value.to_string();
    let short: String = text.chars().take(80).collect();
    if short.len() < text.len() { format!("`{short}…`") } else { format!("`{short}`") }
}

/// Every comment of a tree with its pointer, in order.
fn comments_in(node: &Json) -> Vec<(String, String)> {
    let mut found = Vec::new();
    collect_comments(node, "", &mut found);
    found
}

fn collect_comments(node: &Json, pointer: &str, found: &mut Vec<(String, String)>) {
    match node {
        Json::Object(fields) => {
            for (key, value) in fields {
                let at = below(pointer, key);
                match (key.as_str(), value) {
                    ("trailing" | "opening", Json::String(text)) => found.push((text.clone(), at)),
                    ("comments" | "end" | "params_end" | "args_end", Json::Array(items)) => {
                        found.extend(items.iter().map(|comment| (text(comment, "text").to_string(), at.clone())));
                    }
                    _ => collect_comments(value, &at, found),
                }
            }
        }
        Json::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(index, item)| collect_comments(item, &below(pointer, &index.to_string()), found)),
        _ => {}
    }
}
