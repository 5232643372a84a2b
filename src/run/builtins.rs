//! What only the binary can do, by name, and what it is given. Knows nothing of plans and sessions.

use std::time::Duration;

use super::context::Context;
use super::errors::StepError;
use super::prepare::Prepared;
use super::{http_request, prometheus};
use crate::base::secret::Secret;
use crate::hir::value::Value;

/// What the host of a step is.
pub const FACTS: &str = "os.facts";

/// What a playbook tells the people who watch it.
pub const NOTE: &str = "log.note";

/// A command line for a host, as it is.
pub const RAW: &str = "shell.raw";

/// Waits until a host can be worked with.
pub const CONNECTION: &str = "wait.connection";

/// A builtin's parameters by name.
pub struct Arguments<'a> {
    pub context: &'a Context,
    pub prepared: &'a Prepared<'a>,
    pub deadline: Duration,
}

impl Arguments<'_> {
    /// The value as it may be shown: a secret is its reference.
    pub fn value(&self, name: &str) -> &Value {
        let param = self.prepared.action.params.iter().find(|param| param.name == name);
        let found = param.and_then(|param| self.prepared.params.iter().find(|(binding, _)| *binding == param.binding));
        found.map_or(&Value::None, |(_, value)| value)
    }

    /// The text, of a secret too; absent where the parameter is.
    pub fn text(&self, name: &str) -> Result<Option<Secret<String>>, StepError> {
        self.text_of(self.value(name))
    }

    /// The entries of a map; also those that are secret.
    pub fn entries(&self, name: &str) -> Result<Vec<(String, Secret<String>)>, StepError> {
        let Value::Record(entries) = self.value(name) else { return Ok(Vec::new()) };
        let read = |(name, value): &(String, Value)| Ok((name.clone(), self.text_of(value)?.unwrap_or_default()));
        entries.iter().map(read).collect()
    }

    /// Whether any part of an argument is secret.
    pub fn has_secrets(&self) -> bool {
        let is_secret = |value: &Value| matches!(value, Value::Secret(_));
        self.prepared.params.iter().any(|(_, value)| match value {
            Value::Record(entries) => entries.iter().any(|(_, value)| is_secret(value)),
            value => is_secret(value),
        })
    }

    pub async fn file(&self, name: &str) -> Result<Option<Vec<u8>>, StepError> {
        match self.value(name) {
            Value::File(file) => self.context.content(&file.sha256).await.map(Some),
            _ => Ok(None),
        }
    }

    fn text_of(&self, value: &Value) -> Result<Option<Secret<String>>, StepError> {
        Ok(match value {
            Value::Secret(reference) => Some(self.context.secret(reference)?),
            Value::String(text) => Some(Secret::new(text.clone())),
            Value::None => None,
            other => Some(Secret::new(other.literal())),
        })
    }
}

/// Runs a builtin; what it reports, as a script would by `out`.
pub async fn run(name: &str, arguments: &Arguments<'_>) -> Result<Vec<(String, String)>, StepError> {
    match name {
        "http.request" => http_request::run(arguments).await,
        "prometheus.query" => prometheus::run(arguments).await,
        other => Err(StepError::UnknownBuiltin { name: other.to_string() }),
    }
}
