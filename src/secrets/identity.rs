//! The identity that opens files of secrets: a file that its owner alone may read, with keys of age or one of ssh.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use age::secrecy::{ExposeSecret, SecretString};
use age::ssh;

use super::Ask;
use super::file::{LARGEST, buffer};
use super::sealed_error::SealedError;
use crate::base::secret::Secret;

/// What it takes to open files of secrets.
#[derive(Clone, Debug)]
pub struct Keys {
    /// The identity's file.
    pub identity: PathBuf,
    /// Asks a person for a passphrase; absent where nobody is there.
    pub ask: Option<Ask>,
}

impl Keys {
    pub(super) fn passphrase(&self, what: &Path) -> Result<SecretString, SealedError> {
        let typed = self.typed(what, &format!("passphrase of {}", what.display()))?;
        Ok(SecretString::from(typed.expose().clone()))
    }

    /// One that nobody knows yet is typed twice.
    pub(super) fn new_passphrase(&self, what: &Path) -> Result<SecretString, SealedError> {
        let name = format!("new passphrase of {}", what.display());
        let (first, again) = (self.typed(what, &name)?, self.typed(what, &format!("{name}, once more"))?);
        let refuse = |why| Err(SealedError::Recipients { place: format!("`{}`", what.display()), why });
        if first != again {
            return refuse("the two passphrases are not the same");
        }
        if first.expose().is_empty() {
            return refuse("expected a passphrase");
        }
        // Of exactly its size, so that no longer buffer stays behind.
        Ok(SecretString::from(first.expose().clone()))
    }

    fn typed(&self, what: &Path, name: &str) -> Result<Secret<String>, SealedError> {
        let typed = self.ask.and_then(|ask| ask(name));
        typed.ok_or_else(|| SealedError::NoPassphrase { what: what.display().to_string() })
    }
}

/// The keys of an identity's file.
pub enum Identity {
    Age(Vec<age::x25519::Identity>),
    Ssh(Box<ssh::Identity>),
}

impl Identity {
    pub fn read(path: &Path) -> Result<Identity, SealedError> {
        let path = &in_home(path);
        let refuse = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::NotFound => SealedError::NoIdentity { path: path.clone() },
            _ => SealedError::Read { path: path.clone(), error },
        };
        // Rights are those of the open file, as with secrets in files.
        let file = std::fs::File::open(path).map_err(refuse)?;
        let mode = file.metadata().map_err(refuse)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(SealedError::Open { path: path.clone(), mode });
        }
        let mut bytes = buffer();
        file.take(LARGEST).read_to_end(bytes.expose_mut()).map_err(refuse)?;
        let bad = |line| SealedError::BadIdentity { path: path.clone(), line };
        let text = std::str::from_utf8(bytes.expose()).map_err(|_| bad(1))?;
        if text.starts_with("-----BEGIN") {
            return ssh_identity(text, path).ok_or(bad(1));
        }
        let mut keys = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                keys.push(line.parse().map_err(|_| bad(index + 1))?);
            }
        }
        if keys.is_empty() { Err(bad(1)) } else { Ok(Identity::Age(keys)) }
    }

    /// The recipients that it is.
    pub fn recipients(&self) -> Vec<String> {
        match self {
            Identity::Age(keys) => keys.iter().map(|key| key.to_public().to_string()).collect(),
            Identity::Ssh(key) => {
                ssh::Recipient::try_from(key.as_ref().clone()).map(|key| key.to_string()).into_iter().collect()
            }
        }
    }

    pub(super) fn has_passphrase(&self) -> bool {
        matches!(self, Identity::Ssh(key) if matches!(key.as_ref(), ssh::Identity::Encrypted(_)))
    }

    /// As age takes them; a key of ssh that has a passphrase is asked for with `keys`.
    pub(super) fn as_age(&self, keys: &Keys) -> Vec<Box<dyn age::Identity>> {
        match self {
            Identity::Age(own) => own.iter().map(|key| Box::new(key.clone()) as Box<dyn age::Identity>).collect(),
            Identity::Ssh(own) => {
                let asking = Asking(keys.clone());
                vec![Box::new(own.as_ref().clone().with_callbacks(asking))]
            }
        }
    }

    /// A new one in a file of its own, which must not be there yet; its recipient.
    pub fn generate(path: &Path) -> std::io::Result<String> {
        use std::io::Write;
        use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
        let path = in_home(path);
        if let Some(folder) = path.parent() {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let identity = age::x25519::Identity::generate();
        let recipient = identity.to_public().to_string();
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        file.write_all(format!("# recipient: {recipient}\n").as_bytes())?;
        file.write_all(identity.to_string().expose_secret().as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        Ok(recipient)
    }
}

/// A key of another kind than Ed25519 is none.
fn ssh_identity(text: &str, path: &Path) -> Option<Identity> {
    let key = ssh::Identity::from_buffer(text.as_bytes(), Some(path.display().to_string())).ok()?;
    let recipient = ssh::Recipient::try_from(key.clone()).ok()?;
    matches!(recipient, ssh::Recipient::SshEd25519(..)).then(|| Identity::Ssh(Box::new(key)))
}

pub(super) fn in_home(path: &Path) -> PathBuf {
    match (path.strip_prefix("~"), std::env::home_dir()) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => path.to_path_buf(),
    }
}

/// How age asks for the passphrase of a key of ssh.
#[derive(Clone)]
struct Asking(Keys);

impl age::Callbacks for Asking {
    fn display_message(&self, _: &str) {}

    fn confirm(&self, _: &str, _: &str, _: Option<&str>) -> Option<bool> {
        None
    }

    fn request_public_string(&self, _: &str) -> Option<String> {
        None
    }

    fn request_passphrase(&self, _: &str) -> Option<SecretString> {
        self.0.passphrase(&self.0.identity).ok()
    }
}
