//! Which files of the library a tree needs: the actions and the types it names.

use std::collections::BTreeSet;

use crate::syntax::ast::*;
use crate::syntax::walk::walk_statements;

/// Names that a file uses and may not define itself.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Names {
    /// `service.restart`.
    pub actions: BTreeSet<String>,
    /// Type names, built-in ones among them.
    pub types: BTreeSet<String>,
}

/// Walks a whole file; cheap, since nothing is looked up.
pub fn names_used(file: &File) -> Names {
    let mut names = Names::default();
    for item in &file.items {
        match item {
            Item::Use(_) | Item::Function(_) => {}
            Item::Type(item) => names.type_names(&item.ty),
            Item::Action(action) => {
                action.params.iter().for_each(|param| names.type_names(&param.ty));
                action.result.iter().for_each(|result| names.type_names(result));
                if let ActionBody::Steps(block) = &action.body {
                    names.block(block);
                }
            }
            Item::Playbook(playbook) => {
                playbook.params.iter().for_each(|param| names.type_names(&param.ty));
                names.block(&playbook.body);
            }
        }
    }
    names
}

impl Names {
    fn type_names(&mut self, ty: &Type) {
        match &ty.kind {
            TypeKind::Name { name, args, .. } => {
                self.types.insert(name.text.clone());
                args.iter().for_each(|arg| self.type_names(arg));
            }
            TypeKind::Record(fields) => fields.iter().for_each(|field| self.type_names(&field.ty)),
            TypeKind::Union(members) => members.iter().for_each(|member| self.type_names(member)),
            TypeKind::Optional(inner) => self.type_names(inner),
            TypeKind::String(_) | TypeKind::Int(_) => {}
        }
    }

    fn block(&mut self, block: &Block) {
        walk_statements(block, &mut |statement| {
            if let StatementKind::Step(step) = &statement.kind {
                self.actions.insert(step.action.text());
            }
        });
    }
}
