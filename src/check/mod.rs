//! Floor 4: names, types, effects and platforms. Trees + world → typed program, or every reason why not.
//! Knows nothing of files on disk, of plans or of sessions.

pub mod access;
pub mod actions;
pub mod allows;
pub mod approvals;
pub mod assign;
pub mod blocks;
pub mod callees;
pub mod calls;
pub mod checker;
pub mod composites;
pub mod context;
pub mod errors;
pub mod expressions;
pub mod functions;
pub mod lint;
pub mod lint_bodies;
mod lint_code;
mod lint_dangers;
mod lint_powershell;
mod lint_powershell_variables;
mod lint_powershell_writes;
mod lint_variables;
mod lint_words;
mod lint_writes;
pub mod loops;
pub mod members;
pub mod modules;
pub mod names;
pub mod operators;
pub mod parallel;
pub mod places;
pub mod playbooks;
pub mod powershell_words;
pub mod schedules;
pub mod scripts;
pub mod secrecy;
pub mod shell_commands;
mod shell_functions;
mod shell_keywords;
mod shell_redirections;
pub mod shell_tree;
pub mod shell_words;
pub mod statements;
pub mod steps;
pub mod types;
mod unnamed;
pub mod vocabulary;

pub use checker::Library;
pub use names::{Names, names_used};

use std::collections::BTreeMap;

use crate::diag::Diagnostic;
use crate::hir::program::Program;
use crate::hir::world::World;
use crate::syntax::ast;

/// Files of secrets by name, with the names in them.
pub type SecretFiles = BTreeMap<String, Result<Vec<String>, String>>;

/// What a check looks at: one file, the library files it names, and the world.
pub struct Input<'a> {
    pub main: &'a ast::File,
    /// Nouns of the standard library and `actions/*.ops`, as far as the main file names them.
    pub library: &'a [&'a ast::File],
    pub world: &'a World,
    /// Names that `secret("command:NAME")` may have.
    pub secret_commands: &'a [String],
    /// Files that `secret("age:FILE/NAME")` may name, with their secrets; absent where a file cannot be read.
    pub secret_files: &'a SecretFiles,
    /// Names that approvals may ask for; where there are none, any name may stand there.
    pub approvers: &'a [String],
    /// Aliases of modules that could not be read: what they may define is not missing here.
    pub unread: &'a [String],
}

/// The typed program of the main file with every action it uses, and all findings in it. No program where there are errors.
/// `known` holds what earlier files used of the same library.
pub fn check(input: &Input<'_>, known: &mut Library) -> (Option<Program>, Vec<Diagnostic>) {
    let mut checker = checker::Checker::new(input, known);
    checker.check_main();
    checker.finish()
}

/// Every action of the library files, for listings and translation.
pub fn check_catalogue(input: &Input<'_>, known: &mut Library) -> (Program, Vec<Diagnostic>) {
    let mut checker = checker::Checker::new(input, known);
    checker.check_library();
    let (program, diagnostics) = checker.finish();
    (program.unwrap_or_default(), diagnostics)
}
