//! The functions of the expression language: names, what they take, what they give.

use crate::hir::expr::Function;
use crate::hir::types::Type;

/// One function's signature. `Any` stands for types that the checker looks at itself.
pub struct Signature {
    pub name: &'static str,
    pub function: Function,
    pub least: usize,
    pub most: usize,
    pub takes: Takes,
    pub gives: Gives,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Takes {
    Text,
    Hosts,
    Collection,
    Anything,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Gives {
    String,
    Text,
    Int,
    Float,
    Bool,
    Host,
    Hosts,
    File,
    Folder,
    Secret,
    Texts,
    /// The first argument's type.
    Same,
    /// The type of the first argument's items.
    Item,
    Unknown,
}

const fn signature(
    name: &'static str,
    function: Function,
    arity: (usize, usize),
    takes: Takes,
    gives: Gives,
) -> Signature {
    Signature { name, function, least: arity.0, most: arity.1, takes, gives }
}

pub const FUNCTIONS: &[Signature] = &[
    signature("group", Function::Group, (1, 1), Takes::Text, Gives::Hosts),
    signature("tag", Function::Tag, (1, 2), Takes::Anything, Gives::Hosts),
    signature("host", Function::Host, (1, 1), Takes::Text, Gives::Host),
    signature("all", Function::All, (0, 0), Takes::Anything, Gives::Hosts),
    signature("first", Function::First, (1, 1), Takes::Hosts, Gives::Host),
    signature("only", Function::Only, (1, 1), Takes::Hosts, Gives::Host),
    signature("last", Function::Last, (1, 1), Takes::Hosts, Gives::Host),
    signature("file", Function::File, (1, 1), Takes::Text, Gives::File),
    signature("folder", Function::Folder, (1, 1), Takes::Text, Gives::Folder),
    signature("secret", Function::Secret, (1, 1), Takes::Text, Gives::Secret),
    signature("int", Function::Int, (1, 1), Takes::Anything, Gives::Int),
    signature("float", Function::Float, (1, 1), Takes::Anything, Gives::Float),
    signature("bool", Function::Bool, (1, 1), Takes::Anything, Gives::Bool),
    signature("string", Function::ToString, (1, 1), Takes::Anything, Gives::String),
    signature("lines", Function::Lines, (1, 1), Takes::Text, Gives::Texts),
    signature("length", Function::Length, (1, 1), Takes::Anything, Gives::Int),
    signature("lower", Function::Lower, (1, 1), Takes::Text, Gives::String),
    signature("upper", Function::Upper, (1, 1), Takes::Text, Gives::String),
    signature("trim", Function::Trim, (1, 1), Takes::Text, Gives::String),
    signature("split", Function::Split, (2, 2), Takes::Text, Gives::Texts),
    signature("replace", Function::Replace, (3, 3), Takes::Text, Gives::String),
    signature("matches", Function::Matches, (2, 2), Takes::Text, Gives::Bool),
    signature("version_compare", Function::VersionCompare, (2, 2), Takes::Text, Gives::Int),
    signature("in_network", Function::InNetwork, (2, 2), Takes::Text, Gives::Bool),
    signature("join", Function::Join, (1, 2), Takes::Collection, Gives::String),
    signature("unique", Function::Unique, (1, 1), Takes::Collection, Gives::Same),
    signature("sort", Function::Sort, (1, 1), Takes::Collection, Gives::Same),
    signature("flatten", Function::Flatten, (1, 1), Takes::Collection, Gives::Item),
    signature("to_json", Function::ToJson, (1, 1), Takes::Anything, Gives::Text),
    signature("from_json", Function::FromJson, (1, 1), Takes::Text, Gives::Unknown),
    signature("to_yaml", Function::ToYaml, (1, 1), Takes::Anything, Gives::Text),
    signature("from_yaml", Function::FromYaml, (1, 1), Takes::Text, Gives::Unknown),
    signature("basename", Function::Basename, (1, 1), Takes::Text, Gives::String),
    signature("dirname", Function::Dirname, (1, 1), Takes::Text, Gives::String),
    signature("base64", Function::Base64, (1, 1), Takes::Text, Gives::String),
    signature("sha256", Function::Sha256, (1, 1), Takes::Text, Gives::String),
    signature("min", Function::Min, (1, 2), Takes::Anything, Gives::Item),
    signature("max", Function::Max, (1, 2), Takes::Anything, Gives::Item),
    signature("sum", Function::Sum, (1, 1), Takes::Collection, Gives::Item),
];

/// Aggregates are written like functions; their second argument sees `it`, and tells them from functions of that name.
pub const AGGREGATES: &[(&str, crate::hir::expr::Aggregate)] = &[
    ("any", crate::hir::expr::Aggregate::Any),
    // With no argument `all()` is the set of all hosts.
    ("all", crate::hir::expr::Aggregate::All),
    ("count", crate::hir::expr::Aggregate::Count),
    ("map", crate::hir::expr::Aggregate::Map),
    ("filter", crate::hir::expr::Aggregate::Filter),
    ("sort", crate::hir::expr::Aggregate::Sort),
];

pub fn find(name: &str) -> Option<&'static Signature> {
    FUNCTIONS.iter().find(|signature| signature.name == name)
}

pub fn names() -> Vec<&'static str> {
    FUNCTIONS
        .iter()
        .map(|signature| signature.name)
        .chain(AGGREGATES.iter().map(|(name, _)| *name))
        .chain(["declassify"])
        .collect()
}

/// The type a call gives, from the types of its arguments.
pub fn result_type(signature: &Signature, args: &[Type]) -> Type {
    let first = args.first().map(Type::core);
    match signature.gives {
        Gives::String => Type::String,
        Gives::Text => Type::Text,
        Gives::Int => Type::Int,
        Gives::Float => Type::Float,
        Gives::Bool => Type::Bool,
        Gives::Host => Type::Host,
        Gives::Hosts => Type::Hosts(None),
        Gives::File => Type::File,
        Gives::Folder => Type::Folder,
        Gives::Secret => Type::Secret(Box::new(Type::String)),
        Gives::Texts => Type::List(Box::new(Type::String)),
        Gives::Same => first.cloned().unwrap_or(Type::Error),
        Gives::Item => match first {
            Some(Type::List(item)) => (**item).clone(),
            Some(other) => other.clone(),
            None => Type::Error,
        },
        Gives::Unknown => Type::Error,
    }
}
