//! Floor 4: inventory texts → hosts, groups, tags, variables and connection settings; limits such as `-l web*,db1`.
//! Knows nothing of files on disk or of the network. Inventories are untrusted: depth, aliases and size are bounded.

pub mod ansible;
pub mod csv;
pub mod data;
mod declared;
pub mod edit;
pub mod errors;
pub mod explain;
pub mod forms;
mod imports;
mod jumps;
mod limit;
mod merge;
mod ranges;
mod raw;
mod relations;
pub mod sources;
mod splice;
pub mod tofu;
pub mod yaml;

pub use limit::{LimitError, limit};

use crate::base::ids::FileId;
use crate::base::source::Sources;
use crate::diag::Diagnostic;
use crate::hir::value::Value;
use crate::hir::world::Inventory;

/// The names and values of one YAML (or JSON) mapping, for `--var-file`.
pub fn variables(sources: &Sources, file: FileId) -> Result<Vec<(String, Value)>, Diagnostic> {
    let document = yaml::parse(&sources.get(file).text, file).map_err(|error| error.diagnostic_in(sources))?;
    let Some(document) = document else { return Ok(Vec::new()) };
    match &document.kind {
        yaml::Kind::Mapping(entries) => {
            Ok(entries.iter().map(|(key, node)| (key.text.clone(), node.value())).collect())
        }
        _ => {
            let (expected, found) = ("a mapping of names to values", document.form());
            Err(errors::InventoryError::WrongForm { expected, found, span: document.span }.diagnostic_in(sources))
        }
    }
}

/// The inventory that several texts make together, and all findings in them. `localhost` always exists.
pub fn load(sources: &Sources, files: &[FileId]) -> (Inventory, Vec<Diagnostic>) {
    load_layers(sources, &Layers { answers: &[], files })
}

/// Texts by who says them.
#[derive(Clone, Copy, Debug)]
pub struct Layers<'a> {
    /// What programs and servers said; files say otherwise of the same hosts and groups.
    pub answers: &'a [FileId],
    pub files: &'a [FileId],
}

/// The same with what was answered by programs and servers.
pub fn load_layers(sources: &Sources, layers: &Layers<'_>) -> (Inventory, Vec<Diagnostic>) {
    let (inventory, errors) = read_layers(sources, layers);
    (inventory, errors.iter().map(|error| error.diagnostic_in(sources)).collect())
}

fn read_layers(sources: &Sources, layers: &Layers<'_>) -> (Inventory, Vec<errors::InventoryError>) {
    let mut errors = Vec::new();
    let mut read = |files: &[FileId]| {
        let mut texts = Vec::new();
        for file in files {
            match yaml::parse(&sources.get(*file).text, *file) {
                Ok(Some(document)) => texts.push(raw::read(&document, &mut errors)),
                Ok(None) => {}
                Err(error) => errors.push(error),
            }
        }
        texts
    };
    let (answers, files) = (read(layers.answers), read(layers.files));
    let inventory = merge::merge(answers, files, &mut errors);
    (inventory, errors)
}
