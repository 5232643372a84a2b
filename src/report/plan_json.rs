//! `opsc.plan/1`: a plan for programs. Own names, so that inner types may change; extended, never renamed. Written step
//! by step, so that a large plan is not held a second time as a tree. Knows nothing of where it is printed.

use std::collections::BTreeMap;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value as Json, json};

use crate::base::ids::{BlockId, StepId};
use crate::hir::program::Program;
use crate::hir::schedule::Every;
use crate::hir::value::{SecretRef, Value};
use crate::hir::world::Inventory;
use crate::plan::expression_text::expression_text;
use crate::plan::model::{Block, BlockHosts, Gate, Guard, Item, Plan, Reversible, RunsAt, Shown, Step};

/// The plan as something to serialize.
pub fn plan_json<'a>(plan: &'a Plan, program: &'a Program, inventory: &'a Inventory) -> impl Serialize + 'a {
    Writer { plan, program, inventory, items: items_by_step(plan) }
}

/// Where each step stands: under which conditions, and beside which others.
fn items_by_step(plan: &Plan) -> BTreeMap<StepId, &Item> {
    let of_blocks = plan.blocks.values().flat_map(Block::all_items);
    of_blocks.chain(&plan.on_failure).chain(&plan.always).filter_map(|item| Some((item.step()?, item))).collect()
}

struct Writer<'a> {
    plan: &'a Plan,
    program: &'a Program,
    inventory: &'a Inventory,
    items: BTreeMap<StepId, &'a Item>,
}

impl Serialize for Writer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let plan = self.plan;
        let inputs: Map<String, Json> =
            plan.inputs.iter().map(|(name, value)| (name.clone(), self.value(value))).collect();
        let hosts: Vec<Json> = plan.hosts.iter().map(|id| self.host(*id)).collect();
        let blocks: Vec<Json> = plan.blocks.iter().map(|(id, block)| self.block(id, block)).collect();
        let mut object = serializer.serialize_map(None)?;
        object.serialize_entry("schema", "opsc.plan/1")?;
        object.serialize_entry("playbook", &plan.playbook)?;
        object.serialize_entry("doc", &plan.doc)?;
        object.serialize_entry("digest", &plan.digest)?;
        object.serialize_entry("effects", &plan.row.names())?;
        object.serialize_entry("inputs", &inputs)?;
        object.serialize_entry("hosts", &hosts)?;
        object.serialize_entry("blocks", &blocks)?;
        object.serialize_entry("steps", &Steps(self))?;
        object.serialize_entry("gates", &plan.gates.values().map(|gate| self.gate(gate)).collect::<Vec<_>>())?;
        object.serialize_entry("schedule", &self.schedule())?;
        object.serialize_entry("assumptions", &plan.assumptions)?;
        object.serialize_entry("owed", &Json::Array(Vec::new()))?;
        object.serialize_entry("warnings", &plan.warnings)?;
        object.end()
    }
}

/// One step is a tree, written and dropped before the next one is made.
struct Steps<'a>(&'a Writer<'a>);

impl Serialize for Steps<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.plan.steps.iter().map(|(id, step)| self.0.step(id, step)))
    }
}

impl Writer<'_> {
    fn name(&self, host: crate::base::ids::HostId) -> &str {
        &self.inventory.hosts.at(host).name
    }

    fn host(&self, id: crate::base::ids::HostId) -> Json {
        let host = self.inventory.hosts.at(id);
        json!({
            "name": host.name,
            "os": host.os.map(|os| os.name()),
            "address": host.address,
            "transport": host.connection.transport.name(),
        })
    }

    fn block(&self, id: BlockId, block: &Block) -> Json {
        let (hosts, batches) = match &block.hosts {
            BlockHosts::Known(hosts) => {
                let names = |hosts: &[crate::base::ids::HostId]| {
                    hosts.iter().map(|host| json!(self.name(*host))).collect::<Vec<_>>()
                };
                let table = block.table(hosts);
                (json!(names(hosts)), json!(table.iter().map(|batch| names(batch)).collect::<Vec<_>>()))
            }
            BlockHosts::Pending { text, within, .. } => {
                let within = within.as_ref().map(|limit| limit.iter().map(|host| self.name(*host)).collect::<Vec<_>>());
                (json!({ "pending": text, "within": within }), Json::Null)
            }
            BlockHosts::Controller => (json!([]), json!([])),
        };
        let steps = self.plan.steps.iter().filter(|(_, step)| step.block == Some(id));
        json!({
            "id": block.name,
            "parallel": block.parallel,
            "runs_at": if matches!(block.hosts, BlockHosts::Controller) { json!("controller") } else { Json::Null },
            "hosts": hosts,
            "batches": batches,
            "max_failures": block.max_failures,
            "at_once": block.at_once,
            "include_failed": block.include_failed,
            "when": self.guards(&block.guards),
            "steps": steps.map(|(_, step)| json!(step.name)).collect::<Vec<_>>(),
        })
    }

    fn step(&self, id: StepId, step: &Step) -> Json {
        let action = self.program.actions.at(step.action);
        let item = self.items.get(&id);
        let block = step.block.and_then(|block| self.plan.blocks.get(block));
        let hosts = match block.map(|block| &block.hosts) {
            Some(BlockHosts::Known(hosts)) => json!(hosts.iter().map(|host| self.name(*host)).collect::<Vec<_>>()),
            Some(BlockHosts::Pending { text, .. }) => json!({ "pending": text }),
            _ => json!([]),
        };
        let after: Vec<Json> = step
            .after
            .iter()
            .map(|edge| json!({ "step": self.plan.steps.at(edge.step).name, "why": edge.why.name() }))
            .collect();
        json!({
            "id": step.name,
            "block": block.map(|block| block.name.clone()),
            "clause": step.clause.name(),
            "parallel": item.and_then(|item| item.parallel.as_ref()),
            "action": action.name,
            "args": step.args.iter().map(|arg| (arg.name.clone(), self.shown(&arg.shown))).collect::<Map<_, _>>(),
            "hosts": hosts,
            "runs_at": self.runs_at(step, action.is_controller()),
            "as": step.user_on(None),
            "effect": step.row.level.name(),
            "effects": step.row.names(),
            "kind": step.kind.name(),
            "reversible": match step.reversible {
                Reversible::NotNeeded | Reversible::Yes => json!(true),
                Reversible::No => json!(false),
                Reversible::Depends => Json::Null,
            },
            "touches": step.touches,
            "when": self.guards(item.map_or(&[][..], |item| &item.guards)),
            "timeout": seconds(step.timeout),
            "retry": step.retry,
            "every": seconds(step.every),
            "after": after,
        })
    }

    fn gate(&self, gate: &Gate) -> Json {
        json!({
            "id": gate.name,
            "before": gate.before.iter().map(|step| json!(self.plan.steps.at(*step).name)).collect::<Vec<_>>(),
            "by": gate.by,
            "message": self.shown(&gate.shown),
            "within": gate.within.map(seconds),
            "pending": gate.pending,
        })
    }

    fn schedule(&self) -> Json {
        let Some(schedule) = &self.plan.schedule else { return Json::Null };
        let (every, day) = match schedule.every {
            Every::Hour => ("hour", Json::Null),
            Every::Day => ("day", Json::Null),
            Every::Week(day) => ("week", json!(day.name())),
            Every::Month(day) => ("month", json!(day)),
        };
        json!({
            "every": every,
            "day": day,
            "at": schedule.time(),
            "zone": schedule.zone,
            "window": self.plan.window.map(seconds),
        })
    }

    fn runs_at(&self, step: &Step, is_controller: bool) -> Json {
        match &step.runs_at {
            Some(RunsAt::Controller) => json!("controller"),
            Some(RunsAt::Host { shown, .. }) => self.shown(shown),
            None if is_controller => json!("controller"),
            None => Json::Null,
        }
    }

    fn guards(&self, guards: &[Guard]) -> Json {
        let text = |guard: &Guard| {
            let text = expression_text(&guard.condition, &self.plan.bindings);
            if guard.expected { text } else { format!("not ({text})") }
        };
        match guards {
            [] => Json::Null,
            guards => json!(guards.iter().map(text).collect::<Vec<_>>().join(" and ")),
        }
    }

    fn shown(&self, shown: &Shown) -> Json {
        match shown {
            Shown::Same(value) => self.value(value),
            Shown::Pending(text) => json!({ "pending": text }),
            Shown::ByHost(values) => {
                let by_host: Map<String, Json> =
                    values.iter().map(|(host, value)| (self.name(*host).to_string(), self.value(value))).collect();
                json!({ "by_host": by_host })
            }
        }
    }

    fn value(&self, value: &Value) -> Json {
        match value {
            Value::None => Json::Null,
            Value::Bool(value) => json!(value),
            Value::Int(value) => json!(value),
            Value::Float(value) | Value::Percent(value) => json!(value),
            Value::String(text) => json!(text),
            Value::Duration(milliseconds) => seconds(*milliseconds),
            Value::Size(bytes) => json!(bytes),
            Value::File(file) => json!({ "file": file.path, "sha256": file.sha256, "size": file.size }),
            Value::Folder(folder) => json!({
                "folder": folder.archive.path,
                "sha256": folder.archive.sha256,
                "size": folder.size,
                "count": folder.count,
            }),
            Value::Script(script) => json!({ "script": script.text }),
            Value::Host(host) => json!(self.name(*host)),
            Value::Hosts(hosts) => json!(hosts.iter().map(|host| self.name(*host)).collect::<Vec<_>>()),
            Value::List(items) => items.iter().map(|item| self.value(item)).collect(),
            Value::Record(fields) => {
                fields.iter().map(|(name, value)| (name.clone(), self.value(value))).collect::<Map<_, _>>().into()
            }
            Value::Secret(SecretRef::Source(source)) => json!({ "secret": source }),
            Value::Secret(made) => json!({ "secret": made.sources() }),
        }
    }
}

/// Whole seconds as a whole number.
fn seconds(milliseconds: u64) -> Json {
    if milliseconds.is_multiple_of(1000) { json!(milliseconds / 1000) } else { json!(milliseconds as f64 / 1000.0) }
}
