//! Several texts → one inventory: groups of groups resolved, settings merged from the lowest level to the highest
//! (defaults < groups, outer to inner < host).

use std::collections::{BTreeMap, HashMap};

use super::declared::{DeclaredVar, type_vars};
use super::errors::InventoryError;
use super::jumps::{jump, loop_of};
use super::raw::{Raw, RawGroup, RawHost, Settings};
use super::relations::{cycle, relations};
use crate::base::ids::HostId;
use crate::base::source::Span;
use crate::hir::types::Os;
use crate::hir::value::Value;
use crate::hir::world::{Connection, Group, Host, Inventory, LOCALHOST, TransportKind};

pub(super) fn merge(answers: Vec<Raw>, files: Vec<Raw>, errors: &mut Vec<InventoryError>) -> Inventory {
    let mut merger = Merger::default();
    for text in files {
        merger.take(text);
    }
    merger.refuse_twice(errors);
    let mut answered = Merger::default();
    for text in answers {
        answered.take(text);
    }
    merger.lay_over(answered, errors);
    merger.type_vars(errors);
    merger.run(errors)
}

fn refuse_twice<'a>(names: impl Iterator<Item = (&'a str, Span)>, errors: &mut Vec<InventoryError>) {
    let mut seen: HashMap<&str, Span> = HashMap::new();
    for (name, span) in names {
        if let Some(first) = seen.insert(name, span) {
            errors.push(InventoryError::DuplicateKey { key: name.to_string(), first, span });
        }
    }
}

#[derive(Default)]
struct Merger {
    defaults: Settings,
    groups: Vec<RawGroup>,
    hosts: Vec<RawHost>,
    declared_tags: Vec<(String, Vec<Value>)>,
    declared_vars: Vec<DeclaredVar>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Fresh,
    Open,
    Done,
}

/// Where a walk over groups is.
#[derive(Default)]
struct Walk {
    marks: Vec<Mark>,
    /// Open groups from the outermost, each with the number of its next inner one.
    path: Vec<(usize, usize)>,
    /// The inner before the outer.
    done: Vec<usize>,
}

impl Walk {
    fn mark(&self, position: usize) -> Mark {
        self.marks.get(position).copied().unwrap_or(Mark::Done)
    }

    fn set(&mut self, position: usize, mark: Mark) {
        if let Some(slot) = self.marks.get_mut(position) {
            *slot = mark;
        }
    }

    fn open(&mut self, position: usize) {
        self.set(position, Mark::Open);
        self.path.push((position, 0));
    }

    fn close(&mut self) {
        if let Some((position, _)) = self.path.pop() {
            self.set(position, Mark::Done);
            self.done.push(position);
        }
    }
}

impl Merger {
    fn take(&mut self, text: Raw) {
        overlay(&mut self.defaults, &text.defaults);
        self.declared_tags.extend(text.tags);
        self.declared_vars.extend(text.vars);
        self.groups.extend(text.groups);
        self.hosts.extend(text.hosts);
    }

    fn refuse_twice(&self, errors: &mut Vec<InventoryError>) {
        refuse_twice(self.groups.iter().map(|group| (group.name.as_str(), group.span)), errors);
        refuse_twice(self.hosts.iter().map(|host| (host.name.as_str(), host.span)), errors);
        refuse_twice(self.declared_vars.iter().map(|var| (var.name.as_str(), var.span)), errors);
    }

    fn type_vars(&mut self, errors: &mut Vec<InventoryError>) {
        let Merger { defaults, groups, hosts, declared_vars, .. } = self;
        let groups = groups.iter_mut().map(|group| &mut group.settings);
        let hosts = hosts.iter_mut().map(|host| &mut host.settings);
        for settings in [defaults].into_iter().chain(groups).chain(hosts) {
            type_vars(settings, declared_vars, errors);
        }
    }

    /// What was answered below what files say: groups have the members of both, and where both say something of a group
    /// or a host, the files do.
    fn lay_over(&mut self, answered: Merger, errors: &mut Vec<InventoryError>) {
        refuse_twice(answered.hosts.iter().map(|host| (host.name.as_str(), host.span)), errors);
        let mut groups: HashMap<String, usize> =
            self.groups.iter().enumerate().map(|(index, group)| (group.name.clone(), index)).collect();
        for group in answered.groups {
            match groups.get(&group.name).and_then(|index| self.groups.get_mut(*index)) {
                Some(above) => {
                    above.hosts.extend(group.hosts);
                    above.groups.extend(group.groups);
                    below(&mut above.settings, group.settings);
                }
                None => {
                    groups.insert(group.name.clone(), self.groups.len());
                    self.groups.push(group);
                }
            }
        }
        let mut hosts: HashMap<String, usize> =
            self.hosts.iter().enumerate().map(|(index, host)| (host.name.clone(), index)).collect();
        for host in answered.hosts {
            match hosts.get(&host.name).and_then(|index| self.hosts.get_mut(*index)) {
                Some(above) => below(&mut above.settings, host.settings),
                None => {
                    hosts.insert(host.name.clone(), self.hosts.len());
                    self.hosts.push(host);
                }
            }
        }
    }

    fn run(&self, errors: &mut Vec<InventoryError>) -> Inventory {
        let order = self.groups_outer_first(errors);
        let (names, ids) = self.host_names();
        let members = self.members(&order, &ids);
        let by_name: HashMap<&str, &RawHost> = self.hosts.iter().map(|host| (host.name.as_str(), host)).collect();
        let mut levels: Vec<Settings> = names.iter().map(|name| self.defaults_of(name)).collect();
        let mut groups_of: Vec<Vec<String>> = names.iter().map(|_| Vec::new()).collect();
        for index in &order {
            let Some(group) = self.groups.get(*index) else { continue };
            for host in members.get(index).into_iter().flatten() {
                if let (Some(level), Some(groups)) = (levels.get_mut(*host), groups_of.get_mut(*host)) {
                    overlay(level, &group.settings);
                    groups.push(group.name.clone());
                }
            }
        }
        let declared_vars = self.declared_vars.iter().map(|var| (var.name.clone(), var.ty.clone())).collect();
        let declared_tags = self.declared_tags.clone();
        let mut inventory = Inventory { declared_tags, declared_vars, ..Inventory::default() };
        let mut jumps = Vec::new();
        for (index, ((name, mut settings), groups)) in names.iter().zip(levels).zip(groups_of).enumerate() {
            let own = by_name.get(name.as_str()).map(|host| &host.settings);
            if let Some(own) = own {
                overlay(&mut settings, own);
            }
            self.check_tags(&settings, errors);
            self.check_winrm(name, &settings, errors);
            let says_jump = own.is_some_and(|own| own.jump.is_some());
            let jump = jump(index, (settings.jump.as_ref(), says_jump), &ids);
            settings.jump = settings.jump.filter(|_| jump.is_some());
            jumps.push(jump);
            let relations = relations(index, (&settings, own), &ids, errors);
            inventory.hosts.push(Host { relations, ..host(name, settings, groups) });
        }
        if let Some(names) = cycle(&inventory.hosts) {
            let first = names.first().and_then(|name| self.place_of(name));
            errors.extend(first.map(|span| InventoryError::RelatedCycle { names, span }));
        }
        inventory.groups = self.group_sets(&members);
        self.check_jumps(&names, &ids, errors);
        errors.extend(loop_of(&names, &jumps));
        inventory
    }

    /// `defaults` say how the hosts are that the inventory names; this machine is no other for it.
    fn defaults_of(&self, host: &str) -> Settings {
        match host {
            LOCALHOST => {
                Settings { tags: self.defaults.tags.clone(), vars: self.defaults.vars.clone(), ..Settings::default() }
            }
            _ => self.defaults.clone(),
        }
    }

    /// Host names in the order of their first mention in `hosts:`, then in groups; `localhost` at the end if unnamed.
    fn host_names(&self) -> (Vec<String>, HashMap<String, usize>) {
        let mut names = Vec::new();
        let mut ids = HashMap::new();
        let mentioned = self.hosts.iter().map(|host| &host.name);
        let in_groups = self.groups.iter().flat_map(|group| group.hosts.iter().map(|(name, _)| name));
        let localhost = LOCALHOST.to_string();
        for name in mentioned.chain(in_groups).chain([&localhost]) {
            if !ids.contains_key(name) {
                ids.insert(name.clone(), names.len());
                names.push(name.clone());
            }
        }
        (names, ids)
    }

    /// Indices of groups so that a group comes after every group that holds it; unknown names and cycles are reported.
    fn groups_outer_first(&self, errors: &mut Vec<InventoryError>) -> Vec<usize> {
        let index: BTreeMap<&str, usize> =
            self.groups.iter().enumerate().map(|(position, group)| (group.name.as_str(), position)).collect();
        let mut walk = Walk { marks: vec![Mark::Fresh; self.groups.len()], ..Walk::default() };
        for position in 0..self.groups.len() {
            self.walk_from(position, &index, &mut walk, errors);
        }
        walk.done.reverse();
        walk.done
    }

    /// Not by recursion: how deep groups lie in each other is up to whoever wrote the file.
    fn walk_from(
        &self,
        start: usize,
        index: &BTreeMap<&str, usize>,
        walk: &mut Walk,
        errors: &mut Vec<InventoryError>,
    ) {
        if walk.mark(start) == Mark::Fresh {
            walk.open(start);
        }
        while let Some((position, next)) = walk.path.last_mut() {
            let inner = self.groups.get(*position).and_then(|group| group.groups.get(*next));
            *next += 1;
            let Some((name, span)) = inner else {
                walk.close();
                continue;
            };
            match index.get(name.as_str()).map(|inner| (*inner, walk.mark(*inner))) {
                Some((inner, Mark::Fresh)) => walk.open(inner),
                Some((_, Mark::Done)) => {}
                Some((inner, Mark::Open)) => errors.extend(self.cycle(inner, &walk.path)),
                None => {
                    let known = self.groups.iter().map(|group| group.name.clone()).collect();
                    errors.push(InventoryError::UnknownGroup { name: name.clone(), known, span: *span });
                }
            }
        }
    }

    /// From a group down to itself again.
    fn cycle(&self, closing: usize, path: &[(usize, usize)]) -> Option<InventoryError> {
        let group = self.groups.get(closing)?;
        let name = |position: &usize| self.groups.get(*position).map(|group| group.name.clone());
        let positions = path.iter().map(|(position, _)| position).skip_while(|position| **position != closing);
        let names = positions.chain([&closing]).filter_map(name).collect();
        Some(InventoryError::Cycle { names, span: group.span })
    }

    /// The hosts of every group with those of its inner groups, as sorted positions.
    fn members(&self, outer_first: &[usize], ids: &HashMap<String, usize>) -> HashMap<usize, Vec<usize>> {
        let index: HashMap<&str, usize> =
            self.groups.iter().enumerate().map(|(position, group)| (group.name.as_str(), position)).collect();
        let mut members: HashMap<usize, Vec<usize>> = HashMap::new();
        for position in outer_first.iter().rev() {
            let Some(group) = self.groups.get(*position) else { continue };
            let own = group.hosts.iter().filter_map(|(name, _)| ids.get(name).copied());
            let inner = group.groups.iter().filter_map(|(name, _)| index.get(name.as_str()));
            let inner = inner.filter_map(|inner| members.get(inner)).flatten().copied();
            let mut all: Vec<usize> = own.chain(inner).collect();
            all.sort_unstable();
            all.dedup();
            members.insert(*position, all);
        }
        members
    }

    fn group_sets(&self, members: &HashMap<usize, Vec<usize>>) -> Vec<Group> {
        use crate::base::ids::Id;
        let hosts = |position: usize| {
            members.get(&position).into_iter().flatten().map(|host| HostId::from_index(*host)).collect()
        };
        let set = |(position, group): (usize, &RawGroup)| Group { name: group.name.clone(), hosts: hosts(position) };
        self.groups.iter().enumerate().map(set).collect()
    }

    fn check_tags(&self, settings: &Settings, errors: &mut Vec<InventoryError>) {
        if self.declared_tags.is_empty() {
            return;
        }
        for (key, value, span) in &settings.tags {
            let error = match self.declared_tags.iter().find(|(known, _)| known == key) {
                None => {
                    let known = self.declared_tags.iter().map(|(known, _)| known.clone()).collect();
                    InventoryError::UndeclaredTag { key: key.clone(), known, span: *span }
                }
                Some((_, values)) if !values.is_empty() && !values.contains(value) => {
                    let shown = |value: &Value| value.as_str().map_or_else(|| value.literal(), str::to_string);
                    let known = values.iter().map(shown).collect();
                    InventoryError::UndeclaredTagValue { key: key.clone(), value: shown(value), known, span: *span }
                }
                Some(_) => continue,
            };
            // A tag on a group reaches many hosts, and is one mistake.
            if !errors.contains(&error) {
                errors.push(error);
            }
        }
    }

    /// WinRM is spoken by Windows alone, and goes through no jump host.
    fn check_winrm(&self, name: &str, settings: &Settings, errors: &mut Vec<InventoryError>) {
        if settings.transport != Some(TransportKind::Winrm) {
            return;
        }
        let host = name.to_string();
        if let Some(os) = settings.os.filter(|os| *os != Os::Windows)
            && let Some(span) = self.place_of(name)
        {
            let (key, found) = ("os", os.name().to_string());
            errors.push(InventoryError::NotByWinrm { host: host.clone(), key, found, span });
        }
        if let Some((jump, span)) = &settings.jump {
            errors.push(InventoryError::NotByWinrm { host, key: "jump", found: jump.clone(), span: *span });
        }
    }

    /// Where a host is first said to be; in an entry of its own, else as a member.
    fn place_of(&self, name: &str) -> Option<Span> {
        let own = self.hosts.iter().find(|host| host.name == name).map(|host| host.span);
        let mut members = self.groups.iter().flat_map(|group| &group.hosts);
        own.or_else(|| members.find(|(member, _)| member == name).map(|(_, span)| *span))
    }

    fn check_jumps(&self, names: &[String], ids: &HashMap<String, usize>, errors: &mut Vec<InventoryError>) {
        let all = self.hosts.iter().map(|host| &host.settings).chain(self.groups.iter().map(|group| &group.settings));
        for settings in all.chain([&self.defaults]) {
            if let Some((name, span)) = &settings.jump
                && !ids.contains_key(name)
            {
                let known = names.to_vec();
                errors.push(InventoryError::UnknownJump { name: name.clone(), known, span: *span });
            }
        }
    }
}

/// Puts a lower level under what is said already.
fn below(settings: &mut Settings, lower: Settings) {
    let higher = std::mem::replace(settings, lower);
    overlay(settings, &higher);
}

/// Lays a higher level over a lower one: what it says counts, tags and variables by key.
fn overlay(lower: &mut Settings, higher: &Settings) {
    macro_rules! take {
        ($($field:ident),*) => {$(
            if higher.$field.is_some() {
                lower.$field.clone_from(&higher.$field);
            }
        )*};
    }
    take!(
        address,
        os,
        transport,
        port,
        user,
        key,
        jump,
        admin,
        lane,
        as_user,
        known_hosts,
        host_key,
        connect_timeout,
        tls,
        certificate,
        kdc,
        password,
        passphrase,
        admin_password,
        state,
        runs_on,
        depends_on,
        behind
    );
    for tag in &higher.tags {
        lower.tags.retain(|(key, _, _)| *key != tag.0);
        lower.tags.push(tag.clone());
    }
    for var in &higher.vars {
        lower.vars.retain(|(key, _, _)| *key != var.0);
        lower.vars.push(var.clone());
    }
}

fn host(name: &str, settings: Settings, groups: Vec<String>) -> Host {
    let is_localhost = name == LOCALHOST;
    let transport = settings.transport.unwrap_or(if is_localhost { TransportKind::Local } else { TransportKind::Ssh });
    let mut tags: Vec<(String, Value)> = settings.tags.into_iter().map(|(key, value, _)| (key, value)).collect();
    tags.sort_by(|left, right| left.0.cmp(&right.0));
    let mut vars: Vec<(String, Value)> = settings.vars.into_iter().map(|(key, value, _)| (key, value)).collect();
    vars.sort_by(|left, right| left.0.cmp(&right.0));
    let own_os = match transport {
        TransportKind::Winrm => Some(Os::Windows),
        _ if is_localhost => Os::parse(std::env::consts::OS),
        _ => None,
    };
    Host {
        name: name.to_string(),
        address: settings
            .address
            .unwrap_or_else(|| if is_localhost { "127.0.0.1".to_string() } else { name.to_string() }),
        os: settings.os.or(own_os),
        tags,
        vars,
        groups,
        state: settings.state.unwrap_or_default(),
        relations: Vec::new(),
        connection: Connection {
            transport,
            port: settings.port,
            user: settings.user,
            admin: settings.admin.unwrap_or_default(),
            lane: settings.lane.unwrap_or_default(),
            as_user: settings.as_user,
            key: settings.key,
            jump: settings.jump.map(|(jump, _)| jump),
            known_hosts: settings.known_hosts,
            host_key: settings.host_key,
            connect_timeout: settings.connect_timeout,
            tls: settings.tls,
            certificate: settings.certificate,
            kdc: settings.kdc,
            password: settings.password,
            passphrase: settings.passphrase,
            admin_password: settings.admin_password,
        },
    }
}
