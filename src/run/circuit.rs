//! Hosts that give no connection are left alone for a time, then one attempt says whether that goes on: a state machine
//! for each host, and for each group of hosts of which a share fails. Pure: time is an argument. Knows no wires.
//!
//! ```text
//! closed ── failures in a row ──▶ open ── its time is over ──▶ half open (one attempt)
//!    ▲                             ▲                               │
//!    └────────── success ──────────┴─────────── failure ───────────┘
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use crate::base::ids::HostId;
use crate::base::words;
use crate::hir::world::Inventory;

/// When a host is left alone, and for how long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// In a row.
    pub failures: usize,
    pub pause: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { failures: 3, pause: Duration::from_secs(30) }
    }
}

impl Limits {
    fn until(&self, now: u64) -> u64 {
        now.saturating_add(u64::try_from(self.pause.as_millis()).unwrap_or(u64::MAX))
    }
}

/// So many hosts of a group, one after another and none between them that answered: a quarter of it, within bounds.
/// A group that is too small for that has no circuit of its own.
pub fn group_failures(hosts: usize) -> usize {
    (hosts / 4).clamp(5, 20)
}

/// What the circuit stands for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Of {
    Host(HostId),
    /// Its name.
    Group(String),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    Closed,
    /// Nobody asks before `until`.
    Open {
        since: u64,
        until: u64,
    },
    /// One attempt is under way; of one that is never heard of again nothing is expected after `until`.
    HalfOpen {
        since: u64,
        until: u64,
    },
}

impl State {
    pub fn name(self) -> &'static str {
        match self {
            State::Closed => "closed",
            State::Open { .. } => "open",
            State::HalfOpen { .. } => "half_open",
        }
    }
}

/// Why no attempt is made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    /// A host's or a group's name.
    pub name: String,
    pub is_group: bool,
    /// Milliseconds since 1970, UTC.
    pub since: u64,
    pub until: u64,
    pub last: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Refused { name, is_group, since, until, last } = self;
        let of = if *is_group { format!("group {name}") } else { name.clone() };
        let (since, until) = (words::time_of_day(*since), words::time_of_day(*until));
        write!(formatter, "circuit open for {of} since {since}, until {until}; last error: {last}")
    }
}

/// A circuit came to another state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Changed {
    pub of: Of,
    pub state: State,
    /// The error that it was last about.
    pub last: String,
}

struct Circuit {
    state: State,
    /// Failures since the last success, by number; of a group, each host counts once.
    failures: usize,
    failed: BTreeSet<HostId>,
    most: usize,
    last: String,
}

impl Circuit {
    fn new(most: usize) -> Circuit {
        Circuit { state: State::Closed, failures: 0, failed: BTreeSet::new(), most, last: String::new() }
    }

    /// Since when and until when nobody asks.
    fn refuses(&self, now: u64) -> Option<(u64, u64)> {
        match self.state {
            State::Open { since, until } | State::HalfOpen { since, until } if now < until => Some((since, until)),
            _ => None,
        }
    }

    /// An attempt begins; whether it is the one that decides.
    fn begin(&mut self, until: u64) -> bool {
        let (State::Open { since, .. } | State::HalfOpen { since, .. }) = self.state else { return false };
        self.state = State::HalfOpen { since, until };
        true
    }

    fn failed(&mut self, (now, until): (u64, u64), error: &str) -> bool {
        self.last = error.to_string();
        match self.state {
            State::Closed if self.failures >= self.most => self.state = State::Open { since: now, until },
            State::HalfOpen { since, .. } => self.state = State::Open { since, until },
            // One that had begun before; it changes nothing.
            State::Closed | State::Open { .. } => return false,
        }
        true
    }

    fn succeeded(&mut self) -> bool {
        let was = std::mem::replace(&mut self.state, State::Closed);
        self.failures = 0;
        self.failed.clear();
        was != State::Closed
    }
}

/// The circuits of one run. A host has one from its first failure on.
#[derive(Default)]
pub struct Circuits {
    circuits: BTreeMap<Of, Circuit>,
    groups: BTreeMap<HostId, Vec<String>>,
    names: BTreeMap<HostId, String>,
    limits: Limits,
}

impl Circuits {
    pub fn new(inventory: &Inventory, limits: Limits) -> Circuits {
        let mut circuits = Circuits { limits, ..Circuits::default() };
        for group in inventory.groups.iter().filter(|group| group.hosts.len() >= group_failures(group.hosts.len())) {
            let circuit = Circuit::new(group_failures(group.hosts.len()));
            circuits.circuits.insert(Of::Group(group.name.clone()), circuit);
            for host in &group.hosts {
                circuits.groups.entry(*host).or_default().push(group.name.clone());
            }
        }
        circuits.names = inventory.hosts.iter().map(|(id, host)| (id, host.name.clone())).collect();
        circuits
    }

    /// Whether an attempt may be made now; it has begun then. What a host is refused for does not begin that of its group.
    pub fn ask(&mut self, host: HostId, now: u64) -> Result<Vec<Changed>, Refused> {
        let all = self.of(host);
        for of in &all {
            let Some(circuit) = self.circuits.get(of) else { continue };
            if let Some((since, until)) = circuit.refuses(now) {
                let (name, is_group) = (self.name(of), matches!(of, Of::Group(_)));
                return Err(Refused { name, is_group, since, until, last: circuit.last.clone() });
            }
        }
        let until = self.limits.until(now);
        Ok(self.change(all, |circuit| circuit.begin(until)))
    }

    /// An attempt gave no connection.
    pub fn failed(&mut self, host: HostId, now: u64, error: &str) -> Vec<Changed> {
        let (all, limits) = (self.of(host), self.limits);
        self.circuits.entry(Of::Host(host)).or_insert_with(|| Circuit::new(limits.failures)).failures += 1;
        for of in all.iter().filter(|of| matches!(of, Of::Group(_))) {
            if let Some(circuit) = self.circuits.get_mut(of)
                && circuit.failed.insert(host)
            {
                circuit.failures += 1;
            }
        }
        self.change(all, |circuit| circuit.failed((now, limits.until(now)), error))
    }

    pub fn succeeded(&mut self, host: HostId) -> Vec<Changed> {
        self.change(self.of(host), Circuit::succeeded)
    }

    pub fn name(&self, of: &Of) -> String {
        match of {
            Of::Host(host) => self.names.get(host).cloned().unwrap_or_default(),
            Of::Group(name) => name.clone(),
        }
    }

    /// The host's own first.
    fn of(&self, host: HostId) -> Vec<Of> {
        let groups = self.groups.get(&host).into_iter().flatten().cloned().map(Of::Group);
        std::iter::once(Of::Host(host)).chain(groups).collect()
    }

    fn change(&mut self, all: Vec<Of>, mut act: impl FnMut(&mut Circuit) -> bool) -> Vec<Changed> {
        let mut changed = Vec::new();
        for of in all {
            if let Some(circuit) = self.circuits.get_mut(&of)
                && act(circuit)
            {
                changed.push(Changed { of, state: circuit.state, last: circuit.last.clone() });
            }
        }
        changed
    }
}
