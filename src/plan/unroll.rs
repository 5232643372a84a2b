//! `for` before it is planned: the body once for each value, with the value in its place. Pure; knows no hosts.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::ids::BindingId;
use crate::hir::expr::{Expr, ExprKind};
use crate::hir::program::{Statement, Step, StepAttrs};
use crate::hir::types::Type;
use crate::hir::value::Value;

/// Longer keys make names that nobody reads.
const LONGEST_KEY: usize = 40;

/// The body with a loop's name standing for a value; steps are named `step[key]`.
pub fn unroll(body: &[Statement], binding: BindingId, value: &Value, key: &str) -> Vec<Statement> {
    let literal = |span| Expr { kind: ExprKind::Literal(value.clone()), ty: Type::Error, span };
    let span = match body.first() {
        Some(first) => span_of(first),
        None => return Vec::new(),
    };
    let mut replacer = Replacer { meanings: BTreeMap::from([(binding, literal(span))]), key };
    replacer.statements(body)
}

/// What tells one round from the others: the values where all are short and differ, else their numbers.
pub fn keys(values: &[Value]) -> Vec<String> {
    let texts: Option<Vec<String>> = values.iter().map(short_text).collect();
    let differ = |texts: &Vec<String>| texts.iter().collect::<BTreeSet<_>>().len() == texts.len();
    texts.filter(differ).unwrap_or_else(|| (1..=values.len()).map(|number| number.to_string()).collect())
}

fn short_text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Int(_) | Value::Bool(_) | Value::Duration(_) | Value::Size(_) => value.literal(),
        _ => return None,
    };
    (text.chars().count() <= LONGEST_KEY && !text.contains(char::is_control)).then_some(text)
}

fn span_of(statement: &Statement) -> crate::base::source::Span {
    match statement {
        Statement::Let { value, .. } => value.span,
        Statement::On(block) => block.span,
        Statement::If { span, .. }
        | Statement::For { span, .. }
        | Statement::Require { span, .. }
        | Statement::Rollback { span, .. } => *span,
        Statement::Step(step) => step.span,
    }
}

/// Names and what stands for them. A `let` inside a round is one more: expressions have no effects.
struct Replacer<'k> {
    meanings: BTreeMap<BindingId, Expr>,
    key: &'k str,
}

impl Replacer<'_> {
    fn statements(&mut self, statements: &[Statement]) -> Vec<Statement> {
        statements.iter().filter_map(|statement| self.statement(statement)).collect()
    }

    fn statement(&mut self, statement: &Statement) -> Option<Statement> {
        Some(match statement {
            Statement::Let { binding, value } => {
                let value = self.expr(value);
                self.meanings.insert(*binding, value);
                return None;
            }
            Statement::If { condition, then, otherwise, span } => Statement::If {
                condition: self.expr(condition),
                then: self.statements(then),
                otherwise: self.statements(otherwise),
                span: *span,
            },
            Statement::For { binding, list, body, span } => {
                Statement::For { binding: *binding, list: self.expr(list), body: self.statements(body), span: *span }
            }
            Statement::Require { condition, message, span } => {
                Statement::Require { condition: self.expr(condition), message: self.expr(message), span: *span }
            }
            Statement::Step(step) => Statement::Step(self.step(step)),
            // The checker refuses both inside a loop.
            Statement::On(_) | Statement::Rollback { .. } => statement.clone(),
        })
    }

    fn step(&self, step: &Step) -> Step {
        let own = |expr: &Option<Expr>| expr.as_ref().map(|expr| self.expr(expr));
        Step {
            name: format!("{}[{}]", step.name, self.key),
            args: step.args.iter().map(own).collect(),
            attrs: StepAttrs {
                as_user: own(&step.attrs.as_user),
                timeout: own(&step.attrs.timeout),
                retry: own(&step.attrs.retry),
                every: own(&step.attrs.every),
                until: own(&step.attrs.until),
                changed: own(&step.attrs.changed),
                ok: own(&step.attrs.ok),
                ..step.attrs.clone()
            },
            ..step.clone()
        }
    }

    fn expr(&self, expr: &Expr) -> Expr {
        if let ExprKind::Binding(binding) = &expr.kind
            && let Some(meaning) = self.meanings.get(binding)
        {
            // The type stays what was checked where the name stands.
            return Expr { kind: meaning.kind.clone(), ty: expr.ty.clone(), span: expr.span };
        }
        Expr { kind: self.kind(&expr.kind), ty: expr.ty.clone(), span: expr.span }
    }

    fn boxed(&self, expr: &Expr) -> Box<Expr> {
        Box::new(self.expr(expr))
    }

    fn all(&self, exprs: &[Expr]) -> Vec<Expr> {
        exprs.iter().map(|expr| self.expr(expr)).collect()
    }

    fn kind(&self, kind: &ExprKind) -> ExprKind {
        match kind {
            ExprKind::Interpolated(pieces) => ExprKind::Interpolated(self.all(pieces)),
            ExprKind::List(items) => ExprKind::List(self.all(items)),
            ExprKind::Record(fields) => {
                ExprKind::Record(fields.iter().map(|(name, value)| (name.clone(), self.expr(value))).collect())
            }
            ExprKind::Field(base, field) => ExprKind::Field(self.boxed(base), field.clone()),
            ExprKind::ResultAt { results, host } => {
                ExprKind::ResultAt { results: self.boxed(results), host: self.boxed(host) }
            }
            ExprKind::Index { base, index } => ExprKind::Index { base: self.boxed(base), index: self.boxed(index) },
            ExprKind::Not(operand) => ExprKind::Not(self.boxed(operand)),
            ExprKind::Negate(operand) => ExprKind::Negate(self.boxed(operand)),
            ExprKind::Binary { operator, left, right } => {
                ExprKind::Binary { operator: *operator, left: self.boxed(left), right: self.boxed(right) }
            }
            ExprKind::Where { hosts, condition } => {
                ExprKind::Where { hosts: self.boxed(hosts), condition: self.boxed(condition) }
            }
            ExprKind::Call { function, args } => ExprKind::Call { function: *function, args: self.all(args) },
            ExprKind::Aggregate { aggregate, source, body } => ExprKind::Aggregate {
                aggregate: *aggregate,
                source: self.boxed(source),
                body: body.as_ref().map(|body| self.boxed(body)),
            },
            ExprKind::Literal(_)
            | ExprKind::Binding(_)
            | ExprKind::CurrentHost
            | ExprKind::It
            | ExprKind::Before
            | ExprKind::After
            | ExprKind::Facts
            | ExprKind::CurrentBatch => kind.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_tell_rounds_apart() {
        let named = |values: &[Value]| keys(values).join(" ");
        let (one, two) = (Value::string("a"), Value::string("b"));
        assert_eq!(named(&[one.clone(), two.clone(), Value::Int(7)]), "a b 7");
        assert_eq!(named(&[one.clone(), two, one.clone()]), "1 2 3");
        assert_eq!(named(&[one.clone(), Value::string("x".repeat(50))]), "1 2");
        assert_eq!(named(&[one, Value::Record(vec![])]), "1 2");
    }
}
