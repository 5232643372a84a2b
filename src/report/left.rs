//! What a run left, by its events: changes that no rollback took back, which a reader must know first, and hosts that never
//! started.

use serde_json::Value as Json;

use super::not_started::{NotStarted, not_started};

pub struct Rest {
    pub left: Vec<Left>,
    pub not_started: Vec<NotStarted>,
}

pub fn rest(events: &[String]) -> Rest {
    Rest { left: left(events), not_started: not_started(events) }
}

/// A host with the steps whose changes are still there.
pub struct Left {
    pub host: String,
    pub steps: Vec<String>,
}

/// In the order of the events (`opsc.event/1`); a line that is none is passed over.
fn left(events: &[String]) -> Vec<Left> {
    let parsed = events.iter().filter_map(|line| serde_json::from_str::<Json>(line).ok());
    parsed.filter(|event| event["kind"] == "rollback.finished").filter_map(|event| read(&event)).collect()
}

fn read(event: &Json) -> Option<Left> {
    let steps: Vec<String> =
        event.get("left")?.as_array()?.iter().filter_map(|step| step.as_str().map(str::to_string)).collect();
    let host = event.get("host")?.as_str()?.to_string();
    (!steps.is_empty()).then_some(Left { host, steps })
}

#[cfg(test)]
mod tests {
    use super::left;

    #[test]
    fn only_what_was_left_is_told() {
        let events = [
            r#"{"kind":"rollback.finished","host":"a","clean":true,"left":[]}"#,
            r#"{"kind":"rollback.finished","host":"b","clean":true,"left":["x","y"]}"#,
            r#"{"kind":"step.finished","host":"b","left":["z"]}"#,
            "no json",
        ];
        let told: Vec<(String, Vec<String>)> =
            left(&events.map(str::to_string)).into_iter().map(|left| (left.host, left.steps)).collect();
        assert_eq!(told, [("b".to_string(), vec!["x".to_string(), "y".to_string()])]);
    }
}
