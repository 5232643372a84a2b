//! `opsc secret merge` and `opsc secret textconv`: what git calls for files of secrets.

use std::path::Path;

use super::args_secret::MergeCommand;
use super::config::{find_project, load_settings};
use super::output::Output;
use super::run::ask_secret;
use crate::app::secret_files::Store;
use crate::app::secret_merging::{Conflict, as_text};
use crate::base::words;

/// Git calls it at the root of the working tree, which need not be that of the project.
pub(super) fn merge(command: &MergeCommand, output: &mut Output) -> i32 {
    let project = find_project(command.path.parent().unwrap_or(Path::new(".")));
    let settings = match load_settings(&project) {
        Ok(settings) => settings,
        Err(error) => return output.fail(&error, None),
    };
    let store = Store::new(&project, settings.identity(), output.may_ask.then_some(ask_secret));
    let name = command.path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    match store.merge(name, &command.base, &command.ours, &command.theirs) {
        Ok(None) => 0,
        Ok(Some(Conflict::Keys)) => {
            output.complain(&format!(
                "{}: both sides have another key than before; nothing was merged\nhint: take one side, set again what the other changed, then `opsc secret rekey {name}`\n",
                command.path.display()
            ));
            1
        }
        Ok(Some(Conflict::Secrets(names))) => {
            let verb = if names.len() == 1 { "was" } else { "were" };
            output.complain(&format!(
                "{}: {} {verb} changed on both sides; ours stands there\nhint: `opsc secret set {name}/NAME` writes another, then `git add`\n",
                command.path.display(),
                words::join_and(&names)
            ));
            1
        }
        Err(error) => output.fail(&error, None),
    }
}

pub(super) fn textconv(file: &Path, output: &mut Output) -> i32 {
    match as_text(file) {
        Ok(text) => {
            output.print(&text);
            0
        }
        Err(error) => output.fail(&error, None),
    }
}
