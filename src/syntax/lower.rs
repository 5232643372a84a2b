//! Pest pairs → items of the tree. What they hold is lowered in `lower_statements`, `lower_types` and
//! `lower_expressions`.
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
    pub(super) fn significant_end(&self, start: usize, end: usize) -> usize {
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

    pub(super) fn lower_attr(&mut self, pair: Pair<'_, Rule>) -> Option<Attr> {
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

    pub(super) fn too_large<T>(&mut self, text: &str, span: Span) -> Option<T> {
        self.errors.push(SyntaxError::TooLarge { text: text.to_string(), span });
        None
    }
}
