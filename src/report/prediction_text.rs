//! What a connected plan found, step by step and host by host.

use std::collections::BTreeSet;

use super::paint::{Tone, harmless, paint, painted_diff};
use crate::hir::effect::Level;
use crate::plan::model::Plan;
use crate::run::differences::Difference;
use crate::run::predict::{Prediction, Verdict};

pub fn prediction_text(predictions: &[Prediction], colour: bool) -> String {
    let mut text = String::new();
    let mut last = "";
    for prediction in predictions {
        if prediction.step != last {
            text.push_str(&format!("{}\n", paint(&prediction.step, Tone::Strong, colour)));
            last = &prediction.step;
        }
        let (tone, words) = verdict(&prediction.verdict);
        text.push_str(&format!("  {}: {}\n", prediction.host, paint(&harmless(&words), tone, colour)));
        text.push_str(&contents(&prediction.verdict, colour));
    }
    text
}

/// In a line, without colours.
pub fn verdict_text(said: &Verdict) -> String {
    harmless(&verdict(said).1)
}

fn verdict(verdict: &Verdict) -> (Tone, String) {
    match verdict {
        Verdict::Ok => (Tone::Ok, "= ok".to_string()),
        Verdict::Now => (Tone::Ok, "= ok now".to_string()),
        Verdict::Skipped => (Tone::Skipped, "- skipped".to_string()),
        Verdict::NotReached { why } => (Tone::Skipped, format!("- not reached ({why})")),
        Verdict::WillChange { differences } => {
            let shown: Vec<String> = differences.iter().filter(|found| !found.is_content()).map(one_line).collect();
            let colon = if shown.is_empty() { "" } else { ": " };
            (Tone::Changed, format!("~ will change{colon}{}", shown.join(", ")))
        }
        Verdict::Unknown { why } => (Tone::Warning, format!("? unknown ({why})")),
        Verdict::Unreachable { why } => (Tone::Failed, format!("! unreachable: {why}")),
        Verdict::WillFail { why } => (Tone::Failed, format!("x will fail: {why}")),
    }
}

/// `mode 644 → 0640`, `mode → 0640`, `exists false`.
fn one_line(difference: &Difference) -> String {
    let now = difference.now.as_deref().map(|now| format!(" {}", shortened(now))).unwrap_or_default();
    let then = difference.then.as_deref().map(|then| format!(" → {}", shortened(then))).unwrap_or_default();
    format!("{}{now}{then}", difference.field)
}

/// Contents as a unified diff, indented below their host.
fn contents(verdict: &Verdict, colour: bool) -> String {
    let Verdict::WillChange { differences } = verdict else { return String::new() };
    let mut text = String::new();
    for found in differences.iter().filter(|found| found.is_content()) {
        let (now, then) = (found.now.as_deref().unwrap_or_default(), found.then.as_deref().unwrap_or_default());
        let diff = similar::TextDiff::from_lines(now, then);
        text.push_str(&painted_diff(&diff.unified_diff().header("now", "then").to_string(), colour));
    }
    text
}

/// Of several lines, such as names, as many as there is room for, and how many more there are.
fn shortened(value: &str) -> String {
    let mut lines = value.lines();
    let mut shown: String = lines.next().unwrap_or("").chars().take(40).collect();
    let mut rest = lines.peekable();
    while let Some(line) = rest.next_if(|line| shown.chars().count() + line.chars().count() < 80) {
        shown.push_str(&format!(" {line}"));
    }
    match rest.count() {
        0 if shown.is_empty() => "-".to_string(),
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// The exit code of a plan that asked hosts: what a run would meet right away is no success.
pub fn exit_code(predictions: &[Prediction]) -> i32 {
    let any = |wanted: fn(&Verdict) -> bool| predictions.iter().any(|prediction| wanted(&prediction.verdict));
    match () {
        () if any(|verdict| matches!(verdict, Verdict::WillFail { .. })) => 21,
        () if any(|verdict| matches!(verdict, Verdict::Unreachable { .. })) => 20,
        () => 0,
    }
}

/// Whether anything would change, might change or fail. What only reads changes nothing, whatever it finds.
pub fn has_changes(predictions: &[Prediction], plan: &Plan) -> bool {
    let reads = plan.steps.values().filter(|step| step.row.level == Level::Read);
    let reads: BTreeSet<&str> = reads.map(|step| step.name.as_str()).collect();
    predictions.iter().filter(|prediction| !reads.contains(prediction.step.as_str())).any(|prediction| {
        !matches!(prediction.verdict, Verdict::Ok | Verdict::Now | Verdict::Skipped | Verdict::NotReached { .. })
    })
}
