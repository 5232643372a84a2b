//! A playbook in controlled English: the same words for the same forms, in the order in which things happen. Made from
//! the checked program; knows no inventory and no plan.

use crate::base::words;
use crate::eval::walk::walk;
use crate::hir::expr::{Expr, ExprKind};
use crate::hir::program::{
    Action, ActionBody, OnBlock, Place, Playbook, Program, RollbackScope, Statement, Step, StepAttrs,
};
use crate::hir::value::Value;
use crate::plan::expression_text::expression_text;

/// One playbook, as paragraphs and numbered sentences.
pub fn playbook_text(playbook: &Playbook, program: &Program) -> String {
    let mut writer = Writer { text: String::new(), playbook, program };
    writer.head();
    writer.numbered(&playbook.body, 0);
    writer.clause("If the run fails, on the controller", &playbook.on_failure, 0);
    writer.clause("In the end, whatever happened, on the controller", &playbook.always, 0);
    writer.text
}

struct Writer<'a> {
    text: String,
    playbook: &'a Playbook,
    program: &'a Program,
}

impl Writer<'_> {
    fn line(&mut self, depth: usize, line: &str) {
        self.text.push_str(&"  ".repeat(depth));
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    fn said(&self, expr: &Expr) -> String {
        match &expr.kind {
            ExprKind::Literal(Value::String(text)) => format!("\"{text}\""),
            _ => expression_text(expr, &self.playbook.bindings),
        }
    }

    fn head(&mut self) {
        let playbook = self.playbook;
        self.line(
            0,
            &format!("{}: {}", playbook.name, if playbook.doc.is_empty() { "no doc." } else { &playbook.doc }),
        );
        self.line(0, &format!("It may {}.", may(&playbook.row.names())));
        for param in &playbook.params {
            let default = match &param.default {
                Some(default) => format!(", {} unless it is given", self.said(default)),
                None => ", which must be given".to_string(),
            };
            self.line(0, &format!("It takes {} ({}){default}.", param.name, param.ty));
        }
        if let Some(schedule) = &playbook.schedule {
            self.line(0, &format!("It is meant to run {schedule}."));
        }
        if let Some(limit) = playbook.max_duration {
            self.line(0, &format!("It stops after {}.", words::duration(limit)));
        }
        self.text.push('\n');
    }

    fn numbered(&mut self, statements: &[Statement], depth: usize) {
        let mut number = 0;
        for statement in statements {
            number += 1;
            self.statement(statement, &format!("{number}. "), depth);
        }
    }

    fn clause(&mut self, when: &str, statements: &[Statement], depth: usize) {
        if !statements.is_empty() {
            self.line(depth, &format!("{when}:"));
            self.numbered(statements, depth + 1);
        }
    }

    fn statement(&mut self, statement: &Statement, number: &str, depth: usize) {
        match statement {
            Statement::Let { binding, value } => {
                let name = &self.playbook.bindings.at(*binding).name;
                let line = format!("{number}Call {} `{name}`.", self.said(value));
                self.line(depth, &line);
            }
            Statement::On(block) => self.block(block, number, depth),
            Statement::If { condition, then, otherwise, .. } => {
                self.line(depth, &format!("{number}If {}:", self.said(condition)));
                self.numbered(then, depth + 1);
                self.clause("Otherwise", otherwise, depth);
            }
            Statement::For { binding, list, body, .. } => {
                let name = &self.playbook.bindings.at(*binding).name;
                let line = format!("{number}For each `{name}` of {}:", self.said(list));
                self.line(depth, &line);
                self.numbered(body, depth + 1);
            }
            Statement::Repeat { times, until, body, .. } => {
                let until = until.as_ref().map(|until| format!(", until {}", self.said(until))).unwrap_or_default();
                self.line(depth, &format!("{number}At most {} times{until}:", self.said(times)));
                self.numbered(body, depth + 1);
            }
            Statement::Parallel { body, .. } => {
                self.line(depth, &format!("{number}At the same time:"));
                self.numbered(body, depth + 1);
            }
            Statement::At { place, as_user, body, .. } => {
                let place = match place {
                    Place::Controller => "the controller".to_string(),
                    Place::Host(host) => self.said(host),
                };
                let user = self.user(as_user.as_ref());
                self.line(depth, &format!("{number}At {place}{user}, for this host:"));
                self.numbered(body, depth + 1);
            }
            other => {
                let line = format!("{number}{}", self.sentence(other));
                self.line(depth, &line);
            }
        }
    }

    fn sentence(&self, statement: &Statement) -> String {
        match statement {
            Statement::Step(step) => self.step(step),
            Statement::Require { condition, message, .. } => {
                format!("Fail unless {}, saying {}.", self.said(condition), self.said(message))
            }
            Statement::SkipIf { condition, reason, .. } => {
                format!("If {}, leave this host out of the rest: {}.", self.said(condition), self.said(reason))
            }
            Statement::Approve(approval) => {
                let within = approval.within.map(|within| format!(" within {}", words::duration(within)));
                let (by, within) = (words::join_or(&approval.by), within.unwrap_or_default());
                format!("Wait until {by} agrees{within}: {}.", self.said(&approval.message))
            }
            Statement::Call(call) => {
                let called = self.program.called.get(call.playbook);
                let names = called.map(|called| called.params.iter().map(|param| param.name.as_str()).collect());
                let name = called.map_or("", |called| called.name.as_str());
                format!("Do what the playbook {name} says{}.", self.arguments(names.unwrap_or_default(), &call.args))
            }
            Statement::Rollback { scope: RollbackScope::Host, .. } => "Undo what was done on this host.".to_string(),
            Statement::Rollback { scope: RollbackScope::Batch, .. } => "Undo what was done on the batch.".to_string(),
            Statement::Rollback { scope: RollbackScope::All, .. } => "Undo what was done everywhere.".to_string(),
            _ => String::new(),
        }
    }

    fn block(&mut self, block: &OnBlock, number: &str, depth: usize) {
        let mut head = format!("{number}On {}{}", self.said(&block.hosts), self.user(block.as_user.as_ref()));
        let batch = block.batch.as_ref().map(|batch| format!(", in batches of {}", self.said(batch)));
        let spread = block.spread.as_ref().map(|spread| format!(", never two of one {} together", self.said(spread)));
        let at_once = block.at_once.as_ref().map(|count| format!(", {} at the same time", self.said(count)));
        let stops = match &block.max_failures {
            Some(most) => format!(", stopping when more than {} fail", self.said(most)),
            None => ", stopping when one fails".to_string(),
        };
        [batch, spread, at_once, Some(stops)].into_iter().flatten().for_each(|part| head.push_str(&part));
        self.line(depth, &format!("{head}:"));
        self.numbered(&block.body, depth + 1);
        self.clause("If it fails on a host", &block.on_failure, depth + 1);
        self.clause("After every batch, on the controller", &block.after_batch, depth + 1);
        self.clause("In the end, on every host that began", &block.always, depth + 1);
    }

    fn user(&self, user: Option<&Expr>) -> String {
        user.map(|user| format!(" as {}", self.said(user).trim_matches('"'))).unwrap_or_default()
    }

    fn step(&self, step: &Step) -> String {
        let action: &Action = self.program.actions.at(step.action);
        let names = action.params.iter().map(|param| param.name.as_str()).collect();
        let doc = action.doc.trim_end_matches('.');
        let arguments = self.arguments(names, &step.args);
        let undo = match (&action.body, action.has_rollback(), step.row.level) {
            (ActionBody::Steps { .. }, ..) | (_, _, crate::hir::effect::Level::Read) | (_, true, _) => "",
            _ => " It cannot be undone.",
        };
        let kept = step.binding.map(|binding| &self.playbook.bindings.at(binding).name);
        let kept = kept.map(|name| format!(" The result is `{name}`.")).unwrap_or_default();
        format!("{} ({doc}){arguments}{}.{kept}{undo}", action.name, self.attributes(&step.attrs))
    }

    fn arguments(&self, names: Vec<&str>, args: &[Option<Expr>]) -> String {
        let given = names.into_iter().zip(args).filter_map(|(name, arg)| Some((name, arg.as_ref()?)));
        let written: Vec<String> = given.map(|(name, arg)| format!("{name} {}", self.argument(arg))).collect();
        if written.is_empty() { String::new() } else { format!(", {}", written.join(", ")) }
    }

    /// Long texts and scripts are named, not quoted.
    fn argument(&self, arg: &Expr) -> String {
        let said = self.said(arg);
        // The quote behind a last line end is no line.
        let lines = said.trim_end_matches('"').lines().count();
        if lines > 1 { format!("of {}", words::count(lines, "line")) } else { said.replace('\n', "\\n") }
    }

    fn attributes(&self, attrs: &StepAttrs) -> String {
        let part =
            |expr: &Option<Expr>, words: &str| expr.as_ref().map(|expr| format!(", {words} {}", self.said(expr)));
        let retry = attrs.retry.as_ref().map(|retry| format!(", tried {} more times", self.said(retry)));
        let ignored = attrs.allow_failure.then(|| ", going on if it fails".to_string());
        let parts = [
            self.user_of(attrs),
            retry,
            part(&attrs.every, "every"),
            part(&attrs.until, "until"),
            part(&attrs.timeout, "for at most"),
            part(&attrs.ok, "good if"),
            part(&attrs.changed, "changed if"),
            ignored,
        ];
        parts.into_iter().flatten().collect()
    }

    fn user_of(&self, attrs: &StepAttrs) -> Option<String> {
        attrs.as_user.as_ref().map(|user| format!(",{}", self.user(Some(user))))
    }
}

fn may(effects: &[&str]) -> String {
    let said = effects.iter().map(|effect| match *effect {
        "read" => "read",
        "change" => "change hosts",
        "destroy" => "lose data that no rollback brings back",
        "admin" => "act as another user",
        "network" => "use the network",
        "exec" => "run scripts of its own",
        other => other,
    });
    words::join_and(&said.collect::<Vec<_>>())
}

/// Whether an expression names a binding, for who explains a value.
pub fn names(expr: &Expr, binding: crate::base::ids::BindingId) -> bool {
    let mut found = false;
    walk(expr, &mut |inner| found = found || inner.kind == ExprKind::Binding(binding));
    found
}
