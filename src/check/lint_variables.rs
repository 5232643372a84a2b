//! Rules about variables: nothing sets them, or the shell splits what stands in them.

use std::collections::BTreeSet;

use super::errors::lint::LintError;
use super::errors::scripts::ScriptError;
use super::lint::{Lint, Shape};
use super::shell_tree::{Command, CommandKind, Form, Part, PartKind, Variable, walk_parts};

/// Names in lower case that programs set or read.
const ENVIRONMENT: &[&str] = &["http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy", "opsc_diff"];

/// What names begin with that programs set for the scripts that they run.
const ENVIRONMENTS: &[&str] = &["npm_config_", "npm_package_", "npm_lifecycle_"];

/// Fields of earlier phases.
const PHASES: &[&str] = &["before_", "apply_"];

pub(super) fn look(lint: &mut Lint<'_>, command: &Command) {
    for word in command.all_words() {
        walk_parts(&word.parts, &mut |part| {
            if let PartKind::Variable(variable) = &part.kind {
                known(lint, part, variable);
            }
            if let PartKind::Command { opening: "`", .. } = &part.kind {
                let span = lint.span(&part.at);
                lint.found.push(ScriptError::Backticks { span }.diagnostic());
            }
        });
    }
    splitting(lint, command);
}

/// Whether anything sets the variable.
fn known(lint: &mut Lint<'_>, part: &Part, variable: &Variable) {
    let name = variable.name.as_str();
    if !lint.subject.is_closed || lint.facts.is_open || is_of_the_shell(name) || lint.facts.assigned.contains(name) {
        return;
    }
    let span = lint.span(&part.at);
    match lint.subject.given(name) {
        Some(given) if given.shape == Shape::List => {
            let definition = given.definition;
            lint.report(&LintError::ListAsVariable { name: name.to_string(), span, definition });
        }
        Some(_) => {}
        None => {
            // Who writes `${x:-…}` knows that it may not be set; but a phase's field either is reported or is not.
            let expects_none = variable.form != Form::Value && variable.form != Form::Length;
            if expects_none && !PHASES.iter().any(|prefix| name.starts_with(prefix)) {
                return;
            }
            let usable = lint.subject.given.iter().filter(|given| given.shape != Shape::List);
            let names: BTreeSet<String> =
                usable.map(|given| given.name.clone()).chain(lint.facts.assigned.iter().cloned()).collect();
            let (name, known, in_literal) = (name.to_string(), names.into_iter().collect(), lint.subject.is_literal);
            let language = lint.script.language;
            lint.report(&LintError::UnknownVariable { name, known, in_literal, language, span });
        }
    }
}

/// Special signs, positions, and names in capitals, which are the environment's.
fn is_of_the_shell(name: &str) -> bool {
    !name.contains(|letter: char| letter.is_ascii_lowercase())
        || ENVIRONMENT.contains(&name)
        || ENVIRONMENTS.iter().any(|prefix| name.starts_with(prefix))
}

/// Words of a command are split; values of assignments, `case` and `[[` are not.
fn splitting(lint: &mut Lint<'_>, command: &Command) {
    if matches!(command.kind, CommandKind::Simple | CommandKind::For) {
        command.words.iter().for_each(|word| unquoted(lint, &word.parts));
    }
    for assignment in &command.assignments {
        let is_array = lint.script.text.get(assignment.value.at.clone()).is_some_and(|text| text.starts_with('('));
        if is_array {
            unquoted(lint, &assignment.value.parts);
        }
    }
}

fn unquoted(lint: &mut Lint<'_>, parts: &[Part]) {
    for part in parts.iter().filter(|part| !part.quoted) {
        let PartKind::Variable(variable) = &part.kind else { continue };
        let shows_value = !matches!(variable.form, Form::Length | Form::Alternative);
        if shows_value && lint.subject.is_text(&variable.name) {
            let (name, span) = (lint.text(&part.at), lint.span(&part.at));
            lint.found.push(ScriptError::Unquoted { name, span }.diagnostic());
        }
        if matches!(variable.form, Form::Alternative | Form::Default | Form::Assign) {
            unquoted(lint, &variable.argument);
        }
    }
}
