//! Hosts, groups and their variables as the texts name them, in their order; what is above what once all are read.

use std::collections::{BTreeMap, HashMap};

use super::findings::{Notes, Reason, Refusal};
use super::secrecy::is_secret;
use crate::base::source::Span;
use crate::hir::value::Value;
use crate::inventory::ranges::MOST_HOSTS;

pub(super) const ALL: usize = 0;
pub(super) const UNGROUPED: usize = 1;

/// Groups of groups nested deeper than this are a mistake.
const MOST_LEVELS: usize = 64;

#[derive(Clone, Debug)]
pub(super) struct Var {
    /// Or why it is left out.
    pub(super) value: Result<Value, Reason>,
    pub(super) span: Span,
}

pub(super) type Vars = BTreeMap<String, Var>;

/// What one host or group was given.
#[derive(Default, Debug)]
pub(super) struct Level {
    pub(super) vars: Vars,
    /// Of files in `group_vars` and `host_vars`, by the source that they are beside.
    pub(super) of_files: BTreeMap<usize, Vars>,
}

impl Level {
    /// All of it, files last.
    pub(super) fn own(&self) -> BTreeMap<&str, &Var> {
        let files = self.of_files.values().flatten();
        self.vars.iter().chain(files).map(|(name, var)| (name.as_str(), var)).collect()
    }
}

#[derive(Debug)]
pub(super) struct Host {
    pub(super) name: String,
    pub(super) level: Level,
}

#[derive(Debug)]
pub(super) struct Group {
    pub(super) name: String,
    span: Span,
    pub(super) hosts: Vec<usize>,
    pub(super) children: Vec<usize>,
    pub(super) level: Level,
    priority: i64,
}

impl Group {
    /// `all` is every host, `ungrouped` the others; a name that opsc does not take makes no group of it.
    pub(super) fn is_written(&self) -> bool {
        let has_vars = !self.level.vars.is_empty() || !self.level.of_files.is_empty();
        is_name(&self.name) && self.name != "all" && (self.name != "ungrouped" || has_vars)
    }
}

#[derive(Debug)]
pub(super) struct Tree {
    pub(super) hosts: Vec<Host>,
    pub(super) groups: Vec<Group>,
    host_of: HashMap<String, usize>,
    group_of: HashMap<String, usize>,
    pub(super) notes: Notes,
}

/// Who is in what, once everything is read.
#[derive(Debug)]
pub(super) struct Order {
    /// By group: its hosts with those of inner groups.
    pub(super) members: Vec<Vec<usize>>,
    /// By host: its groups without `all`, in the order in which their variables count, the last most.
    pub(super) groups_of: Vec<Vec<usize>>,
}

impl Tree {
    pub(super) fn new() -> Tree {
        let nowhere = Span::new(crate::base::ids::Id::from_index(0), 0, 0);
        let mut tree = Tree {
            hosts: Vec::new(),
            groups: Vec::new(),
            host_of: HashMap::new(),
            group_of: HashMap::new(),
            notes: Notes::default(),
        };
        for name in ["all", "ungrouped"] {
            tree.add_group(name, nowhere);
        }
        tree
    }

    pub(super) fn group(&self, name: &str) -> Option<usize> {
        self.group_of.get(name).copied()
    }

    pub(super) fn host(&self, name: &str) -> Option<usize> {
        self.host_of.get(name).copied()
    }

    pub(super) fn named_groups(&self) -> usize {
        self.groups.iter().filter(|group| group.is_written()).count()
    }

    pub(super) fn add_group(&mut self, name: &str, span: Span) -> usize {
        if let Some(known) = self.group(name) {
            return known;
        }
        if !is_name(name) {
            self.notes.leave_out(name, Reason::GroupName, "", span);
        }
        self.group_of.insert(name.to_string(), self.groups.len());
        let (name, level) = (name.to_string(), Level::default());
        self.groups.push(Group { name, span, hosts: Vec::new(), children: Vec::new(), level, priority: 1 });
        self.groups.len() - 1
    }

    pub(super) fn add_child(&mut self, parent: usize, child: usize) {
        if let Some(group) = self.groups.get_mut(parent)
            && !group.children.contains(&child)
        {
            group.children.push(child);
        }
    }

    /// Hosts of a pattern in a group, with variables. A port counts where the host is new, as it does for Ansible.
    pub(super) fn add_hosts(
        &mut self,
        (names, port): (Vec<String>, Option<i64>),
        group: usize,
        vars: &[(String, Var)],
        span: Span,
    ) -> Result<(), Refusal> {
        for name in names {
            let Some((host, is_new)) = self.add_host(&name, span)? else { continue };
            if let Some(group) = self.groups.get_mut(group) {
                group.hosts.push(host);
            }
            if let Some(port) = port.filter(|_| is_new) {
                let value = Ok(Value::Int(port));
                self.set_of_host(host, "ansible_port", Var { value, span });
            }
            for (key, var) in vars {
                self.set_of_host(host, key, var.clone());
            }
        }
        Ok(())
    }

    fn add_host(&mut self, name: &str, span: Span) -> Result<Option<(usize, bool)>, Refusal> {
        if let Some(known) = self.host(name) {
            return Ok(Some((known, false)));
        }
        if !is_name(name) {
            self.notes.leave_out(name, Reason::HostName, "", span);
            return Ok(None);
        }
        if self.hosts.len() >= MOST_HOSTS {
            return Err(Refusal::new(span, format!("an inventory has at most {MOST_HOSTS} hosts")));
        }
        self.host_of.insert(name.to_string(), self.hosts.len());
        self.hosts.push(Host { name: name.to_string(), level: Level::default() });
        Ok(Some((self.hosts.len() - 1, true)))
    }

    fn set_of_host(&mut self, host: usize, key: &str, var: Var) {
        if let Some(host) = self.hosts.get_mut(host) {
            let var = judged(key, var, &host.name, &mut self.notes);
            host.level.vars.insert(key.to_string(), var);
        }
    }

    pub(super) fn set_of_group(&mut self, group: usize, key: &str, var: Var) {
        let Some(group) = self.groups.get_mut(group) else { return };
        match &var.value {
            Ok(Value::Int(priority)) if key == "ansible_group_priority" => group.priority = *priority,
            _ => {
                let var = judged(key, var, &group.name, &mut self.notes);
                group.level.vars.insert(key.to_string(), var);
            }
        }
    }

    /// Variables of files beside the source of this number.
    pub(super) fn set_of_file(&mut self, owner: Owner, source: usize, vars: Vec<(String, Var)>) {
        let found = match owner {
            Owner::Group(group) => self.groups.get_mut(group).map(|group| (&group.name, &mut group.level)),
            Owner::Host(host) => self.hosts.get_mut(host).map(|host| (&host.name, &mut host.level)),
        };
        let Some((name, level)) = found else { return };
        let layer = level.of_files.entry(source).or_default();
        for (key, var) in vars {
            let var = judged(&key, var, name, &mut self.notes);
            layer.insert(key, var);
        }
    }

    /// Groups without one above them belong to `all`, hosts without a group to `ungrouped`; then nothing more is added.
    pub(super) fn finish(&mut self) -> Result<Order, Refusal> {
        self.settle_ungrouped();
        let inner: std::collections::HashSet<usize> =
            self.groups.iter().flat_map(|group| group.children.iter().copied()).collect();
        for group in (0..self.groups.len()).filter(|group| *group != ALL && !inner.contains(group)) {
            self.add_child(ALL, group);
        }
        let (outer_first, depths) = self.outer_first()?;
        let members = self.members(&outer_first);
        let mut sorted: Vec<usize> = (0..self.groups.len()).filter(|group| *group != ALL).collect();
        sorted.sort_by_key(|index| {
            let group = self.groups.get(*index);
            (depths.get(*index).copied(), group.map(|group| (group.priority, group.name.clone())))
        });
        let mut groups_of = vec![Vec::new(); self.hosts.len()];
        for group in sorted {
            for host in members.get(group).into_iter().flatten() {
                if let Some(groups) = groups_of.get_mut(*host) {
                    groups.push(group);
                }
            }
        }
        Ok(Order { members, groups_of })
    }

    fn settle_ungrouped(&mut self) {
        let mut is_grouped = vec![false; self.hosts.len()];
        for group in self.groups.iter().skip(UNGROUPED + 1) {
            for host in &group.hosts {
                if let Some(is_grouped) = is_grouped.get_mut(*host) {
                    *is_grouped = true;
                }
            }
        }
        if let Some(ungrouped) = self.groups.get_mut(UNGROUPED) {
            ungrouped.hosts = (0..is_grouped.len()).filter(|host| is_grouped.get(*host) == Some(&false)).collect();
        }
    }

    /// Groups so that each comes after all that hold it, and how deep each is at most.
    fn outer_first(&self) -> Result<(Vec<usize>, Vec<usize>), Refusal> {
        let mut waiting = vec![0_usize; self.groups.len()];
        for child in self.groups.iter().flat_map(|group| &group.children) {
            if let Some(count) = waiting.get_mut(*child) {
                *count += 1;
            }
        }
        let mut depths = vec![0_usize; self.groups.len()];
        let mut order = if waiting.first() == Some(&0) { vec![ALL] } else { Vec::new() };
        let mut at = 0;
        while let Some(index) = order.get(at).copied() {
            at += 1;
            let depth = depths.get(index).copied().unwrap_or(0) + 1;
            for child in self.groups.get(index).map(|group| group.children.as_slice()).unwrap_or_default() {
                let (Some(count), Some(deepest)) = (waiting.get_mut(*child), depths.get_mut(*child)) else { continue };
                *deepest = depth.max(*deepest);
                *count -= 1;
                if *count == 0 {
                    order.push(*child);
                }
                if depth > MOST_LEVELS {
                    return Err(self.refused(*child, "groups are nested deeper than 64 levels"));
                }
            }
        }
        match waiting.iter().position(|count| *count > 0) {
            Some(group) => Err(self.refused(group, "groups hold each other")),
            None => Ok((order, depths)),
        }
    }

    fn refused(&self, group: usize, what: &str) -> Refusal {
        let nowhere = Span::new(crate::base::ids::Id::from_index(0), 0, 0);
        let (name, span) = self.groups.get(group).map_or(("", nowhere), |group| (group.name.as_str(), group.span));
        Refusal::new(span, format!("{what}: `{}` is one of them", name.escape_debug()))
    }

    fn members(&self, outer_first: &[usize]) -> Vec<Vec<usize>> {
        let mut members: Vec<Vec<usize>> = vec![Vec::new(); self.groups.len()];
        for index in outer_first.iter().rev() {
            let Some(group) = self.groups.get(*index) else { continue };
            let inner = group.children.iter().filter_map(|child| members.get(*child)).flatten().copied();
            let mut all: Vec<usize> = group.hosts.iter().copied().chain(inner).collect();
            all.sort_unstable();
            all.dedup();
            if let Some(slot) = members.get_mut(*index) {
                *slot = all;
            }
        }
        members
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Owner {
    Group(usize),
    Host(usize),
}

/// A name that `inventory.yaml` takes.
fn is_name(name: &str) -> bool {
    name.starts_with(char::is_alphanumeric)
        && name.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '.' | '_' | '-' | ':'))
}

/// What is secret is not kept, not even here.
fn judged(name: &str, var: Var, owner: &str, notes: &mut Notes) -> Var {
    let value = match var.value {
        Ok(value) if is_secret(name, &value) => Err(Reason::Secret),
        value => value,
    };
    if let Err(reason) = &value {
        notes.leave_out(name, reason.clone(), owner, var.span);
    }
    Var { value, span: var.span }
}
