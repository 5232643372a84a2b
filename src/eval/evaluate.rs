//! The walk over a typed expression. Pending anywhere makes the whole pending, unless the rest decides it.

use std::cmp::Ordering;

use super::error::EvalError;
use super::scope::{Evaluated, Scope};
use super::{functions, hosts, text};
use crate::base::ids::HostId;
use crate::base::source::Span;
use crate::hir::expr::{Aggregate, Expr, ExprKind, Operator};
use crate::hir::types::Type;
use crate::hir::value::{SecretRef, Value};

type Result = std::result::Result<Evaluated, EvalError>;

/// A scope with the candidate of `where` and the item of an aggregate laid over it.
pub struct Evaluator<'a> {
    pub scope: &'a dyn Scope,
    host: Option<HostId>,
    item: Option<Value>,
}

/// Takes the value out of a result, or returns from the caller with what is pending.
macro_rules! known {
    ($evaluated:expr) => {
        match $evaluated {
            Evaluated::Known(value) => value,
            pending @ Evaluated::Pending(_) => return Ok(pending),
        }
    };
}

macro_rules! known_all {
    ($self:expr, $exprs:expr) => {{
        let mut values = Vec::with_capacity($exprs.len());
        for expr in $exprs {
            values.push(known!($self.eval(expr)?));
        }
        values
    }};
}

impl<'a> Evaluator<'a> {
    pub fn new(scope: &'a dyn Scope) -> Self {
        Evaluator { scope, host: scope.current_host(), item: None }
    }

    fn with_host(&self, host: HostId) -> Self {
        Evaluator { scope: self.scope, host: Some(host), item: self.item.clone() }
    }

    fn with_item(&self, item: Value) -> Self {
        Evaluator { scope: self.scope, host: self.host, item: Some(item) }
    }

    pub fn eval(&self, expr: &Expr) -> Result {
        match &expr.kind {
            ExprKind::Literal(value) => Ok(Evaluated::Known(value.clone())),
            ExprKind::Interpolated(pieces) => self.interpolate(pieces),
            ExprKind::Binding(binding) if matches!(expr.ty, Type::Results(_)) => Ok(self.scope.results(*binding)),
            ExprKind::Binding(binding) => Ok(self.scope.binding(*binding)),
            ExprKind::CurrentHost => Ok(Evaluated::Known(self.host.map_or(Value::None, Value::Host))),
            ExprKind::It => Ok(self.item.clone().map_or_else(|| self.scope.it(), Evaluated::Known)),
            ExprKind::Before => Ok(self.scope.before()),
            ExprKind::After => Ok(self.scope.after()),
            ExprKind::Facts => Ok(self.scope.facts()),
            ExprKind::CurrentBatch => Ok(self.scope.current_batch()),
            ExprKind::Field(base, field) => self.field(base, field),
            ExprKind::ResultAt { results, host } => self.result_at(results, host),
            ExprKind::Index { base, index } => self.index(base, index, expr.span),
            ExprKind::List(items) => self.list(items),
            ExprKind::Record(fields) => self.record(fields),
            ExprKind::Not(operand) => self.not(operand),
            ExprKind::Negate(operand) => self.negate(operand, expr.span),
            ExprKind::Binary { operator, left, right } => self.binary(*operator, left, right, expr.span),
            ExprKind::Where { hosts, condition } => self.hosts_where(hosts, condition),
            ExprKind::Call { function, args } => {
                let args = known_all!(self, args);
                functions::call(*function, &args, self.scope, expr.span)
            }
            ExprKind::WhenPresent { any, value } => {
                let found = known_all!(self, any);
                if found.iter().all(Value::is_none) { Ok(Evaluated::Known(Value::None)) } else { self.eval(value) }
            }
            ExprKind::Aggregate { aggregate, source, body } => {
                self.aggregate(*aggregate, source, body.as_deref(), expr.span)
            }
        }
    }

    fn interpolate(&self, pieces: &[Expr]) -> Result {
        let mut texts = Vec::new();
        for piece in pieces {
            let value = known!(self.eval(piece)?);
            texts.push((value, piece.span));
        }
        if texts.iter().any(|(value, _)| matches!(value, Value::Secret(_))) {
            return self.interpolate_secret(texts);
        }
        let mut joined = String::new();
        for (value, span) in texts {
            joined.push_str(&self.text_of(&value, span)?);
        }
        Ok(Evaluated::Known(Value::String(joined)))
    }

    fn interpolate_secret(&self, texts: Vec<(Value, Span)>) -> Result {
        let mut pieces = Vec::new();
        for (value, span) in texts {
            pieces.push(match value {
                Value::Secret(reference) => reference,
                other => SecretRef::Text(self.text_of(&other, span)?),
            });
        }
        Ok(Evaluated::Known(Value::Secret(SecretRef::Concat(pieces))))
    }

    fn text_of(&self, value: &Value, span: Span) -> std::result::Result<String, EvalError> {
        text::value_text(value, self.scope.inventory()).ok_or(EvalError::AbsentInText { span })
    }

    fn field(&self, base: &Expr, field: &str) -> Result {
        let value = match self.eval(base)? {
            Evaluated::Known(value) => value,
            Evaluated::Pending(reason) => return Ok(Evaluated::Pending(format!("{reason}.{field}"))),
        };
        Ok(Evaluated::Known(match value {
            Value::Host(host) => hosts::host_field(self.scope.inventory(), host, field),
            Value::Hosts(set) => hosts::hosts_field(self.scope.inventory(), &set, field),
            Value::File(file) => match field {
                "path" => Value::string(file.path),
                "sha256" => Value::string(file.sha256),
                "size" => Value::Size(file.size),
                _ => Value::None,
            },
            Value::Folder(folder) => match field {
                "path" => Value::string(folder.archive.path),
                "sha256" => Value::string(folder.archive.sha256),
                "size" => Value::Size(folder.size),
                "count" => Value::Int(i64::try_from(folder.count).unwrap_or(i64::MAX)),
                _ => Value::None,
            },
            Value::List(items) if field == "count" => Value::Int(i64::try_from(items.len()).unwrap_or(i64::MAX)),
            record => record.field(field).cloned().unwrap_or(Value::None),
        }))
    }

    fn result_at(&self, results: &Expr, host: &Expr) -> Result {
        match (known!(self.eval(host)?), &results.kind) {
            (Value::Host(host), ExprKind::Binding(binding)) => Ok(self.scope.result_on(*binding, host)),
            _ => Ok(Evaluated::Known(Value::None)),
        }
    }

    fn index(&self, base: &Expr, index: &Expr, span: Span) -> Result {
        let base = known!(self.eval(base)?);
        let index = known!(self.eval(index)?);
        match (base, index) {
            (Value::List(items), Value::Int(index)) => usize::try_from(index)
                .ok()
                .and_then(|position| items.get(position).cloned())
                .map(Evaluated::Known)
                .ok_or(EvalError::OutOfRange { index, length: items.len(), span }),
            (record @ Value::Record(_), Value::String(key)) => {
                Ok(Evaluated::Known(record.field(&key).cloned().unwrap_or(Value::None)))
            }
            _ => Ok(Evaluated::Known(Value::None)),
        }
    }

    fn list(&self, items: &[Expr]) -> Result {
        let items = known_all!(self, items);
        Ok(Evaluated::Known(Value::List(items)))
    }

    fn record(&self, fields: &[(String, Expr)]) -> Result {
        let mut values = Vec::new();
        for (name, value) in fields {
            values.push((name.clone(), known!(self.eval(value)?)));
        }
        Ok(Evaluated::Known(Value::Record(values)))
    }

    fn not(&self, operand: &Expr) -> Result {
        Ok(Evaluated::Known(match known!(self.eval(operand)?) {
            Value::Bool(value) => Value::Bool(!value),
            _ => Value::None,
        }))
    }

    fn negate(&self, operand: &Expr, span: Span) -> Result {
        Ok(Evaluated::Known(match known!(self.eval(operand)?) {
            Value::Int(value) => Value::Int(value.checked_neg().ok_or(EvalError::Overflow { span })?),
            Value::Float(value) => Value::Float(-value),
            _ => Value::None,
        }))
    }

    fn binary(&self, operator: Operator, left: &Expr, right: &Expr, span: Span) -> Result {
        match operator {
            Operator::And => return self.connect(left, right, false),
            Operator::Or => return self.connect(left, right, true),
            Operator::Default => {
                let value = known!(self.eval(left)?);
                return if value.is_none() { self.eval(right) } else { Ok(Evaluated::Known(value)) };
            }
            _ => {}
        }
        let left_value = known!(self.eval(left)?);
        let right_value = known!(self.eval(right)?);
        let literal_none = is_none_literal(left) || is_none_literal(right);
        let value = match operator {
            Operator::Equal => equals(&left_value, &right_value, literal_none),
            Operator::NotEqual => equals(&left_value, &right_value, literal_none).map(|same| !same),
            Operator::In => contains(&right_value, &left_value),
            Operator::Less => order(&left_value, &right_value).map(Ordering::is_lt),
            Operator::LessEqual => order(&left_value, &right_value).map(Ordering::is_le),
            Operator::Greater => order(&left_value, &right_value).map(Ordering::is_gt),
            Operator::GreaterEqual => order(&left_value, &right_value).map(Ordering::is_ge),
            _ => return functions::arithmetic(operator, left_value, right_value, span).map(Evaluated::Known),
        };
        Ok(Evaluated::Known(value.map_or(Value::None, Value::Bool)))
    }

    /// `and` and `or` in three values: `decisive` (false for `and`, true for `or`) wins whatever the other side is.
    fn connect(&self, left: &Expr, right: &Expr, decisive: bool) -> Result {
        let left = self.eval(left)?;
        if left == Evaluated::Known(Value::Bool(decisive)) {
            return Ok(left);
        }
        let right = self.eval(right)?;
        if right == Evaluated::Known(Value::Bool(decisive)) {
            return Ok(right);
        }
        let left = known!(left);
        let right = known!(right);
        let both_known = matches!((&left, &right), (Value::Bool(_), Value::Bool(_)));
        Ok(Evaluated::Known(if both_known { Value::Bool(!decisive) } else { Value::None }))
    }

    /// Only hosts for which the condition is *true*; pending if any candidate's is.
    fn hosts_where(&self, hosts: &Expr, condition: &Expr) -> Result {
        let Value::Hosts(candidates) = known!(self.eval(hosts)?) else {
            return Err(EvalError::Mistyped { expected: "a host set", span: hosts.span });
        };
        let mut kept = Vec::new();
        for candidate in candidates {
            if known!(self.with_host(candidate).eval(condition)?) == Value::Bool(true) {
                kept.push(candidate);
            }
        }
        Ok(Evaluated::Known(Value::Hosts(kept)))
    }

    fn aggregate(&self, aggregate: Aggregate, source: &Expr, body: Option<&Expr>, span: Span) -> Result {
        let over = match (&source.ty, &source.kind) {
            (Type::Results(_), ExprKind::Binding(binding)) => self.scope.result_values(*binding),
            _ => self.eval(source)?,
        };
        let items = match known!(over) {
            Value::List(items) => items,
            Value::Hosts(hosts) => hosts.into_iter().map(Value::Host).collect(),
            _ => return Err(EvalError::Mistyped { expected: "a list", span: source.span }),
        };
        let mut mapped = Vec::new();
        for item in items {
            let value = match body {
                Some(body) => known!(self.with_item(item.clone()).eval(body)?),
                None => item.clone(),
            };
            mapped.push((item, value));
        }
        functions::aggregate(aggregate, mapped, span).map(Evaluated::Known)
    }
}

fn is_none_literal(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::Literal(Value::None))
}

/// Equality; unknown where a side is absent, unless the program asks for absence itself.
fn equals(left: &Value, right: &Value, literal_none: bool) -> Option<bool> {
    match (left, right) {
        (Value::None, _) | (_, Value::None) => literal_none.then(|| left == right),
        (Value::Int(int), Value::Float(float)) | (Value::Float(float), Value::Int(int)) => Some(*int as f64 == *float),
        _ => Some(left == right),
    }
}

fn contains(collection: &Value, item: &Value) -> Option<bool> {
    match (collection, item) {
        (_, Value::None) => None,
        (Value::List(items), item) => Some(items.contains(item)),
        (Value::Hosts(hosts), Value::Host(host)) => Some(hosts.contains(host)),
        (Value::Record(fields), Value::String(key)) => Some(fields.iter().any(|(field, _)| field == key)),
        (Value::String(text), Value::String(part)) => Some(text.contains(part.as_str())),
        _ => None,
    }
}

/// Order of two values of one type; none where they have no order or one is absent.
pub fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => Some(left.cmp(right)),
        (Value::Duration(left), Value::Duration(right)) | (Value::Size(left), Value::Size(right)) => {
            Some(left.cmp(right))
        }
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        _ => number(left)?.partial_cmp(&number(right)?),
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Int(value) => Some(*value as f64),
        Value::Float(value) | Value::Percent(value) => Some(*value),
        _ => None,
    }
}
