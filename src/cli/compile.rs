//! `opsc compile "TEXT"`: plain language → a checked `.ops` file, or questions. Touches no host and runs nothing.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::args::{CompileCommand, Format, Global, TranslatorName};
use super::output::Output;
use super::plan::{open_to_read, warn_unread};
use crate::app::files::{expect_new, write_text};
use crate::app::settings::Settings;
use crate::app::workspace::Workspace;
use crate::base::secret::Secret;
use crate::diag::Diagnostic;
use crate::hir::program::Action;
use crate::report::check_json::check_json;
use crate::translate::endpoint::{Endpoint, ModelError};
use crate::translate::{self, ClauseReading, Compiled, Question, Request, Translator};

pub fn run(command: &CompileCommand, global: &Global, output: &mut Output) -> i32 {
    let mut workspace = match open_to_read(global, output) {
        Ok(workspace) => workspace,
        Err(code) => return code,
    };
    warn_unread(&workspace, output);
    let (program, diagnostics) = workspace.catalogue();
    if workspace.inventory_diagnostics.iter().chain(&diagnostics).any(Diagnostic::is_error) {
        output.diagnostics(&workspace.inventory_diagnostics, &workspace.sources);
        output.diagnostics(&diagnostics, &workspace.sources);
        return 11;
    }
    let endpoint = match endpoint(command.translator, &workspace.settings) {
        Ok(endpoint) => endpoint,
        Err(reason) => {
            output.complain(&reason);
            return 10;
        }
    };
    let translator = match (&endpoint, command.translator) {
        (None, _) | (_, TranslatorName::Offline) => Translator::Offline,
        (Some(endpoint), TranslatorName::Auto) => Translator::ModelIfNeeded(endpoint),
        (Some(endpoint), TranslatorName::Model) => Translator::Model(endpoint),
    };
    let actions: Vec<&Action> = program.actions.values().map(AsRef::as_ref).collect();
    let path = command.save.as_deref().unwrap_or(Path::new("compiled.ops"));
    let mut answers = Vec::new();
    let compiled = loop {
        let request = Request { text: &command.request, path, answers: &answers };
        let compiled = translate::compile(&request, &actions, &mut workspace, &translator);
        let answered = ask(&compiled, &answers, output);
        if answered.is_empty() {
            break compiled;
        }
        answers.extend(answered);
    };
    let unattended = !output.may_ask && !compiled.questions.is_empty() && output.no_input;
    if command.output == Format::Json || unattended {
        output.print(&format!("{:#}\n", as_json(command, &compiled, &workspace)));
    }
    tell(command, &compiled, &workspace, output);
    finish(command, &compiled, output)
}

/// Questions that an answer can settle are asked on a terminal, each once; no answer leaves it open.
fn ask(compiled: &Compiled, before: &[(String, String)], output: &mut Output) -> Vec<(String, String)> {
    const ANSWERABLE: &[&str] = &["missing", "hosts", "unknown_name", "tie"];
    let is_new = |question: &&Question| !before.iter().any(|(ask, _)| *ask == question.ask);
    let answerable = |question: &&Question| ANSWERABLE.contains(&question.kind) && is_new(question);
    if !output.may_ask || !compiled.questions.iter().all(|question| answerable(&question)) {
        return Vec::new();
    }
    let mut answers = Vec::new();
    for question in &compiled.questions {
        let options =
            if question.options.is_empty() { String::new() } else { format!(" [{}]", question.options.join(", ")) };
        let answer = output.ask(&format!("{}{options} ", question.ask));
        if !answer.is_empty() {
            answers.push((question.ask.clone(), answer));
        }
    }
    answers
}

/// The model's place by the settings; none where none is configured.
fn endpoint(translator: TranslatorName, settings: &Settings) -> Result<Option<Endpoint>, String> {
    let (url, model) = (settings.text("model.url"), settings.text("model.name"));
    match (url, model) {
        (Some(url), Some(model)) => Ok(Some(Endpoint {
            url,
            model,
            key: settings.text("model.key_env").and_then(|name| std::env::var(name).ok()).map(Secret::new),
            timeout: settings.time("model.timeout").unwrap_or(Duration::from_secs(60)),
        })),
        (None, None) if translator != TranslatorName::Model => Ok(None),
        (url, _) => {
            let missing = if url.is_none() { "model.url" } else { "model.name" };
            Err(format!(
                "error: no model to ask: `{missing}` is not set\nhint: set it in opsc.toml, or `{}`\n",
                crate::app::settings::variable_of(missing)
            ))
        }
    }
}

/// Everything but the program itself goes to standard error.
fn tell(command: &CompileCommand, compiled: &Compiled, workspace: &Workspace, output: &mut Output) {
    if command.explain {
        for clause in &compiled.clauses {
            output.complain(&format!("\"{}\" → {}\n", clause.text, clause.node));
        }
    }
    if let Some(error) = &compiled.model_error {
        output.complain(&format!("error: the model could not help: {error}\nhint: {}\n", error.hint()));
    }
    for question in &compiled.questions {
        output.complain(&format!("question: {}\n", question.ask));
        if !question.options.is_empty() {
            output.complain(&format!("  options: {}\n", question.options.join(", ")));
        }
    }
    for word in &compiled.uncovered {
        output.complain(&format!("warning: nothing in the program represents \"{word}\"\n"));
    }
    if command.output == Format::Text {
        output.diagnostics(&compiled.diagnostics, &workspace.sources);
    }
}

/// Prints and saves the program; the exit code says why there is none.
fn finish(command: &CompileCommand, compiled: &Compiled, output: &mut Output) -> i32 {
    if !compiled.questions.is_empty() {
        return 3;
    }
    let Some(source) = &compiled.source else {
        return match &compiled.model_error {
            Some(ModelError::Refused { .. }) | None => 11,
            Some(ModelError::TimedOut { .. }) => 27,
            Some(_) => 1,
        };
    };
    if command.output == Format::Text {
        output.print(source);
    }
    save(command, source, output)
}

fn save(command: &CompileCommand, source: &str, output: &mut Output) -> i32 {
    let Some(path) = &command.save else { return 0 };
    if let Err(error) = expect_new(path, command.force) {
        let before = std::fs::read_to_string(path).unwrap_or_default();
        let name = path.display().to_string();
        let diff =
            similar::TextDiff::from_lines(before.as_str(), source).unified_diff().header(&name, &name).to_string();
        output.complain(&diff);
        return output.fail(&error, None);
    }
    match write_text(path, source) {
        Ok(()) => {
            output.say(&format!("wrote {}\n", path.display()));
            0
        }
        Err(error) => output.fail(&error, None),
    }
}

fn as_json(command: &CompileCommand, compiled: &Compiled, workspace: &Workspace) -> Json {
    let clause = |clause: &ClauseReading| {
        json!({
            "text": clause.text,
            "span": [clause.start, clause.end],
            "node": clause.node,
            "confidence": clause.confidence,
        })
    };
    let question =
        |each: &Question| json!({ "kind": each.kind, "got": each.got, "options": each.options, "ask": each.ask });
    let findings = check_json(1, &compiled.diagnostics, &workspace.sources, None);
    json!({
        "schema": "opsc.compile/1",
        "request": command.request,
        "translator": compiled.translator,
        "rounds": compiled.rounds,
        "file": command.save.as_ref().map(|path| path.display().to_string()),
        "source": compiled.source,
        "confidence": compiled.confidence,
        "clauses": compiled.clauses.iter().map(clause).collect::<Vec<_>>(),
        "assumptions": compiled.assumptions,
        "uncovered": compiled.uncovered,
        "questions": compiled.questions.iter().map(question).collect::<Vec<_>>(),
        "model_error": compiled.model_error.as_ref().map(ToString::to_string),
        "diagnostics": findings.get("diagnostics").cloned().unwrap_or(Json::Null),
    })
}
