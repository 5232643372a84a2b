//! Plans in files: what somebody was shown and agreed to, so that this is run, or nothing.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use sha2::Digest;

use super::approvers::Approvers;
use super::errors::AppError;
use super::execution::state;
use super::files::{read_text, write_text};
use super::plan_signatures::signer_of;
use super::planning::Planned;
use super::project::Project;
use crate::base::hex::hex;
use crate::base::words;
use crate::hir::effect::Level;
use crate::report::plan_json::plan_json;
use crate::report::plan_text::plan_text;
use crate::report::prediction_text::verdict_text;
use crate::report::run_text::time_text;
use crate::report::stale_text::changed_lines;
use crate::run::differences::Difference;
use crate::run::predict::{Prediction, Verdict};
use crate::state::{Journal, PlanFile};

/// How the name of such a file ends; `opsc run` knows it by that.
pub const ENDING: &str = "plan";
const SCHEMA: &str = "opsc.saved_plan/1";

/// A plan as it was shown, with all that it takes to make it again. Holds no secret.
#[derive(Serialize, Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct SavedPlan {
    pub playbook: String,
    /// Of the plan: program, inputs, hosts, contents of files.
    pub digest: String,
    /// What was asked for, as the command line keeps it.
    pub request: Json,
    /// The lines that `opsc plan` showed.
    shown: Vec<String>,
    /// What the hosts said; absent where nobody asked them.
    predictions: Option<Vec<Foreseen>>,
    /// For programs.
    plan: Json,
    /// Until when it may be run, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<u64>,
    /// It may be run once, and never again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    once: bool,
}

/// For how long and how often a saved plan may be run.
#[derive(Clone, Copy, Default, Debug)]
pub struct Terms {
    /// Milliseconds since 1970.
    pub expires: Option<u64>,
    pub once: bool,
}

/// A saved plan as it was found.
pub struct SavedFile {
    pub saved: SavedPlan,
    /// Every byte of it.
    text: String,
}

/// What one step would have done on one host.
#[derive(Serialize, Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
struct Foreseen {
    step: String,
    host: String,
    verdict: String,
    /// In the words of `opsc plan`.
    said: String,
    differences: Vec<Change>,
}

#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
#[serde(deny_unknown_fields)]
struct Change {
    field: String,
    now: Option<String>,
    then: Option<String>,
}

impl Foreseen {
    fn of(prediction: &Prediction) -> Foreseen {
        let differences = match &prediction.verdict {
            Verdict::WillChange { differences } => differences.as_slice(),
            _ => &[],
        };
        let change = |found: &Difference| Change {
            field: found.field.clone(),
            now: found.now.clone(),
            then: found.then.clone(),
        };
        Foreseen {
            step: prediction.step.clone(),
            host: prediction.host.clone(),
            verdict: prediction.verdict.name().to_string(),
            said: verdict_text(&prediction.verdict),
            differences: differences.iter().filter(|found| !found.is_content()).map(change).collect(),
        }
    }

    /// Why something is unknown or fails is told in words that may differ while nothing else does.
    fn is_as(&self, other: &Foreseen) -> bool {
        self.verdict == other.verdict && self.differences == other.differences
    }
}

impl SavedPlan {
    /// Contents of files stay out of it; they may be confidential.
    pub fn new(
        planned: &Planned,
        request: Json,
        predictions: Option<&[Prediction]>,
        terms: Terms,
    ) -> Result<SavedPlan, AppError> {
        let (plan, program, inventory) = (&planned.plan, &planned.program, &planned.inventory);
        Ok(SavedPlan {
            playbook: plan.playbook.clone(),
            digest: plan.digest.clone(),
            request,
            shown: lines_of(planned),
            predictions: predictions.map(|found| found.iter().map(Foreseen::of).collect()),
            plan: serde_json::to_value(plan_json(plan, program, inventory)).map_err(unwritable)?,
            expires: terms.expires,
            once: terms.once,
        })
    }

    /// Over an older saved plan, but over no other file.
    pub fn write(&self, path: &Path) -> Result<(), AppError> {
        if path.extension().is_none_or(|ending| ending != ENDING) {
            let reason = format!("a saved plan is named `*.{ENDING}`, and `{}` is not", path.display());
            return Err(AppError::NotASavedPlan { reason });
        }
        if path.exists() && read_text(path).is_ok_and(|text| !text.contains(SCHEMA)) {
            let reason = format!("`{}` exists, and is no saved plan", path.display());
            return Err(AppError::NotASavedPlan { reason });
        }
        let body = serde_json::to_value(self).map_err(unwritable)?;
        write_text(path, &written(&body))
    }

    /// Whether it may still be run.
    pub fn refuse_expired(&self, path: &Path, now: u64) -> Result<(), AppError> {
        match self.expires.filter(|expires| now > *expires) {
            None => Ok(()),
            Some(expires) => {
                let reason = format!("`{}` was to be run until {}", path.display(), time_text(expires));
                Err(AppError::Stale { reason, hint: AGAIN.to_string() })
            }
        }
    }

    /// Whether what was shown is what would be run.
    pub fn refuse_another(&self, path: &Path, planned: &Planned) -> Result<(), AppError> {
        if planned.plan.digest == self.digest {
            return Ok(());
        }
        let changes = changed_lines(&self.shown, &lines_of(planned));
        let what = match changes.is_empty() {
            true => "an action, a file, an input or the inventory is not what it was\n".to_string(),
            false => changes,
        };
        let reason = format!("`{}` is not what would be run now:\n{}", path.display(), what.trim_end());
        Err(AppError::Stale { reason, hint: AGAIN.to_string() })
    }

    /// Whether the hosts say what they said then. Without predictions nobody was told anything of them.
    pub fn refuse_drift(&self, path: &Path, now: &[Prediction]) -> Result<(), AppError> {
        let Some(before) = &self.predictions else { return Ok(()) };
        let now: Vec<Foreseen> = now.iter().map(Foreseen::of).collect();
        let drifted = drift(before, &now);
        if drifted.is_empty() {
            return Ok(());
        }
        let count = words::count(drifted.len(), "prediction");
        let reason = format!("{count} of `{}` no longer hold:\n  {}", path.display(), drifted.join("\n  "));
        Err(AppError::Stale { reason, hint: AGAIN.to_string() })
    }

    /// The worst that its steps do, as [`crate::plan::model::Plan::level`].
    pub fn level(&self) -> Level {
        let steps = self.plan.get("steps").and_then(Json::as_array).into_iter().flatten();
        let effects = steps.filter_map(|step| step.get("effect")?.as_str());
        effects.filter_map(Level::parse).max().unwrap_or(Level::Read)
    }

    pub fn has_predictions(&self) -> bool {
        self.predictions.is_some()
    }
}

impl SavedFile {
    /// Refuses every file that is not byte for byte as it was saved.
    pub fn read(path: &Path) -> Result<SavedFile, AppError> {
        let text = match read_text(path) {
            Err(AppError::NotText { .. }) => return Err(not_as_saved(path, "it is no text")),
            text => text?,
        };
        let file: Json = serde_json::from_str(&text).map_err(|error| not_as_saved(path, &error.to_string()))?;
        let (Some(schema), Some(saved)) = (file.get("schema"), file.get("saved")) else {
            return Err(not_as_saved(path, "it has no schema, or nothing is saved in it"));
        };
        if schema != SCHEMA {
            return Err(not_as_saved(path, &format!("its schema is not `{SCHEMA}`")));
        }
        if written(saved) != text {
            return Err(not_as_saved(path, "its contents do not match its digest"));
        }
        let saved = SavedPlan::deserialize(saved).map_err(|error| not_as_saved(path, &error.to_string()))?;
        Ok(SavedFile { saved, text })
    }

    /// What the audit says of it, and by whom it was signed: by somebody who is known, where it is to be signed.
    pub fn plan_file(&self, path: &Path, approvers: &Approvers, to_be_signed: bool) -> Result<PlanFile, AppError> {
        let bytes = self.text.as_bytes();
        let signed = match signer_of(path, bytes, approvers) {
            Err(error) if to_be_signed => return Err(error),
            found => found.ok(),
        };
        Ok(PlanFile { sha256: hex(&sha2::Sha256::digest(bytes)), once: self.saved.once, signed })
    }

    /// Before anybody is asked for anything; the journal looks once more when the run begins.
    pub fn refuse_used_up(&self, project: &Project, file: &PlanFile) -> Result<(), AppError> {
        if !file.once || !project.journal().exists() {
            return Ok(());
        }
        let journal = Journal::open(&project.journal()).map_err(state)?;
        let run = journal.run_of_file(&file.sha256).map_err(state)?;
        run.map_or(Ok(()), |run| Err(AppError::used_up(run)))
    }
}

impl AppError {
    pub(super) fn used_up(run: i64) -> AppError {
        AppError::Stale {
            reason: format!("the plan was saved to be run once, and run {run} was that"),
            hint: format!("nothing was run; `opsc show {run}` tells how it ended; else save the plan again"),
        }
    }
}

const AGAIN: &str = "nothing was run; look at what changed, then save the plan again with `opsc plan --save`";

/// One line for each step and host of which something else is said.
fn drift(before: &[Foreseen], now: &[Foreseen]) -> Vec<String> {
    let find = |list: &'_ [Foreseen], wanted: &Foreseen| -> Option<Foreseen> {
        list.iter().find(|found| found.step == wanted.step && found.host == wanted.host).cloned()
    };
    let mut lines = Vec::new();
    for then in before {
        match find(now, then) {
            Some(found) if found.is_as(then) => {}
            Some(found) => lines.push(format!("{} {}: `{}` is `{}`", then.host, then.step, then.said, found.said)),
            None => lines.push(format!("{} {}: `{}` is no more", then.host, then.step, then.said)),
        }
    }
    let is_new = |found: &&Foreseen| find(before, found).is_none();
    lines.extend(
        now.iter().filter(is_new).map(|found| format!("{} {}: `{}` is new", found.host, found.step, found.said)),
    );
    lines
}

/// Without the digest, which stands beside them and says nothing of what is different.
fn lines_of(planned: &Planned) -> Vec<String> {
    let text = plan_text(&planned.plan, &planned.program, &planned.inventory, false);
    let says = |line: &&str| !line.trim_start().starts_with("digest sha256:");
    text.lines().filter(says).map(str::to_string).collect()
}

/// The whole file, of which the body decides every byte.
fn written(body: &Json) -> String {
    let sha256 = hex(&sha2::Sha256::digest(format!("{SCHEMA}\n{body}").as_bytes()));
    format!("{:#}\n", json!({ "schema": SCHEMA, "sha256": sha256, "saved": body }))
}

fn unwritable(error: serde_json::Error) -> AppError {
    AppError::NotASavedPlan { reason: format!("the plan cannot be written: {error}") }
}

fn not_as_saved(path: &Path, why: &str) -> AppError {
    let reason = format!("`{}` is not as it was saved: {why}", path.display());
    AppError::Stale { reason, hint: "nothing was run; save the plan again with `opsc plan --save`".to_string() }
}
