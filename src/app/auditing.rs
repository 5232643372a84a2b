//! What the audit is told of what happens outside of runs, and what of it is asked for.

use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};
use sha2::Digest;

use super::approving::row_holds;
use super::editing::Edited;
use super::errors::AppError;
use super::execution::{now, state};
use super::project::Project;
use super::running::login_name;
use crate::base::hex::hex;
use crate::base::near::nearest;
use crate::eval::parse::parse_duration;
use crate::state::process::machine;
use crate::state::{AUDIT_KINDS as KINDS, AuditRow, By, Entry, Fault, Finding, Journal, Verified};

/// Who does something now.
pub fn by() -> By {
    By { user: login_name(), machine: machine(), time: now() }
}

/// What else this process knows of who started it: the login name is what the environment says, these may not be.
pub(super) fn from_where() -> Vec<(String, String)> {
    use std::os::unix::fs::MetadataExt;
    let uid = std::fs::metadata("/proc/self").ok().map(|own| own.uid().to_string());
    let variable = |name: &str| std::env::var_os(name).and_then(|value| value.into_string().ok());
    let ssh = variable("SSH_CONNECTION").and_then(|text| text.split_whitespace().next().map(str::to_string));
    let known = [("uid", uid), ("sudo_user", variable("SUDO_USER")), ("ssh_client", ssh)];
    known.into_iter().filter_map(|(name, value)| Some((name.to_string(), value?))).collect()
}

/// Somebody who is about to do what belongs into the audit: no journal, nothing done.
pub struct Audit {
    journal: Journal,
}

impl Audit {
    pub fn open(project: &Project) -> Result<Audit, AppError> {
        Ok(Audit { journal: Journal::open(&project.journal()).map_err(state)? })
    }

    /// A key that somebody approved.
    pub fn trusted(&self, host: &str, kind: &str, fingerprint: &str) -> Result<(), AppError> {
        self.note("host_key.trusted", json!({ "host": host, "kind": kind, "fingerprint": fingerprint }))
    }

    /// Files of the inventory, with their hashes before and after; values are in no row.
    pub fn edited(&self, what: Json, files: &[Edited]) -> Result<(), AppError> {
        let hash = |text: &str| hex(&sha2::Sha256::digest(text.as_bytes()));
        let files = files.iter().map(|file| {
            json!({ "file": file.shown, "before_sha256": hash(&file.before), "after_sha256": hash(&file.after) })
        });
        let files: Vec<Json> = files.collect();
        self.note("inventory.changed", json!({ "what": what, "files": files }))
    }

    /// Secrets that somebody wrote, by name.
    pub(super) fn wrote_secrets(&self, how: &str, names: &[String]) -> Result<(), AppError> {
        self.note("secret.changed", json!({ "how": how, "names": names }))
    }

    /// Secrets under a new key, with who can read them since and who could until then.
    pub(super) fn rekeyed(&self, names: &[String], added: &[String], removed: &[String]) -> Result<(), AppError> {
        self.note("secret.changed", json!({ "how": "rekey", "names": names, "added": added, "removed": removed }))
    }

    /// A secret that somebody looked at.
    pub(super) fn read_secret(&self, name: &str) -> Result<(), AppError> {
        self.note("secret.read", json!({ "names": [format!("age:{name}")] }))
    }

    /// An inventory that was made of another tool's.
    pub fn imported(&self, from: &[PathBuf], file: &Path, before: Option<&str>, after: &str) -> Result<(), AppError> {
        let hash = |text: &str| hex(&sha2::Sha256::digest(text.as_bytes()));
        let from: Vec<String> = from.iter().map(|path| path.display().to_string()).collect();
        let (before, after) = (before.map(hash), hash(after));
        let file = json!({ "file": file.display().to_string(), "before_sha256": before, "after_sha256": after });
        self.note("inventory.imported", json!({ "from": from, "files": [file] }))
    }

    fn note(&self, kind: &'static str, details: Json) -> Result<(), AppError> {
        self.journal.note(&Entry { kind, run: None, by: by(), details }).map_err(state)
    }
}

/// Which rows are wanted; all where nothing is said.
#[derive(Default)]
pub struct Wanted<'a> {
    pub run: Option<i64>,
    pub who: Option<&'a str>,
    pub host: Option<&'a str>,
    pub kind: Option<&'a str>,
    /// Milliseconds since 1970.
    pub since: Option<u64>,
}

impl Wanted<'_> {
    fn holds(&self, row: &AuditRow) -> bool {
        self.run.is_none_or(|run| row.run == Some(run))
            && self.who.is_none_or(|who| row.user == who)
            && self.kind.is_none_or(|kind| is_of_kind(&row.kind, kind))
            && self.since.is_none_or(|since| row.time >= since)
            && self.host.is_none_or(|host| is_about(row, host))
    }
}

/// `approval` is both `approval.approved` and `approval.rejected`.
fn is_of_kind(kind: &str, wanted: &str) -> bool {
    kind.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// A kind that is none has no rows, which must not look like nothing happened. Rows of a newer opsc have their own.
fn expect_kind(wanted: &str, rows: &[AuditRow]) -> Result<(), AppError> {
    let written = rows.iter().map(|row| row.kind.as_str());
    if KINDS.iter().copied().chain(written).any(|kind| is_of_kind(kind, wanted)) {
        return Ok(());
    }
    let nouns = KINDS.iter().filter_map(|kind| kind.split_once('.')).map(|(noun, _)| noun);
    let near = nearest(wanted, KINDS.iter().copied().chain(nouns)).map(str::to_string);
    Err(AppError::UnknownAuditKind { kind: wanted.to_string(), near })
}

fn is_about(row: &AuditRow, host: &str) -> bool {
    let details: Json = serde_json::from_str(&row.details).unwrap_or_default();
    let is_host = |value: &Json| value.as_str() == Some(host);
    let hosts = details.get("hosts").and_then(Json::as_array);
    ["/host", "/what/host"].into_iter().filter_map(|place| details.pointer(place)).any(is_host)
        || hosts.is_some_and(|hosts| hosts.iter().any(is_host))
}

/// The rows that are wanted, with the hash of the row before each.
pub fn query(project: &Project, wanted: &Wanted<'_>) -> Result<Vec<(String, AuditRow)>, AppError> {
    let journal = existing(&project.journal())?;
    let mut previous = journal.audit_origin().map_err(state)?;
    let rows = journal.audit().map_err(state)?;
    wanted.kind.map_or(Ok(()), |kind| expect_kind(kind, &rows))?;
    let chained = rows.into_iter().map(|row| (std::mem::replace(&mut previous, row.hash.clone()), row));
    Ok(chained.filter(|(_, row)| wanted.holds(row)).collect())
}

/// `head`: a hash that was kept elsewhere. Signatures of answers are held against what the rows say.
pub fn verify(project: &Project, head: Option<&str>) -> Result<Verified, AppError> {
    let journal = existing(&project.journal())?;
    let mut verified = journal.verify_audit(head).map_err(state)?;
    let origin = journal.audit_origin().map_err(state)?;
    let rows = journal.audit().map_err(state)?;
    verified.findings.extend(rows.iter().filter_map(|row| badly_signed(&origin, row)));
    Ok(verified)
}

fn badly_signed(origin: &str, row: &AuditRow) -> Option<Finding> {
    let approved = match row.kind.as_str() {
        "approval.approved" => true,
        "approval.rejected" => false,
        _ => return None,
    };
    let details: Json = serde_json::from_str(&row.details).unwrap_or_default();
    let holds = row_holds(origin, row.run?, approved, &details)?;
    let message = "its signature is not of what it says".to_string();
    (!holds).then(|| Finding {
        fault: Fault::Audit,
        table: Some("audit".to_string()),
        row: Some(row.number.to_string()),
        run: row.run,
        message,
    })
}

/// Looking makes no journal.
fn existing(path: &Path) -> Result<Journal, AppError> {
    if !path.is_file() {
        return Err(AppError::JournalFile {
            reason: format!("there is no journal `{}`", path.display()),
            hint: "a project has a journal after its first run".to_string(),
            code: 10,
        });
    }
    Journal::open(path).map_err(state)
}

/// So long ago (`2h`), or a time or date of RFC 3339, as milliseconds since 1970.
pub fn since(text: &str) -> Option<u64> {
    if let Some(ago) = parse_duration(text) {
        return Some(now().saturating_sub(ago));
    }
    let time = match text.parse::<jiff::Timestamp>() {
        Ok(time) => time,
        Err(_) => text.parse::<jiff::civil::Date>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp(),
    };
    u64::try_from(time.as_millisecond()).ok()
}
