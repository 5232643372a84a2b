//! Which answers of the project's sources of hosts count for one command: those that are kept, or new ones.

use std::collections::BTreeMap;

use super::answers::{Answers, Latest};
use super::asking::ask;
use super::errors::AppError;
use super::execution::now;
use super::host_sources::HostSource;
use super::project::Project;
use crate::base::words;

/// What a command does about sources of hosts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Asking {
    /// Nobody is asked, and what was never said is left open: for commands that only read texts.
    Reading,
    /// Nobody is asked, and what was never said is an error.
    Kept,
    /// Those are asked whose last answer is too old.
    WhenOld,
    Now,
    /// The answers that a run was planned with, by their hashes.
    Pinned(BTreeMap<String, String>),
}

/// One source, and what counts of it.
#[derive(Clone, PartialEq, Debug)]
pub struct Answered {
    pub name: String,
    pub sha256: String,
    pub text: String,
}

/// What counts, and the names of sources that never said anything.
#[derive(Default, Debug)]
pub struct Read {
    pub answered: Vec<Answered>,
    pub unread: Vec<String>,
}

/// What a source said when it was asked anew.
pub struct Refreshed {
    pub name: String,
    pub before: Option<Latest>,
    pub now: Latest,
}

pub fn read(project: &Project, sources: &BTreeMap<String, HostSource>, asking: &Asking) -> Result<Read, AppError> {
    let answers = Answers::of(&project.state);
    if let Asking::Pinned(hashes) = asking {
        return pinned(&answers, hashes);
    }
    let mut read = Read::default();
    for (name, source) in sources {
        let kept = answers.latest(name, &source.declared());
        let is_young = |latest: &Latest| u128::from(now().saturating_sub(latest.at)) < source.max_age.as_millis();
        let counts = match asking {
            Asking::Now => None,
            Asking::WhenOld => kept.filter(|(latest, _)| is_young(latest)),
            _ => kept,
        };
        let (latest, text) = match (counts, asking) {
            (Some(counts), _) => counts,
            (None, Asking::Reading) => {
                read.unread.push(name.clone());
                continue;
            }
            (None, Asking::Kept) => {
                let reason = format!("the source `{name}` was never asked, or asks something else now");
                let hint = "`opsc inv refresh` asks it".to_string();
                return Err(AppError::Source { reason, hint });
            }
            (None, _) => renew(&answers, project, (name, source))?,
        };
        read.answered.push(Answered { name: name.clone(), sha256: latest.sha256, text });
    }
    Ok(read)
}

/// A source without its answer of then is no reason to take another one: the plan would be another.
fn pinned(answers: &Answers, hashes: &BTreeMap<String, String>) -> Result<Read, AppError> {
    let answered = hashes.iter().map(|(name, sha256)| {
        let text = answers.pinned(name, sha256).ok_or_else(|| AppError::Source {
            reason: format!("what the source `{name}` said when the run was planned is no longer kept"),
            hint: "`opsc retry` plans with what it says now".to_string(),
        })?;
        Ok(Answered { name: name.clone(), sha256: sha256.clone(), text })
    });
    Ok(Read { answered: answered.collect::<Result<_, AppError>>()?, unread: Vec::new() })
}

fn renew(
    answers: &Answers,
    project: &Project,
    (name, source): (&str, &HostSource),
) -> Result<(Latest, String), AppError> {
    let answer = ask(source, &project.root).map_err(|reason| {
        let kept = answers.latest(name, &source.declared());
        let age = kept.map(|(latest, _)| words::duration(now().saturating_sub(latest.at) / 1000 * 1000));
        let hint = age.map_or_else(
            || "nothing was done: which hosts there are is not known without it".to_string(),
            |age| format!("nothing was done; `--sources kept` takes what it said {age} ago"),
        );
        AppError::Source { reason: format!("the source `{name}` ({}): {reason}", source.shown()), hint }
    })?;
    let latest = answers.keep(name, &source.declared(), now(), &answer)?;
    Ok((latest, answer.text))
}

/// Asks these sources, or all; the first that fails ends it.
pub fn refresh(
    project: &Project,
    sources: &BTreeMap<String, HostSource>,
    names: &[String],
) -> Result<Vec<Refreshed>, AppError> {
    let answers = Answers::of(&project.state);
    if let Some(unknown) = names.iter().find(|name| !sources.contains_key(*name)) {
        let known: Vec<&String> = sources.keys().collect();
        let hint = match known.as_slice() {
            [] => "a table `[sources.NAME]` of opsc.toml declares one".to_string(),
            known => format!("there are {}", words::join_and(known)),
        };
        return Err(AppError::Source { reason: format!("there is no source `{unknown}`"), hint });
    }
    let wanted = sources.iter().filter(|(name, _)| names.is_empty() || names.contains(name));
    wanted
        .map(|(name, source)| {
            let before = answers.latest(name, &source.declared()).map(|(latest, _)| latest);
            let (now, _) = renew(&answers, project, (name, source))?;
            Ok(Refreshed { name: name.clone(), before, now })
        })
        .collect()
}
