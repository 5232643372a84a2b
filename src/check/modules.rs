//! An imported file as part of the library: its names stand behind the alias it was imported as. Knows no files.

use std::collections::BTreeSet;

use crate::base::source::Span;
use crate::syntax::ast::*;

/// The module with its actions, types and playbooks called `alias.name`, inside it as well. `uses` are the names under
/// which it imports modules itself.
pub fn qualified(file: &File, alias: &str, uses: &[String]) -> File {
    let own = Own {
        alias,
        uses,
        actions: names(file, |item| match item {
            Item::Action(action) => Some(action.name.text()),
            Item::Playbook(playbook) => Some(playbook.name.text.clone()),
            _ => None,
        }),
        types: names(file, |item| if let Item::Type(item) = item { Some(item.name.text.clone()) } else { None }),
    };
    let mut qualified = file.clone();
    qualified.items.retain(|item| !matches!(item, Item::Use(_)));
    qualified.items.iter_mut().for_each(|item| own.item(item));
    qualified
}

fn names(file: &File, name: impl Fn(&Item) -> Option<String>) -> BTreeSet<String> {
    file.items.iter().filter_map(name).collect()
}

/// What a module defines, and what it is called outside.
struct Own<'a> {
    alias: &'a str,
    uses: &'a [String],
    actions: BTreeSet<String>,
    types: BTreeSet<String>,
}

impl Own<'_> {
    fn item(&self, item: &mut Item) {
        match item {
            Item::Use(_) | Item::Function(_) => {}
            Item::Type(item) => {
                self.type_name(&mut item.name);
                self.ty(&mut item.ty);
            }
            Item::Action(action) => {
                self.action(&mut action.name);
                action.params.iter_mut().for_each(|param| self.ty(&mut param.ty));
                action.result.iter_mut().for_each(|result| self.ty(result));
                if let ActionBody::Steps(block) = &mut action.body {
                    self.block(block);
                }
            }
            Item::Playbook(playbook) => {
                playbook.name.text = format!("{}.{}", self.alias, playbook.name.text);
                playbook.params.iter_mut().for_each(|param| self.ty(&mut param.ty));
                self.block(&mut playbook.body);
            }
        }
    }

    /// A name that the module defines, or that it imports itself.
    fn action(&self, name: &mut QualifiedName) {
        let imported = name.parts.first().is_some_and(|first| self.uses.contains(&first.text));
        if imported || self.actions.contains(&name.text()) {
            let span = Span { end: name.span.start, ..name.span };
            name.parts.insert(0, Name { text: self.alias.to_string(), span });
        }
    }

    fn type_name(&self, name: &mut Name) {
        if self.types.contains(&name.text) {
            name.text = format!("{}.{}", self.alias, name.text);
        }
    }

    fn ty(&self, ty: &mut Type) {
        match &mut ty.kind {
            TypeKind::Name { name, args, .. } => {
                self.type_name(name);
                args.iter_mut().for_each(|arg| self.ty(arg));
            }
            TypeKind::Record(fields) => fields.iter_mut().for_each(|field| self.ty(&mut field.ty)),
            TypeKind::Union(members) => members.iter_mut().for_each(|member| self.ty(member)),
            TypeKind::Optional(inner) => self.ty(inner),
            TypeKind::String(_) | TypeKind::Int(_) => {}
        }
    }

    fn block(&self, block: &mut Block) {
        block.statements.iter_mut().for_each(|statement| self.statement(statement));
        block.clauses.iter_mut().for_each(|clause| self.block(&mut clause.body));
    }

    fn statement(&self, statement: &mut Statement) {
        match &mut statement.kind {
            StatementKind::Step(step) => self.action(&mut step.action),
            StatementKind::On { body, .. }
            | StatementKind::At { body, .. }
            | StatementKind::Repeat { body, .. }
            | StatementKind::For { body, .. }
            | StatementKind::Parallel { body } => self.block(body),
            StatementKind::If { then, otherwise, .. } => {
                self.block(then);
                match otherwise {
                    Some(Else::Block(block)) => self.block(block),
                    Some(Else::If(statement)) => self.statement(statement),
                    None => {}
                }
            }
            StatementKind::Let { .. }
            | StatementKind::Require { .. }
            | StatementKind::SkipIf { .. }
            | StatementKind::Rollback { .. } => {}
        }
    }
}
