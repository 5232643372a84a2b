//! `~/.ssh/config` as OpenSSH reads it: what it says of one host, for those who connect. Knows nothing of inventories.
//!
//! Names are not looked up (`CanonicalizeHostname`), and no program is run to find a host (`Match exec`) unless that is
//! allowed: both are errors where they would count.

use std::net::IpAddr;
use std::path::PathBuf;

use super::algorithms::Algorithms;
use super::endpoint::Agent;
use super::ssh_config_holds::{Chosen, Pass};
use super::ssh_config_parse::{Entry, Reader, Value};
use super::ssh_config_tokens::{OF_COMMAND, OF_HOST_NAME, Tokens};

pub use super::ssh_config_error::{Place, SshConfigError};
pub use super::ssh_config_tokens::Here;
pub use super::ssh_config_values::{Hop, Key};

const OF_SYSTEM: &str = "/etc/ssh/ssh_config";

/// Which files are read.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub enum Files {
    /// `~/.ssh/config` and that of the system, where they are there.
    #[default]
    Usual,
    None,
    /// This one alone, as after `ssh -F`.
    Only(PathBuf),
}

/// What somebody would type after `ssh`.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Asked {
    pub host: String,
    pub user: Option<String>,
    pub port: Option<u16>,
}

/// The files, read once for all hosts.
#[derive(Debug)]
pub struct SshConfig {
    files: Vec<Vec<Entry>>,
    here: Here,
    /// Whether `Match exec` may run its program.
    runs_programs: bool,
}

/// A file as it is written, and where it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NamedFile {
    pub written: String,
    pub path: PathBuf,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Way {
    Direct,
    /// Through these hosts, in this order.
    Jumps(Vec<Hop>),
    /// A command line for the shell, as it is written and as it is run.
    Command {
        written: String,
        line: String,
    },
}

/// An option with the file that has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Said {
    pub key: Key,
    pub value: String,
    pub place: Place,
}

/// What holds for one host. `None` where nobody says anything.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SshOptions {
    pub address: String,
    pub user: Option<String>,
    pub port: Option<u16>,
    /// Empty for the usual ones; `none` is among them as such.
    pub identity_files: Vec<NamedFile>,
    pub certificate_files: Vec<NamedFile>,
    pub identities_only: bool,
    /// As it is written.
    pub identity_agent: Option<String>,
    pub agent: Agent,
    pub host_key_alias: Option<String>,
    pub user_known_hosts: Option<Vec<PathBuf>>,
    pub global_known_hosts: Option<Vec<PathBuf>>,
    /// `true`, `false`, `ask` or `accept-new`.
    pub strict_host_key_checking: Option<String>,
    /// Seconds.
    pub connect_timeout: Option<u64>,
    pub server_alive_interval: Option<u64>,
    pub server_alive_count_max: Option<u64>,
    pub preferred_authentications: Option<String>,
    /// `any`, `inet` or `inet6`.
    pub address_family: Option<String>,
    pub bind_address: Option<String>,
    pub algorithms: Algorithms,
    pub way: Way,
    /// Every option that a file sets.
    pub said: Vec<Said>,
}

impl SshConfig {
    pub fn read(files: &Files, here: Here, runs_programs: bool) -> Result<SshConfig, SshConfigError> {
        let mut read = Vec::new();
        let users = here.home.join(".ssh/config");
        let named = match files {
            Files::None => Vec::new(),
            Files::Only(file) => vec![(file.clone(), true, false)],
            Files::Usual => vec![(users, true, true), (PathBuf::from(OF_SYSTEM), false, false)],
        };
        for (file, is_users, is_checked) in named {
            if *files == Files::Usual && !file.exists() {
                continue;
            }
            read.push(Reader { here: &here, is_users, files: 0 }.read(&file, is_checked, 0)?);
        }
        Ok(SshConfig { files: read, here, runs_programs })
    }

    /// From a text as if it were a file of this name.
    pub fn parse(name: &str, text: &str, here: Here) -> Result<SshConfig, SshConfigError> {
        let mut reader = Reader { here: &here, is_users: true, files: 0 };
        let entries = reader.parse(&PathBuf::from(name), text, 0)?;
        Ok(SshConfig { files: vec![entries], here, runs_programs: false })
    }

    /// What holds for a host.
    pub fn options(&self, asked: &Asked) -> Result<SshOptions, SshConfigError> {
        check_characters(asked)?;
        let mut chosen = Chosen::default();
        if let Some(user) = &asked.user {
            chosen.first.insert(Key::User, (Value::Text(user.clone()), None));
        }
        if let Some(port) = asked.port {
            chosen.first.insert(Key::Port, (Value::Number(port.into()), None));
        }
        let wants_final = self.walk(asked, &mut chosen, &asked.host, false)?;
        let host = self.address(asked, &chosen)?;
        if let Some((Value::Text(choice), Some(place))) = chosen.first.get(&Key::CanonicalizeHostname)
            && choice != "false"
        {
            return Err(SshConfigError::Canonicalize { place: place.clone() });
        }
        if wants_final {
            let place = chosen.first.remove(&Key::HostName).and_then(|(_, place)| place);
            chosen.first.insert(Key::HostName, (Value::Text(host.clone()), place));
            self.walk(asked, &mut chosen, &host, true)?;
        }
        self.told(asked, &chosen, host)
    }

    fn walk(&self, asked: &Asked, chosen: &mut Chosen, host: &str, is_final: bool) -> Result<bool, SshConfigError> {
        let (here, runs_programs) = (&self.here, self.runs_programs);
        let mut pass = Pass { asked, here, runs_programs, chosen, host, is_final, wants_final: false };
        for file in &self.files {
            pass.walk(file, false)?;
        }
        Ok(pass.wants_final)
    }

    /// Where the host is: addresses in their usual form, names in lower case.
    fn address(&self, asked: &Asked, chosen: &Chosen) -> Result<String, SshConfigError> {
        let host = match chosen.text(Key::HostName) {
            Some(name) => self.tokens(asked, chosen, &asked.host).in_text(name, OF_HOST_NAME)?,
            None => asked.host.clone(),
        };
        Ok(host.parse::<IpAddr>().map_or_else(|_| host.to_lowercase(), |address| address.to_string()))
    }

    fn tokens<'a>(&'a self, asked: &'a Asked, chosen: &'a Chosen, host: &'a str) -> Tokens<'a> {
        Tokens {
            here: &self.here,
            host,
            original: &asked.host,
            alias: chosen.text(Key::HostKeyAlias).unwrap_or(&asked.host),
            port: chosen.port().unwrap_or(22),
            user: chosen.text(Key::User).unwrap_or(&self.here.user),
        }
    }

    fn told(&self, asked: &Asked, chosen: &Chosen, address: String) -> Result<SshOptions, SshConfigError> {
        let alias = chosen.text(Key::HostKeyAlias).map(str::to_lowercase);
        let mut tokens = self.tokens(asked, chosen, &address);
        if let Some(alias) = &alias {
            tokens.alias = alias;
        }
        let text = |key| chosen.text(key).map(str::to_owned);
        let (identity_agent, agent) = agent(chosen.text(Key::IdentityAgent), &tokens)?;
        Ok(SshOptions {
            address: address.clone(),
            user: text(Key::User),
            port: chosen.port(),
            identity_files: named_files(&chosen.identity_files, &tokens)?,
            certificate_files: named_files(&chosen.certificate_files, &tokens)?,
            identities_only: chosen.text(Key::IdentitiesOnly) == Some("yes"),
            identity_agent,
            agent,
            host_key_alias: alias.clone(),
            user_known_hosts: known_hosts(chosen.texts(Key::UserKnownHostsFile), Some(&tokens))?,
            global_known_hosts: known_hosts(chosen.texts(Key::GlobalKnownHostsFile), None)?,
            strict_host_key_checking: text(Key::StrictHostKeyChecking),
            connect_timeout: chosen.number(Key::ConnectTimeout),
            server_alive_interval: chosen.number(Key::ServerAliveInterval),
            server_alive_count_max: chosen.number(Key::ServerAliveCountMax),
            preferred_authentications: text(Key::PreferredAuthentications),
            address_family: text(Key::AddressFamily),
            bind_address: text(Key::BindAddress),
            algorithms: Algorithms {
                ciphers: text(Key::Ciphers),
                key_exchanges: text(Key::KexAlgorithms),
                macs: text(Key::Macs),
                host_keys: text(Key::HostKeyAlgorithms),
            },
            way: way(chosen, &tokens)?,
            said: said(chosen),
        })
    }
}

fn said(chosen: &Chosen) -> Vec<Said> {
    let one = |(key, (value, place)): (&Key, &(Value, Option<Place>))| {
        let value = match key {
            Key::IdentityFile => chosen.identity_files.join(" "),
            Key::CertificateFile => chosen.certificate_files.join(" "),
            _ => value.to_string(),
        };
        Some(Said { key: *key, value, place: place.clone()? })
    };
    chosen.first.iter().filter_map(one).collect()
}

/// Names may reach a shell in `ProxyCommand` and `Match exec`; what a file says is its owner's own.
fn check_characters(asked: &Asked) -> Result<(), SshConfigError> {
    let is_blank = |character: char| character.is_ascii_whitespace() || character.is_ascii_control();
    let host = asked.host.as_str();
    if host.starts_with('-') || host.contains(|found| "'`\"$\\;&<>|(){},".contains(found) || is_blank(found)) {
        return Err(SshConfigError::Characters { what: "address", text: host.to_owned() });
    }
    let user = asked.user.as_deref().unwrap_or_default();
    let has_flag = user.split(|character: char| character.is_ascii_whitespace()).any(|word| word.starts_with('-'));
    if has_flag || user.ends_with('\\') || user.contains(|found| "'`\";&<>|(){}".contains(found)) {
        return Err(SshConfigError::Characters { what: "user", text: user.to_owned() });
    }
    Ok(())
}

fn way(chosen: &Chosen, tokens: &Tokens<'_>) -> Result<Way, SshConfigError> {
    if let Some(command) = chosen.text(Key::ProxyCommand).filter(|command| !command.eq_ignore_ascii_case("none")) {
        let line = tokens.in_text(command, OF_COMMAND)?;
        return Ok(Way::Command { written: command.to_owned(), line });
    }
    Ok(match chosen.first.get(&Key::ProxyJump) {
        Some((Value::Jumps(jumps), _)) if !jumps.is_empty() => Way::Jumps(jumps.clone()),
        _ => Way::Direct,
    })
}

fn agent(written: Option<&str>, tokens: &Tokens<'_>) -> Result<(Option<String>, Agent), SshConfigError> {
    let Some(written) = written else { return Ok((None, Agent::Usual)) };
    let path = tokens.in_path(written)?;
    let agent = match path.strip_prefix('$') {
        // The old way to name a variable; one that is not set is no agent.
        Some(name) => std::env::var_os(name).map_or(Agent::None, |socket| Agent::Socket(socket.into())),
        None if path.eq_ignore_ascii_case("none") => Agent::None,
        None if path == "SSH_AUTH_SOCK" => Agent::Usual,
        None => Agent::Socket(PathBuf::from(&path)),
    };
    Ok((Some(path), agent))
}

fn named_files(written: &[String], tokens: &Tokens<'_>) -> Result<Vec<NamedFile>, SshConfigError> {
    let named = |written: &String| {
        let path = PathBuf::from(tokens.in_path(written)?);
        Ok(NamedFile { written: written.clone(), path })
    };
    written.iter().map(named).collect()
}

/// Tokens are for the files of users.
fn known_hosts(files: Option<&[String]>, tokens: Option<&Tokens<'_>>) -> Result<Option<Vec<PathBuf>>, SshConfigError> {
    let Some(files) = files else { return Ok(None) };
    if files.first().is_some_and(|file| file.eq_ignore_ascii_case("none")) {
        return Ok(Some(Vec::new()));
    }
    let path = |file: &String| tokens.map_or(Ok(file.clone()), |tokens| tokens.in_path(file)).map(PathBuf::from);
    files.iter().map(path).collect::<Result<_, _>>().map(Some)
}
