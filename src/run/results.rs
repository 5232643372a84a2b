//! What steps gave: values by binding and host, and how each ended. Knows nothing of how a step is run.

use std::collections::{BTreeMap, BTreeSet};

use super::schedule_data::Actor;
use crate::base::ids::{BindingId, HostId};
use crate::hir::value::Value;

/// How a step ended on one actor.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Flags {
    pub changed: bool,
    pub failed: bool,
    pub skipped: bool,
}

impl Flags {
    /// Of two rounds: skipped only where both were.
    fn with(self, other: Flags) -> Flags {
        Flags {
            changed: self.changed || other.changed,
            failed: self.failed || other.failed,
            skipped: self.skipped && other.skipped,
        }
    }
}

/// A step's result: its fields with `.changed .failed .skipped` among them.
#[derive(Clone, PartialEq, Debug)]
pub struct Recorded {
    pub value: Value,
    pub flags: Flags,
}

impl Recorded {
    pub fn new(fields: Vec<(String, Value)>, flags: Flags) -> Self {
        let reserved = [("changed", flags.changed), ("failed", flags.failed), ("skipped", flags.skipped)];
        let own = fields.into_iter().filter(|(name, _)| reserved.iter().all(|(word, _)| word != name));
        let flag_fields = reserved.iter().map(|(name, set)| (name.to_string(), Value::Bool(*set)));
        Recorded { value: Value::Record(own.chain(flag_fields).collect()), flags }
    }
}

/// Results of one actor that only itself sees until its block is over.
pub type Own = BTreeMap<BindingId, Recorded>;

/// Results of blocks that are over, seen by everyone.
#[derive(Clone, Default, Debug)]
pub struct Results {
    by_host: BTreeMap<BindingId, BTreeMap<HostId, Recorded>>,
    on_controller: BTreeMap<BindingId, Recorded>,
    blocks: BTreeMap<BindingId, Value>,
}

impl Results {
    pub fn publish(&mut self, actor: Actor, own: &Own) {
        for (binding, recorded) in own {
            match actor {
                Actor::Controller => {
                    self.on_controller.insert(*binding, recorded.clone());
                }
                Actor::Host(host) => {
                    self.by_host.entry(*binding).or_default().insert(host, recorded.clone());
                }
            }
        }
    }

    pub fn publish_block(&mut self, binding: BindingId, result: Value) {
        self.blocks.insert(binding, result);
    }

    /// The value of a name bound on the controller, or a block's result.
    pub fn single(&self, binding: BindingId) -> Option<&Value> {
        self.on_controller.get(&binding).map(|recorded| &recorded.value).or_else(|| self.blocks.get(&binding))
    }

    pub fn on_host(&self, binding: BindingId, host: HostId) -> Option<&Recorded> {
        self.by_host.get(&binding)?.get(&host)
    }

    /// Hosts with a result of any of these names, in inventory order.
    pub fn hosts(&self, bindings: &[BindingId]) -> Vec<HostId> {
        let found: BTreeSet<HostId> =
            bindings.iter().flat_map(|binding| self.of(*binding)).map(|(host, _)| *host).collect();
        found.into_iter().collect()
    }

    fn of(&self, binding: BindingId) -> impl Iterator<Item = (&HostId, &Recorded)> {
        self.by_host.get(&binding).into_iter().flatten()
    }

    /// `x.ok .failed .changed .skipped .count` after the block; the rounds of a loop count as one.
    pub fn summary(&self, bindings: &[BindingId]) -> Value {
        let mut flags: BTreeMap<HostId, Flags> = BTreeMap::new();
        for (host, recorded) in bindings.iter().flat_map(|binding| self.of(*binding)) {
            flags.entry(*host).and_modify(|flags| *flags = flags.with(recorded.flags)).or_insert(recorded.flags);
        }
        let hosts = |wanted: fn(&Flags) -> bool| {
            Value::Hosts(flags.iter().filter(|(_, flags)| wanted(flags)).map(|(host, _)| *host).collect())
        };
        Value::Record(vec![
            ("ok".to_string(), hosts(|flags| !flags.failed && !flags.skipped)),
            ("failed".to_string(), hosts(|flags| flags.failed)),
            ("changed".to_string(), hosts(|flags| flags.changed)),
            ("skipped".to_string(), hosts(|flags| flags.skipped)),
            ("count".to_string(), Value::Int(i64::try_from(flags.len()).unwrap_or(i64::MAX))),
        ])
    }
}
