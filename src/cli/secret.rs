//! `opsc secret`: files of secrets, each value encrypted. A secret is typed unseen or comes from standard input; only
//! `get` shows one.

use std::io::IsTerminal;
use std::path::Path;

use serde_json::json;

use super::args::Format;
use super::args_secret::{LsSecretCommand, RekeyCommand, SecretCommand, SetSecretCommand};
use super::config::{find_project, load_settings};
use super::output::Output;
use super::run::ask_secret;
use super::{secret_diff, secret_git, secret_import};
use crate::app::AppError;
use crate::app::secret_editing::Editor;
use crate::app::secret_files::{Listed, Rotation, Set, Store, read_value, typed_value};
use crate::base::secret::Secret;
use crate::base::words;

pub fn run(command: &SecretCommand, output: &mut Output) -> i32 {
    let project = find_project(Path::new("."));
    let (store, identity) = match load_settings(&project) {
        Ok(settings) => {
            let identity = settings.identity();
            (Store::new(&project, identity.clone(), output.may_ask.then_some(ask_secret)), identity)
        }
        Err(error) => return output.fail(&error, None),
    };
    let done = match command {
        SecretCommand::Keygen => store.generate().map(|recipient| print(&format!("{recipient}\n"), output)),
        SecretCommand::Recipient => store
            .recipients()
            .map(|recipients| recipients.iter().for_each(|recipient| print(&format!("{recipient}\n"), output))),
        SecretCommand::Set(command) => return set(command, &store, output),
        SecretCommand::Get { name } => store.get(name).map(|text| {
            output.print(text.expose());
            // A program gets the text alone.
            if std::io::stdout().is_terminal() {
                output.print("\n");
            }
        }),
        SecretCommand::Rm { name } => store.remove(name).map(|()| output.say(&format!("removed {name}\n"))),
        SecretCommand::Ls(command) => store.list(command.file.as_deref()).map(|listed| list(&listed, command, output)),
        SecretCommand::Edit { file } => return edit(file, &store, output),
        SecretCommand::Import(command) => {
            secret_import::run(command, identity, &store, output).map(|imported| secret_import::show(&imported, output))
        }
        SecretCommand::Diff(command) => return secret_diff::run(command, &store, output),
        SecretCommand::Merge(command) => return secret_git::merge(command, output),
        SecretCommand::Textconv { file } => return secret_git::textconv(file, output),
        SecretCommand::Rekey(command) => return rekey(command, &store, output),
    };
    done.map_or_else(|error| output.fail(&error, None), |()| 0)
}

fn print(text: &str, output: &mut Output) {
    output.print(text);
}

fn set(command: &SetSecretCommand, store: &Store, output: &mut Output) -> i32 {
    let name = &command.name;
    let rotate = command.rotate.unwrap_or(Rotation::Kept);
    let done = store.may_set(name).and_then(|()| {
        let Some(text) = value(name, output)? else { return Ok(None) };
        store.set(name, &text, rotate).map(Some)
    });
    match done {
        Ok(Some(Set::Created { recipients })) => {
            output.say(&format!("set {name} in a new file, encrypted to {}\n", words::join_and(&recipients)));
        }
        Ok(Some(Set::Changed)) => output.say(&format!("set {name}\n")),
        Ok(Some(Set::Same)) => output.say(&format!("{name} has that text already\n")),
        Ok(None) => return 3,
        Err(error) => return output.fail(&error, None),
    }
    0
}

/// What somebody types, twice, or what standard input has; `None` where it was said why not.
fn value(name: &str, output: &mut Output) -> Result<Option<Secret<String>>, AppError> {
    if !std::io::stdin().is_terminal() {
        return read_value(std::io::stdin().lock()).map(Some);
    }
    if !output.may_ask {
        output.complain("error: nobody may be asked for the secret\nhint: give it by standard input\n");
        return Ok(None);
    }
    let (first, again) = (ask_secret(name), ask_secret(&format!("{name}, once more")));
    match (first, again) {
        (Some(first), Some(again)) if first == again => typed_value(&first).map(Some),
        _ => {
            output.complain("error: the two are not the same; nothing was written\n");
            Ok(None)
        }
    }
}

fn list(listed: &[Listed], command: &LsSecretCommand, output: &mut Output) {
    if command.output == Format::Json {
        let of = |one: &Listed| json!({ "file": one.file, "name": one.name, "changed": one.changed, "rotate_days": one.rotate, "due_in_days": one.due_in });
        output.print(&format!("{:#}\n", json!({ "secrets": listed.iter().map(of).collect::<Vec<_>>() })));
        return;
    }
    if listed.is_empty() {
        output.say("there are no secrets; `opsc secret set FILE/NAME` writes one\n");
    }
    let width = listed.iter().map(|one| one.file.len() + one.name.len() + 1).max().unwrap_or(0);
    for one in listed {
        let due = match (one.rotate, one.due_in) {
            (Some(_), Some(days)) if days < 0 => {
                format!("  overdue by {}", words::count(days.unsigned_abs() as usize, "day"))
            }
            (Some(_), Some(days)) => format!("  due in {}", words::count(days.unsigned_abs() as usize, "day")),
            _ => String::new(),
        };
        let name = format!("{}/{}", one.file, one.name);
        output.print(&format!("{name:width$}  changed {}{due}\n", one.changed));
    }
}

fn rekey(command: &RekeyCommand, store: &Store, output: &mut Output) -> i32 {
    let prepared = match store.prepare_rekey(&command.files) {
        Ok(prepared) => prepared,
        Err(error) => return output.fail(&error, None),
    };
    for one in &prepared {
        output.print(&format!("secrets/{}.yaml: {}\n", one.file, words::count(one.names.len(), "secret")));
        one.added.iter().for_each(|recipient| output.print(&format!("  + {recipient}\n")));
        one.removed.iter().for_each(|recipient| output.print(&format!("  - {recipient}\n")));
    }
    if prepared.is_empty() {
        output.say("there are no files of secrets\n");
        return 0;
    }
    if let Some(own) = store.shut_out(&prepared).filter(|_| !command.without_me) {
        let who = if own.is_empty() { String::new() } else { format!(" ({})", words::join_and(&own)) };
        let readers = prepared.first().map(|one| words::join_and(&one.recipients)).unwrap_or_default();
        output.complain(&format!(
            "error: nothing was written: your identity `{}`{who} could not read them any more; {readers} could\nhint: add yourself to secrets/recipients, or say `--without-me` where that is meant\n",
            store.identity().display()
        ));
        return 12;
    }
    if !command.yes && !output.may_ask {
        output.complain("error: nothing was written: there is no terminal to ask on\nhint: add `-y`\n");
        return 3;
    }
    if !command.yes && !output.confirm("encrypt them again?") {
        output.complain("nothing was written\n");
        return 3;
    }
    for one in &prepared {
        if let Err(error) = store.rekey(one) {
            return output.fail(&error, None);
        }
        output.say(&format!("wrote secrets/{}.yaml under a new key\n", one.file));
        if !one.removed.is_empty() {
            let names: Vec<String> = one.names.iter().map(|name| format!("{}/{name}", one.file)).collect();
            output.say(&format!(
                "{} could read it until now: change {} too\n",
                words::join_and(&one.removed),
                words::join_and(&names)
            ));
        }
    }
    0
}

fn edit(file: &str, store: &Store, output: &mut Output) -> i32 {
    let named = |name: &str| std::env::var(name).ok().filter(|editor| !editor.trim().is_empty());
    let editor = named("VISUAL").or_else(|| named("EDITOR")).unwrap_or_else(|| "vi".to_string());
    // Only the front end ends the process; the text is wiped by then.
    let editor = Editor { line: &editor, leave: |code| std::process::exit(code) };
    let edited = store.edit(file, &editor, &mut |reason| {
        output.complain(&format!("error: {reason}\n"));
        output.may_ask && output.confirm("edit it again?")
    });
    let edits = match edited {
        Ok(edits) => edits,
        Err(error) => return output.fail(&error, None),
    };
    let mut is_same = true;
    for (what, names) in [("added", &edits.added), ("changed", &edits.changed), ("removed", &edits.removed)] {
        for name in names {
            is_same = false;
            output.say(&format!("{what} {file}/{name}\n"));
        }
    }
    if is_same {
        output.say("nothing was changed\n");
    }
    0
}
