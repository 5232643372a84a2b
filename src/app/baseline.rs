//! Findings that a project lives with, so that a code base can be adopted: only new ones are shown. A JSON file that is
//! reviewed and committed like any other.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::errors::AppError;
use super::files::{read_text, write_text};

const SCHEMA: &str = "opsc.baseline/1";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    schema: String,
    findings: Vec<Known>,
}

/// A known finding; code and file are there for readers.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Known {
    pub fingerprint: String,
    pub code: String,
    pub file: String,
}

/// The findings of a baseline; none where there is no such file.
pub fn read(path: &Path) -> Result<Option<Vec<Known>>, AppError> {
    if !path.exists() {
        return Ok(None);
    }
    let refuse = |reason: String| AppError::Project { path: path.to_path_buf(), reason };
    let document: Document = serde_json::from_str(&read_text(path)?).map_err(|error| refuse(error.to_string()))?;
    if document.schema != SCHEMA {
        return Err(refuse(format!("expected a baseline of schema {SCHEMA}, found {}", document.schema)));
    }
    Ok(Some(document.findings))
}

pub fn write(path: &Path, findings: Vec<Known>) -> Result<(), AppError> {
    let document = Document { schema: SCHEMA.to_string(), findings };
    let text = serde_json::to_string_pretty(&document)
        .map_err(|error| AppError::Project { path: path.to_path_buf(), reason: error.to_string() })?;
    write_text(path, &format!("{text}\n"))
}
