//! What a run has to do with an earlier one, by its record: goes on with it, goes back over it, tries it again.

use serde_json::Value as Json;

use crate::state::{RunRecord, RunSummary};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Link {
    GoesOn(i64),
    GoesBack(i64),
    /// From the beginning, where that run did not go well.
    Again(i64),
}

/// Older versions did not write down that a run goes back, nor what it tries again.
pub fn link(record: &RunRecord) -> Option<Link> {
    let request: Option<Json> = record.request.as_deref().and_then(|request| serde_json::from_str(request).ok());
    let asked = |name: &str| request.as_ref().and_then(|request| request.get(name));
    match record.goes_on_with {
        Some(run) if asked("back").and_then(Json::as_bool) == Some(true) => Some(Link::GoesBack(run)),
        Some(run) => Some(Link::GoesOn(run)),
        None => asked("again").and_then(Json::as_i64).map(Link::Again),
    }
}

pub fn link_text(link: Link) -> String {
    match link {
        Link::GoesOn(run) => format!("goes on with run {run}"),
        Link::GoesBack(run) => format!("goes back over run {run}"),
        Link::Again(run) => format!("tries run {run} again"),
    }
}

/// The same of a later run, told where the earlier one is.
pub fn later_text(later: &RunSummary) -> String {
    let did = match link(&later.record) {
        Some(Link::GoesBack(_)) => "went back over it",
        Some(Link::Again(_)) => "tried it again",
        Some(Link::GoesOn(_)) | None => "went on with it",
    };
    format!("run {} {did}", later.id)
}
