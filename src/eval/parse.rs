//! Texts from outside as values of a type: `-e k=v`, `--var-file`, fields that a script reported.

use std::fmt;

use super::fits::{Misfit, fits};
use super::hosts::canonical;
use crate::base::near::nearest;
use crate::hir::folder::FolderFault;
use crate::hir::types::{Field, Type};
use crate::hir::value::Value;
use crate::hir::world::Inventory;

#[derive(Clone, PartialEq, Debug)]
pub enum InputError {
    NotReadable {
        text: String,
        ty: String,
    },
    Misfit(Misfit),
    UnknownHost {
        name: String,
        near: Option<String>,
    },
    /// Secrets are never a flag's value.
    Secret,
    NoFile {
        path: String,
    },
    BadFolder {
        path: String,
        fault: FolderFault,
    },
    /// Scripts and records cannot be given on the command line.
    NotOnCommandLine {
        ty: String,
    },
}

impl fmt::Display for InputError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InputError::NotReadable { text, ty } => write!(formatter, "expected {ty}, found `{text}`"),
            InputError::Misfit(misfit) => misfit.fmt(formatter),
            InputError::UnknownHost { name, near: None } => {
                write!(formatter, "there is no host or group `{name}` in the inventory")
            }
            InputError::UnknownHost { name, near: Some(near) } => {
                write!(formatter, "there is no host or group `{name}` in the inventory; did you mean `{near}`?")
            }
            InputError::Secret => formatter.write_str(
                "a secret is given neither on the command line nor in a variables file; leave it to its default, such \
                 as secret(\"env:NAME\"), or without one to the question when the run starts",
            ),
            InputError::NoFile { path } => {
                write!(
                    formatter,
                    "there is no file `{path}`, here or in the project; paths outside of both are not read"
                )
            }
            InputError::BadFolder { path, fault: FolderFault::Missing } => write!(
                formatter,
                "there is no folder `{path}`, here or in the project; paths outside of both are not read"
            ),
            InputError::BadFolder { path, fault } => write!(formatter, "the folder `{path}`: {fault}"),
            InputError::NotOnCommandLine { ty } => write!(formatter, "a {ty} cannot be given on the command line"),
        }
    }
}

/// A command line text as a literal of a parameter's type: bare words are strings, lists are comma separated.
pub fn parse_input(text: &str, ty: &Type, inventory: &Inventory) -> Result<Value, InputError> {
    let value = read_input(text, ty, inventory)?;
    fits(&value, ty).map_err(InputError::Misfit)?;
    Ok(value)
}

fn read_input(text: &str, ty: &Type, inventory: &Inventory) -> Result<Value, InputError> {
    match ty {
        Type::Optional(_) if text == "none" => Ok(Value::None),
        Type::Optional(inner) => read_input(text, inner, inventory),
        Type::Refined { base, .. } => read_input(text, base, inventory),
        Type::Secret(_) => Err(InputError::Secret),
        // One that is there has become a value already.
        Type::File => Err(InputError::NoFile { path: text.to_string() }),
        Type::Folder => Err(InputError::BadFolder { path: text.to_string(), fault: FolderFault::Missing }),
        Type::Script | Type::Record(_) | Type::Map(_, _) | Type::Results(_) | Type::BlockResult => {
            Err(InputError::NotOnCommandLine { ty: ty.to_string() })
        }
        Type::Host => host_or_group(text, inventory).map(|hosts| match hosts.as_slice() {
            [only] => Value::Host(*only),
            _ => Value::Hosts(hosts),
        }),
        Type::Hosts(_) => {
            let mut hosts = Vec::new();
            for name in list_items(text) {
                hosts.extend(host_or_group(name, inventory)?);
            }
            Ok(Value::Hosts(canonical(hosts)))
        }
        Type::List(item) => list_items(text)
            .map(|each| read_input(each, item, inventory))
            .collect::<Result<Vec<_>, _>>()
            .map(Value::List),
        scalar => parse_field(text, scalar),
    }
}

/// A value of a file as one of a parameter's type: texts are read as on the command line, collections item by item.
pub fn convert_input(value: &Value, ty: &Type, inventory: &Inventory) -> Result<Value, InputError> {
    let converted = convert(value, ty, inventory)?;
    fits(&converted, ty).map_err(InputError::Misfit)?;
    Ok(converted)
}

fn convert(value: &Value, ty: &Type, inventory: &Inventory) -> Result<Value, InputError> {
    if ty.is_secret() && !value.is_none() {
        return Err(InputError::Secret);
    }
    match (value, ty.core()) {
        (Value::String(path), Type::File) => Err(InputError::NoFile { path: path.clone() }),
        (Value::String(path), Type::Folder) => {
            Err(InputError::BadFolder { path: path.clone(), fault: FolderFault::Missing })
        }
        (Value::List(items), Type::Hosts(_)) => {
            let mut hosts = Vec::new();
            for item in items {
                hosts.extend(host_or_group(item.as_str().unwrap_or_default(), inventory)?);
            }
            Ok(Value::Hosts(canonical(hosts)))
        }
        (Value::List(items), Type::List(item)) => {
            items.iter().map(|each| convert(each, item, inventory)).collect::<Result<Vec<_>, _>>().map(Value::List)
        }
        (Value::Record(fields), Type::Record(types)) => {
            let ty_of = |name: &str| types.iter().find(|field| field.name == name).map(|field| &field.ty);
            let convert = |(name, value): &(String, Value)| {
                let value = ty_of(name).map_or_else(|| Ok(value.clone()), |ty| convert(value, ty, inventory))?;
                Ok((name.clone(), value))
            };
            fields.iter().map(convert).collect::<Result<Vec<_>, _>>().map(Value::Record)
        }
        (Value::Record(fields), Type::Map(_, item)) => {
            let convert = |(name, value): &(String, Value)| Ok((name.clone(), convert(value, item, inventory)?));
            fields.iter().map(convert).collect::<Result<Vec<_>, _>>().map(Value::Record)
        }
        (Value::String(text), Type::String | Type::Text) => Ok(Value::string(text)),
        (Value::String(text), core) => read_input(text, core, inventory),
        (other, _) => Ok(other.clone()),
    }
}

fn list_items(text: &str) -> impl Iterator<Item = &str> {
    text.trim_start_matches('[').trim_end_matches(']').split(',').map(str::trim).filter(|item| !item.is_empty())
}

fn host_or_group(name: &str, inventory: &Inventory) -> Result<Vec<crate::base::ids::HostId>, InputError> {
    if let Some(host) = inventory.host(name) {
        return Ok(vec![host]);
    }
    if let Some(group) = inventory.group(name) {
        return Ok(group.hosts.clone());
    }
    let known = inventory
        .hosts
        .values()
        .map(|host| host.name.as_str())
        .chain(inventory.groups.iter().map(|group| group.name.as_str()));
    Err(InputError::UnknownHost { name: name.to_string(), near: nearest(name, known).map(str::to_string) })
}

/// What a script reported, as a value of its field's type. Optional fields read an empty text as absent.
pub fn parse_field(text: &str, ty: &Type) -> Result<Value, InputError> {
    let refuse = || InputError::NotReadable { text: text.chars().take(60).collect(), ty: ty.to_string() };
    let trimmed = text.trim();
    Ok(match ty {
        Type::Optional(_) if text.is_empty() => Value::None,
        Type::Optional(inner) => return parse_field(text, inner),
        Type::Refined { base, .. } => {
            let value = parse_field(text, base)?;
            fits(&value, ty).map_err(InputError::Misfit)?;
            value
        }
        Type::Bool => match trimmed {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => return Err(refuse()),
        },
        Type::Int => Value::Int(trimmed.parse().map_err(|_| refuse())?),
        Type::Float => Value::Float(trimmed.parse().map_err(|_| refuse())?),
        Type::Percent => Value::Percent(trimmed.trim_end_matches('%').parse().map_err(|_| refuse())?),
        Type::Duration => Value::Duration(parse_duration(trimmed).ok_or_else(refuse)?),
        Type::Size => Value::Size(parse_size(trimmed).ok_or_else(refuse)?),
        Type::List(item) => {
            Value::List(text.lines().map(|line| parse_field(line, item)).collect::<Result<Vec<_>, _>>()?)
        }
        Type::Map(_, item) => {
            let read = |(name, text): (&str, &str)| Ok((name.to_string(), parse_field(text, item)?));
            entries(text).ok_or_else(refuse)?.into_iter().map(read).collect::<Result<_, _>>().map(Value::Record)?
        }
        Type::Record(fields) => {
            let entries = entries(text).ok_or_else(refuse)?;
            let text_of = |name: &str| entries.iter().find(|(known, _)| *known == name).map(|(_, text)| *text);
            let read = |field: &Field| {
                let text = text_of(&field.name).or(field.ty.is_optional().then_some("")).ok_or_else(refuse)?;
                Ok((field.name.clone(), parse_field(text, &field.ty)?))
            };
            fields.iter().map(read).collect::<Result<_, _>>().map(Value::Record)?
        }
        Type::Union(members) => members
            .iter()
            .find(|member| member.as_str().map_or_else(|| member.literal() == trimmed, |name| name == trimmed))
            .cloned()
            .ok_or_else(|| {
                InputError::Misfit(Misfit::NotMember {
                    members: members.iter().map(Value::literal).collect(),
                    found: format!("`{trimmed}`"),
                })
            })?,
        Type::String | Type::Path | Type::Url => {
            let value = Value::string(text);
            fits(&value, ty).map_err(InputError::Misfit)?;
            value
        }
        _ => Value::string(text),
    })
}

/// `name=text`, apart by line breaks or tabs; tabs alone where they are items of a list.
fn entries(text: &str) -> Option<Vec<(&str, &str)>> {
    text.split(['\n', '\t']).filter(|entry| !entry.is_empty()).map(|entry| entry.split_once('=')).collect()
}

/// `1h30m`, `250ms`; a bare number is seconds, as scripts report them.
pub fn parse_duration(text: &str) -> Option<u64> {
    if let Ok(seconds) = text.parse::<u64>() {
        return seconds.checked_mul(1000);
    }
    parse_units(text, &[("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)])
}

/// `5MiB`; a bare number is bytes, as scripts report them.
pub fn parse_size(text: &str) -> Option<u64> {
    if let Ok(bytes) = text.parse::<u64>() {
        return Some(bytes);
    }
    parse_units(text, &[("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)])
}

fn parse_units(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let mut rest = text;
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit())?;
        let (number, tail) = rest.split_at_checked(digits)?;
        let end = tail.find(|letter: char| letter.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, next) = tail.split_at_checked(end)?;
        let size = units.iter().find(|(name, _)| *name == unit)?.1;
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(size)?)?;
        rest = next;
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_values_of_the_type_or_say_why_not() {
        let cases = [
            ("true", Type::Bool, "true"),
            ("yes", Type::Bool, "expected bool, found `yes`"),
            ("1h30m", Type::Duration, "1h30m"),
            ("90", Type::Duration, "1m30s"),
            ("5MiB", Type::Size, "5MiB"),
            ("5MB", Type::Size, "expected size, found `5MB`"),
            ("", Type::Int.optional(), "none"),
            ("7", Type::Int.optional(), "7"),
            ("a b", Type::String, "\"a b\""),
            ("a\nb", Type::List(Box::new(Type::String)), "[\"a\", \"b\"]"),
        ];
        for (text, ty, expected) in cases {
            let shown = parse_field(text, &ty).map_or_else(|error| error.to_string(), |value| value.literal());
            assert_eq!(shown, expected, "{text:?} as {ty}");
        }
    }

    #[test]
    fn maps_and_records_are_entries() {
        let field = |name: &str, ty: Type| Field { name: name.to_string(), ty };
        let hop = Type::Record(vec![field("number", Type::Int), field("address", Type::String.optional())]);
        let map = Type::Map(Box::new(Type::String), Box::new(Type::Int));
        let cases = [
            ("a=1\nb-c=2\n", map.clone(), "{ a: 1, b-c: 2 }"),
            ("", map.clone(), "{  }"),
            ("a\n", map, "expected map<string, int>, found `a\n`"),
            ("number=1\taddress=x=y", hop.clone(), "{ number: 1, address: \"x=y\" }"),
            ("address=x", hop.clone(), "expected { number: int, address: string? }, found `address=x`"),
            (
                "number=1\nnumber=2\taddress=y",
                Type::List(Box::new(hop)),
                "[{ number: 1, address: none }, { number: 2, address: \"y\" }]",
            ),
        ];
        for (text, ty, expected) in cases {
            let shown = parse_field(text, &ty).map_or_else(|error| error.to_string(), |value| value.literal());
            assert_eq!(shown, expected, "{text:?} as {ty}");
        }
    }

    #[test]
    fn command_line_values_are_typed() {
        let inventory = Inventory::default();
        let list = Type::List(Box::new(Type::Int));
        assert_eq!(parse_input("1,2", &list, &inventory), Ok(Value::List(vec![Value::Int(1), Value::Int(2)])));
        assert_eq!(parse_input("x", &Type::Secret(Box::new(Type::String)), &inventory), Err(InputError::Secret));
        assert!(parse_input("web9", &Type::Host, &inventory).is_err());
    }
}
