//! What hosts stand on: names looked up, and no host on itself, not even through others.

use std::collections::HashMap;

use super::errors::InventoryError;
use super::raw::Settings;
use crate::base::ids::{HostId, Id, IdVec};
use crate::base::near::nearest;
use crate::base::source::Span;
use crate::hir::world::{Host, Relation};

/// Names as a level says them, with their places; absent where it says nothing.
pub(super) type Related = Option<Vec<(String, Span)>>;

/// What a host's merged settings say. What a group or the defaults say is said of other hosts than the one named.
pub(super) fn relations(
    host: usize,
    (settings, own): (&Settings, Option<&Settings>),
    ids: &HashMap<String, usize>,
    errors: &mut Vec<InventoryError>,
) -> Vec<(Relation, HostId)> {
    let mut found = Vec::new();
    for relation in Relation::ALL {
        let is_own = own.is_some_and(|own| own.related(relation).is_some());
        for (name, span) in settings.related(relation).iter().flatten() {
            match ids.get(name) {
                Some(other) if *other == host && !is_own => {}
                Some(other) => found.push((relation, HostId::from_index(*other))),
                // A group says it for many hosts, and is one mistake.
                None if errors.iter().any(|error| error.is_of_relation(*span)) => {}
                None => errors.push(InventoryError::UnknownRelated {
                    relation: relation.name(),
                    name: name.clone(),
                    near: nearest(name, ids.keys().map(String::as_str)).map(str::to_string),
                    span: *span,
                }),
            }
        }
    }
    found.sort();
    found.dedup();
    found
}

/// The first loop there is: hosts from one to itself again. Not by recursion: how long such chains are is up to whoever
/// wrote the file.
pub(super) fn cycle(hosts: &IdVec<HostId, Host>) -> Option<Vec<String>> {
    let mut done = vec![false; hosts.len()];
    for start in hosts.ids() {
        let mut path: Vec<(HostId, usize)> = vec![(start, 0)];
        let mut open = std::collections::HashSet::from([start]);
        if done.get(start.index()).copied().unwrap_or(true) {
            continue;
        }
        while let Some((host, next)) = path.last_mut() {
            let inner = hosts.at(*host).relations.get(*next).map(|(_, other)| *other);
            *next += 1;
            let Some(inner) = inner else {
                open.remove(host);
                if let Some(done) = done.get_mut(host.index()) {
                    *done = true;
                }
                path.pop();
                continue;
            };
            if open.contains(&inner) {
                let positions = path.iter().map(|(host, _)| *host).skip_while(|host| *host != inner);
                return Some(positions.chain([inner]).map(|host| hosts.at(host).name.clone()).collect());
            }
            if !done.get(inner.index()).copied().unwrap_or(true) {
                open.insert(inner);
                path.push((inner, 0));
            }
        }
    }
    None
}
