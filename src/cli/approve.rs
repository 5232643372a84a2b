//! `opsc approve` and `opsc reject`: what is waited for, shown and answered.

use std::path::Path;

use super::args::Global;
use super::args_runs::AnswerCommand;
use super::output::Output;
use super::plan::open_to_read;
use super::run::ask_password;
use super::runs::broken;
use crate::app::AppError;
use crate::app::approving::{Answer, Proof, answer, to_be_signed};
use crate::app::credentials::password_file;
use crate::app::files::read_text;
use crate::app::signatures::{KeyFault, Signature, SigningKey};
use crate::app::workspace::Workspace;
use crate::base::secret::Secret;
use crate::report::approval_text::approval_text;
use crate::state::Journal;

pub fn run(command: &AnswerCommand, approved: bool, global: &Global, output: &mut Output) -> i32 {
    let workspace = match open_to_read(global, output) {
        Ok(workspace) => workspace,
        Err(code) => return code,
    };
    let journal = match Journal::open(&workspace.project.journal()) {
        Ok(journal) => journal,
        Err(error) => return broken(&error, output),
    };
    done(command, approved, (&workspace, &journal), output).unwrap_or_else(|code| code)
}

fn done(
    command: &AnswerCommand,
    approved: bool,
    (workspace, journal): (&Workspace, &Journal),
    output: &mut Output,
) -> Result<i32, i32> {
    let proof = proof(command, output)?;
    let (run, gate, name) = (command.run, command.gate.as_deref(), command.name.as_deref());
    let said = Answer { run, approved, gate, name, proof };
    let refused = |error: AppError, output: &mut Output| output.fail(&error, None);
    if command.print {
        let text = to_be_signed(journal, &said).map_err(|error| refused(error, output))?;
        output.print(&text);
        return Ok(0);
    }
    let approval = answer(journal, &said, &workspace.settings).map_err(|error| refused(error, output))?;
    output.say(approval_text(&approval, None).trim_start());
    Ok(0)
}

/// The key that signs here, or the signature that was made elsewhere.
fn proof(command: &AnswerCommand, output: &mut Output) -> Result<Option<Proof>, i32> {
    if let Some(file) = &command.signature {
        let text = read_text(file).map_err(|error| output.fail(&error, None))?;
        let signature = Signature::parse(&text).map_err(|fault| output.fail(&unusable(file, fault), None))?;
        return Ok(Some(Proof::Signature(signature)));
    }
    let Some(file) = &command.sign else { return Ok(None) };
    let text = read_text(file).map(Secret::new).map_err(|error| output.fail(&error, None))?;
    let passphrase = match &command.password_file {
        Some(file) => Some(password_file(file).map_err(|error| output.fail(&error, None))?),
        None if SigningKey::is_protected(&text) => Some(ask_password("passphrase of the key: ", output)?),
        None => None,
    };
    let key =
        SigningKey::open(&text, passphrase.as_ref()).map_err(|fault| output.fail(&unusable(file, fault), None))?;
    Ok(Some(Proof::Key(key)))
}

fn unusable(file: &Path, fault: KeyFault) -> AppError {
    AppError::Credential { reason: format!("`{}` cannot be used: {fault}", file.display()) }
}
