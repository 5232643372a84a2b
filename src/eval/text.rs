//! Values as text: in interpolations, in script variables and in templates' simple cases.

use crate::base::words;
use crate::hir::value::Value;
use crate::hir::world::Inventory;

/// How a value reads inside a text; `None` for values that have no text (absent, secrets, records).
pub fn value_text(value: &Value, inventory: &Inventory) -> Option<String> {
    match value {
        Value::None | Value::Secret(_) | Value::Record(_) => None,
        Value::Bool(value) => Some(value.to_string()),
        Value::Int(value) => Some(value.to_string()),
        Value::Float(value) => Some(value.to_string()),
        Value::Percent(value) => Some(format!("{value}%")),
        Value::String(text) => Some(text.clone()),
        Value::Duration(milliseconds) => Some(words::duration(*milliseconds)),
        Value::Size(bytes) => Some(words::size(*bytes)),
        Value::File(file) => Some(file.path.clone()),
        Value::Folder(folder) => Some(folder.archive.path.clone()),
        Value::Script(script) => Some(script.text.clone()),
        Value::Host(host) => Some(inventory.hosts.at(*host).name.clone()),
        Value::Hosts(hosts) => {
            Some(hosts.iter().map(|host| inventory.hosts.at(*host).name.as_str()).collect::<Vec<_>>().join(", "))
        }
        Value::List(items) => {
            let items: Option<Vec<String>> = items.iter().map(|item| value_text(item, inventory)).collect();
            items.map(|items| items.join(", "))
        }
    }
}

/// A value for people: as it is written, with hosts by name.
pub fn value_shown(value: &Value, inventory: &Inventory) -> String {
    match value {
        Value::Host(_) | Value::Hosts(_) => value_text(value, inventory).unwrap_or_default(),
        Value::List(items) => {
            format!("[{}]", items.iter().map(|item| value_shown(item, inventory)).collect::<Vec<_>>().join(", "))
        }
        other => other.literal(),
    }
}
