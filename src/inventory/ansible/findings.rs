//! What an import refuses, and what it leaves out: data, and prose with file and line.

use crate::base::source::{Sources, Span};
use crate::base::words;

/// Why a text is no inventory of Ansible that can be read.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Refusal {
    pub(super) span: Span,
    pub(super) what: String,
}

impl Refusal {
    pub(super) fn new(span: Span, what: impl Into<String>) -> Refusal {
        Refusal { span, what: what.into() }
    }

    pub(super) fn shown(&self, sources: &Sources) -> String {
        format!("{}: {}", place(self.span, sources), self.what)
    }
}

fn place(span: Span, sources: &Sources) -> String {
    format!("{}:{}", sources.get(span.file).path, sources.place(span).line)
}

/// Why something is not in the inventory that is written.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Reason {
    Template,
    Vaulted,
    Secret,
    /// A number that 64 bits do not hold.
    Number,
    Deep,
    /// A setting of Ansible itself.
    NotRead,
    /// A setting whose value is none; what it is.
    Not(&'static str),
    Connection(String),
    SshOptions,
    UnknownJump,
    SeveralJumps,
    HostName,
    GroupName,
    NoMapping,
    NoSection,
    Twice,
    NoOwner(&'static str),
}

impl Reason {
    fn told(&self) -> String {
        let text = match self {
            Reason::Template => "it is a template, which only a run of Ansible fills in",
            Reason::Vaulted => "it is encrypted with a vault; opsc reads secrets by `secret(…)`",
            Reason::Secret => {
                "it is or may be a secret, and an inventory holds none; opsc reads secrets by `secret(…)`"
            }
            Reason::Number => "it is a number larger than 64 bits hold",
            Reason::Deep => "it is nested too deep",
            Reason::NotRead => "it is a setting of Ansible, which nothing in opsc reads",
            Reason::Not(expected) => return format!("expected {expected}"),
            Reason::Connection(name) => {
                return format!("opsc has no connection `{name}` (ssh, winrm, local), so ssh would be tried");
            }
            Reason::SshOptions => "ssh would take it, and opsc does not",
            Reason::UnknownJump => {
                "this jump host is not in the inventory; add it under `hosts:` and name it by `jump:`"
            }
            Reason::SeveralJumps => "it goes through several hosts; give each of them the `jump:` before it",
            Reason::HostName => {
                "it cannot be a host's name in opsc: names are letters, digits and . _ - :, and start with a letter or digit"
            }
            Reason::GroupName => {
                "it cannot be a group's name in opsc: names are letters, digits and . _ - :, and start with a letter or digit"
            }
            Reason::NoMapping => "it is no group: expected a mapping with `hosts`, `children` and `vars`",
            Reason::NoSection => "a group has `hosts`, `children` and `vars` only",
            Reason::Twice => "it stands twice; the last one counts",
            Reason::NoOwner(kind) => return format!("there is no such {kind} in the inventory"),
        };
        text.to_string()
    }
}

/// The key of the inventory that names the place of what such a variable holds.
fn place_of_secret(variable: &str) -> Option<&'static str> {
    match variable {
        "ansible_password" | "ansible_ssh_password" | "ansible_ssh_pass" => Some("password"),
        "ansible_become_password" | "ansible_become_pass" | "ansible_sudo_pass" | "ansible_su_pass" => {
            Some("admin_password")
        }
        "ansible_ssh_private_key_passphrase" | "ansible_private_key_passphrase" => Some("passphrase"),
        _ => None,
    }
}

/// Everything that was left out.
#[derive(Default, Debug)]
pub(super) struct Notes {
    left: Vec<(String, Reason, String, Span)>,
}

/// Names shown of those that a thing was left out of.
const MOST_OWNERS: usize = 4;

impl Notes {
    /// `owner` is the host or the group that it would have been of; empty where it stands for itself.
    pub(super) fn leave_out(&mut self, name: &str, reason: Reason, owner: &str, span: Span) {
        self.left.push((name.to_string(), reason, owner.to_string(), span));
    }

    pub(super) fn append(&mut self, mut more: Notes) {
        self.left.append(&mut more.left);
    }

    /// One sentence for what has the same name and reason, in the order of the texts.
    pub(super) fn shown(&self, sources: &Sources) -> Vec<String> {
        let mut kinds: Vec<(&str, &Reason, Span, Vec<&str>)> = Vec::new();
        let mut known = std::collections::HashMap::new();
        for (name, reason, owner, span) in &self.left {
            let index = *known.entry((name, reason)).or_insert_with(|| {
                kinds.push((name, reason, *span, Vec::new()));
                kinds.len() - 1
            });
            if let Some((_, _, _, owners)) = kinds.get_mut(index)
                && !owner.is_empty()
                && !owners.contains(&owner.as_str())
            {
                owners.push(owner);
            }
        }
        let sentence = |(name, reason, span, owners): &(&str, &Reason, Span, Vec<&str>)| {
            let of = if owners.is_empty() {
                String::new()
            } else {
                format!(" of {}", words::join_some(owners, MOST_OWNERS))
            };
            let place_of_secret = match place_of_secret(name) {
                Some(key) => format!("; `{key}:` says where it is, such as `{key}: age:FILE/NAME`"),
                None => String::new(),
            };
            let what = if **reason == Reason::Twice { "" } else { " is left out" };
            let told = reason.told();
            format!("{}: `{}`{of}{what}: {told}{place_of_secret}", place(*span, sources), name.escape_debug())
        };
        kinds.sort_by_key(|(_, _, span, _)| *span);
        kinds.iter().map(sentence).collect()
    }
}
