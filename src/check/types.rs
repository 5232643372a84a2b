//! Written types → types: names resolved, refinements checked.

use std::cmp::Ordering;

use super::checker::{Checker, Origin};
use super::errors::names::NameError;
use super::errors::types::TypeError;
use crate::base::source::Span;
use crate::eval::evaluate::order;
use crate::eval::fits::{fits, why_no_pattern};
use crate::hir::types::{Field, Os, Refinement, SCALARS, Type};
use crate::hir::value::Value;
use crate::syntax::ast;

/// Beside the scalars.
const OTHERS: &[(&str, Type)] = &[
    ("file", Type::File),
    ("folder", Type::Folder),
    ("script", Type::Script),
    ("host", Type::Host),
    ("hosts", Type::Hosts(None)),
];

pub(super) fn built_in() -> impl Iterator<Item = &'static (&'static str, Type)> {
    SCALARS.iter().chain(OTHERS)
}

pub(super) const GENERIC: &[&str] = &["list", "map", "secret", "results"];

impl Checker<'_> {
    pub fn resolve_type(&mut self, ty: &ast::Type) -> Type {
        match &ty.kind {
            ast::TypeKind::Optional(inner) => self.resolve_type(inner).optional(),
            ast::TypeKind::Record(fields) => Type::Record(self.resolve_fields(fields)),
            ast::TypeKind::String(text) => Type::Union(vec![Value::String(text.constant().unwrap_or_default())]),
            ast::TypeKind::Int(value) => Type::Union(vec![Value::Int(*value)]),
            ast::TypeKind::Union(members) => self.resolve_union(members),
            ast::TypeKind::Name { name, args, refinement } => {
                let base = self.resolve_named(name, args, ty.span);
                match refinement {
                    Some(refinement) => self.refine(base, refinement),
                    None => base,
                }
            }
        }
    }

    fn resolve_fields(&mut self, fields: &[ast::TypeField]) -> Vec<Field> {
        let mut resolved: Vec<Field> = Vec::new();
        for field in fields {
            if resolved.iter().any(|known| known.name == field.name.text) {
                let (name, span) = (field.name.text.clone(), field.name.span);
                self.report(NameError::DuplicateDefinition { what: "field", name, first: span, span }.diagnostic());
            }
            resolved.push(Field { name: field.name.text.clone(), ty: self.resolve_type(&field.ty) });
        }
        resolved
    }

    /// A union of literals; other members make no union.
    fn resolve_union(&mut self, members: &[ast::Type]) -> Type {
        let mut literals = Vec::new();
        for member in members {
            match self.resolve_type(member) {
                Type::Union(values) => literals.extend(values),
                Type::Error => return Type::Error,
                other => {
                    let (expected, found) = ("a literal in this union".to_string(), other.to_string());
                    self.report(
                        TypeError::Mismatch { expected, found, span: member.span, definition: None }.diagnostic(),
                    );
                    return Type::Error;
                }
            }
        }
        Type::Union(literals)
    }

    fn resolve_named(&mut self, name: &ast::Name, args: &[ast::Type], span: Span) -> Type {
        let wanted = match name.text.as_str() {
            "list" | "secret" | "results" => 1,
            "map" => 2,
            "hosts" => args.len().min(1),
            _ => 0,
        };
        // A misspelt `list<…>` is no type that takes no others.
        if args.len() != wanted && self.is_type(&name.text) {
            let name = name.text.clone();
            self.report(TypeError::WrongTypeArguments { name, expected: wanted, found: args.len(), span }.diagnostic());
            return Type::Error;
        }
        let resolved =
            |checker: &mut Self, index: usize| args.get(index).map_or(Type::Error, |arg| checker.resolve_type(arg));
        match name.text.as_str() {
            "list" => Type::List(Box::new(resolved(self, 0))),
            "secret" => {
                let inner = resolved(self, 0);
                self.secret_of(inner, span)
            }
            "results" => Type::Results(Box::new(resolved(self, 0))),
            "map" => {
                let key = match resolved(self, 0) {
                    key if is_text(&key) => key,
                    other => {
                        let span = args.first().map_or(span, |arg| arg.span);
                        self.report(TypeError::NoKey { ty: other.to_string(), span }.diagnostic());
                        Type::Error
                    }
                };
                Type::Map(Box::new(key), Box::new(resolved(self, 1)))
            }
            "hosts" if wanted == 1 => self.resolve_hosts(args, span),
            _ => self.named_type(name),
        }
    }

    fn resolve_hosts(&mut self, args: &[ast::Type], span: Span) -> Type {
        let named = args.first().and_then(|arg| match &arg.kind {
            ast::TypeKind::Name { name, .. } => Some(name),
            _ => None,
        });
        if let Some(os) = named.and_then(|name| Os::parse(&name.text)) {
            return Type::Hosts(Some(os));
        }
        let name = named.map_or_else(|| "…".to_string(), |name| name.text.clone());
        let span = args.first().map_or(span, |arg| arg.span);
        let known = Os::ALL.iter().map(|os| os.name().to_string()).collect();
        self.report(NameError::UnknownType { name, known, span }.diagnostic());
        Type::Error
    }

    fn is_type(&self, name: &str) -> bool {
        GENERIC.contains(&name) || built_in().any(|(known, _)| *known == name) || self.types.contains_key(name)
    }

    pub fn named_type(&mut self, name: &ast::Name) -> Type {
        if let Some((_, ty)) = built_in().find(|(known, _)| *known == name.text) {
            return ty.clone();
        }
        if self.resolving.contains(&name.text) {
            self.report(TypeError::Recursive { name: name.text.clone(), span: name.span }.diagnostic());
            return Type::Error;
        }
        if let Some(ty) = self.resolved.get(&name.text) {
            return ty.clone();
        }
        let visible = |(_, origin): &&(&ast::TypeItem, Origin)| !self.inside_library || *origin == Origin::Library;
        let Some((item, origin)) = self.types.get(&name.text).filter(visible).copied() else {
            let built_in = built_in().map(|(known, _)| *known).chain(GENERIC.iter().copied());
            let known = built_in.map(str::to_string).chain(self.types.keys().cloned()).collect();
            self.report(NameError::UnknownType { name: name.text.clone(), known, span: name.span }.diagnostic());
            return Type::Error;
        };
        self.resolving.push(name.text.clone());
        let outside = std::mem::replace(&mut self.inside_library, origin == Origin::Library);
        let resolved = match self.resolve_type(&item.ty) {
            Type::Refined { base, refinement, .. } => Type::Refined { name: Some(name.text.clone()), base, refinement },
            other => other,
        };
        self.inside_library = outside;
        self.resolving.pop();
        self.resolved.insert(name.text.clone(), resolved.clone());
        resolved
    }

    fn refine(&mut self, base: Type, refinement: &ast::Refinement) -> Type {
        if base == Type::Error {
            return base;
        }
        match refinement {
            ast::Refinement::Pattern { text, span } => {
                if let Some(reason) = why_no_pattern(text) {
                    self.report(TypeError::BadPattern { pattern: text.clone(), reason, span: *span }.diagnostic());
                    return base;
                }
                if !matches!(base.core(), Type::String | Type::Text | Type::Path | Type::Url | Type::Error) {
                    self.report(TypeError::BadRefinement { ty: base.to_string(), span: *span }.diagnostic());
                    return base;
                }
                Type::Refined { name: None, base: Box::new(base), refinement: Refinement::Pattern(text.clone()) }
            }
            ast::Refinement::Range { min, max, span } => {
                let ranged = matches!(
                    base.core(),
                    Type::Int
                        | Type::Float
                        | Type::Duration
                        | Type::Size
                        | Type::Percent
                        | Type::List(_)
                        | Type::Hosts(_)
                        | Type::Error
                );
                if !ranged {
                    self.report(TypeError::BadRefinement { ty: base.to_string(), span: *span }.diagnostic());
                    return base;
                }
                let min = min.as_ref().and_then(literal);
                let max = max.as_ref().and_then(literal);
                if let Some(bound) = [&min, &max].into_iter().flatten().find(|bound| !bounds(bound, &base)) {
                    let (ty, bound) = (base.to_string(), bound.literal());
                    self.report(TypeError::BadBound { ty, bound, span: *span }.diagnostic());
                    return base;
                }
                if let (Some(min), Some(max)) = (&min, &max)
                    && order(min, max) == Some(Ordering::Greater)
                {
                    self.report(TypeError::EmptyRange { span: *span }.diagnostic());
                    return base;
                }
                Type::Refined { name: None, base: Box::new(base), refinement: Refinement::Range { min, max } }
            }
        }
    }
}

/// What the key of a map can be: keys are texts, in programs as in data.
fn is_text(ty: &Type) -> bool {
    match ty.unrefined() {
        Type::String | Type::Text | Type::Path | Type::Url | Type::Error => true,
        Type::Union(members) => members.iter().all(|member| matches!(member, Value::String(_))),
        _ => false,
    }
}

/// Whether a value can bound a type: sets and lists are bounded by their count.
fn bounds(bound: &Value, base: &Type) -> bool {
    match base.core() {
        Type::List(_) | Type::Hosts(_) => matches!(bound, Value::Int(count) if *count >= 0),
        core => fits(bound, core).is_ok(),
    }
}

/// A literal as a value; interpolated strings and compound forms are none.
pub fn literal(expr: &ast::Expr) -> Option<Value> {
    Some(match &expr.kind {
        ast::ExprKind::None => Value::None,
        ast::ExprKind::Bool(value) => Value::Bool(*value),
        ast::ExprKind::Int(value) => Value::Int(*value),
        ast::ExprKind::Float(value) => Value::Float(*value),
        ast::ExprKind::Duration(value) => Value::Duration(*value),
        ast::ExprKind::Size(value) => Value::Size(*value),
        ast::ExprKind::Percent(value) => Value::Percent(*value),
        ast::ExprKind::String(text) => Value::String(text.constant()?),
        ast::ExprKind::Parenthesized(inner) => return literal(inner),
        _ => return None,
    })
}

/// A whole number from `least` on, for options and attributes.
pub(super) fn whole_from(least: i64) -> Type {
    let refinement = Refinement::Range { min: Some(Value::Int(least)), max: None };
    Type::Refined { name: None, base: Box::new(Type::Int), refinement }
}

/// A duration that is not nothing.
pub(super) fn some_time() -> Type {
    let refinement = Refinement::Range { min: Some(Value::Duration(1)), max: None };
    Type::Refined { name: None, base: Box::new(Type::Duration), refinement }
}

/// Who a step runs as.
pub(super) fn user_name() -> Type {
    Type::Refined { name: None, base: Box::new(Type::String), refinement: Refinement::Pattern(".+".to_string()) }
}

/// A whole number, ends included.
pub(super) fn whole_between(least: i64, most: i64) -> Type {
    let refinement = Refinement::Range { min: Some(Value::Int(least)), max: Some(Value::Int(most)) };
    Type::Refined { name: None, base: Box::new(Type::Int), refinement }
}

/// Names, at least one.
pub(super) fn at_least_one_text() -> Type {
    let refinement = Refinement::Range { min: Some(Value::Int(1)), max: None };
    Type::Refined { name: None, base: Box::new(Type::List(Box::new(Type::String))), refinement }
}
