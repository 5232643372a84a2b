//! Steps of one `parallel` on one actor: at most four at a time, each over a link of its own.
//! The others finish when one fails; none begins after that.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;

use super::context::Context;
use super::host::{ActorState, Worker};
use super::link::Link;
use super::prepare::Surroundings;
use super::schedule_data::{End, Work};
use super::step::{Done, StepRun};
use crate::base::ids::{BlockId, StepId};
use crate::plan::model::Item;

/// How many steps of one actor run at the same time; sshd lets a connection have ten channels.
const AT_ONCE: usize = 4;

/// What the links share while they take steps in turn.
struct Queue<'a> {
    context: &'a Context,
    around: Surroundings<'a>,
    steps: &'a [StepId],
    next: AtomicUsize,
    /// Nothing more begins.
    closed: AtomicBool,
    /// Of an interrupt only main work takes notice at step borders.
    stoppable: bool,
    applied: usize,
}

impl Worker {
    pub(super) async fn at_the_same_time(&mut self, items: &[Item], block: Option<BlockId>) -> Result<(), End> {
        let mut steps = Vec::new();
        for item in items {
            let Some(step) = item.step() else { continue };
            match self.applies(&item.guards) {
                Ok(true) => steps.push(step),
                Ok(false) => self.skipped(step),
                Err(error) => return Err(self.refused("if", &error)),
            }
        }
        self.open_links(&steps).await;
        let mut done = self.run_all(&steps, self.applied(block)).await;
        done.sort_by_key(|(index, _)| *index);
        let all = done.len() == steps.len();
        let mut ended = Ok(());
        for (index, done) in done {
            let Some(step) = steps.get(index) else { continue };
            self.state.count(done.outcome);
            let kept = self.keep(*step, block, done);
            // A host that is out of reach is so for all of its steps.
            if ended.is_ok() || kept == Err(End::Unreachable) {
                ended = kept;
            }
        }
        if all { ended } else { ended.and(Err(End::Cancelled)) }
    }

    /// One more link for each further step that needs one. A host that refuses more channels gets fewer steps at a time.
    async fn open_links(&mut self, steps: &[StepId]) {
        let context = &self.context;
        let needs_wire = |step: &&StepId| !context.action(context.step(**step)).is_controller();
        let wanted = steps.len().min(AT_ONCE).saturating_sub(1);
        let wired = self.state.actor.host().is_some() && steps.iter().any(|step| needs_wire(&step));
        while self.state.beside.len() < wanted {
            let link =
                if wired { self.state.link.beside(context).await } else { Ok(Link::new(self.state.link.machine)) };
            match link {
                Ok(link) => self.state.beside.push(link),
                Err(error) => {
                    tracing::debug!(host = %self.state.recap.host, %error, "no further channel");
                    return;
                }
            }
        }
    }

    async fn run_all(&mut self, steps: &[StepId], applied: usize) -> Vec<(usize, Done)> {
        let stoppable = matches!(self.work, Work::Main(_));
        let ActorState { actor, link, beside, own, .. } = &mut self.state;
        let around =
            Surroundings { actor: *actor, published: &self.published, own, batch: &self.batch, foreseen: None };
        let queue = Queue {
            context: &self.context,
            around,
            steps,
            next: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
            stoppable,
            applied,
        };
        let links = std::iter::once(link).chain(beside.iter_mut()).take(steps.len().min(AT_ONCE));
        let takers = links.map(|link| Box::pin(queue.take_turns(link))).collect();
        all(takers).await.into_iter().flatten().collect()
    }
}

impl Queue<'_> {
    /// Runs steps over one link until none is left.
    async fn take_turns(&self, link: &mut Link) -> Vec<(usize, Done)> {
        let mut done = Vec::new();
        loop {
            let halted = self.stoppable && self.context.is_halted();
            if halted || self.closed.load(Ordering::Relaxed) {
                return done;
            }
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(id) = self.steps.get(index) else { return done };
            let (context, around, applied) = (self.context, self.around, self.applied);
            let ended = StepRun { context, link: &mut *link, around, id: *id, applied }.run().await;
            if !ended.outcome.goes_on() {
                self.closed.store(true, Ordering::Relaxed);
            }
            done.push((index, ended));
        }
    }
}

/// Waits for all, in the one task that asks: they share what they borrow.
async fn all<F: Future>(mut waiting: Vec<Pin<Box<F>>>) -> Vec<F::Output> {
    let mut done = Vec::new();
    poll_fn(move |task| {
        waiting.retain_mut(|future| match future.as_mut().poll(task) {
            Poll::Ready(value) => {
                done.push(value);
                false
            }
            Poll::Pending => true,
        });
        if waiting.is_empty() { Poll::Ready(std::mem::take(&mut done)) } else { Poll::Pending }
    })
    .await
}
