//! An approval that a run comes to: it was given, for these very values, or it is asked for, and then the run stops.

use std::sync::Arc;

use sha2::Digest;

use super::arguments;
use super::dispatcher::host_set;
use super::errors::StepError;
use super::event::EventKind;
use super::host::Worker;
use super::schedule_data::{Actor, End, Work};
use crate::base::hex::hex;
use crate::base::ids::{GateId, HostId, StepId};
use crate::hir::value::Value;
use crate::plan::model::{Block, BlockHosts, Gate, ItemKind};
use crate::state::{Approval, Verdict};

impl Worker {
    pub(super) async fn gate(&mut self, id: GateId) -> Result<(), End> {
        let context = Arc::clone(&self.context);
        let gate = context.plan.gates.at(id);
        if !self.is_anything_behind(gate) {
            return Ok(());
        }
        match self.asked(gate) {
            Ok(asked) => self.pass(gate, asked).await,
            Err(error) => Err(self.refused(&gate.name, &error)),
        }
    }

    /// A gate behind which nothing would happen is not asked; behind the one after the last batch no other batch is.
    fn is_anything_behind(&self, gate: &Gate) -> bool {
        let last = self.batch_of.is_some_and(|(number, of)| number == of);
        let block = match self.work {
            Work::AfterBatch(block) if last => self.context.plan.blocks.get(block),
            _ => None,
        };
        let of_batch = |step: &StepId| {
            block.is_some_and(|block| {
                block.items.iter().any(|item| matches!(item.kind, ItemKind::Step(id) if id == *step))
            })
        };
        gate.before.iter().any(|step| !of_batch(step) && !self.is_for_nobody(*step))
    }

    /// The run decided on which hosts, and they are none.
    fn is_for_nobody(&self, step: StepId) -> bool {
        let block = self.context.step(step).block.and_then(|block| self.context.plan.blocks.get(block));
        block.and_then(|block| self.decided(&block.hosts)).is_some_and(|hosts| hosts.is_empty())
    }

    /// The hosts that the run decided on, where it does and has.
    fn decided(&self, hosts: &BlockHosts) -> Option<Vec<HostId>> {
        let BlockHosts::Pending { hosts, within, .. } = hosts else { return None };
        let mut chosen = host_set(self.scoped(|scope| arguments::known(hosts, scope)).ok()?);
        chosen.retain(|host| within.as_ref().is_none_or(|limit| limit.contains(host)));
        Some(chosen)
    }

    async fn pass(&mut self, gate: &Gate, asked: Approval) -> Result<(), End> {
        let context = Arc::clone(&self.context);
        let given = context.earlier.approval(&asked.gate, asked.batch).filter(|given| given.is_given());
        let given = given.filter(|given| !given.is_late(asked.asked) || self.has_begun(gate, given));
        match given {
            Some(Approval { id, run, digest, verdict: Some(verdict), .. }) if *digest == asked.digest => {
                let Verdict { name, user, .. } = verdict.clone();
                context.use_approval(*id).await.map_err(|error| self.refused(&gate.name, &error))?;
                let (gate, batch) = (asked.gate, asked.batch);
                context.events.emit(EventKind::ApprovalUsed { gate, batch, by: name, user, run: *run });
                Ok(())
            }
            _ => {
                let differs = given.map(|given| differences(given, &asked)).unwrap_or_default();
                context.ask(asked.clone()).await.map_err(|error| self.refused(&gate.name, &error))?;
                let end = End::Waits { differs: !differs.is_empty() };
                let Approval { gate: name, batch, by, message, .. } = asked;
                let within = gate.within;
                context.events.emit(EventKind::ApprovalRequested { gate: name, batch, by, message, within, differs });
                Err(end)
            }
        }
    }

    /// A run went on past it in time, and what that run did behind it is still there: now it is only finished.
    fn has_begun(&self, gate: &Gate, given: &Approval) -> bool {
        let is_behind = |step: &str| gate.before.iter().any(|id| self.context.step(*id).name == step);
        let since = |run: i64| given.used.is_some_and(|used| run >= used);
        self.context.earlier.all().any(|(_, step, left)| since(left.run) && is_behind(step))
    }

    /// What is to be approved, as it is known here and now.
    fn asked(&self, gate: &Gate) -> Result<Approval, StepError> {
        let message = match self.scoped(|scope| arguments::known(&gate.message, scope))? {
            Value::String(text) => text,
            other => other.literal(),
        };
        let message = self.context.redactor().clean(&message);
        let hosts = self.hosts_behind(gate);
        let batch = self.batch_of.map(|(number, _)| number);
        let plan = &self.context.plan.digest;
        let parts = serde_json::json!([plan, gate.name, batch, message, hosts]).to_string();
        let asked = self.context.now();
        Ok(Approval {
            id: 0,
            run: self.context.run,
            gate: gate.name.clone(),
            batch,
            by: gate.by.clone(),
            message,
            hosts,
            digest: format!("sha256:{}", hex(&sha2::Sha256::digest(parts.as_bytes()))),
            asked,
            until: gate.within.map(|within| asked.saturating_add(within)),
            verdict: None,
            used: None,
        })
    }

    /// The batch that it stands after, and the hosts of each block behind it, as far as they are decided by now.
    fn hosts_behind(&self, gate: &Gate) -> Vec<String> {
        let names = |hosts: Vec<_>| {
            let actors: Vec<Actor> = hosts.into_iter().map(Actor::Host).collect();
            self.context.names(&actors).join(", ")
        };
        let mut behind = Vec::new();
        if let Some((number, _)) = self.batch_of {
            behind.push(format!("batch {number}: {}", names(self.batch.clone())));
        }
        let blocks = self.context.plan.blocks.iter().filter(|(_, block)| stands_behind(gate, block));
        for (id, block) in blocks {
            match &block.hosts {
                BlockHosts::Known(hosts) if self.work == Work::AfterBatch(id) => {
                    let done = self.batch_of.map_or(0, |(number, _)| number);
                    let later: Vec<_> = block.table(hosts).into_iter().skip(done).flatten().collect();
                    if !later.is_empty() {
                        behind.push(format!("{} after it: {}", block.name, names(later)));
                    }
                }
                BlockHosts::Known(hosts) => behind.push(format!("{}: {}", block.name, names(hosts.clone()))),
                BlockHosts::Pending { text, .. } => {
                    let chosen = self.decided(&block.hosts);
                    behind.extend(chosen.map(|chosen| format!("{text}: {}", names(chosen))));
                }
                BlockHosts::Controller => {}
            }
        }
        behind
    }
}

fn stands_behind(gate: &Gate, block: &Block) -> bool {
    block.items.iter().any(|item| matches!(item.kind, ItemKind::Step(step) if gate.before.contains(&step)))
}

/// What was approved then, and is another thing now.
fn differences(then: &Approval, now: &Approval) -> Vec<String> {
    let mut found = Vec::new();
    if then.message != now.message {
        found.push(format!("the message was \"{}\", it is \"{}\" now", then.message, now.message));
    }
    if then.hosts != now.hosts {
        let listed = |hosts: &[String]| if hosts.is_empty() { "none".to_string() } else { hosts.join("; ") };
        found.push(format!("the hosts were {}, they are {} now", listed(&then.hosts), listed(&now.hosts)));
    }
    if found.is_empty() {
        found.push("the plan is another one".to_string());
    }
    found
}
