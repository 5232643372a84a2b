//! `opsc diff`: what two revisions of playbooks differ in, by meaning.

use super::args::{DiffCommand, DiffFormat, Global};
use super::output::Output;
use super::plan::open_workspace;
use crate::app::comparing::compare;
use crate::diag::Diagnostic;
use crate::report::diff_json::diff_json;
use crate::report::diff_markdown::diff_markdown;
use crate::report::diff_text::{diff_text, summary};

const DIFFERENT: i32 = 2;
const UNREADABLE: i32 = 11;

pub fn run(command: &DiffCommand, global: &Global, output: &mut Output) -> i32 {
    let mut workspace = None;
    // Only an inventory that is named decides: the project's own belongs to one of the two sides.
    if !global.inventory.is_empty() {
        let opened = match open_workspace(global, output) {
            Ok(workspace) => workspace,
            Err(code) => return code,
        };
        if opened.inventory_diagnostics.iter().any(Diagnostic::is_error) {
            output.diagnostics(&opened.inventory_diagnostics, &opened.sources);
            return UNREADABLE;
        }
        workspace = Some(opened);
    }
    let compared = match compare(&command.range, &command.paths, workspace.as_mut()) {
        Ok(compared) => compared,
        Err(error) => return output.fail(&error, None),
    };
    let review = &compared.review;
    match command.output {
        DiffFormat::Text => output.print(&diff_text(review, output.colour)),
        DiffFormat::Json => output.print(&format!("{:#}\n", diff_json(review))),
        DiffFormat::Markdown => output.print(&diff_markdown(review)),
    }
    output.diagnostics(&compared.diagnostics, &compared.sources);
    output.say(&summary(review));
    match (review.unreadable.is_empty(), review.items.is_empty()) {
        (false, _) => UNREADABLE,
        (true, false) => DIFFERENT,
        (true, true) => 0,
    }
}
