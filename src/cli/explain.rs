//! `opsc explain CODE`: what a code means, an example that fails, and the same one mended.

use super::args::ExplainCommand;
use super::output::Output;
use crate::app::{modules, schedules};
use crate::base::near::nearest;
use crate::diag::CodeDoc;
use crate::{check, inventory, plan, syntax};

pub fn run(command: &ExplainCommand, output: &mut Output) -> i32 {
    let wanted = command.code.to_uppercase();
    let known: Vec<&CodeDoc> = codes().collect();
    let Some(doc) = known.iter().find(|doc| doc.code == wanted) else {
        output.complain(&format!("error: there is no code `{}`\n", command.code));
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
