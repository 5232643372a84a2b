//! `opsc actions [NAME]`: all actions, those of a noun, or one in full.

use super::args::{ActionsCommand, Global};
use super::output::Output;
use super::plan::open_to_read;
use crate::app::AppError;
use crate::base::near::nearest;
use crate::base::words;
use crate::diag::Diagnostic;
use crate::hir::program::{Action, ActionBody};
use crate::plan::expression_text::expression_text;

pub fn run(command: &ActionsCommand, global: &Global, output: &mut Output) -> i32 {
    let mut workspace = match open_to_read(global, output) {
        Ok(workspace) => workspace,
        Err(code) => return code,
    };
    let (program, diagnostics) = workspace.catalogue();
    output.diagnostics(&diagnostics, &workspace.sources);
    if diagnostics.iter().any(Diagnostic::is_error) {
        return 11;
    }
    let mut actions: Vec<&Action> = program.actions.values().map(AsRef::as_ref).collect();
    actions.sort_by(|left, right| left.name.cmp(&right.name));
    let Some(name) = &command.name else { return list(&actions, output) };
    if let Some(action) = actions.iter().find(|action| action.name == *name) {
        output.print(&action_text(action));
        return 0;
    }
    let of_noun: Vec<&Action> = actions.iter().copied().filter(|action| noun(action) == Some(name)).collect();
    if !of_noun.is_empty() {
        return list(&of_noun, output);
    }
    let names = actions.iter().flat_map(|action| [Some(action.name.as_str()), noun(action)]).flatten();
    let near = nearest(name, names).map(str::to_string);
    output.fail(&AppError::UnknownAction { name: name.clone(), near }, None)
}

/// `registry` of `registry.set`.
fn noun(action: &Action) -> Option<&str> {
    action.name.rsplit_once('.').map(|(noun, _)| noun)
}

fn list(actions: &[&Action], output: &mut Output) -> i32 {
    let width = actions.iter().map(|action| action.name.len()).max().unwrap_or(0);
    for action in actions {
        output.print(&format!("{:width$}  {}\n", action.name, action.doc));
    }
    0
}

fn action_text(action: &Action) -> String {
    let mut text = format!("{} ! {}\n  {}\n\n", action.name, action.row, action.doc);
    for param in &action.params {
        let default = match &param.default {
            Some(default) => match &default.kind {
                crate::hir::expr::ExprKind::Literal(value) => format!(" = {}", value.literal()),
                _ => " = …".to_string(),
            },
            None => String::new(),
        };
        text.push_str(&format!("  {}: {}{default}\n", param.name, param.ty));
    }
    text.push_str(&format!("\n  returns {}\n", action.result));
    if let ActionBody::Steps { .. } = action.body {
        text.push_str("  made of steps: each runs and is rolled back as its own action says\n");
    } else {
        text.push_str(&running(action));
    }
    if let Some(example) = &action.example {
        text.push_str(&format!("\n  {example}\n"));
    }
    text
}

fn running(action: &Action) -> String {
    let mut platforms: Vec<&str> = action.impls().iter().map(|each| each.platform.name()).collect();
    platforms.dedup();
    let back = match (action.has_rollback(), &action.reversible) {
        (true, Some(condition)) => format!("can be rolled back where {}", expression_text(condition, &action.bindings)),
        (true, None) => "can be rolled back".to_string(),
        (false, _) => "cannot be rolled back".to_string(),
    };
    format!("  runs on {}, timeout {}\n  {back}\n", words::join_and(&platforms), words::duration(action.timeout))
}
