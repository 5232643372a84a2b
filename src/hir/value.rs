//! Values of the language. A secret is only ever a reference here: its text lives in `secrets` and `transport`.

use super::expr::Function;
use super::folder::FolderRef;
use super::types::Os;
use crate::base::ids::HostId;
use crate::base::words;

#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// Absent; in conditions, *unknown*.
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    String(String),
    /// Milliseconds.
    Duration(u64),
    /// Bytes.
    Size(u64),
    Percent(f64),
    File(FileRef),
    Folder(FolderRef),
    Script(Script),
    Host(HostId),
    /// In inventory order, without repeats.
    Hosts(Vec<HostId>),
    List(Vec<Value>),
    /// Maps and records, in the order written.
    Record(Vec<(String, Value)>),
    Secret(SecretRef),
}

/// A file of the project, by content.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileRef {
    /// Relative to the project, as written.
    pub path: String,
    /// Lower-case hex.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ScriptLanguage {
    Sh,
    Powershell,
}

impl ScriptLanguage {
    /// What hosts of a system read.
    pub fn of(os: Os) -> ScriptLanguage {
        if os == Os::Windows { ScriptLanguage::Powershell } else { ScriptLanguage::Sh }
    }

    pub fn name(self) -> &'static str {
        match self {
            ScriptLanguage::Sh => "sh",
            ScriptLanguage::Powershell => "powershell",
        }
    }
}

/// A constant script: its text never holds a value.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Script {
    pub language: ScriptLanguage,
    pub text: String,
}

/// Where a secret comes from, and what is made of it once it is read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SecretRef {
    /// `env:OPS_TOKEN`, `file:keys/token`, `command:vault`; `prompt:NAME` is a parameter that is asked for.
    Source(String),
    /// A plain text beside secrets, or where one is wanted.
    Text(String),
    Concat(Vec<SecretRef>),
    /// A function from texts to a text.
    Applied(Function, Vec<SecretRef>),
}

impl SecretRef {
    /// Texts in it that a function makes: secrets of their own, of which their sources show nothing.
    pub fn applied(&self) -> Vec<&SecretRef> {
        match self {
            SecretRef::Source(_) | SecretRef::Text(_) => Vec::new(),
            SecretRef::Concat(parts) => parts.iter().flat_map(SecretRef::applied).collect(),
            SecretRef::Applied(_, parts) => {
                parts.iter().flat_map(SecretRef::applied).chain(std::iter::once(self)).collect()
            }
        }
    }

    /// The references that must be read to know this text, in the order of their use.
    pub fn sources(&self) -> Vec<&str> {
        match self {
            SecretRef::Source(source) => vec![source],
            SecretRef::Text(_) => Vec::new(),
            SecretRef::Concat(parts) | SecretRef::Applied(_, parts) => {
                parts.iter().flat_map(SecretRef::sources).collect()
            }
        }
    }
}

impl SecretRef {
    /// Where it comes from, for plans.
    fn literal(&self) -> String {
        if let SecretRef::Source(source) = self {
            return match source.strip_prefix("prompt:") {
                Some(_) => "(secret, asked for when the run starts)".to_string(),
                None => format!("secret({})", quote(source)),
            };
        }
        let mut sources = self.sources();
        sources.dedup();
        if sources.is_empty() { "(secret)".to_string() } else { format!("(secret of {})", words::join_and(&sources)) }
    }
}

impl Value {
    pub fn string(text: impl Into<String>) -> Value {
        Value::String(text.into())
    }

    pub fn field(&self, name: &str) -> Option<&Value> {
        match self {
            Value::Record(fields) => fields.iter().find(|(field, _)| field == name).map(|(_, value)| value),
            _ => None,
        }
    }

    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(value) => Some(*value),
            _ => None,
        }
    }

    pub fn is_none(&self) -> bool {
        matches!(self, Value::None)
    }

    /// Every secret in it, however deep.
    pub fn secrets(&self) -> Vec<&SecretRef> {
        match self {
            Value::Secret(reference) => vec![reference],
            Value::List(items) => items.iter().flat_map(Value::secrets).collect(),
            Value::Record(fields) => fields.iter().flat_map(|(_, value)| value.secrets()).collect(),
            _ => Vec::new(),
        }
    }

    /// The value as it is written in a program, for messages and digests. Hosts are written by number.
    pub fn literal(&self) -> String {
        match self {
            Value::None => "none".to_string(),
            Value::Bool(value) => value.to_string(),
            Value::Int(value) => value.to_string(),
            Value::Float(value) => format!("{value:?}"),
            Value::String(text) => quote(text),
            Value::Duration(milliseconds) => words::duration(*milliseconds),
            Value::Size(bytes) => words::size(*bytes),
            Value::Percent(value) => format!("{value}%"),
            Value::File(file) => format!("file({})", quote(&file.path)),
            Value::Folder(folder) => format!("folder({})", quote(&folder.archive.path)),
            Value::Script(script) => format!("{}{}", script.language.name(), quote(&script.text)),
            Value::Host(host) => format!("{host:?}"),
            Value::Hosts(hosts) => format!("{hosts:?}"),
            Value::List(items) => format!("[{}]", join_literals(items.iter())),
            Value::Record(fields) => {
                let fields: Vec<String> =
                    fields.iter().map(|(name, value)| format!("{name}: {}", value.literal())).collect();
                format!("{{ {} }}", fields.join(", "))
            }
            Value::Secret(secret) => secret.literal(),
        }
    }
}

fn join_literals<'a>(items: impl Iterator<Item = &'a Value>) -> String {
    items.map(Value::literal).collect::<Vec<_>>().join(", ")
}

fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            '{' => quoted.push_str("\\{"),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}
