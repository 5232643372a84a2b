//! Floor 3: values. Typed expressions → values, or pending where a result is still to come.
//! Knows nothing of plans, sessions or files: a [`Scope`] answers what an expression may ask. Pure.

pub mod error;
pub mod evaluate;
pub mod fits;
pub mod functions;
pub mod hosts;
pub mod kinds;
pub mod parse;
pub mod patterns;
pub mod scope;
pub mod secrets;
pub mod special_texts;
pub mod text;
pub mod walk;
pub mod yaml;

use crate::hir::expr::Expr;
use crate::hir::value::Value;

pub use error::EvalError;
pub use scope::{Evaluated, Scope};

/// The value of an expression in a scope. An unknown condition is `Value::None` (three-valued logic).
pub fn eval(expr: &Expr, scope: &dyn Scope) -> Result<Evaluated, EvalError> {
    evaluate::Evaluator::new(scope).eval(expr)
}

/// A condition: `Some(true)`, `Some(false)`, or `None` where it is unknown or pending.
pub fn eval_condition(expr: &Expr, scope: &dyn Scope) -> Result<Option<bool>, EvalError> {
    Ok(match eval(expr, scope)? {
        Evaluated::Known(Value::Bool(value)) => Some(value),
        Evaluated::Known(_) | Evaluated::Pending(_) => None,
    })
}
