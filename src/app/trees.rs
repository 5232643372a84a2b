//! A program as JSON and back, without loss: the tree of its canonical text, and a text that is read back and compared
//! before it is believed.

use std::path::Path;

use serde_json::Value as Json;

use super::errors::AppError;
use super::files::read_text;
use crate::base::source::Sources;
use crate::diag::Diagnostic;
use crate::report::tree_differences::differs;
use crate::report::tree_json::tree_json;
use crate::report::tree_shape::{ShapeError, judge};
use crate::report::tree_source::tree_source;
use crate::syntax;

/// `opsc.file/1` of a file; findings in its text are added to `sources`.
pub fn to_json(path: &Path, sources: &mut Sources) -> Result<Json, AppError> {
    let file = sources.add(path.display().to_string(), read_text(path)?);
    let canonical = canonical(sources, file).map_err(|diagnostics| AppError::Diagnostics { diagnostics })?;
    // The formatter put each comment where it stays; only there does it belong to a node.
    tree_of(&canonical).map_err(|diagnostics| AppError::Diagnostics { diagnostics })
}

/// The canonical text of a tree.
pub fn from_json(path: &Path) -> Result<String, AppError> {
    let text = read_text(path)?;
    program(&text).map_err(|error| AppError::Tree { path: path.to_path_buf(), reason: error.to_string() })
}

/// The canonical text of a tree that is given as JSON text.
pub fn program(text: &str) -> Result<String, ShapeError> {
    let whole = |reason: String| ShapeError { pointer: String::new(), reason };
    let given: Json = serde_json::from_str(text).map_err(|error| whole(format!("this is not JSON: {error}")))?;
    judge(&given)?;
    let source = tree_source(&given);
    let mut sources = Sources::new();
    let file = sources.add("tree", source.text.clone());
    let unreadable = |diagnostics: Vec<Diagnostic>| {
        let first = diagnostics.first();
        let pointer = first.map_or("", |first| source.pointer_at(first.primary.span.start as usize));
        let reason = first.map_or_else(String::new, |first| first.message.clone());
        ShapeError {
            pointer: pointer.to_string(),
            reason: format!("written as a program this cannot be read: {reason}"),
        }
    };
    let canonical = canonical(&sources, file).map_err(unreadable)?;
    let read = tree_of(&canonical).map_err(|_| whole("its canonical text cannot be read".to_string()))?;
    differs(&given, &read).map_or(Ok(canonical), Err)
}

fn canonical(sources: &Sources, file: crate::base::ids::FileId) -> Result<String, Vec<Diagnostic>> {
    match syntax::parse(sources, file) {
        (Some(tree), diagnostics) if diagnostics.is_empty() => Ok(syntax::format(&tree, &sources.get(file).text)),
        (_, diagnostics) => Err(diagnostics),
    }
}

/// `opsc.file/1` of a text that is canonical already.
pub fn tree_of(canonical: &str) -> Result<Json, Vec<Diagnostic>> {
    let mut sources = Sources::new();
    let file = sources.add("canonical", canonical);
    match syntax::parse(&sources, file) {
        (Some(tree), diagnostics) if diagnostics.is_empty() => Ok(tree_json(&tree, canonical)),
        (_, diagnostics) => Err(diagnostics),
    }
}
