//! Where a host is and how to get in, as data. Knows nothing of inventories or prompts.

use std::path::PathBuf;
use std::time::Duration;

use super::algorithms::Algorithms;
use super::error::TransportError;
use super::ssh_config_error::SshConfigError;
use crate::base::secret::Secret;
use crate::shell::Language;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wire {
    /// This machine, without a connection.
    Local,
    Ssh,
    /// A Windows host.
    Winrm,
}

/// How a WinRM listener proves who it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Tls {
    /// By a certificate of an authority that this machine trusts.
    Machine,
    /// By a certificate of an authority in this file.
    Authorities(PathBuf),
    /// By the certificate with this SHA-256, in lower case hexadecimal.
    Pinned(String),
    /// Not by TLS: the login seals what is said.
    None,
}

/// How another user's lane is opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AdminMethod {
    Sudo,
    Su,
    Doas,
    /// The host has no way to another user.
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
    /// One shell for each user reads them all.
    Persistent,
    /// Each is a command of its own, in its arguments.
    Exec,
    /// Not at all: the host has no POSIX shell, and takes command lines of its own kind.
    Raw,
}

/// Why a host that nobody said so of gets each program as a command of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WhyExec {
    NoInput,
    HeldBack,
}

impl WhyExec {
    pub fn text(self) -> &'static str {
        match self {
            WhyExec::NoInput => "its commands get no input",
            WhyExec::HeldBack => "what its commands print comes with their end",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HostKeyPolicy {
    /// Only keys that a known_hosts file lists.
    Strict,
    /// A host seen for the first time is written to the first known_hosts file; a changed key still stops.
    AcceptNew,
}

/// Which agent is asked for keys.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub enum Agent {
    /// That of the credentials.
    #[default]
    Usual,
    None,
    Socket(PathBuf),
}

/// Keys that may be tried where nobody names one.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Identities {
    /// The default keys of `~/.ssh` without it. A file that cannot be read is passed over.
    pub files: Option<Vec<PathBuf>>,
    /// Of these keys, beside those that lie beside the files.
    pub certificates: Vec<PathBuf>,
    /// Of the agent's keys only those that are in the files.
    pub only: bool,
    pub agent: Agent,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum AddressFamily {
    #[default]
    Any,
    V4,
    V6,
}

/// How it is noticed that a host is gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Keepalive {
    pub interval: Duration,
    /// So many questions without an answer are the end.
    pub most: usize,
}

/// Why a host is not tried at all.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refused {
    /// Nobody can say how to reach it.
    SshConfig(SshConfigError),
    /// What would let us in cannot be read; `setting` is the inventory's name for it.
    Credential { setting: &'static str, reason: String },
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoint {
    /// As the inventory calls it; appears in every message.
    pub name: String,
    pub address: String,
    pub port: u16,
    /// The login user; not used by a local endpoint.
    pub user: String,
    pub transport: Wire,
    /// A private key file that must be usable; without one the `identities` are tried.
    pub key: Option<PathBuf>,
    pub identities: Identities,
    /// Ways to log in, in this order: `publickey`, `keyboard-interactive`, `password`. All of them without it.
    pub methods: Option<Vec<String>>,
    /// Looked through in order; new keys go to the first.
    pub known_hosts: Vec<PathBuf>,
    pub host_key: HostKeyPolicy,
    /// The name of the host in known_hosts, instead of address and port.
    pub host_key_alias: Option<String>,
    pub connect_timeout: Duration,
    pub admin: AdminMethod,
    pub lane: LaneKind,
    /// Used by a WinRM endpoint only.
    pub tls: Tls,
    /// A file with the certificate that logs in to a WinRM endpoint, and its private key.
    pub certificate: Option<PathBuf>,
    /// Where the KDC of the user's realm is, for a WinRM endpoint; krb5.conf says it without.
    pub kdc: Option<String>,
    /// Connect through this host.
    pub jump: Option<Box<Endpoint>>,
    /// A command line whose input and output are the connection.
    pub proxy_command: Option<String>,
    pub family: AddressFamily,
    /// The address of this machine that a connection comes from.
    pub bind_address: Option<String>,
    pub keepalive: Keepalive,
    pub algorithms: Algorithms,
    /// Why nobody tries to get in.
    pub refused: Option<Refused>,
    /// What the host's programs are written in.
    pub language: Language,
    /// A POSIX shell on the host, where they are for one.
    pub shell: String,
    /// Variables of this process that a local shell does not get: what they hold is for opsc alone.
    pub unset: Vec<String>,
}

impl Endpoint {
    /// This machine.
    pub fn local(name: &str) -> Endpoint {
        Endpoint { transport: Wire::Local, ..Endpoint::ssh(name, "localhost", "") }
    }

    /// A host behind SSH with the defaults: port 22, strict host keys of `~/.ssh/known_hosts`, ten seconds, sudo.
    pub fn ssh(name: &str, address: &str, user: &str) -> Endpoint {
        let mut known_hosts = vec![PathBuf::from("/etc/ssh/ssh_known_hosts")];
        if let Some(home) = std::env::home_dir() {
            known_hosts.insert(0, home.join(".ssh/known_hosts"));
        }
        Endpoint {
            name: name.to_owned(),
            address: address.to_owned(),
            port: 22,
            user: user.to_owned(),
            transport: Wire::Ssh,
            key: None,
            identities: Identities::default(),
            methods: None,
            known_hosts,
            host_key: HostKeyPolicy::Strict,
            host_key_alias: None,
            connect_timeout: Duration::from_secs(10),
            admin: AdminMethod::Sudo,
            lane: LaneKind::Auto,
            tls: Tls::Machine,
            certificate: None,
            kdc: None,
            jump: None,
            proxy_command: None,
            family: AddressFamily::Any,
            bind_address: None,
            keepalive: Keepalive { interval: Duration::from_secs(15), most: 3 },
            algorithms: Algorithms::default(),
            refused: None,
            language: Language::Sh,
            shell: "/bin/sh".to_owned(),
            unset: Vec::new(),
        }
    }
}

impl Endpoint {
    /// An error where nobody tries to get in.
    pub(super) fn expect_open(&self) -> Result<(), TransportError> {
        let host = self.name.clone();
        match self.refused.clone() {
            None => Ok(()),
            Some(Refused::SshConfig(error)) => Err(TransportError::SshConfig { host, error }),
            Some(Refused::Credential { setting, reason }) => Err(TransportError::Credential { host, setting, reason }),
        }
    }

    /// What its programs are written in: nobody has a POSIX shell behind WinRM.
    pub(super) fn language(&self) -> Language {
        if self.transport == Wire::Winrm { Language::PowerShell } else { self.language }
    }

    /// Names variables that no process gets which is started on the way to it.
    pub fn hide_variables(&mut self, names: &[String]) {
        self.unset.extend_from_slice(names);
        if let Some(jump) = &mut self.jump {
            jump.hide_variables(names);
        }
    }
}

/// What proves who we are. Never part of a plan.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Credentials {
    /// The login password; also answers keyboard-interactive.
    pub password: Option<Secret<String>>,
    /// What sudo or su asks for.
    pub admin_password: Option<Secret<String>>,
    /// Opens encrypted key files.
    pub passphrase: Option<Secret<String>>,
    pub use_agent: bool,
    /// The agent's socket; `SSH_AUTH_SOCK` without one.
    pub agent_socket: Option<PathBuf>,
    /// For the host on the way, which learns nothing of what its neighbour takes; the same without it.
    pub jump: Option<Box<Credentials>>,
}

impl Credentials {
    pub(super) fn on_the_way(&self) -> &Credentials {
        self.jump.as_deref().unwrap_or(self)
    }
}
