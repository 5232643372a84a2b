//! `for` and `repeat` as the rounds they stand for: copies of the body, and what their names are afterwards.

use super::builder::Builder;
use super::errors::PlanError;
use super::expand::{Copy, Expander, keys, names_bound};
use super::expression_text::expression_text;
use super::model::Guard;
use crate::base::ids::BindingId;
use crate::base::source::Span;
use crate::hir::expr::{Expr, ExprKind, Operator};
use crate::hir::program::Statement;
use crate::hir::types::Type;
use crate::hir::value::Value;

/// One copy of a loop's body.
pub struct Round {
    pub body: Vec<Statement>,
    /// What must not have been true after the rounds before it.
    pub guards: Vec<Guard>,
}

/// What each of a loop's names is in each round.
struct Names(Vec<(BindingId, Vec<Expr>)>);

impl Names {
    fn of(body: &[Statement]) -> Names {
        Names(names_bound(body).into_iter().map(|name| (name, Vec::new())).collect())
    }

    fn note(&mut self, round: &Expander<'_>) {
        for (name, meanings) in &mut self.0 {
            meanings.extend(round.meaning(*name).cloned());
        }
    }
}

impl Builder<'_> {
    /// The rounds of a loop, in order. Afterwards the loop's own names have their meanings.
    pub(super) fn rounds(&mut self, statement: &Statement) -> Vec<Round> {
        match statement {
            Statement::For { binding, list, body, span } => self.for_rounds(*binding, list, body, *span),
            Statement::Repeat { times, until, body, .. } => self.repeat_rounds(times, until.as_ref(), body),
            _ => Vec::new(),
        }
    }

    fn for_rounds(&mut self, binding: BindingId, list: &Expr, body: &[Statement], span: Span) -> Vec<Round> {
        const WHAT: &str = "the list of a `for`";
        let values = match self.known_now(list, WHAT) {
            Some(Value::List(values)) => values,
            // What differs from host to host is no list here.
            Some(_) => {
                let reason = expression_text(list, &self.bindings);
                self.errors.push(PlanError::NotKnownNow { what: WHAT, reason, span: list.span });
                return Vec::new();
            }
            None => return Vec::new(),
        };
        let mut names = Names::of(body);
        let mut rounds = Vec::new();
        for (value, key) in values.iter().zip(keys(&values)) {
            let mut round = Expander::new(&mut self.bindings, Copy::Round(&key));
            round.mean(binding, literal(value.clone(), span));
            rounds.push(Round { body: round.statements(body), guards: Vec::new() });
            names.note(&round);
        }
        for (name, meanings) in names.0 {
            let ty = Type::List(Box::new(self.bindings.at(name).ty.clone()));
            self.lets.push((name, Expr { kind: ExprKind::List(meanings), ty, span }));
        }
        rounds
    }

    fn repeat_rounds(&mut self, times: &Expr, until: Option<&Expr>, body: &[Statement]) -> Vec<Round> {
        let times = self.count(Some(times), "`times`", 1).unwrap_or(0);
        let mut names = Names::of(body);
        let mut guards: Vec<Guard> = Vec::new();
        let mut rounds = Vec::new();
        for number in 1..=times {
            let key = number.to_string();
            let mut round = Expander::new(&mut self.bindings, Copy::Round(&key));
            rounds.push(Round { body: round.statements(body), guards: guards.clone() });
            names.note(&round);
            guards.extend(until.map(|until| Guard { condition: round.expr(until), expected: false }));
        }
        for (name, meanings) in names.0 {
            let last_first = meanings.into_iter().rev();
            if let Some(latest) = last_first.reduce(|left, right| Expr::binary(Operator::Default, left, right)) {
                self.lets.push((name, latest));
            }
        }
        if let Some(until) = until {
            rounds.push(never_true(until, guards, times));
        }
        rounds
    }
}

/// After the last round: the host fails unless some round was enough.
fn never_true(until: &Expr, guards: Vec<Guard>, times: usize) -> Round {
    let conditions = guards.into_iter().map(|guard| guard.condition);
    let any = conditions.reduce(|left, right| Expr::binary(Operator::Or, left, right));
    let message = format!("`until` of `repeat` was not true after {times} rounds");
    let body = any.map(|condition| Statement::Require {
        condition,
        message: literal(Value::string(message), until.span),
        span: until.span,
    });
    Round { body: body.into_iter().collect(), guards: Vec::new() }
}

/// Fits whatever the name it stands for was checked as.
fn literal(value: Value, span: Span) -> Expr {
    Expr { kind: ExprKind::Literal(value), ty: Type::Error, span }
}
