//! `opsc.event/1` read back: what the journal kept, as the events that they were. The other way is `event_json`.

use serde_json::Value as Json;

use crate::run::event::{EventKind, Evidence, HostOutcome, HostRecap, NotStartedReason, Outcome, RunEvent, Stream};

pub const OUTCOMES: [Outcome; 10] = [
    Outcome::Ok,
    Outcome::Changed,
    Outcome::Skipped,
    Outcome::Failed,
    Outcome::Ignored,
    Outcome::Unreachable,
    Outcome::TimedOut,
    Outcome::RolledBack,
    Outcome::RollbackFailed,
    Outcome::Cancelled,
];
pub const HOST_OUTCOMES: [HostOutcome; 7] = [
    HostOutcome::Ok,
    HostOutcome::Skipped,
    HostOutcome::Failed,
    HostOutcome::Unreachable,
    HostOutcome::RolledBack,
    HostOutcome::Dirty,
    HostOutcome::NotRun,
];
const REASONS: [NotStartedReason; 4] =
    [NotStartedReason::Gate, NotStartedReason::Stopped, NotStartedReason::MaxDuration, NotStartedReason::OtherBlock];
const STREAMS: [Stream; 3] = [Stream::Stdout, Stream::Stderr, Stream::Note];

/// Nothing for a line that is no event, or of a kind that this opsc does not know.
pub fn event(line: &str) -> Option<RunEvent> {
    let json: Json = serde_json::from_str(line).ok()?;
    let fields = Fields(&json);
    Some(RunEvent {
        seq: fields.number("seq")?,
        time: fields.number("time")?,
        simulated: json.get("simulated").is_some(),
        kind: kind(&fields)?,
    })
}

/// In the order that they were kept.
pub fn events(lines: &[String]) -> Vec<RunEvent> {
    lines.iter().filter_map(|line| event(line)).collect()
}

/// The outcome of that name.
pub fn outcome(name: &str) -> Option<Outcome> {
    OUTCOMES.into_iter().find(|outcome| outcome.name() == name)
}

/// An object whose fields are there and of the wanted type, or it is none that is understood.
struct Fields<'j>(&'j Json);

impl Fields<'_> {
    fn text(&self, name: &str) -> Option<String> {
        self.0.get(name)?.as_str().map(str::to_string)
    }

    fn texts(&self, name: &str) -> Option<Vec<String>> {
        self.0.get(name)?.as_array()?.iter().map(|text| text.as_str().map(str::to_string)).collect()
    }

    fn count(&self, name: &str) -> Option<usize> {
        self.0.get(name)?.as_u64().and_then(|number| usize::try_from(number).ok())
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.0.get(name)?.as_u64()
    }

    fn attempt(&self) -> Option<u32> {
        self.0.get("attempt")?.as_u64().and_then(|number| u32::try_from(number).ok())
    }
}

fn kind(fields: &Fields<'_>) -> Option<EventKind> {
    let name = fields.text("kind")?;
    about_steps(&name, fields).or_else(|| about_blocks(&name, fields)).or_else(|| about_the_run(&name, fields))
}

fn about_steps(name: &str, fields: &Fields<'_>) -> Option<EventKind> {
    let step = || fields.text("step");
    let host = || fields.text("host");
    Some(match name {
        "step.started" => EventKind::StepStarted { step: step()?, host: host()?, attempt: fields.attempt()? },
        "step.output" => {
            let said = fields.text("stream")?;
            let stream = STREAMS.into_iter().find(|stream| stream.name() == said)?;
            EventKind::StepOutput { step: step()?, host: host()?, stream, text: fields.text("text")? }
        }
        "step.retried" => EventKind::StepRetried {
            step: step()?,
            host: host()?,
            attempt: fields.attempt()?,
            error: fields.text("error")?,
        },
        "step.finished" => EventKind::StepFinished {
            step: step()?,
            host: host()?,
            attempt: fields.attempt()?,
            outcome: outcome(&fields.text("outcome")?)?,
            error: fields.text("error"),
            evidence: evidence(fields.0.get("evidence")?),
        },
        _ => return None,
    })
}

fn about_blocks(name: &str, fields: &Fields<'_>) -> Option<EventKind> {
    let block = fields.text("block")?;
    let host = || fields.text("host");
    Some(match name {
        "block.started" => {
            EventKind::BlockStarted { block, hosts: fields.texts("hosts")?, batches: fields.count("batches")? }
        }
        "batch.started" => EventKind::BatchStarted {
            block,
            batch: fields.count("batch")?,
            of: fields.count("of")?,
            hosts: fields.texts("hosts")?,
        },
        "batch.finished" => EventKind::BatchFinished { block, batch: fields.count("batch")? },
        "host.started" => EventKind::HostStarted { block, host: host()? },
        "host.finished" => {
            let said = fields.text("outcome")?;
            let outcome = HOST_OUTCOMES.into_iter().find(|outcome| outcome.name() == said)?;
            EventKind::HostFinished { block, host: host()?, outcome }
        }
        "threshold.reached" => EventKind::ThresholdReached {
            block,
            failures: fields.count("failures")?,
            max_failures: fields.count("max_failures")?,
            not_started: fields.texts("not_started")?,
        },
        "hosts.not_started" => {
            let said = fields.text("reason")?;
            let reason = REASONS.into_iter().find(|reason| reason.name() == said)?;
            EventKind::HostsNotStarted { block, hosts: fields.texts("hosts")?, reason }
        }
        "rollback.started" => EventKind::RollbackStarted { block, host: host()?, steps: fields.count("steps")? },
        "rollback.finished" => EventKind::RollbackFinished {
            block,
            host: host()?,
            clean: fields.0.get("clean")?.as_bool()?,
            left: fields.texts("left")?,
        },
        _ => return None,
    })
}

fn about_the_run(name: &str, fields: &Fields<'_>) -> Option<EventKind> {
    Some(match name {
        "run.started" => EventKind::RunStarted {
            run: fields.0.get("run")?.as_i64()?,
            playbook: fields.text("playbook")?,
            digest: fields.text("digest")?,
            hosts: fields.texts("hosts")?,
            steps: fields.count("steps")?,
        },
        "approval.requested" => EventKind::ApprovalRequested {
            gate: fields.text("gate")?,
            batch: fields.count("batch"),
            by: fields.texts("by")?,
            message: fields.text("message")?,
            within: fields.number("within"),
            differs: fields.texts("differs")?,
        },
        "approval.used" => EventKind::ApprovalUsed {
            gate: fields.text("gate")?,
            batch: fields.count("batch"),
            by: fields.text("by")?,
            user: fields.text("user")?,
            run: fields.0.get("asked_in")?.as_i64()?,
        },
        "circuit.changed" => EventKind::CircuitChanged {
            name: fields.text("name")?,
            is_group: fields.text("of")? == "group",
            state: ["open", "half_open", "closed"]
                .into_iter()
                .find(|state| fields.text("state").as_deref() == Some(state))?,
            since: fields.number("since"),
            until: fields.number("until"),
            error: fields.text("error")?,
        },
        "stop.requested" => EventKind::StopRequested { level: u8::try_from(fields.number("level")?).ok()? },
        "run.finished" => EventKind::RunFinished {
            exit: i32::try_from(fields.0.get("exit")?.as_i64()?).ok()?,
            status: fields.text("status")?,
            elapsed_ms: fields.number("elapsed_ms")?,
            hosts: fields.0.get("hosts")?.as_array()?.iter().map(recap).collect::<Option<_>>()?,
        },
        _ => return None,
    })
}

fn evidence(json: &Json) -> Evidence {
    let reported = |name: &str| {
        let fields = json.get(name).and_then(Json::as_object).into_iter().flatten();
        fields.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_string()))).collect()
    };
    let fields = Fields(json);
    Evidence {
        code: json.get("code").and_then(Json::as_i64).and_then(|code| i32::try_from(code).ok()),
        before: reported("before"),
        apply: reported("apply"),
        after: reported("after"),
        output_sha256: fields.text("output_sha256"),
        output_bytes: fields.number("output_bytes").unwrap_or(0),
        elapsed_ms: fields.number("elapsed_ms").unwrap_or(0),
        user: fields.text("user"),
        ran_at: fields.text("ran_at"),
        done_in: json.get("done_in").and_then(Json::as_i64),
    }
}

fn recap(json: &Json) -> Option<HostRecap> {
    let fields = Fields(json);
    Some(HostRecap {
        host: fields.text("host")?,
        ok: fields.count("ok")?,
        changed: fields.count("changed")?,
        unreachable: fields.count("unreachable")?,
        failed: fields.count("failed")?,
        skipped: fields.count("skipped")?,
        rolled_back: fields.count("rolled_back")?,
    })
}

#[cfg(test)]
mod tests {
    use super::event;
    use crate::report::event_json::event_json;

    /// Events that were really written, of every kind.
    const WRITTEN: &str = include_str!("../../tests/golden/opsc.event-1.jsonl");

    #[test]
    fn what_was_written_is_read_back() {
        let mut kinds = std::collections::BTreeSet::new();
        for line in WRITTEN.lines() {
            let json: serde_json::Value = serde_json::from_str(line).unwrap();
            let read = event(line).unwrap_or_else(|| panic!("not understood: {line}"));
            let mut again = event_json(&read, json["run"].as_i64().unwrap());
            // Came later, so earlier events lack it.
            if let Some(evidence) = again.get_mut("evidence").and_then(|evidence| evidence.as_object_mut())
                && json["evidence"].get("done_in").is_none()
            {
                evidence.remove("done_in");
            }
            assert_eq!(again, json, "{line}");
            kinds.insert(json["kind"].as_str().unwrap().to_string());
        }
        assert_eq!(kinds.len(), 19, "{kinds:?}");
        assert_eq!(event("no json"), None);
        assert_eq!(event(r#"{"kind":"moon.landed","seq":1,"time":2}"#), None);
    }
}
