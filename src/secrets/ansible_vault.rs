//! Ansible Vault, formats 1.1 and 1.2: whole files, and values with the tag `!vault`. AES-256-CTR under an HMAC-SHA-256,
//! whose keys PBKDF2 makes of a password.

use aes::Aes256;
use aes::cipher::{KeyIvInit, StreamCipher};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::Ask;
use super::import_error::ImportError;
use super::import_tree::{parse, texts};
use crate::base::secret::Secret;

/// A password, perhaps with the label of what it opens.
pub type Password = (Option<String>, Secret<String>);

/// Passwords that were given, each perhaps with the label of what it opens, and a person to ask for others.
pub struct Passwords {
    known: Vec<Password>,
    ask: Option<Ask>,
    /// Labels that a person was asked for already.
    asked: Vec<Option<String>>,
}

/// What was found in a file.
pub struct Found {
    /// By the keys that lead to each.
    pub texts: Vec<(Vec<String>, Secret<String>)>,
    /// Values that stand there to read.
    pub plain: usize,
}

/// An encrypted text.
struct Vaulted {
    label: Option<String>,
    salt: Vec<u8>,
    mac: Vec<u8>,
    bytes: Vec<u8>,
    line: usize,
}

const HEADER: &str = "$ANSIBLE_VAULT;";
const ROUNDS: u32 = 10_000;
const BLOCK: usize = 16;

impl Passwords {
    pub fn new(known: Vec<Password>, ask: Option<Ask>) -> Passwords {
        Passwords { known, ask, asked: Vec::new() }
    }

    /// Tries those of its label first, then the others, as Ansible does; then whom somebody may be asked for.
    fn open(&mut self, vaulted: &Vaulted) -> Result<Secret<Vec<u8>>, ImportError> {
        let (own, others): (Vec<_>, Vec<_>) = self.known.iter().partition(|(label, _)| *label == vaulted.label);
        if let Some(text) = own.iter().chain(&others).find_map(|(_, password)| vaulted.open(password)) {
            return Ok(text);
        }
        if self.known.is_empty() && self.ask.is_none() {
            return Err(ImportError::NoPassword);
        }
        let refuse = ImportError::Password { line: vaulted.line, label: vaulted.label.clone() };
        let Some(ask) = self.ask.filter(|_| !self.asked.contains(&vaulted.label)) else { return Err(refuse) };
        self.asked.push(vaulted.label.clone());
        let name = match &vaulted.label {
            Some(label) => format!("password of the vault `{}`", label.escape_debug()),
            None => "password of the vault".to_string(),
        };
        let password = ask(&name).ok_or(ImportError::NoPassword)?;
        let text = vaulted.open(&password).ok_or(refuse)?;
        self.known.push((vaulted.label.clone(), password));
        Ok(text)
    }
}

/// The one text of a whole file, which need not be YAML.
pub fn whole(text: &str, passwords: &mut Passwords) -> Result<Secret<Vec<u8>>, ImportError> {
    if !text.starts_with(HEADER) {
        return Err(ImportError::NoVault);
    }
    passwords.open(&Vaulted::parse(text, 1)?)
}

/// Every secret of a file: all values of one that is encrypted as a whole, else those with the tag.
pub fn read(text: &str, passwords: &mut Passwords) -> Result<Found, ImportError> {
    if text.starts_with(HEADER) {
        let bytes = whole(text, passwords)?;
        let refuse = |why| ImportError::Content { line: 1, why };
        let text = std::str::from_utf8(bytes.expose())
            .map_err(|_| refuse("it is not UTF-8 text; name it with `--to FILE/NAME`"))?;
        let tree = parse(text).map_err(|error| match error {
            ImportError::Form { line, why } => ImportError::Content { line, why },
            other => other,
        })?;
        let found = texts(tree);
        if found.iter().any(|(keys, _)| keys.is_empty()) {
            return Err(refuse("it is no map of names to values; name it with `--to FILE/NAME`"));
        }
        return Ok(Found { texts: found.into_iter().map(|(keys, text)| (keys, text.text)).collect(), plain: 0 });
    }
    let (vaulted, plain): (Vec<_>, Vec<_>) = texts(parse(text)?).into_iter().partition(|(_, text)| text.is_vault);
    if vaulted.is_empty() {
        return Err(ImportError::NoVault);
    }
    let mut texts = Vec::new();
    for (keys, value) in vaulted {
        let bytes = passwords.open(&Vaulted::parse(value.text.expose(), value.line)?)?;
        let not_text = ImportError::Form { line: value.line, why: "the value is not UTF-8 text" };
        let text = std::str::from_utf8(bytes.expose()).map_err(|_| not_text)?;
        texts.push((keys, Secret::new(text.to_string())));
    }
    Ok(Found { texts, plain: plain.len() })
}

impl Vaulted {
    /// A header, and lines that are hexadecimal of three hexadecimal lines: salt, HMAC and bytes.
    fn parse(text: &str, line: usize) -> Result<Vaulted, ImportError> {
        let refuse = || ImportError::Version { line };
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let mut header = lines.next().and_then(|line| line.strip_prefix(HEADER)).ok_or_else(refuse)?.split(';');
        let label = match (header.next(), header.next(), header.next(), header.next()) {
            (Some("1.1"), Some("AES256"), None, None) => None,
            (Some("1.2"), Some("AES256"), Some(label), None) => Some(label.trim().to_string()),
            _ => return Err(refuse()),
        };
        let joined: String = lines.collect();
        let parts = unhex(joined.as_bytes()).ok_or_else(refuse)?;
        let mut parts = parts.split(|byte| *byte == b'\n').map(unhex);
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(Some(salt)), Some(Some(mac)), Some(Some(bytes)), None) => {
                Ok(Vaulted { label, salt, mac, bytes, line })
            }
            _ => Err(refuse()),
        }
    }

    /// Absent where the password is another one, or any byte of it.
    fn open(&self, password: &Secret<String>) -> Option<Secret<Vec<u8>>> {
        let mut keys = Secret::new(vec![0; 80]);
        pbkdf2::pbkdf2_hmac::<Sha256>(password.expose().as_bytes(), &self.salt, ROUNDS, keys.expose_mut());
        let (key, rest) = keys.expose().split_at_checked(32)?;
        let (mac_key, start) = rest.split_at_checked(32)?;
        let mut mac = Hmac::<Sha256>::new_from_slice(mac_key).ok()?;
        mac.update(&self.bytes);
        mac.verify_slice(&self.mac).ok()?;
        let mut text = Secret::new(self.bytes.clone());
        ctr::Ctr128BE::<Aes256>::new_from_slices(key, start).ok()?.apply_keystream(text.expose_mut());
        let padding = usize::from(*text.expose().last()?);
        let length = text.expose().len().checked_sub(padding).filter(|_| (1..=BLOCK).contains(&padding))?;
        text.expose_mut().truncate(length);
        Some(text)
    }
}

fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    };
    text.chunks(2).map(pair).collect()
}
