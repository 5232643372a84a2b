//! Undoes what earlier runs changed: their blocks in reverse, in each block the hosts side by side.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::context::Context;
use super::earlier::Left;
use super::event::{EventKind, HostOutcome};
use super::exit;
use super::host::{ActorState, Worker};
use super::results::{Own, Results};
use super::schedule_data::{Actor, End, Work};
use super::step::recorded;
use super::summary::{BlockSummary, Summary, status};
use crate::base::ids::BlockId;
use crate::plan::model::Step;

/// Every step of each host is undone that can be; a host that cannot be reached does not keep the others from it.
pub async fn go_back(context: Arc<Context>, forks: usize, stop: watch::Receiver<u8>) -> Summary {
    let started = Instant::now();
    let mut going = GoingBack::new(context, forks);
    going.announce();
    let blocks: Vec<BlockId> = going.context.plan.blocks.ids().collect();
    let mut stop = stop;
    let mut stopped = false;
    for block in blocks.into_iter().rev() {
        if !stopped {
            tokio::select! {
                () = going.block(block) => {}
                // Half a way back is worse than a whole one: only the third Ctrl-C cuts it off.
                Ok(_) = stop.wait_for(|level| *level >= 3) => stopped = true,
            }
        }
    }
    let elapsed = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    going.finish(stopped, elapsed).await
}

struct GoingBack {
    context: Arc<Context>,
    published: Arc<Results>,
    states: BTreeMap<Actor, ActorState>,
    turns: Arc<Semaphore>,
    blocks: Vec<(BlockId, Vec<(Actor, End)>)>,
}

impl GoingBack {
    fn new(context: Arc<Context>, forks: usize) -> GoingBack {
        let mut own: BTreeMap<Actor, Own> = BTreeMap::new();
        let names = context.inventory.hosts.iter().map(|(id, host)| (host.name.as_str(), Actor::Host(id)));
        let actors: BTreeMap<&str, Actor> = [("controller", Actor::Controller)].into_iter().chain(names).collect();
        let steps: BTreeMap<&str, &Step> = context.plan.steps.values().map(|step| (step.name.as_str(), step)).collect();
        for (host, name, left) in context.earlier.all() {
            let (Some(actor), Some(step)) = (actors.get(host), steps.get(name)) else { continue };
            // What a step's arguments are made of; a result that cannot be read is missed where it is needed.
            if let (Some(binding), Ok(recorded)) = (step.binding, recorded(&context, step, left)) {
                own.entry(*actor).or_default().insert(binding, recorded);
            }
        }
        let mut published = Results::default();
        own.iter().for_each(|(actor, own)| published.publish(*actor, own));
        let with_results = |(actor, own)| {
            let mut state = ActorState::new(&context, actor);
            state.own = own;
            (actor, state)
        };
        let states = own.into_iter().map(with_results).collect();
        let turns = Arc::new(Semaphore::new(forks.max(1)));
        GoingBack { context, published: Arc::new(published), states, turns, blocks: Vec::new() }
    }

    fn announce(&self) {
        let plan = &self.context.plan;
        let changes: Vec<(&str, &str, &Left)> =
            self.context.earlier.all().filter(|(_, _, left)| left.changed).collect();
        let mut hosts: Vec<String> = changes.iter().map(|(host, _, _)| (*host).to_string()).collect();
        hosts.dedup();
        self.context.events.emit(EventKind::RunStarted {
            run: self.context.run,
            playbook: plan.playbook.clone(),
            digest: plan.digest.clone(),
            hosts,
            steps: changes.len(),
        });
    }

    async fn block(&mut self, block: BlockId) {
        let hosts = std::iter::once(Actor::Controller).chain(self.context.inventory.hosts.ids().map(Actor::Host));
        let has_changes =
            |actor: &Actor| self.context.earlier.changes(block, &self.context.name(*actor)).next().is_some();
        let actors: Vec<Actor> = hosts.filter(has_changes).collect();
        let mut tasks = JoinSet::new();
        for actor in actors {
            let state = self.states.remove(&actor).unwrap_or_else(|| ActorState::new(&self.context, actor));
            let (context, published) = (Arc::clone(&self.context), Arc::clone(&self.published));
            let worker =
                Worker { context, published, state, work: Work::Rollback(block), batch: Vec::new(), batch_of: None };
            let turns = Arc::clone(&self.turns);
            tasks.spawn(async move {
                let turn = turns.acquire_owned().await;
                let (state, end) = worker.run().await;
                drop(turn);
                (actor, state, end)
            });
        }
        let mut ends = Vec::new();
        while let Some(ended) = tasks.join_next().await {
            match ended {
                Ok((actor, state, end)) => {
                    self.states.insert(actor, state);
                    ends.push((actor, end));
                }
                Err(error) => {
                    tracing::error!(%error, "a way back broke");
                    ends.push((Actor::Controller, End::Crashed));
                }
            }
        }
        if !ends.is_empty() {
            self.blocks.push((block, ends));
        }
    }

    async fn finish(self, stopped: bool, elapsed_ms: u64) -> Summary {
        let ends = || self.blocks.iter().flat_map(|(_, ends)| ends).map(|(_, end)| end);
        let is_back = |end: &End| matches!(end, End::RolledBack { clean: true, complete: true } | End::NothingToUndo);
        let ladder = [
            (ends().any(|end| *end == End::Crashed), exit::BUG),
            (ends().any(|end| !is_back(end) && *end != End::Unreachable), exit::ROLLBACK_FAILED),
            (stopped, exit::STOPPED),
            (ends().any(|end| *end == End::Unreachable), exit::SOME_UNREACHABLE),
        ];
        let exit = ladder.into_iter().find(|(holds, _)| *holds).map_or(0, |(_, code)| code);
        let outcome = |end: &End| match end {
            End::Unreachable => HostOutcome::Unreachable,
            end if is_back(end) => HostOutcome::RolledBack,
            _ => HostOutcome::Dirty,
        };
        let named = |(block, ends): &(BlockId, Vec<(Actor, End)>)| BlockSummary {
            block: self.context.plan.blocks.get(*block).map(|block| block.name.clone()).unwrap_or_default(),
            hosts: ends.iter().map(|(actor, end)| (self.context.name(*actor), outcome(end))).collect(),
        };
        let blocks = self.blocks.iter().map(named).collect();
        let gone_back: BTreeSet<Actor> =
            self.blocks.iter().flat_map(|(_, ends)| ends).map(|(actor, _)| *actor).collect();
        let hosts: Vec<_> = gone_back.iter().filter_map(|actor| Some(self.states.get(actor)?.recap.clone())).collect();
        for state in self.states.into_values() {
            state.close().await;
        }
        self.context.places.close().await;
        let status = status(exit);
        let finished = EventKind::RunFinished { exit, status: status.to_string(), elapsed_ms, hosts: hosts.clone() };
        self.context.events.emit(finished);
        Summary { exit, status, elapsed_ms, hosts, blocks }
    }
}
