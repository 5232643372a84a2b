//! `opsc compile "TEXT"`: plain language → a checked `.ops` file, or questions. Touches no host and runs nothing.

use std::path::Path;

use serde_json::{Value as Json, json};

use super::args::{CompileCommand, Format, Global};
use super::output::Output;
use super::plan::open_workspace;
use crate::app::files::write_text;
use crate::app::workspace::Workspace;
use crate::diag::Diagnostic;
use crate::hir::program::Action;
use crate::report::check_json::check_json;
use crate::syntax;
use crate::translate::{Compiled, compile_offline};

pub fn run(command: &CompileCommand, global: &Global, output: &mut Output) -> i32 {
    let mut workspace = match open_workspace(global, output) {
        Ok(workspace) => workspace,
        Err(code) => return code,
    };
    let (program, diagnostics) = workspace.catalogue();
    if workspace.inventory_diagnostics.iter().chain(&diagnostics).any(Diagnostic::is_error) {
        output.diagnostics(&workspace.inventory_diagnostics, &workspace.sources);
        output.diagnostics(&diagnostics, &workspace.sources);
        return 11;
    }
    let actions: Vec<&Action> = program.actions.values().collect();
    let compiled = compile_offline(&command.request, &actions, &workspace.inventory());
    let path = command.save.as_deref().unwrap_or(Path::new("compiled.ops"));
    let (source, findings) = match &compiled.source {
        Some(source) => canonical(&mut workspace, path, source),
        None => (None, Vec::new()),
    };
    if command.output == Format::Json {
        output.print(&format!("{:#}\n", as_json(command, &compiled, source.as_deref(), &findings, &workspace)));
    } else {
        explain(command, &compiled, output);
        output.diagnostics(&findings, &workspace.sources);
    }
    if !compiled.questions.is_empty() {
        return 3;
    }
    let Some(source) = source else { return 11 };
    if command.output == Format::Text {
        output.print(&source);
    }
    save(command, &source, output)
}

/// The source in canonical form, and what the checker says of it; no source where it says an error.
fn canonical(workspace: &mut Workspace, path: &Path, source: &str) -> (Option<String>, Vec<Diagnostic>) {
    let parsed = workspace.check_text(path, source.to_string());
    let Some(tree) = parsed.tree.as_ref().filter(|_| !parsed.has_errors()) else { return (None, parsed.diagnostics) };
    (Some(syntax::format(tree, source)), parsed.diagnostics)
}

fn explain(command: &CompileCommand, compiled: &Compiled, output: &mut Output) {
    if command.explain {
        for clause in &compiled.clauses {
            output.complain(&format!("\"{}\" → {}\n", clause.text, clause.node));
        }
    }
    for question in &compiled.questions {
        output.complain(&format!("question: {}\n", question.ask));
        if !question.options.is_empty() {
            output.complain(&format!("  options: {}\n", question.options.join(", ")));
        }
    }
}

fn save(command: &CompileCommand, source: &str, output: &mut Output) -> i32 {
    let Some(path) = &command.save else { return 0 };
    if path.exists() && !command.force {
        let before = std::fs::read_to_string(path).unwrap_or_default();
        let name = path.display().to_string();
        let diff =
            similar::TextDiff::from_lines(before.as_str(), source).unified_diff().header(&name, &name).to_string();
        output.complain(&format!(
            "{diff}error: `{name}` is already there; nothing was written\nhint: `--force` replaces it\n"
        ));
        return 10;
    }
    match write_text(path, source) {
        Ok(()) => {
            output.say(&format!("wrote {}\n", path.display()));
            0
        }
        Err(error) => output.fail(&error, None),
    }
}

fn as_json(
    command: &CompileCommand,
    compiled: &Compiled,
    source: Option<&str>,
    findings: &[Diagnostic],
    workspace: &Workspace,
) -> Json {
    let clauses: Vec<Json> = compiled
        .clauses
        .iter()
        .map(|clause| json!({ "text": clause.text, "span": [clause.start, clause.end], "node": clause.node }))
        .collect();
    let uncovered: Vec<&str> =
        compiled.clauses.iter().filter(|clause| clause.node == "unknown").map(|clause| clause.text.as_str()).collect();
    let questions: Vec<Json> = compiled
        .questions
        .iter()
        .map(|each| json!({ "kind": each.kind, "got": each.got, "options": each.options, "ask": each.ask }))
        .collect();
    json!({
        "schema": "opsc.compile/1",
        "request": command.request,
        "translator": "offline",
        "file": command.save.as_ref().map(|path| path.display().to_string()),
        "source": source,
        "clauses": clauses,
        "assumptions": compiled.assumptions,
        "uncovered": uncovered,
        "questions": questions,
        "diagnostics": check_json(1, findings, &workspace.sources).get("diagnostics").cloned().unwrap_or(Json::Null),
    })
}
