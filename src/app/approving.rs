//! What somebody says of a run that waits: it may go on, or it may not. Where `[approvers]` lists keys for the name, only
//! a signature says it; else it is as trustworthy as access to the journal.

use serde_json::{Value as Json, json};

use super::approvers::{Approvers, told};
use super::errors::AppError;
use super::execution::{now, state};
use super::going_on::{Ended, Wanted, ended, summary_of};
use super::running::login_name;
use super::settings::Settings;
use super::signatures::{KeyFault, Signature, SigningKey, VerifyingKey};
use crate::base::words;
use crate::report::approval_text::{approval_json, at_batch, verdict_text};
use crate::report::run_text::time_text;
use crate::state::process::machine;
use crate::state::{Approval, Journal, Signed, Verdict};

/// An answer as it was given on the command line.
pub struct Answer<'a> {
    pub run: i64,
    pub approved: bool,
    /// Where it is sure to be meant for this one.
    pub gate: Option<&'a str>,
    /// As whom, where that is not the login name or the key's owner.
    pub name: Option<&'a str>,
    pub proof: Option<Proof>,
}

/// How somebody shows that it is them.
pub enum Proof {
    /// The key is here.
    Key(SigningKey),
    /// It was used elsewhere.
    Signature(Signature),
}

/// The text that is signed: everything that is approved or rejected, a line each, in the journal in which it counts.
pub fn statement(journal: &str, run: i64, approved: bool, asked: &Json) -> String {
    let time = |name: &str| asked.get(name).and_then(Json::as_u64).map(time_text);
    let field = |name: &str| asked.get(name).cloned().unwrap_or_default();
    let lines = [
        ("verdict", json!(if approved { "approved" } else { "rejected" })),
        ("run", json!(run)),
        ("gate", field("gate")),
        ("batch", field("batch")),
        ("message", field("message")),
        ("hosts", field("hosts")),
        ("digest", field("digest")),
        ("asked", json!(time("asked"))),
        ("until", json!(time("until"))),
        ("journal", json!(journal)),
    ];
    let lines: String = lines.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
    format!("opsc.approval/1\n{lines}")
}

fn statement_of(journal: &Journal, asked: &Approval, approved: bool) -> Result<String, AppError> {
    Ok(statement(&journal.audit_origin().map_err(state)?, asked.run, approved, &approval_json(asked)))
}

/// What somebody signs who does not sign here.
pub fn to_be_signed(journal: &Journal, answer: &Answer<'_>) -> Result<String, AppError> {
    let asked = ended(journal, answer.run, Wanted::Answer)?.open(answer.gate)?;
    statement_of(journal, &asked, answer.approved)
}

/// Writes the answer down. Returns what it was about.
pub fn answer(journal: &Journal, answer: &Answer<'_>, settings: &Settings) -> Result<Approval, AppError> {
    let Answer { run, approved, gate, name, .. } = *answer;
    let ended = ended(journal, run, Wanted::Answer)?;
    let asked = ended.open(gate)?;
    let (now, user) = (now(), login_name());
    let approvers = settings.approvers();
    let (name, signed) = match &answer.proof {
        None => (unsigned(&asked, name, &user, approvers)?, None),
        Some(proof) => {
            let text = statement_of(journal, &asked, approved)?;
            let signature = match proof {
                Proof::Key(key) => key.sign(text.as_bytes(), &comment(&asked, approved)).map_err(key_fault)?,
                Proof::Signature(signature) => signature.clone(),
            };
            let (name, key) = signer(&asked, name, approvers, (&text, &signature))?;
            let (key, signature) = (key.text().to_string(), signature.text().to_string());
            let signed = Signed { key, signature, holds: true };
            (name, Some(signed))
        }
    };
    if let Some(until) = asked.until.filter(|_| approved && asked.is_late(now)) {
        return Err(AppError::NotToGoOn {
            reason: format!("`{}` of run {run} was to be approved until {}", asked.gate, time_text(until)),
            hint: format!("`opsc resume {run}` comes to it again and asks again"),
        });
    }
    let verdict = Verdict { approved, name, user, machine: machine(), time: now, signed };
    if approved && settings.is_on("approvals.four_eyes") {
        let is_here = !matches!(answer.proof, Some(Proof::Signature(_)));
        ended.refuse_same_eyes(journal, &asked, &verdict, (approvers, is_here))?;
    }
    journal.say(asked.id, &verdict).map_err(state)?;
    Ok(Approval { verdict: Some(verdict), ..asked })
}

fn comment(asked: &Approval, approved: bool) -> String {
    let word = if approved { "approved" } else { "rejected" };
    format!("opsc.approval/1 {word} {} of run {}", at_batch(&asked.gate, asked.batch), asked.run)
}

fn key_fault(fault: KeyFault) -> AppError {
    AppError::Credential { reason: format!("the key cannot be used: {fault}") }
}

/// The name that counts without a signature: the one that is given, the login name, or one that stands for whoever it is.
fn unsigned(asked: &Approval, given: Option<&str>, user: &str, approvers: &Approvers) -> Result<String, AppError> {
    let may = |name: &str| asked.by.iter().any(|by| by == name);
    let is_anybody = |name: &&String| approvers.is_anybody(name) || (name.as_str() == "self" && approvers.is_empty());
    let found = match given {
        Some(name) => may(name).then(|| name.to_string()),
        None if may(user) => Some(user.to_string()),
        None => asked.by.iter().find(is_anybody).cloned(),
    };
    let name = found.ok_or_else(|| not_one_of(asked, given.unwrap_or(user)))?;
    if approvers.keys_of(&name).is_empty() {
        return Ok(name);
    }
    let run = asked.run;
    Err(AppError::NotApprover {
        reason: format!("`{}` is answered by {name} with a signature only: `[approvers]` has keys", asked.gate),
        hint: format!(
            "`opsc approve {run} --sign KEYFILE`; or sign what `opsc approve {run} --print` writes, and give `--signature FILE`"
        ),
    })
}

fn not_one_of(asked: &Approval, name: &str) -> AppError {
    let by = words::join_or(&asked.by);
    AppError::NotApprover {
        reason: format!("`{}` is to be answered by {by}, not by {name}", asked.gate),
        hint: format!("whoever is one of them says so with `--as NAME`: {by}"),
    }
}

/// The name that a signature counts for.
fn signer<'a>(
    asked: &'a Approval,
    given: Option<&'a str>,
    approvers: &'a Approvers,
    (text, signature): (&str, &Signature),
) -> Result<(String, &'a VerifyingKey), AppError> {
    if let Some(name) = given.filter(|name| !asked.by.iter().any(|by| by == name)) {
        return Err(not_one_of(asked, name));
    }
    let names = || asked.by.iter().map(String::as_str).filter(|name| given.is_none_or(|given| *name == given));
    if let Some((name, key)) = approvers.signer(names(), text.as_bytes(), signature) {
        return Ok((name.to_string(), key));
    }
    let id = signature.key_id();
    let known: Vec<(&str, &VerifyingKey)> =
        names().flat_map(|name| approvers.keys_of(name).iter().map(move |key| (name, key))).collect();
    let run = asked.run;
    Err(match known.iter().find(|(_, key)| key.id() == id) {
        Some((name, key)) => AppError::NotApprover {
            reason: format!("the signature of {} is not of this answer to `{}`", told(name, key), asked.gate),
            hint: format!(
                "sign exactly what `opsc approve {run} --print` (or `opsc reject {run} --print`) writes, in this project"
            ),
        },
        None => AppError::NotApprover {
            reason: format!("the key {id} is none that may answer `{}`", asked.gate),
            hint: match known.is_empty() {
                true => format!("`[approvers]` of opsc.toml has no key of {}", words::join_or(&asked.by)),
                false => {
                    let known: Vec<String> = known.iter().map(|(name, key)| told(name, key)).collect();
                    format!("known are {}", words::join_and(&known))
                }
            },
        },
    })
}

/// Whether what is written down of an answer is what its signer signed.
fn holds(journal: &str, approval: &Approval, verdict: &Verdict, approvers: &Approvers) -> bool {
    let keys = approvers.keys_of(&verdict.name);
    let Some(signed) = &verdict.signed else { return keys.is_empty() };
    let Ok(signature) = Signature::parse(&signed.signature) else { return false };
    let text = statement(journal, approval.run, verdict.approved, &approval_json(approval));
    keys.iter().any(|key| key.text() == signed.key && key.has_signed(text.as_bytes(), &signature))
}

/// Looks whether each signature is of what is written down beside it; whether its key counts is another matter.
pub fn look_at_signatures(journal: &Journal, approvals: &mut [Approval]) -> Result<(), AppError> {
    let origin = journal.audit_origin().map_err(state)?;
    for approval in approvals {
        let asked = approval_json(approval);
        let Some(verdict) = &mut approval.verdict else { continue };
        let Some(signed) = &mut verdict.signed else { continue };
        let text = statement(&origin, approval.run, verdict.approved, &asked);
        signed.holds = is_signed(&signed.key, &signed.signature, &text);
    }
    Ok(())
}

fn is_signed(key: &str, signature: &str, text: &str) -> bool {
    match (VerifyingKey::parse(key), Signature::parse(signature)) {
        (Ok(key), Ok(signature)) => key.has_signed(text.as_bytes(), &signature),
        _ => false,
    }
}

/// Whether a row of the audit is what its signer signed; nothing of rows that nobody signed.
pub(super) fn row_holds(journal: &str, run: i64, approved: bool, details: &Json) -> Option<bool> {
    let text = |name: &str| details.get(name).and_then(Json::as_str);
    Some(is_signed(text("key")?, text("signature")?, &statement(journal, run, approved, details)))
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

    /// Refuses an approval by whoever began what is approved: by login name where it is given here, by key where it is
    /// signed.
    fn refuse_same_eyes(
        &self,
        journal: &Journal,
        asked: &Approval,
        verdict: &Verdict,
        (approvers, is_here): (&Approvers, bool),
    ) -> Result<(), AppError> {
        let first = summary_of(journal, self.first)?;
        let starter = &first.record.user;
        let plan_key = journal.key_of_plan(self.first).map_err(state)?;
        let is_theirs = |signed: &Signed| {
            let has_it = approvers.keys_of(starter).iter().any(|key| key.text() == signed.key);
            has_it || plan_key.as_ref() == Some(&signed.key)
        };
        let same = (is_here && verdict.user == *starter) || verdict.signed.as_ref().is_some_and(is_theirs);
        if !same {
            return Ok(());
        }
        let (run, how) = (self.first, if plan_key.is_some() { "began or signed" } else { "began" });
        Err(AppError::NotApprover {
            reason: format!("`{}` is to be approved by somebody else than who {how} run {run}", asked.gate),
            hint: "`four_eyes` of `[approvals]` asks for two people; a signature from elsewhere comes in with `--signature FILE`"
                .to_string(),
        })
    }

    /// Refuses to go on with approvals that are not what somebody signed, where they had to be signed.
    pub fn refuse_unsigned(&self, journal: &Journal, approvers: &Approvers) -> Result<(), AppError> {
        let origin = journal.audit_origin().map_err(state)?;
        let bad = self.approvals.iter().find(|approval| {
            approval.verdict.as_ref().is_some_and(|verdict| !holds(&origin, approval, verdict, approvers))
        });
        let Some(bad) = bad else { return Ok(()) };
        let (gate, run) = (at_batch(&bad.gate, bad.batch), bad.run);
        Err(AppError::Unsigned {
            reason: format!(
                "`{gate}` of run {run} was {}, and no key that `[approvers]` has for that name signed it",
                verdict_text(bad).unwrap_or_default()
            ),
            hint: format!("`opsc audit query --run {run}` says what was written down; `opsc run` starts anew"),
        })
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
