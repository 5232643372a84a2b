//! What the journal keeps of a step for runs that go on from it: what its phases reported, and what it printed where its
//! result says so. As JSON, and back as a trace.

use serde_json::{Value as Json, json};

use super::errors::{Phase, StepError};
use super::fields::{self, Texts};
use super::phases::Trace;
use super::redact::Redactor;
use crate::hir::program::Action;
use crate::transport::{Captured, Completed};

#[derive(Clone, PartialEq, Debug)]
pub struct Kept {
    before: Texts,
    apply: Texts,
    after: Texts,
    /// Nothing had to be taken out of what `apply` reported.
    is_exact: bool,
    printed: Option<Printed>,
}

/// What a result with fields of these names gives.
#[derive(Clone, PartialEq, Debug)]
struct Printed {
    code: i32,
    stdout: String,
    stderr: String,
}

const STREAMS: [&str; 3] = ["code", "stdout", "stderr"];

impl Kept {
    /// Free of secrets.
    pub fn new(trace: &Trace, action: &Action, redactor: &Redactor) -> Kept {
        let clean = |texts: &Texts| -> Texts {
            texts.iter().map(|(name, text)| (redactor.clean(name), redactor.clean(text))).collect()
        };
        let gives = |name: &str| fields::declared(&action.result).iter().any(|field| field.name == name);
        let text = |stream: &Captured| String::from_utf8_lossy(&redactor.clean_captured(stream)).into_owned();
        let printed = trace.completed.as_ref().filter(|_| STREAMS.into_iter().any(gives));
        let apply = clean(&trace.apply);
        Kept {
            before: clean(&trace.before),
            after: clean(&trace.after),
            is_exact: apply == trace.apply,
            apply,
            printed: printed.map(|completed| Printed {
                code: completed.code,
                stdout: text(&completed.stdout),
                stderr: text(&completed.stderr),
            }),
        }
    }

    pub fn to_json(&self) -> String {
        let printed = self.printed.as_ref();
        let printed = printed.map(|Printed { code, stdout, stderr }| json!([code, stdout, stderr]));
        let Kept { before, apply, after, is_exact, .. } = self;
        json!({ "before": before, "apply": apply, "after": after, "is_exact": is_exact, "printed": printed })
            .to_string()
    }

    /// The opposite of [`Kept::to_json`]; `None` for any other text.
    pub fn from_json(text: &str) -> Option<Kept> {
        let json: Json = serde_json::from_str(text).ok()?;
        let pair = |pair: &Json| Some((pair.get(0)?.as_str()?.to_string(), pair.get(1)?.as_str()?.to_string()));
        let texts = |name: &str| json.get(name)?.as_array()?.iter().map(pair).collect::<Option<Texts>>();
        let printed = match json.get("printed")? {
            Json::Null => None,
            printed => Some(Printed {
                code: i32::try_from(printed.get(0)?.as_i64()?).ok()?,
                stdout: printed.get(1)?.as_str()?.to_string(),
                stderr: printed.get(2)?.as_str()?.to_string(),
            }),
        };
        let is_exact = json.get("is_exact")?.as_bool()?;
        Some(Kept { before: texts("before")?, apply: texts("apply")?, after: texts("after")?, is_exact, printed })
    }

    /// What `apply` reported, if all of it was kept.
    pub fn apply(&self) -> Option<&Texts> {
        self.is_exact.then_some(&self.apply)
    }

    /// The trace of the step, as far as its result needs it.
    pub fn trace(&self, action: &Action) -> Result<Trace, StepError> {
        let typed = |phase, texts: &Texts, ty| fields::typed(phase, texts, ty).map(Some);
        let captured = |text: &str| Captured {
            kept: text.as_bytes().to_vec(),
            bytes: text.len() as u64,
            truncated: false,
            sha256: String::new(),
        };
        Ok(Trace {
            before_value: typed(Phase::Check, &self.before, &action.before)?,
            apply_value: typed(Phase::Apply, &self.apply, &action.result)?,
            after_value: typed(Phase::Verify, &self.after, &action.before)?,
            before: self.before.clone(),
            apply: self.apply.clone(),
            after: self.after.clone(),
            completed: self.printed.as_ref().map(|printed| Completed {
                code: printed.code,
                fields: Vec::new(),
                stdout: captured(&printed.stdout),
                stderr: captured(&printed.stderr),
                timed_out: false,
            }),
            apply_started: self.printed.is_some(),
            ..Trace::default()
        })
    }
}

/// What a step found before it acted, for whoever must undo it; nothing where a secret is in it.
pub fn exact_json(texts: &Texts, redactor: &Redactor) -> Option<String> {
    let is_plain = |text: &str| redactor.clean(text) == text;
    let all_plain = texts.iter().all(|(name, text)| is_plain(name) && is_plain(text));
    all_plain.then(|| fields::json(texts))
}
