//! An action: parameters, attributes, bodies. What `before` is follows from the result and from what `check` reports.

use super::checker::Checker;
use super::context::{Context, Scope};
use super::errors::hosts::HostError;
use super::errors::names::NameError;
use super::errors::steps::StepError;
use super::expressions::{Wanted, lower_language, lower_script};
use super::playbooks::{ParamsOf, literal_of};
use super::{scripts, unnamed};
use crate::base::source::Span;
use crate::hir::effect::{Level, Row};
use crate::hir::expr::Expr;
use crate::hir::program::{Action, ActionBody, Body, Condition, Function, Impl, Param, Platform};
use crate::hir::types::{Field, Type};
use crate::hir::value::Value;
use crate::syntax::ast::{self, PhaseKind};

pub(super) const ATTRIBUTES: &[&str] = &[
    "doc",
    "says",
    "example",
    "touches",
    "timeout",
    "repeatable",
    "needs",
    "skip",
    "ensure",
    "reversible",
    "renders",
    "restarts",
    "renamed_from",
    "result",
];

const READ_TIMEOUT: u64 = 30_000;
const CHANGE_TIMEOUT: u64 = 300_000;
const PACKAGE_TIMEOUT: u64 = 1_800_000;
const REBOOT_TIMEOUT: u64 = 900_000;

/// What a step's result says of the step itself.
const OF_EVERY_STEP: [&str; 3] = ["changed", "failed", "skipped"];

impl Checker<'_> {
    /// The step's own word would hide what the action reports.
    fn refuse_fields_of_every_step(&mut self, result: &Type, span: Span) {
        for name in result.field_names().into_iter().filter(|name| OF_EVERY_STEP.contains(name)) {
            self.report(NameError::FieldOfEveryStep { name: name.to_string(), span }.diagnostic());
        }
    }

    pub fn check_action(&mut self, item: &ast::Action) -> Option<Action> {
        let name = item.name.text();
        let mut scope = Scope::default();
        scope.enter();
        let params = self.check_params(&item.params, ParamsOf::Action, &mut scope);
        let result = item.result.as_ref().map_or(Type::Record(Vec::new()), |result| self.resolve_type(result));
        if let Some(written) = &item.result {
            self.refuse_secret_result(&result, written.span);
            self.refuse_fields_of_every_step(&result, written.span);
        }
        let (row, effect_param) = match &item.effects {
            Some(effects) => self.resolve_row(effects, Some(&params)),
            None => (Row::default(), None),
        };
        let impls: &[ast::Impl] = match &item.body {
            ast::ActionBody::Impls(impls) => impls,
            ast::ActionBody::Steps(_) => &[],
        };
        let whole_impls = self.whole_impls(impls);
        let before = before_type(&result, &whole_impls);
        let mut action = Action {
            doc: String::new(),
            says: Vec::new(),
            example: None,
            bindings: crate::base::ids::IdVec::new(),
            row,
            effect_param,
            timeout: default_timeout(&name, row),
            touches: Vec::new(),
            touches_undeclared: true,
            repeatable: false,
            renders: None,
            restarts: None,
            needs: Vec::new(),
            skip: None,
            ensure: Vec::new(),
            reversible: None,
            body: ActionBody::Impls(Vec::new()),
            span: item.name.span,
            name,
            params,
            result,
            before,
        };
        self.check_action_attrs(item, &mut action, &mut scope);
        if action.doc.is_empty() {
            self.report(StepError::MissingDoc { action: action.name.clone(), span: item.name.span }.diagnostic());
        }
        match &item.body {
            ast::ActionBody::Impls(impls) => {
                self.lint_literals(&item.params, None);
                whole_impls.iter().for_each(|each| self.lint_impl(&action, each));
                self.refuse_functions_of_params(&action, impls);
                let impls = self.check_impls(item, impls, &mut scope);
                action.body = ActionBody::Impls(impls);
                unnamed::note_unnamed(&mut action);
            }
            ast::ActionBody::Steps(block) => {
                self.lint_literals(&item.params, Some(block));
                self.check_composite(item, block, &mut action, &mut scope);
            }
        }
        action.bindings = scope.bindings;
        Some(action)
    }

    fn check_action_attrs(&mut self, item: &ast::Action, action: &mut Action, scope: &mut Scope) {
        let mut seen: Vec<(&str, Span)> = Vec::new();
        let plain = Context::top();
        let inside = Context { before: Some(action.before.clone()), on_host: true, ..Context::top() };
        for attr in &item.attrs {
            let label = attr.label.text.as_str();
            let repeats = matches!(label, "needs" | "ensure");
            if let Some((_, first)) = seen.iter().find(|(name, _)| *name == label && !repeats) {
                let (name, span) = (label.to_string(), attr.label.span);
                self.report(NameError::DuplicateAttribute { name, first: *first, span }.diagnostic());
                continue;
            }
            seen.push((label, attr.label.span));
            self.check_attr_belongs(item, attr);
            match label {
                "doc" => action.doc = self.expect_text(&attr.value, scope, &plain),
                "says" => action.says = self.expect_says(&attr.value, scope),
                "example" => action.example = Some(self.expect_text(&attr.value, scope, &plain)),
                "touches" => {
                    action.touches = self.expect_touches(&attr.value, scope);
                    action.touches_undeclared = false;
                }
                "timeout" => {
                    let timeout = self.expect_expr(&attr.value, Wanted::of(&Type::Duration), scope, &plain);
                    if let Some(Value::Duration(milliseconds)) = literal_of(&timeout) {
                        action.timeout = *milliseconds;
                    }
                }
                "repeatable" => action.repeatable = self.expect_bool(&attr.value, scope, &plain),
                "renders" => action.renders = self.expect_param(&attr.value, &action.params, scope),
                "restarts" => {
                    let within = self.expect_expr(&attr.value, Wanted::of(&Type::Duration), scope, &plain);
                    action.restarts = Some(within);
                    self.refuse_unnoticed_restart(item, attr.label.span);
                }
                "needs" => action.needs.push(self.check_guard(attr, scope, &inside)),
                "ensure" => action.ensure.push(self.check_guard(attr, scope, &inside)),
                "skip" => action.skip = Some(self.expect_condition(&attr.value, scope, &inside)),
                "reversible" => action.reversible = Some(self.expect_condition(&attr.value, scope, &inside)),
                // Read where its uses are looked up.
                "renamed_from" => {
                    self.expect_text(&attr.value, scope, &plain);
                }
                // Over the names of the steps, so it is looked at after them.
                "result" => {}
                _ => {
                    let error = NameError::UnknownAttribute {
                        name: label.to_string(),
                        known: ATTRIBUTES,
                        span: attr.label.span,
                    };
                    self.report(error.diagnostic());
                }
            }
        }
    }

    /// `says:` templates hold `{param}` holes of their own, so they are kept as written.
    fn expect_says(&mut self, expr: &ast::Expr, scope: &mut Scope) -> Vec<String> {
        let ast::ExprKind::List(items) = &expr.kind else {
            self.expect_texts(expr, scope, &Context::top());
            return Vec::new();
        };
        items.iter().filter_map(|item| self.check_phrase(item, scope)).collect()
    }

    /// A phrase is a text whose holes name parameters.
    fn check_phrase(&mut self, item: &ast::Expr, scope: &mut Scope) -> Option<String> {
        let ast::ExprKind::String(text) = &item.kind else {
            self.expect_expr(item, Wanted::of(&Type::Text), scope, &Context::top());
            return None;
        };
        for piece in &text.pieces {
            if let ast::StringPiece::Hole(hole) = piece {
                self.check_expr(hole, Wanted::default(), scope, &Context::top());
            }
        }
        Some(template_text(text))
    }

    fn expect_touches(&mut self, expr: &ast::Expr, scope: &mut Scope) -> Vec<Expr> {
        let ast::ExprKind::List(items) = &expr.kind else {
            self.expect_texts(expr, scope, &Context::top());
            return Vec::new();
        };
        items.iter().map(|item| self.expect_expr(item, Wanted::of(&Type::Text), scope, &Context::top())).collect()
    }

    fn expect_param(&mut self, expr: &ast::Expr, params: &[Param], scope: &mut Scope) -> Option<usize> {
        let before = self.diagnostics.len();
        let name = self.expect_text(expr, scope, &Context::top());
        if self.diagnostics.len() > before {
            return None;
        }
        let index = params.iter().position(|param| param.name == name);
        if index.is_none() {
            let known = params.iter().map(|param| param.name.clone()).collect();
            self.report(NameError::UnknownName { name, known, span: expr.span }.diagnostic());
        }
        index
    }

    fn check_guard(&mut self, attr: &ast::Attr, scope: &mut Scope, context: &Context) -> Condition {
        let condition = self.expect_condition(&attr.value, scope, context);
        let message = attr.otherwise.as_ref().map(|text| self.check_message(text, "a message", scope, context));
        Condition { condition, message }
    }

    /// Only a condition over what is read before and after tells a new start from the old one.
    fn refuse_unnoticed_restart(&mut self, item: &ast::Action, span: Span) {
        let ast::ActionBody::Impls(impls) = &item.body else { return };
        let reads = |each: &ast::Impl| each.phases.iter().any(|phase| phase.kind == PhaseKind::Check);
        let is_ensured = item.attrs.iter().any(|attr| attr.label.text == "ensure");
        if !is_ensured || !impls.iter().all(reads) {
            self.report(StepError::UnnoticedRestart { span }.diagnostic());
        }
    }

    /// `Action::has_rollback` asks all bodies.
    fn warn_of_lost_undo(&mut self, item: &ast::Action, impls: &[ast::Impl]) {
        let undoes = |each: &&ast::Impl| each.phases.iter().any(|phase| phase.kind == PhaseKind::Rollback);
        if !impls.iter().any(|each| undoes(&each)) {
            return;
        }
        for each in impls.iter().filter(|each| !undoes(each)) {
            let (action, platform) = (item.name.text(), each.platform.text.clone());
            self.report(StepError::NotAllUndo { action, platform, span: each.platform.span }.diagnostic());
        }
    }

    fn check_impls(&mut self, item: &ast::Action, impls: &[ast::Impl], scope: &mut Scope) -> Vec<Impl> {
        let mut lowered = Vec::new();
        for each in impls {
            let Some(platform) = Platform::parse(&each.platform.text) else {
                let (name, span) = (each.platform.text.clone(), each.platform.span);
                self.report(HostError::UnknownPlatform { name, span }.diagnostic());
                continue;
            };
            let context = Context { facts: true, ..Context::top() };
            let condition = each.condition.as_ref().map(|condition| self.expect_condition(condition, scope, &context));
            let mut body = Impl {
                platform,
                condition,
                check: None,
                apply: None,
                verify: None,
                rollback: None,
                unnamed: Vec::new(),
            };
            for phase in &each.phases {
                self.check_phase(phase, &mut body);
            }
            lowered.push(body);
        }
        self.warn_of_lost_undo(item, impls);
        let (action, span) = (item.name.text(), item.name.span);
        let controllers = lowered.iter().filter(|each| each.platform == Platform::Controller).count();
        if impls.is_empty() {
            self.report(HostError::NoBodies { action, span }.diagnostic());
        } else if controllers > 0 && controllers < lowered.len() {
            self.report(HostError::MixedBodies { action, span }.diagnostic());
        }
        lowered
    }

    fn expect_language(&mut self, platform: Platform, script: &ast::Script) {
        let wanted = platform.language();
        if platform != Platform::Controller && lower_language(script.language) != wanted {
            let (platform, wanted, span) = (platform.name(), wanted.name(), script.span);
            self.report(HostError::BodyOfOther { platform, wanted, span }.diagnostic());
        }
    }

    fn check_phase(&mut self, phase: &ast::Phase, body: &mut Impl) {
        let (slot, name) = match phase.kind {
            PhaseKind::Check => (&mut body.check, "check"),
            PhaseKind::Apply => (&mut body.apply, "apply"),
            PhaseKind::Verify => (&mut body.verify, "verify"),
            PhaseKind::Rollback => (&mut body.rollback, "rollback"),
        };
        if slot.is_some() {
            let name = name.to_string();
            self.report(NameError::DuplicateAttribute { name, first: phase.span, span: phase.span }.diagnostic());
            return;
        }
        *slot = Some(match &phase.body {
            ast::PhaseBody::Script(script) => {
                self.expect_language(body.platform, script);
                let functions = self.functions_of(script).into_iter().map(lower_function).collect();
                Body::Script { script: lower_script(script), functions }
            }
            ast::PhaseBody::Native(name) => Body::Native(name.constant().unwrap_or_default()),
        });
    }
}

fn lower_function(function: &ast::Function) -> Function {
    Function { name: function.name.text.clone(), text: function.script.text.clone() }
}

/// A template with its holes written back as `{name}`.
fn template_text(text: &ast::StringLiteral) -> String {
    let pieces: Vec<String> = text
        .pieces
        .iter()
        .map(|piece| match piece {
            ast::StringPiece::Text(text) => text.clone(),
            ast::StringPiece::Hole(ast::Expr { kind: ast::ExprKind::Name(name), .. }) => format!("{{{}}}", name.text),
            ast::StringPiece::Hole(_) => String::new(),
        })
        .collect();
    pieces.concat()
}

fn default_timeout(name: &str, row: Row) -> u64 {
    match name {
        "os.reboot" => REBOOT_TIMEOUT,
        _ if name.starts_with("package.") || name == "os.update" => PACKAGE_TIMEOUT,
        _ if row.level == Level::Read => READ_TIMEOUT,
        _ => CHANGE_TIMEOUT,
    }
}

/// The result's fields, and whatever else `check` reports: those are texts that may be absent.
fn before_type(result: &Type, impls: &[ast::Impl]) -> Type {
    let mut fields = match result.core() {
        Type::Record(fields) => fields.clone(),
        _ => Vec::new(),
    };
    let scripts = impls.iter().flat_map(|each| &each.phases).filter_map(|phase| match (&phase.kind, &phase.body) {
        (PhaseKind::Check, ast::PhaseBody::Script(script)) => Some(script),
        _ => None,
    });
    for key in scripts.flat_map(|script| scripts::reported_keys(&script.text)) {
        if !fields.iter().any(|field| field.name == key.name) {
            let ty = match key.name.as_str() {
                _ if key.is_bool => Type::Bool,
                // Contents are base64, which hosts write in lines.
                "content" | "content_after" => Type::Text,
                _ => Type::String,
            };
            fields.push(Field { name: key.name, ty: ty.optional() });
        }
    }
    Type::Record(fields)
}
