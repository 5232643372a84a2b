//! Expressions and strings as they were written, and arguments. Knows nothing of what a name means.

use super::ast::{Name, Script};
use crate::base::source::Span;

#[derive(Clone, PartialEq, Debug)]
pub struct Named {
    pub label: Name,
    pub value: Expr,
    pub span: Span,
}

#[derive(Clone, PartialEq, Debug)]
pub enum Arg {
    Positional(Expr),
    Named(Named),
}

impl Arg {
    pub fn span(&self) -> Span {
        match self {
            Arg::Positional(expr) => expr.span,
            Arg::Named(named) => named.span,
        }
    }
}

#[derive(Clone, PartialEq, Debug)]
pub struct Expr {
    pub kind: ExprKind,
    pub span: Span,
}

#[derive(Clone, PartialEq, Debug)]
pub enum ExprKind {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    /// Milliseconds.
    Duration(u64),
    /// Bytes.
    Size(u64),
    Percent(f64),
    String(StringLiteral),
    Script(Script),
    /// `/…/` cannot occur in expressions; a regex is a raw string.
    Name(Name),
    List(Vec<Expr>),
    Map(Vec<MapEntry>),
    Call {
        function: Name,
        args: Vec<Arg>,
    },
    /// `h.contains(host)`.
    MethodCall {
        base: Box<Expr>,
        method: Name,
        args: Vec<Arg>,
    },
    Field {
        base: Box<Expr>,
        field: Name,
    },
    Index {
        base: Box<Expr>,
        index: Box<Expr>,
    },
    Unary {
        operator: UnaryOperator,
        operand: Box<Expr>,
    },
    Binary {
        operator: BinaryOperator,
        operator_span: Span,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    Where {
        hosts: Box<Expr>,
        condition: Box<Expr>,
    },
    /// Kept so that the formatter keeps what a reader grouped.
    Parenthesized(Box<Expr>),
}

#[derive(Clone, PartialEq, Debug)]
pub struct MapEntry {
    pub key: MapKey,
    pub value: Expr,
}

#[derive(Clone, PartialEq, Debug)]
pub enum MapKey {
    Label(Name),
    String(StringLiteral),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UnaryOperator {
    Not,
    Negate,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BinaryOperator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    In,
    /// `??`
    Default,
    Add,
    Subtract,
    /// `&`
    Intersect,
    Multiply,
    Divide,
}

impl BinaryOperator {
    pub fn symbol(self) -> &'static str {
        match self {
            BinaryOperator::Or => "or",
            BinaryOperator::And => "and",
            BinaryOperator::Equal => "==",
            BinaryOperator::NotEqual => "!=",
            BinaryOperator::Less => "<",
            BinaryOperator::LessEqual => "<=",
            BinaryOperator::Greater => ">",
            BinaryOperator::GreaterEqual => ">=",
            BinaryOperator::In => "in",
            BinaryOperator::Default => "??",
            BinaryOperator::Add => "+",
            BinaryOperator::Subtract => "-",
            BinaryOperator::Intersect => "&",
            BinaryOperator::Multiply => "*",
            BinaryOperator::Divide => "/",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StringStyle {
    /// `'…'`
    Raw,
    /// `"…"`
    Quoted,
    /// `"""…"""`
    Block,
}

/// A string, unescaped, in pieces: text and `{path}` holes. `Raw` strings have at most one text piece.
#[derive(Clone, PartialEq, Debug)]
pub struct StringLiteral {
    pub style: StringStyle,
    pub pieces: Vec<StringPiece>,
    pub span: Span,
}

impl StringLiteral {
    /// The text, where there is no hole.
    pub fn constant(&self) -> Option<String> {
        self.pieces
            .iter()
            .map(|piece| match piece {
                StringPiece::Text(text) => Some(text.as_str()),
                StringPiece::Hole(_) => None,
            })
            .collect()
    }
}

#[derive(Clone, PartialEq, Debug)]
pub enum StringPiece {
    Text(String),
    /// `{host.name}`, `{x[host].field}`: only names, fields and indices occur here.
    Hole(Expr),
}
