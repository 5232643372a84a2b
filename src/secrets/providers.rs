//! All references at once: each read by its provider, and judged whether it can be sent and hidden.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::command::{self, CommandSecret};
use super::sealed_files::Files;
use super::vault::{Reader, Vault};
use super::{Failure, Keys, Resolved, SHORTEST, SecretError, file, keyring};
use crate::base::secret::Secret;

/// Where secrets come from.
pub struct Providers<'a> {
    /// Where relative paths of `file:` and of programs start: the project.
    pub root: PathBuf,
    /// Those of `command:`, by name.
    pub commands: &'a BTreeMap<String, CommandSecret>,
    /// What opens files of `age:`; its `ask` also asks a person for the parameter of a name.
    pub keys: Keys,
    /// The server of `vault:`.
    pub vault: Vault,
}

/// What was opened and asked already.
struct Opened<'a> {
    files: Files<'a>,
    vault: Reader<'a>,
}

/// A question of this name, whose answer is not shown; `None` where none could be read.
pub type Ask = fn(&str) -> Option<Secret<String>>;

/// The text of every reference, or everything that is wrong with any. A person is asked only where nothing else is.
pub fn resolve(references: &BTreeSet<String>, providers: &Providers<'_>) -> Result<Resolved, Vec<Failure>> {
    let (resolved, failures) = resolve_each(references, providers);
    if failures.is_empty() { Ok(resolved) } else { Err(failures) }
}

/// The text of every reference that has one, and what is wrong with the others.
pub fn resolve_each(references: &BTreeSet<String>, providers: &Providers<'_>) -> (Resolved, Vec<Failure>) {
    let mut resolved = Resolved::default();
    let mut failures = Vec::new();
    let mut opened = Opened {
        files: Files::new(&providers.root, &providers.keys),
        vault: Reader::new(&providers.root, &providers.vault),
    };
    let (asked, read): (Vec<&String>, Vec<&String>) =
        references.iter().partition(|reference| reference.starts_with("prompt:"));
    for reference in read.into_iter().chain(asked) {
        let is_asked = reference.starts_with("prompt:");
        if is_asked && providers.keys.ask.is_some() && !failures.is_empty() {
            continue;
        }
        match read_one(reference, providers, &mut opened).and_then(usable) {
            Ok(text) => resolved.insert(reference, text),
            Err(error) => failures.push(Failure { reference: reference.clone(), error }),
        }
    }
    (resolved, failures)
}

fn read_one(
    reference: &str,
    providers: &Providers<'_>,
    opened: &mut Opened<'_>,
) -> Result<Secret<String>, SecretError> {
    match reference.split_once(':') {
        Some(("env", name)) => environment(name),
        Some(("file", path)) => file::read(&providers.root, path),
        Some(("age", name)) => opened.files.read(name).map_err(SecretError::Sealed),
        Some(("keyring", name)) => keyring::read(&providers.root, name),
        Some(("vault", name)) => opened.vault.read(name),
        Some(("command", name)) => {
            let command =
                providers.commands.get(name).ok_or_else(|| SecretError::NoCommand { name: name.to_string() })?;
            command::run(command, &providers.root)
        }
        Some(("prompt", name)) => providers.keys.ask.and_then(|ask| ask(name)).ok_or(SecretError::Nobody),
        _ => Err(SecretError::NoProvider),
    }
}

fn environment(name: &str) -> Result<Secret<String>, SecretError> {
    match std::env::var(name) {
        Ok(text) => Ok(Secret::new(text)),
        Err(std::env::VarError::NotPresent) => Err(SecretError::NotSet { name: name.to_string() }),
        Err(std::env::VarError::NotUnicode(_)) => Err(SecretError::NotText),
    }
}

/// Whether it can be sent and hidden.
pub fn usable(secret: Secret<String>) -> Result<Secret<String>, SecretError> {
    let text = secret.expose();
    if text.is_empty() {
        return Err(SecretError::Empty);
    }
    if text.contains('\0') {
        return Err(SecretError::NotText);
    }
    if can_be_hidden(&secret) { Ok(secret) } else { Err(SecretError::TooShort) }
}

/// Whether it is long enough to be told from ordinary words in what hosts print.
pub fn can_be_hidden(secret: &Secret<String>) -> bool {
    let is_visible = |letter: &char| !letter.is_whitespace() && !letter.is_control();
    secret.expose().chars().filter(is_visible).count() >= SHORTEST
}

/// Bytes as a text without its one line end, as editors and programs add it.
pub fn as_text(bytes: &Secret<Vec<u8>>) -> Result<Secret<String>, SecretError> {
    let text = std::str::from_utf8(bytes.expose()).map_err(|_| SecretError::NotText)?;
    let text = text.strip_suffix("\r\n").or_else(|| text.strip_suffix('\n')).unwrap_or(text);
    Ok(Secret::new(text.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(name: &str) -> Option<Secret<String>> {
        Some(Secret::new(format!("typed {name}")))
    }

    fn resolved(references: &[&str], ask: Option<Ask>) -> Result<Resolved, Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str, mode: u32| {
            use std::os::unix::fs::PermissionsExt;
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        write("token", "in a file\n", 0o600);
        write("lines", "one\ntwo\n\n", 0o400);
        write("open", "for everybody", 0o644);
        write("empty", "\n", 0o600);
        write("short", "abc", 0o600);
        let command = |words: &[&str]| CommandSecret {
            words: words.iter().map(|word| word.to_string()).collect(),
            ..CommandSecret::default()
        };
        let commands = BTreeMap::from([
            ("echo".to_string(), command(&["printf", "%s\n", "it's $HOME"])),
            ("fails".to_string(), command(&["sh", "-c", "echo topsecret; echo no key: topsecret >&2; exit 3"])),
            ("none".to_string(), command(&["no-such-program"])),
            (
                "long".to_string(),
                CommandSecret { timeout: std::time::Duration::from_millis(50), ..command(&["sleep", "60"]) },
            ),
        ]);
        let keys = Keys { identity: folder.path().join("identity"), ask };
        let vault = Vault {
            address: None,
            namespace: None,
            token_file: String::new(),
            may_be_plain: false,
            get: Box::new(|_, _| unreachable!("there is no address")),
        };
        let providers = Providers { root: folder.path().to_path_buf(), commands: &commands, keys, vault };
        let references = references.iter().map(|reference| reference.to_string()).collect();
        resolve(&references, &providers).map_err(|failures| {
            let folder = format!("{}/", folder.path().display());
            failures.iter().map(|failure| failure.to_string().replace(&folder, "")).collect()
        })
    }

    #[test]
    fn texts_are_read_without_their_line_end() {
        let found =
            resolved(&["file:token", "file:lines", "command:echo", "prompt:pin", "env:PATH"], Some(typed)).unwrap();
        let text = |reference: &str| found.get(reference).unwrap().expose().clone();
        assert_eq!(text("file:token"), "in a file");
        assert_eq!(text("file:lines"), "one\ntwo\n", "only one line end goes");
        assert_eq!(text("command:echo"), "it's $HOME", "no shell reads the words");
        assert_eq!(text("prompt:pin"), "typed pin");
        assert_eq!(text("env:PATH"), std::env::var("PATH").unwrap());
        assert!(!format!("{found:?}").contains("in a file"));
    }

    #[test]
    fn everything_that_is_missing_is_said_at_once() {
        let all = [
            "command:fails",
            "command:long",
            "command:none",
            "command:vault",
            "env:OPSC_NOT_SET",
            "file:empty",
            "file:gone",
            "file:open",
            "file:short",
            "prompt:pin",
            "vault:kv/x#y",
            "vault:x",
            "vaults:x",
        ];
        assert_eq!(
            resolved(&all, None).unwrap_err(),
            [
                "command:fails: `sh` ended with exit code 3: no key: (secret)",
                "command:long: `sleep` did not end within 50ms",
                "command:none: `no-such-program` cannot be started: No such file or directory (os error 2)",
                "command:vault: opsc.toml has no table [secrets.vault]",
                "env:OPSC_NOT_SET: the environment variable OPSC_NOT_SET is not set",
                "file:empty: it is empty",
                "file:gone: `gone` cannot be read: No such file or directory (os error 2)",
                "file:open: `open` can be read by others (mode 644); make it 0600 first",
                "file:short: it has fewer than 4 visible characters, so it cannot be hidden in what hosts print",
                "vault:kv/x#y: no server is named; set `vault.address` in opsc.toml, or VAULT_ADDR (BAO_ADDR), to https://HOST:PORT",
                "vault:x: expected MOUNT/PATH#FIELD such as `secret/app/db#password`, found `x`",
                "vaults:x: expected env:NAME, file:PATH, age:FILE/NAME, command:NAME, vault:MOUNT/PATH#FIELD or keyring:SERVICE/USER",
                "prompt:pin: the parameter `pin` has no default, and there is no terminal to ask on",
            ]
        );
        let asked_in_vain = resolved(&["prompt:pin", "file:gone"], Some(typed)).unwrap_err();
        assert_eq!(asked_in_vain.len(), 1, "nobody is asked where the run cannot start: {asked_in_vain:?}");
    }
}
