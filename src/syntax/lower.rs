//! Pest pairs → items, statements and types of the tree. Expressions are lowered in `lower_expressions`.
//! pest stops here.

use pest::iterators::{Pair, Pairs};

use super::ast::*;
use super::errors::SyntaxError;
use super::grammar::Rule;
use crate::base::ids::FileId;
use crate::base::source::Span;

/// Turns pairs into nodes and collects what the grammar is too lenient to refuse.
pub(super) struct Lowerer<'a> {
    pub(super) file: FileId,
    pub(super) text: &'a str,
    /// In order of place.
    pub(super) comments: &'a [Comment],
    pub(super) errors: Vec<SyntaxError>,
}

/// The children of a pair, taken in order by rule.
pub(super) struct Children<'i> {
    pairs: std::iter::Peekable<Pairs<'i, Rule>>,
}

impl<'i> Children<'i> {
    pub(super) fn new(pair: Pair<'i, Rule>) -> Self {
        Children { pairs: pair.into_inner().peekable() }
    }

    pub(super) fn next(&mut self) -> Option<Pair<'i, Rule>> {
        self.pairs.next()
    }

    pub(super) fn take(&mut self, rule: Rule) -> Option<Pair<'i, Rule>> {
        self.pairs.next_if(|pair| pair.as_rule() == rule)
    }

    /// Passes over keywords and other words that carry no meaning of their own.
    pub(super) fn skip(&mut self, rule: Rule) {
        self.take(rule);
    }
}

impl Lowerer<'_> {
    pub(super) fn span(&self, pair: &Pair<'_, Rule>) -> Span {
        let span = pair.as_span();
        Span::new(self.file, span.start(), self.significant_end(span.start(), span.end()))
    }

    /// The end without the white space and comments that an absent optional part has swallowed.
    fn significant_end(&self, start: usize, end: usize) -> usize {
        let trimmed = |end: usize| self.text.get(start..end).map_or(end, |text| start + text.trim_end().len());
        let mut end = trimmed(end);
        while let Ok(comment) = self.comments.binary_search_by_key(&end, |comment| comment.span.end as usize)
            && let Some(comment) = self.comments.get(comment)
            && comment.span.start as usize > start
        {
            end = trimmed(comment.span.start as usize);
        }
        end
    }

    pub(super) fn lower_file(&mut self, pair: Pair<'_, Rule>) -> File {
        let span = Span::new(self.file, 0, self.text.len());
        let mut file =
            File { edition: 1, edition_span: span, items: Vec::new(), comments: Vec::new(), allows: Vec::new(), span };
        for child in pair.into_inner() {
            match child.as_rule() {
                Rule::edition => self.lower_edition(child, &mut file),
                Rule::EOI => {}
                _ => file.items.extend(self.lower_item(child)),
            }
        }
        file
    }

    fn lower_edition(&mut self, pair: Pair<'_, Rule>, file: &mut File) {
        file.edition_span = self.span(&pair);
        let number = pair.into_inner().find(|child| child.as_rule() == Rule::integer);
        let found = number.map(|number| number.as_str().to_string()).unwrap_or_default();
        if found != "1" {
            self.errors.push(SyntaxError::UnknownEdition { found, span: file.edition_span });
        }
    }

    fn lower_item(&mut self, pair: Pair<'_, Rule>) -> Option<Item> {
        Some(match pair.as_rule() {
            Rule::use_item => Item::Use(self.lower_use(pair)?),
            Rule::type_item => Item::Type(self.lower_type_item(pair)?),
            Rule::function => Item::Function(self.lower_function(pair)?),
            Rule::action => Item::Action(self.lower_action(pair)?),
            Rule::playbook => Item::Playbook(self.lower_playbook(pair)?),
            _ => return None,
        })
    }

    fn lower_use(&mut self, pair: Pair<'_, Rule>) -> Option<Use> {
        let span = self.span(&pair);
        let mut children = Children::new(pair);
        children.skip(Rule::kw_use);
        let source = children.next()?;
        let source = match source.as_rule() {
            Rule::qname => UseSource::Name(self.lower_qname(source)),
            _ => UseSource::Path(self.lower_string(source)),
        };
        children.skip(Rule::kw_as);
        let alias = children.next().map(|name| self.lower_name(&name));
        Some(Use { source, alias, span })
    }

    fn lower_type_item(&mut self, pair: Pair<'_, Rule>) -> Option<TypeItem> {
        let span = self.span(&pair);
        let mut children = Children::new(pair);
        children.skip(Rule::kw_type);
        let name = self.lower_name(&children.next()?);
        let ty = self.lower_type(children.next()?)?;
        Some(TypeItem { name, ty, span })
    }

    fn lower_function(&mut self, pair: Pair<'_, Rule>) -> Option<Function> {
        let span = self.span(&pair);
        let mut children = Children::new(pair);
        children.skip(Rule::kw_function);
        let name = self.lower_name(&children.next()?);
        let script = self.lower_script(children.next()?)?;
        Some(Function { name, script, span })
    }

    pub(super) fn lower_name(&self, pair: &Pair<'_, Rule>) -> Name {
        Name { text: pair.as_str().to_string(), span: self.span(pair) }
    }

    pub(super) fn lower_qname(&self, pair: Pair<'_, Rule>) -> QualifiedName {
        let span = self.span(&pair);
        QualifiedName { parts: pair.into_inner().map(|part| self.lower_name(&part)).collect(), span }
    }

    fn lower_action(&mut self, pair: Pair<'_, Rule>) -> Option<Action> {
        let span = self.span(&pair);
        let mut children = Children::new(pair);
        children.skip(Rule::kw_action);
        let name = self.lower_qname(children.next()?);
        let params = children.next()?;
        let params_span = self.span(&params);
        let params = self.lower_params(params);
        let result = children.take(Rule::result_type).and_then(|result| self.lower_type(result.into_inner().next()?));
        let effects = children.take(Rule::effects).map(|effects| self.lower_effects(effects));
        let mut attrs = Vec::new();
        let mut impls = Vec::new();
        let mut steps = None;
        while let Some(child) = children.next() {
            match child.as_rule() {
                Rule::attr => attrs.extend(self.lower_attr(child)),
                Rule::steps_body => steps = child.into_inner().last().and_then(|block| self.lower_block(block)),
                Rule::implementation => impls.extend(self.lower_implementation(child)),
                _ => {}
            }
        }
        let body = steps.map_or(ActionBody::Impls(impls), ActionBody::Steps);
        Some(Action { name, params, params_span, result, effects, attrs, body, span })
    }

    fn lower_params(&mut self, pair: Pair<'_, Rule>) -> Vec<Param> {
        pair.into_inner().filter_map(|param| self.lower_param(param)).collect()
    }

    fn lower_param(&mut self, pair: Pair<'_, Rule>) -> Option<Param> {
        let span = self.span(&pair);
        let mut children = Children::new(pair);
        let name = self.lower_name(&children.next()?);
        let ty = self.lower_type(children.next()?)?;
        let default = children.next().and_then(|default| self.lower_expr(default));
        Some(Param { name, ty, default, span })
    }

    fn lower_effects(&mut self, pair: Pair<'_, Rule>) -> Effects {
        let span = self.span(&pair);
        Effects { names: pair.into_inner().map(|name| self.lower_name(&name)).collect(), span }
    }

    fn lower_attr(&mut self, pair: Pair<'_, Rule>) -> Option<Attr> {
        let whole = self.span(&pair);
        let mut children = Children::new(pair);
        let label = self.lower_name(&children.next()?);
        let value = self.lower_expr(children.next()?)?;
        children.skip(Rule::kw_else);
        let otherwise = children.next().map(|message| self.lower_string(message));
        let end = otherwise.as_ref().map_or(value.span, |message| message.span);
        Some(Attr { span: Span { end: end.end, ..whole }, label, value, otherwise })
    }

    fn lower_implementation(&mut self, pair: Pair<'_, Rule>) -> Option<Impl> {
        let span = self.span(&pair);
        let mut children = Children::new(pair);
        let platform = self.lower_name(&children.next()?);
        children.skip(Rule::kw_where);
        let condition = children.take(Rule::expr).and_then(|condition| self.lower_expr(condition));
        let mut phases = Vec::new();
        while let Some(phase) = children.next() {
            phases.extend(self.lower_phase(phase));
        }
        Some(Impl { platform, condition, phases, span })
    }

    fn lower_phase(&mut self, pair: Pair<'_, Rule>) -> Option<Phase> {
        let span = self.span(&pair);
        let mut children = Children::new(pair);
        let kind = match children.next()?.as_str() {
            "check" => PhaseKind::Check,
            "apply" => PhaseKind::Apply,
            "verify" => PhaseKind::Verify,
            _ => PhaseKind::Rollback,
        };
        let body = children.next()?;
        let body = match body.as_rule() {
            Rule::native => PhaseBody::Native(self.lower_string(body.into_inner().last()?)),
            _ => PhaseBody::Script(self.lower_script(body)?),
        };
        Some(Phase { kind, body, span })
    }

    fn lower_playbook(&mut self, pair: Pair<'_, Rule>) -> Option<Playbook> {
        let span = self.span(&pair);
        let mut children = Children::new(pair);
        children.skip(Rule::kw_playbook);
        let name = self.lower_name(&children.next()?);
        let params = children.next()?;
        let params_span = self.span(&params);
        let params = self.lower_params(params);
        let effects = children.take(Rule::effects).map(|effects| self.lower_effects(effects));
        let mut attrs = Vec::new();
        while let Some(attr) = children.take(Rule::attr) {
            attrs.extend(self.lower_attr(attr));
        }
        let body = children.next()?;
        let start = body.as_span().start();
        let body = self.lower_body(body, Span { start: u32::try_from(start).unwrap_or(span.start), ..span });
        Some(Playbook { name, params, params_span, effects, attrs, body, span })
    }

    pub(super) fn lower_block(&mut self, pair: Pair<'_, Rule>) -> Option<Block> {
        let span = self.span(&pair);
        Some(self.lower_body(pair.into_inner().next()?, span))
    }

    fn lower_body(&mut self, pair: Pair<'_, Rule>, span: Span) -> Block {
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

    // Types

    pub(super) fn lower_type(&mut self, pair: Pair<'_, Rule>) -> Option<Type> {
        let span = self.span(&pair);
        let mut members = Vec::new();
        let mut optional = false;
        for child in pair.into_inner() {
            match child.as_rule() {
                Rule::optional_mark => optional = true,
                _ => members.push(self.lower_type_atom(child)?),
            }
        }
        let inner_span = if optional { Span { end: span.end.saturating_sub(1), ..span } } else { span };
        let union = match members.len() {
            0 | 1 => members.pop()?,
            _ => Type { kind: TypeKind::Union(members), span: inner_span },
        };
        if optional { Some(Type { kind: TypeKind::Optional(Box::new(union)), span }) } else { Some(union) }
    }

    fn lower_type_atom(&mut self, pair: Pair<'_, Rule>) -> Option<Type> {
        let span = self.span(&pair);
        let kind = match pair.as_rule() {
            Rule::grouped_type => return self.lower_type(pair.into_inner().next()?),
            Rule::record_type => {
                TypeKind::Record(pair.into_inner().filter_map(|field| self.lower_type_field(field)).collect())
            }
            Rule::literal_int => {
                let text: String = pair.as_str().split_whitespace().collect();
                TypeKind::Int(text.replace('_', "").parse().ok().or_else(|| self.too_large(&text, span))?)
            }
            Rule::named_type => self.lower_named_type(pair)?,
            _ => TypeKind::String(self.lower_string(pair)),
        };
        Some(Type { kind, span })
    }

    fn lower_type_field(&mut self, pair: Pair<'_, Rule>) -> Option<TypeField> {
        let mut children = Children::new(pair);
        let name = self.lower_name(&children.next()?);
        Some(TypeField { name, ty: self.lower_type(children.next()?)? })
    }

    fn lower_named_type(&mut self, pair: Pair<'_, Rule>) -> Option<TypeKind> {
        let mut children = Children::new(pair);
        let name = self.lower_name(&children.next()?);
        let args = children.take(Rule::type_args);
        let args = args.into_iter().flat_map(Pair::into_inner).filter_map(|arg| self.lower_type(arg)).collect();
        let refinement =
            children.take(Rule::refinement).and_then(|inner| self.lower_refinement(inner.into_inner().next()?));
        Some(TypeKind::Name { name, args, refinement })
    }

    fn lower_refinement(&mut self, pair: Pair<'_, Rule>) -> Option<Refinement> {
        let span = self.span(&pair);
        if pair.as_rule() == Rule::regex {
            let text = pair.into_inner().next()?.as_str().replace("\\/", "/");
            return Some(Refinement::Pattern { text, span });
        }
        let mut children = Children::new(pair);
        let min = children.take(Rule::range_start).and_then(|end| self.lower_range_end(end));
        let max = children.take(Rule::range_end).and_then(|end| self.lower_range_end(end));
        Some(Refinement::Range { min, max, span })
    }

    fn lower_range_end(&mut self, pair: Pair<'_, Rule>) -> Option<Expr> {
        let span = self.span(&pair);
        let negative = pair.as_str().starts_with('-');
        let mut number = self.lower_number(pair.into_inner().next()?)?;
        if negative {
            number.kind = match number.kind {
                ExprKind::Int(value) => ExprKind::Int(-value),
                ExprKind::Float(value) => ExprKind::Float(-value),
                other => other,
            };
            number.span = span;
        }
        Some(number)
    }

    pub(super) fn too_large<T>(&mut self, text: &str, span: Span) -> Option<T> {
        self.errors.push(SyntaxError::TooLarge { text: text.to_string(), span });
        None
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
