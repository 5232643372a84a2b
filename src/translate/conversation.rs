//! From a request to a checked program: draft, judge, repair. What a model writes is a text like any other; what the
//! compiler refuses goes back to it with the findings, twice at most.

use super::answer::{Answer, read_answer};
use super::endpoint::{Endpoint, ModelError};
use super::header::with_header;
use super::intent::{Intent, Reader};
use super::phrasebook::Phrasebook;
use super::program::{Known, draft};
use super::prompt::{first_messages, repair_messages};
use super::tokens::tokenize;
use super::{Compiled, Question, Request, Translator};
use crate::app::workspace::{Checked, Workspace};
use crate::diag::{Edit, fixes};
use crate::hir::program::Action;
use crate::hir::world::Inventory;
use crate::syntax;

/// The first answer and two repairs: later rounds mend little.
const MOST_ROUNDS: usize = 3;

pub struct Task<'a> {
    pub request: &'a Request<'a>,
    pub actions: &'a [&'a Action],
    pub inventory: &'a Inventory,
    pub workspace: &'a mut Workspace,
}

impl Task<'_> {
    pub fn translate(&mut self, translator: &Translator<'_>) -> Compiled {
        match translator {
            Translator::Offline => self.offline(),
            Translator::Model(endpoint) => self.with_model(endpoint),
            Translator::ModelIfNeeded(endpoint) => {
                let offline = self.offline();
                if offline.questions.is_empty() {
                    return offline;
                }
                let answered = self.with_model(endpoint);
                match answered.model_error {
                    // Without the model's help the offline questions still stand.
                    Some(error) => Compiled { model_error: Some(error), rounds: answered.rounds, ..offline },
                    None => answered,
                }
            }
        }
    }

    fn offline(&mut self) -> Compiled {
        let book = Phrasebook::new(self.actions);
        let approvers: Vec<String> = self.workspace.settings.approvers().names().cloned().collect();
        let known = Known { inventory: self.inventory, approvers: &approvers, answers: self.request.answers };
        let draft = draft(self.request.text, &book, &known);
        let least = draft.clauses.iter().map(|clause| clause.confidence).fold(1.0, f64::min);
        let compiled = Compiled {
            translator: "offline".to_string(),
            clauses: draft.clauses,
            questions: draft.questions,
            ..Compiled::default()
        };
        let Some(source) = draft.source else { return compiled };
        let checked = self.workspace.check_text(self.request.path, source);
        self.finish(compiled, checked, "offline", least)
    }

    fn with_model(&mut self, endpoint: &Endpoint) -> Compiled {
        let mut compiled = Compiled { translator: endpoint.model.clone(), ..Compiled::default() };
        let mut messages = first_messages(self.request.text, self.actions, self.inventory);
        loop {
            compiled.rounds += 1;
            let said = match endpoint.complete(&messages) {
                Ok(said) => said,
                Err(error) => return Compiled { model_error: Some(error), ..compiled },
            };
            let text = match read_answer(&said) {
                Answer::Program(text) => text,
                Answer::Questions(asks) => {
                    compiled.questions = asks.into_iter().map(model_question).collect();
                    return compiled;
                }
            };
            let checked = self.check_mended(text.clone());
            if !checked.has_errors() && checked.program.as_ref().is_some_and(|program| !program.playbooks.is_empty()) {
                let how =
                    format!("by {} at {} in {}", endpoint.model, endpoint.shown_url(), rounds_text(compiled.rounds));
                return self.finish(compiled, checked, &how, 1.0);
            }
            if compiled.rounds == MOST_ROUNDS {
                let error = ModelError::Refused { rounds: compiled.rounds };
                return Compiled { diagnostics: checked.diagnostics, model_error: Some(error), ..compiled };
            }
            messages.truncate(2);
            messages.extend(repair_messages(&text, &checked.diagnostics, &self.workspace.sources));
        }
    }

    /// Checks a text after the fixes that its own diagnostics offer: what a machine can mend needs no round.
    fn check_mended(&mut self, text: String) -> Checked {
        let checked = self.workspace.check_text(self.request.path, text);
        let offered = checked.diagnostics.iter().filter(|each| each.is_error()).filter_map(|each| each.fix.as_ref());
        let edits: Vec<Edit> =
            offered.flat_map(|fix| fix.edits.clone()).filter(|edit| edit.span.file == checked.file).collect();
        if edits.is_empty() {
            return checked;
        }
        let mended = fixes::apply(&self.workspace.sources.get(checked.file).text, edits);
        self.workspace.check_text(self.request.path, mended)
    }

    /// Intent checks, canonical form and header of a text that was checked.
    fn finish(&mut self, compiled: Compiled, checked: Checked, how: &str, confidence: f64) -> Compiled {
        let (Some(program), Some(tree)) = (&checked.program, &checked.tree) else {
            return Compiled { diagnostics: checked.diagnostics, ..compiled };
        };
        let canonical = syntax::format(tree, &self.workspace.sources.get(checked.file).text);
        let tokens = tokenize(self.request.text);
        let reader = Reader {
            request: self.request.text,
            tokens: &tokens,
            program,
            inventory: self.inventory,
            source: &canonical,
        };
        let Intent { assumptions, uncovered, questions, coverage } = reader.judge();
        let source = with_header(&canonical, self.request.text, how, &assumptions);
        let asked = [compiled.questions.clone(), questions].concat();
        Compiled {
            source: asked.is_empty().then_some(source),
            assumptions,
            uncovered,
            questions: asked,
            diagnostics: checked.diagnostics,
            confidence: Some((confidence * coverage * 100.0).round() / 100.0),
            ..compiled
        }
    }
}

fn model_question(ask: String) -> Question {
    Question { kind: "model", got: String::new(), options: Vec::new(), ask }
}

fn rounds_text(rounds: usize) -> String {
    crate::base::words::count(rounds, "round")
}
