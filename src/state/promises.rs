//! What the journal promises of its rows, held against a file: a table of rules, each a query for rows that break it.
//! Changes nothing, and knows nothing of who is told.

use std::fmt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::audit_verify::verify;
use super::records::StateError;
use super::schema::{FORMAT, PATIENCE, found_format};

/// How a run may have ended.
pub const ENDS: &[&str] =
    &["done", "waiting", "crashed", "dirty", "rolled_back", "stopped", "timed_out", "unreachable", "failed"];

/// How an attempt may have ended, also in the words of a person.
pub const OUTCOMES: &[&str] = &[
    "ok",
    "changed",
    "skipped",
    "failed",
    "ignored",
    "unreachable",
    "timed_out",
    "rolled_back",
    "rollback_failed",
    "cancelled",
    "said_done",
    "said_not_done",
    "said_again",
];

/// Something that is not as it should be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    pub fault: Fault,
    /// A table, where it is known.
    pub table: Option<String>,
    /// The number of the row, or its name.
    pub row: Option<String>,
    pub run: Option<i64>,
    pub message: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// SQLite cannot read it, or not as it was written.
    Damage,
    /// A row names a row that is not there.
    Reference,
    /// Rows say together what opsc never writes.
    Promise,
    /// The audit does not follow from itself, or the runs are not those that it speaks of.
    Audit,
}

/// `results 12 (run 3): no attempt ends as `x``.
impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (table, row) = (self.table.as_deref().unwrap_or("file"), self.row.as_deref().unwrap_or_default());
        let place = format!("{table} {row}");
        write!(formatter, "{}", place.trim_end())?;
        match self.run {
            Some(run) if table != "runs" => write!(formatter, " (run {run}): {}", self.message),
            _ => write!(formatter, ": {}", self.message),
        }
    }
}

impl Fault {
    pub fn name(self) -> &'static str {
        match self {
            Fault::Damage => "damage",
            Fault::Reference => "reference",
            Fault::Promise => "promise",
            Fault::Audit => "audit",
        }
    }
}

/// A file of a journal, looked through.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Examined {
    pub path: PathBuf,
    pub format: i64,
    pub runs: i64,
    pub findings: Vec<Finding>,
}

impl Examined {
    pub fn is_damaged(&self) -> bool {
        self.findings.iter().any(|finding| finding.fault == Fault::Damage)
    }
}

struct Promise {
    /// The first format that has what the query asks for.
    since: i64,
    table: &'static str,
    /// Rows that break it: number or name, run, and a word for the message.
    query: &'static str,
    /// `{}` is the word.
    message: &'static str,
}

/// Of each kind so many are told.
const MOST_TOLD: usize = 100;

const PROMISES: &[Promise] = &[
    Promise {
        since: 1,
        table: "runs",
        query: "SELECT id, id, status FROM runs WHERE status IS NOT NULL AND status NOT IN (ENDS)",
        message: "no run ends as `{}`",
    },
    Promise {
        since: 1,
        table: "runs",
        query: "SELECT id, id, NULL FROM runs
                WHERE (status IS NULL) + (exit_code IS NULL) + (finished IS NULL) NOT IN (0, 3)",
        message: "it has only a part of its end: status, exit code and time are written together",
    },
    Promise {
        since: 1,
        table: "runs",
        query: "SELECT id, id, exit_code FROM runs WHERE (status = 'done') <> (exit_code = 0)",
        message: "its status and its exit code {} contradict each other",
    },
    Promise {
        since: 4,
        table: "runs",
        query: "SELECT id, id, goes_on_with FROM runs WHERE goes_on_with >= id",
        message: "it goes on with run {}, which is not older",
    },
    Promise {
        since: 4,
        table: "runs",
        query: "SELECT id, id, NULL FROM runs WHERE request IS NOT NULL AND NOT json_valid(request)",
        message: "what it was asked for is no JSON",
    },
    Promise {
        since: 1,
        table: "intents",
        query: "SELECT id, run, phase FROM intents WHERE phase NOT IN ('apply', 'rollback')",
        message: "no intent is for the phase `{}`",
    },
    Promise {
        since: 1,
        table: "intents",
        query: "SELECT id, run, kind FROM intents WHERE kind NOT IN ('read', 'repeatable', 'converge', 'once')",
        message: "no step is of the kind `{}`",
    },
    Promise {
        since: 1,
        table: "intents",
        query: "SELECT id, run, attempt FROM intents WHERE attempt < 1",
        message: "attempts are counted from 1, not from {}",
    },
    Promise {
        since: 4,
        table: "intents",
        query: "SELECT id, run, NULL FROM intents WHERE before_json IS NOT NULL AND NOT json_valid(before_json)",
        message: "what was found before is no JSON",
    },
    Promise {
        since: 1,
        table: "intents",
        query: "SELECT id, run, step || ' on ' || host FROM intents AS i
                WHERE (SELECT exit_code FROM runs WHERE runs.id = i.run) = 0 AND NOT EXISTS (
                  SELECT 1 FROM results AS r WHERE r.run = i.run AND r.step = i.step AND r.host = i.host
                  AND r.attempt = i.attempt AND r.phase = i.phase AND r.id > i.id)",
        message: "{} has no result, and its run ended well",
    },
    Promise {
        since: 1,
        table: "results",
        query: "SELECT id, run, NULL FROM results WHERE id IN (SELECT id FROM intents)",
        message: "an intent has the same number, and they share one count",
    },
    Promise {
        since: 1,
        table: "results",
        query: "SELECT id, run, phase FROM results WHERE phase NOT IN ('apply', 'rollback')",
        message: "no result is of the phase `{}`",
    },
    Promise {
        since: 1,
        table: "results",
        query: "SELECT id, run, attempt FROM results WHERE attempt < 1",
        message: "attempts are counted from 1, not from {}",
    },
    Promise {
        since: 1,
        table: "results",
        query: "SELECT id, run, outcome FROM results WHERE outcome NOT IN (OUTCOMES)",
        message: "no attempt ends as `{}`",
    },
    // Not of `changed`: a step that only reads may say that of itself, and has no intent.
    Promise {
        since: 1,
        table: "results",
        query: "SELECT id, run, step || ' on ' || host FROM results AS r
                WHERE outcome IN ('rolled_back', 'said_done', 'said_not_done', 'said_again')
                AND NOT EXISTS (
                  SELECT 1 FROM intents AS i WHERE i.run = r.run AND i.step = r.step AND i.host = r.host
                  AND i.attempt = r.attempt AND i.phase = r.phase AND i.id < r.id)",
        message: "{} is said to have acted, and no intent came before it",
    },
    Promise {
        since: 1,
        table: "results",
        query: "SELECT id, run, NULL FROM results
                WHERE NOT (json_valid(before_json) AND json_valid(apply_json) AND json_valid(after_json))",
        message: "what the step reported is no JSON",
    },
    Promise {
        since: 4,
        table: "results",
        query: "SELECT id, run, NULL FROM results WHERE kept_json IS NOT NULL AND NOT json_valid(kept_json)",
        message: "what is kept for a run that goes on is no JSON",
    },
    Promise {
        since: 1,
        table: "events",
        query: "SELECT run || '.' || seq, run, NULL FROM events WHERE NOT json_valid(json)",
        message: "it is no JSON",
    },
    Promise {
        since: 1,
        table: "events",
        query: "SELECT run || '.' || seq, run, json ->> '$.kind' FROM events
                WHERE json_valid(json) AND (json ->> '$.run' IS NOT run OR json ->> '$.seq' IS NOT seq)",
        message: "the event `{}` says another run or number of itself",
    },
    Promise {
        since: 2,
        table: "locks",
        query: "SELECT host, run, host FROM locks WHERE (SELECT status FROM runs WHERE runs.id = run) IS NOT NULL",
        message: "its run has ended, and still locks {}",
    },
    Promise {
        since: 3,
        table: "facts",
        query: "SELECT host, NULL, host FROM facts WHERE NOT json_valid(json)",
        message: "what is known of {} is no JSON",
    },
    Promise {
        since: 5,
        table: "approvals",
        query: "SELECT id, run, gate FROM approvals
                WHERE (approved IS NULL) + (said_as IS NULL) + (user IS NULL) + (machine IS NULL) + (said IS NULL)
                NOT IN (0, 5)",
        message: "`{}` has only a part of an answer: verdict, name, user, machine and time are written together",
    },
    Promise {
        since: 5,
        table: "approvals",
        query: "SELECT id, run, gate FROM approvals WHERE used IS NOT NULL AND approved IS NOT 1",
        message: "a run went on past `{}`, and nobody approved it",
    },
];

/// Looks through a file: SQLite's own look, references between rows, and what is promised of them.
pub fn examine(path: &Path) -> Result<Examined, StateError> {
    if !path.is_file() {
        return Err(StateError::Missing { path: path.to_path_buf() });
    }
    let connection = open_to_look(path)?;
    let mut examined = Examined { path: path.to_path_buf(), format: 0, runs: 0, findings: Vec::new() };
    let findings = &mut examined.findings;
    match found_format(&connection) {
        Ok(found) if found > FORMAT => {
            return Err(StateError::Newer { path: path.to_path_buf(), found, known: FORMAT });
        }
        Ok(found) => examined.format = found,
        Err(error) => {
            findings.push(damage(error.to_string()));
            return Ok(examined);
        }
    }
    if examined.format == 0 {
        findings.push(damage("it is no journal of opsc: it has no format".to_string()));
        return Ok(examined);
    }
    // One moment for all questions, whatever a run writes meanwhile.
    connection.execute_batch("BEGIN")?;
    look(integrity(&connection), findings);
    look(references(&connection), findings);
    for promise in PROMISES.iter().filter(|promise| promise.since <= examined.format) {
        look(broken(&connection, promise), findings);
    }
    if examined.format >= 5 {
        look(verify(&connection, None).map(|verified| verified.findings), findings);
    }
    // A file in which the runs cannot be counted has findings already.
    examined.runs = connection.query_row("SELECT count(*) FROM runs", [], |row| row.get(0)).unwrap_or(0);
    Ok(examined)
}

/// SQLite keeps beside a journal what was written last, and a file for those who look at it: where it may not write, a
/// journal that has nothing beside it is read as it lies there.
fn open_to_look(path: &Path) -> Result<Connection, StateError> {
    std::fs::File::open(path).map_err(|error| StateError::Unreadable { path: path.to_path_buf(), error })?;
    let may_write = std::fs::OpenOptions::new().append(true).open(path).is_ok();
    let mut beside = path.as_os_str().to_owned();
    beside.push("-wal");
    let is_whole = std::fs::metadata(&beside).map_or(true, |facts| facts.len() == 0);
    if is_whole && !may_write {
        return open_as_it_lies(path);
    }
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.busy_timeout(PATIENCE)?;
    match found_format(&connection).err().and_then(|error| error.sqlite_error_code()) {
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen) if is_whole => open_as_it_lies(path),
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen) => Err(StateError::OnlyRead { path: path.to_path_buf() }),
        _ => Ok(connection),
    }
}

fn open_as_it_lies(path: &Path) -> Result<Connection, StateError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    Ok(Connection::open_with_flags(format!("file:{}?immutable=1", escaped(path)), flags)?)
}

/// A path as the addresses of SQLite have it.
fn escaped(path: &Path) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    let escape = |byte: &u8| if plain(*byte) { char::from(*byte).to_string() } else { format!("%{byte:02x}") };
    path.as_os_str().as_encoded_bytes().iter().map(escape).collect()
}

fn look<E: fmt::Display>(found: Result<Vec<Finding>, E>, findings: &mut Vec<Finding>) {
    match found {
        Ok(found) => findings.extend(found),
        // A page that cannot be read is told once, whichever table is asked for.
        Err(error) => {
            let finding = damage(error.to_string());
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
    }
}

fn damage(message: String) -> Finding {
    Finding { fault: Fault::Damage, table: None, row: None, run: None, message }
}

fn integrity(connection: &Connection) -> Result<Vec<Finding>, rusqlite::Error> {
    let mut statement = connection.prepare(&format!("PRAGMA integrity_check({MOST_TOLD})"))?;
    let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
    let said = rows.collect::<Result<Vec<_>, _>>()?;
    Ok(said.into_iter().filter(|text| text != "ok").map(damage).collect())
}

fn references(connection: &Connection) -> Result<Vec<Finding>, rusqlite::Error> {
    let mut statement = connection.prepare("SELECT \"table\", rowid, parent FROM pragma_foreign_key_check")?;
    let rows = statement.query_map([], |row| {
        let parent: String = row.get(2)?;
        Ok(Finding {
            fault: Fault::Reference,
            table: row.get(0)?,
            row: row.get::<_, Option<i64>>(1)?.map(|row| row.to_string()),
            run: None,
            message: format!("it belongs to a row of `{parent}` that is not there"),
        })
    })?;
    rows.take(MOST_TOLD).collect()
}

fn broken(connection: &Connection, promise: &Promise) -> Result<Vec<Finding>, rusqlite::Error> {
    let listed = |words: &[&str]| words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(", ");
    let query = promise.query.replace("(ENDS)", &format!("({})", listed(ENDS)));
    let query = query.replace("(OUTCOMES)", &format!("({})", listed(OUTCOMES)));
    let mut statement = connection.prepare(&format!(
        "SELECT CAST(\"1\" AS TEXT), \"2\", CAST(\"3\" AS TEXT) FROM (
           WITH broken(\"1\", \"2\", \"3\") AS ({query}) SELECT * FROM broken ORDER BY 1) LIMIT {MOST_TOLD}"
    ))?;
    let rows = statement.query_map([], |row| {
        let word: Option<String> = row.get(2)?;
        Ok(Finding {
            fault: Fault::Promise,
            table: Some(promise.table.to_string()),
            row: row.get(0)?,
            run: row.get(1)?,
            message: promise.message.replace("{}", &word.unwrap_or_default()),
        })
    })?;
    rows.collect()
}
