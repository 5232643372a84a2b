//! A plan for people: hosts and counts first, then batches, then steps with everything a reviewer asks about.

use std::fmt::Write;

use super::paint::{Tone, paint};
use crate::base::ids::StepId;
use crate::base::words;
use crate::eval::text::value_shown;
use crate::hir::program::Program;
use crate::hir::world::Inventory;
use crate::plan::expression_text::expression_text;
use crate::plan::model::{BatchSize, Block, BlockHosts, Gate, Item, ItemKind, Plan, Reversible, RunsAt, Shown, Step};
use crate::run::retries;

/// The whole plan. `playbook` index is the one the plan was made from.
pub fn plan_text(plan: &Plan, program: &Program, inventory: &Inventory, colour: bool) -> String {
    let mut writer = Writer { text: String::new(), plan, program, inventory, colour };
    writer.head();
    for block in plan.blocks.values() {
        writer.block(block);
    }
    writer.clause("on failure (whole playbook)", &plan.on_failure, 0);
    writer.clause("always (whole playbook)", &plan.always, 0);
    writer.foot();
    writer.text
}

struct Writer<'a> {
    text: String,
    plan: &'a Plan,
    program: &'a Program,
    inventory: &'a Inventory,
    colour: bool,
}

impl Writer<'_> {
    fn line(&mut self, line: impl AsRef<str>) {
        self.text.push_str(line.as_ref().trim_end());
        self.text.push('\n');
    }

    fn head(&mut self) {
        let plan = self.plan;
        let title = paint(&plan.playbook, Tone::Strong, self.colour);
        self.line(format!(
            "plan {title}: {}, {}, effects {}",
            words::count(plan.hosts.len(), "host"),
            words::count(plan.steps.len(), "step"),
            plan.row
        ));
        if !plan.doc.is_empty() {
            self.line(format!("  {}", plan.doc));
        }
        self.line(format!("  digest {}", plan.digest));
        if let Some(schedule) = &plan.schedule {
            let window = plan.window.map(|window| format!(", begun within {}", words::duration(window)));
            self.line(format!("  scheduled {schedule}{}", window.unwrap_or_default()));
        }
        for (name, value) in &plan.inputs {
            let shown = value_shown(value, self.inventory);
            self.line(format!("  {name} = {shown}"));
        }
    }

    fn block(&mut self, block: &Block) {
        self.line("");
        let limit = block.at_once.map(|count| format!(", {count} at once")).unwrap_or_default();
        let hosts = match &block.hosts {
            BlockHosts::Controller => "the controller".to_string(),
            BlockHosts::Pending { text, within: None, .. } => format!("{text} (decided during the run)"),
            BlockHosts::Pending { text, within: Some(limit), .. } => {
                let limit = value_shown(&crate::hir::value::Value::Hosts(limit.clone()), self.inventory);
                format!("{text} (decided during the run, within {limit})")
            }
            BlockHosts::Known(hosts) => words::count(hosts.len(), "host"),
        };
        let name = paint(&block.name, Tone::Strong, self.colour);
        let failures = match block.hosts {
            BlockHosts::Controller => String::new(),
            _ => format!(", max_failures {}", block.max_failures),
        };
        let beside = block.parallel.as_ref().map(|parallel| format!(", in {parallel}")).unwrap_or_default();
        self.line(format!("{name}: {hosts}{failures}{limit}{beside}"));
        for guard in &block.guards {
            let text = self.expression(&guard.condition);
            self.line(format!("  {} {text}", if guard.expected { "if" } else { "unless" }));
        }
        self.batch_table(block);
        self.items(&block.items, 1);
        self.clause("on failure", &block.on_failure, 1);
        self.clause("after batch (on the controller)", &block.after_batch, 1);
        self.clause("always", &block.always, 1);
    }

    fn batch_table(&mut self, block: &Block) {
        let BlockHosts::Known(hosts) = &block.hosts else {
            if !block.batch.is_empty() {
                let sizes: Vec<String> = block.batch.iter().map(batch_size).collect();
                self.line(format!("  batches of {}", sizes.join(", then ")));
            }
            return;
        };
        let table = block.table(hosts);
        for (index, batch) in table.iter().enumerate() {
            let names: Vec<&str> = batch.iter().map(|host| self.inventory.hosts.at(*host).name.as_str()).collect();
            self.line(format!("  batch {} of {}: {}", index + 1, table.len(), names.join(", ")));
        }
    }

    fn clause(&mut self, name: &str, items: &[Item], depth: usize) {
        if items.is_empty() {
            return;
        }
        self.line(format!("{}{name}:", "  ".repeat(depth)));
        self.items(items, depth + 1);
    }

    fn items(&mut self, items: &[Item], depth: usize) {
        let same = |one: &Item, other: &Item| one.parallel == other.parallel;
        for together in items.chunk_by(same) {
            match together.first().and_then(|item| item.parallel.as_ref()) {
                Some(parallel) => {
                    self.line(format!("{}{parallel}, at the same time:", "  ".repeat(depth)));
                    self.lines(together, depth + 1);
                }
                None => self.lines(together, depth),
            }
        }
    }

    fn lines(&mut self, items: &[Item], depth: usize) {
        for item in items {
            let margin = "  ".repeat(depth);
            for guard in &item.guards {
                let text = self.expression(&guard.condition);
                self.line(format!("{margin}{} {text}:", if guard.expected { "if" } else { "unless" }));
            }
            match &item.kind {
                ItemKind::Step(step) => self.step(*step, depth),
                ItemKind::Require { condition, .. } => {
                    let text = self.expression(condition);
                    self.line(format!("{margin}require {text}"));
                }
                ItemKind::Approve(gate) => {
                    let line = self.gate(self.plan.gates.at(*gate));
                    self.line(format!("{margin}{line}"));
                }
                ItemKind::SkipIf { condition, .. } => {
                    let text = self.expression(condition);
                    self.line(format!("{margin}skip if {text}"));
                }
                ItemKind::Rollback(scope) => self.line(format!("{margin}rollback {}", scope.name())),
            }
        }
    }

    fn expression(&self, expr: &crate::hir::expr::Expr) -> String {
        expression_text(expr, &self.plan.bindings)
    }

    fn step(&mut self, id: StepId, depth: usize) {
        let step = self.plan.steps.at(id);
        let margin = "  ".repeat(depth);
        let action = &self.program.actions.at(step.action).name;
        let what = if step.name == *action { String::new() } else { format!(" = {action}") };
        let arguments: Vec<String> =
            step.args.iter().filter(|arg| !arg.from_default).map(|arg| self.argument(arg)).collect();
        let name = paint(&step.name, Tone::Strong, self.colour);
        self.line(format!("{margin}- {name}{what}({})", arguments.join(", ")));
        let facts = self.facts(step);
        let facts = paint(&facts, Tone::Dim, self.colour);
        self.line(format!("{margin}    {facts}"));
    }

    fn argument(&self, arg: &crate::plan::model::Arg) -> String {
        let shown = match &arg.shown {
            Shown::Same(value) => value_shown(value, self.inventory),
            Shown::Pending(text) => format!("{text} (known during the run)"),
            Shown::ByHost(values) => {
                let shown = |(host, value): &(crate::base::ids::HostId, crate::hir::value::Value)| {
                    format!("{}: {}", self.inventory.hosts.at(*host).name, value_shown(value, self.inventory))
                };
                let few: Vec<String> = values.iter().take(3).map(shown).collect();
                let more = values.len().saturating_sub(3);
                let more = if more > 0 { format!(", and {more} more") } else { String::new() };
                format!("by host {{ {}{more} }}", few.join(", "))
            }
        };
        format!("{}: {shown}", arg.name)
    }

    fn facts(&self, step: &Step) -> String {
        let mut facts = vec![format!("{} ({})", step.row, step.kind.name())];
        if !self.program.actions.at(step.action).is_controller() {
            facts.extend(step.runs_at.as_ref().map(|place| format!("at {}", self.place(place))));
            facts.push(format!("as {}", self.users(step)));
        }
        facts.push(
            match step.reversible {
                Reversible::NotNeeded => "nothing to undo",
                Reversible::Yes => "reversible",
                Reversible::No => "not reversible",
                Reversible::Depends => "reversible, depending on what is found",
            }
            .to_string(),
        );
        facts.push(format!("timeout {}", words::duration(step.timeout)));
        if step.retry > 0 {
            facts.push(retry(step));
        }
        if step.touches_undeclared {
            facts.push("may touch anything".to_string());
        } else if !step.touches.is_empty() {
            facts.push(format!("touches {}", words::join_some(&step.touches, 3)));
        }
        facts.join(" · ")
    }

    fn gate(&self, gate: &Gate) -> String {
        let message = match &gate.shown {
            Shown::Same(value) => value_shown(value, self.inventory),
            _ => self.expression(&gate.message),
        };
        let within = gate.within.map(|within| format!(", within {}", words::duration(within))).unwrap_or_default();
        format!("{} by {}{within}: {message}", gate.name, words::join_or(&gate.by))
    }

    /// Where the steps of an `at` run; as written where it differs from host to host.
    fn place(&self, place: &RunsAt) -> String {
        match place {
            RunsAt::Host { shown: Shown::Same(value), .. } => value_shown(value, self.inventory),
            other => other.text().to_string(),
        }
    }

    /// The users a step runs as on its hosts, which may differ by the inventory's `as`.
    fn users(&self, step: &Step) -> String {
        let hosts = step.block.and_then(|block| self.plan.blocks.get(block)).map(|block| &block.hosts);
        let machines = match (&step.runs_at, hosts) {
            (Some(place), _) => place.machines(self.inventory),
            (None, Some(BlockHosts::Known(hosts))) => hosts.clone(),
            (None, _) => Vec::new(),
        };
        let names: Vec<String> = match machines.as_slice() {
            machines @ [_, ..] => machines
                .iter()
                .map(|host| step.user_on(Some(self.inventory.hosts.at(*host))))
                .map(|user| user.unwrap_or_else(|| "the login user".to_string()))
                .collect(),
            [] => vec![step.user_on(None).unwrap_or_else(|| "the login user".to_string())],
        };
        let mut distinct = names;
        distinct.sort();
        distinct.dedup();
        words::join_and(&distinct)
    }

    fn foot(&mut self) {
        let plan = self.plan;
        if !plan.assumptions.is_empty() || !plan.warnings.is_empty() {
            self.line("");
        }
        for assumption in &plan.assumptions {
            self.line(format!("assumed: {assumption}"));
        }
        for warning in &plan.warnings {
            let word = paint("warning", Tone::Warning, self.colour);
            self.line(format!("{word}: {warning}"));
        }
    }
}

fn batch_size(size: &BatchSize) -> String {
    let mut text = String::new();
    let written = match size {
        BatchSize::Count(count) => write!(text, "{count}"),
        BatchSize::Percent(percent) => write!(text, "{percent}%"),
    };
    // Writing to a String cannot fail.
    if written.is_err() { String::new() } else { text }
}

/// `retry 5 every 2s`, or how its pauses grow.
fn retry(step: &Step) -> String {
    let (first, last) = (retries::pause(step, 1), retries::pause(step, step.retry));
    let every = words::duration(first);
    match step.retry {
        retry if first == last => format!("retry {retry} every {every}"),
        retry => format!("retry {retry} after {every}, later up to {}", words::duration(last)),
    }
}
