//! What a run is started with.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::circuit::{Circuits, Limits};
use super::clock::Clock;
use super::context::{Context, Events};
use super::earlier::Earlier;
use super::event::RunEvent;
use super::places::Places;
use super::ports::{Connector, ContentStore};
use super::redact::Hidden;
use super::retries::Retries;
use crate::hir::program::Program;
use crate::hir::world::Inventory;
use crate::plan::{self, model::Plan};
use crate::secrets::Resolved;
use crate::shell::holder::Owner;
use crate::state::Journal;
use crate::transport::backlog::Backlog;

/// Everything that a run needs. The journal's record of the run exists already; its end is the caller's to write.
pub struct Request {
    pub plan: Arc<Plan>,
    /// The program that the plan was made from.
    pub program: Arc<Program>,
    pub inventory: Arc<Inventory>,
    pub files: Arc<dyn ContentStore>,
    /// Every secret of the plan (`plan::secrets`), read before the run; none where nothing is run but `check` bodies.
    pub secrets: Arc<Resolved>,
    /// Usually a [`ports::LiveConnector`].
    pub wires: Arc<dyn Connector>,
    pub journal: Journal,
    pub run: i64,
    /// The most hosts at work at the same time.
    pub forks: usize,
    pub events: mpsc::UnboundedSender<RunEvent>,
    /// Where whoever hears the events says how much of them was told.
    pub backlog: Option<Arc<Backlog>>,
    /// Ctrl-C so far: 0, 1, 2 or 3.
    pub stop: watch::Receiver<u8>,
    /// What runs that this one goes on with have done.
    pub earlier: Arc<Earlier>,
    /// How long a host is tried again that was lost with a step under way that it may go on with; hosts go on with none
    /// where no later run could take it up.
    pub reconnect: Option<Duration>,
    pub circuit: Limits,
    /// How often anything of the run is tried again at most; absent where nobody set a limit.
    pub retry_budget: Option<usize>,
    /// As whom it keeps runs of other journals from its hosts; absent where the hosts are none.
    pub owner: Option<Owner>,
}

impl Request {
    pub(super) fn into_context(self, halt: watch::Receiver<u8>) -> Arc<Context> {
        let hidden = Hidden::new(&self.secrets, &plan::secrets::declassified(&self.plan));
        let clock = Clock::new(self.wires.script().is_some());
        Arc::new(Context {
            hidden,
            clock,
            retries: Retries::new(self.retry_budget),
            circuits: Mutex::new(Circuits::new(&self.inventory, self.circuit)),
            plan: self.plan,
            program: self.program,
            inventory: self.inventory,
            files: self.files,
            secrets: self.secrets,
            wires: self.wires,
            journal: self.journal,
            run: self.run,
            events: Events::new(self.events, clock, self.backlog),
            places: Places::default(),
            halt,
            earlier: self.earlier,
            reconnect: self.reconnect,
            owner: self.owner,
        })
    }
}
