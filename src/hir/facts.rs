//! What is found out about every host: the names and types of facts, in the order they are shown.

use super::types::{Field, Type};

/// The record behind `facts`, and the result of `os.facts`. A text that a host does not say is absent.
pub fn facts_type() -> Type {
    let field = |(name, ty): (&str, Type)| Field { name: name.to_string(), ty };
    Type::Record(FACTS.iter().map(|(name, kind)| field((name, kind.ty()))).collect())
}

/// By name.
pub const FACTS: &[(&str, Kind)] = &[
    ("hostname", Kind::Text),
    ("os", Kind::Text),
    ("os_family", Kind::Text),
    ("distribution", Kind::Text),
    ("version", Kind::Text),
    ("kernel", Kind::Text),
    ("arch", Kind::Text),
    ("cpus", Kind::Count),
    ("memory", Kind::Size),
    ("boot", Kind::Text),
    ("init", Kind::Text),
    ("package_manager", Kind::Text),
    ("firewall", Kind::Text),
];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Text,
    Count,
    Size,
}

impl Kind {
    fn ty(self) -> Type {
        match self {
            Kind::Text => Type::String,
            Kind::Count => Type::Int,
            Kind::Size => Type::Size,
        }
    }
}
