//! Host sets and what can be asked of a host. Sets are kept in inventory order, without repeats.

use crate::base::ids::HostId;
use crate::hir::value::Value;
use crate::hir::world::{Host, Inventory};

/// Inventory order, each host once.
pub fn canonical(mut hosts: Vec<HostId>) -> Vec<HostId> {
    hosts.sort_unstable();
    hosts.dedup();
    hosts
}

pub fn tagged(inventory: &Inventory, key: &str, value: Option<&Value>) -> Vec<HostId> {
    let carries = |host: &Host| {
        host.tags.iter().any(|(tag, found)| tag == key && value.map_or(is_set(found), |wanted| same_tag(wanted, found)))
    };
    inventory.hosts.iter().filter(|(_, host)| carries(host)).map(|(id, _)| id).collect()
}

/// `tag("frozen")` means hosts where the tag is there and not `false`.
fn is_set(value: &Value) -> bool {
    !matches!(value, Value::Bool(false) | Value::None)
}

/// Tags come from YAML, where `1` is a number and `prod` a text; both are asked for as text.
fn same_tag(wanted: &Value, found: &Value) -> bool {
    wanted == found
        || match (wanted, found) {
            (Value::String(wanted), Value::Int(found)) => *wanted == found.to_string(),
            (Value::String(wanted), Value::Bool(found)) => *wanted == found.to_string(),
            _ => false,
        }
}

/// A member of `host`; absent where the inventory does not say.
pub fn host_field(inventory: &Inventory, id: HostId, field: &str) -> Value {
    let host = inventory.hosts.at(id);
    match field {
        "name" => Value::string(&host.name),
        "address" => Value::string(&host.address),
        "os" => host.os.map_or(Value::None, |os| Value::string(os.name())),
        "port" => host.connection.port.map_or(Value::None, |port| Value::Int(i64::from(port))),
        "user" => host.connection.user.as_ref().map_or(Value::None, Value::string),
        "groups" => Value::List(host.groups.iter().map(Value::string).collect()),
        "tags" => Value::Record(host.tags.clone()),
        "vars" => Value::Record(host.vars.clone()),
        _ => Value::None,
    }
}

/// A member of a host set.
pub fn hosts_field(inventory: &Inventory, hosts: &[HostId], field: &str) -> Value {
    let each = |pick: fn(&Host) -> &String| {
        Value::List(hosts.iter().map(|id| Value::string(pick(inventory.hosts.at(*id)))).collect())
    };
    match field {
        "count" => Value::Int(i64::try_from(hosts.len()).unwrap_or(i64::MAX)),
        "names" => each(|host| &host.name),
        "addresses" => each(|host| &host.address),
        _ => Value::None,
    }
}
