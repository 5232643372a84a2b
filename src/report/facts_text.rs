//! The facts of a host as lines.

use serde_json::Value as Json;

use super::paint::harmless;
use crate::base::words;
use crate::hir::facts::{FACTS, Kind};

/// `age` in milliseconds.
pub fn facts_text(host: &str, facts: &Json, age: u64) -> String {
    let read = match age / 1000 {
        0 => "read now".to_string(),
        seconds => format!("read {} ago", words::duration(seconds * 1000)),
    };
    let width = FACTS.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let lines = FACTS.iter().map(|(name, kind)| {
        let shown = match (kind, facts.get(name)) {
            (Kind::Size, Some(Json::Number(bytes))) => bytes.as_u64().map_or_else(String::new, about),
            (_, Some(Json::String(text))) => text.clone(),
            (_, Some(Json::Number(number))) => number.to_string(),
            _ => "not said".to_string(),
        };
        harmless(&format!("  {name:width$}  {shown}")) + "\n"
    });
    format!("{host}  ({read})\n{}", lines.collect::<String>())
}

/// For people: a machine's memory is no round number.
fn about(bytes: u64) -> String {
    const GIB: u64 = 1 << 30;
    if bytes < GIB {
        return format!("{} MiB", bytes >> 20);
    }
    format!("{}.{} GiB", bytes / GIB, bytes % GIB * 10 / GIB)
}
