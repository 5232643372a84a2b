//! What hosts are: asked all at once, or taken from what was found out not long ago.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use super::errors::AppError;
use super::execution::{now, runtime, state};
use super::running::{ConnectOptions, endpoints};
use super::side_by_side::side_by_side;
use crate::base::ids::HostId;
use crate::hir::value::Value;
use crate::hir::world::{Host, Inventory};
use crate::run::errors::{Phase, StepError};
use crate::run::facts;
use crate::run::ports::{Connector, LiveConnector};
use crate::shell::Program;
use crate::state::{Facts, Journal};

/// How facts are asked for.
pub struct Wish {
    /// Milliseconds; older facts are asked for again.
    pub max_age: u64,
    pub forks: usize,
}

/// One host.
pub struct HostFacts {
    pub host: HostId,
    /// Facts by name and when they were read, in milliseconds since 1970; or why there are none.
    pub found: Result<(Json, u64), String>,
}

/// The facts of each host, in order. What is read now is kept for the next time.
pub fn host_facts(
    inventory: &Inventory,
    hosts: &[HostId],
    journal: &Journal,
    options: &ConnectOptions,
    wish: &Wish,
) -> Result<Vec<HostFacts>, AppError> {
    let known = journal.facts().map_err(state)?;
    let now = now();
    let fresh = |host: &HostId| {
        let facts = known.get(&name(inventory.hosts.at(*host)))?;
        let is_fresh = wish.max_age > now.saturating_sub(facts.time);
        Some((serde_json::from_str(&facts.json).ok()?, facts.time)).filter(|_| is_fresh)
    };
    let mut found: BTreeMap<HostId, Result<(Json, u64), String>> =
        hosts.iter().filter_map(|host| Some((*host, Ok(fresh(host)?)))).collect();
    let unknown: Vec<HostId> = hosts.iter().copied().filter(|host| !found.contains_key(host)).collect();
    let wires = LiveConnector { endpoints: endpoints(inventory, unknown.iter().copied(), options), backlog: None };
    for (host, answer) in runtime()?.block_on(ask(inventory, &unknown, wires, wish.forks)) {
        if let Ok(facts) = &answer {
            let facts = Facts { json: facts.to_string(), time: now };
            journal.keep_facts(&name(inventory.hosts.at(host)), facts).map_err(state)?;
        }
        found.insert(host, answer.map(|facts| (facts, now)));
    }
    Ok(hosts.iter().filter_map(|host| Some(HostFacts { host: *host, found: found.remove(host)? })).collect())
}

/// Another machine may get an address, and a name another address.
fn name(host: &Host) -> String {
    format!("{} {}", host.name, host.address)
}

async fn ask(
    inventory: &Inventory,
    hosts: &[HostId],
    wires: LiveConnector,
    forks: usize,
) -> Vec<(HostId, Result<Json, String>)> {
    let wires = Arc::new(wires);
    side_by_side(hosts, forks, |host| {
        let wires = Arc::clone(&wires);
        let program = facts::program(facts::language_of(inventory.hosts.at(host).os));
        async move { ask_one(wires.as_ref(), host, &program).await.map_err(|error| error.with_hint()) }
    })
    .await
}

async fn ask_one(wires: &LiveConnector, host: HostId, program: &Program) -> Result<Json, StepError> {
    let failed = |error| StepError::Wire { phase: Phase::Facts, error };
    let mut wire = wires.connect(host).await.map_err(failed)?;
    let completed = wire.run(None, program, facts::DEADLINE, &mut |_, _| {}).await.map_err(failed)?;
    wire.close().await;
    facts::read(completed).map(|facts| json(&facts))
}

/// Sizes as bytes.
fn json(facts: &Value) -> Json {
    let Value::Record(fields) = facts else { return Json::Null };
    let value = |value: &Value| match value {
        Value::String(text) => text.as_str().into(),
        Value::Int(number) => (*number).into(),
        Value::Size(bytes) => (*bytes).into(),
        _ => Json::Null,
    };
    Json::Object(fields.iter().map(|(name, fact)| (name.clone(), value(fact))).collect())
}
