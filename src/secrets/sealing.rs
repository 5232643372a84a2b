//! Opens files of secrets and changes them. All cryptography is age's: the file has an identity of its own, which is
//! encrypted to the recipients, and values are encrypted to that identity; HMAC-SHA-256 under it is the MAC.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use age::secrecy::ExposeSecret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::identity::{Identity, Keys};
use super::recipient::{PASSPHRASE, Recipient, parse_all};
use super::sealed::{Entry, Sealed};
use super::sealed_error::SealedError;
use crate::base::near::nearest;
use crate::base::secret::Secret;

/// A file of secrets whose key and MAC were right.
pub struct Unsealed {
    file: Sealed,
    /// As it was read, so that what another wrote meanwhile is not written over; absent of a new file.
    before: Option<Sealed>,
    /// For messages.
    path: PathBuf,
    key: age::x25519::Identity,
}

/// A file's own identity, the most it may be.
const LARGEST_KEY: usize = 256;

impl Unsealed {
    /// A file without secrets, under a key of its own.
    pub fn new(name: &str, path: &Path, recipients: &[String], keys: &Keys) -> Result<Unsealed, SealedError> {
        let key = age::x25519::Identity::generate();
        let file = Sealed {
            name: name.to_string(),
            recipients: recipients.to_vec(),
            key: wrap(&key, path, recipients, keys)?,
            entries: std::collections::BTreeMap::new(),
            mac: String::new(),
        };
        Ok(Unsealed { file, before: None, path: path.to_path_buf(), key })
    }

    /// `name` is the one that the file has now.
    pub fn open(file: Sealed, name: &str, path: &Path, keys: &Keys) -> Result<Unsealed, SealedError> {
        if file.name != name {
            return Err(SealedError::OtherName { path: path.to_path_buf(), name: file.name });
        }
        let tampered = || SealedError::Tampered { path: path.to_path_buf() };
        let text = unwrap(&file, path, keys)?;
        let key: age::x25519::Identity =
            std::str::from_utf8(text.expose()).ok().and_then(|text| text.parse().ok()).ok_or_else(tampered)?;
        let stated = STANDARD.decode(&file.mac).map_err(|_| tampered())?;
        mac(&key, &file).and_then(|mac| mac.verify_slice(&stated).ok()).ok_or_else(tampered)?;
        Ok(Unsealed { before: Some(file.clone()), file, path: path.to_path_buf(), key })
    }

    pub fn file(&self) -> &Sealed {
        &self.file
    }

    pub fn before(&self) -> Option<&Sealed> {
        self.before.as_ref()
    }

    pub fn is_new(&self) -> bool {
        self.before.is_none()
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.file.entries.keys().map(String::as_str)
    }

    /// The text of one secret.
    pub fn read(&self, name: &str) -> Result<Secret<String>, SealedError> {
        let tampered = || SealedError::Tampered { path: self.path.clone() };
        let entry = self.file.entries.get(name).ok_or_else(|| self.no_secret(name))?;
        let bytes = STANDARD.decode(&entry.value).map_err(|_| tampered())?;
        let text = decrypt(&bytes, &[&self.key], bytes.len()).map_err(|_| tampered())?;
        let text = std::str::from_utf8(text.expose()).map_err(|_| tampered())?;
        Ok(Secret::new(text.to_string()))
    }

    /// Whether anything is another now; a secret that has the text already keeps its bytes and its day.
    pub fn set(&mut self, name: &str, text: &Secret<String>, rotate: Rotate, today: &str) -> Result<bool, SealedError> {
        let old = self.file.entries.get(name).cloned();
        let rotate = match (rotate, &old) {
            (Rotate::After(days), _) => Some(days),
            (Rotate::Kept, Some(old)) => old.rotate,
            (Rotate::Never, _) | (Rotate::Kept, None) => None,
        };
        if let Some(old) = old.filter(|_| self.read(name).is_ok_and(|old| old == *text)) {
            let is_other = old.rotate != rotate;
            self.file.entries.insert(name.to_string(), Entry { rotate, ..old });
            return Ok(is_other);
        }
        let value = STANDARD.encode(encrypt(text.expose().as_bytes(), &[&self.key.to_public()])?);
        self.file.entries.insert(name.to_string(), Entry { value, changed: today.to_string(), rotate });
        Ok(true)
    }

    pub fn remove(&mut self, name: &str) -> Result<(), SealedError> {
        self.file.entries.remove(name).map(|_| ()).ok_or_else(|| self.no_secret(name))
    }

    /// Makes a secret what it is in another file, or not there; under one key it keeps its bytes.
    pub fn take(&mut self, name: &str, from: &Unsealed) -> Result<(), SealedError> {
        match from.file.entries.get(name) {
            None => drop(self.file.entries.remove(name)),
            Some(entry) if from.file.key == self.file.key => {
                self.file.entries.insert(name.to_string(), entry.clone());
            }
            Some(entry) => {
                let rotate = entry.rotate.map_or(Rotate::Never, Rotate::After);
                self.set(name, &from.read(name)?, rotate, &entry.changed)?;
            }
        }
        Ok(())
    }

    /// The same secrets under another key, for these recipients. Days stay: the texts are the same.
    pub fn rekeyed(&self, recipients: &[String], keys: &Keys) -> Result<Unsealed, SealedError> {
        let mut new = Unsealed::new(&self.file.name, &self.path, recipients, keys)?;
        new.before.clone_from(&self.before);
        for (name, entry) in &self.file.entries {
            let rotate = entry.rotate.map_or(Rotate::Never, Rotate::After);
            new.set(name, &self.read(name)?, rotate, &entry.changed)?;
        }
        Ok(new)
    }

    /// The file's text, with its MAC.
    pub fn text(&self) -> String {
        let mac = mac(&self.key, &self.file).map(|mac| STANDARD.encode(mac.finalize().into_bytes()));
        Sealed { mac: mac.unwrap_or_default(), ..self.file.clone() }.text()
    }

    fn no_secret(&self, name: &str) -> SealedError {
        let near = nearest(name, self.names()).map(str::to_string);
        SealedError::NoSecret { file: self.file.name.clone(), name: name.to_string(), near }
    }
}

/// When a secret should be changed again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rotate {
    /// As it was said before.
    Kept,
    Never,
    /// In days.
    After(u32),
}

fn mac(key: &age::x25519::Identity, file: &Sealed) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.to_string().expose_secret().as_bytes()).ok()?;
    mac.update(file.body().as_bytes());
    Some(mac)
}

/// The file's own identity, encrypted to the recipients.
fn wrap(key: &age::x25519::Identity, path: &Path, recipients: &[String], keys: &Keys) -> Result<String, SealedError> {
    let parsed = parse_all(recipients, &format!("`{}`", path.display()))?;
    let text = key.to_string();
    let text = text.expose_secret().as_bytes();
    let passphrase;
    let wanted: Vec<&dyn age::Recipient> = if parsed.iter().any(|one| matches!(one, Recipient::Passphrase)) {
        passphrase = age::scrypt::Recipient::new(keys.new_passphrase(path)?);
        vec![&passphrase]
    } else {
        parsed.iter().filter_map(Recipient::as_age).collect()
    };
    Ok(STANDARD.encode(encrypt(text, &wanted)?))
}

fn unwrap(file: &Sealed, path: &Path, keys: &Keys) -> Result<Secret<Vec<u8>>, SealedError> {
    let tampered = || SealedError::Tampered { path: path.to_path_buf() };
    let bytes = STANDARD.decode(&file.key).map_err(|_| tampered())?;
    if file.recipients == [PASSPHRASE] {
        let identity = age::scrypt::Identity::new(keys.passphrase(path)?);
        return decrypt(&bytes, &[&identity], LARGEST_KEY).map_err(|error| match error {
            age::DecryptError::DecryptionFailed | age::DecryptError::KeyDecryptionFailed => {
                SealedError::WrongPassphrase { path: path.to_path_buf() }
            }
            _ => tampered(),
        });
    }
    let identity = Identity::read(&keys.identity)?;
    if identity.has_passphrase() && keys.ask.is_none() {
        return Err(SealedError::NoPassphrase { what: keys.identity.display().to_string() });
    }
    let own = identity.as_age(keys);
    let own: Vec<&dyn age::Identity> = own.iter().map(AsRef::as_ref).collect();
    decrypt(&bytes, &own, LARGEST_KEY).map_err(|error| match error {
        age::DecryptError::NoMatchingKeys => SealedError::NotRecipient {
            path: path.to_path_buf(),
            identity: keys.identity.clone(),
            own: identity.recipients(),
        },
        age::DecryptError::KeyDecryptionFailed => SealedError::WrongPassphrase { path: keys.identity.clone() },
        _ => tampered(),
    })
}

fn encrypt(text: &[u8], recipients: &[&dyn age::Recipient]) -> Result<Vec<u8>, SealedError> {
    let refuse = |why| SealedError::Recipients { place: "age".to_string(), why };
    let encryptor = age::Encryptor::with_recipients(recipients.iter().copied())
        .map_err(|_| refuse("it refuses these recipients together"))?;
    let mut bytes = Vec::new();
    // Into a buffer, nothing can fail to be written.
    let written = encryptor.wrap_output(&mut bytes).and_then(|mut writer| {
        writer.write_all(text)?;
        writer.finish().map(|_| ())
    });
    written.map_err(|_| refuse("it cannot encrypt"))?;
    Ok(bytes)
}

/// The text has at most `most` bytes, so that its buffer never grows and leaves a copy behind.
fn decrypt(bytes: &[u8], identities: &[&dyn age::Identity], most: usize) -> Result<Secret<Vec<u8>>, age::DecryptError> {
    let reader = age::Decryptor::new_buffered(bytes)?.decrypt(identities.iter().copied())?;
    let mut text = Secret::new(Vec::with_capacity(most + 64));
    reader.take(most as u64).read_to_end(text.expose_mut())?;
    Ok(text)
}
