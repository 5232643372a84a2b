//! Bodies that are planned more than once or in another place: rounds of `for` and `repeat`, composite actions. Every copy
//! has names of its own, so that no round sees what another one bound. Pure; knows no hosts.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::ids::{BindingId, IdVec};
use crate::hir::expr::{Expr, ExprKind};
use crate::hir::program::{Approval, Binding, Call, OnBlock, Place, Statement, Step, StepAttrs};
use crate::hir::types::Type;
use crate::hir::value::Value;

/// Longer keys make names that nobody reads.
const LONGEST_KEY: usize = 40;

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

/// Names that steps and blocks of a body bind, in the order they first stand there. `let`s end with the body.
pub fn names_bound(body: &[Statement]) -> Vec<BindingId> {
    let mut names = Vec::new();
    collect_names(body, &mut names);
    names
}

fn collect_names(body: &[Statement], names: &mut Vec<BindingId>) {
    for statement in body {
        let bound = match statement {
            Statement::Step(step) => step.binding,
            Statement::On(block) => block.binding,
            Statement::If { then, otherwise, .. } => {
                collect_names(then, names);
                collect_names(otherwise, names);
                None
            }
            Statement::For { body, .. }
            | Statement::Repeat { body, .. }
            | Statement::At { body, .. }
            | Statement::Parallel { body, .. } => {
                collect_names(body, names);
                None
            }
            Statement::Let { .. }
            | Statement::Approve(_)
            | Statement::Call(_)
            | Statement::Require { .. }
            | Statement::SkipIf { .. }
            | Statement::Rollback { .. } => None,
        };
        names.extend(bound.filter(|name| !names.contains(name)));
    }
}

/// One copy of a body: which names mean something else in it, and how its steps are called.
pub struct Expander<'a> {
    names: &'a mut IdVec<BindingId, Binding>,
    meanings: BTreeMap<BindingId, Expr>,
    copy: Copy<'a>,
}

/// Which copy it is, as its steps' names say.
#[derive(Clone, Copy)]
pub enum Copy<'a> {
    /// A round of a loop: `step[key]`.
    Round(&'a str),
    /// The steps of a composite action, whose names are its own: `step/inner`.
    Inside { step: &'a str, names: &'a IdVec<BindingId, Binding> },
}

impl Copy<'_> {
    fn named(&self, name: &str) -> String {
        match self {
            Copy::Round(key) => format!("{name}[{key}]"),
            Copy::Inside { step, .. } => format!("{step}/{name}"),
        }
    }
}

impl<'a> Expander<'a> {
    /// `names` gets the copy's own ones.
    pub fn new(names: &'a mut IdVec<BindingId, Binding>, copy: Copy<'a>) -> Self {
        Expander { names, meanings: BTreeMap::new(), copy }
    }

    /// In this copy, the name stands for this expression.
    pub fn mean(&mut self, name: BindingId, meaning: Expr) {
        self.meanings.insert(name, meaning);
    }

    /// What a name stands for in this copy, once its statements were copied.
    pub fn meaning(&self, name: BindingId) -> Option<&Expr> {
        self.meanings.get(&name)
    }

    /// The copy. A `let` inside it becomes a meaning: expressions have no effects.
    pub fn statements(&mut self, statements: &[Statement]) -> Vec<Statement> {
        statements.iter().filter_map(|statement| self.statement(statement)).collect()
    }

    fn statement(&mut self, statement: &Statement) -> Option<Statement> {
        Some(match statement {
            Statement::Let { binding, value } => {
                let value = self.expr(value);
                self.mean(*binding, value);
                return None;
            }
            Statement::If { condition, then, otherwise, span } => Statement::If {
                condition: self.expr(condition),
                then: self.statements(then),
                otherwise: self.statements(otherwise),
                span: *span,
            },
            Statement::For { binding, list, body, span } => {
                let list = self.expr(list);
                Statement::For { binding: self.own_name(*binding), list, body: self.statements(body), span: *span }
            }
            Statement::Repeat { times, until, body, span } => {
                let times = self.expr(times);
                let body = self.statements(body);
                Statement::Repeat { times, body, until: self.optional(until), span: *span }
            }
            Statement::Parallel { body, span } => Statement::Parallel { body: self.statements(body), span: *span },
            Statement::Require { condition, message, span } => {
                Statement::Require { condition: self.expr(condition), message: self.expr(message), span: *span }
            }
            Statement::Approve(approval) => {
                Statement::Approve(Approval { message: self.expr(&approval.message), ..approval.clone() })
            }
            Statement::Call(call) => Statement::Call(Call {
                name: self.copy.named(&call.name),
                args: call.args.iter().map(|arg| self.optional(arg)).collect(),
                ..call.clone()
            }),
            Statement::SkipIf { condition, reason, span } => {
                Statement::SkipIf { condition: self.expr(condition), reason: self.expr(reason), span: *span }
            }
            Statement::At { place, as_user, body, span } => Statement::At {
                place: match place {
                    Place::Controller => Place::Controller,
                    Place::Host(host) => Place::Host(self.expr(host)),
                },
                as_user: self.optional(as_user),
                body: self.statements(body),
                span: *span,
            },
            Statement::Step(step) => Statement::Step(self.step(step)),
            Statement::On(block) => Statement::On(self.block(block)),
            Statement::Rollback { .. } => statement.clone(),
        })
    }

    fn block(&mut self, block: &OnBlock) -> OnBlock {
        OnBlock {
            hosts: self.expr(&block.hosts),
            batch: self.optional(&block.batch),
            at_once: self.optional(&block.at_once),
            max_failures: self.optional(&block.max_failures),
            as_user: self.optional(&block.as_user),
            body: self.statements(&block.body),
            spread: self.optional(&block.spread),
            on_failure: self.statements(&block.on_failure),
            after_batch: self.statements(&block.after_batch),
            always: self.statements(&block.always),
            binding: block.binding.map(|binding| self.own_name(binding)),
            ..block.clone()
        }
    }

    fn step(&mut self, step: &Step) -> Step {
        Step {
            name: self.copy.named(&step.name),
            args: step.args.iter().map(|arg| self.optional(arg)).collect(),
            attrs: StepAttrs {
                as_user: self.optional(&step.attrs.as_user),
                timeout: self.optional(&step.attrs.timeout),
                retry: self.optional(&step.attrs.retry),
                every: self.optional(&step.attrs.every),
                until: self.optional(&step.attrs.until),
                changed: self.optional(&step.attrs.changed),
                ok: self.optional(&step.attrs.ok),
                ..step.attrs.clone()
            },
            binding: self.step_binding(step),
            ..step.clone()
        }
    }

    /// The copy's own name for what a step or block binds; both branches of an `if` may bind one.
    fn own_name(&mut self, name: BindingId) -> BindingId {
        if let Some(Expr { kind: ExprKind::Binding(own), .. }) = self.meanings.get(&name) {
            return *own;
        }
        let mut binding = match self.copy {
            Copy::Round(_) => self.names.at(name).clone(),
            Copy::Inside { names, .. } => names.at(name).clone(),
        };
        binding.name = self.copy.named(&binding.name);
        let (ty, span) = (binding.ty.clone(), binding.span);
        let own = self.names.push(binding);
        self.mean(name, Expr { kind: ExprKind::Binding(own), ty, span });
        own
    }

    /// Inside a composite action every step is bound, since its result says whether any of them changed something.
    fn step_binding(&mut self, step: &Step) -> Option<BindingId> {
        match (step.binding, self.copy) {
            (Some(binding), _) => Some(self.own_name(binding)),
            (None, Copy::Round(_)) => None,
            (None, Copy::Inside { .. }) => {
                let name = self.copy.named(&step.name);
                Some(self.names.push(Binding { name, ty: Type::Error, span: step.span }))
            }
        }
    }

    fn optional(&self, expr: &Option<Expr>) -> Option<Expr> {
        expr.as_ref().map(|expr| self.expr(expr))
    }

    /// An expression of the body, as this copy has it.
    pub fn expr(&self, expr: &Expr) -> Expr {
        if let ExprKind::Binding(binding) = &expr.kind
            && let Some(meaning) = self.meanings.get(binding)
        {
            // The type stays what was checked where the name stands.
            return Expr { kind: meaning.kind.clone(), ty: expr.ty.clone(), span: expr.span };
        }
        Expr { kind: self.kind(&expr.kind), ty: expr.ty.clone(), span: expr.span }
    }

    /// A field of a value that is known is known, so that conditions over a loop's items read well.
    fn field(&self, base: &Expr, field: &str) -> ExprKind {
        let base = self.expr(base);
        match &base.kind {
            ExprKind::Literal(record @ Value::Record(_)) => {
                ExprKind::Literal(record.field(field).cloned().unwrap_or(Value::None))
            }
            _ => ExprKind::Field(Box::new(base), field.to_string()),
        }
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
            ExprKind::Field(base, field) => self.field(base, field),
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
            ExprKind::WhenPresent { any, value } => {
                ExprKind::WhenPresent { any: self.all(any), value: self.boxed(value) }
            }
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
