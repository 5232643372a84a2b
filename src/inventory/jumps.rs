//! What hosts are reached through: names looked up, and no host through itself, not even through others. Knows nothing of
//! how one is reached.

use std::collections::HashMap;

use super::errors::InventoryError;
use crate::base::source::Span;

/// The host that another one is reached through, and where that is said.
pub(super) type Jump = Option<(usize, Span)>;

/// A jump host as merged settings name it. What a group or the defaults say is said of other hosts than the one named.
pub(super) fn jump(host: usize, (said, is_own): (Option<&(String, Span)>, bool), ids: &HashMap<String, usize>) -> Jump {
    let (name, span) = said?;
    let jump = *ids.get(name)?;
    (jump != host || is_own).then_some((jump, *span))
}

/// The first loop there is.
pub(super) fn loop_of(names: &[String], jumps: &[Jump]) -> Option<InventoryError> {
    let next = |host: usize| jumps.get(host).copied().flatten();
    let mut walked: HashMap<usize, usize> = HashMap::new();
    for start in 0..jumps.len() {
        let mut host = start;
        let closes = loop {
            match walked.insert(host, start) {
                Some(walk) => break walk == start,
                None => match next(host) {
                    Some((jump, _)) => host = jump,
                    None => break false,
                },
            }
        };
        if closes {
            let others = std::iter::successors(next(host), |(jump, _)| next(*jump).filter(|_| *jump != host));
            let path = std::iter::once(host).chain(others.map(|(jump, _)| jump));
            let names = path.filter_map(|host| names.get(host).cloned()).collect();
            return next(host).map(|(_, span)| InventoryError::JumpLoop { names, span });
        }
    }
    None
}
