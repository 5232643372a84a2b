//! Machines that steps of other hosts run on (`at`): one link each, which they use in turn.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::errors::StepError;
use super::link::Link;
use crate::base::ids::HostId;
use crate::eval::Scope;
use crate::hir::value::Value;
use crate::plan::model::RunsAt;

/// One machine's link. Its lock is the promise of `at`: what several hosts do there happens one after the other.
pub type Shared = Arc<tokio::sync::Mutex<Link>>;

#[derive(Default)]
pub struct Places {
    /// Held only to find a link, never while one is used.
    links: Mutex<BTreeMap<HostId, Shared>>,
}

impl Places {
    fn links(&self) -> MutexGuard<'_, BTreeMap<HostId, Shared>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn link(&self, host: HostId) -> Shared {
        let new = || Arc::new(tokio::sync::Mutex::new(Link::new(Some(host))));
        Arc::clone(self.links().entry(host).or_insert_with(new))
    }

    /// Closes every link. Nobody uses one any more.
    pub async fn close(&self) {
        let links = std::mem::take(&mut *self.links());
        for shared in links.into_values() {
            if let Some(link) = Arc::into_inner(shared) {
                link.into_inner().close().await;
            }
        }
    }
}

/// The machine that a step runs on.
pub fn machine(place: &RunsAt, scope: &dyn Scope) -> Result<HostId, StepError> {
    let unknown = || StepError::NotKnown { what: place.text().to_string() };
    match place {
        RunsAt::Controller => scope.inventory().localhost().ok_or_else(unknown),
        RunsAt::Host { host, .. } => match super::arguments::known(host, scope)? {
            Value::Host(host) => Ok(host),
            _ => Err(unknown()),
        },
    }
}
