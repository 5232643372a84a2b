//! `for` and `repeat`: their heads, and what the names of their bodies are after them.

use super::blocks::lets_of;
use super::checker::Checker;
use super::context::{Context, Scope, Visible};
use super::errors::control::ControlError;
use super::errors::names::NameError;
use super::errors::types::TypeError;
use super::expressions::Wanted;
use super::secrecy::secret_origin;
use super::statements::Collected;
use super::types::whole_between;
use crate::base::ids::BindingId;
use crate::base::source::Span;
use crate::hir::expr::Expr;
use crate::hir::program::Statement;
use crate::hir::types::Type;
use crate::syntax::ast;

/// More rounds are a sign that something else is meant, and every round is in the plan.
const MOST_ROUNDS: i64 = 100;

/// The parts of a `for`.
pub(super) struct ForHead<'a> {
    pub(super) name: &'a ast::Name,
    pub(super) list: &'a ast::Expr,
    pub(super) body: &'a ast::Block,
    pub(super) span: Span,
}

/// The parts of a `repeat`.
pub(super) struct RepeatHead<'a> {
    pub(super) options: &'a [ast::Named],
    pub(super) body: &'a ast::Block,
    pub(super) span: Span,
}

impl Checker<'_> {
    /// The body is checked once, with the name as any item of the list. What its steps bind is a list after it.
    pub(super) fn check_for(
        &mut self,
        head: &ForHead<'_>,
        scope: &mut Scope,
        context: &Context,
        collected: &mut Collected,
    ) -> Option<Statement> {
        let list = self.check_expr(head.list, Wanted::default(), scope, context);
        let item = match list.ty.core() {
            Type::List(item) => (**item).clone(),
            Type::Error => Type::Error,
            other => {
                let (expected, found) = ("a list".to_string(), other.to_string());
                self.report(TypeError::Mismatch { expected, found, span: list.span, definition: None }.diagnostic());
                Type::Error
            }
        };
        if let Some(name) = scope.waits_for(&list) {
            self.report(TypeError::LoopOfRun { name: name.to_string(), span: list.span }.diagnostic());
        }
        self.refuse_clauses(head.body, "a loop");
        scope.enter();
        let origin = secret_origin(&list, scope);
        let binding = self.bind(head.name, item, scope);
        scope.secret_origins.extend(binding.zip(origin));
        let body = self.check_statements(&head.body.statements, scope, context, collected);
        let names = scope.leave();
        self.show_names(names, (binding, &body), scope, |ty| Type::List(Box::new(ty)));
        Some(Statement::For { binding: binding?, list, body, span: head.span })
    }

    /// `until` sees the names of the round that has just ended.
    pub(super) fn check_repeat(
        &mut self,
        head: &RepeatHead<'_>,
        scope: &mut Scope,
        context: &Context,
        collected: &mut Collected,
    ) -> Option<Statement> {
        let times = self.check_times(head, scope, context);
        self.refuse_clauses(head.body, "a loop");
        scope.enter();
        let body = self.check_statements(&head.body.statements, scope, context, collected);
        let option = head.options.iter().find(|option| option.label.text == "until");
        let until = option.map(|option| self.expect_condition(&option.value, scope, context));
        let names = scope.leave();
        self.show_names(names, (None, &body), scope, Type::optional);
        Some(Statement::Repeat { times: times?, until, body, span: head.span })
    }

    fn check_times(&mut self, head: &RepeatHead<'_>, scope: &mut Scope, context: &Context) -> Option<Expr> {
        let word = Span { end: head.span.start + 6, ..head.span };
        let mut times = None;
        for option in self.given_once(head.options) {
            let label = option.label.text.as_str();
            match label {
                "times" => {
                    let wanted = whole_between(1, MOST_ROUNDS);
                    times = Some(self.expect_expr(&option.value, Wanted::of(&wanted), scope, context));
                }
                "until" => {}
                _ => {
                    let (name, span) = (label.to_string(), option.label.span);
                    let known = &["times", "until"];
                    self.report(ControlError::UnknownOption { form: "repeat", name, known, span }.diagnostic());
                }
            }
        }
        if times.is_none() {
            self.report(ControlError::RepeatWithoutTimes { span: word }.diagnostic());
        }
        times
    }

    /// What a loop's names are after it. `let`s end with their round, as the loop's own name does and what `on` blocks
    /// inside it bound by host.
    fn show_names(
        &mut self,
        names: Vec<(String, Visible)>,
        (own, body): (Option<BindingId>, &[Statement]),
        scope: &mut Scope,
        after: impl Fn(Type) -> Type,
    ) {
        let lets = lets_of(body);
        for (name, visible) in names {
            let span = scope.bindings.at(visible.binding).span;
            let is_let = lets.contains(&visible.binding);
            if is_let && !scope.is_used(visible.binding) {
                self.report(NameError::Unused { name: name.clone(), span }.diagnostic());
            }
            if is_let || Some(visible.binding) == own || matches!(visible.ty, Type::Results(_)) {
                scope.ended.insert(name, span);
            } else {
                scope.show(&name, Visible { binding: visible.binding, ty: after(visible.ty) });
            }
        }
    }
}
