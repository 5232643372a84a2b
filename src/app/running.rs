//! What a run needs from this machine: endpoints from the inventory, contents of files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::credentials::{self, CredentialSource};
use super::files::ProjectFiles;
use super::reaching::Reach;
use crate::base::ids::HostId;
use crate::base::secret::Secret;
use crate::hir::folder::{FolderFault, FolderRef};
use crate::hir::types::Os;
use crate::hir::value::FileRef;
use crate::hir::world::{self, Host, Inventory, TransportKind};
use crate::run::facts::language_of;
use crate::run::ports::{ContentFailure, ContentStore};
use crate::transport::{AdminMethod, Credentials, Endpoint, HostKeyPolicy, LaneKind, Tls, Wire};

/// Connection settings of the command line; they win over every level of the inventory.
#[derive(Clone, Default, Debug)]
pub struct ConnectOptions {
    /// Where relative paths of the inventory start: the project.
    pub root: PathBuf,
    pub user: Option<String>,
    pub key: Option<PathBuf>,
    pub timeout: Option<Duration>,
    /// The file that stands for ssh's own configuration; `none` for no file at all.
    pub ssh_config: Option<PathBuf>,
    /// Whether `Match exec` of ssh's configuration may run programs.
    pub ssh_config_exec: bool,
    pub password: Option<Secret<String>>,
    pub admin_password: Option<Secret<String>>,
    /// Opens private keys that are encrypted.
    pub passphrase: Option<Secret<String>>,
    /// Reads what the inventory names of these three.
    pub credentials: Option<CredentialSource>,
}

/// How each of these hosts is reached, and what proves who we are.
pub fn endpoints(
    inventory: &Inventory,
    hosts: impl Iterator<Item = HostId>,
    options: &ConnectOptions,
) -> BTreeMap<HostId, (Endpoint, Credentials)> {
    let hosts: Vec<HostId> = hosts.collect();
    let references = credentials::references(inventory, &hosts, options);
    let hidden = credentials::variables(&references);
    credentials::read(references, options);
    let reach = Reach::new(options);
    let place = |id: HostId| {
        let (mut endpoint, credentials) = place(inventory.hosts.at(id), inventory, &reach, 0);
        endpoint.hide_variables(&hidden);
        (id, (endpoint, credentials))
    };
    hosts.into_iter().map(place).collect()
}

/// Jump hosts may have jump hosts; more than a few are a loop.
const MOST_JUMPS: usize = 4;

/// Where a host is and what it is given, each host on the way its own.
fn place(host: &Host, inventory: &Inventory, reach: &Reach<'_>, jumps: usize) -> (Endpoint, Credentials) {
    let jump = host.connection.jump.as_ref().filter(|_| jumps < MOST_JUMPS).and_then(|name| inventory.host(name));
    let jump = jump.map(|id| place(inventory.hosts.at(id), inventory, reach, jumps + 1));
    let (jump, of_jump) = jump.map_or((None, None), |(endpoint, credentials)| (Some(endpoint), Some(credentials)));
    let endpoint = endpoint(host, reach, jump);
    let of_jump = of_jump.unwrap_or_else(|| credentials::of_command_line(reach.options));
    match credentials::of_host(host, reach.options) {
        Ok(credentials) => (endpoint, Credentials { jump: Some(Box::new(of_jump)), ..credentials }),
        Err(refused) => {
            let refused = endpoint.refused.clone().or(Some(refused));
            (Endpoint { refused, ..endpoint }, Credentials { jump: Some(Box::new(of_jump)), ..Credentials::default() })
        }
    }
}

/// The command line, then the inventory, then ssh's configuration, then defaults.
fn endpoint(host: &Host, reach: &Reach<'_>, jump: Option<Endpoint>) -> Endpoint {
    let options = reach.options;
    let connection = &host.connection;
    if connection.transport == TransportKind::Local {
        return Endpoint { admin: admin(connection.admin), ..Endpoint::local(&host.name) };
    }
    let jump = jump.map(Box::new);
    if connection.transport == TransportKind::Winrm {
        return Endpoint { jump, ..winrm(host, options) };
    }
    let below = reach.by_ssh_config(host);
    let key = options.key.as_deref().and_then(Path::to_str).map(in_home);
    Endpoint {
        key: key.or(connection.key.as_deref().map(|key| in_project(&options.root, key))),
        known_hosts: connection
            .known_hosts
            .as_deref()
            .map_or(below.known_hosts.clone(), |file| vec![in_project(&options.root, file)]),
        host_key: match connection.host_key {
            Some(world::HostKeyPolicy::Strict) => HostKeyPolicy::Strict,
            Some(world::HostKeyPolicy::AcceptNew) => HostKeyPolicy::AcceptNew,
            None => below.host_key,
        },
        connect_timeout: options
            .timeout
            .or_else(|| connection.connect_timeout.map(Duration::from_millis))
            .unwrap_or(below.connect_timeout),
        admin: if host.os == Some(Os::Windows) { AdminMethod::None } else { admin(connection.admin) },
        lane: lane(connection.lane),
        language: language_of(host.os),
        jump: jump.or_else(|| below.jump.clone()),
        ..below
    }
}

/// ssh's configuration says nothing of it.
fn winrm(host: &Host, options: &ConnectOptions) -> Endpoint {
    let connection = &host.connection;
    let user = options.user.clone().or_else(|| connection.user.clone()).unwrap_or_else(login_name);
    let usual = Endpoint::ssh(&host.name, &host.address, &user);
    Endpoint {
        transport: Wire::Winrm,
        port: connection.port_or_usual().unwrap_or(usual.port),
        connect_timeout: options
            .timeout
            .or_else(|| connection.connect_timeout.map(Duration::from_millis))
            .unwrap_or(usual.connect_timeout),
        admin: AdminMethod::None,
        tls: match connection.tls_or_usual() {
            world::Tls::Machine => Tls::Machine,
            world::Tls::Authorities(file) => Tls::Authorities(in_project(&options.root, &file)),
            world::Tls::Pinned(sha256) => Tls::Pinned(sha256),
            world::Tls::None => Tls::None,
        },
        kdc: connection.kdc.clone(),
        certificate: connection.certificate.as_deref().map(|file| in_project(&options.root, file)),
        ..usual
    }
}

fn admin(method: world::AdminMethod) -> AdminMethod {
    match method {
        world::AdminMethod::Sudo => AdminMethod::Sudo,
        world::AdminMethod::Su => AdminMethod::Su,
        world::AdminMethod::Doas => AdminMethod::Doas,
        world::AdminMethod::None => AdminMethod::None,
    }
}

fn lane(kind: world::LaneKind) -> LaneKind {
    match kind {
        world::LaneKind::Auto => LaneKind::Auto,
        world::LaneKind::Persistent => LaneKind::Persistent,
        world::LaneKind::Exec => LaneKind::Exec,
        world::LaneKind::Raw => LaneKind::Raw,
    }
}

/// Who runs this process: by the environment, or by the user database where a job has no environment.
pub fn login_name() -> String {
    let named = ["USER", "LOGNAME"].iter().filter_map(|name| std::env::var(name).ok()).find(|name| !name.is_empty());
    named.or_else(name_of_process).unwrap_or_else(|| "root".to_string())
}

fn name_of_process() -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    let uid = std::fs::metadata("/proc/self").ok()?.uid().to_string();
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    let of_uid = |line: &&str| line.split(':').nth(2) == Some(uid.as_str());
    users.lines().find(of_uid)?.split(':').next().map(str::to_string)
}

/// A path of the inventory, wherever the command was started.
pub(super) fn in_project(root: &Path, path: &str) -> PathBuf {
    root.join(in_home(path))
}

pub(super) fn in_home(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
}

impl ContentStore for ProjectFiles {
    fn file(&self, path: &str) -> Option<FileRef> {
        self.named.files.get(path).cloned()
    }

    fn folder(&self, path: &str) -> Result<FolderRef, FolderFault> {
        self.named.folder(path)
    }

    fn content(&self, sha256: &str) -> Result<Vec<u8>, ContentFailure> {
        self.read_content(sha256).map_err(|reason| ContentFailure { sha256: sha256.to_string(), reason })
    }
}
