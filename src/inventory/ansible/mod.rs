//! Inventories of Ansible (INI, YAML, TOML, with `group_vars` and `host_vars`) → the text of an `inventory.yaml` that says the
//! same. Knows nothing of files on disk, templates or vaults: what it cannot hold it leaves out, and says so. What it
//! reads is untrusted: depth, aliases, ranges and size are bounded.

mod findings;
mod groups;
mod ini;
mod levels;
mod literal;
mod node;
mod patterns;
mod scalars;
pub(super) mod secrecy;
mod settings;
mod ssh_options;
mod toml_form;
mod tree;
mod words;
mod write;
mod yaml;

use crate::base::ids::FileId;
use crate::base::source::Sources;
use findings::Refusal;
use tree::Tree;

/// What a text is, in the order in which Ansible reads them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Role {
    Ini,
    Yaml,
    Toml,
    /// YAML where it reads as such, else INI: the file's name does not say.
    Unsaid,
    /// Variables of a group (`group_vars/web.yml`), beside the source of this number.
    OfGroup(String, usize),
    OfHost(String, usize),
}

/// An inventory as opsc writes it.
#[derive(Clone, PartialEq, Debug)]
pub struct Imported {
    pub text: String,
    pub hosts: usize,
    pub groups: usize,
    /// What is not in it, and why: each with its file and line.
    pub warnings: Vec<String>,
}

/// Reads the texts of one Ansible inventory together; else everything that is wrong, each with its file and line.
pub fn import(sources: &Sources, texts: &[(FileId, Role)]) -> Result<Imported, Vec<String>> {
    let mut tree = Tree::new();
    let mut refusals: Vec<Refusal> = Vec::new();
    for (file, role) in texts {
        let text = &sources.get(*file).text;
        let read = match role {
            Role::Ini => ini::read(text, *file, &mut tree),
            Role::Yaml => yaml::parse(text, *file, &mut tree.notes).and_then(|node| groups::read(node, &mut tree)),
            Role::Toml => toml_form::parse(text, *file).and_then(|node| groups::read(Some(node), &mut tree)),
            Role::Unsaid => unsaid(text, *file, &mut tree),
            Role::OfGroup(name, source) => levels::of_group(text, *file, (name, *source), &mut tree),
            Role::OfHost(name, source) => levels::of_host(text, *file, (name, *source), &mut tree),
        };
        refusals.extend(read.err());
    }
    let shown = |refusals: &[Refusal]| refusals.iter().map(|refusal| refusal.shown(sources)).collect();
    if !refusals.is_empty() {
        return Err(shown(&refusals));
    }
    let order = tree.finish().map_err(|refusal| shown(&[refusal]))?;
    let hosts = levels::merged(&tree, &order);
    let places = settings::Places::of(&tree, &hosts);
    let text = write::inventory(&tree, &order, &hosts, &places).map_err(|refusal| shown(&[refusal]))?;
    settings::look_through(&mut tree, &places);
    let (hosts, groups) = (tree.hosts.len(), tree.named_groups());
    Ok(Imported { text, hosts, groups, warnings: tree.notes.shown(sources) })
}

fn unsaid(text: &str, file: FileId, tree: &mut Tree) -> Result<(), Refusal> {
    match yaml::parse(text, file, &mut tree.notes) {
        Ok(Some(node)) if node.is_mapping() => groups::read(Some(node), tree),
        _ => ini::read(text, file, tree),
    }
}
