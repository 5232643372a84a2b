//! `opsc secret diff`: which secrets two revisions differ in, by name; no text of one is shown.

use serde_json::{Value as Json, json};

use super::args::Format;
use super::args_secret::DiffSecretCommand;
use super::output::Output;
use crate::app::secret_comparing::FileChange;
use crate::app::secret_files::Store;

pub(super) fn run(command: &DiffSecretCommand, store: &Store, output: &mut Output) -> i32 {
    let changes = match store.differences(&command.range) {
        Ok(changes) => changes,
        Err(error) => return output.fail(&error, None),
    };
    if command.output == Format::Json {
        let files: Vec<Json> = changes.iter().map(as_json).collect();
        output.print(&format!("{:#}\n", json!({ "files": files })));
    } else {
        changes.iter().for_each(|change| output.print(&as_text(change)));
    }
    if changes.is_empty() { 0 } else { 2 }
}

fn as_text(change: &FileChange) -> String {
    let state = match (change.is_new, change.is_gone, change.rekeyed) {
        (true, _, _) => ", a new file",
        (_, true, _) => ", which is gone",
        (_, _, true) => ", under another key",
        _ => "",
    };
    let mut lines = vec![format!("secrets/{}.yaml{state}", change.file)];
    lines.extend(change.recipients_added.iter().map(|recipient| format!("  + recipient {recipient}")));
    lines.extend(change.recipients_removed.iter().map(|recipient| format!("  - recipient {recipient}")));
    lines.extend(change.added.iter().map(|name| format!("  + {name}")));
    lines.extend(change.removed.iter().map(|name| format!("  - {name}")));
    lines.extend(change.changed.iter().map(|(name, before, after)| format!("  ~ {name} ({before}, now {after})")));
    lines.extend(change.rotation.iter().map(|name| format!("  ~ {name}: when it should be changed again")));
    let unknown = |name: &String| format!("  ? {name}: not known, your identity does not open both");
    lines.extend(change.unknown.iter().map(unknown));
    lines.join("\n") + "\n"
}

fn as_json(change: &FileChange) -> Json {
    let changed =
        |(name, before, after): &(String, String, String)| json!({ "name": name, "before": before, "after": after });
    json!({
        "file": change.file,
        "new": change.is_new,
        "gone": change.is_gone,
        "rekeyed": change.rekeyed,
        "recipients_added": change.recipients_added,
        "recipients_removed": change.recipients_removed,
        "added": change.added,
        "removed": change.removed,
        "changed": change.changed.iter().map(changed).collect::<Vec<_>>(),
        "rotation": change.rotation,
        "unknown": change.unknown,
    })
}
