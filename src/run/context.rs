//! What every stretch of work of one run shares: plan, program, stores, journal, events. Never changes while running.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::circuit::{Changed, Circuits, Of, State};
use super::clock::Clock;
use super::earlier::Earlier;
use super::errors::StepError;
use super::event::{EventKind, RunEvent};
use super::facts::language_of;
use super::link::Link;
use super::places::Places;
use super::ports::{Connector, ContentStore, Wire, WireError};
use super::redact::{Hidden, Redactor};
use super::retries::Retries;
use super::schedule_data::Actor;
use super::script::Script;
use crate::base::ids::{HostId, StepId};
use crate::base::secret::Secret;
use crate::eval::secrets::text_of;
use crate::hir::program::{Action, Program};
use crate::hir::value::SecretRef;
use crate::hir::world::{Host, Inventory};
use crate::plan::model::{Plan, Step};
use crate::secrets::Resolved;
use crate::shell::Language;
use crate::shell::holder::Owner;
use crate::state::{Approval, Intent, Journal, StepResult};
use crate::transport::backlog::Backlog;

/// Sends events with sequence numbers and times. Numbers follow the order of sending, so that a reader who was cut off can
/// go on behind a number and misses none: hence the lock, held for the length of one send.
pub struct Events {
    sender: mpsc::UnboundedSender<RunEvent>,
    last: Mutex<u64>,
    clock: Clock,
    backlog: Option<Arc<Backlog>>,
}

impl Events {
    pub fn new(sender: mpsc::UnboundedSender<RunEvent>, clock: Clock, backlog: Option<Arc<Backlog>>) -> Self {
        Events { sender, last: Mutex::new(0), clock, backlog }
    }

    /// A reader that is gone does not stop a run.
    pub fn emit(&self, kind: EventKind) {
        // Nothing that could panic happens under the lock.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last += 1;
        let simulated = matches!(self.clock, Clock::Simulated(_));
        let printed = kind.printed();
        let event = RunEvent { seq: *last, time: self.clock.now(), simulated, kind };
        if self.sender.send(event).is_err() {
            tracing::debug!("nobody listens to events any more");
        } else if let Some(backlog) = &self.backlog {
            backlog.add(printed);
        }
    }
}

pub struct Context {
    pub plan: Arc<Plan>,
    pub program: Arc<Program>,
    pub inventory: Arc<Inventory>,
    pub files: Arc<dyn ContentStore>,
    pub secrets: Arc<Resolved>,
    pub hidden: Hidden,
    pub wires: Arc<dyn Connector>,
    pub journal: Journal,
    pub run: i64,
    pub events: Events,
    pub clock: Clock,
    /// Links of `at`, shared by the hosts on whose behalf steps run there.
    pub places: Places,
    /// 0 to 3, as in Ctrl-C; raised by the dispatcher alone.
    pub halt: watch::Receiver<u8>,
    /// What runs that this one goes on with have done.
    pub earlier: Arc<Earlier>,
    pub reconnect: Option<Duration>,
    /// As whom it keeps runs of other journals from its hosts; absent where the hosts are none.
    pub owner: Option<Owner>,
    /// How often anything is tried again.
    pub retries: Retries,
    /// All hosts ask them before they connect; held for a look, never while something is waited for.
    pub circuits: Mutex<Circuits>,
}

impl Context {
    /// Milliseconds since 1970, UTC.
    pub fn now(&self) -> u64 {
        self.clock.now()
    }

    /// What stands in for the hosts of a simulated run.
    pub fn script(&self) -> Option<&Script> {
        self.wires.script()
    }

    pub fn step(&self, id: StepId) -> &Step {
        self.plan.steps.at(id)
    }

    pub fn action(&self, step: &Step) -> &Action {
        self.program.actions.at(step.action)
    }

    pub fn host(&self, actor: Actor) -> Option<&Host> {
        match actor {
            Actor::Controller => None,
            Actor::Host(host) => self.inventory.hosts.get(host),
        }
    }

    /// The machine at the other end of a link.
    pub fn machine(&self, link: &Link) -> Option<&Host> {
        self.inventory.hosts.get(link.machine?)
    }

    /// What programs for a machine are written in.
    pub fn language(&self, link: &Link) -> Language {
        language_of(self.machine(link).and_then(|host| host.os))
    }

    /// Where a step ran, if that is not the host it is about.
    pub fn ran_at(&self, step: &Step, link: &Link, on_controller: bool, actor: Actor) -> Option<String> {
        if on_controller {
            return actor.host().map(|_| "controller".to_string());
        }
        step.runs_at.as_ref()?;
        self.machine(link).map(|host| host.name.clone())
    }

    /// The name in events and in the journal.
    pub fn name(&self, actor: Actor) -> String {
        self.host(actor).map_or_else(|| "controller".to_string(), |host| host.name.clone())
    }

    pub fn names<'a>(&self, actors: impl IntoIterator<Item = &'a Actor>) -> Vec<String> {
        actors.into_iter().map(|actor| self.name(*actor)).collect()
    }

    /// Whether to stop at the next step border.
    pub fn is_halted(&self) -> bool {
        *self.halt.borrow() >= 2
    }

    /// Waits so long, unless the run is told to stop meanwhile; whether it was.
    pub async fn pause(&self, length: Duration) -> bool {
        let mut halt = self.halt.clone();
        tokio::select! {
            biased;
            () = tokio::time::sleep(length) => false,
            Ok(_) = halt.wait_for(|level| *level >= 2) => true,
        }
    }

    /// Opens a wire to a host, unless it is left alone for now. Who insists asks in any case, and fails for himself alone.
    pub async fn connect(&self, host: HostId, insists: bool) -> Result<Box<dyn Wire>, WireError> {
        if !insists {
            let asked = self.circuits().ask(host, self.now()).map_err(WireError::CircuitOpen)?;
            self.tell_circuits(asked);
        }
        let answer = self.wires.connect(host).await;
        let changed = match &answer {
            Ok(_) => self.circuits().succeeded(host),
            Err(error) if error.is_unreachable() && !insists => {
                self.circuits().failed(host, self.now(), &error.to_string())
            }
            Err(_) => Vec::new(),
        };
        self.tell_circuits(changed);
        answer
    }

    fn circuits(&self) -> MutexGuard<'_, Circuits> {
        self.circuits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell_circuits(&self, changed: Vec<Changed>) {
        for Changed { of, state, last } in changed {
            let (since, until) = match state {
                State::Closed => (None, None),
                State::Open { since, until } | State::HalfOpen { since, until } => (Some(since), Some(until)),
            };
            let (name, is_group) = (self.circuits().name(&of), matches!(of, Of::Group(_)));
            let error = self.redactor().clean(&last);
            self.events.emit(EventKind::CircuitChanged { name, is_group, state: state.name(), since, until, error });
        }
    }

    /// Committed to disk when this returns, so that no effect is without its intent.
    pub async fn intent(&self, intent: Intent) -> Result<(), StepError> {
        let journal = self.journal.clone();
        self.blocking(move || journal.intent(&intent)).await.map_err(StepError::Journal)
    }

    pub async fn result(&self, result: StepResult) -> Result<(), StepError> {
        let journal = self.journal.clone();
        self.blocking(move || journal.result(&result)).await.map_err(StepError::Journal)
    }

    /// Asks for an approval: whoever looks into the journal finds it.
    pub async fn ask(&self, approval: Approval) -> Result<(), StepError> {
        let journal = self.journal.clone();
        self.blocking(move || journal.ask(&approval)).await.map_err(StepError::Journal)
    }

    pub async fn use_approval(&self, id: i64) -> Result<(), StepError> {
        let (journal, run) = (self.journal.clone(), self.run);
        self.blocking(move || journal.use_approval(id, run)).await.map_err(StepError::Journal)
    }

    /// Keeps a host for this run, one that was not known when the run began.
    pub async fn lock(&self, host: String) -> Result<(), StepError> {
        let (journal, run, now) = (self.journal.clone(), self.run, self.now());
        self.blocking(move || journal.lock(run, &[host], now)).await.map_err(StepError::Journal)
    }

    /// The text of a secret. What is made of others by a function is hidden from here on too.
    pub fn secret(&self, reference: &SecretRef) -> Result<Secret<String>, StepError> {
        let read = |source: &str| self.secrets.get(source).map(|text| text.expose().as_str());
        let unread = |source: &str| StepError::SecretNotRead { reference: source.to_string() };
        for made in reference.applied() {
            self.hidden.add(text_of(made, &read).map_err(unread)?);
        }
        text_of(reference, &read).map_err(unread)
    }

    /// Takes every secret of the run that was used so far out of texts, whichever step a host gives them back in.
    pub fn redactor(&self) -> Arc<Redactor> {
        self.hidden.redactor()
    }

    pub async fn content(&self, sha256: &str) -> Result<Vec<u8>, StepError> {
        let (files, sha256) = (Arc::clone(&self.files), sha256.to_string());
        self.blocking(move || files.content(&sha256)).await.map_err(StepError::Content)
    }

    /// Runs what may block on a thread for it. A panic there is a panic here. A simulated run blocks nobody: whose thread
    /// ends first is left to chance, and whose turn comes next is not.
    async fn blocking<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        if self.script().is_some() {
            let done = work();
            others_turn().await;
            return done;
        }
        match tokio::task::spawn_blocking(work).await {
            Ok(value) => value,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

/// Lets whoever else has something to do go on first. `yield_now` wakes the last one first, and hosts would change places.
async fn others_turn() {
    let mut is_over = false;
    poll_fn(|context| {
        if is_over {
            return Poll::Ready(());
        }
        is_over = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
