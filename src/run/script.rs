//! What stands in for hosts in a simulated run: what each step comes to there was said beforehand. It only answers: every
//! rule of what follows from an answer is the engine's own. Knows nothing of files and formats.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::errors::Phase;
use super::fields::Texts;
use crate::base::glob;
use crate::base::ids::HostId;
use crate::hir::effect::Level;
use crate::hir::program::Action;
use crate::plan::model::Step;

/// How long a host that a step restarts is away, where nothing is said of it.
pub const RESTART: Duration = Duration::from_secs(30);

/// Answers for all hosts of one simulated run.
#[derive(Default, Debug)]
pub struct Script {
    /// The first that fits counts.
    pub rules: Vec<Rule>,
    /// What hosts say of themselves.
    pub facts: BTreeMap<HostId, Texts>,
    /// Hosts that nobody reaches.
    pub unreachable: BTreeSet<HostId>,
    /// Fields of steps' results that the plan reads, by the step's name.
    pub read: BTreeMap<String, BTreeSet<String>>,
    /// Looked at for a moment, never held while something is waited for.
    heard: Mutex<Heard>,
}

#[derive(Default, Debug)]
struct Heard {
    /// Hosts that went away, and when they are back, if ever.
    away: BTreeMap<HostId, Option<Instant>>,
    unsaid: BTreeSet<Unsaid>,
}

/// A field of a result that the plan reads and nobody said.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Unsaid {
    pub step: String,
    pub host: String,
    pub field: String,
}

/// What a step comes to on some hosts.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Names, or patterns with `*` and `?`.
    pub step: String,
    pub host: String,
    /// Where it happens; absent: where the step does its work.
    pub phase: Option<Phase>,
    /// Only in the first so many attempts.
    pub attempts: Option<u32>,
    pub said: Said,
}

#[derive(Clone, Default, Debug)]
pub struct Said {
    pub outcome: Option<Word>,
    pub exit: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    /// What `check` finds.
    pub before: Texts,
    /// Fields of the result.
    pub result: Texts,
    pub fault: Option<Fault>,
    pub takes: Duration,
    /// When a host that was lost or restarted is there again.
    pub back: Option<Back>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Word {
    /// There is nothing to do.
    Ok,
    Changed,
    Failed,
}

impl Word {
    pub const ALL: [(&'static str, Word); 3] = [("ok", Word::Ok), ("changed", Word::Changed), ("failed", Word::Failed)];
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The connection is lost while the step is under way.
    Disconnect,
    /// The step does not end in its time.
    Timeout,
    /// The host goes down while the step is under way, and comes back.
    Reboot,
}

impl Fault {
    pub const ALL: [(&'static str, Fault); 3] =
        [("disconnect", Fault::Disconnect), ("timeout", Fault::Timeout), ("reboot", Fault::Reboot)];
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Back {
    Never,
    After(Duration),
}

/// The step that a program is part of.
#[derive(Clone, Copy, Debug)]
pub struct Doing<'a> {
    pub step: &'a Step,
    pub action: &'a Action,
    /// On whose behalf, as in events.
    pub host: &'a str,
    pub attempt: u32,
}

/// How one program ends, and after how long.
#[derive(Clone, Default, Debug)]
pub struct Reply {
    pub takes: Duration,
    pub code: i32,
    pub fields: Texts,
    pub stdout: String,
    pub stderr: String,
    pub never_ends: bool,
    /// The host goes away instead.
    pub goes: Option<Back>,
}

impl Rule {
    fn fits(&self, phase: Phase, doing: &Doing<'_>) -> bool {
        (self.phase == Some(Phase::Rollback)) == (phase == Phase::Rollback)
            && fits(&self.step, &doing.step.name)
            && fits(&self.host, doing.host)
            && self.attempts.is_none_or(|most| doing.attempt <= most)
    }
}

/// Whether a name is one that a pattern means.
pub fn fits(pattern: &str, name: &str) -> bool {
    glob::matches(pattern.as_bytes(), name.as_bytes(), (b'*', b'?'))
}

impl Script {
    fn said(&self, phase: Phase, doing: &Doing<'_>) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.fits(phase, doing))
    }

    /// Whether a step finds something to do.
    pub fn applies(&self, doing: &Doing<'_>) -> bool {
        let outcome = self.said(Phase::Check, doing).and_then(|rule| rule.said.outcome);
        doing.step.row.level == Level::Read || outcome != Some(Word::Ok)
    }

    /// What a program of a step comes to.
    pub fn reply(&self, phase: Phase, doing: &Doing<'_>) -> Reply {
        let found = self.said(phase, doing);
        let nothing = Said::default();
        let said = found.map_or(&nothing, |rule| &rule.said);
        let ends = if self.applies(doing) && has_apply(doing.action) { Phase::Apply } else { Phase::Check };
        let happens = found.and_then(|rule| rule.phase).unwrap_or(ends) == phase;
        let fails = happens && said.outcome == Some(Word::Failed);
        let code = said.exit.filter(|_| happens).unwrap_or(i32::from(fails));
        let gives = phase == ends && phase != Phase::Rollback;
        let mut fields = if phase == Phase::Check { said.before.clone() } else { Texts::new() };
        let fault = said.fault.filter(|_| happens);
        if gives {
            fields.extend(said.result.iter().cloned());
        }
        if gives && fault.is_none() && code == 0 {
            self.note_unsaid(doing, said);
        }
        let restarts = phase == Phase::Apply && doing.action.restarts.is_some();
        let goes = match fault {
            Some(Fault::Disconnect) => Some(said.back.unwrap_or(Back::Never)),
            Some(Fault::Reboot) => Some(said.back.unwrap_or(Back::After(RESTART))),
            _ if restarts && code == 0 => Some(said.back.unwrap_or(Back::After(RESTART))),
            _ => None,
        };
        let shown = |text: &String| if gives || happens { text.clone() } else { String::new() };
        Reply {
            takes: if happens { said.takes } else { Duration::ZERO },
            code,
            fields,
            stdout: shown(&said.stdout),
            stderr: shown(&said.stderr),
            never_ends: fault == Some(Fault::Timeout),
            goes,
        }
    }

    fn note_unsaid(&self, doing: &Doing<'_>, said: &Said) {
        let Some(read) = self.read.get(&doing.step.name) else { return };
        let is_said = |field: &str| match field {
            "code" => true,
            "stdout" if !said.stdout.is_empty() => true,
            "stderr" if !said.stderr.is_empty() => true,
            _ => said.result.iter().chain(&said.before).any(|(name, _)| name == field),
        };
        let (step, host) = (&doing.step.name, doing.host);
        let unsaid = read.iter().filter(|field| !is_said(field)).map(|field| Unsaid {
            step: step.clone(),
            host: host.to_string(),
            field: field.clone(),
        });
        self.heard().unsaid.extend(unsaid);
    }

    /// What the run read and nobody said.
    pub fn unsaid(&self) -> Vec<Unsaid> {
        self.heard().unsaid.iter().cloned().collect()
    }

    pub fn is_away(&self, host: HostId) -> bool {
        let away = self.heard().away.get(&host).copied();
        self.unreachable.contains(&host) || away.is_some_and(|back| back.is_none_or(|back| Instant::now() < back))
    }

    pub(super) fn goes_away(&self, host: HostId, back: Back) {
        let back = match back {
            Back::Never => None,
            Back::After(length) => Some(Instant::now() + length),
        };
        self.heard().away.insert(host, back);
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn has_apply(action: &Action) -> bool {
    action.impls().iter().any(|body| body.apply.is_some())
}
