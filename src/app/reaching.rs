//! What ssh's own configuration says of how hosts are reached, for those that the inventory and the command line leave
//! open. A host is looked up by its address, as `ssh ADDRESS` would.

use std::cell::OnceCell;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::errors::AppError;
use super::running::{ConnectOptions, in_home, login_name};
use crate::hir::world::{Host, TransportKind};
use crate::state::process::machine;
use crate::transport::ssh_config::{
    Asked, Files, Here, Hop, Key, NamedFile, SshConfig, SshConfigError, SshOptions, Way,
};
use crate::transport::{AddressFamily, Endpoint, HostKeyPolicy, Identities, Keepalive, Refused};

/// More hosts on the way than this are a loop.
const MOST_HOPS: usize = 16;

/// The configuration, read when the first host asks for it: who stays on this machine needs none.
pub(super) struct Reach<'a> {
    pub(super) options: &'a ConnectOptions,
    config: OnceCell<Result<SshConfig, SshConfigError>>,
}

impl<'a> Reach<'a> {
    pub(super) fn new(options: &'a ConnectOptions) -> Reach<'a> {
        Reach { options, config: OnceCell::new() }
    }

    fn config(&self) -> Result<&SshConfig, SshConfigError> {
        self.config.get_or_init(|| read(self.options)).as_ref().map_err(SshConfigError::clone)
    }

    /// An endpoint by configuration and defaults alone; one that cannot be told says why when it is connected to.
    pub(super) fn by_ssh_config(&self, host: &Host) -> Endpoint {
        let asked = asked(host, self.options);
        self.told(host, &asked).unwrap_or_else(|error| {
            let user = asked.user.clone().unwrap_or_else(login_name);
            Endpoint { refused: Some(Refused::SshConfig(error)), ..Endpoint::ssh(&host.name, &asked.host, &user) }
        })
    }

    fn told(&self, host: &Host, asked: &Asked) -> Result<Endpoint, SshConfigError> {
        let config = self.config()?;
        let said = config.options(asked)?;
        let endpoint = plain(&host.name, &said);
        // The inventory knows another way.
        if host.connection.jump.is_some() { Ok(endpoint) } else { on_its_way(endpoint, &said.way, config, 0) }
    }
}

/// The files that hold here.
fn read(options: &ConnectOptions) -> Result<SshConfig, SshConfigError> {
    let files = match options.ssh_config.as_deref().and_then(Path::to_str) {
        None => Files::Usual,
        Some("none") => Files::None,
        Some(file) => Files::Only(in_home(file)),
    };
    SshConfig::read(&files, here(), options.ssh_config_exec)
}

fn here() -> Here {
    let home = std::env::home_dir().unwrap_or_else(|| PathBuf::from("/"));
    // Where there is no `/proc`, a home belongs to its user.
    let owner = std::fs::metadata("/proc/self").or_else(|_| std::fs::metadata(&home));
    Here { user: login_name(), uid: owner.map_or(0, |data| data.uid()), machine: machine(), home }
}

/// What the command line and the inventory say already.
fn asked(host: &Host, options: &ConnectOptions) -> Asked {
    let connection = &host.connection;
    let user = options.user.clone().or_else(|| connection.user.clone());
    Asked { host: host.address.clone(), user, port: connection.port }
}

/// An option of ssh's configuration that counts for a host.
pub struct Said {
    pub name: &'static str,
    pub value: String,
    /// File and line.
    pub place: String,
}

/// What the configuration says of one host where the inventory says nothing; empty for this machine.
pub fn said_of(host: &Host, options: &ConnectOptions) -> Result<Vec<Said>, AppError> {
    if host.connection.transport != TransportKind::Ssh {
        return Ok(Vec::new());
    }
    let found = read(options).and_then(|config| config.options(&asked(host, options)));
    let found = found.map_err(|error| AppError::SshConfig { error })?;
    let connection = &host.connection;
    let is_open = |key: &Key| match key {
        Key::IdentityFile => options.key.is_none() && connection.key.is_none(),
        Key::UserKnownHostsFile | Key::GlobalKnownHostsFile => connection.known_hosts.is_none(),
        Key::StrictHostKeyChecking => connection.host_key.is_none(),
        Key::ConnectTimeout => options.timeout.is_none() && connection.connect_timeout.is_none(),
        Key::ProxyJump | Key::ProxyCommand => connection.jump.is_none(),
        Key::IgnoreUnknown => false,
        _ => true,
    };
    let open = found.said.into_iter().filter(|said| is_open(&said.key));
    Ok(open.map(|said| Said { name: said.key.name(), value: said.value, place: said.place.to_string() }).collect())
}

fn on_its_way(endpoint: Endpoint, way: &Way, config: &SshConfig, hops: usize) -> Result<Endpoint, SshConfigError> {
    Ok(match way {
        Way::Direct => endpoint,
        Way::Command { line, .. } => Endpoint { proxy_command: Some(line.clone()), ..endpoint },
        Way::Jumps(jumps) => Endpoint { jump: through(jumps, config, hops)?.map(Box::new), ..endpoint },
    })
}

/// The last of the hosts, which is reached through those before it; the first goes the way that its own lines say.
fn through(jumps: &[Hop], config: &SshConfig, hops: usize) -> Result<Option<Endpoint>, SshConfigError> {
    let Some((last, before)) = jumps.split_last() else { return Ok(None) };
    if hops >= MOST_HOPS {
        return Err(SshConfigError::JumpLoop { host: last.host.clone() });
    }
    let asked = Asked { host: last.host.clone(), user: last.user.clone(), port: last.port };
    let said = config.options(&asked)?;
    let way = if before.is_empty() { said.way.clone() } else { Way::Jumps(before.to_vec()) };
    on_its_way(plain(&last.host, &said), &way, config, hops + 1).map(Some)
}

/// Everything but the way.
fn plain(name: &str, said: &SshOptions) -> Endpoint {
    let user = said.user.clone().unwrap_or_else(login_name);
    let defaults = Endpoint::ssh(name, &said.address, &user);
    // Zero is as good as nothing said, as ssh has it.
    let seconds = |seconds: Option<u64>| seconds.filter(|seconds| *seconds > 0).map(Duration::from_secs);
    Endpoint {
        port: said.port.unwrap_or(defaults.port),
        identities: Identities {
            files: (!said.identity_files.is_empty()).then(|| paths(&said.identity_files)),
            certificates: paths(&said.certificate_files),
            only: said.identities_only,
            agent: said.agent.clone(),
        },
        methods: said.preferred_authentications.as_ref().map(|list| list.split(',').map(str::to_string).collect()),
        known_hosts: known_hosts(said, &defaults.known_hosts),
        host_key: match said.strict_host_key_checking.as_deref() {
            // A changed key is refused all the same.
            Some("accept-new" | "false") => HostKeyPolicy::AcceptNew,
            _ => defaults.host_key,
        },
        host_key_alias: said.host_key_alias.clone(),
        connect_timeout: seconds(said.connect_timeout).unwrap_or(defaults.connect_timeout),
        family: match said.address_family.as_deref() {
            Some("inet") => AddressFamily::V4,
            Some("inet6") => AddressFamily::V6,
            _ => AddressFamily::Any,
        },
        bind_address: said.bind_address.clone(),
        algorithms: said.algorithms.clone(),
        keepalive: Keepalive {
            interval: seconds(said.server_alive_interval).unwrap_or(defaults.keepalive.interval),
            most: said.server_alive_count_max.map_or(defaults.keepalive.most, |most| most as usize),
        },
        ..defaults
    }
}

fn paths(files: &[NamedFile]) -> Vec<PathBuf> {
    let named = files.iter().filter(|file| !file.written.eq_ignore_ascii_case("none"));
    named.map(|file| file.path.clone()).collect()
}

/// The user's files, then those of the system; new keys go to the first, and to nowhere where the user wants no file.
fn known_hosts(said: &SshOptions, defaults: &[PathBuf]) -> Vec<PathBuf> {
    let (of_system, of_user): (Vec<PathBuf>, Vec<PathBuf>) =
        defaults.iter().cloned().partition(|file| file.starts_with("/etc/ssh"));
    let nowhere = |files: Vec<PathBuf>| if files.is_empty() { vec![PathBuf::from("/dev/null")] } else { files };
    let mut files = said.user_known_hosts.clone().map_or(of_user, nowhere);
    files.extend(said.global_known_hosts.clone().unwrap_or(of_system));
    files
}
