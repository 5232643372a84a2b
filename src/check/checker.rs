//! The state of one check: definitions found, actions lowered on demand, findings. Library actions are lowered once
//! for all files.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Input;
use super::allows;
use super::errors::names::NameError;
use crate::base::ids::{ActionId, FileId, IdVec};
use crate::base::source::Span;
use crate::diag::Diagnostic;
use crate::hir::program::{Action, Playbook, Program};
use crate::hir::types::Type;
use crate::hir::world::World;
use crate::syntax::ast;

/// Which file defines a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    Library,
    Main,
}

/// Actions of library files that were lowered for an earlier file, with their findings. Holds for one library and one
/// world: whoever has other files or another inventory starts a new one.
#[derive(Default)]
pub struct Library {
    /// By file and name: two files may import different modules under one name.
    actions: BTreeMap<(FileId, String), LibraryAction>,
}

#[derive(Clone)]
struct LibraryAction {
    action: Option<Arc<Action>>,
    diagnostics: Vec<Diagnostic>,
}

pub struct Checker<'a> {
    pub input: &'a Input<'a>,
    known: &'a mut Library,
    pub types: BTreeMap<String, (&'a ast::TypeItem, Origin)>,
    /// Types already resolved, by name.
    pub resolved: BTreeMap<String, Type>,
    /// Types that are being resolved, the innermost last.
    pub resolving: Vec<String>,
    /// A library's definition sees other definitions of the library only, whatever file uses it.
    pub inside_library: bool,
    pub action_items: BTreeMap<String, (&'a ast::Action, Origin)>,
    /// Names that actions had before (`renamed_from`), and those that they have now.
    pub(super) renamed: BTreeMap<String, String>,
    /// Shell functions by the file whose bodies may use them.
    pub(super) functions: BTreeMap<FileId, Vec<&'a ast::Function>>,
    pub action_ids: BTreeMap<String, ActionId>,
    pub actions: IdVec<ActionId, Arc<Action>>,
    /// Actions being lowered now, outermost first: none may come to itself.
    pub(super) under_way: Vec<String>,
    /// Playbooks by name: the file's own, and those of its modules.
    pub(super) playbook_items: BTreeMap<String, &'a ast::Playbook>,
    pub(super) called: Vec<Arc<Playbook>>,
    pub playbooks: Vec<Playbook>,
    pub diagnostics: Vec<Diagnostic>,
}

impl<'a> Checker<'a> {
    pub fn new(input: &'a Input<'a>, known: &'a mut Library) -> Self {
        let mut checker = Checker {
            input,
            known,
            types: BTreeMap::new(),
            resolved: BTreeMap::new(),
            resolving: Vec::new(),
            inside_library: false,
            action_items: BTreeMap::new(),
            renamed: BTreeMap::new(),
            functions: BTreeMap::new(),
            action_ids: BTreeMap::new(),
            actions: IdVec::new(),
            under_way: Vec::new(),
            playbook_items: BTreeMap::new(),
            called: Vec::new(),
            playbooks: Vec::new(),
            diagnostics: Vec::new(),
        };
        input.library.iter().for_each(|file| checker.collect(file, Origin::Library));
        checker.collect(input.main, Origin::Main);
        checker
    }

    pub fn world(&self) -> &'a World {
        self.input.world
    }

    pub fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Takes down what a file defines. A clash is an error, wherever the first definition stands.
    fn collect(&mut self, file: &'a ast::File, origin: Origin) {
        for item in &file.items {
            match item {
                ast::Item::Type(item) => {
                    let first = self.types.entry(item.name.text.clone()).or_insert((item, origin)).0.name.span;
                    self.refuse_second("type", &item.name.text, first, item.name.span);
                }
                ast::Item::Action(action) => {
                    let name = action.name.text();
                    let first = self.action_items.entry(name.clone()).or_insert((action, origin)).0.name.span;
                    self.refuse_second("action", &name, first, action.name.span);
                    self.renamed.extend(former_name(action).map(|former| (former, name)));
                }
                ast::Item::Function(function) => self.collect_function(function),
                ast::Item::Use(_) => {}
                ast::Item::Playbook(playbook) => {
                    self.playbook_items.entry(playbook.name.text.clone()).or_insert(playbook);
                }
            }
        }
    }

    fn refuse_second(&mut self, what: &'static str, name: &str, first: Span, span: Span) {
        if first != span {
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
                ast::Item::Use(_) | ast::Item::Function(_) | ast::Item::Playbook(_) => {}
            }
        }
        self.check_functions();
        let mut seen: BTreeMap<String, Span> = BTreeMap::new();
        for item in &main.items {
            if let ast::Item::Playbook(playbook) = item {
                let first = *seen.entry(playbook.name.text.clone()).or_insert(playbook.name.span);
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
        let (item, origin) = *self.action_items.get(name)?;
        if let Some(first) = self.under_way.iter().position(|known| known == name) {
            let names = self.under_way.iter().skip(first).cloned().chain([name.to_string()]).collect();
            self.report(NameError::Recursion { names, span: item.name.span }.diagnostic());
            return None;
        }
        self.under_way.push(name.to_string());
        let action = match origin {
            Origin::Main => self.check_action(item).map(Arc::new),
            // Its steps name actions by this program's ids, so it cannot be shared with others.
            Origin::Library if matches!(item.body, ast::ActionBody::Steps(_)) => self.in_library(item),
            Origin::Library => self.library_action(name, item),
        };
        self.under_way.pop();
        let action = action?;
        let id = self.actions.push(action);
        self.action_ids.insert(name.to_string(), id);
        Some(id)
    }

    /// A library's action is lowered once, however many files use it; its findings are everyone's who uses it.
    fn library_action(&mut self, name: &str, item: &ast::Action) -> Option<Arc<Action>> {
        let key = (item.name.span.file, name.to_string());
        if let Some(known) = self.known.actions.get(&key) {
            self.diagnostics.extend(known.diagnostics.iter().cloned());
            return known.action.clone();
        }
        let before = self.diagnostics.len();
        let action = self.in_library(item);
        let diagnostics = self.diagnostics.get(before..).unwrap_or_default().to_vec();
        self.known.actions.insert(key, LibraryAction { action: action.clone(), diagnostics });
        action
    }

    fn in_library(&mut self, item: &ast::Action) -> Option<Arc<Action>> {
        let outside = std::mem::replace(&mut self.inside_library, true);
        let action = self.check_action(item).map(Arc::new);
        self.inside_library = outside;
        action
    }

    pub fn finish(mut self) -> (Option<Program>, Vec<Diagnostic>) {
        self.forget_repeated_findings();
        let diagnostics = allows::silence(self.input.main, self.input.library, self.diagnostics);
        let failed = diagnostics.iter().any(Diagnostic::is_error);
        let program =
            (!failed).then_some(Program { actions: self.actions, playbooks: self.playbooks, called: self.called });
        (program, diagnostics)
    }
}

fn former_name(action: &ast::Action) -> Option<String> {
    let attr = action.attrs.iter().find(|attr| attr.label.text == "renamed_from")?;
    if let ast::ExprKind::String(text) = &attr.value.kind { text.constant() } else { None }
}
