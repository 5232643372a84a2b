//! `keyring:SERVICE/USER`: an entry of the user's keyring, asked by the system's own program: `secret-tool` speaks to the
//! Secret Service of a desktop, `security` to the keychain of macOS. What they ask for is said by arguments; the secret
//! comes by a pipe.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use super::SecretError;
use super::command::{self, CommandSecret};
use crate::base::reference::split_keyring;
use crate::base::secret::Secret;

/// A keyring that is locked may ask its owner, who needs time to type.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub enum KeyringError {
    BadName {
        name: String,
    },
    NoProgram {
        program: &'static str,
        reason: String,
    },
    /// No keyring answers in this session.
    NoService {
        said: String,
    },
    NoEntry {
        service: String,
        user: String,
        keyring: Keyring,
    },
    Locked {
        service: String,
        user: String,
        keyring: Keyring,
    },
    Failed {
        program: &'static str,
        said: String,
    },
}

/// Who keeps secrets for the user of a system.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Keyring {
    SecretService,
    Keychain,
}

impl Keyring {
    fn of_this_system() -> Keyring {
        if cfg!(target_os = "macos") { Keyring::Keychain } else { Keyring::SecretService }
    }

    fn program(self) -> &'static str {
        match self {
            Keyring::SecretService => "secret-tool",
            Keyring::Keychain => "security",
        }
    }

    fn look_up(self, service: &str, user: &str) -> CommandSecret {
        let words = match self {
            Keyring::SecretService => vec!["secret-tool", "lookup", "service", service, "username", user],
            Keyring::Keychain => vec!["security", "find-generic-password", "-s", service, "-a", user, "-w"],
        };
        program(&words)
    }

    fn to_store(self, service: &str, user: &str) -> String {
        match self {
            Keyring::SecretService => {
                format!("secret-tool store --label='{service}' service '{service}' username '{user}'")
            }
            Keyring::Keychain => format!("security add-generic-password -s '{service}' -a '{user}' -w"),
        }
    }
}

fn program(words: &[&str]) -> CommandSecret {
    CommandSecret { words: words.iter().map(|word| word.to_string()).collect(), timeout: PATIENCE }
}

/// The text of an entry.
pub fn read(root: &Path, name: &str) -> Result<Secret<String>, SecretError> {
    let Some((service, user)) = split_keyring(name) else {
        return Err(SecretError::Keyring(KeyringError::BadName { name: name.to_string() }));
    };
    let keyring = Keyring::of_this_system();
    command::run(&keyring.look_up(service, user), root)
        .map_err(|error| explained(error, keyring, (service, user), root))
}

fn explained(error: SecretError, keyring: Keyring, (service, user): (&str, &str), root: &Path) -> SecretError {
    let program = keyring.program();
    let named = || (service.to_string(), user.to_string());
    let no_entry = || {
        let (service, user) = named();
        KeyringError::NoEntry { service, user, keyring }
    };
    let locked = || {
        let (service, user) = named();
        KeyringError::Locked { service, user, keyring }
    };
    SecretError::Keyring(match (keyring, error) {
        (_, SecretError::Start { error, .. }) => KeyringError::NoProgram { program, reason: error.to_string() },
        // Somebody was asked for the keyring's password, and did not give it.
        (_, SecretError::TimedOut { .. }) => locked(),
        (Keyring::SecretService, SecretError::Exit { said, .. }) if said.is_empty() => {
            if has_entry(service, user, root) { locked() } else { no_entry() }
        }
        (Keyring::SecretService, SecretError::Exit { said, .. }) if is_of_bus(&said) => {
            KeyringError::NoService { said }
        }
        (Keyring::Keychain, SecretError::Exit { code: Some(44), .. }) => no_entry(),
        // Nobody may be asked, or nobody gave the right password.
        (Keyring::Keychain, SecretError::Exit { code: Some(36 | 51 | 128), .. }) => locked(),
        (_, SecretError::Exit { said, .. }) => KeyringError::Failed { program, said },
        (_, other) => return other,
    })
}

/// Whether the Secret Service knows an entry that it does not open.
fn has_entry(service: &str, user: &str, root: &Path) -> bool {
    let search = program(&["secret-tool", "search", "service", service, "username", user]);
    command::run(&search, root).is_ok_and(|found| !found.expose().trim().is_empty())
}

fn is_of_bus(said: &str) -> bool {
    ["D-Bus", "DBus", "org.freedesktop.secrets", "Could not connect", "Connection refused"]
        .iter()
        .any(|word| said.contains(word))
}

impl fmt::Display for KeyringError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyringError::BadName { name } => {
                write!(formatter, "expected SERVICE/USER such as `db/admin`, found `{}`", name.escape_debug())
            }
            KeyringError::NoProgram { program, reason } => write!(
                formatter,
                "`{program}` cannot be started: {reason}; it reads keyrings, and Debian has it in the package libsecret-tools"
            ),
            KeyringError::NoService { said } => write!(
                formatter,
                "no keyring answers in this session: {said}; start one, as `gnome-keyring-daemon --unlock` does on a D-Bus session"
            ),
            KeyringError::NoEntry { service, user, keyring } => write!(
                formatter,
                "the keyring has no entry of the service `{service}` for `{user}`; `{}` makes it",
                keyring.to_store(service, user)
            ),
            KeyringError::Locked { service, user, .. } => write!(
                formatter,
                "the entry of the service `{service}` for `{user}` is locked, and nobody opened its keyring; unlock it first"
            ),
            KeyringError::Failed { program, said } => write!(formatter, "`{program}` failed: {said}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_the_keychain_are_told_apart() {
        let exit = |code| SecretError::Exit { program: "security".into(), code: Some(code), said: "The item".into() };
        let told = |code| explained(exit(code), Keyring::Keychain, ("db", "admin"), Path::new("/")).to_string();
        assert!(told(44).contains("no entry of the service `db` for `admin`; `security add-generic-password"));
        assert!(told(36).contains("is locked"));
        assert_eq!(told(1), "`security` failed: The item");
    }
}
