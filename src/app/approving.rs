//! What somebody says of a run that waits: it may go on, or it may not. As trustworthy as access to the journal.

use std::collections::BTreeMap;

use super::errors::AppError;
use super::execution::{now, state};
use super::going_on::{Ended, Wanted, ended};
use super::running::login_name;
use crate::base::words;
use crate::report::approval_text::{at_batch, verdict_text};
use crate::report::run_text::time_text;
use crate::state::process::machine;
use crate::state::{Approval, Journal, Verdict};

/// An answer as it was given on the command line.
pub struct Answer<'a> {
    pub run: i64,
    pub approved: bool,
    /// Where it is sure to be meant for this one.
    pub gate: Option<&'a str>,
    /// As whom, where that is not the login name.
    pub name: Option<&'a str>,
}

/// Writes the answer down. Returns what it was about.
pub fn answer(
    journal: &Journal,
    answer: &Answer<'_>,
    approvers: &BTreeMap<String, Vec<String>>,
) -> Result<Approval, AppError> {
    let Answer { run, approved, gate, name } = *answer;
    let asked = ended(journal, run, Wanted::Answer)?.open(gate)?;
    let (now, user) = (now(), login_name());
    let name = approver(&asked, name, &user, approvers)?;
    if let Some(until) = asked.until.filter(|_| approved && asked.is_late(now)) {
        return Err(AppError::NotToGoOn {
            reason: format!("`{}` of run {run} was to be approved until {}", asked.gate, time_text(until)),
            hint: format!("`opsc resume {run}` comes to it again and asks again"),
        });
    }
    let verdict = Verdict { approved, name, user, machine: machine(), time: now };
    journal.say(asked.id, &verdict).map_err(state)?;
    Ok(Approval { verdict: Some(verdict), ..asked })
}

/// The name that counts: the one that is given, the login name, or one that stands for whoever it is.
fn approver(
    asked: &Approval,
    given: Option<&str>,
    user: &str,
    approvers: &BTreeMap<String, Vec<String>>,
) -> Result<String, AppError> {
    let may = |name: &str| asked.by.iter().any(|by| by == name);
    let is_anybody = |name: &&String| {
        let of_table = approvers.get(name.as_str()).is_some_and(|keys| keys.iter().any(|key| key == "self"));
        of_table || (name.as_str() == "self" && approvers.is_empty())
    };
    let found = match given {
        Some(name) => may(name).then(|| name.to_string()),
        None if may(user) => Some(user.to_string()),
        None => asked.by.iter().find(is_anybody).cloned(),
    };
    let by = words::join_or(&asked.by);
    found.ok_or_else(|| AppError::NotApprover {
        reason: format!("`{}` is to be answered by {by}, not by {}", asked.gate, given.unwrap_or(user)),
        hint: format!("whoever is one of them says so with `--as NAME`: {by}"),
    })
}

impl Ended {
    /// What this run itself came to last.
    fn last(&self) -> Option<&Approval> {
        self.approvals.iter().rev().find(|approval| approval.run == self.summary.id)
    }

    /// The approval that is waited for.
    fn open(&self, gate: Option<&str>) -> Result<Approval, AppError> {
        let run = self.summary.id;
        let refused = |reason: String| AppError::NotToGoOn {
            reason,
            hint: format!("`opsc show {run}` tells what became of it, `opsc runs` which runs wait"),
        };
        let Some(asked) = self.last() else {
            return Err(refused(format!("run {run} waits for no approval")));
        };
        if let Some(verdict) = verdict_text(asked) {
            return Err(refused(format!("`{}` of run {run} was {verdict}", asked.gate)));
        }
        match gate {
            Some(gate) if gate != asked.gate => {
                Err(refused(format!("run {run} waits at `{}`, not at `{gate}`", asked.gate)))
            }
            _ => Ok(asked.clone()),
        }
    }

    /// Refuses to go on where somebody said no, and where nobody said anything and still may.
    pub fn refuse_unapproved(&self, now: u64) -> Result<(), AppError> {
        let run = self.summary.id;
        let Some(asked) = self.last() else { return Ok(()) };
        match &asked.verdict {
            Some(Verdict { approved: true, .. }) => Ok(()),
            Some(_) => Err(AppError::NotToGoOn {
                reason: format!("run {run} was {}", verdict_text(asked).unwrap_or_default()),
                hint: format!("`opsc rollback {run}` undoes what it changed; `opsc run` starts anew"),
            }),
            None if asked.is_late(now) => Ok(()),
            None => {
                Err(AppError::ApprovalNeeded { run, gate: at_batch(&asked.gate, asked.batch), by: asked.by.clone() })
            }
        }
    }
}
