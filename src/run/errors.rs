//! Every way a step can fail, with its prose. Knows nothing of how a failure is shown.

use std::fmt;

use super::ports::{ContentFailure, WireError};
use crate::base::words;
use crate::eval::EvalError;
use crate::eval::fits::Misfit;
use crate::eval::parse::InputError;
use crate::state::StateError;

/// The part of a step that was under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    Facts,
    Check,
    Apply,
    Verify,
    Rollback,
}

impl Phase {
    pub fn name(self) -> &'static str {
        match self {
            Phase::Facts => "facts",
            Phase::Check => "check",
            Phase::Apply => "apply",
            Phase::Verify => "verify",
            Phase::Rollback => "rollback",
        }
    }
}

#[derive(Debug)]
pub enum StepError {
    Expression(EvalError),
    /// A value that this point of the run should know, and does not.
    NotKnown {
        what: String,
    },
    Argument {
        param: String,
        misfit: Misfit,
    },
    /// No implementation of the action is for this host.
    NoBody {
        action: String,
        os: &'static str,
        /// Some are for its system, but their `where` is not true.
        conditions: bool,
    },
    /// It was not known before what the script is, or what the host is.
    ScriptOfOther {
        param: String,
        wanted: &'static str,
    },
    /// It was not known before what the host is, or whether the argument is there.
    Meaningless {
        param: String,
        os: &'static str,
    },
    Composite {
        action: String,
    },
    UnknownBuiltin {
        name: String,
    },
    /// Two blocks of one `parallel` chose one host.
    HostInTwoBlocks {
        host: String,
        first: String,
        second: String,
    },
    /// The tool said no; `tail` is the end of what it printed.
    Exit {
        phase: Phase,
        code: i32,
        tail: String,
    },
    TimedOut {
        phase: Phase,
        /// Milliseconds.
        after: u64,
        /// Its end was seen since; else it may still run.
        is_over: bool,
    },
    /// Somebody else ended it while it was followed: an earlier run whose time for it was over, or who ended its lane.
    Ended {
        phase: Phase,
    },
    /// Nothing is heard of the host, and its time is over.
    Silent {
        phase: Phase,
        /// Milliseconds.
        after: u64,
    },
    Wire {
        phase: Phase,
        error: WireError,
    },
    /// A run of another journal is changing the host: its own words, and the process there that it lives by.
    Held {
        words: String,
        process: String,
    },
    /// `needs:` does not hold.
    Needs {
        message: Option<String>,
    },
    /// `ensure:` does not hold.
    NotEnsured {
        message: Option<String>,
    },
    /// `require` in the playbook does not hold.
    Required {
        message: String,
    },
    NotOk,
    NeverTrue {
        attempts: u32,
    },
    Field {
        phase: Phase,
        field: String,
        error: InputError,
    },
    FieldNotText {
        phase: Phase,
        field: String,
    },
    MissingField {
        field: String,
    },
    Template {
        file: String,
        line: Option<usize>,
        reason: String,
    },
    Content(ContentFailure),
    /// Secrets are read when a run starts, and only then.
    SecretNotRead {
        reference: String,
    },
    /// A secret that does not fit its parameter's type; never with any of its text.
    SecretMisfit {
        param: String,
        ty: String,
    },
    Journal(StateError),
    /// opsc runs on the very machine that an action would restart.
    RestartsItself,
    /// A host that was restarted and is not back; `last` is what the last look at it gave.
    NotBack {
        /// Milliseconds.
        within: u64,
        last: Box<StepError>,
    },
    /// A host that was waited for.
    NotReached {
        /// Milliseconds.
        within: u64,
        last: Box<StepError>,
    },
    /// What an earlier run's step found before it acted had a secret in it.
    NotKept,
    /// Its rollback ended well, and the host is not as it was: what `check` says, then and now.
    NotAsBefore {
        differs: Vec<[String; 3]>,
    },
    /// The run was told to stop before a host that was restarted was back.
    NotAwaited {
        /// Milliseconds.
        after: u64,
        last: Box<StepError>,
    },
    Http {
        url: String,
        reason: String,
    },
    HttpStatus {
        url: String,
        expected: String,
        found: u16,
        /// The beginning of the answer; empty where it says nothing.
        said: String,
    },
    /// What cannot be a header; never with its value.
    HttpHeader {
        name: String,
        what: String,
    },
    /// More than one of `body`, `json` and `form`.
    HttpBodies,
    HttpText {
        url: String,
        expected: String,
    },
}

impl StepError {
    pub fn is_unreachable(&self) -> bool {
        match self {
            StepError::Wire { error, .. } => error.is_unreachable(),
            StepError::Silent { .. } => true,
            StepError::NotBack { last, .. }
            | StepError::NotAwaited { last, .. }
            | StepError::NotReached { last, .. } => last.is_unreachable(),
            _ => false,
        }
    }

    /// With what may help, where the wire knows it.
    pub fn with_hint(&self) -> String {
        match self {
            StepError::Wire { error: wire, .. } => match wire.hint() {
                Some(hint) => format!("{wire} (hint: {hint})"),
                None => wire.to_string(),
            },
            StepError::Held { process, .. } => format!(
                "{self} (hint: wait for its end; if that run is gone and its process is not, end process {process} there)"
            ),
            other => other.to_string(),
        }
    }

    pub fn is_timeout(&self) -> bool {
        matches!(self, StepError::TimedOut { .. } | StepError::Ended { .. })
    }

    /// Whether another attempt could end otherwise: what is wrong with the program itself stays wrong.
    pub fn may_pass_later(&self) -> bool {
        matches!(
            self,
            StepError::Exit { .. }
                | StepError::TimedOut { .. }
                | StepError::NotEnsured { .. }
                | StepError::Needs { .. }
                | StepError::NotOk
                | StepError::NeverTrue { .. }
                | StepError::Http { .. }
                | StepError::HttpStatus { .. }
                | StepError::HttpText { .. }
        )
    }
}

impl fmt::Display for StepError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StepError::Expression(error) => error.fmt(formatter),
            StepError::HostInTwoBlocks { host, first, second } => write!(
                formatter,
                "{host} is in `{first}` and in `{second}`, which run at the same time; a host does one thing at a time"
            ),
            StepError::NotKnown { what } => write!(formatter, "`{what}` is not known at this point of the run"),
            StepError::Argument { param, misfit } => write!(formatter, "`{param}`: {misfit}"),
            StepError::NoBody { action, os, conditions: false } => {
                write!(formatter, "{action} has no body for {os}")
            }
            StepError::NoBody { action, os, conditions: true } => {
                write!(formatter, "{action} has no body for this {os}: no `where facts…` of its bodies is true here")
            }
            StepError::ScriptOfOther { param, wanted } => {
                write!(formatter, "`{param}`: this host runs scripts in `{wanted}`")
            }
            StepError::Composite { action } => {
                write!(formatter, "{action} is made of steps, which cannot be run as one step yet")
            }
            StepError::Meaningless { param, os } => {
                write!(formatter, "`{param}` means nothing on {os} hosts, so it is to be left out there")
            }
            StepError::UnknownBuiltin { name } => write!(formatter, "there is no builtin `{name}`"),
            StepError::Exit { phase, code, tail } => write_exit(formatter, *phase, *code, tail),
            StepError::TimedOut { phase, after, is_over: true } => {
                write!(formatter, "{} did not end within {}", phase.name(), words::duration(*after))
            }
            StepError::TimedOut { phase, after, is_over: false } => write!(
                formatter,
                "{} did not end within {}; it was told to end, and may still run",
                phase.name(),
                words::duration(*after)
            ),
            StepError::Ended { phase } => {
                write!(formatter, "{} was ended before it was over: what of it was done is not known", phase.name())
            }
            StepError::Silent { phase, after } => write!(
                formatter,
                "{} did not end within {}, and the host is silent: what runs there is not known",
                phase.name(),
                words::duration(*after)
            ),
            StepError::Wire { error, .. } => error.fmt(formatter),
            StepError::Held { words, process } => {
                write!(formatter, "another opsc is changing this host: {words}; its process there is {process}")
            }
            StepError::Needs { message: Some(message) }
            | StepError::NotEnsured { message: Some(message) }
            | StepError::Required { message } => formatter.write_str(message),
            StepError::Needs { message: None } => formatter.write_str("what the action needs does not hold"),
            StepError::NotEnsured { message: None } => {
                formatter.write_str("the action ran, but what it ensures does not hold")
            }
            StepError::RestartsItself => formatter
                .write_str("opsc runs on this machine, and its own run would end with it; restart it by another way"),
            StepError::NotBack { within, last } => {
                write!(formatter, "it was restarted and is not back within {}: {last}", words::duration(*within))
            }
            StepError::NotAwaited { after, last } => write!(
                formatter,
                "it was restarted, and the run was told to stop {} later: {last}",
                words::duration(*after)
            ),
            StepError::NotReached { within, last } => {
                write!(formatter, "it was waited for {}: {last}", words::duration(*within))
            }
            StepError::NotKept => formatter.write_str(
                "what was there before it was not kept by the run that changed it, since a secret is in it; it must be put back by hand",
            ),
            StepError::NotAsBefore { differs } => {
                let field = |[name, was, is]: &[String; 3]| format!("`{name}` was `{was}` and is `{is}`");
                let differs = differs.iter().map(field).collect::<Vec<_>>().join(", ");
                write!(formatter, "the rollback ended well, but it is not as it was before: {differs}")
            }
            StepError::NotOk => formatter.write_str("`ok` does not hold"),
            StepError::NeverTrue { attempts } => {
                write!(formatter, "`until` was not true after {}", words::count(*attempts as usize, "attempt"))
            }
            StepError::Field { phase, field, error } => {
                write!(formatter, "{} reported a wrong `{field}`: {error}", phase.name())
            }
            StepError::FieldNotText { phase, field } => {
                write!(formatter, "{} reported a `{field}` that is not UTF-8 text", phase.name())
            }
            StepError::MissingField { field } => write!(formatter, "the action did not report `{field}`"),
            StepError::Template { file, line: Some(line), reason } => write!(formatter, "{file}:{line}: {reason}"),
            StepError::Template { file, line: None, reason } => write!(formatter, "{file}: {reason}"),
            StepError::Content(failure) => {
                write!(formatter, "the planned content {} cannot be read: {}", failure.sha256, failure.reason)
            }
            StepError::SecretNotRead { reference } => {
                write!(formatter, "the secret {reference} is read only when a run starts")
            }
            StepError::SecretMisfit { param, ty } => {
                write!(formatter, "`{param}`: expected {ty}, but the secret's text does not fit")
            }
            StepError::Journal(error @ (StateError::Locked { .. } | StateError::Fenced { .. })) => error.fmt(formatter),
            StepError::Journal(error) => write!(formatter, "the journal cannot be written: {error}"),
            StepError::Http { url, reason } => write!(formatter, "{url}: {reason}"),
            StepError::HttpStatus { url, expected, found, said } => {
                write!(formatter, "{url}: expected status {expected}, found {found}")?;
                if said.is_empty() { Ok(()) } else { write!(formatter, ", which says: {said}") }
            }
            StepError::HttpHeader { name, what } => write!(formatter, "the header `{name}`: {what}"),
            StepError::HttpBodies => formatter.write_str("a request has one body: `body`, `json` or `form`"),
            StepError::HttpText { url, expected } => {
                write!(formatter, "{url}: the answer does not contain {expected:?}")
            }
        }
    }
}

fn write_exit(formatter: &mut fmt::Formatter<'_>, phase: Phase, code: i32, tail: &str) -> fmt::Result {
    let how = if code > 128 { format!("signal {}", code - 128) } else { format!("exit code {code}") };
    match tail {
        "" => write!(formatter, "{} ended with {how}", phase.name()),
        tail => write!(formatter, "{tail} ({}, {how})", phase.name()),
    }
}

impl std::error::Error for StepError {}

/// What keeps a run from starting at all.
#[derive(Debug)]
pub enum RunError {
    /// The plan names a block or step that the program does not have.
    Broken,
}

impl fmt::Display for RunError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunError::Broken => formatter.write_str("the schedule ended without an exit code (a bug in opsc)"),
        }
    }
}

impl std::error::Error for RunError {}
