//! Composite actions and called playbooks where they are used: their steps in place of the one, their result from what
//! those give.

use super::arguments;
use super::builder::{Builder, Place};
use super::expand::{Copy, Expander};
use super::model::{Item, ItemKind};
use crate::base::source::Span;
use crate::hir::expr::{Expr, ExprKind, Operator};
use crate::hir::program::{Action, ActionBody, Call, Param, Step};
use crate::hir::types::Type;
use crate::hir::value::Value;

impl Builder<'_> {
    /// The items of a step whose action is composite; none for other steps.
    pub(super) fn composite(&mut self, step: &Step, place: &Place) -> Option<Vec<Item>> {
        let program = self.program;
        let action = program.actions.at(step.action);
        let ActionBody::Steps { body, result } = &action.body else { return None };
        self.check_composite_args(step, action, place);
        let mut copy = Expander::new(&mut self.bindings, Copy::Inside { step: &step.name, names: &action.bindings });
        mean_params(&mut copy, &action.params, &step.args, step.span);
        let body = copy.statements(body);
        let result = result.as_ref().map(|result| copy.expr(result));
        let here = Place {
            as_user: self.user(step.attrs.as_user.as_ref()).or_else(|| place.as_user.clone()),
            tags: [place.tags.as_slice(), &step.attrs.tags].concat(),
            ..place.clone()
        };
        let items = self.items(&body, &here);
        if let Some(binding) = step.binding {
            let bound = self.bound_by(&items);
            self.lets.push((binding, whole(action.result.core(), result, bound, step.span)));
        }
        Some(items)
    }

    /// A called playbook's statements in place of the call, under names of its own.
    pub(super) fn call(&mut self, call: &Call, place: &Place) {
        let program = self.program;
        let Some(playbook) = program.called.get(call.playbook) else { return };
        let mut copy = Expander::new(&mut self.bindings, Copy::Inside { step: &call.name, names: &playbook.bindings });
        mean_params(&mut copy, &playbook.params, &call.args, call.span);
        let body = copy.statements(&playbook.body);
        let as_user = playbook.as_user.as_ref().map(|user| copy.expr(user));
        let here = Place {
            as_user: self.user(as_user.as_ref()).or_else(|| place.as_user.clone()),
            tags: [place.tags.as_slice(), &playbook.tags].concat(),
            ..place.clone()
        };
        self.body(&body, &here);
    }

    /// The results of these items' steps, every round of a loop for itself.
    fn bound_by(&self, items: &[Item]) -> Vec<Expr> {
        let step = |item: &Item| if let ItemKind::Step(step) = item.kind { Some(self.steps.at(step)) } else { None };
        let bound = items.iter().filter_map(step).filter_map(|step| Some((step.binding?, step.span)));
        bound.map(|(binding, span)| Expr { kind: ExprKind::Binding(binding), ty: Type::Error, span }).collect()
    }

    /// Arguments that are wrong are told at the call, not at every step inside that uses them.
    fn check_composite_args(&mut self, step: &Step, action: &Action, place: &Place) {
        let mut errors = Vec::new();
        arguments::evaluate(step, action, &self.scope(None), &place.hosts, &mut errors);
        self.errors.append(&mut errors);
    }
}

/// Parameters stand for their arguments, or for their defaults.
fn mean_params(copy: &mut Expander<'_>, params: &[Param], args: &[Option<Expr>], span: Span) {
    for (param, arg) in params.iter().zip(args) {
        let meaning = match (arg, &param.default) {
            (Some(arg), _) => arg.clone(),
            (None, Some(default)) => copy.expr(default),
            (None, None) => literal(Value::None, param.ty.clone(), span),
        };
        copy.mean(param.binding, meaning);
    }
}

/// The record that `result:` gives, with the flags of the steps; absent where none of them ran.
fn whole(declared: &Type, result: Option<Expr>, bound: Vec<Expr>, span: Span) -> Expr {
    let field = |result: &Expr, name: &str| match &result.kind {
        ExprKind::Record(fields) => fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()),
        _ => Some(Expr { kind: ExprKind::Field(Box::new(result.clone()), name.to_string()), ty: Type::Error, span }),
    };
    let declared = declared.field_names().into_iter();
    let named = |name: &str| Some((name.to_string(), field(result.as_ref()?, name)?));
    let mut fields: Vec<(String, Expr)> = declared.filter_map(named).collect();
    let bool = |value| literal(Value::Bool(value), Type::Bool, span);
    let changed = |step: &Expr| {
        let flag = Expr { kind: ExprKind::Field(Box::new(step.clone()), "changed".to_string()), ty: Type::Bool, span };
        Expr::binary(Operator::Default, flag, bool(false))
    };
    let any = bound.iter().map(changed).reduce(|left, right| Expr::binary(Operator::Or, left, right));
    let flags = [("changed", any.unwrap_or_else(|| bool(false))), ("failed", bool(false)), ("skipped", bool(false))];
    fields.extend(flags.map(|(name, value)| (name.to_string(), value)));
    let record = Expr { kind: ExprKind::Record(fields), ty: Type::Error, span };
    Expr { kind: ExprKind::WhenPresent { any: bound, value: Box::new(record) }, ty: Type::Error, span }
}

fn literal(value: Value, ty: Type, span: Span) -> Expr {
    Expr { kind: ExprKind::Literal(value), ty, span }
}
