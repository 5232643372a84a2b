//! Floor 6: the journal. A stand-in that keeps records in memory only, until the journal on disk takes its place:
//! nothing here survives the process. The names and signatures are the real ones.

use std::sync::{Arc, Mutex, PoisonError};

#[derive(Clone, Debug)]
pub struct Intent {
    pub run: i64,
    pub step: String,
    pub host: String,
    pub attempt: u32,
    pub phase: String,
    pub program_sha256: String,
    pub effect: String,
    pub kind: String,
    pub deadline_ms: u64,
    pub time: u64,
}
#[derive(Clone, Debug)]
pub struct StepResult {
    pub run: i64,
    pub step: String,
    pub host: String,
    pub attempt: u32,
    pub phase: String,
    pub outcome: String,
    pub changed: bool,
    pub code: Option<i32>,
    pub before_json: String,
    pub apply_json: String,
    pub after_json: String,
    pub error: Option<String>,
    pub output_sha256: Option<String>,
    pub output: Vec<u8>,
    pub time: u64,
}
#[derive(Clone, Debug)]
pub enum StateError {
    Closed,
}
impl std::fmt::Display for StateError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the journal is closed")
    }
}
/// Records in the order they came. The lock is held for one push: writers are many, and each is done at once.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    records: Arc<Mutex<Vec<Record>>>,
}

#[derive(Clone, Debug)]
pub enum Record {
    Intent(Intent),
    Result(StepResult),
}

impl Journal {
    pub fn intent(&self, intent: &Intent) -> Result<(), StateError> {
        self.push(Record::Intent(intent.clone()));
        Ok(())
    }

    pub fn result(&self, result: &StepResult) -> Result<(), StateError> {
        self.push(Record::Result(result.clone()));
        Ok(())
    }

    pub fn records(&self) -> Vec<Record> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn push(&self, record: Record) {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).push(record);
    }
}
