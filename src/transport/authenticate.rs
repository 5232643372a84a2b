//! Proves to an SSH host who we are: agent, keys, keyboard-interactive, password, in this order and each only while
//! the host still takes it. Knows nothing of what comes after.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use russh::MethodKind;
use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse};
use russh::keys::Error::KeyIsEncrypted;
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{Certificate, HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey, decode_secret_key};
use tokio::time::timeout;

use super::certificate;
use super::endpoint::{Agent, Credentials, Endpoint};
use super::error::TransportError;
use super::ssh::Judge;
use crate::base::secret::Secret;

/// Tried in `~/.ssh` when an endpoint names no key.
const DEFAULT_KEYS: [&str; 3] = ["id_ed25519", "id_ecdsa", "id_rsa"];
/// How a file in this format says that it needs a passphrase.
const PKCS8_ENCRYPTED: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----";
/// The same before PKCS#8; of these the library reads one kind of key and one cipher.
const PEM_ENCRYPTED: &str = "Proc-Type: 4,ENCRYPTED";
const PEM_RSA: &str = "-----BEGIN RSA PRIVATE KEY-----";
const PEM_CIPHER: &str = "DEK-Info: AES-128-CBC,";
/// An agent with many keys would use up the host's patience (MaxAuthTries is 6).
const MOST_AGENT_KEYS: usize = 4;
const MOST_QUESTIONS: usize = 4;

pub(super) async fn authenticate(
    handle: &mut Handle<Judge>,
    endpoint: &Endpoint,
    credentials: &Credentials,
) -> Result<(), TransportError> {
    let mut attempt = Attempt { handle, endpoint, credentials, tried: Vec::new(), offered: None };
    // A host that goes silent between two methods is as unreachable as one that never answered.
    match timeout(endpoint.connect_timeout * 3, attempt.everything()).await {
        Err(_) => Err(TransportError::ConnectTimeout {
            host: endpoint.name.clone(),
            address: format!("{}:{}", endpoint.address, endpoint.port),
            seconds: endpoint.connect_timeout.as_secs() * 3,
        }),
        Ok(Err(error)) => Err(error),
        Ok(Ok(true)) => Ok(()),
        Ok(Ok(false)) => Err(attempt.refused()),
    }
}

struct Attempt<'a> {
    handle: &'a mut Handle<Judge>,
    endpoint: &'a Endpoint,
    credentials: &'a Credentials,
    tried: Vec<String>,
    /// What the host still takes, once it said so.
    offered: Option<Vec<MethodKind>>,
}

impl Attempt<'_> {
    async fn everything(&mut self) -> Result<bool, TransportError> {
        let none = self.handle.authenticate_none(&self.endpoint.user).await;
        if self.note(none)? {
            return Ok(true);
        }
        for method in self.methods() {
            let is_in = self.takes(method)
                && match method {
                    MethodKind::PublicKey => self.agent().await? || self.keys().await?,
                    MethodKind::KeyboardInteractive => self.questions().await?,
                    _ => self.password().await?,
                };
            if is_in {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn methods(&self) -> Vec<MethodKind> {
        let all = [MethodKind::PublicKey, MethodKind::KeyboardInteractive, MethodKind::Password];
        let Some(wanted) = &self.endpoint.methods else { return all.to_vec() };
        let known = |name: &String| all.iter().copied().find(|method| <&str>::from(method) == name);
        wanted.iter().filter_map(known).collect()
    }

    fn takes(&self, method: MethodKind) -> bool {
        self.offered.as_ref().is_none_or(|offered| offered.contains(&method))
    }

    /// Remembers what the host offers. True when it let us in.
    fn note(&mut self, result: Result<AuthResult, russh::Error>) -> Result<bool, TransportError> {
        match result {
            Ok(AuthResult::Success) => Ok(true),
            Ok(AuthResult::Failure { remaining_methods, .. }) => {
                self.offered = Some(remaining_methods.to_vec());
                if self.handle.is_closed() { Err(self.refused()) } else { Ok(false) }
            }
            Err(_) => Err(self.refused()),
        }
    }

    fn refused(&self) -> TransportError {
        let offered = self.offered.iter().flatten().map(|method| <&str>::from(method).to_owned()).collect();
        TransportError::Authentication {
            host: self.endpoint.name.clone(),
            user: self.endpoint.user.clone(),
            tried: self.tried.clone(),
            offered,
        }
    }

    async fn agent(&mut self) -> Result<bool, TransportError> {
        let Some(socket) = self.agent_socket() else { return Ok(false) };
        let Ok(mut agent) = AgentClient::connect_uds(&socket).await else {
            self.tried.push("agent (not running)".to_owned());
            return Ok(false);
        };
        let Ok(identities) = agent.request_identities().await else {
            self.tried.push("agent (no answer)".to_owned());
            return Ok(false);
        };
        for identity in self.of_agent(identities).into_iter().take(MOST_AGENT_KEYS) {
            let (what, algorithm) = match &identity {
                AgentIdentity::PublicKey { key, comment } => (format!("agent key {comment}"), key.algorithm()),
                AgentIdentity::Certificate { certificate, comment } => {
                    (format!("agent certificate {comment}"), certificate.algorithm())
                }
            };
            self.tried.push(what);
            for hash in self.hashes(algorithm.is_rsa()).await {
                let user = &self.endpoint.user;
                let result = match &identity {
                    AgentIdentity::PublicKey { key, .. } => {
                        self.handle.authenticate_publickey_with(user, key.clone(), hash, &mut agent).await
                    }
                    AgentIdentity::Certificate { certificate, .. } => {
                        self.handle.authenticate_certificate_with(user, certificate.clone(), hash, &mut agent).await
                    }
                };
                // An agent that declines to sign is one key less, not the end.
                if let Ok(result) = result
                    && self.note(Ok(result))?
                {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn agent_socket(&self) -> Option<PathBuf> {
        let usual = || {
            let credentials = self.credentials;
            credentials.agent_socket.clone().or_else(|| std::env::var_os("SSH_AUTH_SOCK").map(PathBuf::from))
        };
        let socket = match &self.endpoint.identities.agent {
            Agent::Usual => usual(),
            Agent::None => None,
            Agent::Socket(socket) => Some(socket.clone()),
        };
        socket.filter(|_| self.credentials.use_agent)
    }

    /// Keys of the agent that files name come first; others only where nobody forbids them.
    fn of_agent(&self, mut identities: Vec<AgentIdentity>) -> Vec<AgentIdentity> {
        let named: Vec<PublicKey> = self.key_files().iter().filter_map(|(file, _)| self.public_key(file)).collect();
        let is_named = |identity: &AgentIdentity| {
            let key = match identity {
                AgentIdentity::PublicKey { key, .. } => key.key_data(),
                AgentIdentity::Certificate { certificate, .. } => certificate.public_key(),
            };
            named.iter().any(|named| named.key_data() == key)
        };
        identities.retain(|identity| !self.endpoint.identities.only || is_named(identity));
        identities.sort_by_key(|identity| !is_named(identity));
        identities
    }

    /// The public half of a key file: beside it, all that it is, or in it. One that cannot be read names no key.
    fn public_key(&self, file: &Path) -> Option<PublicKey> {
        let mut beside = file.as_os_str().to_owned();
        beside.push(".pub");
        let public = |file: &Path| {
            let text = std::fs::read_to_string(file).unwrap_or_default();
            text.trim().parse::<PublicKey>().ok()
        };
        let private = || load_key(file, self.credentials).ok().map(|key| key.public_key().clone());
        public(Path::new(&beside)).or_else(|| public(file)).or_else(private)
    }

    async fn keys(&mut self) -> Result<bool, TransportError> {
        let unread = self.endpoint.identities.certificates.iter().filter(|path| read_certificate(path).is_none());
        self.tried.extend(unread.map(|path| format!("certificate {} (not readable)", path.display())));
        for (path, wanted) in self.key_files() {
            let key = match load_key(&path, self.credentials) {
                Ok(key) => key,
                Err(error) if wanted => return Err(error),
                Err(error) => {
                    let why = match error {
                        TransportError::KeyEncrypted { .. } => "needs a passphrase",
                        TransportError::KeyPassphrase { .. } => "another passphrase",
                        _ => "not readable",
                    };
                    self.tried.push(format!("key {} ({why})", path.display()));
                    continue;
                }
            };
            let key = Arc::new(key);
            if self.certificates(&path, &key).await? {
                return Ok(true);
            }
            self.tried.push(format!("key {}", path.display()));
            for hash in self.hashes(key.algorithm().is_rsa()).await {
                let key = PrivateKeyWithHashAlg::new(Arc::clone(&key), hash);
                let result = self.handle.authenticate_publickey(&self.endpoint.user, key).await;
                if self.note(result)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// The certificates of a key: those that are named, then the one beside its file.
    async fn certificates(&mut self, path: &Path, key: &Arc<PrivateKey>) -> Result<bool, TransportError> {
        for path in self.certificates_of(key.public_key()) {
            if self.certificate(&path, key).await? {
                return Ok(true);
            }
        }
        let beside = certificate::beside(path);
        if self.endpoint.identities.certificates.contains(&beside) || !beside.exists() {
            return Ok(false);
        }
        self.certificate(&beside, key).await
    }

    /// Named certificates that are of this key; those of others are no concern of it.
    fn certificates_of(&self, key: &PublicKey) -> Vec<PathBuf> {
        let is_of_key = |path: &&PathBuf| {
            read_certificate(path).is_some_and(|certificate| certificate.public_key() == key.key_data())
        };
        self.endpoint.identities.certificates.iter().filter(is_of_key).cloned().collect()
    }

    async fn certificate(&mut self, path: &Path, key: &Arc<PrivateKey>) -> Result<bool, TransportError> {
        let Some(certificate) = read_certificate(path) else {
            self.tried.push(format!("certificate {} (not readable)", path.display()));
            return Ok(false);
        };
        if certificate.public_key() != key.public_key().key_data() {
            self.tried.push(format!("certificate {} (of another key)", path.display()));
            return Ok(false);
        }
        self.tried.push(format!("certificate {}", path.display()));
        let result = self.handle.authenticate_openssh_cert(&self.endpoint.user, Arc::clone(key), certificate).await;
        self.note(result)
    }

    /// The key files to try, each with whether someone asked for it.
    fn key_files(&self) -> Vec<(PathBuf, bool)> {
        if let Some(key) = &self.endpoint.key {
            return vec![(key.clone(), true)];
        }
        if let Some(files) = &self.endpoint.identities.files {
            return files.iter().map(|file| (file.clone(), false)).collect();
        }
        let Some(home) = std::env::home_dir() else { return Vec::new() };
        let files = DEFAULT_KEYS.iter().map(|name| home.join(".ssh").join(name));
        files.filter(|file| file.exists()).map(|file| (file, false)).collect()
    }

    /// How a key may sign. What sshd says that it takes is what it was built with, not what it was told to take, so a
    /// refused RSA key is tried with the other hash too.
    async fn hashes(&self, is_rsa: bool) -> Vec<Option<HashAlg>> {
        match self.rsa_hash(is_rsa).await {
            Some(HashAlg::Sha512) => vec![Some(HashAlg::Sha512), Some(HashAlg::Sha256)],
            Some(HashAlg::Sha256) => vec![Some(HashAlg::Sha256), Some(HashAlg::Sha512)],
            other => vec![other],
        }
    }

    async fn rsa_hash(&self, is_rsa: bool) -> Option<HashAlg> {
        if !is_rsa {
            return None;
        }
        // A host that does not say takes SHA-256 at least, unless it is older than 2016.
        self.handle.best_supported_rsa_hash().await.ok().flatten().unwrap_or(Some(HashAlg::Sha256))
    }

    /// Every hidden question gets the password; a question in the open is one that we cannot answer.
    async fn questions(&mut self) -> Result<bool, TransportError> {
        let Some(password) = self.credentials.password.as_ref() else { return Ok(false) };
        self.tried.push("keyboard-interactive".to_owned());
        let mut response = self.handle.authenticate_keyboard_interactive_start(&self.endpoint.user, None).await;
        for _ in 0..MOST_QUESTIONS {
            match response {
                Err(_) => return Err(self.refused()),
                Ok(KeyboardInteractiveAuthResponse::Success) => return Ok(true),
                Ok(KeyboardInteractiveAuthResponse::Failure { remaining_methods, partial_success }) => {
                    return self.note(Ok(AuthResult::Failure { remaining_methods, partial_success }));
                }
                Ok(KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. }) => {
                    let answer = |echo| if echo { String::new() } else { password.expose().clone() };
                    let answers = prompts.iter().map(|prompt| answer(prompt.echo)).collect();
                    response = self.handle.authenticate_keyboard_interactive_respond(answers).await;
                }
            }
        }
        Ok(false)
    }

    async fn password(&mut self) -> Result<bool, TransportError> {
        let Some(password) = self.credentials.password.as_ref() else { return Ok(false) };
        self.tried.push("password".to_owned());
        let result = self.handle.authenticate_password(&self.endpoint.user, password.expose()).await;
        self.note(result)
    }
}

fn read_certificate(path: &Path) -> Option<Certificate> {
    Certificate::from_openssh(std::fs::read_to_string(path).ok()?.trim()).ok()
}

fn load_key(path: &Path, credentials: &Credentials) -> Result<PrivateKey, TransportError> {
    let text = Secret::new(std::fs::read_to_string(path).map_err(|error| key_error(path, &error))?);
    let text = text.expose();
    if text.contains(PEM_ENCRYPTED) && !(text.contains(PEM_RSA) && text.contains(PEM_CIPHER)) {
        return Err(TransportError::KeyFormat { path: path.to_owned() });
    }
    // Without a passphrase the library takes such a file for a broken one.
    let result = if text.contains(PKCS8_ENCRYPTED) { Err(KeyIsEncrypted) } else { decode_secret_key(text, None) };
    let passphrase = match (result, &credentials.passphrase) {
        (Ok(key), _) => return Ok(key),
        (Err(KeyIsEncrypted), None) => return Err(TransportError::KeyEncrypted { path: path.to_owned() }),
        (Err(KeyIsEncrypted), Some(passphrase)) => passphrase.expose(),
        (Err(error), _) => return Err(key_error(path, &error)),
    };
    decode_secret_key(text, Some(passphrase)).map_err(|_| TransportError::KeyPassphrase { path: path.to_owned() })
}

fn key_error(path: &Path, error: &dyn std::error::Error) -> TransportError {
    TransportError::Key { path: path.to_owned(), reason: error.to_string() }
}
