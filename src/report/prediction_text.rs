//! What a connected plan found, step by step and host by host.

use super::paint::{Tone, harmless, paint};
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
    }
    text
}

fn verdict(verdict: &Verdict) -> (Tone, String) {
    match verdict {
        Verdict::Ok => (Tone::Ok, "= ok".to_string()),
        Verdict::Skipped => (Tone::Skipped, "- skipped".to_string()),
        Verdict::WillChange { before } => {
            let fields: Vec<String> =
                before.iter().map(|(name, value)| format!("{name} {}", shortened(value))).collect();
            let now = if fields.is_empty() { String::new() } else { format!(" (now {})", fields.join(", ")) };
            (Tone::Changed, format!("~ will change{now}"))
        }
        Verdict::Unknown { why } => (Tone::Warning, format!("? unknown ({why})")),
        Verdict::WillFail { why } => (Tone::Failed, format!("x will fail: {why}")),
    }
}

fn shortened(value: &str) -> String {
    let line: String = value.lines().next().unwrap_or("").chars().take(40).collect();
    if line.is_empty() { "-".to_string() } else { line }
}

/// Whether anything would change, might change or fail.
pub fn has_changes(predictions: &[Prediction]) -> bool {
    predictions.iter().any(|prediction| !matches!(prediction.verdict, Verdict::Ok | Verdict::Skipped))
}
