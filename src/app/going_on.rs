//! From a run of the journal to what another run needs to go on with it, or to go back over it.

use std::collections::BTreeSet;
use std::path::Path;

use sha2::Digest;

use super::approving::look_at_signatures;
use super::auditing::by;
use super::errors::AppError;
use super::execution::{now, state};
use super::planning::Planned;
use super::project::Project;
use super::receipts::Unsettled;
use super::running::login_name;
use crate::base::hex::hex;
use crate::base::words;
use crate::hir::effect::Level;
use crate::report::link::{Link, link};
use crate::run::earlier::{Earlier, KeptThere, SAID_AGAIN, SAID_DONE, SAID_NOT_DONE, State, is_said};
use crate::run::errors::Phase;
use crate::run::owed::{Owed, owed};
use crate::state::{Approval, Intent, Journal, LaterChange, Lock, Record, RunSummary, StepResult, Unfinished};

/// What somebody wants of a run that is over.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// What is missing is done.
    Resume,
    /// What it changed is undone.
    Rollback,
    /// The same is run again, where it did not come to a good end.
    Retry,
    /// A person says how a step ended, or whether it may go on.
    Answer,
}

/// A run that is over, however it ended, with all that it and the runs it goes on with recorded.
pub struct Ended {
    pub summary: RunSummary,
    /// The run that all of it began with.
    pub(super) first: i64,
    /// The oldest first.
    records: Vec<Record>,
    pub(super) approvals: Vec<Approval>,
}

/// What the journal says of an answer of a person, before the name.
const SAID_BY: &str = "said by ";

/// How a step ended of which only a person can know.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Said {
    Done,
    NotDone,
    /// Whatever it was: it may be done once more.
    Again,
}

impl AppError {
    pub(super) fn gone_on(run: i64, by: i64, how: &str) -> AppError {
        AppError::NotToGoOn {
            reason: format!("run {by} {how} run {run}"),
            hint: format!(
                "`opsc show {by}` tells how it ended; give the command for run {by}, or begin anew with `opsc run`"
            ),
        }
    }

    /// Another one was quicker.
    pub(super) fn going_on(run: i64, by: i64, how: &str) -> AppError {
        AppError::NotToGoOn {
            reason: format!("run {by} {how} run {run}"),
            hint: format!("wait for its end, or stop it with `opsc cancel {by}`"),
        }
    }
}

/// Refuses runs that are under way, that another one went on with, or where nothing is to be done.
pub fn ended(journal: &Journal, run: i64, wanted: Wanted) -> Result<Ended, AppError> {
    let summary = summary_of(journal, run)?;
    if let Some(by) = journal.gone_on_by(run).map_err(state)? {
        let by = summary_of(journal, by)?;
        let back = matches!(link(&by.record), Some(Link::GoesBack(_)));
        return Err(match (by.is_over(), back) {
            (true, true) => AppError::gone_on(run, by.id, "went back over"),
            (true, false) => AppError::gone_on(run, by.id, "went on with"),
            (false, _) => AppError::going_on(run, by.id, if back { "goes back over" } else { "goes on with" }),
        });
    }
    if let (Wanted::Resume | Wanted::Retry, Some(Link::GoesBack(first))) = (wanted, link(&summary.record)) {
        return Err(AppError::NotToGoOn {
            reason: format!("run {run} goes back over run {first}, and nothing is to be done that it undoes"),
            hint: format!("`opsc rollback {run}` goes on with it; `opsc run` begins anew"),
        });
    }
    if !summary.is_over() {
        return Err(AppError::UnderWay { run, pid: summary.record.pid });
    }
    if matches!(wanted, Wanted::Resume | Wanted::Retry) && summary.exit == Some(0) {
        return Err(AppError::NotToGoOn {
            reason: format!("run {run} is done: nothing of it is missing"),
            hint: format!("`opsc rollback {run}` undoes what it changed"),
        });
    }
    let (mut records, mut approvals) = (Vec::new(), Vec::new());
    let (mut first, mut next) = (run, Some(run));
    while let Some(run) = next {
        first = run;
        records.splice(0..0, journal.records(run).map_err(state)?);
        approvals.splice(0..0, journal.approvals(run).map_err(state)?);
        next = summary_of(journal, run)?.record.goes_on_with;
    }
    look_at_signatures(journal, &mut approvals)?;
    Ok(Ended { summary, first, records, approvals })
}

pub(super) fn summary_of(journal: &Journal, run: i64) -> Result<RunSummary, AppError> {
    journal.summary(run).map_err(state)?.ok_or(AppError::NoSuchRun { run: run.to_string() })
}

/// What earlier runs left unfinished on hosts that a plan would change.
pub fn unfinished(project: &Project, planned: &Planned) -> Result<Vec<Unfinished>, AppError> {
    if planned.plan.row.level == Level::Read || !project.journal().exists() {
        return Ok(Vec::new());
    }
    let journal = Journal::open(&project.journal()).map_err(state)?;
    let hosts = planned.plan.hosts.iter().map(|host| planned.inventory.hosts.at(*host).name.as_str());
    let hosts: BTreeSet<&str> = hosts.collect();
    let mut found = journal.unfinished().map_err(state)?;
    found.iter_mut().for_each(|run| run.hosts.retain(|host| hosts.contains(host.as_str())));
    found.retain(|run| !run.hosts.is_empty());
    Ok(found)
}

/// What earlier runs of the same playbook owe to hosts of a plan.
pub fn owing(project: &Project, planned: &Planned) -> Result<Vec<Owed>, AppError> {
    let plan = &planned.plan;
    if plan.row.level == Level::Read || !project.journal().exists() {
        return Ok(Vec::new());
    }
    let journal = Journal::open(&project.journal()).map_err(state)?;
    let is_here = |name: &str| plan.hosts.iter().any(|host| planned.inventory.hosts.at(*host).name == name);
    let is_same_file = |path: &str| Path::new(path).file_name() == planned.path.file_name();
    let mut found = Vec::new();
    for run in journal.not_done(&plan.playbook).map_err(state)? {
        if !is_same_file(&run.record.path) {
            continue;
        }
        let ended = ended(&journal, run.id, Wanted::Rollback)?;
        for owed in owed(plan, &Earlier::of(&ended.records, plan)).into_iter().filter(|owed| is_here(&owed.host)) {
            if !journal.was_done_later(run.id, &owed.step, &owed.host).map_err(state)? {
                found.push(Owed { run: run.id, ..owed });
            }
        }
    }
    Ok(found)
}

/// Locks of hosts of a plan that are taken from runs of which nobody has heard.
pub fn taken_over(project: &Project, planned: &Planned) -> Result<Vec<Lock>, AppError> {
    if planned.plan.row.level == Level::Read || !project.journal().exists() {
        return Ok(Vec::new());
    }
    let journal = Journal::open(&project.journal()).map_err(state)?;
    let is_of_plan =
        |lock: &Lock| planned.plan.hosts.iter().any(|host| planned.inventory.hosts.at(*host).name == lock.host);
    let mut locks = journal.locks().map_err(state)?;
    locks.retain(|lock| lock.holder.is_unheard() && is_of_plan(lock));
    Ok(locks)
}

impl Ended {
    pub(super) fn records(&self) -> &[Record] {
        &self.records
    }

    /// What was asked for then.
    pub fn request(&self) -> Result<&str, AppError> {
        let missing = || AppError::NotToGoOn {
            reason: format!(
                "run {} was of one action, or of an opsc that did not keep what was asked for",
                self.summary.id
            ),
            hint: format!("`opsc show {}` tells what it did; give its command again", self.summary.id),
        };
        self.summary.record.request.as_deref().ok_or_else(missing)
    }

    /// What it left, judged by the same plan; another plan is refused, whatever made it another.
    pub fn earlier(&self, planned: &Planned) -> Result<Earlier, AppError> {
        let record = &self.summary.record;
        if planned.plan.digest == record.digest {
            return Ok(Earlier::of(&self.records, &planned.plan).with_approvals(self.approvals.clone()));
        }
        let source = std::fs::read(&planned.path).unwrap_or_default();
        let is_same = hex(&sha2::Sha256::digest(&source)) == record.source_sha256;
        let path = planned.path.display();
        let what = match is_same {
            true => format!("`{path}` is the same; an action, a file, an input or the inventory is not"),
            false => format!("`{path}` has changed since"),
        };
        let reason = format!("the plan of run {} is another one now: {what}", self.summary.id);
        let commit = record.commit.as_deref().map(|commit| format!(", it was made from commit {commit}"));
        let hint =
            format!("bring back what it was made from{}; or start anew with `opsc run`", commit.unwrap_or_default());
        Err(AppError::Stale { reason, hint })
    }

    /// Which later runs changed hosts on which something is undone.
    pub fn later_changes(&self, journal: &Journal, earlier: &Earlier) -> Result<Vec<LaterChange>, AppError> {
        let mut later = journal.later_changes(self.summary.id).map_err(state)?;
        later.retain(|change| earlier.all().any(|(host, _, left)| left.changed && host == change.host));
        Ok(later)
    }

    /// Refuses as long as nobody said how every step ended that must not be done twice.
    pub fn refuse_unknown(&self, earlier: &Earlier, wanted: Wanted, unsettled: &Unsettled) -> Result<(), AppError> {
        let rollback = |state: State| match state {
            State::Undoing => " (its rollback)",
            State::NotUndone => " (its rollback failed)",
            _ => "",
        };
        let why = |host: &str, step: &str| {
            let why = unsettled.get(&(host.to_string(), step.to_string()));
            why.map(|why| format!(": {why}")).unwrap_or_default()
        };
        let told = |(host, step, state)| format!("{host} {step}{}{}", rollback(state), why(host, step));
        let steps: Vec<String> = match wanted {
            Wanted::Rollback => earlier.unknown_undone().map(told).collect(),
            Wanted::Resume | Wanted::Retry | Wanted::Answer => earlier.unknown().map(told).collect(),
        };
        if steps.is_empty() { Ok(()) } else { Err(AppError::Indeterminate { run: self.summary.id, steps }) }
    }

    /// Refuses while a host still does what is to be undone.
    pub fn refuse_running(&self, earlier: &Earlier) -> Result<(), AppError> {
        let running = earlier.all().filter(|(_, _, left)| left.kept_there == Some(KeptThere::Running));
        let steps: Vec<String> = running.map(|(host, step, _)| format!("`{step}` on {host}")).collect();
        if steps.is_empty() {
            return Ok(());
        }
        let run = self.summary.id;
        let reason = format!("of run {run}, {} still runs", words::join_and(&steps));
        Err(AppError::NotToGoOn {
            reason,
            hint: format!("`opsc resume {run}` waits for its end and goes on; then go back over that run"),
        })
    }

    /// Writes down what the host says of a step that was about to begin.
    pub(super) fn write_down_not_begun(
        &self,
        journal: &Journal,
        (step, host): (&str, &str),
        said: &str,
    ) -> Result<(), AppError> {
        let Some(intent) = self.intent_of((step, host), Phase::Apply.name()) else { return Ok(()) };
        let result = StepResult { error: Some(said.to_string()), ..said_of(intent, SAID_NOT_DONE, false) };
        journal.resolve(&result, &by()).map_err(state)
    }

    /// The newest.
    fn intent_of(&self, (step, host): (&str, &str), phase: &str) -> Option<&Intent> {
        self.records.iter().rev().find_map(|record| match record {
            Record::Intent(intent) if intent.step == step && intent.host == host && intent.phase == phase => {
                Some(intent)
            }
            _ => None,
        })
    }

    /// The phase of which a person has said how it ended, where nothing has come after it.
    fn said_last(&self, (step, host): (&str, &str)) -> Option<&str> {
        let last = self.records.iter().rev().find_map(|record| match record {
            Record::Intent(intent) if intent.step == step && intent.host == host => Some(None),
            Record::Result(result) if result.step == step && result.host == host => Some(Some(result)),
            _ => None,
        });
        let is_of_person = |result: &&StepResult| {
            is_said(result) && result.error.as_ref().is_some_and(|error| error.starts_with(SAID_BY))
        };
        last.flatten().filter(is_of_person).map(|result| result.phase.as_str())
    }

    /// Writes down what a person says of a step, or says otherwise. Of any other the journal knows better.
    pub fn resolve(
        &self,
        journal: &Journal,
        earlier: &Earlier,
        (step, host): (&str, &str),
        said: Said,
    ) -> Result<(), AppError> {
        let unknown = earlier.unknown().find(|(of, name, _)| (*of, *name) == (host, step));
        let unknown =
            unknown.map(|(_, _, state)| if state.is_of_rollback() { Phase::Rollback } else { Phase::Apply }.name());
        let phase = unknown.or_else(|| self.said_last((step, host)));
        let intent = phase.and_then(|phase| self.intent_of((step, host), phase));
        let run = self.summary.id;
        let Some(intent) = intent else {
            let unknown: Vec<String> = earlier.unknown().map(|(host, step, _)| format!("`{step} {host}`")).collect();
            let known = if unknown.is_empty() { "nothing".to_string() } else { words::join_and(&unknown) };
            let reason = format!("of `{step}` on `{host}` in run {run} nobody needs to say how it ended");
            return Err(AppError::NotToGoOn { reason, hint: format!("to be said is: {known}") });
        };
        let outcome = match said {
            Said::Done => SAID_DONE,
            Said::NotDone => SAID_NOT_DONE,
            Said::Again => SAID_AGAIN,
        };
        let by_whom = format!("{SAID_BY}{}", login_name());
        let result = StepResult { error: Some(by_whom), ..said_of(intent, outcome, said != Said::NotDone) };
        journal.resolve(&result, &by()).map_err(state)
    }
}

/// How a step ended, in the words of somebody else than the run that began it.
fn said_of(intent: &Intent, outcome: &str, changed: bool) -> StepResult {
    let nothing = || "{}".to_string();
    StepResult {
        run: intent.run,
        step: intent.step.clone(),
        host: intent.host.clone(),
        attempt: intent.attempt,
        phase: intent.phase.clone(),
        outcome: outcome.to_string(),
        changed,
        code: None,
        before_json: nothing(),
        apply_json: nothing(),
        after_json: nothing(),
        error: None,
        output_sha256: None,
        output: Vec::new(),
        kept_json: None,
        time: now(),
    }
}
