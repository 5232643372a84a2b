//! Options and attributes as values, and what can be said of undoing: what a plan must know before the run, or why it
//! does not.

use super::batches;
use super::builder::Builder;
use super::errors::PlanError;
use super::model::{BatchSize, BlockHosts, Reversible};
use crate::base::ids::HostId;
use crate::eval::fits::{Misfit, kind_name};
use crate::eval::kinds::reversible_with;
use crate::eval::{Evaluated, eval};
use crate::hir::effect::Kind;
use crate::hir::expr::Expr;
use crate::hir::program::Action;
use crate::hir::value::Value;

impl Builder<'_> {
    pub(super) fn batch(&mut self, expr: Option<&Expr>) -> Vec<BatchSize> {
        let Some(expr) = expr else { return Vec::new() };
        let Some(value) = self.known_now(expr, "`batch`") else { return Vec::new() };
        batches::sizes(&value, expr.span).unwrap_or_else(|error| {
            self.errors.push(error);
            Vec::new()
        })
    }

    /// The value of `spread:` on every host that may be in the block.
    pub(super) fn spread(&mut self, expr: Option<&Expr>, hosts: &BlockHosts) -> Vec<(HostId, Value)> {
        let Some(expr) = expr else { return Vec::new() };
        let candidates = match hosts {
            BlockHosts::Known(hosts) => hosts.clone(),
            _ => self.inventory.hosts.ids().collect(),
        };
        let mut values = Vec::new();
        for host in candidates {
            match eval(expr, &self.scope(Some(host))) {
                Ok(Evaluated::Known(Value::None)) => {}
                Ok(Evaluated::Known(value)) => values.push((host, value)),
                Ok(Evaluated::Pending(reason)) => {
                    self.errors.push(PlanError::NotKnownNow { what: "`spread`", reason, span: expr.span });
                    return Vec::new();
                }
                Err(error) => {
                    self.errors.push(PlanError::Expression { error });
                    return Vec::new();
                }
            }
        }
        values
    }

    pub(super) fn count(&mut self, expr: Option<&Expr>, what: &'static str, least: i64) -> Option<usize> {
        let expr = expr?;
        match self.known_now(expr, what)? {
            Value::Int(count) if count >= least => usize::try_from(count).ok(),
            other => {
                let misfit =
                    Misfit::OutOfRange { range: format!("a whole number of at least {least}"), found: other.literal() };
                self.errors.push(PlanError::BadOption { what, misfit, span: expr.span });
                None
            }
        }
    }

    /// Milliseconds.
    pub(super) fn milliseconds(&mut self, expr: Option<&Expr>, what: &'static str) -> Option<u64> {
        let expr = expr?;
        match self.known_now(expr, what)? {
            Value::Duration(milliseconds) => Some(milliseconds),
            other => {
                let misfit =
                    Misfit::WrongType { expected: "duration".to_string(), found: kind_name(&other).to_string() };
                self.errors.push(PlanError::BadOption { what, misfit, span: expr.span });
                None
            }
        }
    }

    pub(super) fn user(&mut self, expr: Option<&Expr>) -> Option<String> {
        let value = self.known_now(expr?, "`as`")?;
        value.as_str().map(str::to_string)
    }

    pub(super) fn known_now(&mut self, expr: &Expr, what: &'static str) -> Option<Value> {
        match eval(expr, &self.scope(None)) {
            Ok(Evaluated::Known(value)) => Some(value),
            Ok(Evaluated::Pending(reason)) => {
                self.errors.push(PlanError::NotKnownNow { what, reason, span: expr.span });
                None
            }
            Err(error) => {
                self.errors.push(PlanError::Expression { error });
                None
            }
        }
    }
}

/// Whether a rollback of this step restores what was there.
pub(super) fn reversible(action: &Action, kind: Kind, args: &[Evaluated]) -> Reversible {
    if kind == Kind::Read {
        return Reversible::NotNeeded;
    }
    if !action.has_rollback() {
        return Reversible::No;
    }
    match reversible_with(action, args) {
        Some(true) => Reversible::Yes,
        Some(false) => Reversible::No,
        None => Reversible::Depends,
    }
}
