//! What proves who we are to each host: what the command line gives, else what the inventory names. Each reference is
//! read once, and only where a host is about to be reached. Knows nothing of connections.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::errors::AppError;
use super::project::Project;
use super::running::ConnectOptions;
use super::secret_providers::providers;
use super::settings::Settings;
use crate::base::ids::HostId;
use crate::base::secret::Secret;
use crate::hir::world::{Host, Inventory, TransportKind};
use crate::secrets::providers::can_be_hidden;
use crate::secrets::{Ask, Resolved, SecretError, file, resolve_each};
use crate::transport::{Credentials, Refused};

/// Reads what an inventory names, and keeps it for as long as the command runs.
#[derive(Clone, Debug)]
pub struct CredentialSource {
    project: Project,
    settings: Settings,
    ask: Option<Ask>,
    known: RefCell<Known>,
}

#[derive(Clone, Default, Debug)]
struct Known {
    resolved: Resolved,
    /// Why a reference has no text.
    failures: BTreeMap<String, String>,
}

impl CredentialSource {
    pub fn new(project: &Project, settings: &Settings, ask: Option<Ask>) -> CredentialSource {
        CredentialSource { project: project.clone(), settings: settings.clone(), ask, known: RefCell::default() }
    }

    /// Everything that was read so far.
    pub fn resolved(&self) -> Resolved {
        self.known.borrow().resolved.clone()
    }

    fn read(&self, references: BTreeSet<String>) {
        let is_new = |reference: &String| {
            let known = self.known.borrow();
            known.resolved.get(reference).is_none() && !known.failures.contains_key(reference)
        };
        let new: BTreeSet<String> = references.into_iter().filter(is_new).collect();
        if new.is_empty() {
            return;
        }
        let (resolved, failures) = resolve_each(&new, &providers(&self.project, &self.settings, self.ask));
        let mut known = self.known.borrow_mut();
        known.resolved.extend(resolved);
        known.failures.extend(failures.into_iter().map(|failure| (failure.reference.clone(), failure.to_string())));
    }

    fn get(&self, reference: &str) -> Result<Secret<String>, String> {
        let known = self.known.borrow();
        let failed =
            || known.failures.get(reference).cloned().unwrap_or_else(|| format!("{reference}: nobody read it"));
        known.resolved.get(reference).cloned().ok_or_else(failed)
    }
}

/// One of the texts that a host may ask for.
struct Wanted<'a> {
    setting: &'static str,
    given: Option<&'a Secret<String>>,
    /// Not asked where the command line gives it.
    reference: Option<&'a String>,
}

impl<'a> Wanted<'a> {
    fn new(setting: &'static str, given: &'a Option<Secret<String>>, reference: &'a Option<String>) -> Wanted<'a> {
        Wanted { setting, given: given.as_ref(), reference: reference.as_ref().filter(|_| given.is_none()) }
    }

    fn text(&self, source: Option<&CredentialSource>) -> Result<Option<Secret<String>>, Refused> {
        let Some(reference) = self.reference else { return Ok(self.given.cloned()) };
        let read = source
            .map_or_else(|| Err(format!("{reference}: nobody reads secrets here")), |source| source.get(reference));
        read.map(Some).map_err(|reason| Refused::Credential { setting: self.setting, reason })
    }
}

/// Login password, passphrase of the login key, password of the admin method.
fn wanted<'a>(host: &'a Host, options: &'a ConnectOptions) -> [Wanted<'a>; 3] {
    let connection = &host.connection;
    // Who stays on this machine logs in nowhere.
    let logs_in = connection.transport != TransportKind::Local;
    let of_login = |reference: &'a Option<String>| if logs_in { reference } else { &None };
    [
        Wanted::new("password", &options.password, of_login(&connection.password)),
        Wanted::new("passphrase", &options.passphrase, of_login(&connection.passphrase)),
        Wanted::new("admin_password", &options.admin_password, &connection.admin_password),
    ]
}

/// What the inventory names for these hosts and those on their way, as far as the command line does not give it.
pub(super) fn references(inventory: &Inventory, hosts: &[HostId], options: &ConnectOptions) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut open = hosts.to_vec();
    let mut found = BTreeSet::new();
    while let Some(id) = open.pop() {
        if seen.insert(id) {
            let host = inventory.hosts.at(id);
            found.extend(wanted(host, options).iter().filter_map(|wanted| wanted.reference.cloned()));
            open.extend(host.connection.jump.as_ref().and_then(|jump| inventory.host(jump)));
        }
    }
    found
}

/// What the command line gives, under the names of its settings.
fn texts_given(options: &ConnectOptions) -> impl Iterator<Item = (&'static str, &Secret<String>)> {
    let texts = [
        ("password", &options.password),
        ("passphrase", &options.passphrase),
        ("admin_password", &options.admin_password),
    ];
    texts.into_iter().filter_map(|(setting, text)| Some((setting, text.as_ref()?)))
}

/// The same, since it may come back in what hosts print.
pub(super) fn given(options: &ConnectOptions) -> Resolved {
    let mut given = Resolved::default();
    texts_given(options).for_each(|(setting, text)| given.insert(setting, text.clone()));
    given
}

/// Which of it is too short to be hidden there. It is no reason to refuse: a host's password is what it is.
pub fn never_hidden(options: &ConnectOptions) -> Vec<&'static str> {
    texts_given(options).filter(|(_, text)| !can_be_hidden(text)).map(|(setting, _)| setting).collect()
}

/// The text of a file that its owner alone may read, without the line ends behind it.
pub fn password_file(path: &Path) -> Result<Secret<String>, AppError> {
    let refuse = |error| AppError::PasswordFile { path: path.to_path_buf(), error };
    let text = file::read(Path::new(""), &path.display().to_string()).map_err(refuse)?;
    let password = text.expose().trim_end_matches(['\n', '\r']);
    if password.is_empty() { Err(refuse(SecretError::Empty)) } else { Ok(Secret::new(password.to_string())) }
}

/// Variables of this process among references, which no process gets that it starts.
pub(super) fn variables(references: &BTreeSet<String>) -> Vec<String> {
    references.iter().filter_map(|reference| reference.strip_prefix("env:")).map(str::to_string).collect()
}

/// Reads what is named for hosts; what cannot be read refuses its hosts, and nobody else.
pub(super) fn read(references: BTreeSet<String>, options: &ConnectOptions) {
    if let Some(source) = &options.credentials {
        source.read(references);
    }
}

/// What a host is given, or why it is not tried. What was read before counts.
pub(super) fn of_host(host: &Host, options: &ConnectOptions) -> Result<Credentials, Refused> {
    let source = options.credentials.as_ref();
    let [password, passphrase, admin_password] = wanted(host, options).map(|wanted| wanted.text(source));
    let (password, passphrase, admin_password) = (password?, passphrase?, admin_password?);
    Ok(Credentials {
        // Where nobody says otherwise sudo takes the password of the login.
        admin_password: admin_password.or_else(|| password.clone()),
        password,
        passphrase,
        ..of_command_line(options)
    })
}

/// What hosts are given that the inventory does not know.
pub(super) fn of_command_line(options: &ConnectOptions) -> Credentials {
    Credentials {
        password: options.password.clone(),
        admin_password: options.admin_password.clone().or_else(|| options.password.clone()),
        passphrase: options.passphrase.clone(),
        use_agent: true,
        agent_socket: None,
        jump: None,
    }
}
