//! Why a command could not be carried out, before or beside diagnostics in source texts.

use std::fmt;
use std::path::PathBuf;

use crate::base::near::nearest;
use crate::base::words;
use crate::diag::Diagnostic;
use crate::secrets::SecretError;
use crate::secrets::sealed_error::SealedError;
use crate::state::AUDIT_KINDS;
use crate::transport::ssh_config::SshConfigError;

/// A parameter that needs a value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MissingInput {
    pub name: String,
    /// Its type as written.
    pub ty: String,
}

#[derive(Debug)]
pub enum AppError {
    Read {
        path: PathBuf,
        error: std::io::Error,
    },
    Write {
        path: PathBuf,
        error: std::io::Error,
    },
    NotText {
        path: PathBuf,
    },
    /// The file is larger than any playbook or inventory should be.
    TooLarge {
        path: PathBuf,
        bytes: u64,
        most: u64,
    },
    NoFiles {
        searched: Vec<PathBuf>,
    },
    NoTests {
        searched: Vec<PathBuf>,
    },
    NoPlaybook {
        path: PathBuf,
    },
    SeveralPlaybooks {
        path: PathBuf,
        names: Vec<String>,
    },
    UnknownPlaybook {
        path: PathBuf,
        name: String,
        names: Vec<String>,
    },
    NoInventory {
        searched: Vec<PathBuf>,
    },
    /// The inventory of another tool that cannot be read, each reason with its file and line: exit 11.
    NotImported {
        refusals: Vec<String>,
    },
    /// A program or a server that says which hosts there are, and does not: exit 13.
    Source {
        reason: String,
        hint: String,
    },
    /// A change of the inventory that is not made.
    NotEdited {
        reason: String,
        hint: Option<String>,
    },
    /// An editor failed, or a signal came while it was open, with the exit code for that.
    Editor {
        reason: String,
        code: i32,
    },
    /// Findings in texts, errors among them: exit 11.
    Diagnostics {
        diagnostics: Vec<Diagnostic>,
    },
    /// No host matched or a cardinality contract is broken: exit 13.
    Hosts {
        diagnostics: Vec<Diagnostic>,
    },
    /// Inputs are missing or wrong: exit 10.
    Inputs {
        diagnostics: Vec<Diagnostic>,
        /// Parameters without a value, if nothing else is wrong: they could be asked for.
        missing: Vec<MissingInput>,
    },
    BadLimit {
        text: String,
        reason: String,
    },
    /// A selector expression of `-l` that the compiler refuses.
    Limit {
        text: String,
        diagnostics: Vec<Diagnostic>,
    },
    /// A file of `--var-file` that is no mapping of names to values.
    VariableFile {
        diagnostics: Vec<Diagnostic>,
    },
    BadVariable {
        text: String,
    },
    /// In maintenance or retired, with their states.
    InactiveHosts {
        hosts: Vec<String>,
    },
    DestroyNotAllowed {
        steps: Vec<String>,
    },
    /// A test on real hosts would change others than those that may be lost.
    NotThrowAway {
        hosts: Vec<String>,
    },
    /// `opsc.lock`, or a module that it is about.
    Lock {
        reason: String,
    },
    /// A run waits for an approval, by these: exit 3.
    ApprovalNeeded {
        run: i64,
        gate: String,
        by: Vec<String>,
    },
    /// Somebody who may not, or not as this one: exit 12.
    NotApprover {
        reason: String,
        hint: String,
    },
    /// Another run is changing a host.
    Locked {
        host: String,
        reason: String,
    },
    NoSuchRun {
        run: String,
    },
    /// Nothing can be gone on with there, or gone back over.
    NotToGoOn {
        reason: String,
        hint: String,
    },
    /// A file is not what `opsc plan --save` writes, or is asked to be something else.
    NotASavedPlan {
        reason: String,
    },
    /// Its process is at work: exit 26.
    UnderWay {
        run: i64,
        pid: u32,
    },
    /// What was agreed to, or begun, is not what would be done now: exit 25.
    Stale {
        reason: String,
        hint: String,
    },
    /// Nobody who may signed it: exit 25.
    Unsigned {
        reason: String,
        hint: String,
    },
    /// Beginning again would do what must not be done twice: exit 3.
    Twice {
        run: i64,
        /// With their hosts.
        steps: String,
    },
    /// Steps that must not be done twice, of which nobody knows how they ended, with their hosts: exit 3.
    Indeterminate {
        run: i64,
        steps: Vec<String>,
    },
    State {
        reason: String,
    },
    /// The journal's file cannot be written, copied or brought back.
    JournalFile {
        reason: String,
        hint: String,
        code: i32,
    },
    Credential {
        reason: String,
    },
    /// What ssh itself would not read either.
    SshConfig {
        error: SshConfigError,
    },
    Project {
        path: PathBuf,
        reason: String,
    },
    /// Secrets that cannot be read, each with its reference and reason.
    Secrets {
        failures: Vec<String>,
    },
    /// An encrypted file of secrets, an identity or a recipient.
    Sealed {
        error: SealedError,
    },
    /// A word of `opsc exec` that no shell can carry.
    BadCommand {
        reason: String,
    },
    NoRootOnWindows,
    /// Who would become root there needs a shell for it.
    NoRootWithoutShell {
        host: String,
    },
    UnknownAction {
        name: String,
        near: Option<String>,
    },
    /// Of rows of the audit.
    UnknownAuditKind {
        kind: String,
        near: Option<String>,
    },
    /// A syntax tree as JSON that is none.
    Tree {
        path: PathBuf,
        reason: String,
    },
    /// The `git` program, in its own words.
    Git {
        reason: String,
    },
    UnknownRevision {
        name: String,
    },
    /// Nothing is written over a file that nobody gave up.
    AlreadyThere {
        path: PathBuf,
    },
    /// `--password-file`.
    PasswordFile {
        path: PathBuf,
        error: SecretError,
    },
    /// A value in `opsc.toml`, the user's file or the environment.
    Setting {
        /// File and line, or a variable.
        place: String,
        reason: String,
        near: Option<String>,
    },
}

impl AppError {
    /// The exit code of `cli.md`.
    pub fn exit_code(&self) -> i32 {
        match self {
            AppError::Diagnostics { .. } | AppError::Tree { .. } | AppError::NotImported { .. } => 11,
            AppError::Hosts { .. } | AppError::BadLimit { .. } | AppError::Limit { .. } | AppError::Source { .. } => 13,
            AppError::DestroyNotAllowed { .. }
            | AppError::InactiveHosts { .. }
            | AppError::NotThrowAway { .. }
            | AppError::NotApprover { .. } => 12,
            AppError::ApprovalNeeded { .. } | AppError::Indeterminate { .. } | AppError::Twice { .. } => 3,
            AppError::Locked { .. } | AppError::UnderWay { .. } => 26,
            AppError::Stale { .. } | AppError::Unsigned { .. } => 25,
            AppError::JournalFile { code, .. } | AppError::Editor { code, .. } => *code,
            AppError::Lock { .. } | AppError::State { .. } | AppError::Credential { .. } | AppError::Write { .. } => 1,
            _ => 10,
        }
    }

    pub fn diagnostics(&self) -> &[Diagnostic] {
        match self {
            AppError::Diagnostics { diagnostics }
            | AppError::Hosts { diagnostics }
            | AppError::Inputs { diagnostics, .. }
            | AppError::Limit { diagnostics, .. }
            | AppError::VariableFile { diagnostics } => diagnostics,
            _ => &[],
        }
    }

    pub fn hint(&self) -> Option<String> {
        match self {
            AppError::NoInventory { .. } => {
                Some("write inventory.yaml (`opsc init` makes one), or name it with `-i FILE`".to_string())
            }
            AppError::NoTests { .. } => Some("tests are files `*.test.yaml`; `opsc test FILE` runs any".to_string()),
            AppError::NoFiles { .. } => Some("name a file or a folder that holds *.ops files".to_string()),
            AppError::SeveralPlaybooks { names, .. } => {
                Some(format!("choose one with `--playbook NAME`: {}", names.join(", ")))
            }
            AppError::UnknownPlaybook { name, names, .. } => {
                Some(match nearest(name, names.iter().map(String::as_str)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("it holds {}", words::join_and(names)),
                })
            }
            AppError::BadVariable { .. } => Some("write `-e name=value`".to_string()),
            AppError::DestroyNotAllowed { .. } => {
                Some("add `--allow-destroy` if losing that data is intended".to_string())
            }
            AppError::NotThrowAway { .. } => Some(
                "hosts that may be lost say so in the inventory: `tags: { throwaway: true }`; choose them with `-l`"
                    .to_string(),
            ),
            AppError::InactiveHosts { .. } => Some(
                "leave them out (`-l '!HOST'`), or add `--allow-inactive` if changing them is intended".to_string(),
            ),
            AppError::ApprovalNeeded { run, .. } => {
                Some(format!("look at it with `opsc show {run}`, then `opsc approve {run}` or `opsc reject {run}`"))
            }
            AppError::Locked { host, .. } => Some(format!(
                "wait for its end, or stop it with `opsc cancel`; `opsc lock break {host}` takes the lock away, if you know it is dead"
            )),
            AppError::SshConfig { error } => error.hint(),
            AppError::NotEdited { hint, .. } => hint.clone(),
            AppError::JournalFile { hint, .. } | AppError::Source { hint, .. } => Some(hint.clone()),
            AppError::NoSuchRun { .. } => Some("`opsc runs` lists them".to_string()),
            AppError::NotToGoOn { hint, .. }
            | AppError::Stale { hint, .. }
            | AppError::Unsigned { hint, .. }
            | AppError::NotApprover { hint, .. } => Some(hint.clone()),
            AppError::Twice { run, .. } => Some(format!(
                "`opsc resume {run}` goes on without doing it again; `opsc retry {run} --again` does it once more"
            )),
            AppError::UnderWay { run, .. } => Some(format!("wait for its end, or stop it with `opsc cancel {run}`")),
            AppError::Indeterminate { run, .. } => Some(format!(
                "look at the hosts, then say for each: `opsc resolve {run} STEP HOST --done`, `--not-done`, or `--again` to do it once more"
            )),
            AppError::UnknownAction { near: Some(near), .. }
            | AppError::UnknownAuditKind { near: Some(near), .. }
            | AppError::Setting { near: Some(near), .. } => Some(format!("did you mean `{near}`?")),
            AppError::UnknownRevision { .. } => {
                Some("name a branch, a tag or a commit; in a shallow clone, fetch it first".to_string())
            }
            AppError::NoRootOnWindows => {
                Some("log in as an administrator: `-u USER`, or `user:` of the host".to_string())
            }
            AppError::NoRootWithoutShell { .. } => {
                Some("log in as a user who may: `-u USER`, without `-b`".to_string())
            }
            AppError::AlreadyThere { .. } => Some("add `--force` to write over it, or name another file".to_string()),
            AppError::UnknownAction { near: None, .. } => Some("`opsc actions` lists them".to_string()),
            _ => None,
        }
    }
}

fn shown(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| format!("`{}`", path.display())).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for AppError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AppError::Read { path, error } => write!(formatter, "cannot read `{}`: {error}", path.display()),
            AppError::Write { path, error } => write!(formatter, "cannot write `{}`: {error}", path.display()),
            AppError::NotText { path } => write!(formatter, "`{}` is not UTF-8 text", path.display()),
            AppError::TooLarge { path, bytes, most } => {
                write!(formatter, "`{}` has {bytes} bytes; at most {most} are read", path.display())
            }
            AppError::NoFiles { searched } => write!(formatter, "no *.ops file in {}", shown(searched)),
            AppError::NoTests { searched } => write!(formatter, "no *.test.yaml file in {}", shown(searched)),
            AppError::NoPlaybook { path } => write!(formatter, "`{}` holds no playbook", path.display()),
            AppError::SeveralPlaybooks { path, names } => {
                write!(formatter, "`{}` holds {} playbooks", path.display(), names.len())
            }
            AppError::UnknownPlaybook { path, name, .. } => {
                write!(formatter, "`{}` holds no playbook `{name}`", path.display())
            }
            AppError::NoInventory { searched } => {
                write!(formatter, "there is no inventory: looked for {}", shown(searched))
            }
            AppError::NotEdited { reason, .. }
            | AppError::JournalFile { reason, .. }
            | AppError::Editor { reason, .. }
            | AppError::Source { reason, .. } => formatter.write_str(reason),
            AppError::NotImported { refusals } => formatter.write_str(&refusals.join("\nerror: ")),
            AppError::Diagnostics { diagnostics }
            | AppError::Hosts { diagnostics }
            | AppError::Inputs { diagnostics, .. }
            | AppError::VariableFile { diagnostics } => {
                let errors = diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count();
                formatter.write_str(&words::count(errors, "error"))
            }
            AppError::Limit { text, .. } => write!(formatter, "the limit `{text}` cannot be used"),
            AppError::BadLimit { text, reason } => write!(formatter, "the limit `{text}` cannot be used: {reason}"),
            AppError::BadVariable { text } => write!(formatter, "expected `name=value`, found `{text}`"),
            AppError::InactiveHosts { hosts } => {
                write!(formatter, "refused: not in service: {}", words::join_some(hosts, 5))
            }
            AppError::DestroyNotAllowed { steps } => {
                write!(formatter, "refused: {} may lose data that no rollback brings back", steps.join(", "))
            }
            AppError::NotThrowAway { hosts } => {
                write!(formatter, "refused: nobody says that {} may be lost", words::join_and(hosts))
            }
            AppError::Lock { reason } => write!(formatter, "modules cannot be vendored: {reason}"),
            AppError::ApprovalNeeded { run, gate, by } => {
                write!(formatter, "run {run} waits at `{gate}` for {}", words::join_or(by))
            }
            AppError::Locked { reason, .. } => formatter.write_str(reason),
            AppError::NotToGoOn { reason, .. }
            | AppError::NotApprover { reason, .. }
            | AppError::NotASavedPlan { reason }
            | AppError::Unsigned { reason, .. }
            | AppError::Stale { reason, .. } => formatter.write_str(reason),
            AppError::UnderWay { run, pid } => write!(formatter, "run {run} is under way, in process {pid}"),
            AppError::Twice { run, steps } => {
                write!(formatter, "run {run} did, or may have done, what must not be done twice: {steps}")
            }
            AppError::Indeterminate { run, steps } => {
                let words = words::count(steps.len(), "step");
                write!(
                    formatter,
                    "run {run} began {words} that must not be done twice, and it is not known what is there now"
                )?;
                steps.iter().try_for_each(|step| write!(formatter, "\n  {step}"))
            }
            AppError::NoSuchRun { run } => write!(formatter, "there is no run `{run}`"),
            AppError::State { reason } => write!(formatter, "the journal cannot be used: {reason}"),
            AppError::Credential { reason } => formatter.write_str(reason),
            AppError::AlreadyThere { path } => {
                write!(formatter, "`{}` is already there; nothing was written", path.display())
            }
            AppError::PasswordFile { path, error } => {
                write!(formatter, "`--password-file {}`: {error}", path.display())
            }
            AppError::SshConfig { error } => error.fmt(formatter),
            AppError::Project { path, reason } => write!(formatter, "`{}`: {reason}", path.display()),
            AppError::Secrets { failures } => {
                write!(formatter, "nothing was run: {} cannot be read", words::count(failures.len(), "secret"))?;
                failures.iter().try_for_each(|failure| write!(formatter, "\n  {failure}"))
            }
            AppError::Sealed { error } => error.fmt(formatter),
            AppError::BadCommand { reason } => formatter.write_str(reason),
            AppError::NoRootOnWindows => formatter.write_str("nobody becomes another user on a Windows host"),
            AppError::NoRootWithoutShell { host } => {
                write!(formatter, "{host} has no POSIX shell (`lane: raw`), so nobody becomes root there")
            }
            AppError::UnknownAction { name, .. } => write!(formatter, "there is no action `{name}`"),
            AppError::UnknownAuditKind { kind, .. } => {
                write!(formatter, "the audit has no kind `{kind}`, only {}", words::join_and(AUDIT_KINDS))
            }
            AppError::Tree { path, reason } => write!(formatter, "`{}` {reason}", path.display()),
            AppError::Git { reason } => formatter.write_str(reason),
            AppError::UnknownRevision { name } => write!(formatter, "git knows no commit `{name}`"),
            AppError::Setting { place, reason, .. } => write!(formatter, "{place}: {reason}"),
        }
    }
}

impl std::error::Error for AppError {}

impl From<SealedError> for AppError {
    fn from(error: SealedError) -> AppError {
        AppError::Sealed { error }
    }
}
