//! A step's arguments: expressions → values, checked against their parameters; values → typed shell variables.
//! Values never become code: every one arrives as a variable, and `shell` quotes once.

use std::time::Duration;

use super::context::Context;
use super::errors::StepError;
use super::ports::WireError;
use super::scope::{ActionScope, RunScope};
use crate::base::ids::BindingId;
use crate::base::secret::Secret;
use crate::eval::fits::fits;
use crate::eval::text::value_text;
use crate::eval::{Evaluated, Scope, eval};
use crate::hir::expr::Expr;
use crate::hir::program::{Action, Param, Platform};
use crate::hir::types::{Os, Type};
use crate::hir::value::{FileRef, Value};
use crate::hir::world::Inventory;
use crate::plan::model::Step;
use crate::shell::{NamedScript, Scalar, Text, Variable, VariableValue};

/// The value of an expression, which must be known by now.
pub fn known(expr: &Expr, scope: &dyn Scope) -> Result<Value, StepError> {
    match eval(expr, scope).map_err(StepError::Expression)? {
        Evaluated::Known(value) => Ok(value),
        Evaluated::Pending(what) => Err(StepError::NotKnown { what }),
    }
}

/// Every parameter's value, in the order declared. Arguments are the playbook's, defaults the action's.
pub fn evaluate(step: &Step, action: &Action, scope: &RunScope<'_>) -> Result<Vec<(BindingId, Value)>, StepError> {
    let mut params: Vec<(BindingId, Value)> = Vec::new();
    for (param, arg) in action.params.iter().zip(&step.args) {
        let value = if arg.from_default {
            known(&arg.value, &default_scope(scope, &params))?
        } else {
            known(&arg.value, scope)?
        };
        let value = as_hosts(value, &param.ty);
        fits(&value, &param.ty).map_err(|misfit| StepError::Argument { param: param.name.clone(), misfit })?;
        params.push((param.binding, value));
    }
    Ok(params)
}

fn default_scope<'a>(scope: &RunScope<'a>, params: &'a [(BindingId, Value)]) -> ActionScope<'a> {
    ActionScope {
        inventory: scope.inventory,
        files: scope.files,
        secrets: scope.secrets,
        host: scope.host,
        params,
        before: &Value::None,
        after: &Value::None,
        facts: &Value::None,
    }
}

fn as_hosts(value: Value, ty: &Type) -> Value {
    match (value, ty.core()) {
        (Value::Host(host), Type::Hosts(_)) => Value::Hosts(vec![host]),
        (value, _) => value,
    }
}

/// Everything of a program but its body.
#[derive(Clone, Debug, Default)]
pub struct Bound {
    pub variables: Vec<Variable>,
    pub scripts: Vec<NamedScript>,
    pub cwd: Option<String>,
    pub env: Vec<(String, Text)>,
    pub stdin: Option<Secret<String>>,
    /// Something lies beside the lane, and goes with it.
    pub staged: bool,
}

/// Puts a file's content on the host; the path there.
pub trait Stage: Send {
    fn stage<'a>(&'a mut self, file: &'a FileRef) -> super::ports::Answer<'a, Result<String, StepError>>;

    /// The text of a file that holds secrets: it must lie in no file but the one that it is for.
    fn secret_text(&self, _file: &FileRef) -> Option<Secret<String>> {
        None
    }
}

/// The parameters as variables, scripts and surroundings of one program.
pub async fn bind(
    context: &Context,
    (action, platform): (&Action, Platform),
    params: &[(BindingId, Value)],
    stage: &mut dyn Stage,
) -> Result<Bound, StepError> {
    let mut bound = Bound::default();
    let runs_script = action.runs_script();
    // PowerShell has variables that nobody may set, such as `home`.
    let left_out = if platform == Platform::Windows { action.meaningless_on(Os::Windows) } else { Vec::new() };
    for (place, param) in action.params.iter().enumerate() {
        if left_out.contains(&place) {
            continue;
        }
        let value =
            params.iter().find(|(binding, _)| *binding == param.binding).map_or(&Value::None, |(_, value)| value);
        if runs_script && surroundings(context, param, value, &mut bound)? {
            continue;
        }
        if action.renders.is_some()
            && let Some(names) = names_of_secrets(param, value)
        {
            bound.variables.push(Variable { name: param.name.clone(), value: VariableValue::List(names) });
            continue;
        }
        bind_one(context, param, value, stage, &mut bound).await?;
    }
    Ok(bound)
}

/// A template's secrets are in its text by now; its body learns only which there were.
fn names_of_secrets(param: &Param, value: &Value) -> Option<Vec<String>> {
    match (value, param.ty.core()) {
        (Value::Record(entries), Type::Map(_, of)) if of.is_secret() => {
            Some(entries.iter().map(|(key, _)| format!("{key}=")).collect())
        }
        _ => None,
    }
}

/// `cwd env stdin vars` of an action that runs the user's script are the script's, not the body's.
fn surroundings(context: &Context, param: &Param, value: &Value, bound: &mut Bound) -> Result<bool, StepError> {
    match (param.name.as_str(), value) {
        ("cwd", Value::String(path)) => bound.cwd = Some(path.clone()),
        ("stdin", Value::Secret(reference)) => bound.stdin = Some(context.secret(reference)?),
        ("stdin", Value::String(text)) => bound.stdin = Some(Secret::new(text.clone())),
        ("env", Value::Record(entries)) => {
            for (name, value) in entries {
                let text = match value {
                    Value::Secret(reference) => Text::Secret(context.secret(reference)?),
                    other => Text::Plain(text_of(other, &context.inventory)),
                };
                bound.env.push((name.clone(), text));
            }
        }
        ("vars", Value::Record(entries)) => {
            for (name, value) in entries {
                let value = variable_value(context, value)?;
                bound.variables.push(Variable { name: name.clone(), value });
            }
        }
        ("cwd" | "stdin" | "env" | "vars", Value::None) => {}
        _ => return Ok(false),
    }
    Ok(true)
}

async fn bind_one(
    context: &Context,
    param: &Param,
    value: &Value,
    stage: &mut dyn Stage,
    bound: &mut Bound,
) -> Result<(), StepError> {
    if matches!(param.ty.core(), Type::Script) {
        let text = if let Value::Script(script) = value { Some(script.text.clone()) } else { None };
        bound.scripts.push(NamedScript { name: param.name.clone(), text });
        return Ok(());
    }
    if let Value::File(file) = value
        && let Some(text) = stage.secret_text(file)
    {
        let values = [
            (param.name.clone(), VariableValue::Absent),
            (format!("{}_sha256", param.name), VariableValue::Secret(Secret::new(file.sha256.clone()))),
            (format!("{}_text", param.name), VariableValue::Secret(text)),
        ];
        bound.variables.extend(values.map(|(name, value)| Variable { name, value }));
        return Ok(());
    }
    let value = match value {
        Value::File(file) => {
            let sha256 =
                Variable { name: format!("{}_sha256", param.name), value: VariableValue::Text(file.sha256.clone()) };
            bound.variables.push(sha256);
            bound.staged = true;
            VariableValue::Text(stage.stage(file).await?)
        }
        Value::Folder(folder) => {
            let sha256 = VariableValue::Text(folder.archive.sha256.clone());
            bound.variables.push(Variable { name: format!("{}_sha256", param.name), value: sha256 });
            bound.staged = true;
            VariableValue::Text(stage.stage(&folder.archive).await?)
        }
        Value::Int(_) if matches!(param.ty.core(), Type::Float) => {
            VariableValue::Typed(Scalar::Double, text_of(value, &context.inventory))
        }
        other => variable_value(context, other)?,
    };
    bound.variables.push(Variable { name: param.name.clone(), value });
    Ok(())
}

fn variable_value(context: &Context, value: &Value) -> Result<VariableValue, StepError> {
    let inventory = &context.inventory;
    Ok(match value {
        Value::None => VariableValue::Absent,
        Value::Secret(reference) => VariableValue::Secret(context.secret(reference)?),
        Value::List(items) => VariableValue::List(items.iter().map(|item| text_of(item, inventory)).collect()),
        Value::Hosts(hosts) => {
            VariableValue::List(hosts.iter().map(|host| text_of(&Value::Host(*host), inventory)).collect())
        }
        Value::Record(entries) if entries.iter().any(|(_, value)| matches!(value, Value::Secret(_))) => {
            VariableValue::Secrets(secret_entries(context, entries)?)
        }
        Value::Record(entries) => VariableValue::List(
            entries.iter().map(|(key, value)| format!("{key}={}", text_of(value, inventory))).collect(),
        ),
        other => match scalar(other) {
            Some(kind) => VariableValue::Typed(kind, text_of(other, inventory)),
            None => VariableValue::Text(text_of(other, inventory)),
        },
    })
}

/// What is more than a text, in languages that have a type for it.
fn scalar(value: &Value) -> Option<Scalar> {
    match value {
        Value::Bool(_) => Some(Scalar::Bool),
        Value::Int(_) | Value::Duration(_) | Value::Size(_) => Some(Scalar::Long),
        Value::Float(_) | Value::Percent(_) => Some(Scalar::Double),
        _ => None,
    }
}

/// The entries of a map that holds secrets, as `KEY=VALUE`.
fn secret_entries(context: &Context, entries: &[(String, Value)]) -> Result<Vec<Secret<String>>, StepError> {
    let entry = |(key, value): &(String, Value)| match value {
        Value::Secret(reference) => Ok(Secret::new(format!("{key}={}", context.secret(reference)?.expose()))),
        other => Ok(Secret::new(format!("{key}={}", text_of(other, &context.inventory)))),
    };
    entries.iter().map(entry).collect()
}

/// A value as scripts read it: durations in whole seconds (rounded up), sizes in bytes.
pub fn text_of(value: &Value, inventory: &Inventory) -> String {
    match value {
        Value::Duration(milliseconds) => Duration::from_millis(*milliseconds).as_millis().div_ceil(1000).to_string(),
        Value::Size(bytes) => bytes.to_string(),
        Value::Percent(percent) => percent.to_string(),
        other => value_text(other, inventory).unwrap_or_default(),
    }
}

/// What stands in for a host where there is none: the controller has nowhere to stage to.
pub struct NoStage;

impl Stage for NoStage {
    fn stage<'a>(&'a mut self, _file: &'a FileRef) -> super::ports::Answer<'a, Result<String, StepError>> {
        Box::pin(async { Err(StepError::Wire { phase: super::errors::Phase::Apply, error: WireError::NoEndpoint }) })
    }
}
