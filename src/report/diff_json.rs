//! `opsc.diff/1`: a review for programs.

use serde_json::{Value as Json, json};

use super::review::{ChangedItem, ChosenHosts, Difference, Review, Revision, Unreadable, topic};

pub fn diff_json(review: &Review) -> Json {
    json!({
        "schema": "opsc.diff/1",
        "from": revision(&review.from),
        "to": revision(&review.to),
        "files": review.files,
        "items": review.items.iter().map(item).collect::<Vec<_>>(),
        "unreadable": review.unreadable.iter().map(unreadable).collect::<Vec<_>>(),
    })
}

fn revision(revision: &Revision) -> Json {
    json!({ "name": revision.name, "commit": revision.commit })
}

fn unreadable(file: &Unreadable) -> Json {
    json!({ "file": file.file, "revision": file.revision })
}

fn item(item: &ChangedItem) -> Json {
    json!({
        "what": item.what.word(),
        "name": item.name,
        "file": item.file,
        "was_in": item.was_in,
        "change": item.kind.word(),
        "differences": item.differences.iter().map(difference).collect::<Vec<_>>(),
    })
}

fn difference(difference: &Difference) -> Json {
    let change = &difference.change;
    json!({
        "topic": topic(change),
        "change": change.kind.word(),
        "what": change.what.word(),
        "path": change.path,
        "fact": change.fact,
        "before": change.before,
        "after": change.after,
        "hosts": difference.hosts.as_ref().map(hosts),
    })
}

fn hosts(hosts: &ChosenHosts) -> Json {
    json!({ "before": hosts.before, "after": hosts.after })
}
