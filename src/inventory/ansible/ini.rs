//! The INI form: sections of hosts, of `:children` and of `:vars`. Before the first section stand hosts.

use std::collections::HashSet;

use super::findings::Refusal;
use super::tree::{Tree, UNGROUPED, Var};
use super::{literal, patterns, words};
use crate::base::ids::FileId;
use crate::base::source::Span;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Hosts,
    Children,
    Vars,
}

pub(super) fn read(text: &str, file: FileId, tree: &mut Tree) -> Result<(), Refusal> {
    let known = (0..tree.groups.len()).collect();
    let mut reader = Reader { tree, group: UNGROUPED, section: Section::Hosts, declared: known, awaited: Vec::new() };
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        let inner = line.trim();
        let start = offset + (line.len() - line.trim_start().len());
        offset += line.len();
        if !inner.is_empty() && !inner.starts_with(['#', ';']) {
            reader.line(inner, Span::new(file, start, start + inner.len()))?;
        }
    }
    reader.finish()
}

struct Reader<'a> {
    tree: &'a mut Tree,
    group: usize,
    section: Section,
    /// Groups with a section of hosts or children; variables alone make none.
    declared: HashSet<usize>,
    awaited: Vec<(usize, Span)>,
}

impl Reader<'_> {
    fn line(&mut self, line: &str, span: Span) -> Result<(), Refusal> {
        if let Some((name, kind)) = section_name(line) {
            return self.open(name, kind, span);
        }
        if line.starts_with('[') && line.ends_with(']') {
            let what = "expected a section: `[group]`, `[group:children]` or `[group:vars]`, without spaces";
            return Err(Refusal::new(span, what));
        }
        match self.section {
            Section::Hosts => self.hosts(line, span),
            Section::Children => self.child(line, span),
            Section::Vars => self.var(line, span),
        }
    }

    fn open(&mut self, name: &str, kind: Option<&str>, span: Span) -> Result<(), Refusal> {
        self.section = match kind {
            None | Some("hosts") => Section::Hosts,
            Some("children") => Section::Children,
            Some("vars") => Section::Vars,
            Some(other) => {
                let other = other.escape_debug();
                return Err(Refusal::new(
                    span,
                    format!("a section is of hosts, `children` or `vars`, found `{other}`"),
                ));
            }
        };
        self.group = self.tree.add_group(name, span);
        if self.section == Section::Vars {
            self.awaited.push((self.group, span));
        } else {
            self.declared.insert(self.group);
        }
        Ok(())
    }

    fn hosts(&mut self, line: &str, span: Span) -> Result<(), Refusal> {
        let words = words::split(line, true).map_err(|reason| Refusal::new(span, reason))?;
        let Some((pattern, pairs)) = words.split_first() else { return Ok(()) };
        let mut vars = Vec::new();
        for pair in pairs {
            let Some((name, value)) = pair.split_once('=') else {
                // Not what was found: it may be the end of a password.
                let what = "expected variables as `name=value` after the host; values with blanks stand in quotes";
                return Err(Refusal::new(span, what));
            };
            vars.push((name.to_string(), Var { value: literal::value(value), span }));
        }
        let hosts = patterns::hosts(pattern).map_err(|reason| Refusal::new(span, reason))?;
        if pattern.ends_with(':') || pattern.is_empty() {
            return Err(Refusal::new(
                span,
                format!("`{}` is no host: a port follows the colon", pattern.escape_debug()),
            ));
        }
        if pattern == "---" {
            return Err(Refusal::new(span, "`---` begins YAML; name the file `.yml`"));
        }
        self.tree.add_hosts(hosts, self.group, &vars, span)
    }

    fn child(&mut self, line: &str, span: Span) -> Result<(), Refusal> {
        let name = line.split('#').next().unwrap_or(line).trim_end();
        if name.is_empty() || name.contains([':', ']']) || name.contains(char::is_whitespace) {
            return Err(Refusal::new(span, format!("expected the name of a group, found `{}`", line.escape_debug())));
        }
        let child = self.tree.add_group(name, span);
        self.tree.add_child(self.group, child);
        self.awaited.push((child, span));
        Ok(())
    }

    fn var(&mut self, line: &str, span: Span) -> Result<(), Refusal> {
        let Some((name, value)) = line.split_once('=') else {
            return Err(Refusal::new(span, "expected a variable as `name=value`"));
        };
        let value = literal::value(value.trim());
        self.tree.set_of_group(self.group, name.trim(), Var { value, span });
        Ok(())
    }

    fn finish(self) -> Result<(), Refusal> {
        match self.awaited.iter().find(|(group, _)| !self.declared.contains(group)) {
            None => Ok(()),
            Some((group, span)) => {
                let name = self.tree.groups.get(*group).map_or("", |group| group.name.as_str()).escape_debug();
                Err(Refusal::new(
                    *span,
                    format!("there is no group `{name}`: no section `[{name}]` or `[{name}:children]`"),
                ))
            }
        }
    }
}

/// `[web:vars] # words` as `web` and `vars`.
fn section_name(line: &str) -> Option<(&str, Option<&str>)> {
    let (inner, after) = line.strip_prefix('[')?.split_once(']')?;
    let after = after.trim_start();
    if inner.contains(char::is_whitespace) || !(after.is_empty() || after.starts_with('#')) {
        return None;
    }
    let (name, kind) = inner.split_once(':').map_or((inner, None), |(name, kind)| (name, Some(kind)));
    let is_word = |kind: &str| !kind.is_empty() && kind.chars().all(|letter| letter.is_alphanumeric() || letter == '_');
    (!name.is_empty() && kind.is_none_or(is_word)).then_some((name, kind))
}
