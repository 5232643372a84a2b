//! Secrets that were read, by reference. Shows none of them.

use std::collections::BTreeMap;

use crate::base::secret::Secret;

/// What a run knows of secrets.
#[derive(Clone, Default, Debug)]
pub struct Resolved {
    texts: BTreeMap<String, Secret<String>>,
}

impl Resolved {
    pub fn insert(&mut self, reference: &str, text: Secret<String>) {
        self.texts.insert(reference.to_string(), text);
    }

    pub fn extend(&mut self, more: Resolved) {
        self.texts.extend(more.texts);
    }

    pub fn get(&self, reference: &str) -> Option<&Secret<String>> {
        self.texts.get(reference)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Secret<String>)> {
        self.texts.iter().map(|(reference, text)| (reference.as_str(), text))
    }
}
