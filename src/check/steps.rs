//! One step: its action, arguments, attributes, row, and whether it may stand where it stands.

use super::checker::Checker;
use super::context::{Context, Scope};
use super::errors::hosts::HostError;
use super::errors::names::NameError;
use super::errors::steps::StepError;
use super::expressions::Wanted;
use super::members::result_type;
use super::types::{some_time, user_name, whole_from};
use crate::base::ids::ActionId;
use crate::base::source::Span;
use crate::eval::Evaluated;
use crate::eval::kinds::{kind_of_step, unmet};
use crate::hir::effect::{Kind, Level, Row};
use crate::hir::expr::{Expr, ExprKind};
use crate::hir::program::{Action, ActionBody, Param, Step, StepAttrs};
use crate::hir::types::Type;
use crate::hir::value::{ScriptLanguage, Value};
use crate::syntax::ast;

pub(super) const ATTRIBUTES: &[&str] =
    &["as", "timeout", "retry", "every", "until", "changed", "ok", "allow_failure", "tags"];

/// What the checks of one step need of its action, taken out so that the checker stays free.
pub(super) struct Signature {
    pub(super) name: String,
    pub(super) params: Vec<Param>,
    pub(super) result: Type,
    pub(super) row: Row,
    pub(super) effect_param: Option<usize>,
    pub(super) is_controller: bool,
}

impl Checker<'_> {
    /// A step whose name is chosen by the caller, since it must be unique in the playbook.
    pub fn check_step(&mut self, step: &ast::Step, span: Span, scope: &mut Scope, context: &Context) -> Option<Step> {
        let name = self.present_name(step);
        let Some(id) = self.action_named(&name) else {
            self.report_unknown_action(&name, step.action.span);
            return None;
        };
        let signature = signature(self.actions.at(id));
        let args = self.check_args(step, &signature, scope, context);
        let mut row = self.row_of(&signature, &args);
        let attrs = self.check_attrs(&step.attrs, &signature, scope, context);
        row.admin = row.admin || (!signature.is_controller && (attrs.as_user.is_some() || context.as_user));
        self.check_place(id, &signature, step.action.span, context);
        self.check_scripts(&signature, &args, context);
        self.check_meaning(id, &args, step.action.span, context);
        if matches!(self.actions.at(id).body, ActionBody::Steps { .. }) {
            self.check_composite_attrs(&step.attrs);
            return Some(Step { name: String::new(), binding: None, action: id, args, attrs, row, span });
        }
        let known: Vec<Evaluated> = args.iter().map(known_argument).collect();
        self.check_repeats(id, kind_of_step(self.actions.at(id), row, &known), &attrs, &step.attrs);
        Some(Step { name: String::new(), binding: None, action: id, args, attrs, row, span })
    }

    /// The action's name, or the one it has now where it was renamed.
    fn present_name(&mut self, step: &ast::Step) -> String {
        let written = step.action.text();
        let renamed = self.renamed.get(&written).filter(|_| !self.action_items.contains_key(&written));
        let Some(name) = renamed.cloned() else { return written };
        self.report(StepError::Renamed { former: written, name: name.clone(), span: step.action.span }.diagnostic());
        name
    }

    fn report_unknown_action(&mut self, name: &str, span: Span) {
        // An action that was there but did not lower has been reported at its own place.
        let unread = |alias: &String| name.split('.').next() == Some(alias.as_str());
        if self.action_items.contains_key(name) || self.input.unread.iter().any(unread) {
            return;
        }
        let known: Vec<String> = self.action_items.keys().cloned().collect();
        self.report(StepError::UnknownAction { name: name.to_string(), known, span }.diagnostic());
    }

    /// The type that a step's name has inside its block.
    pub fn step_result(&self, step: &Step) -> Type {
        result_type(&self.actions.at(step.action).result)
    }

    pub(super) fn check_args(
        &mut self,
        step: &ast::Step,
        signature: &Signature,
        scope: &mut Scope,
        context: &Context,
    ) -> Vec<Option<Expr>> {
        let mut args: Vec<Option<Expr>> = signature.params.iter().map(|_| None).collect();
        let mut given: Vec<(String, Span)> = Vec::new();
        for arg in &step.args {
            let named = match arg {
                ast::Arg::Named(named) => named,
                ast::Arg::Positional(expr) => {
                    let label = signature.params.iter().map(|param| &param.name).find(|name| !is_given(&given, name));
                    self.report(StepError::PositionalArgument { label: label.cloned(), span: expr.span }.diagnostic());
                    given.extend(label.map(|label| (label.clone(), expr.span)));
                    continue;
                }
            };
            if let Some((_, first)) = given.iter().find(|(name, _)| *name == named.label.text) {
                let error = StepError::DuplicateArgument {
                    name: named.label.text.clone(),
                    first: *first,
                    span: named.label.span,
                };
                self.report(error.diagnostic());
                continue;
            }
            given.push((named.label.text.clone(), named.label.span));
            let Some(index) = signature.params.iter().position(|param| param.name == named.label.text) else {
                self.report_unknown_argument(signature, &named.label);
                continue;
            };
            if let (Some(param), Some(slot)) = (signature.params.get(index), args.get_mut(index)) {
                let wanted = Wanted { ty: Some(&param.ty), definition: Some(param.span) };
                *slot = Some(self.expect_expr(&named.value, wanted, scope, context));
            }
        }
        self.check_missing(signature, &given, step.action.span);
        args
    }

    fn report_unknown_argument(&mut self, signature: &Signature, label: &ast::Name) {
        let known = signature.params.iter().map(|param| param.name.clone()).collect();
        let error = StepError::UnknownArgument {
            action: signature.name.clone(),
            name: label.text.clone(),
            known,
            span: label.span,
        };
        self.report(error.diagnostic());
    }

    fn check_missing(&mut self, signature: &Signature, given: &[(String, Span)], span: Span) {
        let needs =
            |param: &&Param| param.default.is_none() && !param.ty.is_optional() && !is_given(given, &param.name);
        let missing: Vec<(String, Span)> =
            signature.params.iter().filter(needs).map(|param| (param.name.clone(), param.span)).collect();
        // A misspelt argument is the cause; that its right name is missing follows from it.
        let misspelt = given.iter().any(|(name, _)| !signature.params.iter().any(|param| param.name == *name));
        if !missing.is_empty() && !misspelt {
            self.report(StepError::MissingArguments { action: signature.name.clone(), missing, span }.diagnostic());
        }
    }

    /// The action's row, with `! effect` read from the literal argument.
    fn row_of(&mut self, signature: &Signature, args: &[Option<Expr>]) -> Row {
        let Some(index) = signature.effect_param else { return signature.row };
        let level = match args.get(index).and_then(Option::as_ref).map(|arg| (&arg.kind, arg.span)) {
            Some((ExprKind::Literal(Value::String(name)), _)) => Level::parse(name).unwrap_or_default(),
            // What is missing or no effect was reported; the widest row would only add a cascade.
            Some((ExprKind::Literal(_), _)) | None => default_level(signature.params.get(index)),
            Some((_, span)) => {
                let name = signature.params.get(index).map(|param| param.name.clone()).unwrap_or_default();
                self.report(StepError::EffectNotLiteral { name, span }.diagnostic());
                Level::Destroy
            }
        };
        Row { level, ..signature.row }
    }

    fn check_attrs(
        &mut self,
        attrs: &[ast::Attr],
        signature: &Signature,
        scope: &mut Scope,
        context: &Context,
    ) -> StepAttrs {
        let mut checked = StepAttrs::default();
        let mut seen: Vec<(&str, Span)> = Vec::new();
        let with_result = Context { it: Some(result_type(&signature.result)), ..context.clone() };
        for attr in attrs {
            let label = attr.label.text.as_str();
            if let Some((_, first)) = seen.iter().find(|(name, _)| *name == label) {
                let (name, span) = (label.to_string(), attr.label.span);
                self.report(NameError::DuplicateAttribute { name, first: *first, span }.diagnostic());
                continue;
            }
            seen.push((label, attr.label.span));
            match label {
                "as" => checked.as_user = Some(self.expect_expr(&attr.value, Wanted::of(&user_name()), scope, context)),
                "timeout" => {
                    checked.timeout = Some(self.expect_expr(&attr.value, Wanted::of(&some_time()), scope, context))
                }
                "retry" => {
                    checked.retry = Some(self.expect_expr(&attr.value, Wanted::of(&whole_from(0)), scope, context))
                }
                "every" => {
                    checked.every = Some(self.expect_expr(&attr.value, Wanted::of(&some_time()), scope, context))
                }
                "until" => checked.until = Some(self.expect_condition(&attr.value, scope, &with_result)),
                "changed" => checked.changed = Some(self.expect_condition(&attr.value, scope, &with_result)),
                "ok" => checked.ok = Some(self.expect_condition(&attr.value, scope, &with_result)),
                "allow_failure" => checked.allow_failure = self.expect_bool(&attr.value, scope, context),
                "tags" => checked.tags = self.expect_texts(&attr.value, scope, context),
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
        checked
    }

    /// A `true` or `false` written out.
    pub fn expect_bool(&mut self, expr: &ast::Expr, scope: &mut Scope, context: &Context) -> bool {
        let checked = self.expect_expr(expr, Wanted::of(&Type::Bool), scope, context);
        matches!(checked.kind, ExprKind::Literal(Value::Bool(true)))
    }

    /// A list of texts written out.
    pub fn expect_texts(&mut self, expr: &ast::Expr, scope: &mut Scope, context: &Context) -> Vec<String> {
        let wanted = Type::List(Box::new(Type::String));
        let checked = self.expect_expr(expr, Wanted::of(&wanted), scope, context);
        match checked.kind {
            ExprKind::Literal(Value::List(items)) => {
                items.iter().filter_map(|item| item.as_str().map(str::to_string)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Host-bodied actions need a host, and a body for every system it may have.
    fn check_place(&mut self, id: ActionId, signature: &Signature, span: Span, context: &Context) {
        let action = std::sync::Arc::clone(self.actions.at(id));
        if !self.needs_host(&action) {
            return;
        }
        if !context.in_block && !context.in_at {
            self.report(StepError::NeedsHost { action: signature.name.clone(), span }.diagnostic());
            return;
        }
        if !context.systems.explicit {
            return;
        }
        let available: Vec<&'static str> = action.impls().iter().map(|each| each.platform.name()).collect();
        let lacking = context.systems.possible.iter().find(|os| self.lacks_body(&action, **os)).map(|os| os.name());
        if let Some(os) = lacking {
            let (action, said) = (signature.name.clone(), context.systems.said);
            self.report(HostError::NoBody { action, os, available, span, said }.diagnostic());
        }
    }

    /// Scripts that are written out are for the systems that the hosts are said to have.
    fn check_scripts(&mut self, signature: &Signature, args: &[Option<Expr>], context: &Context) {
        if signature.is_controller || !context.systems.explicit {
            return;
        }
        let said = context.systems.said;
        for arg in args.iter().flatten() {
            let ExprKind::Literal(Value::Script(script)) = &arg.kind else { continue };
            let other = context.systems.possible.iter().find(|os| ScriptLanguage::of(**os) != script.language);
            if let Some(os) = other {
                let (os, wanted, span) = (os.name(), ScriptLanguage::of(*os).name(), arg.span);
                self.report(HostError::ScriptOfOther { os, wanted, span, said }.diagnostic());
            }
        }
    }

    /// What the hosts' systems make of the arguments: some mean nothing there, and some the action cannot work with.
    fn check_meaning(&mut self, id: ActionId, args: &[Option<Expr>], span: Span, context: &Context) {
        let action = std::sync::Arc::clone(self.actions.at(id));
        let systems = if context.systems.explicit { context.systems.possible.as_slice() } else { &[] };
        for os in systems {
            for place in action.meaningless_on(*os) {
                let given = args.get(place).and_then(Option::as_ref).filter(|arg| is_always_there(arg));
                if let (Some(arg), Some(param)) = (given, action.params.get(place)) {
                    let (param, os, span, said) = (param.name.clone(), os.name(), arg.span, context.systems.said);
                    self.report(HostError::Meaningless { param, os, span, said }.diagnostic());
                }
            }
        }
        let known: Vec<Evaluated> =
            action.params.iter().zip(args).map(|(param, arg)| known_value(param, arg)).collect();
        let systems = systems.iter().copied().map(Some).chain([None]);
        if let Some(words) = systems.filter_map(|os| unmet(&action, &known, os)).next() {
            self.report(StepError::Unmet { action: action.name.clone(), words, span }.diagnostic());
        }
    }

    /// What the engine does to one step it cannot do to several.
    fn check_composite_attrs(&mut self, attrs: &[ast::Attr]) {
        for attr in attrs.iter().filter(|attr| !matches!(attr.label.text.as_str(), "as" | "tags")) {
            let (name, span) = (attr.label.text.clone(), attr.label.span);
            self.report(StepError::AttributeOfOneStep { name, span }.diagnostic());
        }
    }

    fn check_repeats(&mut self, id: ActionId, kind: Kind, attrs: &StepAttrs, written: &[ast::Attr]) {
        let name = self.actions.at(id).name.clone();
        let place = |label: &str| written.iter().find(|attr| attr.label.text == label).map(|attr| attr.label.span);
        if attrs.retry.is_some()
            && kind == Kind::Once
            && let Some(span) = place("retry")
        {
            self.report(StepError::RetryOnce { action: name.clone(), span }.diagnostic());
        }
        if attrs.until.is_some()
            && kind != Kind::Read
            && let Some(span) = place("until")
        {
            self.report(StepError::UntilNotRead { action: name, span }.diagnostic());
        }
    }
}

/// The effect of a step that does not give it: what the parameter's default says.
fn default_level(param: Option<&Param>) -> Level {
    match param.and_then(|param| param.default.as_ref()).map(|default| &default.kind) {
        Some(ExprKind::Literal(Value::String(name))) => Level::parse(name).unwrap_or(Level::Destroy),
        Some(_) => Level::Destroy,
        None => Level::Read,
    }
}

/// What an argument is without any host: absent, a literal, or anything.
fn known_argument(arg: &Option<Expr>) -> Evaluated {
    match arg.as_ref().map(|arg| &arg.kind) {
        None => Evaluated::Known(Value::None),
        Some(ExprKind::Literal(value)) => Evaluated::Known(value.clone()),
        Some(_) => Evaluated::Pending("an argument".to_string()),
    }
}

/// The same, with what a parameter is where no argument is given.
fn known_value(param: &Param, arg: &Option<Expr>) -> Evaluated {
    known_argument(if arg.is_some() { arg } else { &param.default })
}

/// Not `none`, whatever else it may be.
fn is_always_there(arg: &Expr) -> bool {
    match &arg.kind {
        ExprKind::Literal(value) => !value.is_none(),
        _ => !arg.ty.is_optional(),
    }
}

fn is_given(given: &[(String, Span)], name: &str) -> bool {
    given.iter().any(|(known, _)| known == name)
}

fn signature(action: &Action) -> Signature {
    Signature {
        name: action.name.clone(),
        params: action.params.clone(),
        result: action.result.clone(),
        row: action.row,
        effect_param: action.effect_param,
        is_controller: action.is_controller(),
    }
}
