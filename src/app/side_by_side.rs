//! The same question to many hosts at the same time, answers in the order of the hosts.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::base::ids::HostId;

/// At most `forks` hosts at once.
pub(super) async fn side_by_side<T, F>(
    hosts: &[HostId],
    forks: usize,
    mut ask: impl FnMut(HostId) -> F,
) -> Vec<(HostId, T)>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let turns = Arc::new(Semaphore::new(forks.max(1)));
    let mut asked = JoinSet::new();
    for host in hosts.iter().copied() {
        let (question, turns) = (ask(host), Arc::clone(&turns));
        asked.spawn(async move {
            let _turn = turns.acquire().await;
            (host, question.await)
        });
    }
    let mut answers = BTreeMap::new();
    while let Some(answer) = asked.join_next().await {
        match answer {
            Ok((host, answer)) => answers.insert(host, answer),
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
    }
    hosts.iter().filter_map(|host| Some((*host, answers.remove(host)?))).collect()
}
