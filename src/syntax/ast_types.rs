//! Types as they were written, with what limits them. Knows nothing of what a name means.

use super::ast::{Expr, Name, StringLiteral};
use crate::base::source::Span;

#[derive(Clone, PartialEq, Debug)]
pub struct Type {
    pub kind: TypeKind,
    pub span: Span,
}

#[derive(Clone, PartialEq, Debug)]
pub enum TypeKind {
    /// `name<args>(refinement)`, any of the two absent.
    Name {
        name: Name,
        args: Vec<Type>,
        refinement: Option<Refinement>,
    },
    Record(Vec<TypeField>),
    String(StringLiteral),
    Int(i64),
    Union(Vec<Type>),
    Optional(Box<Type>),
}

#[derive(Clone, PartialEq, Debug)]
pub struct TypeField {
    pub name: Name,
    pub ty: Type,
}

#[derive(Clone, PartialEq, Debug)]
pub enum Refinement {
    /// `/…/`, without the slashes; `\/` is a slash.
    Pattern { text: String, span: Span },
    /// `1..65535`, `2..`, `..9`; ends are literals.
    Range { min: Option<Expr>, max: Option<Expr>, span: Span },
}
