//! A playbook: parameters, attributes, body, and whether its row says what it does.

use super::checker::Checker;
use super::context::{Context, Scope};
use super::errors::control::ControlError;
use super::errors::effects::EffectError;
use super::errors::hosts::HostError;
use super::errors::names::NameError;
use super::expressions::Wanted;
use super::statements::Collected;
use super::types::{some_time, user_name};
use crate::base::ids::{BindingId, HostId, Id};
use crate::base::source::Span;
use crate::eval::{Evaluated, Scope as EvalScope, eval};
use crate::hir::effect::{Level, Row};
use crate::hir::expr::{Expr, ExprKind};
use crate::hir::program::{Param, Playbook, Statement};
use crate::hir::types::{Os, Type};
use crate::hir::value::{FileRef, Value};
use crate::hir::world::Inventory;
use crate::syntax::ast;

pub(super) const ATTRIBUTES: &[&str] = &["doc", "as", "max_duration", "tags", "schedule", "window"];

/// Whose parameters: only a playbook's may be loaded from data files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ParamsOf {
    Playbook,
    Action,
}

impl Checker<'_> {
    pub fn check_playbook(&mut self, playbook: &ast::Playbook) {
        self.under_way.push(format!("playbook {}", playbook.name.text));
        let lowered = self.lower_playbook(playbook);
        self.under_way.pop();
        self.playbooks.push(lowered);
    }

    pub(super) fn lower_playbook(&mut self, playbook: &ast::Playbook) -> Playbook {
        let mut scope = Scope::default();
        scope.enter();
        let params = self.check_params(&playbook.params, ParamsOf::Playbook, &mut scope);
        for param in &params {
            // A parameter may be there for callers only; that it is unused is their business.
            scope.mark_used(param.binding);
            self.check_systems(param);
        }
        let mut context = Context::top();
        let mut lowered = Playbook {
            name: playbook.name.text.clone(),
            doc: String::new(),
            params,
            bindings: crate::base::ids::IdVec::new(),
            row: Row::default(),
            as_user: None,
            tags: Vec::new(),
            schedule: None,
            window: None,
            max_duration: None,
            body: Vec::new(),
            on_failure: Vec::new(),
            always: Vec::new(),
            span: playbook.name.span,
        };
        self.check_playbook_attrs(playbook, &mut lowered, &mut scope, &context);
        context.as_user = lowered.as_user.is_some();
        let mut collected = Collected::default();
        lowered.body = self.check_statements(&playbook.body.statements, &mut scope, &context, &mut collected);
        let clauses = self.check_clauses(&playbook.body, &mut scope, &context, &mut collected);
        lowered.on_failure = clauses.on_failure;
        lowered.always = clauses.always;
        self.warn_unused(&lowered.body, &scope);
        let written = (playbook.effects.as_ref(), playbook.params_span);
        lowered.row = self.check_row("playbook", written, &collected);
        lowered.bindings = scope.bindings;
        self.lint_literals(&playbook.params, Some(&playbook.body));
        lowered
    }

    /// Parameters in order; a default may use the parameters before it.
    pub fn check_params(&mut self, params: &[ast::Param], of: ParamsOf, scope: &mut Scope) -> Vec<Param> {
        let in_playbook = of == ParamsOf::Playbook;
        let mut checked: Vec<Param> = Vec::new();
        for param in params {
            let ty = self.resolve_type(&param.ty);
            let default = param.default.as_ref().map(|default| {
                let wanted = Wanted { ty: Some(&ty), definition: Some(param.span) };
                let context = Context { in_default: in_playbook, ..Context::top() };
                self.expect_expr(default, wanted, scope, &context)
            });
            self.warn_secret_in_the_open(&ty, default.as_ref());
            let first = checked.iter().find(|known| known.name == param.name.text).map(|known| known.span);
            if let Some(first) = first {
                let (name, span) = (param.name.text.clone(), param.name.span);
                self.report(NameError::DuplicateDefinition { what: "parameter", name, first, span }.diagnostic());
                continue;
            }
            let binding = scope.bind(&param.name.text, ty.clone(), param.name.span);
            let span = Span { end: param.ty.span.end, ..param.name.span };
            checked.push(Param { binding, name: param.name.text.clone(), ty, default, span });
        }
        checked
    }

    /// A default for `hosts<linux>` must not hold hosts that the inventory says are others.
    fn check_systems(&mut self, param: &Param) {
        let (Some(inventory), Type::Hosts(Some(os)), Some(default)) =
            (self.world().inventory(), param.ty.core(), &param.default)
        else {
            return;
        };
        let Ok(Evaluated::Known(Value::Hosts(hosts))) = eval(default, &Constants { inventory }) else { return };
        let others: Vec<String> = others_than(*os, &hosts, inventory);
        if !others.is_empty() {
            self.report(HostError::WrongSystem { expected: os.name(), hosts: others, span: default.span }.diagnostic());
        }
    }

    fn check_playbook_attrs(
        &mut self,
        playbook: &ast::Playbook,
        lowered: &mut Playbook,
        scope: &mut Scope,
        context: &Context,
    ) {
        let mut seen: Vec<(&str, Span)> = Vec::new();
        for attr in &playbook.attrs {
            let label = attr.label.text.as_str();
            if let Some((_, first)) = seen.iter().find(|(name, _)| *name == label) {
                let (name, span) = (label.to_string(), attr.label.span);
                self.report(NameError::DuplicateAttribute { name, first: *first, span }.diagnostic());
                continue;
            }
            seen.push((label, attr.label.span));
            match label {
                "doc" => lowered.doc = self.expect_text(&attr.value, scope, context),
                "as" => lowered.as_user = Some(self.expect_expr(&attr.value, Wanted::of(&user_name()), scope, context)),
                "tags" => lowered.tags = self.expect_texts(&attr.value, scope, context),
                "max_duration" => {
                    let checked = self.expect_expr(&attr.value, Wanted::of(&Type::Duration), scope, context);
                    if let ExprKind::Literal(Value::Duration(milliseconds)) = checked.kind {
                        lowered.max_duration = Some(milliseconds);
                    }
                }
                "schedule" => lowered.schedule = self.check_schedule(&attr.value),
                "window" => {
                    if !playbook.attrs.iter().any(|other| other.label.text == "schedule") {
                        self.report(ControlError::WindowWithoutSchedule { span: attr.label.span }.diagnostic());
                    }
                    let checked = self.expect_expr(&attr.value, Wanted::of(&some_time()), scope, context);
                    if let ExprKind::Literal(Value::Duration(milliseconds)) = checked.kind {
                        lowered.window = Some(milliseconds);
                    }
                }
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

    /// A text written out.
    pub fn expect_text(&mut self, expr: &ast::Expr, scope: &mut Scope, context: &Context) -> String {
        match self.expect_expr(expr, Wanted::of(&Type::Text), scope, context).kind {
            ExprKind::Literal(Value::String(text)) => text,
            _ => String::new(),
        }
    }

    fn warn_unused(&mut self, body: &[Statement], scope: &Scope) {
        for statement in body {
            if let Statement::Let { binding, .. } = statement
                && !scope.is_used(*binding)
            {
                let bound = scope.bindings.at(*binding);
                self.report(NameError::Unused { name: bound.name.clone(), span: bound.span }.diagnostic());
            }
        }
    }

    /// The row as written, compared with what the steps need. `after` is where a row that is missing would stand.
    pub(super) fn check_row(
        &mut self,
        what: &'static str,
        (effects, after): (Option<&ast::Effects>, Span),
        collected: &Collected,
    ) -> Row {
        let needed = collected.row;
        let Some(effects) = effects else {
            self.report(EffectError::RowMissing { what, needed, after }.diagnostic());
            return needed;
        };
        let before = self.diagnostics.len();
        let declared = self.resolve_row(effects, None).0;
        if self.diagnostics.len() > before {
            return declared.join(needed);
        }
        if !declared.covers(needed) {
            let missing = missing_effects(declared, needed);
            let cause = collected.causes.iter().find(|(row, _)| !declared.covers(*row)).map(|(_, span)| *span);
            let error = EffectError::RowTooSmall { what, declared, needed, missing, row: effects.span, cause };
            self.report(error.diagnostic());
        } else if declared != needed && !self.diagnostics.iter().any(crate::diag::Diagnostic::is_error) {
            self.report(EffectError::RowTooWide { what, declared, needed, row: effects.span }.diagnostic());
        }
        declared
    }

    /// A row, and for actions the parameter that gives the level (`! effect`).
    pub fn resolve_row(&mut self, effects: &ast::Effects, params: Option<&[Param]>) -> (Row, Option<usize>) {
        let mut row = Row::default();
        let mut level: Option<Level> = None;
        let mut effect_param = None;
        for name in &effects.names {
            match name.text.as_str() {
                "admin" => row.admin = true,
                "network" => row.network = true,
                "exec" => row.exec = true,
                word => match Level::parse(word) {
                    Some(_) if level.is_some() => self.report(EffectError::TwoLevels { span: name.span }.diagnostic()),
                    Some(found) => level = Some(found),
                    None => {
                        let index = params.and_then(|params| params.iter().position(|param| param.name == word));
                        effect_param = effect_param.or(index);
                        if index.is_none() {
                            self.report(
                                EffectError::UnknownEffect { name: word.to_string(), span: name.span }.diagnostic(),
                            );
                        }
                    }
                },
            }
        }
        row.level = level.unwrap_or_default();
        (row, effect_param)
    }
}

fn missing_effects(declared: Row, needed: Row) -> Vec<&'static str> {
    let level = (needed.level > declared.level).then(|| needed.level.name());
    let flags = [
        (needed.admin && !declared.admin, "admin"),
        (needed.network && !declared.network, "network"),
        (needed.exec && !declared.exec, "exec"),
    ];
    level.into_iter().chain(flags.into_iter().filter(|(missing, _)| *missing).map(|(_, name)| name)).collect()
}

fn others_than(os: Os, hosts: &[HostId], inventory: &Inventory) -> Vec<String> {
    let is_other = |id: &&HostId| inventory.hosts.at(**id).os.is_some_and(|found| found != os);
    hosts.iter().filter(is_other).map(|id| inventory.hosts.at(*id).name.clone()).collect()
}

/// The scope of a default that uses nothing but the inventory.
struct Constants<'a> {
    inventory: &'a Inventory,
}

impl EvalScope for Constants<'_> {
    fn inventory(&self) -> &Inventory {
        self.inventory
    }

    fn binding(&self, binding: BindingId) -> Evaluated {
        Evaluated::Pending(format!("#{}", binding.index()))
    }

    fn result_on(&self, binding: BindingId, _host: HostId) -> Evaluated {
        self.binding(binding)
    }

    fn results(&self, binding: BindingId) -> Evaluated {
        self.binding(binding)
    }

    fn current_host(&self) -> Option<HostId> {
        None
    }

    fn file(&self, _path: &str) -> Option<FileRef> {
        None
    }
}

/// An expression that is a literal, for attributes of actions.
pub fn literal_of(expr: &Expr) -> Option<&Value> {
    match &expr.kind {
        ExprKind::Literal(value) => Some(value),
        _ => None,
    }
}
