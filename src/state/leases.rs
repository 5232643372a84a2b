//! Runs of this process that go on: they say so again and again, so that nobody takes them for dead, and they begin nothing
//! more on a host whose lock somebody has taken from them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::journal::Change;
use super::process::now;
use super::records::{Intent, StateError};
use super::writer::signed;

/// How often a run says that it goes on.
const BEAT: Duration = Duration::from_secs(10);
/// How long it counts as going on after it has said so: a few beats may come late.
const LEASE: Duration = Duration::from_secs(60);

/// The time now, and the end of a lease that begins now: milliseconds since 1970.
pub(super) fn lease() -> (i64, i64) {
    let beat = now();
    (signed(beat), signed(beat.saturating_add(u64::try_from(LEASE.as_millis()).unwrap_or(u64::MAX))))
}

/// What runs of this process hold.
pub(super) struct Leases {
    held: BTreeMap<i64, BTreeSet<String>>,
    next_beat: Instant,
}

impl Leases {
    pub(super) fn new() -> Leases {
        Leases { held: BTreeMap::new(), next_beat: Instant::now() }
    }

    /// After a change was committed, with what it answered.
    pub(super) fn note(&mut self, change: &Change, answer: i64) {
        match change {
            Change::Start(_, hosts, _) => {
                if self.held.is_empty() {
                    self.next_beat = Instant::now() + BEAT;
                }
                self.held.insert(answer, hosts.iter().cloned().collect());
            }
            Change::Lock { run, hosts, .. } => self.held.entry(*run).or_default().extend(hosts.iter().cloned()),
            Change::Finish { run, .. } => drop(self.held.remove(run)),
            _ => {}
        }
    }

    /// How long nothing is to be said; none where nothing goes on.
    pub(super) fn pause(&self) -> Option<Duration> {
        (!self.held.is_empty()).then(|| self.next_beat.saturating_duration_since(Instant::now()))
    }

    /// A beat that cannot be written is left out: the lease still lasts for others.
    pub(super) fn beat(&mut self, connection: &Connection) {
        if self.pause() != Some(Duration::ZERO) {
            return;
        }
        self.next_beat = Instant::now() + BEAT;
        let (beat, until) = lease();
        for run in self.held.keys() {
            let query = "UPDATE runs SET beat = ?2, until = ?3 WHERE id = ?1";
            drop(connection.execute(query, params![run, beat, until]));
        }
    }

    /// Refuses what would be begun on a host that this run locked, and that is not its own any more.
    pub(super) fn refuse_fenced(&self, transaction: &Transaction<'_>, intent: &Intent) -> Result<(), StateError> {
        if !self.held.get(&intent.run).is_some_and(|hosts| hosts.contains(&intent.host)) {
            return Ok(());
        }
        let mut query = transaction.prepare_cached("SELECT run FROM locks WHERE host = ?1")?;
        let holder: Option<i64> = query.query_row([&intent.host], |row| row.get(0)).optional()?;
        if holder == Some(intent.run) {
            return Ok(());
        }
        Err(StateError::Fenced { host: intent.host.clone(), by: holder })
    }
}
