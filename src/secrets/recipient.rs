//! Who a file of secrets is encrypted to: age's own keys, ssh's Ed25519 keys, or whoever knows a passphrase.

use std::path::Path;

use super::sealed_error::SealedError;

/// The word that stands for a passphrase.
pub const PASSPHRASE: &str = "passphrase";

/// One recipient.
pub enum Recipient {
    Age(age::x25519::Recipient),
    Ssh(Box<age::ssh::Recipient>),
    Passphrase,
}

impl Recipient {
    /// The key, and perhaps a label; `place` is where it stands, for the error.
    pub fn parse(text: &str, place: &str) -> Result<Recipient, SealedError> {
        let refuse = || SealedError::BadRecipient { place: place.to_string(), text: text.to_string() };
        let mut words = text.split_whitespace();
        match words.next() {
            Some(PASSPHRASE) => Ok(Recipient::Passphrase),
            Some("ssh-ed25519") => {
                let key = format!("ssh-ed25519 {}", words.next().unwrap_or_default());
                key.parse().map(|key| Recipient::Ssh(Box::new(key))).map_err(|_| refuse())
            }
            Some(key) => key.parse().map(Recipient::Age).map_err(|_| refuse()),
            None => Err(refuse()),
        }
    }

    pub(super) fn as_age(&self) -> Option<&dyn age::Recipient> {
        match self {
            Recipient::Age(recipient) => Some(recipient),
            Recipient::Ssh(recipient) => Some(recipient.as_ref()),
            Recipient::Passphrase => None,
        }
    }
}

/// A recipient as files have it: one space between the words, in the label only what is plain in YAML.
pub fn written(text: &str) -> String {
    let key_words = if text.trim_start().starts_with("ssh-") { 2 } else { 1 };
    let words: Vec<&str> = text.split_whitespace().collect();
    let (key, label) = words.split_at(key_words.min(words.len()));
    let plain = |letter: char| if letter.is_ascii_alphanumeric() || "@._-".contains(letter) { letter } else { '-' };
    let label: String = label.join("-").chars().map(plain).collect();
    if label.is_empty() { key.join(" ") } else { format!("{} {label}", key.join(" ")) }
}

/// A recipient without its label.
pub fn key_of(text: &str) -> &str {
    let words = if text.starts_with("ssh-") { 2 } else { 1 };
    text.match_indices(' ').nth(words - 1).map_or(text, |(at, _)| text.get(..at).unwrap_or(text))
}

/// All of a list; a passphrase stands alone, as age wants it.
pub fn parse_all(recipients: &[String], place: &str) -> Result<Vec<Recipient>, SealedError> {
    let refuse = |why| Err(SealedError::Recipients { place: place.to_string(), why });
    let parsed: Vec<Recipient> =
        recipients.iter().map(|text| Recipient::parse(text, place)).collect::<Result<_, _>>()?;
    if parsed.is_empty() {
        return refuse("expected a recipient");
    }
    if parsed.len() > 1 && parsed.iter().any(|recipient| matches!(recipient, Recipient::Passphrase)) {
        return refuse("a passphrase is the only recipient, or none");
    }
    Ok(parsed)
}

/// `secrets/recipients`: one a line, `#` for comments. Absent where there is no such file.
pub fn of_project(root: &Path) -> Result<Option<Vec<String>>, SealedError> {
    let path = root.join("secrets/recipients");
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(SealedError::Read { path, error }),
    };
    let mut recipients: Vec<String> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        Recipient::parse(line, &format!("`{}` line {}", path.display(), index + 1))?;
        let line = written(line);
        if !recipients.iter().any(|known| key_of(known) == key_of(&line)) {
            recipients.push(line);
        }
    }
    parse_all(&recipients, &format!("`{}`", path.display()))?;
    Ok(Some(recipients))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_plain_and_are_not_the_key() {
        assert_eq!(written("age1x  anna: laptop #2"), "age1x anna--laptop--2");
        assert_eq!(written(" ssh-ed25519 AAAA anna@laptop "), "ssh-ed25519 AAAA anna@laptop");
        assert_eq!(written("passphrase"), "passphrase");
        assert_eq!(key_of("ssh-ed25519 AAAA anna@laptop"), "ssh-ed25519 AAAA");
        assert_eq!((key_of("age1x anna"), key_of("age1x")), ("age1x", "age1x"));
    }
}
