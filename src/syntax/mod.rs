//! Floor 2: text to tree and back. `parse` keeps comments, `format` has one canonical output.
//! Knows nothing of names, types or hosts; pest stops here.

mod allows;
pub mod ast;
mod ast_expressions;
mod ast_types;
mod canonical;
pub mod changes;
pub mod errors;
mod format;
mod format_expressions;
mod grammar;
mod lower;
mod lower_expressions;
mod lower_statements;
mod lower_types;
pub mod outline;
mod parse;
mod scan;
mod strings;
pub mod walk;

use crate::base::ids::FileId;
use crate::base::source::Sources;
use crate::diag::Diagnostic;

/// The tree of a text. After an error the rest of the text is still read, so that all errors come at once; the tree
/// then holds what could be read.
pub fn parse(sources: &Sources, file: FileId) -> (Option<ast::File>, Vec<Diagnostic>) {
    parse::parse(&sources.get(file).text, file)
}

/// The canonical text of a tree. `text` is what the tree was parsed from: it says where empty lines stand.
pub fn format(file: &ast::File, text: &str) -> String {
    format::format(file, text)
}
