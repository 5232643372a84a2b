//! `vault:MOUNT/PATH#FIELD`: one field of a secret in a KV store (version 1 or 2) of Vault or OpenBao. Asks as their own
//! command lines do: first which mount a path is of, then for the secret. Sends nothing itself: how a server is asked is
//! a function that is given.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use serde_json::Value as Json;

use super::vault_error::VaultError;
use super::{SecretError, file};
use crate::base::near::nearest;
use crate::base::reference::split_vault;
use crate::base::secret::Secret;

/// Where the server is, and who asks it.
pub struct Vault {
    /// As `https://HOST:8200`, without the `/v1`.
    pub address: Option<String>,
    pub namespace: Option<String>,
    /// Asked where no variable holds a token; `~/` is the user's home.
    pub token_file: String,
    /// Whether a token may be sent over plain HTTP to another machine.
    pub may_be_plain: bool,
    pub get: Get,
}

/// Asks for a URL with these headers; only what answers within bounds of time and size is an answer.
pub type Get = Box<dyn Fn(&str, &[Header<'_>]) -> Result<Answer, NoAnswer>>;

pub type Header<'a> = (&'static str, &'a Secret<String>);

pub struct Answer {
    pub status: u16,
    pub body: Secret<Vec<u8>>,
}

/// Why there is none, in words without the request's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NoAnswer {
    pub reason: String,
}

/// The variables that hold a token, the first that is set.
const TOKENS: [&str; 2] = ["BAO_TOKEN", "VAULT_TOKEN"];
/// Of what a server says of its own errors.
const LONGEST_WORDS: usize = 200;

/// What stands under one path. Other values than texts and numbers are only named.
type Fields = BTreeMap<String, Result<Secret<String>, &'static str>>;

/// A server, with what was read of it: each path is asked for once.
pub struct Reader<'a> {
    root: &'a Path,
    vault: &'a Vault,
    read: BTreeMap<String, Result<Fields, VaultError>>,
    /// Why nothing more is asked: no other path would be answered.
    down: Option<VaultError>,
}

/// A mount, as the server says.
struct Mount {
    path: String,
    is_versioned: bool,
}

/// Somebody with a token.
struct Asker<'a> {
    vault: &'a Vault,
    address: &'a str,
    token: Secret<String>,
}

impl<'a> Reader<'a> {
    pub fn new(root: &'a Path, vault: &'a Vault) -> Reader<'a> {
        Reader { root, vault, read: BTreeMap::new(), down: None }
    }

    /// The text of `MOUNT/PATH#FIELD`.
    pub fn read(&mut self, reference: &str) -> Result<Secret<String>, SecretError> {
        let (path, field) = split_vault(reference)
            .ok_or_else(|| VaultError::BadReference { reference: reference.to_string() })
            .map_err(SecretError::Vault)?;
        if !self.read.contains_key(path) {
            let address = address(self.vault).map_err(SecretError::Vault)?;
            let asker = Asker { vault: self.vault, address, token: token(self.root, self.vault)? };
            let fields = self.down.clone().map_or_else(|| asker.fields(path), Err);
            self.down = fields.as_ref().err().filter(|error| error.is_of_server()).cloned();
            self.read.insert(path.to_string(), fields);
        }
        let fields = match self.read.get(path) {
            Some(Ok(fields)) => fields,
            Some(Err(error)) => return Err(SecretError::Vault(error.clone())),
            None => return Err(SecretError::NoProvider),
        };
        match fields.get(field) {
            Some(Ok(text)) => Ok(text.clone()),
            Some(Err(kind)) => Err(VaultError::NoText { path: path.to_string(), field: field.to_string(), kind }),
            None => Err(no_field(path, field, fields)),
        }
        .map_err(SecretError::Vault)
    }
}

fn no_field(path: &str, field: &str, fields: &Fields) -> VaultError {
    let near = nearest(field, fields.keys().map(String::as_str)).map(str::to_string);
    let known = fields.keys().cloned().collect();
    VaultError::NoField { path: path.to_string(), field: field.to_string(), near, known }
}

/// The server's address, where a token may be sent to it.
fn address(vault: &Vault) -> Result<&str, VaultError> {
    let address = vault.address.as_deref().ok_or(VaultError::NoAddress)?;
    let refuse = |why| VaultError::Address { address: shown(address), why };
    let (scheme, rest) = address.split_once("://").ok_or(refuse("expected https://HOST:PORT"))?;
    // Nobody logs in there, and no query is part of an address; other letters would be read in more than one way.
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-._~:[]/%".contains(letter);
    let authority = rest.split('/').next().unwrap_or_default();
    if authority.is_empty() || !rest.chars().all(is_plain) {
        return Err(refuse("expected https://HOST:PORT"));
    }
    match scheme {
        "https" => {}
        "http" if vault.may_be_plain || is_loopback(authority) => {}
        "http" => return Err(refuse("plain HTTP would show the token to everybody on the way")),
        _ => return Err(refuse("expected https://HOST:PORT")),
    }
    Ok(address.trim_end_matches('/'))
}

/// Without what may be a password in it.
fn shown(address: &str) -> String {
    match (address.split_once("://"), address.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://…@{}", rest.split(['?', '#']).next().unwrap_or("")),
        _ => address.split(['?', '#']).next().unwrap_or_default().to_string(),
    }
}

fn is_loopback(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn token(root: &Path, vault: &Vault) -> Result<Secret<String>, SecretError> {
    let named = TOKENS.iter().find_map(|name| std::env::var(name).ok().filter(|token| !token.is_empty()));
    let token = match named.map(Secret::new) {
        Some(token) => token,
        None => file::read(root, &vault.token_file).map_err(|error| match error {
            SecretError::File { error, .. } if error.kind() == std::io::ErrorKind::NotFound => {
                SecretError::Vault(VaultError::NoToken { file: vault.token_file.clone() })
            }
            other => other,
        })?,
    };
    // A header has no other letters, and an error of it could show some.
    let is_token = !token.expose().is_empty() && token.expose().chars().all(|letter| letter.is_ascii_graphic());
    if is_token { Ok(token) } else { Err(SecretError::Vault(VaultError::BadToken)) }
}

impl Asker<'_> {
    fn fields(&self, path: &str) -> Result<Fields, VaultError> {
        let mount = self.mount(path)?;
        let within = format!("{path}/").strip_prefix(&mount.path).map(str::to_string).unwrap_or_default();
        let within = within.trim_end_matches('/');
        if within.is_empty() {
            return Err(VaultError::OnlyMount { path: path.to_string() });
        }
        let asked = if mount.is_versioned { format!("{}data/{within}", mount.path) } else { path.to_string() };
        let answer = self.get(&asked)?;
        let json = match answer.status {
            200 => parse(&answer.body).ok_or_else(|| self.not_json())?,
            404 => return Err(self.nothing(path, &mount, &answer)),
            _ => return Err(self.refused(path, &asked, &answer)),
        };
        let place = if mount.is_versioned { "/data/data" } else { "/data" };
        fields_of(json, place).ok_or_else(|| self.not_json())
    }

    /// Which mount a path is of: mounts may have several parts, and only the server knows.
    fn mount(&self, path: &str) -> Result<Mount, VaultError> {
        let answer = self.get(&format!("sys/internal/ui/mounts/{path}"))?;
        if answer.status == 403 {
            return Err(VaultError::NoMount {
                address: self.shown(),
                path: path.to_string(),
                said: self.said(&answer),
            });
        }
        if answer.status != 200 {
            return Err(self.refused(path, &format!("sys/internal/ui/mounts/{path}"), &answer));
        }
        let json = parse(&answer.body).ok_or_else(|| self.not_json())?;
        let text = |place: &str| json.pointer(place).and_then(Json::as_str);
        let mount = text("/data/path").filter(|mount| mount.ends_with('/') && format!("{path}/").starts_with(*mount));
        let mount = mount.ok_or_else(|| self.not_json())?.to_string();
        match text("/data/type") {
            Some("kv" | "generic") => {}
            kind => {
                let kind = kind.unwrap_or("nothing that is known").escape_debug().take(40).collect();
                return Err(VaultError::NotKv { mount, kind });
            }
        }
        Ok(Mount { path: mount, is_versioned: text("/data/options/version") == Some("2") })
    }

    fn get(&self, path: &str) -> Result<Answer, VaultError> {
        let namespace = self.vault.namespace.clone().map(Secret::new);
        let requests = Secret::new("true".to_string());
        // The last one is asked of everybody by agents and proxies, so that no page in a browser can ask them.
        let mut headers = vec![("x-vault-token", &self.token), ("x-vault-request", &requests)];
        headers.extend(namespace.as_ref().map(|namespace| ("x-vault-namespace", namespace)));
        let url = format!("{}/v1/{}", self.address, encoded(path));
        (self.vault.get)(&url, &headers)
            .map_err(|NoAnswer { reason }| VaultError::NoAnswer { address: self.shown(), reason })
    }

    fn refused(&self, path: &str, asked: &str, answer: &Answer) -> VaultError {
        let (address, said) = (self.shown(), self.said(answer));
        match answer.status {
            403 => VaultError::Denied { address, path: path.to_string(), asked: asked.to_string(), said },
            503 => VaultError::Sealed { address, said },
            status => VaultError::Status { address, asked: asked.to_string(), status, said },
        }
    }

    /// Nothing there, or no longer: only the second has metadata.
    fn nothing(&self, path: &str, mount: &Mount, answer: &Answer) -> VaultError {
        let json = parse(&answer.body).unwrap_or_default();
        let metadata = json.pointer("/data/metadata");
        let text = |name: &str| metadata.and_then(|of| of.get(name)).and_then(Json::as_str).unwrap_or_default();
        if metadata.is_some() {
            let deleted = text("deletion_time").chars().filter(|letter| letter.is_ascii_graphic()).take(40).collect();
            return VaultError::Deleted { path: path.to_string(), deleted };
        }
        let (mount, version) = (mount.path.clone(), if mount.is_versioned { 2 } else { 1 });
        VaultError::Nothing { address: self.shown(), path: path.to_string(), mount, version }
    }

    fn not_json(&self) -> VaultError {
        VaultError::NotJson { address: self.shown() }
    }

    fn shown(&self) -> String {
        self.address.to_string()
    }

    /// The server's own errors in one line, without the token.
    fn said(&self, answer: &Answer) -> String {
        let json = parse(&answer.body).unwrap_or_default();
        let errors = json.get("errors").and_then(Json::as_array).cloned().unwrap_or_default();
        let texts: Vec<&str> = errors.iter().filter_map(Json::as_str).collect();
        let text = texts.join("; ").replace(self.token.expose().as_str(), "(secret)");
        let words: Vec<&str> = text.split_whitespace().collect();
        words.join(" ").escape_debug().take(LONGEST_WORDS).collect()
    }
}

fn parse(body: &Secret<Vec<u8>>) -> Option<Json> {
    serde_json::from_slice(body.expose()).ok()
}

/// The fields of an answer; every text of it is one that is wiped.
fn fields_of(mut json: Json, place: &str) -> Option<Fields> {
    let found = json.pointer_mut(place).map(Json::take);
    drop_texts(json);
    let Some(Json::Object(found)) = found else {
        drop_texts(found.unwrap_or_default());
        return None;
    };
    let field = |value: Json| match value {
        Json::String(text) => Ok(Secret::new(text)),
        Json::Number(number) => Ok(Secret::new(number.to_string())),
        Json::Bool(_) => Err("a yes or no"),
        Json::Null => Err("nothing"),
        list_or_map => {
            let kind = if list_or_map.is_array() { "a list" } else { "a map" };
            drop_texts(list_or_map);
            Err(kind)
        }
    };
    Some(found.into_iter().map(|(name, value)| (name, field(value))).collect())
}

fn drop_texts(json: Json) {
    match json {
        Json::String(text) => drop(Secret::new(text)),
        Json::Array(items) => items.into_iter().for_each(drop_texts),
        Json::Object(fields) => fields.into_iter().for_each(|(_, value)| drop_texts(value)),
        _ => {}
    }
}

/// A path as URLs have it; its parts stay parts.
fn encoded(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    path.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault(address: &str, may_be_plain: bool) -> Vault {
        let get: Get = Box::new(|_, _| Err(NoAnswer { reason: String::new() }));
        Vault { address: Some(address.to_string()), namespace: None, token_file: String::new(), may_be_plain, get }
    }

    #[test]
    fn references_have_a_mount_a_path_and_a_field() {
        assert_eq!(split_vault("kv/app/db#user name"), Some(("kv/app/db", "user name")));
        assert_eq!(split_vault("kv/a b#x#y"), Some(("kv/a b", "x#y")));
        for wrong in ["", "kv", "kv/a", "kv#x", "kv/a#", "/kv/a#x", "kv//a#x", "kv/../sys#x", "kv/./a#x", "kv/a/#x"] {
            assert_eq!(split_vault(wrong), None, "{wrong}");
        }
        assert_eq!(encoded("kv/a b/ü?%#"), "kv/a%20b/%C3%BC%3F%25%23");
    }

    #[test]
    fn a_token_goes_to_a_server_that_says_who_it_is() {
        let takes = |text: &str, plain: bool| {
            address(&vault(text, plain)).map(str::to_string).map_err(|error| error.to_string())
        };
        for good in
            ["https://vault:8200", "http://127.0.0.1:8200", "http://localhost", "http://[::1]:8200", "https://v/x"]
        {
            assert_eq!(takes(&format!("{good}/"), false).as_deref(), Ok(good));
        }
        for wrong in [
            "http://vault:8200",
            "http://127.0.0.1.evil:1",
            "http://0.0.0.0:1",
            "http://localhost.evil",
            "http://[::2]",
        ] {
            assert!(takes(wrong, false).unwrap_err().contains("plain HTTP would show the token"), "{wrong}");
            assert!(takes(wrong, true).is_ok(), "{wrong}");
        }
        for wrong in [
            "vault:8200",
            "unix:///run/vault",
            "https://",
            "https://a@b",
            "http://127.0.0.1\\@evil",
            "https://v?x",
            "https://v#x",
        ] {
            assert!(takes(wrong, true).unwrap_err().contains("expected https://HOST:PORT"), "{wrong}");
        }
        assert!(!takes("https://me:s3cret@v?key=s3cret", false).unwrap_err().contains("s3cret"));
    }
}
