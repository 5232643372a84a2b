//! The plan digest: SHA-256 over typed program, arguments, resolved hosts, inventory fields read and file hashes.
//! Not over text, comments, facts, predictions or time, so that formatting a file does not change it.

use std::collections::BTreeSet;
use std::fmt::Write;

use sha2::Digest;

use super::expression_text::expression_text;
use super::model::{Block, BlockHosts, Item, ItemKind, Plan, Step};
use crate::base::hex::hex;
use crate::base::ids::{BindingId, HostId, IdVec};
use crate::eval::text::value_shown;
use crate::eval::walk::walk;
use crate::hir::expr::{Expr, ExprKind};
use crate::hir::program::{Action, Binding, Body, Impl, Program};
use crate::hir::value::Value;
use crate::hir::world::{AdminMethod, Connection, HostKeyPolicy, Inventory, TransportKind};

/// `sha256:` and 64 hex digits.
pub fn digest(plan: &Plan, program: &Program, inventory: &Inventory) -> String {
    let mut writer = Writer { text: String::new(), bindings: &plan.bindings, inventory };
    writer.plan(plan, program);
    format!("sha256:{}", hex(&sha2::Sha256::digest(writer.text.as_bytes())))
}

/// Writes the canonical form: one line per fact, every text length-prefixed so that no two plans read alike.
struct Writer<'a> {
    text: String,
    bindings: &'a IdVec<BindingId, Binding>,
    inventory: &'a Inventory,
}

impl Writer<'_> {
    fn line(&mut self, key: &str, value: &str) {
        // Writing to a String cannot fail.
        if writeln!(self.text, "{key} {} {value}", value.len()).is_err() {
            self.text.push('\n');
        }
    }

    fn expr(&mut self, key: &str, expr: &Expr) {
        let text = expression_text(expr, self.bindings);
        self.line(key, &text);
    }

    fn plan(&mut self, plan: &Plan, program: &Program) {
        self.line("opsc.digest", "1");
        self.line("playbook", &plan.playbook);
        self.line("row", &plan.row.to_string());
        for (name, value) in &plan.inputs {
            let shown = shown_with_hash(value, self.inventory);
            self.line(&format!("input {name}"), &shown);
        }
        for (binding, value) in &plan.lets {
            let name = self.bindings.at(*binding).name.clone();
            self.expr(&format!("let {name}"), value);
        }
        let fields = fields_read(plan);
        plan.hosts.iter().for_each(|host| self.host(*host, &fields));
        let places = places(plan, self.inventory);
        places.iter().for_each(|host| self.host(*host, &fields));
        let reached = plan.hosts.iter().copied().chain(places);
        jumps(reached, self.inventory).into_iter().for_each(|host| self.host(host, &BTreeSet::new()));
        plan.blocks.values().for_each(|block| self.block(block, plan));
        self.items("on failure", &plan.on_failure, plan);
        self.items("always", &plan.always, plan);
        let used: BTreeSet<_> = plan.steps.values().map(|step| step.action).collect();
        used.into_iter().for_each(|action| self.action(program.actions.at(action)));
    }

    fn host(&mut self, id: HostId, fields: &BTreeSet<String>) {
        let host = self.inventory.hosts.at(id);
        let connection = &host.connection;
        let os = host.os.map_or("", |os| os.name());
        self.line("host", &host.name);
        self.line("address", &host.address);
        self.line("os", os);
        self.line("transport", connection.transport.name());
        self.line("port", &connection.port.map(|port| port.to_string()).unwrap_or_default());
        if connection.transport == TransportKind::Winrm {
            self.line("tls", &connection.tls_or_usual().text());
        }
        self.line("user", connection.user.as_deref().unwrap_or_default());
        self.line("as", connection.as_user.as_deref().unwrap_or_default());
        self.way(connection);
        for (key, value) in host.tags.iter().chain(&host.vars).filter(|(key, _)| fields.contains(key)) {
            let shown = value_shown(value, self.inventory);
            self.line(&format!("field {key}"), &shown);
        }
    }

    /// What else decides whom a connection reaches and who it is there; what nobody says is left out.
    fn way(&mut self, connection: &Connection) {
        let said = [
            ("key", &connection.key),
            ("known_hosts", &connection.known_hosts),
            ("jump", &connection.jump),
            ("certificate", &connection.certificate),
            ("kdc", &connection.kdc),
        ];
        said.into_iter().filter_map(|(key, value)| value.as_deref().map(|value| (key, value))).for_each(
            |(key, value)| {
                self.line(key, value);
            },
        );
        if connection.admin != AdminMethod::Sudo {
            self.line("admin", connection.admin.name());
        }
        if connection.host_key == Some(HostKeyPolicy::AcceptNew) {
            self.line("host_key", "accept-new");
        }
    }

    fn block(&mut self, block: &Block, plan: &Plan) {
        self.line("block", &block.name);
        block.parallel.iter().for_each(|parallel| self.line("parallel", parallel));
        block.guards.iter().for_each(|guard| self.expr(&format!("guard {}", guard.expected), &guard.condition));
        match &block.hosts {
            BlockHosts::Known(hosts) => {
                let shown = value_shown(&Value::Hosts(hosts.clone()), self.inventory);
                self.line("hosts", &shown);
            }
            BlockHosts::Pending { hosts, within, .. } => {
                self.expr("pending hosts", hosts);
                let within = within.clone().map_or(Value::None, Value::Hosts);
                let shown = value_shown(&within, self.inventory);
                self.line("within", &shown);
            }
            BlockHosts::Controller => self.line("hosts", "controller"),
        }
        let options = format!(
            "batch {:?} at_once {:?} max_failures {} include_failed {}",
            block.batch, block.at_once, block.max_failures, block.include_failed
        );
        self.line("options", &options);
        self.items("main", &block.items, plan);
        for (host, value) in &block.spread {
            let shown = value_shown(&Value::List(vec![Value::Host(*host), value.clone()]), self.inventory);
            self.line("spread", &shown);
        }
        self.items("on failure", &block.on_failure, plan);
        self.items("after batch", &block.after_batch, plan);
        self.items("always", &block.always, plan);
    }

    fn items(&mut self, clause: &str, items: &[Item], plan: &Plan) {
        self.line("clause", clause);
        for item in items {
            item.parallel.iter().for_each(|parallel| self.line("parallel", parallel));
            item.guards.iter().for_each(|guard| self.expr(&format!("guard {}", guard.expected), &guard.condition));
            match &item.kind {
                ItemKind::Step(step) => self.step(plan.steps.at(*step)),
                ItemKind::Require { condition, message, .. } => {
                    self.expr("require", condition);
                    self.expr("message", message);
                }
                ItemKind::Approve(gate) => {
                    let gate = plan.gates.at(*gate);
                    self.line("approve", &format!("{:?} {:?}", gate.by, gate.within));
                    self.expr("message", &gate.message);
                }
                ItemKind::SkipIf { condition, reason, .. } => {
                    self.expr("skip if", condition);
                    self.expr("reason", reason);
                }
                ItemKind::Rollback(scope) => self.line("rollback", scope.name()),
            }
        }
    }

    fn step(&mut self, step: &Step) {
        self.line("step", &step.name);
        if let Some(place) = &step.runs_at {
            self.line("at", place.text());
        }
        for arg in step.args.iter().filter(|arg| !arg.from_default) {
            self.expr(&format!("arg {}", arg.name), &arg.value);
            if let super::model::Shown::Same(value) = &arg.shown {
                let shown = shown_with_hash(value, self.inventory);
                self.line("value", &shown);
            }
        }
        let engine = format!(
            "as {:?} row {} timeout {} retry {} every {} allow_failure {}",
            step.as_user, step.row, step.timeout, step.retry, step.every, step.allow_failure
        );
        self.line("engine", &engine);
        for (key, expr) in [("until", &step.until), ("changed", &step.changed), ("ok", &step.ok)] {
            if let Some(expr) = expr {
                self.expr(key, expr);
            }
        }
    }

    fn action(&mut self, action: &Action) {
        self.line("action", &action.name);
        self.line("result", &action.result.to_string());
        self.line("action row", &action.row.to_string());
        for param in &action.params {
            self.line(&format!("param {}", param.name), &param.ty.to_string());
            self.own_expr("default", param.default.as_ref(), &action.bindings);
        }
        action.touches.iter().for_each(|touch| self.own_expr("touches", Some(touch), &action.bindings));
        self.own_expr("skip", action.skip.as_ref(), &action.bindings);
        for (key, conditions) in [("needs", &action.needs), ("ensure", &action.ensure)] {
            conditions.iter().for_each(|each| self.own_expr(key, Some(&each.condition), &action.bindings));
        }
        self.own_expr("reversible", action.reversible.as_ref(), &action.bindings);
        action.impls().iter().for_each(|body| self.implementation(body, action));
    }

    fn own_expr(&mut self, key: &str, expr: Option<&Expr>, bindings: &IdVec<BindingId, Binding>) {
        if let Some(expr) = expr {
            let text = expression_text(expr, bindings);
            self.line(key, &text);
        }
    }

    fn implementation(&mut self, body: &Impl, action: &Action) {
        self.line("platform", body.platform.name());
        self.own_expr("where", body.condition.as_ref(), &action.bindings);
        let phases =
            [("check", &body.check), ("apply", &body.apply), ("verify", &body.verify), ("rollback", &body.rollback)];
        for (phase, body) in phases {
            match body {
                Some(Body::Script { script, functions }) => {
                    self.line(phase, &script.text);
                    functions.iter().for_each(|function| {
                        self.line("function", &function.name);
                        self.line("text", &function.text);
                    });
                }
                Some(Body::Native(name)) => self.line(phase, name),
                None => {}
            }
        }
    }
}

/// Machines that steps run on beside the blocks' hosts.
fn places(plan: &Plan, inventory: &Inventory) -> BTreeSet<HostId> {
    let of_steps = plan.steps.values().filter_map(|step| step.runs_at.as_ref());
    of_steps.flat_map(|place| place.machines(inventory)).collect()
}

/// Hosts on the way to these.
fn jumps(hosts: impl Iterator<Item = HostId>, inventory: &Inventory) -> BTreeSet<HostId> {
    let next = |host: HostId| inventory.hosts.at(host).connection.jump.as_deref().and_then(|name| inventory.host(name));
    let mut found = BTreeSet::new();
    for host in hosts {
        let mut jump = next(host);
        while let Some(host) = jump.filter(|host| found.insert(*host)) {
            jump = next(host);
        }
    }
    found
}

/// A value with the content hash of a file, so that other content is another plan.
fn shown_with_hash(value: &Value, inventory: &Inventory) -> String {
    match value {
        Value::File(file) => format!("{} {}", file.path, file.sha256),
        Value::Folder(folder) => format!("{} {}", folder.archive.path, folder.archive.sha256),
        // Another reference is another plan, whatever stands there.
        value if !value.secrets().is_empty() => format!("{} {:?}", value_shown(value, inventory), value.secrets()),
        other => value_shown(other, inventory),
    }
}

/// Names of tags and variables that any expression of the plan reads.
fn fields_read(plan: &Plan) -> BTreeSet<String> {
    let mut fields = BTreeSet::new();
    let mut visit = |inner: &Expr| {
        if let ExprKind::Field(base, field) = &inner.kind
            && let ExprKind::Field(_, member) = &base.kind
            && matches!(member.as_str(), "tags" | "vars")
        {
            fields.insert(field.clone());
        }
    };
    for (_, value) in &plan.lets {
        walk(value, &mut visit);
    }
    for step in plan.steps.values() {
        step.args.iter().for_each(|arg| walk(&arg.value, &mut visit));
        [&step.until, &step.changed, &step.ok].into_iter().flatten().for_each(|expr| walk(expr, &mut visit));
    }
    for block in plan.blocks.values() {
        block.guards.iter().for_each(|guard| walk(&guard.condition, &mut visit));
        for item in block.all_items() {
            item.guards.iter().for_each(|guard| walk(&guard.condition, &mut visit));
            if let ItemKind::Require { condition, message, .. } | ItemKind::SkipIf { condition, reason: message, .. } =
                &item.kind
            {
                walk(condition, &mut visit);
                walk(message, &mut visit);
            }
        }
    }
    fields
}
