//! Does what the schedule says: starts stretches of work as tasks, decides blocks, publishes results, sends events.
//! Owns all state of a run; a stretch of work owns its actor's state while it runs. Decides no order itself.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{Id as TaskId, JoinError, JoinSet};
use tokio::time::Instant;

use super::context::Context;
use super::errors::{RunError, StepError};
use super::event::{EventKind, HostOutcome, HostRecap, Outcome};
use super::host::{ActorState, Worker};
use super::prepare::Surroundings;
use super::results::{Own, Results};
use super::schedule::Schedule;
use super::schedule_data::{Actor, Effect, End, Input, Outline, Shape, Work};
use super::summary::{BlockSummary, Summary, status};
use crate::base::ids::{BlockId, HostId};
use crate::eval::eval_condition;
use crate::eval::fits::fits;
use crate::eval::hosts::canonical;
use crate::hir::value::Value;
use crate::plan::model::{Block, BlockHosts, Plan};

pub struct Dispatcher {
    context: Arc<Context>,
    schedule: Schedule,
    /// Actors that are not at work now; the others' states are in their tasks.
    idle: BTreeMap<Actor, ActorState>,
    published: Arc<Results>,
    tasks: JoinSet<(Actor, ActorState, End)>,
    at_work: BTreeMap<TaskId, Actor>,
    /// Raised by Ctrl-C and by `max_duration`; the only way a stretch of work learns of them.
    halt: watch::Sender<u8>,
    stop: watch::Receiver<u8>,
    exit: Option<i32>,
    started: Instant,
}

impl Dispatcher {
    pub fn new(context: Arc<Context>, halt: watch::Sender<u8>, stop: watch::Receiver<u8>, forks: usize) -> Self {
        let schedule = Schedule::new(outline(&context.plan, forks));
        Dispatcher {
            context,
            schedule,
            idle: BTreeMap::new(),
            published: Arc::new(Results::default()),
            tasks: JoinSet::new(),
            at_work: BTreeMap::new(),
            halt,
            stop,
            exit: None,
            started: Instant::now(),
        }
    }

    pub async fn run(mut self) -> Result<Summary, RunError> {
        self.announce();
        let expires = self.context.plan.max_duration.map(Duration::from_millis);
        self.feed(Input::Begin);
        self.interrupted();
        let mut expired = false;
        let mut watching = true;
        while self.exit.is_none() {
            let left = expires.filter(|_| !expired).map(|limit| limit.saturating_sub(self.started.elapsed()));
            // What comes at the same time is heard in this order, so that a simulated run is the same every time.
            tokio::select! {
                biased;
                changed = self.stop.changed(), if watching => match changed {
                    Ok(()) => self.interrupted(),
                    Err(_) => watching = false,
                },
                () = tokio::time::sleep(left.unwrap_or_default()), if left.is_some() => {
                    expired = true;
                    self.raise(2);
                    self.feed(Input::Expired);
                }
                ended = self.tasks.join_next_with_id() => match ended {
                    Some(ended) => self.ended(ended),
                    None => return Err(RunError::Broken),
                },
            }
        }
        self.finish().await
    }

    fn announce(&self) {
        let plan = &self.context.plan;
        self.context.events.emit(EventKind::RunStarted {
            run: self.context.run,
            playbook: plan.playbook.clone(),
            digest: plan.digest.clone(),
            hosts: plan.hosts.iter().map(|host| self.context.name(Actor::Host(*host))).collect(),
            steps: plan.steps.len(),
        });
    }

    fn interrupted(&mut self) {
        let level = *self.stop.borrow_and_update();
        if level > 0 {
            self.context.events.emit(EventKind::StopRequested { level });
            self.raise(level);
            self.feed(Input::Stop(level));
        }
    }

    fn raise(&mut self, level: u8) {
        self.halt.send_if_modified(|current| {
            let higher = level > *current;
            *current = level.max(*current);
            higher
        });
    }

    /// Inputs that effects give rise to are fed in turn, not nested.
    fn feed(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            for effect in self.schedule.handle(input) {
                inputs.extend(self.act(effect));
            }
        }
    }

    fn act(&mut self, effect: Effect) -> Option<Input> {
        match effect {
            Effect::Resolve(block) => return Some(self.resolve(block)),
            Effect::Start(actor, work) => self.start(actor, work),
            Effect::BatchStarted { block, batch, of, actors } => {
                if batch == 1 {
                    self.block_started(block, of);
                }
                let (block, hosts) = (self.block_name(block), self.context.names(&actors));
                self.context.events.emit(EventKind::BatchStarted { block, batch, of, hosts });
            }
            Effect::BatchFinished { block, batch } => {
                let block = self.block_name(block);
                self.context.events.emit(EventKind::BatchFinished { block, batch });
            }
            Effect::ActorFinished { block, actor, outcome } => {
                let (block, host) = (self.block_name(block), self.context.name(actor));
                self.context.events.emit(EventKind::HostFinished { block, host, outcome });
            }
            Effect::ThresholdReached { block, failures, max_failures, not_started } => {
                let (block, not_started) = (self.block_name(block), self.context.names(&not_started));
                let kind = EventKind::ThresholdReached { block, failures, max_failures, not_started };
                self.context.events.emit(kind);
            }
            Effect::HostsNotStarted { block, hosts, reason } => {
                let (block, hosts) = (self.block_name(block), self.context.names(&hosts));
                self.context.events.emit(EventKind::HostsNotStarted { block, hosts, reason });
            }
            Effect::BlockFinished(block) => self.publish(block),
            Effect::HostInTwoBlocks { host, blocks } => self.refuse_shared(host, blocks),
            Effect::Abandon => self.tasks.abort_all(),
            Effect::Finished { exit } => self.exit = Some(exit),
        }
        None
    }

    fn block_name(&self, block: BlockId) -> String {
        self.context.plan.blocks.get(block).map(|block| block.name.clone()).unwrap_or_default()
    }

    fn block_started(&self, block: BlockId, batches: usize) {
        let actors = self.schedule.blocks().iter().filter(|run| run.block == block).flat_map(|run| run.tracks.keys());
        let hosts = self.context.names(actors);
        self.context.events.emit(EventKind::BlockStarted { block: self.block_name(block), hosts, batches });
    }

    fn start(&mut self, actor: Actor, work: Work) {
        let state = self.idle.remove(&actor).unwrap_or_else(|| ActorState::new(&self.context, actor));
        if let Work::Main(block) = work {
            let (block, host) = (self.block_name(block), self.context.name(actor));
            self.context.events.emit(EventKind::HostStarted { block, host });
        }
        let (mut batch, mut batch_of) = (Vec::new(), None);
        if let Work::AfterBatch(block) = work {
            batch = self.schedule.current_batch(block);
            self.publish_of(batch.iter().copied().map(Actor::Host).collect());
            let run = self.schedule.blocks().iter().find(|run| run.block == block);
            batch_of = run.map(|run| (run.batch + 1, run.shape.batches.len()));
        }
        let (context, published) = (Arc::clone(&self.context), Arc::clone(&self.published));
        let worker = Worker { context, published, state, work, batch, batch_of };
        let task = self.tasks.spawn(async move {
            let (state, end) = worker.run().await;
            (actor, state, end)
        });
        self.at_work.insert(task.id(), actor);
    }

    fn ended(&mut self, ended: Result<(TaskId, (Actor, ActorState, End)), JoinError>) {
        match ended {
            Ok((task, (actor, state, end))) => {
                self.at_work.remove(&task);
                self.idle.insert(actor, state);
                self.feed(Input::Ended(actor, end));
            }
            // The state is lost with the task: what the actor did can no longer be undone, and the exit code says so.
            Err(error) => {
                if let Some(actor) = self.at_work.remove(&error.id()) {
                    tracing::error!(%error, "a stretch of work broke");
                    self.feed(Input::Ended(actor, End::Crashed));
                }
            }
        }
    }

    fn resolve(&self, id: BlockId) -> Input {
        let Some(block) = self.context.plan.blocks.get(id) else { return Input::NotResolved };
        match self.shape(block) {
            Ok(shape) => Input::Resolved(shape),
            Err(error) => {
                self.tell_undecided(&block.name, &error);
                Input::NotResolved
            }
        }
    }

    fn refuse_shared(&self, host: HostId, [first, second]: [BlockId; 2]) {
        let (first, second) = (self.block_name(first), self.block_name(second));
        let host = self.context.name(Actor::Host(host));
        self.tell_undecided(&second.clone(), &StepError::HostInTwoBlocks { host, first, second });
    }

    /// A block that cannot begin fails the run, and its name stands where a step's would.
    fn tell_undecided(&self, block: &str, error: &StepError) {
        self.context.events.emit(EventKind::StepFinished {
            step: block.to_string(),
            host: "controller".to_string(),
            attempt: 1,
            outcome: Outcome::Failed,
            error: Some(self.context.redactor().clean(&error.to_string())),
            evidence: super::event::Evidence::default(),
        });
    }

    fn shape(&self, block: &Block) -> Result<Option<Shape>, StepError> {
        let own = Own::new();
        let around = Surroundings {
            actor: Actor::Controller,
            published: &self.published,
            own: &own,
            batch: &[],
            foreseen: None,
        };
        let scope = around.scope(&self.context, None);
        for guard in &block.guards {
            let met = eval_condition(&guard.condition, &scope).map_err(StepError::Expression)?;
            if met.unwrap_or(false) != guard.expected {
                return Ok(None);
            }
        }
        let batches = match &block.hosts {
            BlockHosts::Controller => vec![vec![Actor::Controller]],
            BlockHosts::Known(hosts) => as_actors(&block.table(hosts)),
            BlockHosts::Pending { hosts, text, within } => {
                let value = super::arguments::known(hosts, &scope)?;
                let misfit = |misfit| StepError::Argument { param: text.clone(), misfit };
                fits(&value, &hosts.ty).map_err(misfit)?;
                let mut chosen = host_set(value);
                chosen.retain(|host| within.as_ref().is_none_or(|limit| limit.contains(host)));
                as_actors(&block.table(&chosen))
            }
        };
        Ok(Some(Shape {
            batches,
            at_once: block.at_once,
            max_failures: block.max_failures,
            include_failed: block.include_failed,
            on_failure: !block.on_failure.is_empty(),
            after_batch: !block.after_batch.is_empty(),
            always: !block.always.is_empty(),
        }))
    }

    /// A block is over: its results are everyone's from now on.
    fn publish(&mut self, id: BlockId) {
        let Some(run) = self.schedule.blocks().iter().find(|run| run.block == id) else { return };
        self.publish_of(run.tracks.keys().copied().collect());
        if let Some(binding) = self.context.plan.blocks.get(id).and_then(|block| block.binding) {
            let result = self.block_result(id);
            Arc::make_mut(&mut self.published).publish_block(binding, result);
        }
    }

    /// What is there already is copied only where work under way still looks at it: a batch must not cost what all of
    /// those before it gave.
    fn publish_of(&mut self, actors: Vec<Actor>) {
        let results = Arc::make_mut(&mut self.published);
        for actor in actors {
            if let Some(state) = self.idle.get(&actor) {
                results.publish(actor, &state.own);
            }
        }
    }

    fn block_result(&self, id: BlockId) -> Value {
        let run = self.schedule.blocks().iter().find(|run| run.block == id);
        let tracks: Vec<(HostId, HostOutcome)> = run
            .into_iter()
            .flat_map(|run| &run.tracks)
            .filter_map(|(actor, track)| match actor {
                Actor::Host(host) => Some((*host, track.outcome())),
                Actor::Controller => None,
            })
            .collect();
        let with = |wanted: HostOutcome| {
            let found = tracks.iter().filter(|(_, outcome)| *outcome == wanted).map(|(host, _)| *host);
            Value::Hosts(canonical(found.collect()))
        };
        let changed = |host: &HostId| {
            self.idle.get(&Actor::Host(*host)).is_some_and(|state| state.changed.get(&id) == Some(&true))
        };
        let changed = tracks.iter().map(|(host, _)| *host).filter(changed).collect();
        let fields = [
            ("ok", with(HostOutcome::Ok)),
            ("skipped", with(HostOutcome::Skipped)),
            ("failed", with(HostOutcome::Failed)),
            ("unreachable", with(HostOutcome::Unreachable)),
            ("rolled_back", with(HostOutcome::RolledBack)),
            ("dirty", with(HostOutcome::Dirty)),
            ("not_run", with(HostOutcome::NotRun)),
            ("changed", Value::Hosts(canonical(changed))),
        ];
        Value::Record(fields.into_iter().map(|(name, value)| (name.to_string(), value)).collect())
    }

    async fn finish(mut self) -> Result<Summary, RunError> {
        let exit = self.exit.ok_or(RunError::Broken)?;
        // Only a third Ctrl-C leaves tasks behind; they must not outlive the run.
        self.tasks.shutdown().await;
        // A controller that did nothing, or only waits, has nothing to tell.
        let did_nothing = |recap: &HostRecap| *recap == HostRecap { host: recap.host.clone(), ..HostRecap::default() };
        let told = self.idle.values().filter(|state| state.actor.host().is_some() || !did_nothing(&state.recap));
        let mut recaps: Vec<_> = told.map(|state| (state.actor, state.recap.clone())).collect();
        recaps.sort_by_key(|(actor, _)| *actor);
        let hosts: Vec<_> = recaps.into_iter().map(|(_, recap)| recap).collect();
        let blocks = self.schedule.blocks().iter().map(|run| self.block_summary(run)).collect();
        let closing = self.idle.into_values().map(|state| state.close());
        let mut closes = JoinSet::new();
        closing.for_each(|close| {
            closes.spawn(close);
        });
        while closes.join_next().await.is_some() {}
        self.context.places.close().await;
        let elapsed_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let status = status(exit);
        self.context.events.emit(EventKind::RunFinished {
            exit,
            status: status.to_string(),
            elapsed_ms,
            hosts: hosts.clone(),
        });
        Ok(Summary { exit, status, elapsed_ms, hosts, blocks })
    }

    fn block_summary(&self, run: &super::schedule_data::BlockRun) -> BlockSummary {
        let hosts = run.tracks.iter().map(|(actor, track)| (self.context.name(*actor), track.outcome())).collect();
        BlockSummary { block: self.block_name(run.block), hosts }
    }
}

fn outline(plan: &Plan, forks: usize) -> Outline {
    let known = |block: &Block| match &block.hosts {
        BlockHosts::Known(hosts) => hosts.clone(),
        BlockHosts::Pending { .. } | BlockHosts::Controller => Vec::new(),
    };
    Outline {
        blocks: plan.blocks.values().map(known).collect(),
        groups: plan.groups(),
        forks: forks.max(1),
        on_failure: !plan.on_failure.is_empty(),
        always: !plan.always.is_empty(),
    }
}

pub(super) fn host_set(value: Value) -> Vec<HostId> {
    match value {
        Value::Host(host) => vec![host],
        Value::Hosts(hosts) => canonical(hosts),
        _ => Vec::new(),
    }
}

fn as_actors(table: &[Vec<HostId>]) -> Vec<Vec<Actor>> {
    table.iter().map(|batch| batch.iter().copied().map(Actor::Host).collect()).collect()
}
