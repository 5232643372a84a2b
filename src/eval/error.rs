//! Every way an expression can fail to have a value, with its prose.

use std::fmt;

use crate::base::source::Span;
use crate::base::words;
use crate::hir::folder::FolderFault;

#[derive(Clone, PartialEq, Debug)]
pub enum EvalError {
    /// An absent value where a text needs one.
    AbsentInText {
        span: Span,
    },
    /// `only(h)` of none or several.
    NotOneHost {
        found: usize,
        span: Span,
    },
    /// `first(h)` of none.
    NoFirst {
        span: Span,
    },
    UnknownHost {
        name: String,
        span: Span,
    },
    UnknownGroup {
        name: String,
        span: Span,
    },
    NoSuchFile {
        path: String,
        span: Span,
    },
    BadFolder {
        path: String,
        fault: FolderFault,
        span: Span,
    },
    Overflow {
        span: Span,
    },
    DivisionByZero {
        span: Span,
    },
    OutOfRange {
        index: i64,
        length: usize,
        span: Span,
    },
    NotConvertible {
        text: String,
        to: &'static str,
        span: Span,
    },
    /// The regular expression of `matches` or `replace` is not one.
    BadPattern {
        pattern: String,
        reason: String,
        span: Span,
    },
    /// What the checker refuses, of a value whose type it could not know.
    Mistyped {
        expected: &'static str,
        span: Span,
    },
}

impl EvalError {
    pub fn span(&self) -> Span {
        match self {
            EvalError::AbsentInText { span }
            | EvalError::NotOneHost { span, .. }
            | EvalError::NoFirst { span }
            | EvalError::UnknownHost { span, .. }
            | EvalError::UnknownGroup { span, .. }
            | EvalError::NoSuchFile { span, .. }
            | EvalError::BadFolder { span, .. }
            | EvalError::Overflow { span }
            | EvalError::DivisionByZero { span }
            | EvalError::OutOfRange { span, .. }
            | EvalError::NotConvertible { span, .. }
            | EvalError::BadPattern { span, .. }
            | EvalError::Mistyped { span, .. } => *span,
        }
    }
}

impl fmt::Display for EvalError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EvalError::AbsentInText { .. } => {
                formatter.write_str("a value in this text is absent; give it a default with `??`")
            }
            EvalError::NotOneHost { found, .. } => {
                write!(formatter, "expected exactly one host, found {}", words::count(*found, "host"))
            }
            EvalError::NoFirst { .. } => formatter.write_str("expected at least one host, found none"),
            EvalError::UnknownHost { name, .. } => write!(formatter, "there is no host `{name}` in the inventory"),
            EvalError::UnknownGroup { name, .. } => write!(formatter, "there is no group `{name}` in the inventory"),
            EvalError::NoSuchFile { path, .. } => write!(formatter, "there is no file `{path}` in the project"),
            EvalError::BadFolder { path, fault, .. } => write!(formatter, "the folder `{path}`: {fault}"),
            EvalError::Overflow { .. } => formatter.write_str("this number is too large"),
            EvalError::DivisionByZero { .. } => formatter.write_str("this divides by zero"),
            EvalError::OutOfRange { index, length, .. } => {
                write!(formatter, "index {index} is outside a list of {}", words::count(*length, "item"))
            }
            EvalError::NotConvertible { text, to, .. } => write!(formatter, "`{text}` cannot be read as {to}"),
            EvalError::BadPattern { pattern, reason, .. } => {
                write!(formatter, "`{pattern}` is not a regular expression: {reason}")
            }
            EvalError::Mistyped { expected, .. } => {
                write!(formatter, "expected {expected} here, and the value is something else")
            }
        }
    }
}

impl std::error::Error for EvalError {}
