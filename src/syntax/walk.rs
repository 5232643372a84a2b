//! One way through all statements of a block. Knows nothing of what they mean.

use super::ast::*;

/// Calls `visit` for every statement, those inside others and in clauses too, in the order of the text.
pub fn walk_statements<'a>(block: &'a Block, visit: &mut dyn FnMut(&'a Statement)) {
    block.statements.iter().for_each(|statement| walk_statement(statement, visit));
    block.clauses.iter().for_each(|clause| walk_statements(&clause.body, visit));
}

fn walk_statement<'a>(statement: &'a Statement, visit: &mut dyn FnMut(&'a Statement)) {
    visit(statement);
    match &statement.kind {
        StatementKind::On { body, .. }
        | StatementKind::At { body, .. }
        | StatementKind::Repeat { body, .. }
        | StatementKind::For { body, .. }
        | StatementKind::Parallel { body } => walk_statements(body, visit),
        StatementKind::If { then, otherwise, .. } => {
            walk_statements(then, visit);
            match otherwise {
                Some(Else::Block(block)) => walk_statements(block, visit),
                Some(Else::If(statement)) => walk_statement(statement, visit),
                None => {}
            }
        }
        StatementKind::Step(_)
        | StatementKind::Let { .. }
        | StatementKind::Require { .. }
        | StatementKind::SkipIf { .. }
        | StatementKind::Rollback { .. } => {}
    }
}
