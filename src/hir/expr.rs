//! Typed expressions. Every name is resolved, every function chosen; nothing is looked up later but values.

use super::types::Type;
use super::value::Value;
use crate::base::ids::BindingId;
use crate::base::source::Span;

#[derive(Clone, PartialEq, Debug)]
pub struct Expr {
    pub kind: ExprKind,
    pub ty: Type,
    pub span: Span,
}

impl Expr {
    /// Two expressions of one type under an operator that keeps it.
    pub fn binary(operator: Operator, left: Expr, right: Expr) -> Expr {
        let (ty, span) = (left.ty.clone(), left.span);
        Expr { kind: ExprKind::Binary { operator, left: Box::new(left), right: Box::new(right) }, ty, span }
    }

    pub fn negated(self) -> Expr {
        let (ty, span) = (self.ty.clone(), self.span);
        Expr { kind: ExprKind::Not(Box::new(self)), ty, span }
    }
}

#[derive(Clone, PartialEq, Debug)]
pub enum ExprKind {
    Literal(Value),
    /// Pieces of text and expressions, joined.
    Interpolated(Vec<Expr>),
    /// A parameter, `let`, step result or block result.
    Binding(BindingId),
    /// `host`: the current host, or inside `where` the candidate.
    CurrentHost,
    /// `it` in attributes and aggregates.
    It,
    /// `before` and `after` in action attributes.
    Before,
    After,
    /// `facts` in `linux where …`.
    Facts,
    /// `batch` in `after batch`.
    CurrentBatch,
    Field(Box<Expr>, String),
    /// `results[host]`; absent where that host has none.
    ResultAt {
        results: Box<Expr>,
        host: Box<Expr>,
    },
    Index {
        base: Box<Expr>,
        index: Box<Expr>,
    },
    List(Vec<Expr>),
    Record(Vec<(String, Expr)>),
    Not(Box<Expr>),
    Negate(Box<Expr>),
    Binary {
        operator: Operator,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    Where {
        hosts: Box<Expr>,
        condition: Box<Expr>,
    },
    Call {
        function: Function,
        args: Vec<Expr>,
    },
    /// What a composite action gives: nothing where none of its steps ran.
    WhenPresent {
        any: Vec<Expr>,
        value: Box<Expr>,
    },
    /// `any count map filter …` over a list or results, with `it` in the body.
    Aggregate {
        aggregate: Aggregate,
        source: Box<Expr>,
        body: Option<Box<Expr>>,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    In,
    Default,
    Add,
    Subtract,
    Multiply,
    Divide,
    /// Host sets: `+`, `-`, `&`.
    HostsUnion,
    HostsMinus,
    HostsIntersect,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Aggregate {
    Any,
    All,
    Count,
    Map,
    Filter,
    Sort,
    Min,
    Max,
    Sum,
    Join,
}

/// The functions of the expression language; `check::functions` has their names and signatures.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Function {
    /// `group(name)`, args: a string
    Group,
    /// `tag(key)` or `tag(key, value)`
    Tag,
    /// `host(name)`
    Host,
    /// `all()`
    All,
    First,
    Only,
    /// `last(hosts)`
    Last,
    /// `version_compare(left, right)`: -1, 0 or 1
    VersionCompare,
    /// `in_network(address, network)`
    InNetwork,
    Contains,
    /// `file(path)`, args: a string
    File,
    /// `folder(path)`, args: a string
    Folder,
    /// `secret(reference)`
    Secret,
    /// `declassify(secret, because: reason)`: the text itself, from here on as plain as any.
    Declassify,
    /// `load(path)`
    Load,
    Int,
    Float,
    Bool,
    Lines,
    Length,
    Lower,
    Upper,
    Trim,
    Split,
    Replace,
    Matches,
    Join,
    Unique,
    Sort,
    Flatten,
    ToJson,
    FromJson,
    ToYaml,
    FromYaml,
    Basename,
    Dirname,
    Base64,
    Sha256,
    Min,
    Max,
    Sum,
    /// `string(x)`, of numbers, bools and durations
    ToString,
}
