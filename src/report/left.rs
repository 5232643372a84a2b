//! What a run left, by its events: changes that no rollback took back, which a reader must know first, and hosts that never
//! started.

use super::event_read;
use super::not_started::NotStarted;
use crate::run::event::EventKind;

#[derive(Default)]
pub struct Rest {
    pub left: Vec<Left>,
    pub not_started: Vec<NotStarted>,
}

/// A host with the steps whose changes are still there.
pub struct Left {
    pub host: String,
    pub steps: Vec<String>,
}

/// In the order of the events (`opsc.event/1`); a line that is none is passed over.
pub fn rest(lines: &[String]) -> Rest {
    let mut rest = Rest::default();
    // One at a time: a large run has more of them than it has to be told of here.
    for event in lines.iter().filter_map(|line| event_read::event(line)) {
        rest.not_started.extend(NotStarted::of(&event.kind));
        match event.kind {
            EventKind::RollbackFinished { host, left, .. } if !left.is_empty() => {
                rest.left.push(Left { host, steps: left });
            }
            _ => {}
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::rest;

    #[test]
    fn only_what_was_left_is_told() {
        let line = |kind: &str, host: &str, left: &str| {
            format!(
                r#"{{"seq":1,"time":0,"kind":"{kind}","block":"web","host":"{host}","clean":true,"left":[{left}]}}"#
            )
        };
        let lines = [
            line("rollback.finished", "a", ""),
            line("rollback.finished", "b", r#""x","y""#),
            line("step.finished", "b", r#""z""#),
            "no json".to_string(),
        ];
        let told: Vec<(String, Vec<String>)> =
            rest(&lines).left.into_iter().map(|left| (left.host, left.steps)).collect();
        assert_eq!(told, [("b".to_string(), vec!["x".to_string(), "y".to_string()])]);
    }
}
