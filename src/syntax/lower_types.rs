//! Pest pairs → types of the tree, with what limits them.

use pest::iterators::Pair;

use super::ast::*;
use super::grammar::Rule;
use super::lower::{Children, Lowerer};
use crate::base::source::Span;

impl Lowerer<'_> {
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
}
