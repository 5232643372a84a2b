//! `-l`: names, globs and comma lists over hosts and groups; `!name` leaves out.

use std::fmt;

use crate::base::glob;
use crate::base::ids::HostId;
use crate::base::near::nearest;
use crate::eval::hosts::canonical;
use crate::hir::world::Inventory;

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LimitError {
    Unknown {
        name: String,
        near: Option<String>,
    },
    /// As other tools call every host.
    All,
    NothingMatches {
        pattern: String,
    },
    /// No name at all: an empty variable of a script must never mean every host.
    Nothing,
    Empty,
}

impl fmt::Display for LimitError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LimitError::Unknown { name, near: Some(near) } => {
                write!(formatter, "there is no host or group `{name}`; did you mean `{near}`?")
            }
            LimitError::Unknown { name, near: None } => write!(formatter, "there is no host or group `{name}`"),
            LimitError::All => formatter.write_str(
                "there is no host or group `all`; `-l` takes names, globs (`web*`), comma lists, `!name` and selectors, of \
                 which `all()` is every host, and a playbook without `-l` runs on all hosts that it names",
            ),
            LimitError::NothingMatches { pattern } => write!(formatter, "no host or group is like `{pattern}`"),
            LimitError::Nothing => formatter.write_str("it names no host"),
            LimitError::Empty => formatter.write_str("nothing is left"),
        }
    }
}

/// The hosts that a limit names, in inventory order.
pub fn limit(text: &str, inventory: &Inventory) -> Result<Vec<HostId>, LimitError> {
    let parts: Vec<&str> = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
    let (without, with): (Vec<&str>, Vec<&str>) = parts.iter().partition(|part| part.starts_with('!'));
    if parts.is_empty() {
        return Err(LimitError::Nothing);
    }
    let mut chosen = Vec::new();
    for part in &with {
        chosen.extend(matching(part, inventory)?);
    }
    if with.is_empty() {
        chosen.extend(inventory.all());
    }
    for part in &without {
        let left_out = matching(part.trim_start_matches('!'), inventory)?;
        chosen.retain(|host| !left_out.contains(host));
    }
    let chosen = canonical(chosen);
    if chosen.is_empty() { Err(LimitError::Empty) } else { Ok(chosen) }
}

fn matching(pattern: &str, inventory: &Inventory) -> Result<Vec<HostId>, LimitError> {
    if !pattern.contains(['*', '?']) {
        return exact(pattern, inventory);
    }
    let hosts = inventory.hosts.iter().filter(|(_, host)| matches_glob(pattern, &host.name)).map(|(id, _)| id);
    let groups = inventory
        .groups
        .iter()
        .filter(|group| matches_glob(pattern, &group.name))
        .flat_map(|group| group.hosts.clone());
    let found: Vec<HostId> = hosts.chain(groups).collect();
    if found.is_empty() { Err(LimitError::NothingMatches { pattern: pattern.to_string() }) } else { Ok(found) }
}

fn exact(name: &str, inventory: &Inventory) -> Result<Vec<HostId>, LimitError> {
    let host = inventory.host(name).map(|host| vec![host]);
    let group = || inventory.group(name).map(|group| group.hosts.clone());
    host.or_else(group).ok_or_else(|| {
        if name == "all" {
            return LimitError::All;
        }
        let hosts = inventory.hosts.values().map(|host| host.name.as_str());
        let known = hosts.chain(inventory.groups.iter().map(|group| group.name.as_str()));
        LimitError::Unknown { name: name.to_string(), near: nearest(name, known).map(str::to_string) }
    })
}

/// `*` is any text, `?` one character.
fn matches_glob(pattern: &str, name: &str) -> bool {
    let letters = |text: &str| text.chars().collect::<Vec<char>>();
    glob::matches(&letters(pattern), &letters(name), ('*', '?'))
}

#[cfg(test)]
mod tests {
    use super::matches_glob;

    #[test]
    fn globs_match_whole_names() {
        for (pattern, name, expected) in [
            ("web*", "web12", true),
            ("web?", "web1", true),
            ("web?", "web12", false),
            ("*b*2", "web12", true),
            ("db", "db1", false),
        ] {
            assert_eq!(matches_glob(pattern, name), expected, "{pattern} {name}");
        }
    }
}
