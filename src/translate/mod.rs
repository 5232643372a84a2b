//! Floor 10: plain language → `.ops` text, offline. A chart over the actions' `says:` templates and a small control
//! grammar. Knows no hosts and runs nothing: the compiler judges its text like any user's.
//! What is not understood is a question, never a guess.

pub mod chart;
pub mod clauses;
pub mod program;
pub mod templates;
pub mod tokens;
pub mod values;

use crate::hir::program::Action;
use crate::hir::world::Inventory;

/// One thing that must be known and is not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Question {
    /// `missing`, `unknown_word`, `unknown_name`, `tie`, `hosts`.
    pub kind: &'static str,
    /// The words that raised it.
    pub got: String,
    pub options: Vec<String>,
    pub ask: String,
}

/// A stretch of the request and what it became.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClauseReading {
    pub text: String,
    /// Byte offsets in the request.
    pub start: usize,
    pub end: usize,
    pub node: String,
}

/// The source (not yet formatted or checked) or questions, and how the request was read.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Compiled {
    pub source: Option<String>,
    pub clauses: Vec<ClauseReading>,
    pub assumptions: Vec<String>,
    pub questions: Vec<Question>,
}

/// Compiles a request with the actions there are and the names of an inventory.
pub fn compile_offline(request: &str, actions: &[&Action], inventory: &Inventory) -> Compiled {
    let tokens = tokens::tokenize(request);
    let readings = chart::cover(&tokens, actions, inventory);
    program::write(request, &tokens, readings, actions, inventory)
}
