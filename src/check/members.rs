//! What `.name` means on each type: hosts, host sets, results, records, files.

use super::assign::join;
use crate::base::ids::HostId;
use crate::eval::fits::fits_key;
use crate::hir::types::{Field, Os, Type};
use crate::hir::value::Value;
use crate::hir::world::{Inventory, World};

/// The type of a member, or the names that exist.
pub enum Member {
    Found(Type),
    Unknown { known: Vec<String> },
}

pub const HOST_MEMBERS: &[&str] = &["name", "address", "os", "port", "user", "groups", "tags", "vars"];
pub(super) const HOSTS_MEMBERS: &[&str] = &["count", "names", "addresses"];
pub(super) const RESULTS_MEMBERS: &[&str] = &["ok", "failed", "changed", "skipped", "count"];
pub(super) const BLOCK_MEMBERS: &[&str] =
    &["ok", "skipped", "failed", "unreachable", "rolled_back", "dirty", "not_run", "changed"];

/// Flags that every step result has beside its fields.
pub const RESULT_FLAGS: &[&str] = &["changed", "failed", "skipped"];

fn unknown(known: &[&str]) -> Member {
    Member::Unknown { known: known.iter().map(ToString::to_string).collect() }
}

pub fn member(base: &Type, name: &str) -> Member {
    let host_list = || Member::Found(Type::Hosts(None));
    match base {
        Type::Error => Member::Found(Type::Error),
        Type::Refined { base, .. } | Type::Secret(base) => member(base, name),
        Type::Host => match name {
            "name" | "address" => Member::Found(Type::String),
            "os" => Member::Found(Type::Union(Os::ALL.iter().map(|os| Value::string(os.name())).collect()).optional()),
            "port" => Member::Found(Type::Int.optional()),
            "user" => Member::Found(Type::String.optional()),
            "groups" => Member::Found(Type::List(Box::new(Type::String))),
            "tags" | "vars" => Member::Found(Type::Error),
            _ => unknown(HOST_MEMBERS),
        },
        Type::Hosts(_) => match name {
            "count" => Member::Found(Type::Int),
            "names" | "addresses" => Member::Found(Type::List(Box::new(Type::String))),
            _ => unknown(HOSTS_MEMBERS),
        },
        Type::Results(_) => match name {
            "count" => Member::Found(Type::Int),
            _ if RESULTS_MEMBERS.contains(&name) => host_list(),
            _ => unknown(RESULTS_MEMBERS),
        },
        Type::BlockResult if BLOCK_MEMBERS.contains(&name) => host_list(),
        Type::BlockResult => unknown(BLOCK_MEMBERS),
        Type::File => match name {
            "path" | "sha256" => Member::Found(Type::String),
            "size" => Member::Found(Type::Size),
            _ => unknown(&["path", "sha256", "size"]),
        },
        Type::Folder => match name {
            "path" | "sha256" => Member::Found(Type::String),
            "size" => Member::Found(Type::Size),
            "count" => Member::Found(Type::Int),
            _ => unknown(&["path", "sha256", "size", "count"]),
        },
        Type::List(_) if name == "count" => Member::Found(Type::Int),
        Type::List(_) => unknown(&["count"]),
        Type::Map(key, value) => match &**key {
            Type::Union(keys) if fits_key(name, key).is_err() => {
                Member::Unknown { known: keys.iter().filter_map(Value::as_str).map(str::to_string).collect() }
            }
            _ => Member::Found((**value).clone().optional()),
        },
        Type::Record(fields) => match fields.iter().find(|field| field.name == name) {
            Some(field) => Member::Found(field.ty.clone()),
            None => Member::Unknown { known: fields.iter().map(|field| field.name.clone()).collect() },
        },
        _ => unknown(&[]),
    }
}

/// A step's result as later steps see it: its fields and the three flags.
pub fn result_type(declared: &Type) -> Type {
    let mut fields = match declared.core() {
        Type::Record(fields) => fields.clone(),
        _ => Vec::new(),
    };
    for flag in RESULT_FLAGS {
        fields.push(Field { name: (*flag).to_string(), ty: Type::Bool });
    }
    Type::Record(fields)
}

/// The type of `host.vars.KEY` or `host.tags.KEY` over the hosts it may be: that declared, else the join of theirs;
/// optional where one has none. `None` where no host has it and nobody declares it.
pub fn inventory_value(world: &World, hosts: Option<&[HostId]>, member: &str, key: &str) -> Option<Type> {
    let Some(inventory) = world.inventory() else { return Some(Type::Error) };
    let all: Vec<HostId>;
    let hosts = match hosts {
        Some(hosts) => hosts,
        None => {
            all = inventory.all();
            &all
        }
    };
    let declared = inventory.declared_vars.iter().find(|(name, _)| member == "vars" && name == key);
    if let Some((_, Some(ty))) = declared {
        let has = |host: &HostId| inventory.hosts.at(*host).vars.iter().any(|(name, _)| name == key);
        let all_have = !hosts.is_empty() && hosts.iter().all(has);
        return Some(if all_have { ty.clone() } else { ty.clone().optional() });
    }
    let found: Vec<Option<Type>> = hosts.iter().map(|host| value_of(inventory, *host, member, key)).collect();
    let present: Vec<&Type> = found.iter().flatten().collect();
    let first = *present.first()?;
    let joined = present.iter().try_fold(first.clone(), |joined, next| super::assign::join(&joined, next))?;
    Some(if present.len() < found.len() { joined.optional() } else { joined })
}

fn value_of(inventory: &Inventory, host: HostId, member: &str, key: &str) -> Option<Type> {
    let host = inventory.hosts.at(host);
    let values = if member == "tags" { &host.tags } else { &host.vars };
    values.iter().find(|(name, _)| name == key).map(|(_, value)| type_of_value(value))
}

/// Names that `host.vars.` or `host.tags.` could be followed by.
pub fn inventory_keys(world: &World, member: &str) -> Vec<String> {
    let Some(inventory) = world.inventory() else { return Vec::new() };
    let values = |host: &crate::hir::world::Host| if member == "tags" { host.tags.clone() } else { host.vars.clone() };
    let mut keys: Vec<String> = inventory.hosts.values().flat_map(values).map(|(key, _)| key).collect();
    let declared = inventory.declared_vars.iter().filter(|_| member == "vars");
    keys.extend(declared.map(|(name, _)| name.clone()));
    keys.sort();
    keys.dedup();
    keys
}

/// The type of a value from an inventory or a literal.
pub fn type_of_value(value: &Value) -> Type {
    match value {
        Value::None => Type::None,
        Value::Bool(_) => Type::Bool,
        Value::Int(_) => Type::Int,
        Value::Float(_) => Type::Float,
        Value::String(text) if text.contains('\n') => Type::Text,
        Value::String(_) => Type::String,
        Value::Duration(_) => Type::Duration,
        Value::Size(_) => Type::Size,
        Value::Percent(_) => Type::Percent,
        Value::File(_) => Type::File,
        Value::Folder(_) => Type::Folder,
        Value::Script(_) => Type::Script,
        Value::Host(_) => Type::Host,
        Value::Hosts(_) => Type::Hosts(None),
        Value::List(items) => Type::List(Box::new(type_of_items(items))),
        Value::Record(fields) => Type::Record(
            fields.iter().map(|(name, value)| Field { name: name.clone(), ty: type_of_value(value) }).collect(),
        ),
        Value::Secret(_) => Type::Secret(Box::new(Type::String)),
    }
}

/// What all have in common; unknown where that is nothing.
fn type_of_items(items: &[Value]) -> Type {
    let types = items.iter().map(|item| Some(type_of_value(item)));
    types.reduce(|before, each| join(&before?, &each?)).flatten().unwrap_or(Type::Error)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As data has them: a program's own lists are judged where they are written.
    #[test]
    fn items_of_several_types_are_of_none_that_is_known() {
        let (one, text) = (Value::Int(1), Value::string("a"));
        let none = Type::List(Box::new(Type::Error));
        for (items, expected) in [
            (vec![], none.clone()),
            (vec![one.clone(), text.clone()], none.clone()),
            (vec![one.clone(), text.clone(), one.clone()], none),
            (vec![one.clone(), Value::Float(0.5)], Type::List(Box::new(Type::Float))),
            (vec![one.clone(), Value::None], Type::List(Box::new(Type::Int.optional()))),
            (vec![text.clone(), text], Type::List(Box::new(Type::String))),
        ] {
            assert_eq!(type_of_value(&Value::List(items.clone())), expected, "{items:?}");
        }
    }
}
