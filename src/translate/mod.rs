//! Floor 10: plain language → a checked `.ops` text, or questions. Offline by a chart over the actions' `says:`
//! templates and a small control grammar; with a model where one is configured and the chart has questions. Runs
//! nothing and asks no host: the compiler judges every text like any user's. What is not understood is a question,
//! never a guess.

pub mod answer;
pub mod approvals;
pub mod asking;
pub mod chart;
pub mod clauses;
pub mod conditions;
pub mod conversation;
pub mod endpoint;
pub mod header;
pub mod intent;
pub mod lexicon;
pub mod partial;
pub mod phrasebook;
pub mod program;
pub mod prompt;
pub mod request;
pub mod retrieve;
pub mod settle;
pub mod targets;
pub mod templates;
pub mod tokens;
pub mod values;

use std::path::Path;

use crate::app::workspace::Workspace;
use crate::diag::Diagnostic;
use crate::hir::program::Action;

use endpoint::{Endpoint, ModelError};

/// One thing that must be known and is not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Question {
    /// `missing`, `unknown_word`, `unknown_name`, `tie`, `hosts`, `polarity`, `model`.
    pub kind: &'static str,
    /// The words that raised it.
    pub got: String,
    pub options: Vec<String>,
    pub ask: String,
}

/// A stretch of the request and what it became.
#[derive(Clone, PartialEq, Debug)]
pub struct ClauseReading {
    pub text: String,
    /// Byte offsets in the request.
    pub start: usize,
    pub end: usize,
    pub node: String,
    /// 1 where every word is as written, less with typos, 0 where nothing was understood.
    pub confidence: f64,
}

/// What the chart made of a request: a source that is neither formatted nor checked, or questions.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Draft {
    pub source: Option<String>,
    pub clauses: Vec<ClauseReading>,
    pub questions: Vec<Question>,
}

/// A canonical, checked source or questions, and how the request was read.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Compiled {
    /// `offline`, or the model's name.
    pub translator: String,
    /// Absent where there are questions or errors.
    pub source: Option<String>,
    pub clauses: Vec<ClauseReading>,
    pub assumptions: Vec<String>,
    /// Words of the request that the program does not represent.
    pub uncovered: Vec<String>,
    pub questions: Vec<Question>,
    pub diagnostics: Vec<Diagnostic>,
    /// From 0 to 1; absent without a program.
    pub confidence: Option<f64>,
    /// How often a model was asked.
    pub rounds: usize,
    /// Why a model that is configured could not help.
    pub model_error: Option<ModelError>,
}

/// Who translates.
pub enum Translator<'a> {
    Offline,
    /// Only where the offline translator has questions.
    ModelIfNeeded(&'a Endpoint),
    Model(&'a Endpoint),
}

/// What is to be translated.
pub struct Request<'a> {
    pub text: &'a str,
    /// Where the program would stand; files that it names are looked for beside it.
    pub path: &'a Path,
    /// Asks of earlier questions, with what was said to them.
    pub answers: &'a [(String, String)],
}

/// Translates a request with the actions of a catalogue.
pub fn compile(
    request: &Request<'_>,
    actions: &[&Action],
    workspace: &mut Workspace,
    translator: &Translator<'_>,
) -> Compiled {
    let inventory = workspace.inventory();
    conversation::Task { request, actions, inventory: &inventory, workspace }.translate(translator)
}
