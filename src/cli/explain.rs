//! `opsc explain CODE|FILE`: what a code means, with an example that fails and the same one mended; or a playbook in
//! plain English.

use std::path::Path;

use super::args::{ExplainCommand, Global};
use super::output::Output;
use super::plan::open_to_read;
use crate::app::{modules, schedules};
use crate::base::near::nearest;
use crate::diag::CodeDoc;
use crate::report::playbook_text::playbook_text;
use crate::{check, inventory, plan, syntax};

pub fn run(command: &ExplainCommand, global: &Global, output: &mut Output) -> i32 {
    if command.subject.ends_with(".ops") || Path::new(&command.subject).is_file() {
        return explain_file(Path::new(&command.subject), global, output);
    }
    let wanted = command.subject.to_uppercase();
    let known: Vec<&CodeDoc> = codes().collect();
    let Some(doc) = known.iter().find(|doc| doc.code == wanted) else {
        output.complain(&format!("error: there is no code and no file `{}`\n", command.subject));
        if let Some(near) = nearest(&wanted, known.iter().map(|doc| doc.code)) {
            output.complain(&format!("hint: did you mean `{near}`?\n"));
        }
        return 10;
    };
    output.print(&format!("{}: {}\n\n{}\n", doc.code, doc.title, doc.explanation));
    if !doc.failing.is_empty() {
        output.print(&format!("\nfails:\n\n{}\nmended:\n\n{}", indented(doc.failing), indented(doc.fixed)));
    }
    0
}

/// Every playbook of a file in plain English; one with errors cannot be explained.
fn explain_file(path: &Path, global: &Global, output: &mut Output) -> i32 {
    let mut workspace = match open_to_read(global, output) {
        Ok(workspace) => workspace,
        Err(code) => return code,
    };
    let checked = match workspace.check_file(path) {
        Ok(checked) => checked,
        Err(error) => return output.fail(&error, None),
    };
    output.diagnostics(&checked.diagnostics, &workspace.sources);
    let Some(program) = &checked.program else { return 11 };
    let texts: Vec<String> = program.playbooks.iter().map(|playbook| playbook_text(playbook, program)).collect();
    if texts.is_empty() {
        output.complain("error: there is no playbook in this file\nhint: `opsc actions NAME` shows an action\n");
        return 10;
    }
    output.print(&texts.join("\n"));
    0
}

/// Every code of every floor.
pub fn codes() -> impl Iterator<Item = &'static CodeDoc> {
    syntax::errors::CODES
        .iter()
        .chain(check::errors::codes())
        .chain(inventory::errors::CODES)
        .chain(inventory::data::CODES)
        .chain(plan::errors::CODES)
        .chain(schedules::CODES)
        .chain(modules::CODES)
}

fn indented(text: &str) -> String {
    text.lines().map(|line| if line.is_empty() { "\n".to_string() } else { format!("  {line}\n") }).collect()
}
