//! Types of the language and how they are written. Knows nothing of values at run time.

use std::fmt;

use super::value::Value;

/// An operating system family, as `hosts<linux>` and `host.os` name it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Os {
    Linux,
    Windows,
    Darwin,
}

impl Os {
    pub const ALL: [Os; 3] = [Os::Linux, Os::Windows, Os::Darwin];

    pub fn name(self) -> &'static str {
        match self {
            Os::Linux => "linux",
            Os::Windows => "windows",
            Os::Darwin => "darwin",
        }
    }

    pub fn parse(name: &str) -> Option<Os> {
        Os::ALL.into_iter().find(|os| os.name() == name)
    }
}

/// A type. Named aliases are resolved; `name` of a record or refinement is kept for messages only.
#[derive(Clone, PartialEq, Debug)]
pub enum Type {
    /// One line, no control characters.
    String,
    Text,
    Int,
    Float,
    Bool,
    Duration,
    Size,
    Percent,
    Path,
    Url,
    File,
    Folder,
    Script,
    Host,
    /// `hosts`, `hosts<linux>`; the cardinality contract is a [`Refinement::Range`] around it.
    Hosts(Option<Os>),
    List(Box<Type>),
    Map(Box<Type>, Box<Type>),
    Record(Vec<Field>),
    /// A union of string or int literals.
    Union(Vec<Value>),
    Optional(Box<Type>),
    Secret(Box<Type>),
    /// What a name bound inside `on` is after the block.
    Results(Box<Type>),
    /// What `x = on …` is after the block.
    BlockResult,
    Refined {
        name: Option<String>,
        base: Box<Type>,
        refinement: Refinement,
    },
    /// The type of `none`, and of an expression already reported as wrong (`Error`).
    None,
    /// An expression whose error was already reported: fits everywhere, so that no cascade follows.
    Error,
}

/// The types of one plain value, by the names that playbooks and inventories call them.
pub const SCALARS: &[(&str, Type)] = &[
    ("string", Type::String),
    ("text", Type::Text),
    ("int", Type::Int),
    ("float", Type::Float),
    ("bool", Type::Bool),
    ("duration", Type::Duration),
    ("size", Type::Size),
    ("percent", Type::Percent),
    ("path", Type::Path),
    ("url", Type::Url),
];

#[derive(Clone, PartialEq, Debug)]
pub struct Field {
    pub name: String,
    pub ty: Type,
}

#[derive(Clone, PartialEq, Debug)]
pub enum Refinement {
    /// An anchored regular expression over strings.
    Pattern(String),
    /// Inclusive ends; of numbers, durations, sizes, or of the length of lists and host sets.
    Range { min: Option<Value>, max: Option<Value> },
}

impl Type {
    /// The type without optional, secret and refinement around it.
    pub fn core(&self) -> &Type {
        match self {
            Type::Optional(inner) | Type::Secret(inner) => inner.core(),
            Type::Refined { base, .. } => base.core(),
            other => other,
        }
    }

    /// The type that a refinement is of.
    pub fn unrefined(&self) -> &Type {
        match self {
            Type::Refined { base, .. } => base.unrefined(),
            other => other,
        }
    }

    /// The names of a record's fields; none of anything else.
    pub fn field_names(&self) -> Vec<&str> {
        match self {
            Type::Record(fields) => fields.iter().map(|field| field.name.as_str()).collect(),
            _ => Vec::new(),
        }
    }

    /// As written, but of a record only the first fields.
    pub fn brief(&self) -> String {
        match self {
            Type::Record(fields) if fields.len() > 3 => {
                let names: Vec<&str> = fields.iter().take(3).map(|field| field.name.as_str()).collect();
                format!("{{ {}, … }}", names.join(", "))
            }
            Type::List(item) => format!("list<{}>", item.brief()),
            Type::Results(item) => format!("results<{}>", item.brief()),
            Type::Optional(inner) => format!("{}?", inner.brief()),
            Type::Refined { name: None, base, refinement } => format!("{}({refinement})", base.brief()),
            other => other.to_string(),
        }
    }

    pub fn is_optional(&self) -> bool {
        matches!(self, Type::Optional(_) | Type::None)
    }

    pub fn is_secret(&self) -> bool {
        match self {
            Type::Secret(_) => true,
            Type::Optional(inner) => inner.is_secret(),
            Type::Refined { base, .. } => base.is_secret(),
            _ => false,
        }
    }

    /// Whether a value of it may have a secret in it, however deep.
    pub fn carries_secret(&self) -> bool {
        match self {
            Type::Secret(_) => true,
            Type::Optional(inner) | Type::List(inner) | Type::Results(inner) => inner.carries_secret(),
            Type::Map(key, value) => key.carries_secret() || value.carries_secret(),
            Type::Record(fields) => fields.iter().any(|field| field.ty.carries_secret()),
            Type::Refined { base, .. } => base.carries_secret(),
            _ => false,
        }
    }

    pub fn optional(self) -> Type {
        match self {
            Type::Optional(_) | Type::None | Type::Error => self,
            other => Type::Optional(Box::new(other)),
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::String => formatter.write_str("string"),
            Type::Text => formatter.write_str("text"),
            Type::Int => formatter.write_str("int"),
            Type::Float => formatter.write_str("float"),
            Type::Bool => formatter.write_str("bool"),
            Type::Duration => formatter.write_str("duration"),
            Type::Size => formatter.write_str("size"),
            Type::Percent => formatter.write_str("percent"),
            Type::Path => formatter.write_str("path"),
            Type::Url => formatter.write_str("url"),
            Type::File => formatter.write_str("file"),
            Type::Folder => formatter.write_str("folder"),
            Type::Script => formatter.write_str("script"),
            Type::Host => formatter.write_str("host"),
            Type::Hosts(None) => formatter.write_str("hosts"),
            Type::Hosts(Some(os)) => write!(formatter, "hosts<{}>", os.name()),
            Type::List(item) => write!(formatter, "list<{item}>"),
            Type::Map(key, value) => write!(formatter, "map<{key}, {value}>"),
            Type::Record(fields) => write_record(formatter, fields),
            Type::Union(members) => {
                let members: Vec<String> = members.iter().map(Value::literal).collect();
                formatter.write_str(&members.join(" | "))
            }
            Type::Optional(inner) if matches!(**inner, Type::Union(_)) => write!(formatter, "({inner})?"),
            Type::Optional(inner) => write!(formatter, "{inner}?"),
            Type::Secret(inner) => write!(formatter, "secret<{inner}>"),
            Type::Results(inner) => write!(formatter, "results<{inner}>"),
            Type::BlockResult => formatter.write_str("block result"),
            Type::Refined { name: Some(name), .. } => formatter.write_str(name),
            Type::Refined { name: None, base, refinement } => write!(formatter, "{base}({refinement})"),
            Type::None => formatter.write_str("none"),
            Type::Error => formatter.write_str("unknown"),
        }
    }
}

fn write_record(formatter: &mut fmt::Formatter<'_>, fields: &[Field]) -> fmt::Result {
    let fields: Vec<String> = fields.iter().map(|field| format!("{}: {}", field.name, field.ty)).collect();
    if fields.is_empty() { formatter.write_str("{}") } else { write!(formatter, "{{ {} }}", fields.join(", ")) }
}

impl fmt::Display for Refinement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refinement::Pattern(pattern) => write!(formatter, "/{}/", pattern.replace('/', "\\/")),
            Refinement::Range { min, max } => {
                let end = |value: &Option<Value>| value.as_ref().map(Value::literal).unwrap_or_default();
                write!(formatter, "{}..{}", end(min), end(max))
            }
        }
    }
}
