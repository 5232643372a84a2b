//! Parameters get their values: given ones are read by type, the rest come from defaults in order.

use std::collections::BTreeMap;

use super::errors::{PlanError, Refusal};
use super::scope::PlanScope;
use crate::base::ids::{BindingId, HostId};
use crate::base::near::nearest;
use crate::eval::fits::{Misfit, fits};
use crate::eval::parse::{InputError, convert_input, parse_input};
use crate::eval::{Evaluated, eval};
use crate::hir::folder::ProjectContents;
use crate::hir::program::{Param, Playbook};
use crate::hir::types::Type;
use crate::hir::value::{SecretRef, Value};
use crate::hir::world::Inventory;

/// Everything a plan depends on beside program and inventory.
#[derive(Clone, Default, Debug)]
pub struct Inputs {
    /// By name, in the order given; the last of a name counts.
    pub given: Vec<(String, Given)>,
    /// Files and folders of the project that the program names.
    pub named: ProjectContents,
    /// Values of `load("…")`, by parameter.
    pub loaded: BTreeMap<String, Value>,
    /// Steps that the command line chose.
    pub selection: Selection,
    /// `-l`: only these hosts.
    pub limit: Option<Vec<HostId>>,
}

/// `--tags`, `--skip-tags` and `--from`: which steps are done.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Selection {
    /// Steps with one of these; all where none is named.
    pub tags: Vec<String>,
    pub skip_tags: Vec<String>,
    /// The first step; a composite action's name stands for its first one.
    pub from: Option<String>,
}

/// A value from outside, not yet of the parameter's type.
#[derive(Clone, PartialEq, Debug)]
pub enum Given {
    /// `-e name=text`.
    Text(String),
    /// From a file.
    Value(Value),
    /// Looked for, and no value.
    Refused(InputError),
}

/// The value of every parameter, or all that is wrong with the inputs.
pub fn resolve(
    playbook: &Playbook,
    inventory: &Inventory,
    inputs: &Inputs,
) -> Result<Vec<(BindingId, Value)>, Refusal> {
    let mut errors = unknown_inputs(playbook, inputs);
    let mut params: Vec<(BindingId, Value)> = Vec::new();
    for param in &playbook.params {
        match resolve_one(param, &params, playbook, inventory, inputs) {
            Ok(value) => params.push((param.binding, value)),
            Err(error) => errors.push(error),
        }
    }
    refuse(errors).map_or(Ok(params), Err)
}

/// All errors as one refusal; the first one's kind names it.
pub fn refuse(errors: Vec<PlanError>) -> Option<Refusal> {
    let kind = errors.first()?.kind();
    Some(Refusal { kind, diagnostics: errors.iter().map(PlanError::diagnostic).collect() })
}

/// Names of parameters that have neither a value nor a default.
pub fn missing<'a>(playbook: &'a Playbook, inputs: &Inputs) -> Vec<&'a Param> {
    let is_given = |param: &Param| inputs.given.iter().any(|(name, _)| *name == param.name);
    let is_asked_later = |param: &Param| param.ty.is_secret() && !param.ty.is_optional();
    let lacks = |param: &&Param| param.default.is_none() && !is_given(param) && !is_asked_later(param);
    playbook.params.iter().filter(lacks).collect()
}

fn unknown_inputs(playbook: &Playbook, inputs: &Inputs) -> Vec<PlanError> {
    let known: Vec<String> = playbook.params.iter().map(|param| param.name.clone()).collect();
    inputs
        .given
        .iter()
        .filter(|(name, _)| !known.contains(name))
        .map(|(name, _)| PlanError::UnknownInput {
            name: name.clone(),
            near: nearest(name, known.iter().map(String::as_str)).map(str::to_string),
            known: known.clone(),
            playbook: playbook.span.before(),
        })
        .collect()
}

fn resolve_one(
    param: &Param,
    before: &[(BindingId, Value)],
    playbook: &Playbook,
    inventory: &Inventory,
    inputs: &Inputs,
) -> Result<Value, PlanError> {
    let name = param.name.clone();
    if let Some((_, given)) = inputs.given.iter().rev().find(|(given, _)| *given == name) {
        let value = match given {
            Given::Text(text) => parse_input(text, &param.ty, inventory),
            Given::Value(value) => convert_input(value, &param.ty, inventory),
            Given::Refused(error) => Err(error.clone()),
        };
        return value.map_err(|error| PlanError::BadInput { name, error, span: param.span });
    }
    if let Some(value) = inputs.loaded.get(&name) {
        return check_default(value.clone(), param);
    }
    let Some(default) = &param.default else {
        if param.ty.is_secret() && !param.ty.is_optional() {
            // Whoever starts a run is asked for it; the plan holds where it will come from, as for every secret.
            return Ok(Value::Secret(SecretRef::Source(format!("prompt:{name}"))));
        }
        return Err(PlanError::MissingInput { name, ty: param.ty.to_string(), span: param.span });
    };
    let scope = PlanScope {
        inventory,
        named: &inputs.named,
        bindings: &playbook.bindings,
        params: before,
        lets: &[],
        host: None,
    };
    match eval(default, &scope).map_err(|error| PlanError::Expression { error })? {
        Evaluated::Known(value) => check_default(value, param).map(|value| sealed(value, &param.ty)),
        Evaluated::Pending(reason) => Err(PlanError::NotKnownNow { what: "a default", reason, span: default.span }),
    }
}

/// A text in the open where a secret is wanted is shown no more than one.
fn sealed(value: Value, ty: &Type) -> Value {
    match value {
        Value::String(text) if ty.is_secret() => Value::Secret(SecretRef::Text(text)),
        other => other,
    }
}

fn check_default(value: Value, param: &Param) -> Result<Value, PlanError> {
    match fits(&value, &param.ty) {
        Ok(()) => Ok(value),
        Err(misfit @ Misfit::WrongCount { .. }) => {
            let span = param.default.as_ref().map_or(param.span, |default| default.span);
            Err(PlanError::Cardinality { misfit, span, contract: param.span })
        }
        Err(misfit) => Err(PlanError::BadDefault { name: param.name.clone(), misfit, span: param.span }),
    }
}

/// Whether a host set's type says that it may be empty.
pub fn may_be_empty(ty: &Type) -> bool {
    match ty {
        Type::Refined { refinement: crate::hir::types::Refinement::Range { min, .. }, .. } => {
            matches!(min, None | Some(Value::Int(0)))
        }
        Type::Optional(inner) => may_be_empty(inner),
        _ => false,
    }
}
