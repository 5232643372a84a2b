//! Changes of an inventory's texts: a setting of a host, of a group or of the defaults, a new host, a host less. Only the
//! lines concerned change; whoever writes them loads what comes out first.

use super::ranges::expand;
use super::splice::{Act, splice, written};
use super::yaml::{self, Kind, Node};
use crate::base::ids::FileId;
use crate::base::near::nearest;
use crate::base::source::{Sources, Span};
use crate::hir::world::LOCALHOST;

/// Whose setting it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Of {
    Host,
    Group,
    Defaults,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// `key` is a setting, `tags.KEY` or `vars.KEY`; without a value, the level no longer says it.
    Set { of: Option<Of>, name: String, key: String, value: Option<String> },
    /// Settings as pairs of key and value.
    Add { host: String, settings: Vec<(String, String)>, groups: Vec<String> },
    /// Out of one group, or out of the inventory.
    Remove { host: String, group: Option<String> },
}

/// Why a change is not made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    pub reason: String,
    pub hint: Option<String>,
}

impl Refusal {
    fn new(reason: String, hint: &str) -> Refusal {
        Refusal { reason, hint: Some(hint.to_string()) }
    }
}

/// The texts that are others after the change. `chosen` is the file that new entries go to, where several could have them.
pub fn edit(
    sources: &Sources,
    files: &[FileId],
    chosen: Option<FileId>,
    change: &Change,
) -> Result<Vec<(FileId, String)>, Refusal> {
    let texts = files.iter().filter_map(|file| Text::read(sources, *file)).collect();
    let mut editor = Editor { sources, texts, chosen };
    match change {
        Change::Set { of, name, key, value } => editor.set(*of, name, key, value.as_deref())?,
        Change::Add { host, settings, groups } => editor.add(host, settings, groups)?,
        Change::Remove { host, group } => editor.remove(host, group.as_deref())?,
    }
    let changed = editor.texts.into_iter().filter(|text| text.text != sources.get(text.file).text);
    Ok(changed.map(|text| (text.file, text.text)).collect())
}

/// One file, as far as it is changed already.
struct Text {
    file: FileId,
    text: String,
    document: Option<Node>,
}

impl Text {
    /// A file that is not read has been reported when the inventory was loaded.
    fn read(sources: &Sources, file: FileId) -> Option<Text> {
        let text = sources.get(file).text.clone();
        let document = yaml::parse(&text, file).ok()?;
        Some(Text { file, text, document })
    }

    /// The keys below `hosts` or `groups` with their places.
    fn entries(&self, section: &str) -> Vec<(&str, Span, &Node)> {
        let Some(Kind::Mapping(sections)) = self.document.as_ref().map(|document| &document.kind) else {
            return Vec::new();
        };
        let found = sections.iter().find(|(key, _)| key.text == section);
        let Some(Kind::Mapping(entries)) = found.map(|(_, node)| &node.kind) else { return Vec::new() };
        entries.iter().map(|(key, node)| (key.text.as_str(), key.span, node)).collect()
    }

    fn has_section(&self, section: &str) -> bool {
        let Some(Kind::Mapping(sections)) = self.document.as_ref().map(|document| &document.kind) else { return false };
        sections.iter().any(|(key, _)| key.text == section)
    }

    /// The hosts that a group names itself, as written.
    fn members(&self, group: &str) -> Vec<(String, Span)> {
        let found = self.entries("groups").into_iter().find(|(name, _, _)| *name == group);
        let Some(Kind::Mapping(keys)) = found.map(|(_, _, node)| &node.kind) else { return Vec::new() };
        let Some((_, list)) = keys.iter().find(|(key, _)| key.text == "hosts") else { return Vec::new() };
        let Kind::List(items) = &list.kind else { return Vec::new() };
        items.iter().map(|item| (member(item), item.span)).collect()
    }
}

fn member(item: &Node) -> String {
    item.value().as_str().map_or_else(|| item.value().literal(), str::to_string)
}

/// Whether a name as written stands for a host among others.
fn holds(pattern: &str, host: &str) -> bool {
    pattern != host && pattern.contains('[') && expand(pattern).is_ok_and(|names| names.iter().any(|name| name == host))
}

struct Editor<'s> {
    sources: &'s Sources,
    texts: Vec<Text>,
    chosen: Option<FileId>,
}

impl Editor<'_> {
    fn set(&mut self, of: Option<Of>, name: &str, key: &str, value: Option<&str>) -> Result<(), Refusal> {
        let of = self.of(of, name)?;
        let (index, above) = match of {
            Of::Host => (self.file_of_host(name)?, vec!["hosts", name]),
            Of::Group => (self.file_of_group(name)?, vec!["groups", name]),
            Of::Defaults => (self.file_for("defaults", "the defaults")?, vec!["defaults"]),
        };
        let path: Vec<&str> = above.into_iter().chain(path_of(key)).collect();
        let Some(value) = value else {
            let says_it = self.texts.get(index).is_some_and(|text| is_there(text, &path));
            if !says_it {
                let hint = "`opsc inv show HOST --explain` shows which level says it";
                return Err(Refusal::new(format!("`{name}` itself does not say `{key}`"), hint));
            }
            return self.apply(index, &path, &Act::Remove);
        };
        self.apply(index, &path, &Act::Put(written(value)))
    }

    fn add(&mut self, host: &str, settings: &[(String, String)], groups: &[String]) -> Result<(), Refusal> {
        for name in expand(host).unwrap_or_default() {
            if let Some((_, span)) = self.entry_of(&name, |_| true).or_else(|| self.mention(&name)) {
                let reason = format!("`{name}` is there already, in {}", self.place(span));
                return Err(Refusal::new(reason, "`opsc inv set HOST KEY VALUE` changes it"));
            }
        }
        let with_groups = groups.iter().map(|group| Ok((self.file_of_group(group)?, group)));
        let with_groups = with_groups.collect::<Result<Vec<_>, Refusal>>()?;
        for (index, group) in with_groups {
            self.apply(index, &["groups", group, "hosts"], &Act::Append(written_name(host)))?;
        }
        if settings.is_empty() && !groups.is_empty() {
            return Ok(());
        }
        let index = self.file_for("hosts", host)?;
        if settings.is_empty() {
            return self.apply(index, &["hosts", host], &Act::Put("{}".to_string()));
        }
        for (key, value) in settings {
            let path: Vec<&str> = ["hosts", host].into_iter().chain(path_of(key)).collect();
            self.apply(index, &path, &Act::Put(written(value)))?;
        }
        Ok(())
    }

    fn remove(&mut self, host: &str, group: Option<&str>) -> Result<(), Refusal> {
        if let Some(group) = group {
            self.file_of_group(group)?;
        } else {
            self.refuse_entry_of_range(host)?;
        }
        let mut found = false;
        for index in 0..self.texts.len() {
            for (name, position) in self.memberships(index, host, group)? {
                found = true;
                self.apply(index, &["groups", &name, "hosts"], &Act::Take(position))?;
            }
            let is_entry = |text: &Text| text.entries("hosts").iter().any(|(name, _, _)| *name == host);
            if group.is_none() && self.texts.get(index).is_some_and(is_entry) {
                found = true;
                self.apply(index, &["hosts", host], &Act::Remove)?;
            }
        }
        match group {
            _ if found => Ok(()),
            Some(group) => Err(Refusal::new(
                format!("the group `{group}` does not name `{host}` itself"),
                "`opsc inv show HOST` shows its groups; a group may have it from one that it holds",
            )),
            None => Err(self.unknown(host, "host")),
        }
    }

    /// Groups of one file that name a host, each with the position in its list; the last of a list first.
    fn memberships(&self, index: usize, host: &str, only: Option<&str>) -> Result<Vec<(String, usize)>, Refusal> {
        let Some(text) = self.texts.get(index) else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for (group, _, _) in text.entries("groups") {
            if only.is_some_and(|only| only != group) {
                continue;
            }
            for (position, (pattern, span)) in text.members(group).into_iter().enumerate().rev() {
                if holds(&pattern, host) {
                    return Err(self.part_of(host, &pattern, span));
                }
                if pattern == host {
                    found.push((group.to_string(), position));
                }
            }
        }
        Ok(found)
    }

    fn part_of(&self, host: &str, pattern: &str, span: Span) -> Refusal {
        let reason =
            format!("`{host}` is a part of `{pattern}` in {}; a range is not edited in part", self.place(span));
        Refusal::new(reason, "write the range as several there, then try again")
    }

    fn refuse_entry_of_range(&self, host: &str) -> Result<(), Refusal> {
        match self.entry_of(host, |pattern| pattern != host) {
            Some((pattern, span)) => Err(self.part_of(host, &pattern, span)),
            None => Ok(()),
        }
    }

    /// The entry below `hosts:` that is about a host, by its name or by a range, and whose key is as wished.
    fn entry_of(&self, host: &str, wished: impl Fn(&str) -> bool) -> Option<(String, Span)> {
        let entries = self.texts.iter().flat_map(|text| text.entries("hosts"));
        let mut about = entries.filter(|(name, _, _)| *name == host || holds(name, host));
        about.find(|(name, _, _)| wished(name)).map(|(name, span, _)| (name.to_string(), span))
    }

    /// The first group's list that names a host, alone or in a range.
    fn mention(&self, host: &str) -> Option<(String, Span)> {
        let lists = self.texts.iter().flat_map(|text| {
            let groups = text.entries("groups").into_iter();
            groups.flat_map(|(group, _, _)| text.members(group))
        });
        lists.into_iter().find(|(pattern, _)| pattern == host || holds(pattern, host))
    }

    fn of(&self, of: Option<Of>, name: &str) -> Result<Of, Refusal> {
        let is_group = self.texts.iter().any(|text| text.entries("groups").iter().any(|(group, _, _)| *group == name));
        let is_host = name == LOCALHOST || self.entry_of(name, |_| true).or_else(|| self.mention(name)).is_some();
        match (of, is_host, is_group) {
            (Some(Of::Host), false, _) => Err(self.unknown(name, "host")),
            (Some(Of::Group), _, false) => Err(self.unknown(name, "group")),
            (Some(of), _, _) => Ok(of),
            (None, true, true) => {
                let reason = format!("`{name}` is a host and a group");
                Err(Refusal::new(reason, "say which is meant: `--of host` or `--of group`"))
            }
            (None, true, false) => Ok(Of::Host),
            (None, false, true) => Ok(Of::Group),
            (None, false, false) if name == "defaults" => Ok(Of::Defaults),
            (None, false, false) => Err(self.unknown(name, "host or group")),
        }
    }

    fn unknown(&self, name: &str, kind: &str) -> Refusal {
        let mut known: Vec<String> = Vec::new();
        for text in &self.texts {
            if kind.contains("group") {
                known.extend(text.entries("groups").iter().map(|(group, _, _)| (*group).to_string()));
            }
            if kind.contains("host") {
                let of_groups = text.entries("groups").into_iter().flat_map(|(group, _, _)| text.members(group));
                let own = text.entries("hosts").into_iter().map(|(host, _, _)| host.to_string());
                known.extend(own.chain(of_groups.map(|(pattern, _)| pattern)));
            }
        }
        let near = nearest(name, known.iter().map(String::as_str));
        let hint = near.map(|near| format!("did you mean `{near}`?"));
        Refusal { reason: format!("there is no {kind} `{name}`"), hint }
    }

    /// The file whose `hosts:` has an entry of the host; else the one that is to have it.
    fn file_of_host(&self, host: &str) -> Result<usize, Refusal> {
        self.refuse_entry_of_range(host)?;
        let has = |text: &Text| text.entries("hosts").iter().any(|(name, _, _)| *name == host);
        if let Some(index) = self.texts.iter().position(has) {
            return Ok(index);
        }
        let mentions = |text: &&Text| {
            let groups = text.entries("groups").into_iter();
            groups.flat_map(|(group, _, _)| text.members(group)).any(|(name, _)| name == host || holds(&name, host))
        };
        let files: Vec<FileId> = self.texts.iter().filter(mentions).map(|text| text.file).collect();
        match (self.chosen, files.as_slice()) {
            (None, [only]) => self.index_of(*only, host),
            _ => self.file_for("hosts", host),
        }
    }

    fn file_of_group(&self, group: &str) -> Result<usize, Refusal> {
        let has = |text: &Text| text.entries("groups").iter().any(|(name, _, _)| *name == group);
        self.texts.iter().position(has).ok_or_else(|| self.unknown(group, "group"))
    }

    /// Where something new goes: the file that was chosen, the only one, or the only one that has such things.
    fn file_for(&self, section: &str, what: &str) -> Result<usize, Refusal> {
        let all: Vec<FileId> = self.texts.iter().map(|text| text.file).collect();
        let having: Vec<FileId> =
            self.texts.iter().filter(|text| text.has_section(section)).map(|text| text.file).collect();
        match (self.chosen.as_ref(), all.as_slice(), having.as_slice()) {
            (Some(file), _, _) | (None, [file], _) | (None, _, [file]) => self.index_of(*file, what),
            _ => Err(self.several(what, if having.is_empty() { &all } else { &having })),
        }
    }

    fn index_of(&self, file: FileId, what: &str) -> Result<usize, Refusal> {
        self.texts.iter().position(|text| text.file == file).ok_or_else(|| self.several(what, &[]))
    }

    fn several(&self, what: &str, files: &[FileId]) -> Refusal {
        let names: Vec<&str> = files.iter().map(|file| self.sources.get(*file).path.as_str()).collect();
        let reason = format!("several files could have {what}: {}", names.join(", "));
        Refusal::new(reason, "name one with `--file FILE`")
    }

    fn place(&self, span: Span) -> String {
        format!("{}:{}", self.sources.get(span.file).path, self.sources.place(span).line)
    }

    fn apply(&mut self, index: usize, path: &[&str], act: &Act) -> Result<(), Refusal> {
        let path_shown = path.join(".");
        let Some(text) = self.texts.get_mut(index) else { return Ok(()) };
        let spliced = splice(&text.text, path, act);
        let document = spliced.as_ref().and_then(|spliced| yaml::parse(spliced, text.file).ok());
        if let (Some(spliced), Some(document)) = (spliced, document) {
            text.text = spliced;
            text.document = document;
            return Ok(());
        }
        let file = &self.sources.get(text.file).path;
        let reason =
            format!("`{path_shown}` in {file} is written in a way that cannot be changed without touching more");
        Err(Refusal::new(reason, "change it there by hand"))
    }
}

fn is_there(text: &Text, path: &[&str]) -> bool {
    let mut node = text.document.as_ref();
    for name in path {
        let Some(Kind::Mapping(entries)) = node.map(|node| &node.kind) else { return false };
        node = entries.iter().find(|(key, _)| key.text == *name).map(|(_, node)| node);
    }
    node.is_some()
}

/// `tags.env` is an entry of `tags`; what follows the first dot is one key.
fn path_of(key: &str) -> Vec<&str> {
    match key.split_once('.') {
        Some((kind @ ("tags" | "vars"), key)) => vec![kind, key],
        _ => vec![key],
    }
}

/// A host's name as an item: `10` is a name, and stays a text.
fn written_name(host: &str) -> String {
    let typed = written(host);
    if typed.starts_with(['[', '{']) { format!("\"{host}\"") } else { typed }
}
