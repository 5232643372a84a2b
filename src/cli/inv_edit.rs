//! `opsc inv set|add|rm`: the inventory's own text is changed, shown as a difference, and loaded before it is written.

use serde_json::{Value as Json, json};

use super::args_hosts::{AddCommand, Edit, RmCommand, SetCommand, SetOf};
use super::output::Output;
use crate::app::auditing::Audit;
use crate::app::editing::{prepare, write};
use crate::app::workspace::Workspace;
use crate::inventory::edit::{Change, Of};

pub(super) fn set(command: &SetCommand, workspace: &Workspace, output: &mut Output) -> i32 {
    let of = command.of.map(|of| match of {
        SetOf::Host => Of::Host,
        SetOf::Group => Of::Group,
        SetOf::Defaults => Of::Defaults,
    });
    let (name, key, value) = (command.name.clone(), command.key.clone(), command.value.clone());
    change(&Change::Set { of, name, key, value }, &command.edit, workspace, output)
}

pub(super) fn add(command: &AddCommand, workspace: &Workspace, output: &mut Output) -> i32 {
    let address = command.address.iter().map(|address| ("address".to_string(), address.clone()));
    let below = |kind: &'static str, pairs: &[(String, String)]| {
        let keyed = |(key, value): &(String, String)| (format!("{kind}.{key}"), value.clone());
        pairs.iter().map(keyed).collect::<Vec<_>>()
    };
    let settings = address
        .chain(command.settings.iter().cloned())
        .chain(below("tags", &command.tags))
        .chain(below("vars", &command.vars))
        .collect();
    let groups = command.groups.clone();
    change(&Change::Add { host: command.host.clone(), settings, groups }, &command.edit, workspace, output)
}

pub(super) fn rm(command: &RmCommand, workspace: &Workspace, output: &mut Output) -> i32 {
    let (host, group) = (command.host.clone(), command.group.clone());
    change(&Change::Remove { host, group }, &command.edit, workspace, output)
}

/// What the audit says of a change: what it is about, never a value.
fn told(change: &Change) -> Json {
    match change {
        Change::Set { name, key, .. } => json!({ "verb": "set", "host": name, "key": key }),
        Change::Add { host, groups, .. } => json!({ "verb": "add", "host": host, "groups": groups }),
        Change::Remove { host, group } => json!({ "verb": "rm", "host": host, "group": group }),
    }
}

fn change(change: &Change, edit: &Edit, workspace: &Workspace, output: &mut Output) -> i32 {
    let files = match prepare(workspace, edit.file.as_deref(), change) {
        Ok(files) => files,
        Err(refused) => {
            let code = output.fail(&refused.error, Some(&refused.sources));
            output.complain("nothing was written\n");
            return code;
        }
    };
    for file in &files {
        let diff = similar::TextDiff::from_lines(&file.before, &file.after);
        output.print(&diff.unified_diff().header(&file.shown, &file.shown).to_string());
    }
    if files.is_empty() {
        output.say("nothing to change\n");
        return 0;
    }
    if edit.dry_run {
        output.say("nothing was written: --dry-run\n");
        return 0;
    }
    let written = Audit::open(&workspace.project).and_then(|audit| {
        write(&files)?;
        audit.edited(told(change), &files)
    });
    if let Err(error) = written {
        return output.fail(&error, None);
    }
    for file in &files {
        output.say(&format!("wrote {}\n", file.shown));
    }
    0
}
