//! The tree as canonical text: items, statements, blocks. Comments are put back where they stood, at most one empty
//! line is kept between statements. Expressions are written in `format_expressions`.

use super::ast::*;
use super::format_expressions::{flat_type, string_literal};

/// Lines longer than this are broken where they can be.
pub(super) const WIDTH: usize = 100;

pub(super) struct Printer<'a> {
    pub(super) out: String,
    pub(super) indent: usize,
    comments: std::iter::Peekable<std::slice::Iter<'a, Comment>>,
    text: &'a str,
}

pub(super) fn format(file: &File, text: &str) -> String {
    let mut printer = Printer { out: String::new(), indent: 0, comments: file.comments.iter().peekable(), text };
    printer.comments_before(file.edition_span.start);
    printer.line(&format!("ops {}", file.edition));
    printer.trailing_comment(file.edition_span.end);
    for (index, item) in file.items.iter().enumerate() {
        printer.item(item, index);
    }
    printer.comments_before(u32::MAX);
    printer.out.truncate(printer.out.trim_end().len());
    printer.out + "\n"
}

impl Printer<'_> {
    pub(super) fn margin(&self) -> String {
        "  ".repeat(self.indent)
    }

    fn line(&mut self, text: &str) {
        self.out.push_str(&self.margin());
        self.out.push_str(text);
        self.out.push('\n');
    }

    fn open_line(&mut self) {
        self.out.push_str(&self.margin());
    }

    fn blank(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with("\n\n") && !self.out.ends_with("{\n") {
            self.out.push('\n');
        }
    }

    /// The text of a span as the author wrote it.
    pub(super) fn written(&self, span: crate::base::source::Span) -> &str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or("")
    }

    /// How far the line being written has come.
    pub(super) fn column(&self) -> usize {
        self.out.rsplit('\n').next().unwrap_or("").chars().count()
    }

    /// Whether a comment stands between two offsets: then a list cannot be written on one line.
    pub(super) fn has_comment_in(&self, start: u32, end: u32) -> bool {
        self.comments.clone().any(|comment| comment.span.start > start && comment.span.end < end)
    }

    /// Comments that stand before an offset, each on a line of its own.
    pub(super) fn comments_before(&mut self, offset: u32) {
        while let Some(comment) = self.comments.next_if(|comment| comment.span.start < offset) {
            if comment.blank_before {
                self.blank();
            }
            self.line(&comment.text.clone());
        }
    }

    /// A comment on the line that has just been written.
    pub(super) fn trailing_comment(&mut self, end: u32) {
        let text = self.text;
        let on_this_line = |comment: &&Comment| {
            let between = text.get(end as usize..comment.span.start as usize);
            !comment.own_line && between.is_some_and(|between| !between.contains('\n'))
        };
        if let Some(comment) = self.comments.next_if(on_this_line) {
            self.out.truncate(self.out.trim_end_matches('\n').len());
            self.out.push_str(&format!("  {}\n", comment.text));
        }
    }

    /// The empty line that an author left before an offset.
    fn kept_blank(&mut self, start: u32) {
        let before = self.text.get(..start as usize).unwrap_or("");
        let gap = before.get(before.trim_end_matches([' ', '\t', '\n', '\r']).len()..).unwrap_or("");
        if gap.matches('\n').count() > 1 {
            self.blank();
        }
    }

    fn item(&mut self, item: &Item, index: usize) {
        let (start, end, is_short) = match item {
            Item::Use(item) => (item.span.start, item.span.end, true),
            Item::Type(item) => (item.span.start, item.span.end, true),
            Item::Function(item) => (item.span.start, item.span.end, false),
            Item::Action(item) => (item.span.start, item.span.end, false),
            Item::Playbook(item) => (item.span.start, item.span.end, false),
        };
        let commented = self.comments.peek().is_some_and(|comment| comment.span.start < start);
        if !is_short || index == 0 || commented {
            self.blank();
        }
        self.comments_before(start);
        self.kept_blank(start);
        match item {
            Item::Use(item) => self.use_item(item),
            Item::Type(item) => {
                let text = format!("type {} = {}", item.name.text, flat_type(&item.ty));
                self.line(&text);
            }
            Item::Function(function) => self.function(function),
            Item::Action(action) => self.action(action),
            Item::Playbook(playbook) => self.playbook(playbook),
        }
        self.trailing_comment(end);
    }

    fn use_item(&mut self, item: &Use) {
        let source = match &item.source {
            UseSource::Path(path) => string_literal(path),
            UseSource::Name(name) => name.text(),
        };
        let alias = item.alias.as_ref().map(|alias| format!(" as {}", alias.text)).unwrap_or_default();
        self.line(&format!("use {source}{alias}"));
    }

    fn function(&mut self, function: &Function) {
        self.open_line();
        self.out.push_str(&format!("function {} ", function.name.text));
        self.script_block(&function.script, " ");
        self.out.push('\n');
    }

    /// Parameters: one per line where the author ended the list with a comma, where they do not fit, or in a playbook.
    fn params(&mut self, params: &[Param], params_span: crate::base::source::Span, rest: usize, always_broken: bool) {
        let written = self.written(params_span);
        let comma = written.trim_end_matches(')').trim_end().ends_with(',');
        let flat: Vec<String> = params.iter().map(|param| self.flat_param(param)).collect();
        let flat = format!("({})", flat.join(", "));
        let commented = self.has_comment_in(params_span.start, params_span.end);
        let fits = self.column() + flat.chars().count() + rest <= WIDTH && !flat.contains('\n');
        if params.is_empty() || (fits && !comma && !commented && !always_broken) {
            self.out.push_str(&flat);
            return;
        }
        self.out.push_str("(\n");
        self.indent += 1;
        for param in params {
            self.comments_before(param.span.start);
            self.open_line();
            self.out.push_str(&format!("{}: {}", param.name.text, flat_type(&param.ty)));
            if let Some(default) = &param.default {
                self.out.push_str(" = ");
                self.expr(default);
            }
            self.out.push_str(",\n");
            self.trailing_comment(param.span.end + 1);
        }
        self.comments_before(params_span.end);
        self.indent -= 1;
        self.open_line();
        self.out.push(')');
    }

    fn flat_param(&self, param: &Param) -> String {
        let default =
            param.default.as_ref().map(|default| format!(" = {}", self.flat_expr(default))).unwrap_or_default();
        format!("{}: {}{default}", param.name.text, flat_type(&param.ty))
    }

    fn effects(effects: Option<&Effects>) -> String {
        effects
            .map(|effects| {
                let names: Vec<&str> = effects.names.iter().map(|name| name.text.as_str()).collect();
                format!(" ! {}", names.join(", "))
            })
            .unwrap_or_default()
    }

    fn action(&mut self, action: &Action) {
        let result = action.result.as_ref().map(|result| format!(" -> {}", flat_type(result))).unwrap_or_default();
        let tail = format!("{result}{} {{", Self::effects(action.effects.as_ref()));
        self.open_line();
        self.out.push_str(&format!("action {}", action.name.text()));
        self.params(&action.params, action.params_span, tail.chars().count(), false);
        self.out.push_str(&tail);
        self.out.push('\n');
        self.indent += 1;
        let body_start = match &action.body {
            ActionBody::Steps(block) => block.span.start,
            ActionBody::Impls(impls) => impls.first().map_or(u32::MAX, |first| first.span.start),
        };
        let (before, after): (Vec<&Attr>, Vec<&Attr>) =
            action.attrs.iter().partition(|attr| attr.span.start < body_start);
        before.iter().for_each(|attr| self.attr(attr));
        match &action.body {
            ActionBody::Steps(block) => {
                self.kept_blank(block.span.start.saturating_sub(6));
                self.open_line();
                self.out.push_str("steps ");
                self.block(block);
                self.out.push('\n');
            }
            ActionBody::Impls(impls) => impls.iter().for_each(|each| self.implementation(each)),
        }
        after.iter().for_each(|attr| self.attr(attr));
        self.close(action.span.end);
    }

    /// Comments before a closing brace, then the brace.
    fn close(&mut self, end: u32) {
        self.comments_before(end.saturating_sub(1));
        self.indent -= 1;
        self.line("}");
    }

    fn implementation(&mut self, each: &Impl) {
        self.blank();
        self.comments_before(each.span.start);
        self.open_line();
        self.out.push_str(&each.platform.text);
        if let Some(condition) = &each.condition {
            self.out.push_str(" where ");
            self.expr(condition);
        }
        self.out.push_str(" {\n");
        self.indent += 1;
        for phase in &each.phases {
            self.kept_blank(phase.span.start);
            self.comments_before(phase.span.start);
            let kind = match phase.kind {
                PhaseKind::Check => "check",
                PhaseKind::Apply => "apply",
                PhaseKind::Verify => "verify",
                PhaseKind::Rollback => "rollback",
            };
            self.open_line();
            self.out.push_str(kind);
            self.out.push(' ');
            match &phase.body {
                PhaseBody::Native(name) => self.out.push_str(&format!("native {}", string_literal(name))),
                PhaseBody::Script(script) => self.script_block(script, " "),
            }
            self.out.push('\n');
            self.trailing_comment(phase.span.end);
        }
        self.close(each.span.end);
    }

    fn attr(&mut self, attr: &Attr) {
        self.kept_blank(attr.span.start);
        self.comments_before(attr.span.start);
        self.open_line();
        self.out.push_str(&format!("{}: ", attr.label.text));
        self.expr(&attr.value);
        if let Some(otherwise) = &attr.otherwise {
            self.out.push_str(&format!(" else {}", string_literal(otherwise)));
        }
        self.out.push('\n');
        self.trailing_comment(attr.span.end);
    }

    fn playbook(&mut self, playbook: &Playbook) {
        let effects = Self::effects(playbook.effects.as_ref());
        self.open_line();
        self.out.push_str(&format!("playbook {}", playbook.name.text));
        self.params(&playbook.params, playbook.params_span, 0, true);
        self.out.push_str(&format!("{effects} {{\n"));
        self.indent += 1;
        playbook.attrs.iter().for_each(|attr| self.attr(attr));
        self.body(&playbook.body);
        self.close(playbook.span.end);
    }

    /// `{`, the statements, `}`; the line stays open.
    fn block(&mut self, block: &Block) {
        self.out.push_str("{\n");
        self.trailing_comment(block.span.start + 1);
        self.indent += 1;
        self.body(block);
        self.comments_before(block.span.end.saturating_sub(1));
        self.indent -= 1;
        self.open_line();
        self.out.push('}');
    }

    fn body(&mut self, block: &Block) {
        for statement in &block.statements {
            let commented = self.comments.peek().is_some_and(|comment| comment.span.start < statement.span.start);
            if !commented {
                self.kept_blank(statement.span.start);
            }
            self.comments_before(statement.span.start);
            self.open_line();
            self.statement(statement);
            self.out.push('\n');
            self.trailing_comment(statement.span.end);
        }
        for clause in &block.clauses {
            if self.comments.peek().is_none_or(|comment| comment.span.start >= clause.span.start) {
                self.kept_blank(clause.span.start);
            }
            self.comments_before(clause.span.start);
            self.open_line();
            self.out.push_str(match clause.kind {
                ClauseKind::OnFailure => "on failure ",
                ClauseKind::AfterBatch => "after batch ",
                ClauseKind::Always => "always ",
            });
            self.block(&clause.body);
            self.out.push('\n');
            self.trailing_comment(clause.span.end);
        }
    }

    fn statement(&mut self, statement: &Statement) {
        match &statement.kind {
            StatementKind::Let { name, value } => {
                self.out.push_str(&format!("let {} = ", name.text));
                self.expr(value);
            }
            StatementKind::On { binding, hosts, options, body } => {
                self.binding(binding.as_ref());
                self.out.push_str("on ");
                self.headed(hosts, options, body);
            }
            StatementKind::At { host, options, body } => {
                self.out.push_str("at ");
                self.headed(host, options, body);
            }
            StatementKind::Repeat { options, body } => {
                self.out.push_str("repeat ");
                self.options(options);
                self.out.push(' ');
                self.block(body);
            }
            StatementKind::If { condition, then, otherwise } => self.if_statement(condition, then, otherwise.as_ref()),
            StatementKind::For { name, list, body } => {
                self.out.push_str(&format!("for {} in ", name.text));
                self.expr(list);
                self.out.push(' ');
                self.block(body);
            }
            StatementKind::Parallel { body } => {
                self.out.push_str("parallel ");
                self.block(body);
            }
            StatementKind::Require { condition, otherwise } => {
                self.out.push_str("require ");
                self.expr(condition);
                self.out.push_str(&format!(" else {}", string_literal(otherwise)));
            }
            StatementKind::SkipIf { condition, reason } => {
                self.out.push_str("skip if ");
                self.expr(condition);
                self.out.push_str(&format!(" {}", string_literal(reason)));
            }
            StatementKind::Rollback { scope } => self.out.push_str(match scope {
                RollbackScope::Host => "rollback",
                RollbackScope::Batch => "rollback batch",
                RollbackScope::All => "rollback all",
            }),
            StatementKind::Step(step) => self.step(step),
        }
    }

    fn binding(&mut self, binding: Option<&Name>) {
        if let Some(name) = binding {
            self.out.push_str(&format!("{} = ", name.text));
        }
    }

    fn headed(&mut self, head: &Expr, options: &[Named], body: &Block) {
        self.expr(head);
        self.out.push(' ');
        if !options.is_empty() {
            self.options(options);
            self.out.push(' ');
        }
        self.block(body);
    }

    fn options(&mut self, options: &[Named]) {
        self.out.push('(');
        for (index, option) in options.iter().enumerate() {
            self.out.push_str(if index > 0 { ", " } else { "" });
            self.out.push_str(&format!("{}: ", option.label.text));
            let flat = self.flat_expr(&option.value);
            // Options stay on one line; only a text of several lines cannot.
            if flat.contains('\n') {
                self.expr(&option.value);
            } else {
                self.out.push_str(&flat);
            }
        }
        self.out.push(')');
    }

    fn if_statement(&mut self, condition: &Expr, then: &Block, otherwise: Option<&Else>) {
        self.out.push_str("if ");
        self.expr(condition);
        self.out.push(' ');
        self.block(then);
        match otherwise {
            Some(Else::Block(block)) => {
                self.out.push_str(" else ");
                self.block(block);
            }
            Some(Else::If(statement)) => {
                self.out.push_str(" else ");
                self.statement(statement);
            }
            None => {}
        }
    }

    fn step(&mut self, step: &Step) {
        self.binding(step.binding.as_ref());
        self.out.push_str(&step.action.text());
        self.arguments(&step.args, step.args_span);
        if !step.attrs.is_empty() {
            self.out.push_str(" {\n");
            self.indent += 1;
            step.attrs.iter().for_each(|attr| self.attr(attr));
            self.indent -= 1;
            self.open_line();
            self.out.push('}');
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use crate::base::source::Sources;
    use crate::syntax;

    fn formatted(text: &str) -> String {
        let mut sources = Sources::new();
        let file = sources.add("a.ops", text);
        let (tree, diagnostics) = syntax::parse(&sources, file);
        assert!(diagnostics.is_empty(), "{diagnostics:#?}\n{text}");
        syntax::format(&tree.unwrap(), text)
    }

    #[test]
    fn the_examples_of_the_language_are_canonical() {
        for text in [
            include_str!("../../tests/it/language/example_1.ops"),
            include_str!("../../tests/it/language/example_2.ops"),
            include_str!("../../tests/it/language/example_3.ops"),
        ] {
            assert_eq!(formatted(text), text);
        }
    }

    #[test]
    fn formatting_twice_changes_nothing() {
        for text in [
            include_str!("../../tests/it/language/1_deploy.ops"),
            include_str!("../../tests/it/language/2_postgres.ops"),
            include_str!("../../tests/it/language/3_users.ops"),
            include_str!("../../tests/it/language/4_certs.ops"),
            include_str!("../../tests/it/language/5_windows.ops"),
            include_str!("../../tests/it/language/example_action.ops"),
        ] {
            let once = formatted(text);
            assert_eq!(formatted(&once), once);
        }
    }

    #[test]
    fn comments_stay_where_they_stood() {
        let text = "# head\nops 1  # edition\n\n# about p\nplaybook p(\n  # first\n  a: int = 1,  # one\n  # last\n) ! read {\n  # before\n  require a > 0 else \"x\"  # trailing\n\n  # at the end\n}\n\n# foot\n";
        assert_eq!(formatted(text), text);
    }

    #[test]
    fn long_lists_break_and_comments_in_them_survive() {
        let text =
            "ops 1\n\nplaybook p() ! read {\n  let x = [1, # one\n    2]\n  require x.count == 2 else \"x\"\n}\n";
        let expected = "ops 1\n\nplaybook p() ! read {\n  let x = [\n    1,  # one\n    2,\n  ]\n  require x.count == 2 else \"x\"\n}\n";
        assert_eq!(formatted(text), expected);
    }
}
