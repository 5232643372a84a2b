//! Which scripts there are, and what is known of each: bodies of actions, and script literals in playbooks.

use super::checker::Checker;
use super::lint::{Facts, Given, Shape, Subject, lint_script};
use super::scripts::reported_keys;
use super::shell_commands::read_shell;
use super::shell_tree::{Command, walk_lists};
use crate::diag::Diagnostic;
use crate::eval::fits::fits;
use crate::hir::effect::Level;
use crate::hir::program::{Action, Param};
use crate::hir::types::Type;
use crate::hir::value::Value;
use crate::syntax::ast::{self, PhaseBody, PhaseKind, Script, ScriptLanguage};
use crate::syntax::walk::walk_statements;

/// What an action that runs a script of the user hands to that script, not to its own body.
const SURROUNDINGS: &[&str] = &["cwd", "env", "stdin", "vars"];

impl Checker<'_> {
    /// The bodies of one action for one platform.
    pub fn lint_impl(&mut self, action: &Action, each: &ast::Impl) {
        let mut subject = subject_of(action, each);
        let reads = action.row.level == Level::Read && action.effect_param.is_none();
        for phase in &each.phases {
            subject.only_reads = match phase.kind {
                PhaseKind::Check => Some("a `check` body"),
                _ if reads => Some("an action of effect `read`"),
                _ => None,
            };
            match &phase.body {
                PhaseBody::Script(script) if script.language == ScriptLanguage::Powershell => {
                    let given = [subject.given.clone(), declared_fields(action)].concat();
                    self.diagnostics.extend(lint_script(script, &Subject { given, ..subject.clone() }));
                }
                PhaseBody::Script(script) => self.diagnostics.extend(lint_script(script, &subject)),
                PhaseBody::Native(_) => {}
            }
        }
    }

    /// The script literals in a playbook or a composite action, defaults of parameters among them.
    pub fn lint_literals(&mut self, params: &[ast::Param], block: Option<&ast::Block>) {
        let mut literals = Literals { checker: self, found: Vec::new() };
        let defaults = params.iter().filter_map(|param| param.default.as_ref());
        defaults.for_each(|default| literals.scripts_in(default, &Subject::default()));
        block.into_iter().for_each(|block| literals.block(block));
        let found = literals.found;
        self.diagnostics.extend(found);
    }

    /// The variables that bodies of an action have around a script that they call. None where they cannot be told.
    fn surroundings(&self, action: &str) -> Option<Vec<String>> {
        let (item, _) = self.action_items.get(action)?;
        let ast::ActionBody::Impls(impls) = &item.body else { return None };
        let mut names: Vec<String> = Vec::new();
        for param in &item.params {
            let name = &param.name.text;
            names.push(name.clone());
            names.extend(["set", "count", "sha256", "text"].map(|ending| format!("{name}_{ending}")));
        }
        for phase in self.whole_impls(impls).iter().flat_map(|each| &each.phases) {
            let PhaseBody::Script(script) = &phase.body else { return None };
            let facts = Facts::of(&read_shell(&script.text));
            if facts.is_open {
                return None;
            }
            names.extend(facts.assigned);
            let reported = reported_keys(&script.text);
            names.extend(
                ["before", "apply"]
                    .iter()
                    .flat_map(|phase| reported.iter().map(move |key| format!("{phase}_{}", key.name))),
            );
        }
        Some(names)
    }

    /// The parameters of an action that its `check` bodies call.
    fn called_by_check(&self, action: &str, label: &str) -> bool {
        let Some((item, _)) = self.action_items.get(action) else { return false };
        let ast::ActionBody::Impls(impls) = &item.body else { return false };
        let impls = self.whole_impls(impls);
        let phases = impls.iter().flat_map(|each| &each.phases).filter(|phase| phase.kind == PhaseKind::Check);
        let mut scripts = phases.filter_map(|phase| match &phase.body {
            PhaseBody::Script(script) if script.language == ScriptLanguage::Sh => Some(script),
            _ => None,
        });
        scripts.any(|script| {
            let tree = read_shell(&script.text);
            let mut calls = false;
            walk_lists(&tree.commands, &mut |list| {
                calls = calls || list.iter().any(|command| command.name().as_deref() == Some(label));
            });
            calls
        })
    }
}

/// What all bodies for one platform have in common.
fn subject_of(action: &Action, each: &ast::Impl) -> Subject {
    let mut given: Vec<Given> = Vec::new();
    // A script of the user brings variables of its own.
    let runs_script = action.runs_script();
    for param in action.params.iter().filter(|param| !runs_script || !SURROUNDINGS.contains(&param.name.as_str())) {
        given_by_param(param, &mut given);
    }
    // A template with secrets is not staged as a file: its text comes as a variable.
    if let Some(param) = action.renders.and_then(|index| action.params.get(index)) {
        given.push(plain(format!("{}_text", param.name)));
    }
    let mut is_closed = !runs_script;
    for (kind, prefix) in [(PhaseKind::Check, "before_"), (PhaseKind::Apply, "apply_")] {
        let fields = if kind == PhaseKind::Check { &action.before } else { &action.result };
        is_closed = given_by_phase(each, (kind, prefix), fields, &mut given) && is_closed;
    }
    Subject {
        given,
        is_closed,
        is_literal: false,
        only_reads: None,
        destroys: action.row.level == Level::Destroy,
        restarts_hosts: action.restarts.is_some(),
    }
}

/// In PowerShell a field that its type names is there, if only as `$null`.
fn declared_fields(action: &Action) -> Vec<Given> {
    let fields = [("before_", &action.before), ("apply_", &action.result)];
    let names =
        fields.iter().flat_map(|(prefix, ty)| ty.field_names().into_iter().map(move |name| format!("{prefix}{name}")));
    names.map(plain).collect()
}

fn plain(name: String) -> Given {
    Given { name, shape: Shape::Plain, may_be_empty: false, is_path: false, definition: None }
}

/// The variables that `run::arguments` makes of a parameter.
fn given_by_param(param: &Param, given: &mut Vec<Given>) {
    let plain = |ending: &str| plain(format!("{}_{ending}", param.name));
    given.push(plain("set"));
    let own = given_of_type(&param.name, &param.ty);
    match param.ty.core() {
        Type::Script => return,
        Type::File | Type::Folder => given.push(plain("sha256")),
        _ if own.shape == Shape::List => given.push(plain("count")),
        _ => {}
    }
    given.push(Given { definition: Some(param.span), ..own });
}

fn given_of_type(name: &str, ty: &Type) -> Given {
    let is_absent = ty.is_optional();
    let shape = match ty.core() {
        Type::List(_) | Type::Map(_, _) | Type::Record(_) | Type::Hosts(_) => Shape::List,
        // Nothing at all is no word, and the next one takes its place.
        _ if is_absent => Shape::Text,
        Type::Int | Type::Float | Type::Bool | Type::Duration | Type::Size | Type::Percent => Shape::Plain,
        Type::Union(members) if members.iter().all(is_plain) => Shape::Plain,
        _ => Shape::Text,
    };
    let can_be_empty =
        matches!(ty.core(), Type::String | Type::Text) && fits(&Value::string(""), without_secret(ty)).is_ok();
    let is_path = *ty.core() == Type::Path;
    Given { name: name.to_string(), shape, may_be_empty: is_absent || can_be_empty, is_path, definition: None }
}

fn without_secret(ty: &Type) -> &Type {
    if let Type::Secret(inner) = ty { inner } else { ty }
}

/// One word for any shell.
fn is_plain(value: &Value) -> bool {
    match value {
        Value::String(text) => is_plain_text(text),
        other => matches!(other, Value::Int(_) | Value::Float(_) | Value::Bool(_)),
    }
}

fn is_plain_text(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-./:=+,@%".contains(letter))
}

/// What a phase reports by `out`. False where its keys cannot be told.
fn given_by_phase(each: &ast::Impl, (kind, prefix): (PhaseKind, &str), fields: &Type, given: &mut Vec<Given>) -> bool {
    let Type::Record(fields) = fields.core() else { return true };
    let mut all_told = true;
    for phase in each.phases.iter().filter(|phase| phase.kind == kind) {
        let PhaseBody::Script(script) = &phase.body else { return false };
        let mut names: Vec<String> = reported_keys(&script.text).into_iter().map(|key| key.name).collect();
        walk_lists(&read_shell(&script.text).commands, &mut |list| {
            for command in list.iter().filter(|command| command.name().as_deref() == Some("out")) {
                match reported(command) {
                    Some(name) => names.push(name),
                    None => all_told = false,
                }
            }
        });
        for name in names {
            let ty = fields.iter().find(|field| field.name == name).map_or(&Type::Text, |field| field.ty.core());
            let own = given_of_type(&format!("{prefix}{name}"), ty);
            // A host says what it likes.
            given.push(Given { may_be_empty: own.shape == Shape::Text, is_path: false, ..own });
        }
    }
    all_told
}

fn reported(command: &Command) -> Option<String> {
    command.words.get(1)?.literal()
}

/// Walks statements for script literals.
struct Literals<'c, 'a> {
    checker: &'c Checker<'a>,
    found: Vec<Diagnostic>,
}

impl Literals<'_, '_> {
    fn block(&mut self, block: &ast::Block) {
        walk_statements(block, &mut |statement| match &statement.kind {
            ast::StatementKind::Step(step) => self.step(step),
            ast::StatementKind::Let { value, .. } => self.scripts_in(value, &Subject::default()),
            _ => {}
        });
    }

    fn step(&mut self, step: &ast::Step) {
        let named = || {
            step.args.iter().filter_map(|arg| match arg {
                ast::Arg::Named(named) => Some(named),
                ast::Arg::Positional(_) => None,
            })
        };
        if !named().any(|arg| has_script(&arg.value)) {
            return;
        }
        let action = step.action.text();
        let effect = named().find(|arg| arg.label.text == "effect").and_then(|arg| constant(&arg.value));
        let sets = || named().filter(|arg| matches!(arg.label.text.as_str(), "vars" | "env"));
        let mut given: Vec<Given> = sets().flat_map(|arg| given_by_map(&arg.value)).collect();
        let surroundings = self.checker.surroundings(&action);
        let is_closed = surroundings.is_some() && sets().all(|arg| is_written_out(&arg.value));
        given.extend(surroundings.unwrap_or_default().into_iter().map(plain));
        for arg in named().filter(|arg| has_script(&arg.value)) {
            let only_reads = if self.checker.called_by_check(&action, &arg.label.text) {
                Some("a script that a `check` body calls")
            } else if effect.as_deref() == Some("read") {
                Some("a step of effect `read`")
            } else {
                None
            };
            let subject = Subject {
                given: given.clone(),
                is_closed,
                is_literal: true,
                only_reads,
                destroys: effect.as_deref() == Some("destroy"),
                restarts_hosts: false,
            };
            self.scripts_in(&arg.value, &subject);
        }
    }

    fn scripts_in(&mut self, expr: &ast::Expr, subject: &Subject) {
        walk_scripts(expr, &mut |script| self.found.extend(lint_script(script, subject)));
    }
}

fn has_script(expr: &ast::Expr) -> bool {
    let mut has_one = false;
    walk_scripts(expr, &mut |_| has_one = true);
    has_one
}

fn walk_scripts<'e>(expr: &'e ast::Expr, visit: &mut dyn FnMut(&'e Script)) {
    match &expr.kind {
        ast::ExprKind::Script(script) => visit(script),
        ast::ExprKind::Parenthesized(inner) => walk_scripts(inner, visit),
        ast::ExprKind::List(items) => items.iter().for_each(|item| walk_scripts(item, visit)),
        ast::ExprKind::Map(entries) => entries.iter().for_each(|entry| walk_scripts(&entry.value, visit)),
        ast::ExprKind::Binary { left, right, .. } => {
            walk_scripts(left, visit);
            walk_scripts(right, visit);
        }
        _ => {}
    }
}

fn constant(expr: &ast::Expr) -> Option<String> {
    match &expr.kind {
        ast::ExprKind::String(text) => text.constant(),
        ast::ExprKind::Parenthesized(inner) => constant(inner),
        _ => None,
    }
}

/// A map whose keys are all there to be seen.
fn is_written_out(expr: &ast::Expr) -> bool {
    matches!(&expr.kind, ast::ExprKind::Map(entries) if entries.iter().all(|entry| match &entry.key {
        ast::MapKey::Label(_) => true,
        ast::MapKey::String(text) => text.constant().is_some(),
    }))
}

/// `vars: { port: 80, name: host.name }`.
fn given_by_map(expr: &ast::Expr) -> Vec<Given> {
    let ast::ExprKind::Map(entries) = &expr.kind else { return Vec::new() };
    let given = |entry: &ast::MapEntry| {
        let name = match &entry.key {
            ast::MapKey::Label(name) => name.text.clone(),
            ast::MapKey::String(text) => text.constant()?,
        };
        let text = constant(&entry.value);
        let is_plain = match &entry.value.kind {
            ast::ExprKind::Bool(_) | ast::ExprKind::Int(_) | ast::ExprKind::Float(_) => true,
            _ => text.as_deref().is_some_and(is_plain_text),
        };
        let shape = if is_plain { Shape::Plain } else { Shape::Text };
        let may_be_empty = text.as_deref().is_none_or(str::is_empty);
        Some(Given { name, shape, may_be_empty: may_be_empty && !is_plain, is_path: false, definition: None })
    };
    entries.iter().filter_map(given).collect()
}
