//! Every way a session can fail, as data, with its prose and its hints. Knows nothing of retries.

use std::fmt;
use std::path::PathBuf;

use super::ssh_config_error::SshConfigError;
use super::winrm::error::WinrmError;
use crate::base::words;
use crate::shell::Language;
use crate::shell::error::ShellError;
use crate::shell::frames::FrameError;

/// `host` is the inventory name, `address` is `ADDRESS:PORT`, `user` is the user whose lane or login it was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TransportError {
    Dns {
        host: String,
        address: String,
        reason: String,
    },
    Refused {
        host: String,
        address: String,
    },
    Unreachable {
        host: String,
        address: String,
        reason: String,
    },
    ConnectTimeout {
        host: String,
        address: String,
        seconds: u64,
    },
    /// What ssh's configuration says of the host cannot be followed.
    SshConfig {
        host: String,
        error: SshConfigError,
    },
    /// What would let us in cannot be read.
    Credential {
        host: String,
        setting: &'static str,
        reason: String,
    },
    /// The command that should carry the connection ended.
    Proxy {
        host: String,
        command: String,
        reason: String,
    },
    /// What ssh's configuration allows of an option is nothing that opsc has.
    NoAlgorithm {
        host: String,
        option: &'static str,
    },
    /// Before the SSH handshake was over. A server that lets in no more at a time does so.
    HungUp {
        host: String,
        address: String,
    },
    /// The SSH handshake failed before anyone was asked who they are.
    Handshake {
        host: String,
        reason: String,
    },
    HostKeyUnknown {
        host: String,
        address: String,
        kind: String,
        fingerprint: String,
        /// As known_hosts has it: kind and key.
        key: String,
    },
    HostKeyChanged {
        host: String,
        file: PathBuf,
        line: usize,
        known: String,
        presented: String,
    },
    HostKeyRevoked {
        host: String,
        file: PathBuf,
        line: usize,
        fingerprint: String,
    },
    /// A certificate of an authority that is trusted here, and that does not hold for this host or now.
    HostKeyCertificate {
        host: String,
        address: String,
        reason: String,
    },
    KnownHosts {
        file: PathBuf,
        reason: String,
    },
    Key {
        path: PathBuf,
        reason: String,
    },
    KeyEncrypted {
        path: PathBuf,
    },
    KeyPassphrase {
        path: PathBuf,
    },
    /// Encrypted as OpenSSL did it before PKCS#8, in a way that is not read any more.
    KeyFormat {
        path: PathBuf,
    },
    /// No method was accepted. `tried` in order; `offered` is what the host would still take.
    Authentication {
        host: String,
        user: String,
        tried: Vec<String>,
        offered: Vec<String>,
    },
    ChannelRefused {
        host: String,
        reason: String,
    },
    /// The command that should open a lane never said hello.
    NoHello {
        host: String,
        user: String,
        said: String,
    },
    HelloTimeout {
        host: String,
        user: String,
        seconds: u64,
    },
    /// sudo, su or doas is not installed.
    PrivilegeMissing {
        host: String,
        method: &'static str,
    },
    PrivilegePasswordNeeded {
        host: String,
        method: &'static str,
        user: String,
    },
    PrivilegePasswordWrong {
        host: String,
        method: &'static str,
        user: String,
    },
    PrivilegeDenied {
        host: String,
        method: &'static str,
        user: String,
        said: String,
    },
    /// It would ask, and commands of the host get no input.
    PrivilegeNoInput {
        host: String,
        method: &'static str,
        user: String,
    },
    /// The host gives no way to another user, or the method cannot do it.
    PrivilegeNone {
        host: String,
        user: String,
    },
    /// The connection ended while a program ran: what it did is not known.
    Lost {
        host: String,
    },
    /// A program that was given up has not ended yet, or the host tells nobody.
    StillRuns {
        host: String,
    },
    /// The lane's shell ended while a program ran, the connection did not.
    LaneEnded {
        host: String,
        user: String,
        code: Option<i32>,
    },
    /// The shell ended before it read anything: nothing of the program was begun.
    NothingRead {
        host: String,
        user: String,
        code: i32,
        said: String,
    },
    /// Commands of the host get no input, and this needs one.
    NoInput {
        host: String,
        what: &'static str,
    },
    /// A step of another user on a Windows host lies in a file there.
    NotForOthers {
        host: String,
        user: String,
        what: &'static str,
    },
    /// As arguments of a command it would be longer than a host takes.
    ProgramTooLong {
        host: String,
        bytes: usize,
        most: usize,
    },
    /// The inventory says that the host has none.
    NoPosixShell {
        host: String,
    },
    /// The program is not for what reads programs there.
    OtherLanguage {
        host: String,
        program: Language,
    },
    Protocol {
        host: String,
        error: FrameError,
    },
    /// More fields than any result has.
    TooManyFields {
        host: String,
    },
    Spawn {
        shell: String,
        reason: String,
    },
    Program {
        error: ShellError,
    },
    /// The host did not take a file; the code is of the command that writes it.
    StageRefused {
        host: String,
        code: i32,
    },
    NoHashTool {
        host: String,
    },
    StageMismatch {
        host: String,
        expected: String,
        found: String,
    },
    NoRandomness,
    Winrm {
        host: String,
        error: WinrmError,
    },
}

impl TransportError {
    /// Whether the host could not be reached or entered at all, so that no step could have run.
    pub fn is_unreachable(&self) -> bool {
        use TransportError as E;
        if let E::Winrm { error, .. } = self {
            return error.is_unreachable();
        }
        matches!(
            self,
            E::Dns { .. }
                | E::Refused { .. }
                | E::Unreachable { .. }
                | E::ConnectTimeout { .. }
                | E::HungUp { .. }
                | E::Handshake { .. }
                | E::NoAlgorithm { .. }
                | E::SshConfig { .. }
                | E::Credential { .. }
                | E::Proxy { .. }
                | E::HostKeyUnknown { .. }
                | E::HostKeyChanged { .. }
                | E::HostKeyRevoked { .. }
                | E::HostKeyCertificate { .. }
                | E::KnownHosts { .. }
                | E::Key { .. }
                | E::KeyEncrypted { .. }
                | E::KeyPassphrase { .. }
                | E::KeyFormat { .. }
                | E::Authentication { .. }
                | E::ChannelRefused { .. }
                | E::NoHello { .. }
                | E::HelloTimeout { .. }
                | E::NothingRead { .. }
                | E::Lost { .. }
                | E::StillRuns { .. }
                | E::Spawn { .. }
        )
    }

    /// What to do about it, where there is something to do.
    pub fn hint(&self) -> Option<String> {
        use TransportError as E;
        Some(match self {
            E::HostKeyUnknown { host, .. } => format!("compare the fingerprint, then `opsc inv trust {host}`"),
            E::HostKeyChanged { file, line, .. } => format!(
                "if the host was rebuilt, remove line {line} of {}; if not, someone may be in between",
                file.display()
            ),
            E::SshConfig { error, .. } => return error.hint(),
            E::Winrm { error, .. } => return error.hint(),
            E::Credential { setting, .. } => format!(
                "mend what `{setting}` of the inventory names, or give it by {}",
                match *setting {
                    "passphrase" => "`--ask-key-pass`",
                    "admin_password" => "`-K`",
                    _ => "`-k`",
                }
            ),
            E::NoAlgorithm { option, .. } => format!("name another one there: `{option} +NAME` keeps the usual ones"),
            E::Proxy { .. } => "run the command by hand; it comes from `ProxyCommand` of ssh's configuration".to_owned(),
            E::KeyEncrypted { path } => format!(
                "`ssh-add {}`, or give its passphrase: `--ask-key-pass`, or the setting `private_key_passphrase`, or `passphrase` of the host",
                path.display()
            ),
            E::Key { .. } => "name a private key that you may read: `--private-key`, or `key` of the host".to_owned(),
            E::KeyPassphrase { path } => format!("`ssh-keygen -y -f {}` says whether a passphrase is right", path.display()),
            E::KeyFormat { path } => format!("`ssh-keygen -p -f {}` writes it anew", path.display()),
            E::Authentication { tried, .. } if tried.is_empty() => "give a key, an agent or a password".to_owned(),
            E::Authentication { .. } => {
                "check `user` and `key` of the host (`opsc inv show`), or give `-u`, `--private-key` or `-k`".to_owned()
            }
            E::ConnectTimeout { .. } | E::Unreachable { .. } => {
                "check the host's `address` and `port`, and that it is up".to_owned()
            }
            E::PrivilegeMissing { method, .. } => format!("install {method}, or connect as the admin user"),
            E::PrivilegePasswordNeeded { .. } => "give the admin password (`-K`, or `admin_password` of the host), or allow the user without one".to_owned(),
            E::PrivilegeNone { .. } => "set `admin` of this host, or connect as that user".to_owned(),
            E::HostKeyCertificate { .. } => {
                "`ssh-keygen -L -f /etc/ssh/ssh_host_ed25519_key-cert.pub` on the host shows it; its authority signs another"
                    .to_owned()
            }
            E::Dns { .. } => "check the host's `address`".to_owned(),
            E::Refused { .. } => "check the host's `port`, and that sshd (or the WinRM service) runs there".to_owned(),
            E::HungUp { .. } => {
                "its sshd has no room for more at a time (`MaxStartups`; fewer `--forks` ask less at once), or does not want \
                 this machine: its log says which"
                    .to_owned()
            }
            E::ChannelRefused { .. } => {
                "`MaxSessions` of its sshd says how many a connection may have: one, and one more while a file is sent, and \
                 four where steps run in parallel"
                    .to_owned()
            }
            E::HelloTimeout { .. } => {
                "a larger `--timeout`, or `connect_timeout` of the host, waits longer; sudo may be waiting for a name server"
                    .to_owned()
            }
            E::NoHello { .. } => {
                "check that the login shell can run /bin/sh, and `ForceCommand`; a host without any POSIX shell has `lane: raw`"
                    .to_owned()
            }
            E::NothingRead { .. } => "`lane: exec` of the host sends each program as a command".to_owned(),
            E::StillRuns { host } => {
                format!("`opsc doctor {host}` tells whether it answers; when what runs there has ended, `opsc resume` goes on")
            }
            E::OtherLanguage { host, .. } => {
                format!("check `os` of the host (`opsc inv show {host}`): Windows runs PowerShell, every other system sh")
            }
            E::NotForOthers { .. } => "leave out `as:`, or connect as that user".to_owned(),
            E::NoInput { .. } => "connect as a user whose commands get their standard input".to_owned(),
            E::ProgramTooLong { .. } => "give less, or connect as a user whose commands get their standard input".to_owned(),
            E::NoPosixShell { host } => {
                format!("`opsc exec -l {host} -- CMD` and the action `shell.raw` send a command line as it is")
            }
            E::PrivilegeNoInput { .. } => "allow it without a password, or connect as that user".to_owned(),
            _ => return None,
        })
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        use TransportError as E;
        match self {
            E::Dns { host, address, reason } => write!(formatter, "{host}: `{address}` has no address: {reason}"),
            E::Refused { host, address } => write!(formatter, "{host}: {address} refused the connection"),
            E::Unreachable { host, address, reason } => write!(formatter, "{host}: cannot reach {address}: {reason}"),
            E::ConnectTimeout { host, address, seconds } => {
                write!(formatter, "{host}: {address} did not answer within {}", words::duration(seconds * 1000))
            }
            E::NoAlgorithm { host, option } => {
                write!(formatter, "{host}: `{option}` of ssh's configuration leaves nothing that opsc knows")
            }
            E::HungUp { host, address } => {
                write!(formatter, "{host}: {address} closed the connection before the SSH handshake was over")
            }
            E::Handshake { host, reason } => write!(formatter, "{host}: the SSH handshake failed: {reason}"),
            E::SshConfig { host, error } => write!(formatter, "{host}: {error}"),
            E::Winrm { host, error } => write!(formatter, "{host}: {error}"),
            E::Credential { host, setting, reason } => {
                write!(formatter, "{host}: `{setting}` cannot be read: {reason}")
            }
            E::Proxy { host, command, reason } => write!(formatter, "{host}: the proxy command `{command}` {reason}"),
            E::HostKeyUnknown { host, address, kind, fingerprint, .. } => {
                write!(formatter, "{host}: the host key of {address} is not known: {kind} {fingerprint}")
            }
            E::HostKeyChanged { host, file, line, known, presented } => write!(
                formatter,
                "{host}: the host key changed: {}:{line} has {known}, the host presents {presented}",
                file.display()
            ),
            E::HostKeyRevoked { host, file, line, fingerprint } => {
                write!(formatter, "{host}: the host key {fingerprint} is revoked by {}:{line}", file.display())
            }
            E::HostKeyCertificate { host, address, reason } => {
                write!(formatter, "{host}: the certificate of {address} does not hold: {reason}")
            }
            E::KnownHosts { file, reason } => write!(formatter, "cannot use {}: {reason}", file.display()),
            E::Key { path, reason } => write!(formatter, "cannot use the key {}: {reason}", path.display()),
            E::KeyEncrypted { path } => write!(formatter, "the key {} needs a passphrase", path.display()),
            E::KeyPassphrase { path } => {
                write!(
                    formatter,
                    "the passphrase that was given does not open the key {}, or it is damaged",
                    path.display()
                )
            }
            E::KeyFormat { path } => {
                write!(formatter, "the key {} is encrypted in an old way that opsc cannot read", path.display())
            }
            E::Authentication { host, user, tried, offered } => write!(
                formatter,
                "{host}: `{user}` was not let in: tried {}; the host takes {}",
                list_or_nothing(tried),
                list_or_nothing(offered)
            ),
            E::ChannelRefused { host, reason } => write!(formatter, "{host}: no channel could be opened: {reason}"),
            E::NoHello { host, user, said } => {
                write!(formatter, "{host}: no shell started for `{user}`{}", after_colon(said))
            }
            E::HelloTimeout { host, user, seconds } => {
                write!(formatter, "{host}: no shell started for `{user}` within {}", words::duration(seconds * 1000))
            }
            E::PrivilegeMissing { host, method } => write!(formatter, "{host}: {method} is not installed"),
            E::PrivilegePasswordNeeded { host, method, user } => {
                write!(formatter, "{host}: {method} asks for a password to become `{user}`, and none was given")
            }
            E::PrivilegePasswordWrong { host, method, user } => {
                write!(formatter, "{host}: {method} did not accept the password to become `{user}`")
            }
            E::PrivilegeDenied { host, method, user, said } => {
                write!(formatter, "{host}: {method} does not allow becoming `{user}`{}", after_colon(said))
            }
            E::PrivilegeNone { host, user } => write!(formatter, "{host}: there is no way to become `{user}`"),
            E::Lost { host } => write!(formatter, "{host}: the connection was lost"),
            E::StillRuns { host } => write!(
                formatter,
                "{host}: what was given up there still runs, or the host is silent; nothing is begun beside it"
            ),
            E::LaneEnded { host, user, code } => match code {
                Some(code) => write!(formatter, "{host}: the shell of `{user}` ended with code {code} during a step"),
                None => write!(formatter, "{host}: the shell of `{user}` ended during a step"),
            },
            E::NothingRead { host, user, said, .. } => {
                write!(formatter, "{host}: the shell of `{user}` ended before it read anything{}", after_colon(said))
            }
            E::NotForOthers { host, user, what } => {
                write!(
                    formatter,
                    "{host}: {what} is not given to a step as `{user}`, because it would lie in a file there"
                )
            }
            E::NoInput { host, what } => {
                write!(formatter, "{host}: {what} cannot be sent, because commands there get no input (`lane: exec`)")
            }
            E::ProgramTooLong { host, bytes, most } => write!(
                formatter,
                "{host}: the program has {bytes} bytes; without an input (`lane: exec`) it can have {most}"
            ),
            E::NoPosixShell { host } => {
                write!(formatter, "{host}: this needs a POSIX shell, and the host has none (`lane: raw`)")
            }
            E::OtherLanguage { host, program } => {
                write!(formatter, "{host}: this is written for {}, and the host has none", program.name())
            }
            E::PrivilegeNoInput { host, method, user } => write!(
                formatter,
                "{host}: {method} asks for a password to become `{user}`, and commands there get no input (`lane: exec`)"
            ),
            E::Protocol { host, error } => write!(formatter, "{host}: the host broke the protocol: {error}"),
            E::TooManyFields { host } => write!(formatter, "{host}: the step reported more fields than a result has"),
            E::Spawn { shell, reason } => write!(formatter, "cannot start {shell}: {reason}"),
            E::Program { error } => error.fmt(formatter),
            E::StageRefused { host, code } => write!(formatter, "{host}: a file could not be written: code {code}"),
            E::NoHashTool { host } => {
                write!(formatter, "{host}: a file cannot be verified: there is no sha256sum or openssl")
            }
            E::StageMismatch { host, expected, found } => {
                write!(formatter, "{host}: a file arrived broken: expected sha256 {expected}, found {found}")
            }
            E::NoRandomness => formatter.write_str("this machine gives no random numbers"),
        }
    }
}

impl std::error::Error for TransportError {}

fn list_or_nothing(items: &[String]) -> String {
    if items.is_empty() { "nothing".to_owned() } else { items.join(", ") }
}

/// What a program said before it gave up, as the end of a message.
fn after_colon(said: &str) -> String {
    let said = said.trim();
    if said.is_empty() { String::new() } else { format!(": {}", said.escape_debug()) }
}

impl From<ShellError> for TransportError {
    fn from(error: ShellError) -> Self {
        TransportError::Program { error }
    }
}
