//! A review as text for people: one line for each difference, the symbol first.

use super::paint::{Tone, harmless, paint, painted_diff};
use super::review::{ChangedItem, Difference, Review, gained_and_lost};
use crate::base::words;
use crate::syntax::changes::{Change, ChangeKind};

pub fn diff_text(review: &Review, colour: bool) -> String {
    review.items.iter().map(|item| item_text(item, colour) + "\n").collect()
}

/// `2 changed items between main and working tree`, for the end.
pub fn summary(review: &Review) -> String {
    let between = format!("between {} and {}", review.from.name, review.to.name);
    match review.items.len() {
        0 => format!("no difference {between} ({} compared)\n", words::count(review.files, "file")),
        items => format!("{} {between}\n", words::count(items, "changed item")),
    }
}

fn item_text(item: &ChangedItem, colour: bool) -> String {
    let was = item.was_in.as_ref().map(|file| format!(", was in {file}")).unwrap_or_default();
    let word = match item.kind {
        ChangeKind::Changed => String::new(),
        kind => format!(": {}", kind.word()),
    };
    let head = harmless(&format!("{} {} ({}{was}){word}", item.what.word(), item.name, item.file));
    let mut text = format!("{}\n", paint(&head, Tone::Strong, colour));
    for difference in &item.differences {
        text.push_str(&difference_text(difference, colour));
    }
    text
}

fn difference_text(difference: &Difference, colour: bool) -> String {
    let change = &difference.change;
    let (symbol, tone) = match change.kind {
        ChangeKind::Added => ("+", Tone::Ok),
        ChangeKind::Removed => ("-", Tone::Failed),
        ChangeKind::Changed => ("~", Tone::Changed),
        ChangeKind::Moved => (">", Tone::Skipped),
    };
    let mut text = format!("  {}\n", paint(&format!("{symbol} {}", harmless(&line(change))), tone, colour));
    if change.kind == ChangeKind::Changed && is_long(change) {
        text.push_str(&lines_text(change, colour));
    }
    if let Some(hosts) = &difference.hosts {
        let (gained, lost) = gained_and_lost(hosts);
        for (symbol, names) in [("+", gained), ("-", lost)] {
            if !names.is_empty() {
                text.push_str(&format!("      {symbol} {}: {}\n", words::count(names.len(), "host"), names.join(", ")));
            }
        }
    }
    text
}

/// `on app, batch: 1 → 2`.
pub(super) fn line(change: &Change) -> String {
    match change.kind {
        ChangeKind::Added | ChangeKind::Removed => {
            let head = change.after.as_ref().or(change.before.as_ref()).cloned().unwrap_or_default();
            let parents = change.path.split_last().map(|(_, parents)| parents).unwrap_or_default();
            let place = if parents.is_empty() { String::new() } else { format!("{} › ", parents.join(" › ")) };
            format!("{place}{}{head}", word_for(change))
        }
        ChangeKind::Moved => {
            let [before, after] = [&change.before, &change.after].map(|text| text.clone().unwrap_or_default());
            format!("{}: moved, was {before}, now {after}", change.path.join(" › "))
        }
        ChangeKind::Changed if is_long(change) => subject(change),
        ChangeKind::Changed => {
            let [before, after] = [&change.before, &change.after].map(|text| text.as_deref().unwrap_or("(not said)"));
            format!("{}: {before} → {after}", subject(change))
        }
    }
}

/// Names that do not say what they are the name of.
fn word_for(change: &Change) -> String {
    use crate::syntax::outline::NodeKind;
    match change.what {
        NodeKind::Parameter | NodeKind::Let | NodeKind::Implementation => format!("{} ", change.what.word()),
        _ => String::new(),
    }
}

/// What was changed: `on app, batch`, `effects`.
pub(super) fn subject(change: &Change) -> String {
    let fact = change.fact.clone().unwrap_or_default();
    match change.path.as_slice() {
        [] => fact,
        path => format!("{}{}, {fact}", word_for(change), path.join(" › ")),
    }
}

fn is_long(change: &Change) -> bool {
    [&change.before, &change.after].into_iter().flatten().any(|text| text.contains('\n'))
}

/// A text of several lines as a unified diff.
fn lines_text(change: &Change, colour: bool) -> String {
    let [before, after] = [&change.before, &change.after].map(|text| format!("{}\n", text.as_deref().unwrap_or("")));
    let diff = similar::TextDiff::from_lines(&before, &after);
    painted_diff(&diff.unified_diff().context_radius(1).to_string(), colour)
}
