//! Signatures as `minisign` makes them (Ed25519): public keys, secret keys, and whether a signature holds for some bytes.
//! Knows nothing of what is signed, nor of who may sign it.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minisign::{PublicKey, SecretKey, SecretKeyBox, SignatureBox, verify};

use crate::base::secret::Secret;

/// How long the lines of a signature are that are not comments: what is longer or shorter is none.
const SIGNATURE_LETTERS: usize = 100;
const COMMENT_SIGNATURE_LETTERS: usize = 88;
/// How the second line of a secret key begins that a passphrase protects.
const PROTECTED: &str = "RWRTY0Iy";

/// The second line of a public key's file: `RW…`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifyingKey(String);

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signature(String);

/// An open secret key. Never shown: the library's own `Debug` would.
pub struct SigningKey(SecretKey);

/// Why something is not what it is given for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyFault {
    NoPublicKey,
    NoSignature,
    NoSecretKey,
    /// It is protected, and no passphrase was given.
    Protected,
    WrongPassphrase,
    NotSigned,
}

impl fmt::Display for KeyFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            KeyFault::NoPublicKey => "it is no public key of minisign (`RW…`)",
            KeyFault::NoSignature => "it is no signature of minisign",
            KeyFault::NoSecretKey => "it is no secret key of minisign",
            KeyFault::Protected => "it is protected by a passphrase",
            KeyFault::WrongPassphrase => "the passphrase is another one",
            KeyFault::NotSigned => "nothing could be signed with it",
        })
    }
}

/// As `minisign` writes the number of a key.
fn number(bytes: &[u8]) -> String {
    bytes.iter().rev().map(|byte| format!("{byte:02X}")).collect()
}

impl VerifyingKey {
    pub fn parse(text: &str) -> Result<VerifyingKey, KeyFault> {
        let text = text.trim();
        match PublicKey::from_base64(text) {
            Ok(_) if text.starts_with("RW") => Ok(VerifyingKey(text.to_string())),
            _ => Err(KeyFault::NoPublicKey),
        }
    }

    pub fn text(&self) -> &str {
        &self.0
    }

    /// Its number, as `minisign` shows it.
    pub fn id(&self) -> String {
        PublicKey::from_base64(&self.0).map(|key| number(key.keynum())).unwrap_or_default()
    }

    /// Whether this key signed these very bytes, and the signature's trusted comment too.
    pub fn has_signed(&self, bytes: &[u8], signature: &Signature) -> bool {
        match (PublicKey::from_base64(&self.0), SignatureBox::from_string(&signature.0)) {
            (Ok(key), Ok(signature)) => {
                verify(&key, &signature, std::io::Cursor::new(bytes), true, false, true).is_ok()
            }
            _ => false,
        }
    }
}

impl Signature {
    /// The text of a `.minisig`, the older form as well as the one that is made today.
    pub fn parse(text: &str) -> Result<Signature, KeyFault> {
        let letters = |line: usize| text.lines().nth(line).map_or(0, |line| line.trim().len());
        // The library takes lengths for granted.
        let is_whole = letters(1) == SIGNATURE_LETTERS && letters(3) == COMMENT_SIGNATURE_LETTERS;
        match is_whole.then(|| SignatureBox::from_string(text)) {
            Some(Ok(_)) => Ok(Signature(text.to_string())),
            _ => Err(KeyFault::NoSignature),
        }
    }

    pub fn text(&self) -> &str {
        &self.0
    }

    /// The number of the key that it says it is by.
    pub fn key_id(&self) -> String {
        SignatureBox::from_string(&self.0).map(|signature| number(signature.keynum())).unwrap_or_default()
    }
}

impl SigningKey {
    /// Whether it takes a passphrase to open the text of a secret key's file.
    pub fn is_protected(text: &Secret<String>) -> bool {
        text.expose().lines().nth(1).is_some_and(|line| line.starts_with(PROTECTED))
    }

    pub fn open(text: &Secret<String>, passphrase: Option<&Secret<String>>) -> Result<SigningKey, KeyFault> {
        if !SigningKey::is_protected(text) {
            return SigningKey::open_unprotected(text.expose()).ok_or(KeyFault::NoSecretKey);
        }
        let passphrase = passphrase.ok_or(KeyFault::Protected)?;
        let sealed = SecretKeyBox::from_string(text.expose()).map_err(|_| KeyFault::NoSecretKey)?;
        let opened = sealed.into_secret_key(Some(passphrase.expose().clone()));
        opened.map(SigningKey).map_err(|error| match error.kind() {
            minisign::ErrorKind::Verify => KeyFault::WrongPassphrase,
            _ => KeyFault::NoSecretKey,
        })
    }

    /// Such a key of `minisign` has no checksum, and the library wants one.
    fn open_unprotected(text: &str) -> Option<SigningKey> {
        let bytes = Secret::new(STANDARD.decode(text.lines().nth(1)?.trim()).ok()?);
        SecretKey::from_bytes(bytes.expose()).ok().map(SigningKey)
    }

    /// Of the hash of the bytes, as `minisign` does it today; the comment is signed too.
    pub fn sign(&self, bytes: &[u8], comment: &str) -> Result<Signature, KeyFault> {
        let public = PublicKey::from_secret_key(&self.0).map_err(|_| KeyFault::NotSigned)?;
        let signed = minisign::sign(Some(&public), &self.0, bytes, Some(comment), Some("signature from opsc"));
        signed.map(|signature| Signature(signature.into_string())).map_err(|_| KeyFault::NotSigned)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

    use super::*;

    fn pair() -> (VerifyingKey, SigningKey) {
        let pair = minisign::KeyPair::generate_unencrypted_keypair().unwrap();
        (VerifyingKey::parse(&pair.pk.to_base64()).unwrap(), SigningKey(pair.sk))
    }

    #[test]
    fn a_signature_holds_for_its_key_its_bytes_and_its_comment_alone() {
        let ((key, signing), (other, _)) = (pair(), pair());
        let signature = signing.sign(b"what is signed", "for run 3").unwrap();
        assert!(key.has_signed(b"what is signed", &signature));
        assert_eq!(key.id(), signature.key_id());
        assert!(!key.has_signed(b"what is signee", &signature));
        assert!(!other.has_signed(b"what is signed", &signature));
        let comment = Signature::parse(&signature.text().replace("run 3", "run 4")).unwrap();
        assert!(!key.has_signed(b"what is signed", &comment));
    }

    /// The library reads beyond the end of a signature that is too short.
    #[test]
    fn nothing_that_is_cut_or_changed_passes_and_nothing_panics() {
        let (key, signing) = pair();
        let whole = signing.sign(b"x", "y").unwrap().text().to_string();
        for at in 0..whole.trim_end().len() {
            let cut = Signature::parse(&whole[..at]);
            assert!(cut.is_err(), "{at}");
            let mut changed = whole.clone().into_bytes();
            changed[at] ^= 1;
            let of_comment = at < whole.find('\n').unwrap();
            if let Ok(changed) = Signature::parse(&String::from_utf8(changed).unwrap()) {
                assert!(of_comment || !key.has_signed(b"x", &changed), "{at}");
            }
        }
        assert_eq!(Signature::parse(""), Err(KeyFault::NoSignature));
        for text in ["", "RW", "ssh-ed25519 AAAA", &"A".repeat(56), &"R".repeat(57)] {
            assert_eq!(VerifyingKey::parse(text), Err(KeyFault::NoPublicKey), "{text}");
        }
        let opened = SigningKey::open(&Secret::new("no key\nRWRTY0Iy".to_string()), None);
        assert_eq!(opened.err(), Some(KeyFault::Protected));
        let opened = SigningKey::open(&Secret::new("no key".to_string()), None);
        assert_eq!(opened.err(), Some(KeyFault::NoSecretKey));
    }
}
