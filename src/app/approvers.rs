//! `[approvers]` of `opsc.toml`: who may be named by approvals and sign plans, and with which keys.

use std::collections::BTreeMap;

use toml::de::DeValue;

use super::signatures::{Signature, VerifyingKey};

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Approver {
    /// `self`: whoever it is.
    Anybody,
    /// Whoever has one of these.
    Keys(Vec<VerifyingKey>),
}

/// By name; empty where nobody is named.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Approvers(BTreeMap<String, Approver>);

impl Approvers {
    pub fn add(&mut self, name: &str, approver: Approver) {
        self.0.insert(name.to_string(), approver);
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.0.keys()
    }

    pub fn is_anybody(&self, name: &str) -> bool {
        self.0.get(name) == Some(&Approver::Anybody)
    }

    /// None where the name needs no key.
    pub fn keys_of(&self, name: &str) -> &[VerifyingKey] {
        match self.0.get(name) {
            Some(Approver::Keys(keys)) => keys,
            _ => &[],
        }
    }

    pub fn all_keys(&self) -> impl Iterator<Item = (&str, &VerifyingKey)> {
        self.0.keys().flat_map(|name| self.keys_of(name).iter().map(move |key| (name.as_str(), key)))
    }

    /// Who of these signed that.
    pub fn signer<'a>(
        &'a self,
        names: impl Iterator<Item = &'a str>,
        bytes: &[u8],
        signature: &Signature,
    ) -> Option<(&'a str, &'a VerifyingKey)> {
        let mut keys = names.flat_map(|name| self.keys_of(name).iter().map(move |key| (name, key)));
        keys.find(|(_, key)| key.has_signed(bytes, signature))
    }
}

/// `dba (5E8F…)`.
pub fn told(name: &str, key: &VerifyingKey) -> String {
    format!("{name} ({})", key.id())
}

/// `dba = ["RWQ…"]`, or `me = "self"`: whoever runs.
pub fn read(name: &str, value: &DeValue<'_>) -> Result<Approver, String> {
    match value {
        DeValue::String(text) if text == "self" => Ok(Approver::Anybody),
        DeValue::Array(keys) if !keys.is_empty() => {
            let key = |key: &DeValue<'_>| match key {
                DeValue::String(text) => VerifyingKey::parse(text).ok(),
                _ => None,
            };
            let keys: Option<_> = keys.iter().map(|item| key(item.get_ref())).collect();
            keys.map(Approver::Keys).ok_or_else(|| {
                format!("`approvers.{name}` is a list of public keys of minisign, such as \"RWQ…\", the second line of its key file")
            })
        }
        _ => Err(format!("`approvers.{name}` is a list of public keys, or \"self\"")),
    }
}
