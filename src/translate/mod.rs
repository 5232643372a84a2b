//! Floor 10: plain language → a checked `.ops` text, or questions. Offline by a chart over the actions' `says:`
//! templates and a small control grammar; with a model where one is configured and the chart has questions. Runs
//! nothing and asks no host: the compiler judges every text like any user's. What is not understood is a question,
//! never a guess.

pub mod answer;
pub mod chart;
pub mod clauses;
pub mod conversation;
pub mod endpoint;
pub mod header;
pub mod intent;
pub mod program;
pub mod prompt;
pub mod retrieve;
pub mod templates;
pub mod tokens;
pub mod values;

use std::path::Path;

use crate::app::workspace::Workspace;
use crate::diag::Diagnostic;
use crate::hir::program::Action;
use crate::hir::world::Inventory;

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

/// Translates a request with the actions of a catalogue. `path` is where the text would stand.
pub fn compile(
    request: &str,
    path: &Path,
    actions: &[&Action],
    workspace: &mut Workspace,
    translator: &Translator<'_>,
) -> Compiled {
    let inventory = workspace.inventory();
    let mut task = conversation::Task { request, path, actions, inventory: &inventory, workspace };
    match translator {
        Translator::Offline => task.offline(),
        Translator::Model(endpoint) => task.with_model(endpoint),
        Translator::ModelIfNeeded(endpoint) => {
            let offline = task.offline();
            if offline.questions.is_empty() {
                return offline;
            }
            let answered = task.with_model(endpoint);
            match answered.model_error {
                // Without the model's help the offline questions still stand.
                Some(error) => Compiled { model_error: Some(error), rounds: answered.rounds, ..offline },
                None => answered,
            }
        }
    }
}

/// Reads a request with the actions there are and the names of an inventory.
pub fn draft(request: &str, actions: &[&Action], inventory: &Inventory) -> Draft {
    let tokens = tokens::tokenize(request);
    let readings = chart::cover(&tokens, actions, inventory);
    program::write(request, &tokens, readings, actions, inventory)
}
