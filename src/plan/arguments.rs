//! A step's arguments as far as they are known now: the same everywhere, by host, or pending. Each is checked
//! against its parameter, so that a wrong value is found before anything is touched.

use super::errors::PlanError;
use super::expression_text::expression_text;
use super::model::{Arg, Shown};
use super::scope::{ActionScope, PlanScope};
use crate::base::ids::{BindingId, HostId, Id};
use crate::eval::fits::fits;
use crate::eval::walk::walk;
use crate::eval::{EvalError, Evaluated, eval};
use crate::hir::expr::{Expr, ExprKind};
use crate::hir::program::{Action, Param, Step};
use crate::hir::types::Type;
use crate::hir::value::Value;

/// A step's arguments in parameter order, and its `touches` keys.
pub struct Arguments {
    pub args: Vec<Arg>,
    pub touches: Vec<String>,
}

/// Evaluates the arguments of a step for the hosts of its block (empty for the controller or a pending set).
pub fn evaluate(
    step: &Step,
    action: &Action,
    scope: &PlanScope<'_>,
    hosts: &[HostId],
    errors: &mut Vec<PlanError>,
) -> Arguments {
    let mut params: Vec<(BindingId, Evaluated)> = Vec::new();
    let mut args = Vec::new();
    for (param, given) in action.params.iter().zip(&step.args) {
        let (shown, from_default, value) = match given {
            Some(expr) => (shown_of(expr, param, scope, hosts, errors), false, expr.clone()),
            None => {
                let expr = default_of(param, step);
                (default_shown(&expr, scope, &params, errors), true, expr)
            }
        };
        params.push((param.binding, as_evaluated(&shown, &param.name)));
        args.push(Arg { name: param.name.clone(), value, from_default, shown });
    }
    let touches = touches_of(action, scope, params, &args, hosts);
    Arguments { args, touches }
}

/// What an optional parameter without default is when it is not given.
fn default_of(param: &Param, step: &Step) -> Expr {
    param.default.clone().unwrap_or_else(|| Expr {
        kind: ExprKind::Literal(Value::None),
        ty: param.ty.clone(),
        span: step.span,
    })
}

fn default_shown(
    expr: &Expr,
    scope: &PlanScope<'_>,
    params: &[(BindingId, Evaluated)],
    errors: &mut Vec<PlanError>,
) -> Shown {
    let scope =
        ActionScope { inventory: scope.inventory, named: scope.named, host: scope.host, params: params.to_vec() };
    match eval(expr, &scope) {
        Ok(Evaluated::Known(value)) => Shown::Same(value),
        Ok(Evaluated::Pending(reason)) => Shown::Pending(reason),
        Err(error) => {
            errors.push(PlanError::Expression { error });
            Shown::Same(Value::None)
        }
    }
}

fn shown_of(expr: &Expr, param: &Param, scope: &PlanScope<'_>, hosts: &[HostId], errors: &mut Vec<PlanError>) -> Shown {
    if !depends_on_host(expr, scope.lets) || hosts.is_empty() {
        return match known_argument(expr, param, scope, errors) {
            Some(value) => Shown::Same(value),
            None => Shown::Pending(expression_text(expr, scope.bindings)),
        };
    }
    let mut values = Vec::new();
    for host in hosts {
        let scope = PlanScope { host: Some(*host), ..*scope };
        match known_argument(expr, param, &scope, errors) {
            Some(value) => values.push((*host, value)),
            None => return Shown::Pending(expression_text(expr, scope.bindings)),
        }
    }
    match values.split_first() {
        Some(((_, first), rest)) if rest.iter().all(|(_, value)| value == first) => Shown::Same(first.clone()),
        _ => Shown::ByHost(values),
    }
}

/// The machine of an `at`, as far as it is known now.
pub fn host_shown(expr: &Expr, scope: &PlanScope<'_>, hosts: &[HostId], errors: &mut Vec<PlanError>) -> Shown {
    let place = Param {
        binding: BindingId::from_index(0),
        name: "at".to_string(),
        ty: Type::Host,
        default: None,
        span: expr.span,
    };
    shown_of(expr, &place, scope, hosts, errors)
}

/// A text that is the same everywhere, if it is known now.
pub fn text_now(expr: &Expr, scope: &PlanScope<'_>) -> Option<Value> {
    match eval(expr, scope) {
        Ok(Evaluated::Known(value @ Value::String(_))) => Some(value),
        _ => None,
    }
}

/// The value if it is known; errors are reported, and leave the argument absent.
fn known_argument(expr: &Expr, param: &Param, scope: &PlanScope<'_>, errors: &mut Vec<PlanError>) -> Option<Value> {
    let value = match eval(expr, scope) {
        Ok(Evaluated::Known(value)) => value,
        Ok(Evaluated::Pending(_)) => return None,
        // Without a host (a pending set, or the controller's part) nothing can be said of `host` yet.
        Err(EvalError::AbsentInText { .. }) if scope.host.is_none() => return None,
        Err(error) => {
            errors.push(PlanError::Expression { error });
            return Some(Value::None);
        }
    };
    // Nor is a value right that `??`, a list or a map made of its absence.
    if scope.host.is_none() && depends_on_host(expr, scope.lets) {
        return None;
    }
    if let Err(misfit) = fits(&value, &param.ty) {
        errors.push(PlanError::Argument {
            param: param.name.clone(),
            host: scope.host.map(|host| scope.inventory.hosts.at(host).name.clone()),
            misfit,
            span: expr.span,
            definition: param.span,
        });
    }
    Some(value)
}

/// Whether an expression's value may differ from host to host.
pub fn depends_on_host(expr: &Expr, lets: &[(BindingId, Expr)]) -> bool {
    let mut found = false;
    walk(expr, &mut |inner| match &inner.kind {
        ExprKind::CurrentHost => found = true,
        ExprKind::Binding(binding) => {
            if let Some((_, value)) = lets.iter().find(|(name, _)| name == binding) {
                found = found || depends_on_host(value, lets);
            }
        }
        _ => {}
    });
    found
}

/// An argument as far as it is the same on every host.
pub fn as_evaluated(shown: &Shown, name: &str) -> Evaluated {
    match shown {
        Shown::Same(value) => Evaluated::Known(value.clone()),
        Shown::ByHost(_) | Shown::Pending(_) => Evaluated::Pending(name.to_string()),
    }
}

/// The keys of `touches:` on any of the hosts. A part that is not known stays as `{name}`, which overlaps everything.
fn touches_of(
    action: &Action,
    scope: &PlanScope<'_>,
    params: Vec<(BindingId, Evaluated)>,
    args: &[Arg],
    hosts: &[HostId],
) -> Vec<String> {
    let by_host = args.iter().any(|arg| matches!(arg.shown, Shown::ByHost(_)));
    let every_host: Vec<Option<HostId>> =
        if by_host { hosts.iter().copied().map(Some).collect() } else { vec![scope.host] };
    let mut keys = Vec::new();
    for host in every_host {
        let params = params_on(host, &params, args);
        let scope = ActionScope { inventory: scope.inventory, named: scope.named, host, params };
        for touch in &action.touches {
            let key = touch_key(touch, &scope, action);
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
    }
    keys
}

fn params_on(host: Option<HostId>, params: &[(BindingId, Evaluated)], args: &[Arg]) -> Vec<(BindingId, Evaluated)> {
    let value_on = |arg: &Arg| match &arg.shown {
        Shown::ByHost(values) => {
            values.iter().find(|(on, _)| Some(*on) == host).map(|(_, value)| Evaluated::Known(value.clone()))
        }
        _ => None,
    };
    params
        .iter()
        .zip(args)
        .map(|((binding, value), arg)| (*binding, value_on(arg).unwrap_or_else(|| value.clone())))
        .collect()
}

fn touch_key(touch: &Expr, scope: &ActionScope<'_>, action: &Action) -> String {
    match eval(touch, scope) {
        Ok(Evaluated::Known(Value::String(key))) => key,
        _ => expression_text(touch, &action.bindings).trim_matches('"').to_string(),
    }
}
