//! One text as it was written: keys known, forms checked, names not yet looked up.

use super::declared::{DeclaredVar, declared_type};
use super::errors::InventoryError;
use super::forms::{duration, entries, expected, text, texts, word};
use super::ranges::{MOST_HOSTS, RangeFault, expand};
use super::relations::Related;
use super::yaml::{Key, Kind, Node};
use crate::base::reference::{form_of, is_reference};
use crate::base::source::Span;
use crate::hir::types::Os;
use crate::hir::value::Value;
use crate::hir::world::{AdminMethod, HostKeyPolicy, LaneKind, Lifecycle, Relation, Tls, TransportKind};

const TOP: &[&str] = &["defaults", "tags", "vars", "groups", "hosts"];
/// Of a host; where they are written by opsc, in this order.
pub(super) const SETTINGS: &[&str] = &[
    "address",
    "os",
    "transport",
    "port",
    "user",
    "key",
    "jump",
    "admin",
    "lane",
    "as",
    "known_hosts",
    "host_key",
    "connect_timeout",
    "tls",
    "certificate",
    "kdc",
    "password",
    "passphrase",
    "admin_password",
    "state",
    "runs_on",
    "depends_on",
    "behind",
    "tags",
    "vars",
];
/// What an answer of a program or a server may say of a host or a group: nothing that decides whom to trust.
pub(super) const SOURCE_SETTINGS: &[&str] =
    &["address", "os", "transport", "port", "user", "state", "runs_on", "depends_on", "behind", "tags", "vars"];
const GROUP: &[&str] = &[
    "hosts",
    "groups",
    "os",
    "transport",
    "port",
    "user",
    "key",
    "jump",
    "admin",
    "lane",
    "as",
    "known_hosts",
    "host_key",
    "connect_timeout",
    "tls",
    "certificate",
    "kdc",
    "password",
    "passphrase",
    "admin_password",
    "state",
    "runs_on",
    "depends_on",
    "behind",
    "tags",
    "vars",
];

/// Everything one text says.
#[derive(Default, Debug)]
pub(super) struct Raw {
    pub(super) defaults: Settings,
    pub(super) tags: Vec<(String, Vec<Value>)>,
    pub(super) vars: Vec<DeclaredVar>,
    pub(super) groups: Vec<RawGroup>,
    pub(super) hosts: Vec<RawHost>,
}

#[derive(Debug)]
pub(super) struct RawGroup {
    pub(super) name: String,
    pub(super) span: Span,
    pub(super) hosts: Vec<(String, Span)>,
    pub(super) groups: Vec<(String, Span)>,
    pub(super) settings: Settings,
}

#[derive(Debug)]
pub(super) struct RawHost {
    pub(super) name: String,
    pub(super) span: Span,
    pub(super) settings: Settings,
}

/// What a level says; what it does not say is left to the levels below.
#[derive(Clone, Default, Debug)]
pub(super) struct Settings {
    pub(super) address: Option<String>,
    pub(super) os: Option<Os>,
    pub(super) transport: Option<TransportKind>,
    pub(super) port: Option<u16>,
    pub(super) user: Option<String>,
    pub(super) key: Option<String>,
    pub(super) jump: Option<(String, Span)>,
    pub(super) admin: Option<AdminMethod>,
    pub(super) lane: Option<LaneKind>,
    pub(super) as_user: Option<String>,
    pub(super) known_hosts: Option<String>,
    pub(super) host_key: Option<HostKeyPolicy>,
    pub(super) connect_timeout: Option<u64>,
    pub(super) tls: Option<Tls>,
    pub(super) certificate: Option<String>,
    pub(super) kdc: Option<String>,
    pub(super) password: Option<String>,
    pub(super) passphrase: Option<String>,
    pub(super) admin_password: Option<String>,
    pub(super) state: Option<Lifecycle>,
    pub(super) runs_on: Related,
    pub(super) depends_on: Related,
    pub(super) behind: Related,
    pub(super) tags: Vec<(String, Value, Span)>,
    pub(super) vars: Vec<(String, Value, Span)>,
}

impl Settings {
    pub(super) fn related(&self, relation: Relation) -> &Related {
        match relation {
            Relation::RunsOn => &self.runs_on,
            Relation::DependsOn => &self.depends_on,
            Relation::Behind => &self.behind,
        }
    }
}

pub(super) fn read(document: &Node, errors: &mut Vec<InventoryError>) -> Raw {
    let mut raw = Raw::default();
    for (key, node) in entries(document, errors) {
        match key.text.as_str() {
            "defaults" => raw.defaults = settings(node, SETTINGS, errors),
            "tags" => raw.tags = declared_tags(node, errors),
            "vars" => {
                let var = |(key, node): &(Key, Node)| DeclaredVar {
                    name: key.text.clone(),
                    ty: declared_type(node, errors),
                    span: key.span,
                };
                raw.vars = entries(node, &mut Vec::new()).iter().map(var).collect();
                entries(node, errors);
            }
            "groups" => {
                raw.groups.extend(entries(node, errors).iter().filter_map(|(key, node)| group(key, node, errors)))
            }
            "hosts" => hosts(node, &mut raw.hosts, errors),
            _ => errors.push(InventoryError::UnknownKey { key: key.text.clone(), known: TOP, span: key.span }),
        }
    }
    raw
}

fn declared_tags(node: &Node, errors: &mut Vec<InventoryError>) -> Vec<(String, Vec<Value>)> {
    let entries = entries(node, errors);
    let mut values = |node: &Node| match &node.kind {
        Kind::List(items) => items.iter().map(Node::value).collect(),
        Kind::Scalar(Value::None) => Vec::new(),
        Kind::Scalar(value) => vec![value.clone()],
        Kind::Mapping(_) => {
            errors.push(InventoryError::WrongForm {
                expected: "a list of values",
                found: node.form(),
                span: node.span,
            });
            Vec::new()
        }
    };
    entries.iter().map(|(key, node)| (key.text.clone(), values(node))).collect()
}

fn group(key: &Key, node: &Node, errors: &mut Vec<InventoryError>) -> Option<RawGroup> {
    check_name(&key.text, key.span, errors)?;
    let mut group = RawGroup {
        name: key.text.clone(),
        span: key.span,
        hosts: Vec::new(),
        groups: Vec::new(),
        settings: settings(node, GROUP, errors),
    };
    if let Kind::Mapping(members) = &node.kind {
        for (key, node) in members {
            match key.text.as_str() {
                "hosts" => {
                    for (pattern, span) in texts(node, errors) {
                        group.hosts.extend(expanded(&pattern, span, errors).into_iter().map(|name| (name, span)));
                    }
                }
                "groups" => group.groups = texts(node, errors),
                _ => {}
            }
        }
    }
    Some(group)
}

fn hosts(node: &Node, found: &mut Vec<RawHost>, errors: &mut Vec<InventoryError>) {
    for (key, node) in entries(node, errors) {
        let settings = settings(node, SETTINGS, errors);
        for name in expanded(&key.text, key.span, errors) {
            found.push(RawHost { name, span: key.span, settings: settings.clone() });
        }
    }
}

fn expanded(pattern: &str, span: Span, errors: &mut Vec<InventoryError>) -> Vec<String> {
    match expand(pattern) {
        Ok(names) => names.into_iter().filter(|name| check_name(name, span, errors).is_some()).collect(),
        Err(RangeFault::Bad(reason)) => {
            errors.push(InventoryError::BadRange { text: pattern.to_string(), reason, span });
            Vec::new()
        }
        Err(RangeFault::TooMany) => {
            errors.push(InventoryError::TooManyHosts { most: MOST_HOSTS, span });
            Vec::new()
        }
    }
}

/// Whether hosts and groups may be called so.
pub(super) fn is_name(name: &str) -> bool {
    name.starts_with(|letter: char| letter.is_alphanumeric())
        && name.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '.' | '_' | '-' | ':'))
}

fn check_name(name: &str, span: Span, errors: &mut Vec<InventoryError>) -> Option<()> {
    let fine = is_name(name);
    if !fine {
        errors.push(InventoryError::BadName { name: name.to_string(), span });
    }
    fine.then_some(())
}

fn settings(node: &Node, known: &'static [&'static str], errors: &mut Vec<InventoryError>) -> Settings {
    let mut settings = Settings::default();
    for (key, node) in entries(node, errors) {
        match key.text.as_str() {
            "hosts" | "groups" if known == GROUP => {}
            "address" if known == SETTINGS => settings.address = text(node, errors),
            "os" => settings.os = word("os", node, &Os::ALL.map(|os| (os.name(), os)), errors),
            "transport" => {
                let kinds = [TransportKind::Ssh, TransportKind::Winrm, TransportKind::Local];
                settings.transport = word("transport", node, &kinds.map(|kind| (kind.name(), kind)), errors);
            }
            "port" => settings.port = port(node, errors),
            "user" => settings.user = text(node, errors),
            "key" => settings.key = text(node, errors),
            "jump" => settings.jump = text(node, errors).map(|name| (name, node.span)),
            "admin" => {
                let methods = [AdminMethod::Sudo, AdminMethod::Su, AdminMethod::Doas, AdminMethod::None];
                settings.admin = word("admin", node, &methods.map(|method| (method.name(), method)), errors);
            }
            "lane" => settings.lane = word("lane", node, &LaneKind::ALL.map(|kind| (kind.name(), kind)), errors),
            "as" => settings.as_user = text(node, errors),
            "known_hosts" => settings.known_hosts = text(node, errors),
            "host_key" => {
                let policies = [("strict", HostKeyPolicy::Strict), ("accept-new", HostKeyPolicy::AcceptNew)];
                settings.host_key = word("host_key", node, &policies, errors);
            }
            "connect_timeout" => settings.connect_timeout = duration(node, errors),
            "tls" => settings.tls = tls(node, errors),
            "certificate" => settings.certificate = text(node, errors),
            "kdc" => settings.kdc = kdc(node, errors),
            "password" => settings.password = reference("password", node, errors),
            "passphrase" => settings.passphrase = reference("passphrase", node, errors),
            "admin_password" => settings.admin_password = reference("admin_password", node, errors),
            "state" => {
                let states = [Lifecycle::Active, Lifecycle::Maintenance, Lifecycle::Retired];
                settings.state = word("state", node, &states.map(|state| (state.name(), state)), errors);
            }
            "runs_on" => settings.runs_on = related(node, errors),
            "depends_on" => settings.depends_on = related(node, errors),
            "behind" => settings.behind = related(node, errors),
            "tags" => {
                let tags = entries(node, errors).iter().map(|(key, node)| (key.text.clone(), node.value(), key.span));
                settings.tags = tags.collect();
            }
            "vars" => {
                let vars = entries(node, errors).iter().map(|(key, node)| (key.text.clone(), node.value(), key.span));
                settings.vars = vars.collect();
            }
            _ => errors.push(InventoryError::UnknownKey { key: key.text.clone(), known, span: key.span }),
        }
    }
    settings
}

/// Where a secret is. Anything else may be the secret itself.
fn reference(key: &'static str, node: &Node, errors: &mut Vec<InventoryError>) -> Option<String> {
    match &node.kind {
        Kind::Scalar(Value::String(text)) if is_reference(text) => Some(text.clone()),
        kind => {
            let form = if let Kind::Scalar(Value::String(text)) = kind { form_of(text) } else { None };
            errors.push(InventoryError::SecretInTheOpen { key, form, span: node.span });
            None
        }
    }
}

/// One name, or several.
fn related(node: &Node, errors: &mut Vec<InventoryError>) -> Related {
    match &node.kind {
        Kind::List(_) | Kind::Scalar(Value::None) => Some(texts(node, errors)),
        _ => text(node, errors).map(|name| vec![(name, node.span)]),
    }
}

fn port(node: &Node, errors: &mut Vec<InventoryError>) -> Option<u16> {
    let port = match &node.kind {
        Kind::Scalar(Value::Int(port)) => u16::try_from(*port).ok().filter(|port| *port > 0),
        _ => None,
    };
    expected("a port from 1 to 65535", port, node, errors)
}

/// `HOST` or `HOST:PORT`.
fn kdc(node: &Node, errors: &mut Vec<InventoryError>) -> Option<String> {
    let text = text(node, errors)?;
    let (host, port) = text.rsplit_once(':').unwrap_or((&text, "88"));
    let is_port = port.parse::<u16>().is_ok_and(|port| port > 0);
    // An address of IPv6 without brackets has its colons to itself.
    let is_fit = !host.is_empty() && !text.contains(char::is_whitespace) && (is_port || text.matches(':').count() > 1);
    expected("`HOST` or `HOST:PORT` of a KDC, with a port from 1 to 65535", is_fit.then_some(text), node, errors)
}

/// A word that is none of those known is a file only if it looks like one: `machin` does not.
fn tls(node: &Node, errors: &mut Vec<InventoryError>) -> Option<Tls> {
    let written = match &node.kind {
        Kind::Scalar(Value::String(text)) => Tls::parse(text),
        _ => None,
    };
    let is_meant = |tls: &Tls| !matches!(tls, Tls::Authorities(file) if !file.contains(['.', '/']));
    let expected_forms = "`machine`, `none`, sha256: with 64 digits, or a file of certificates such as `ca.pem`";
    expected(expected_forms, written.filter(is_meant), node, errors)
}
