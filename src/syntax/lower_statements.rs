//! Pest pairs → blocks, statements and steps of the tree.

use pest::iterators::Pair;

use super::ast::*;
use super::errors::SyntaxError;
use super::grammar::Rule;
use super::lower::{Children, Lowerer};
use crate::base::source::Span;

impl Lowerer<'_> {
    pub(super) fn lower_block(&mut self, pair: Pair<'_, Rule>) -> Option<Block> {
        let span = self.span(&pair);
        Some(self.lower_body(pair.into_inner().next()?, span))
    }

    pub(super) fn lower_body(&mut self, pair: Pair<'_, Rule>, span: Span) -> Block {
        let mut block = Block { statements: Vec::new(), clauses: Vec::new(), span };
        for child in pair.into_inner() {
            match child.as_rule() {
                Rule::clause => block.clauses.extend(self.lower_clause(child)),
                _ => block.statements.extend(self.lower_statement(child)),
            }
        }
        block
    }

    fn lower_clause(&mut self, pair: Pair<'_, Rule>) -> Option<Clause> {
        let span = self.span(&pair);
        let mut children = Children::new(pair);
        let head = children.next()?;
        let head_span = self.span(&head);
        let kind = match head.into_inner().next()?.as_rule() {
            Rule::on_failure => ClauseKind::OnFailure,
            Rule::after_batch => ClauseKind::AfterBatch,
            _ => ClauseKind::Always,
        };
        Some(Clause { kind, body: self.lower_block(children.next()?)?, head_span, span })
    }

    fn lower_statement(&mut self, pair: Pair<'_, Rule>) -> Option<Statement> {
        let span = self.span(&pair);
        let kind = match pair.as_rule() {
            Rule::bound => return self.lower_bound(pair),
            Rule::let_statement => self.lower_let(pair)?,
            Rule::on_block => self.lower_on(pair, None)?,
            Rule::at_block => self.lower_at(pair)?,
            Rule::if_statement => self.lower_if(pair)?,
            Rule::for_statement => self.lower_for(pair)?,
            Rule::parallel => StatementKind::Parallel { body: self.lower_block(pair.into_inner().last()?)? },
            Rule::repeat => self.lower_repeat(pair)?,
            Rule::require => self.lower_require(pair)?,
            Rule::skip_if => self.lower_skip(pair)?,
            Rule::rollback => lower_rollback(&pair),
            Rule::step => StatementKind::Step(self.lower_step(pair, None)?),
            _ => return None,
        };
        Some(Statement { kind, span })
    }

    fn lower_bound(&mut self, pair: Pair<'_, Rule>) -> Option<Statement> {
        let span = self.span(&pair);
        let mut children = Children::new(pair);
        let binding = self.lower_name(&children.next()?.into_inner().next()?);
        let statement = children.next()?;
        let kind = match statement.as_rule() {
            Rule::on_block => self.lower_on(statement, Some(binding))?,
            _ => StatementKind::Step(self.lower_step(statement, Some(binding))?),
        };
        Some(Statement { kind, span })
    }

    fn lower_let(&mut self, pair: Pair<'_, Rule>) -> Option<StatementKind> {
        let mut children = Children::new(pair);
        children.skip(Rule::kw_let);
        let name = self.lower_name(&children.next()?);
        Some(StatementKind::Let { name, value: self.lower_expr(children.next()?)? })
    }

    fn lower_on(&mut self, pair: Pair<'_, Rule>, binding: Option<Name>) -> Option<StatementKind> {
        let mut children = Children::new(pair);
        children.skip(Rule::kw_on);
        let hosts = self.lower_expr(children.next()?)?;
        self.refuse_touching_options(&hosts);
        let options = self.lower_options(&mut children);
        Some(StatementKind::On { binding, hosts, options, body: self.lower_block(children.next()?)? })
    }

    fn lower_at(&mut self, pair: Pair<'_, Rule>) -> Option<StatementKind> {
        let mut children = Children::new(pair);
        children.skip(Rule::kw_at);
        let host = self.lower_expr(children.next()?)?;
        self.refuse_touching_options(&host);
        let options = self.lower_options(&mut children);
        Some(StatementKind::At { host, options, body: self.lower_block(children.next()?)? })
    }

    /// `on web(batch: 2) {` reads as a call of `web`, which nobody means.
    fn refuse_touching_options(&mut self, hosts: &Expr) {
        const OPTIONS: &[&str] = &["batch", "at_once", "max_failures", "as", "spread", "include_failed"];
        let ExprKind::Call { function, args } = &hosts.kind else { return };
        let is_option = |arg: &Arg| matches!(arg, Arg::Named(named) if OPTIONS.contains(&named.label.text.as_str()));
        if args.iter().any(is_option) {
            let span = Span { start: function.span.end, ..hosts.span };
            self.errors.push(SyntaxError::SpaceBeforeOptions { span });
        }
    }

    fn lower_options(&mut self, children: &mut Children<'_>) -> Vec<Named> {
        let options = children.take(Rule::options);
        options.into_iter().flat_map(Pair::into_inner).filter_map(|named| self.lower_named(named)).collect()
    }

    pub(super) fn lower_named(&mut self, pair: Pair<'_, Rule>) -> Option<Named> {
        let span = self.span(&pair);
        let mut children = Children::new(pair);
        let label = self.lower_name(&children.next()?);
        Some(Named { label, value: self.lower_expr(children.next()?)?, span })
    }

    fn lower_if(&mut self, pair: Pair<'_, Rule>) -> Option<StatementKind> {
        let mut children = Children::new(pair);
        children.skip(Rule::kw_if);
        let condition = self.lower_expr(children.next()?)?;
        let then = self.lower_block(children.next()?)?;
        children.skip(Rule::kw_else);
        let otherwise = match children.next() {
            Some(inner) if inner.as_rule() == Rule::if_statement => {
                self.lower_statement(inner).map(|statement| Else::If(Box::new(statement)))
            }
            Some(block) => self.lower_block(block).map(Else::Block),
            None => None,
        };
        Some(StatementKind::If { condition, then, otherwise })
    }

    fn lower_for(&mut self, pair: Pair<'_, Rule>) -> Option<StatementKind> {
        let mut children = Children::new(pair);
        children.skip(Rule::kw_for);
        let name = self.lower_name(&children.next()?);
        children.skip(Rule::kw_in);
        let list = self.lower_expr(children.next()?)?;
        Some(StatementKind::For { name, list, body: self.lower_block(children.next()?)? })
    }

    fn lower_repeat(&mut self, pair: Pair<'_, Rule>) -> Option<StatementKind> {
        let mut children = Children::new(pair);
        children.skip(Rule::kw_repeat);
        let options = self.lower_options(&mut children);
        Some(StatementKind::Repeat { options, body: self.lower_block(children.next()?)? })
    }

    fn lower_require(&mut self, pair: Pair<'_, Rule>) -> Option<StatementKind> {
        let mut children = Children::new(pair);
        children.skip(Rule::kw_require);
        let condition = self.lower_expr(children.next()?)?;
        children.skip(Rule::kw_else);
        Some(StatementKind::Require { condition, otherwise: self.lower_string(children.next()?) })
    }

    fn lower_skip(&mut self, pair: Pair<'_, Rule>) -> Option<StatementKind> {
        let mut children = Children::new(pair);
        children.skip(Rule::kw_skip);
        children.skip(Rule::kw_if);
        let condition = self.lower_expr(children.next()?)?;
        Some(StatementKind::SkipIf { condition, reason: self.lower_string(children.next()?) })
    }

    fn lower_step(&mut self, pair: Pair<'_, Rule>, binding: Option<Name>) -> Option<Step> {
        let whole = self.span(&pair);
        let mut children = Children::new(pair);
        let open = children.next()?;
        let args_start = open.as_span().end() - 1;
        let action = self.lower_qname(open.into_inner().next()?);
        let mut args = Vec::new();
        while let Some(arg) = children.take(Rule::arg) {
            args.extend(self.lower_arg(arg));
        }
        let block = children.take(Rule::attr_block);
        let args_end = block
            .as_ref()
            .map_or(whole.end as usize, |block| self.significant_end(args_start, block.as_span().start()));
        let attrs = block.into_iter().flat_map(Pair::into_inner).filter_map(|attr| self.lower_attr(attr)).collect();
        Some(Step { binding, action, args, args_span: Span::new(self.file, args_start, args_end), attrs })
    }

    pub(super) fn lower_arg(&mut self, pair: Pair<'_, Rule>) -> Option<Arg> {
        let inner = pair.into_inner().next()?;
        match inner.as_rule() {
            Rule::named => self.lower_named(inner).map(Arg::Named),
            _ => self.lower_expr(inner).map(Arg::Positional),
        }
    }
}

fn lower_rollback(pair: &Pair<'_, Rule>) -> StatementKind {
    let scope = pair.clone().into_inner().find(|child| child.as_rule() == Rule::rollback_scope);
    let scope = match scope.map(|scope| scope.as_str().trim()) {
        Some("batch") => RollbackScope::Batch,
        Some("all") => RollbackScope::All,
        _ => RollbackScope::Host,
    };
    StatementKind::Rollback { scope }
}
