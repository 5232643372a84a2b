//! The state of one check: definitions found, actions lowered on demand, findings.

use std::collections::BTreeMap;

use super::Input;
use super::errors::names::NameError;
use crate::base::ids::{ActionId, IdVec};
use crate::base::source::Span;
use crate::diag::Diagnostic;
use crate::hir::program::{Action, Playbook, Program};
use crate::hir::types::Type;
use crate::hir::world::World;
use crate::syntax::ast;

pub struct Checker<'a> {
    pub input: &'a Input<'a>,
    pub types: BTreeMap<String, &'a ast::TypeItem>,
    /// Types already resolved, by name.
    pub resolved: BTreeMap<String, Type>,
    pub action_items: BTreeMap<String, &'a ast::Action>,
    pub action_ids: BTreeMap<String, ActionId>,
    pub actions: IdVec<ActionId, Action>,
    pub playbooks: Vec<Playbook>,
    pub diagnostics: Vec<Diagnostic>,
}

impl<'a> Checker<'a> {
    pub fn new(input: &'a Input<'a>) -> Self {
        let mut checker = Checker {
            input,
            types: BTreeMap::new(),
            resolved: BTreeMap::new(),
            action_items: BTreeMap::new(),
            action_ids: BTreeMap::new(),
            actions: IdVec::new(),
            playbooks: Vec::new(),
            diagnostics: Vec::new(),
        };
        for file in input.library.iter().copied().chain([input.main]) {
            checker.collect(file);
        }
        checker
    }

    pub fn world(&self) -> &'a World {
        self.input.world
    }

    pub fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Takes down what a file defines. A clash is an error, wherever the first definition stands.
    fn collect(&mut self, file: &'a ast::File) {
        for item in &file.items {
            match item {
                ast::Item::Type(item) => {
                    let first = self.types.insert(item.name.text.clone(), item).map(|first| first.name.span);
                    self.refuse_second("type", &item.name.text, first, item.name.span);
                }
                ast::Item::Action(action) => {
                    let name = action.name.text();
                    let first = self.action_items.insert(name.clone(), action).map(|first| first.name.span);
                    self.refuse_second("action", &name, first, action.name.span);
                }
                ast::Item::Use(item) => {
                    self.report(NameError::NotPlanned { form: "use", span: item.span }.diagnostic())
                }
                ast::Item::Playbook(_) => {}
            }
        }
    }

    fn refuse_second(&mut self, what: &'static str, name: &str, first: Option<Span>, span: Span) {
        if let Some(first) = first {
            self.report(NameError::DuplicateDefinition { what, name: name.to_string(), first, span }.diagnostic());
        }
    }

    /// Checks the main file: its actions whether used or not, then its playbooks.
    pub fn check_main(&mut self) {
        let main = self.input.main;
        for item in &main.items {
            match item {
                ast::Item::Type(item) => {
                    self.named_type(&item.name);
                }
                ast::Item::Action(action) => {
                    self.action_named(&action.name.text());
                }
                ast::Item::Use(_) | ast::Item::Playbook(_) => {}
            }
        }
        let mut seen: BTreeMap<String, Span> = BTreeMap::new();
        for item in &main.items {
            if let ast::Item::Playbook(playbook) = item {
                let first = seen.insert(playbook.name.text.clone(), playbook.name.span);
                self.refuse_second("playbook", &playbook.name.text, first, playbook.name.span);
                self.check_playbook(playbook);
            }
        }
    }

    /// Lowers every action of the library.
    pub fn check_library(&mut self) {
        let names: Vec<String> = self.action_items.keys().cloned().collect();
        for name in names {
            self.action_named(&name);
        }
    }

    /// The action of a name, lowered at its first use.
    pub fn action_named(&mut self, name: &str) -> Option<ActionId> {
        if let Some(id) = self.action_ids.get(name) {
            return Some(*id);
        }
        let item = *self.action_items.get(name)?;
        let action = self.check_action(item)?;
        let id = self.actions.push(action);
        self.action_ids.insert(name.to_string(), id);
        Some(id)
    }

    pub fn finish(self) -> (Option<Program>, Vec<Diagnostic>) {
        let failed = self.diagnostics.iter().any(Diagnostic::is_error);
        let program = (!failed).then_some(Program { actions: self.actions, playbooks: self.playbooks });
        (program, self.diagnostics)
    }
}
