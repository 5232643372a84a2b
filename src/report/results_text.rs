//! What one step came to on many hosts: hosts that say the same stand together.

use serde_json::Value as Json;

use super::paint::{Tone, harmless, paint};
use crate::state::{RunDetails, StepState};

/// One host's answer.
pub struct HostResult {
    pub host: String,
    /// `ok`, `changed`, `failed (exit 3)`.
    pub outcome: String,
    pub failed: bool,
    /// What the action reported.
    pub fields: Vec<(String, String)>,
    pub output: String,
}

/// The last attempt on each host, by name, with the fields that the action promises.
pub fn host_results(details: &RunDetails, promised: &[&str]) -> Vec<HostResult> {
    let mut results: Vec<HostResult> = Vec::new();
    for step in &details.steps {
        let mut result = host_result(step);
        result.fields.retain(|(name, _)| promised.contains(&name.as_str()));
        match results.iter_mut().find(|known| known.host == result.host) {
            Some(known) => *known = result,
            None => results.push(result),
        }
    }
    results.sort_by(|left, right| left.host.cmp(&right.host));
    results
}

fn host_result(step: &StepState) -> HostResult {
    let host = step.host.clone();
    let Some(result) = &step.result else {
        return HostResult {
            host,
            outcome: "no result".to_string(),
            failed: true,
            fields: Vec::new(),
            output: String::new(),
        };
    };
    let code = result.code.filter(|code| *code != 0).map(|code| format!(" (exit {code})")).unwrap_or_default();
    let output = String::from_utf8_lossy(&result.output).into_owned();
    let said_nothing = output.trim().is_empty();
    HostResult {
        host,
        outcome: format!("{}{code}", result.outcome),
        failed: result.error.is_some(),
        fields: [&*result.before_json, &*result.apply_json, &*result.after_json].into_iter().fold(Vec::new(), merged),
        output: if said_nothing { result.error.clone().unwrap_or_default() } else { output },
    }
}

/// Fields of a JSON object on top of known ones: what was read last counts.
fn merged(mut fields: Vec<(String, String)>, json: &str) -> Vec<(String, String)> {
    let object: serde_json::Map<String, Json> = serde_json::from_str(json).unwrap_or_default();
    for (name, value) in object {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_string);
        match fields.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = text,
            None => fields.push((name, text)),
        }
    }
    fields
}

pub fn results_text(results: &[HostResult], colour: bool) -> String {
    let mut groups: Vec<(Vec<&str>, &HostResult)> = Vec::new();
    for result in results {
        match groups.iter_mut().find(|(_, first)| says_the_same(first, result)) {
            Some((hosts, _)) => hosts.push(&result.host),
            None => groups.push((vec![&result.host], result)),
        }
    }
    groups.iter().map(|(hosts, result)| group_text(hosts, result, colour)).collect()
}

fn says_the_same(one: &HostResult, other: &HostResult) -> bool {
    one.outcome == other.outcome && one.fields == other.fields && one.output == other.output
}

fn group_text(hosts: &[&str], result: &HostResult, colour: bool) -> String {
    let tone = if result.failed { Tone::Failed } else { Tone::Strong };
    let head = paint(&format!("== {}: {}", hosts.join(", "), result.outcome), tone, colour);
    let width = result.fields.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let fields = result.fields.iter().map(|(name, value)| format!("{name:width$}  {}\n", harmless(value).trim_end()));
    let output = harmless(&result.output);
    let output = output.lines().map(|line| format!("{line}\n"));
    format!("{head}\n{}", fields.chain(output).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_that_say_the_same_stand_together() {
        let result = |host: &str, output: &str| HostResult {
            host: host.to_string(),
            outcome: "ok".to_string(),
            failed: false,
            fields: vec![("code".to_string(), "0".to_string())],
            output: output.to_string(),
        };
        let results = [result("a", "up\n"), result("b", "down"), result("c", "up\n")];
        assert_eq!(results_text(&results, false), "== a, c: ok\ncode  0\nup\n== b: ok\ncode  0\ndown\n");
    }
}
