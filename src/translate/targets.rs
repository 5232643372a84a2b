//! Phrases for hosts: groups, hosts, tag values and systems of the inventory, alone or together. A name that the
//! inventory does not have is never taken for another.

use super::tokens::{Token, TokenKind};
use crate::base::ids::HostId;
use crate::eval::hosts::{canonical, tagged};
use crate::hir::types::Os;
use crate::hir::value::Value;
use crate::hir::world::Inventory;

/// A set of hosts as it was named.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// In the language: `group("web")`.
    pub source: String,
    /// The name by itself: `web`.
    pub label: String,
    /// One host rather than a set.
    pub is_host: bool,
    /// Its hosts today; they decide only the parameter's type.
    pub hosts: Vec<HostId>,
}

pub const NOUNS: &[&str] =
    &["server", "servers", "host", "hosts", "machine", "machines", "node", "nodes", "box", "boxes"];
const EVERY: &[&str] = &["all", "every", "each"];

/// Host phrases at a place of a request.
#[derive(Clone, Copy)]
pub struct Phrases<'a> {
    pub tokens: &'a [Token],
    pub inventory: &'a Inventory,
}

impl Phrases<'_> {
    fn word(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| token.word.as_str())
    }

    fn skip(&self, at: usize, words: &[&str]) -> usize {
        if words.contains(&self.word(at)) { at + 1 } else { at }
    }

    /// `all servers`, `the web servers and db1`, `prod machines`, `this machine`: the sets, and how many tokens.
    pub fn read(&self, at: usize) -> Option<(usize, Vec<Target>)> {
        if self.word(at) == "this" && ["machine", "host", "computer"].contains(&self.word(at + 1)) {
            return Some((2, vec![self.host("localhost")?]));
        }
        let next = self.skip(self.skip(self.skip(at, EVERY), &["of"]), &["the"]);
        if EVERY.contains(&self.word(at)) && NOUNS.contains(&self.word(next)) {
            let (length, tag) = self.tagged(next + 1).unwrap_or((0, self.all()));
            return Some((next + 1 + length - at, vec![tag]));
        }
        if NOUNS.contains(&self.word(next)) {
            let (length, tag) = self.tagged(next + 1)?;
            return Some((next + 1 + length - at, vec![tag]));
        }
        let (targets, end) = self.several(next);
        (!targets.is_empty()).then(|| (end - at, targets))
    }

    /// `web`, `web and db servers`, `the web servers and db1`.
    fn several(&self, at: usize) -> (Vec<Target>, usize) {
        let mut targets = Vec::new();
        let mut end = at;
        let mut next = at;
        while let Some((length, target)) = self.one(self.skip(next, &["the"])) {
            targets.push(target);
            end = self.skip(self.skip(next, &["the"]) + length, NOUNS);
            next = end;
            while ["and", ","].contains(&self.word(next)) {
                next += 1;
            }
            if next == end {
                break;
            }
        }
        (targets, end)
    }

    /// A name, or a tag's value or a system before a noun or a name: `prod servers`, `prod web servers`.
    fn one(&self, at: usize) -> Option<(usize, Target)> {
        if let Some(named) = self.named(at) {
            return Some((1, named));
        }
        let kind = self.system(at).or_else(|| self.tag_value(at))?;
        if let Some(named) = self.named(at + 1) {
            return Some((2, both(&kind, &named)));
        }
        NOUNS.contains(&self.word(at + 1)).then_some((1, kind))
    }

    fn named(&self, at: usize) -> Option<Target> {
        let token = self.tokens.get(at)?;
        [&token.text, &token.word].into_iter().find_map(|name| self.group(name).or_else(|| self.host(name)))
    }

    fn group(&self, name: &str) -> Option<Target> {
        let group = self.inventory.group(name)?;
        let source = format!("group({})", Value::string(name).literal());
        Some(Target { source, label: name.to_string(), is_host: false, hosts: group.hosts.clone() })
    }

    fn host(&self, name: &str) -> Option<Target> {
        let host = self.inventory.host(name)?;
        let source = format!("host({})", Value::string(name).literal());
        Some(Target { source, label: name.to_string(), is_host: true, hosts: vec![host] })
    }

    pub fn all(&self) -> Target {
        let hosts = self.inventory.all();
        Target { source: "all()".to_string(), label: "all".to_string(), is_host: false, hosts }
    }

    fn system(&self, at: usize) -> Option<Target> {
        let os = [Os::Linux, Os::Windows, Os::Darwin].into_iter().find(|os| os.name() == self.word(at))?;
        let hosts = self.inventory.hosts.iter().filter(|(_, host)| host.os == Some(os)).map(|(id, _)| id).collect();
        let source = format!("(all() where host.os == \"{}\")", os.name());
        Some(Target { source, label: os.name().to_string(), is_host: false, hosts })
    }

    /// A word that is the value of exactly one tag.
    fn tag_value(&self, at: usize) -> Option<Target> {
        let token = self.tokens.get(at).filter(|token| token.kind == TokenKind::Word)?;
        let value = Value::string(&token.word);
        let mut keys: Vec<&str> = Vec::new();
        for host in self.inventory.hosts.values() {
            keys.extend(host.tags.iter().filter(|(_, found)| *found == value).map(|(key, _)| key.as_str()));
        }
        keys.sort_unstable();
        keys.dedup();
        match keys.as_slice() {
            [key] => Some(self.tag(key, Some(&token.word))),
            _ => None,
        }
    }

    /// `tagged env=prod`, `with tag frozen`.
    fn tagged(&self, at: usize) -> Option<(usize, Target)> {
        let start = match (self.word(at), self.word(at + 1)) {
            ("tagged", "with" | "as") | ("with", "tag") | ("with", "the") => at + 2,
            ("tagged", _) => at + 1,
            _ => return None,
        };
        let start = self.skip(start, &["tag"]);
        let text = &self.tokens.get(start)?.text;
        let (key, value) = text.split_once(['=', ':']).map_or((text.as_str(), None), |(key, value)| (key, Some(value)));
        let is_known = self.inventory.hosts.values().any(|host| host.tags.iter().any(|(tag, _)| tag == key));
        is_known.then(|| (start + 1 - at, self.tag(key, value)))
    }

    fn tag(&self, key: &str, value: Option<&str>) -> Target {
        let wanted = value.map(Value::string);
        let hosts = tagged(self.inventory, key, wanted.as_ref());
        let source = match &wanted {
            Some(wanted) => format!("tag({}, {})", Value::string(key).literal(), wanted.literal()),
            None => format!("tag({})", Value::string(key).literal()),
        };
        Target { source, label: value.unwrap_or(key).to_string(), is_host: false, hosts }
    }
}

fn both(kind: &Target, named: &Target) -> Target {
    Target {
        source: format!("({} & {})", named.source, kind.source),
        label: format!("{}_{}", kind.label, named.label),
        is_host: false,
        hosts: named.hosts.iter().copied().filter(|host| kind.hosts.contains(host)).collect(),
    }
}

/// The parameter that stands for some targets without others: name, type, default.
pub fn parameter(targets: &[Target], except: &[Target], inventory: &Inventory) -> (String, &'static str, String) {
    let sources: Vec<&str> = targets.iter().map(|target| target.source.as_str()).collect();
    let without: String = except.iter().map(|target| format!(" - {}", target.source)).collect();
    let hosts = canonical(targets.iter().flat_map(|target| target.hosts.iter().copied()).collect());
    let all = |os: Os| hosts.iter().all(|host| inventory.hosts.at(*host).os == Some(os));
    let ty = match targets {
        [only] if only.is_host && except.is_empty() => "host",
        _ if all(Os::Linux) => "hosts<linux>",
        _ if all(Os::Windows) => "hosts<windows>",
        _ => "hosts",
    };
    let name = match targets {
        [only] => identifier(&only.label),
        _ => None,
    };
    (name.unwrap_or_else(|| "targets".to_string()), ty, sources.join(" + ") + &without)
}

/// A label as a name of the language; none where it would be a word of it.
pub fn identifier(label: &str) -> Option<String> {
    const RESERVED: &[&str] =
        &["on", "at", "host", "it", "all", "if", "else", "for", "in", "let", "true", "false", "none"];
    let lower = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '_' };
    let written: String = label.chars().map(lower).collect();
    let fine =
        written.starts_with(|letter: char| letter.is_ascii_alphabetic()) && !RESERVED.contains(&written.as_str());
    fine.then_some(written)
}
