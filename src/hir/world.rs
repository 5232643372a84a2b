//! The world a program is about: hosts, groups, tags. Read from inventory texts, never from the network.

use std::sync::Arc;

use super::types::{Os, Type};
use super::value::Value;
use crate::base::ids::{HostId, IdVec};

/// What is known of the world while checking: nothing (`Open`, with notes), or an inventory.
#[derive(Clone, PartialEq, Debug)]
pub enum World {
    Open,
    Known(Arc<Inventory>),
}

impl World {
    pub fn inventory(&self) -> Option<&Inventory> {
        match self {
            World::Open => None,
            World::Known(inventory) => Some(inventory),
        }
    }

    pub fn shared_inventory(&self) -> Option<Arc<Inventory>> {
        match self {
            World::Open => None,
            World::Known(inventory) => Some(Arc::clone(inventory)),
        }
    }
}

/// The name of the machine that opsc runs on, in every inventory.
pub const LOCALHOST: &str = "localhost";

#[derive(Clone, PartialEq, Debug, Default)]
pub struct Inventory {
    /// In inventory order; `localhost` is last unless the file names it.
    pub hosts: IdVec<HostId, Host>,
    /// Groups with the hosts of their inner groups, in inventory order.
    pub groups: Vec<Group>,
    /// Declared tag keys and their values; empty where nothing is declared.
    pub declared_tags: Vec<(String, Vec<Value>)>,
    /// Declared variables, those without a type may be anything; empty where nothing is declared.
    pub declared_vars: Vec<(String, Option<Type>)>,
}

impl Inventory {
    pub fn host(&self, name: &str) -> Option<HostId> {
        self.hosts.iter().find(|(_, host)| host.name == name).map(|(id, _)| id)
    }

    /// The machine that opsc runs on.
    pub fn localhost(&self) -> Option<HostId> {
        self.host(LOCALHOST)
    }

    /// Every host but this machine: nobody who says "all" means the one they sit at.
    pub fn all(&self) -> Vec<HostId> {
        self.hosts.iter().filter(|(_, host)| host.name != LOCALHOST).map(|(id, _)| id).collect()
    }

    pub fn group(&self, name: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.name == name)
    }
}

#[derive(Clone, PartialEq, Debug)]
pub struct Group {
    pub name: String,
    pub hosts: Vec<HostId>,
}

#[derive(Clone, PartialEq, Default, Debug)]
pub struct Host {
    pub name: String,
    /// Default: the name.
    pub address: String,
    /// Absent: not said, so any.
    pub os: Option<Os>,
    /// Sorted by key.
    pub tags: Vec<(String, Value)>,
    /// Sorted by key.
    pub vars: Vec<(String, Value)>,
    /// Names of the groups that hold it, outer ones too.
    pub groups: Vec<String>,
    pub state: Lifecycle,
    /// What it stands on, sorted.
    pub relations: Vec<(Relation, HostId)>,
    pub connection: Connection,
}

/// How a host stands on another one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Relation {
    /// It is a machine inside the other one.
    RunsOn,
    /// It is of no use without the other one.
    DependsOn,
    /// It is reached through the other one.
    Behind,
}

impl Relation {
    pub const ALL: [Relation; 3] = [Relation::RunsOn, Relation::DependsOn, Relation::Behind];

    pub fn name(self) -> &'static str {
        match self {
            Relation::RunsOn => "runs_on",
            Relation::DependsOn => "depends_on",
            Relation::Behind => "behind",
        }
    }

    /// The same, from the other host.
    pub fn reverse(self) -> &'static str {
        match self {
            Relation::RunsOn => "carries",
            Relation::DependsOn => "needed_by",
            Relation::Behind => "in_front_of",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Lifecycle {
    #[default]
    Active,
    Maintenance,
    Retired,
}

impl Lifecycle {
    pub fn name(self) -> &'static str {
        match self {
            Lifecycle::Active => "active",
            Lifecycle::Maintenance => "maintenance",
            Lifecycle::Retired => "retired",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum TransportKind {
    Local,
    #[default]
    Ssh,
    Winrm,
}

impl TransportKind {
    pub fn name(self) -> &'static str {
        match self {
            TransportKind::Local => "local",
            TransportKind::Ssh => "ssh",
            TransportKind::Winrm => "winrm",
        }
    }
}

/// How the login user becomes another.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum AdminMethod {
    #[default]
    Sudo,
    Su,
    Doas,
    None,
}

impl AdminMethod {
    pub fn name(self) -> &'static str {
        match self {
            AdminMethod::Sudo => "sudo",
            AdminMethod::Su => "su",
            AdminMethod::Doas => "doas",
            AdminMethod::None => "none",
        }
    }
}

/// How programs get to a host.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum LaneKind {
    /// A persistent lane, or a command each where none can live there.
    #[default]
    Auto,
    Persistent,
    Exec,
    /// The host has no POSIX shell.
    Raw,
}

impl LaneKind {
    pub const ALL: [LaneKind; 4] = [LaneKind::Auto, LaneKind::Persistent, LaneKind::Exec, LaneKind::Raw];

    pub fn name(self) -> &'static str {
        match self {
            LaneKind::Auto => "auto",
            LaneKind::Persistent => "persistent",
            LaneKind::Exec => "exec",
            LaneKind::Raw => "raw",
        }
    }
}

/// What to do with a host key that is not in known_hosts. A changed key is always refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HostKeyPolicy {
    Strict,
    AcceptNew,
}

/// How a WinRM listener proves who it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Tls {
    /// By a certificate of an authority that this machine trusts.
    Machine,
    /// By a certificate of an authority in this file; a relative path starts at the project.
    Authorities(String),
    /// By the certificate with this SHA-256, in lower case hexadecimal.
    Pinned(String),
    /// Not by TLS: the login seals what is said.
    None,
}

impl Tls {
    /// As an inventory has it.
    pub fn text(&self) -> String {
        match self {
            Tls::Machine => "machine".to_string(),
            Tls::Authorities(file) => file.clone(),
            Tls::Pinned(sha256) => format!("sha256:{sha256}"),
            Tls::None => "none".to_string(),
        }
    }

    /// The words count however they are written: nobody means a file by `None`.
    pub fn parse(text: &str) -> Option<Tls> {
        let word = text.to_ascii_lowercase();
        match (word.as_str(), text.strip_prefix("sha256:")) {
            ("machine", _) => Some(Tls::Machine),
            ("none", _) => Some(Tls::None),
            ("", _) => None,
            (_, Some(hash)) => {
                // As openssl and ssh write hashes.
                let hash = hash.replace([':', '-'], "");
                let is_hash = hash.len() == 64 && hash.bytes().all(|digit| digit.is_ascii_hexdigit());
                is_hash.then(|| Tls::Pinned(hash.to_ascii_lowercase()))
            }
            (_, None) => Some(Tls::Authorities(text.to_string())),
        }
    }
}

/// Connection settings of one host after all levels were merged. Of secrets it holds only where they are (`env:NAME`).
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Connection {
    pub transport: TransportKind,
    pub port: Option<u16>,
    pub user: Option<String>,
    pub admin: AdminMethod,
    pub lane: LaneKind,
    /// `as:` for steps without one nearer.
    pub as_user: Option<String>,
    /// A private key file; `~/` is the controller's home.
    pub key: Option<String>,
    /// Another host's name.
    pub jump: Option<String>,
    pub known_hosts: Option<String>,
    /// Strict where nobody says otherwise.
    pub host_key: Option<HostKeyPolicy>,
    /// Milliseconds.
    pub connect_timeout: Option<u64>,
    /// Of WinRM only.
    pub tls: Option<Tls>,
    /// A file with the certificate that logs in, and its private key; of WinRM only.
    pub certificate: Option<String>,
    /// Where the KDC of the user's realm is; of WinRM only.
    pub kdc: Option<String>,
    /// Where the login password is.
    pub password: Option<String>,
    /// Where the passphrase of the login key is.
    pub passphrase: Option<String>,
    /// Where the password is that sudo, su or doas asks for.
    pub admin_password: Option<String>,
}

impl Connection {
    /// What is said, else TLS, but on the port that never speaks it.
    pub fn tls_or_usual(&self) -> Tls {
        let usual = if self.port == Some(WINRM_SEALED_PORT) { Tls::None } else { Tls::Machine };
        self.tls.clone().unwrap_or(usual)
    }

    /// What is said, else that of the transport; this machine has none.
    pub fn port_or_usual(&self) -> Option<u16> {
        let usual = match self.transport {
            TransportKind::Local => None,
            TransportKind::Ssh => Some(22),
            TransportKind::Winrm if self.tls == Some(Tls::None) => Some(WINRM_SEALED_PORT),
            TransportKind::Winrm => Some(WINRM_PORT),
        };
        self.port.or(usual)
    }
}

const WINRM_PORT: u16 = 5986;
const WINRM_SEALED_PORT: u16 = 5985;
