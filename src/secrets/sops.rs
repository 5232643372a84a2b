//! YAML of SOPS for age's keys: each value AES-256-GCM under one key of the file, bound to the keys that lead to it, and a MAC
//! over all values in order.

use std::io::Read;

use aes_gcm::aead::consts::{U12, U32};
use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{AesGcm, Nonce, Tag};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha512};

use super::Keys;
use super::ansible_vault::Found;
use super::identity::Identity;
use super::import_error::ImportError;
use super::import_tree::{Node, Text, parse, texts};
use super::sealed_error::SealedError;
use crate::base::secret::Secret;

/// Why a file gives nothing: the file, or the identity.
pub enum SopsError {
    Import(ImportError),
    Identity(SealedError),
}

impl From<ImportError> for SopsError {
    fn from(error: ImportError) -> Self {
        SopsError::Import(error)
    }
}

/// What `sops:` says.
struct Metadata {
    /// Recipient and encrypted key, as text.
    keys: Vec<(String, String)>,
    /// Bound to it.
    modified: String,
    mac: Text,
    only_encrypted: bool,
}

/// Before the values, where the MAC is over encrypted ones only: SHA-256 of `sops`.
const ONLY_ENCRYPTED: [u8; 32] = [
    0x8a, 0x3f, 0xd2, 0xad, 0x54, 0xce, 0x66, 0x52, 0x7b, 0x10, 0x34, 0xf3, 0xd1, 0x47, 0xbe, 0x0b, 0x0b, 0x97, 0x5b,
    0x3b, 0xf4, 0x4f, 0x72, 0xc6, 0xfd, 0xad, 0xec, 0x81, 0x76, 0xf2, 0x7d, 0x69,
];
const LARGEST_KEY: u64 = 256;
/// Others than age that a file can be encrypted to.
const OTHERS: [&str; 5] = ["pgp", "kms", "gcp_kms", "azure_kv", "hc_vault"];

/// Every encrypted value, once the MAC is right.
pub fn read(text: &str, keys: &Keys) -> Result<Found, SopsError> {
    let Node::Map(mut entries) = parse(text)? else { return Err(ImportError::NoSops.into()) };
    let at = entries.iter().position(|(key, _)| key == "sops").ok_or(ImportError::NoSops)?;
    let metadata = metadata(entries.remove(at).1)?;
    let key = file_key(&metadata, keys)?;
    let mut hash = Sha512::new();
    if metadata.only_encrypted {
        hash.update(ONLY_ENCRYPTED);
    }
    let mut found = Found { texts: Vec::new(), plain: 0 };
    for (path, value) in texts_in_order(Node::Map(entries)) {
        if !is_encrypted(&value) {
            found.plain += 1;
            if !metadata.only_encrypted {
                hash.update(plain_bytes(&value)?);
            }
            continue;
        }
        let opened = open(&value, &key, &bound_to(&path))?;
        hash.update(opened.expose());
        let refuse = ImportError::Form { line: value.line, why: "the value is not UTF-8 text" };
        let text = std::str::from_utf8(opened.expose()).map_err(|_| refuse)?;
        found.texts.push((path.into_iter().map(|(key, _)| key).collect(), Secret::new(text.to_string())));
    }
    let stated = open(&metadata.mac, &key, &metadata.modified).map_err(|_| ImportError::Tampered { line: None })?;
    let counted: String = hash.finalize().iter().map(|byte| format!("{byte:02X}")).collect();
    if stated.expose() != counted.as_bytes() {
        return Err(ImportError::Tampered { line: None }.into());
    }
    Ok(found)
}

/// A key that leads to a value, and whether it is a place in a list.
type Step = (String, bool);

/// Every text with what leads to it.
fn texts_in_order(node: Node) -> Vec<(Vec<Step>, Text)> {
    fn collect(node: Node, path: &mut Vec<Step>, found: &mut Vec<(Vec<Step>, Text)>) {
        let mut below = |step: Step, node: Node| {
            path.push(step);
            collect(node, path, found);
            path.pop();
        };
        match node {
            Node::Map(entries) => entries.into_iter().for_each(|(key, node)| below((key, false), node)),
            Node::List(items) => {
                items.into_iter().enumerate().for_each(|(at, node)| below((at.to_string(), true), node));
            }
            Node::Text(text) => found.push((path.clone(), text)),
            Node::Alias => {}
        }
    }
    let mut found = Vec::new();
    collect(node, &mut Vec::new(), &mut found);
    found
}

/// Places in lists are no part of it.
fn bound_to(path: &[Step]) -> String {
    path.iter().filter(|(_, is_place)| !is_place).map(|(key, _)| format!("{key}:")).collect()
}

fn metadata(node: Node) -> Result<Metadata, ImportError> {
    let mut fields: Vec<(Vec<String>, Text)> = texts(node);
    let mut take = |name: &str| {
        let at = fields.iter().position(|(keys, _)| *keys == [name]);
        at.map(|at| fields.remove(at).1)
    };
    let (mac, modified) = (take("mac").ok_or(ImportError::NoSops)?, take("lastmodified").ok_or(ImportError::NoSops)?);
    let only_encrypted = take("mac_only_encrypted").is_some_and(|text| text.text.expose() == "true");
    let first = |keys: &[String]| keys.first().cloned().unwrap_or_default();
    let mut keys = Vec::new();
    let mut recipient = String::new();
    for (path, text) in &fields {
        match path.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["age", _, "recipient"] => recipient.clone_from(text.text.expose()),
            ["age", _, "enc"] => keys.push((std::mem::take(&mut recipient), text.text.expose().clone())),
            _ => {}
        }
    }
    let others = || {
        let named = fields.iter().map(|(keys, _)| first(keys)).find(|name| OTHERS.contains(&name.as_str()));
        named.map_or_else(|| "to nobody".to_string(), |name| format!("by `{name}`"))
    };
    if fields.iter().any(|(keys, _)| first(keys) == "key_groups") {
        return Err(ImportError::NoAge { to: "to several groups of keys".to_string() });
    }
    if keys.is_empty() {
        return Err(ImportError::NoAge { to: others() });
    }
    Ok(Metadata { keys, modified: modified.text.expose().clone(), mac, only_encrypted })
}

/// The file's own key, of the first recipient that the identity is.
fn file_key(metadata: &Metadata, keys: &Keys) -> Result<Secret<Vec<u8>>, SopsError> {
    let identity = Identity::read(&keys.identity).map_err(SopsError::Identity)?;
    let own = identity.as_age(keys);
    for (_, armored) in &metadata.keys {
        let base64: String =
            armored.lines().map(str::trim).filter(|line| !line.starts_with("-----") && !line.is_empty()).collect();
        let Ok(bytes) = STANDARD.decode(base64) else { continue };
        let mut key = Secret::new(Vec::with_capacity(LARGEST_KEY as usize + 64));
        let opened = age::Decryptor::new_buffered(bytes.as_slice())
            .and_then(|file| file.decrypt(own.iter().map(AsRef::as_ref)))
            .and_then(|reader| Ok(reader.take(LARGEST_KEY).read_to_end(key.expose_mut())?));
        match opened {
            Ok(32) => return Ok(key),
            Err(age::DecryptError::KeyDecryptionFailed) => {
                return Err(SopsError::Identity(SealedError::WrongPassphrase { path: keys.identity.clone() }));
            }
            _ => {}
        }
    }
    let recipients = metadata.keys.iter().map(|(recipient, _)| recipient.escape_debug().to_string()).collect();
    Err(ImportError::NotFor { recipients, own: identity.recipients() }.into())
}

fn is_encrypted(value: &Text) -> bool {
    value.text.expose().starts_with("ENC[AES256_GCM,")
}

/// `ENC[AES256_GCM,data:…,iv:…,tag:…,type:…]`, as the bytes that SOPS counts.
fn open(value: &Text, key: &Secret<Vec<u8>>, bound_to: &str) -> Result<Secret<Vec<u8>>, ImportError> {
    let tampered = ImportError::Tampered { line: Some(value.line) };
    opened(value.text.expose(), key, bound_to).ok_or(tampered)
}

fn opened(text: &str, key: &Secret<Vec<u8>>, bound_to: &str) -> Option<Secret<Vec<u8>>> {
    let inner = text.strip_prefix("ENC[AES256_GCM,")?.strip_suffix(']')?;
    let mut fields = inner.split(',').map(|field| field.split_once(':'));
    let mut field = |name: &str| fields.next()?.filter(|(found, _)| *found == name).map(|(_, value)| value);
    let (bytes, nonce, tag) = (field("data")?, field("iv")?, field("tag")?);
    field("type")?;
    let mut bytes = Secret::new(STANDARD.decode(bytes).ok()?);
    let (nonce, tag) = (STANDARD.decode(nonce).ok()?, STANDARD.decode(tag).ok()?);
    let tag = Tag::try_from(tag.as_slice()).ok()?;
    let (key, bound) = (key.expose(), bound_to.as_bytes());
    let buffer = bytes.expose_mut().as_mut_slice();
    if let Ok(nonce) = Nonce::<U32>::try_from(nonce.as_slice()) {
        let cipher = AesGcm::<aes::Aes256, U32>::new_from_slice(key).ok()?;
        cipher.decrypt_inout_detached(&nonce, bound, buffer.into(), &tag).ok()?;
    } else {
        let nonce = Nonce::<U12>::try_from(nonce.as_slice()).ok()?;
        let cipher = AesGcm::<aes::Aes256, U12>::new_from_slice(key).ok()?;
        cipher.decrypt_inout_detached(&nonce, bound, buffer.into(), &tag).ok()?;
    }
    Some(bytes)
}

/// A value that stands there to read, as the bytes that SOPS counts.
fn plain_bytes(value: &Text) -> Result<Vec<u8>, ImportError> {
    let text = value.text.expose().as_str();
    if !value.is_plain {
        return Ok(text.as_bytes().to_vec());
    }
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Vec::new(),
        "true" | "True" | "TRUE" => b"True".to_vec(),
        "false" | "False" | "FALSE" => b"False".to_vec(),
        _ => match number(text) {
            Some(Some(number)) => number.into_bytes(),
            Some(None) => return Err(ImportError::Unsure { line: value.line }),
            None => text.as_bytes().to_vec(),
        },
    })
}

/// A number as it is counted; the inner one is absent where a text may be a number or a date in a rare form.
fn number(text: &str) -> Option<Option<String>> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let is_all = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let has_zero = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
    if is_all(digits) && !has_zero {
        return Some(text.parse::<i64>().ok().map(|number| number.to_string()));
    }
    if let Some((before, after)) = digits.split_once('.')
        && is_all(before)
        && is_all(after)
        && !has_zero
    {
        return Some(text.parse::<f64>().ok().map(|number| number.to_string()));
    }
    is_rare(digits).then_some(None)
}

/// `0x1f`, `0o7`, `1e3`, `1_000`, `.5`, `.inf` and dates.
fn is_rare(digits: &str) -> bool {
    let has_only = |more: &str| digits.chars().all(|letter| letter.is_ascii_digit() || more.contains(letter));
    let starts = digits.starts_with(|letter: char| letter.is_ascii_digit() || letter == '.');
    let is_number = has_only("_.eE+-") && digits.matches('.').count() < 2;
    let is_based = digits.starts_with('0')
        && digits.chars().skip(1).all(|letter| letter.is_ascii_hexdigit() || "xo_".contains(letter));
    let is_word = [".inf", ".nan"].contains(&digits.to_lowercase().as_str());
    let is_date = digits.get(4..5) == Some("-") && has_only("-:.TtZz+ ");
    starts && (is_number || is_based || is_word || is_date)
}
