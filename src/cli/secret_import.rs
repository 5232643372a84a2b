//! `opsc secret import`: what Ansible Vault or SOPS keeps becomes a file of secrets. Passwords are typed, or come from files
//! or standard input; none is a flag's value.

use std::path::PathBuf;

use super::args_secret::{ImportSecretCommand, ImportSecretFrom};
use super::output::Output;
use super::run::ask_secret;
use crate::app::AppError;
use crate::app::secret_files::Store;
use crate::app::secret_importing::{From, Imported, Password, Passwords, password_file, password_given};
use crate::base::words;

pub(super) fn run(
    command: &ImportSecretCommand,
    identity: PathBuf,
    store: &Store,
    output: &mut Output,
) -> Result<Imported, AppError> {
    let from = match command.from {
        ImportSecretFrom::AnsibleVault => {
            From::AnsibleVault(Passwords::new(known(command)?, output.may_ask.then_some(ask_secret)))
        }
        ImportSecretFrom::Sops => From::Sops(command.key.clone().unwrap_or(identity)),
    };
    store.import(&command.file, from, command.to.as_deref(), command.force)
}

fn known(command: &ImportSecretCommand) -> Result<Vec<Password>, AppError> {
    let mut known = Vec::new();
    for text in &command.password_file {
        // A path may have an @ too: a label is what stands before the first one, unless there is such a file.
        let (label, path) = match text.split_once('@') {
            Some((label, path)) if !PathBuf::from(text).exists() => (Some(label.to_string()), path),
            _ => (None, text.as_str()),
        };
        known.push((label, password_file(&PathBuf::from(path))?));
    }
    if command.password_stdin {
        known.push((None, password_given(std::io::stdin().lock())?));
    }
    Ok(known)
}

pub(super) fn show(imported: &Imported, output: &mut Output) {
    let file = &imported.file;
    for (what, names) in [("added", &imported.added), ("changed", &imported.changed)] {
        names.iter().for_each(|name| output.say(&format!("{what} {file}/{name}\n")));
    }
    for (name, why) in &imported.left_out {
        output.complain(&format!("warning: {file}/{name} is left out: {why}\n"));
    }
    if imported.plain > 0 {
        let plain = words::count(imported.plain, "value");
        output.say(&format!("{plain} that stand there to read are no secrets and were left alone\n"));
    }
    let (written, left_out) = (imported.added.len() + imported.changed.len(), imported.left_out.len());
    let (same, written) = (imported.same.len(), words::count(written, "secret"));
    output.say(&format!("imported {written}, {same} had that text already, {left_out} left out\n"));
}
