//! What stays the same of a finding when lines move: its code, its file, the text of its line, and which one of several
//! alike it is. For baselines and for CI systems that compare two reports.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::base::hex::hex;
use crate::base::source::Sources;
use crate::diag::Diagnostic;

/// One for each finding, in order; 32 hexadecimal digits.
pub fn fingerprints(diagnostics: &[&Diagnostic], sources: &Sources) -> Vec<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let one = |diagnostic: &&Diagnostic| {
        let span = diagnostic.primary.span;
        let source = sources.get(span.file);
        // Of a line that may hold a secret not even a digest goes anywhere.
        let shown = if diagnostic.line_is_hidden { "" } else { source.text.as_str() };
        let line = shown.lines().nth(sources.place(span).line.saturating_sub(1)).unwrap_or_default().trim();
        let key = format!("{}\n{}\n{line}", diagnostic.code, source.path);
        let number = seen.entry(key.clone()).or_default();
        *number += 1;
        let digest = Sha256::digest(format!("{key}\n{number}").as_bytes());
        hex(&digest).chars().take(32).collect()
    };
    diagnostics.iter().map(one).collect()
}
