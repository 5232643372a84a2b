//! Which host keys are trusted: known_hosts files read the way OpenSSH reads them, and the verdict on one key.
//! Knows nothing of connections; a changed key is a hard stop whatever the policy.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use russh::keys::ssh_key::known_hosts::{Entry, HostPatterns, Marker};
use russh::keys::{Algorithm, Certificate, HashAlg, PublicKey};
use sha1::Sha1;

use super::certificate;
use super::endpoint::{Endpoint, HostKeyPolicy};
use super::error::TransportError;
use super::patterns::matches_list;

/// The lines that speak of one host.
#[derive(Clone, Debug)]
pub(super) struct KnownHost {
    host: String,
    /// What a certificate must be for: the address, or the alias.
    address: String,
    /// `ADDRESS` for port 22, else `[ADDRESS]:PORT`; or the alias.
    pattern: String,
    first_file: Option<PathBuf>,
    lines: Vec<KnownLine>,
}

#[derive(Clone, Debug)]
struct KnownLine {
    file: PathBuf,
    line: usize,
    marker: Option<Marker>,
    key: PublicKey,
}

impl KnownHost {
    /// What the files of a host say of it.
    pub(super) fn of(endpoint: &Endpoint) -> Result<KnownHost, TransportError> {
        let Endpoint { name, address, port, known_hosts, .. } = endpoint;
        match &endpoint.host_key_alias {
            Some(alias) => KnownHost::named(name, alias.to_lowercase(), alias.to_lowercase(), known_hosts),
            None => KnownHost::read(name, address, *port, known_hosts),
        }
    }

    /// Reads `files`; one that does not exist is empty, one that cannot be read is an error. Lines that no one can
    /// parse are passed over, as OpenSSH does.
    pub(super) fn read(host: &str, address: &str, port: u16, files: &[PathBuf]) -> Result<KnownHost, TransportError> {
        let address = address.to_lowercase();
        let pattern = if port == 22 { address.clone() } else { format!("[{address}]:{port}") };
        KnownHost::named(host, address, pattern, files)
    }

    fn named(host: &str, address: String, pattern: String, files: &[PathBuf]) -> Result<KnownHost, TransportError> {
        let mut lines = Vec::new();
        for file in files {
            let text = match fs::read_to_string(file) {
                Ok(text) => text,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => {
                    return Err(TransportError::KnownHosts { file: file.clone(), reason: error.to_string() });
                }
            };
            collect_lines(&mut lines, file, &text, &pattern);
        }
        Ok(KnownHost { host: host.to_owned(), address, pattern, first_file: files.first().cloned(), lines })
    }

    /// The algorithms already known, for asking for a key that can be compared.
    pub(super) fn algorithms(&self) -> Vec<Algorithm> {
        self.lines.iter().filter(|line| line.marker.is_none()).map(|line| line.key.algorithm()).collect()
    }

    /// Trusts `key`, learns it, or says why not.
    pub(super) fn judge(&self, key: &PublicKey, policy: HostKeyPolicy) -> Result<(), TransportError> {
        let same = |line: &&KnownLine| line.key.key_data() == key.key_data();
        let plain = || self.lines.iter().filter(|line| line.marker.is_none());
        self.refuse_revoked(key)?;
        if plain().any(|line| same(&line)) {
            return Ok(());
        }
        // A key of the same kind is the better witness of a change; any other known key is one too.
        let witness = plain().find(|line| line.key.algorithm() == key.algorithm()).or_else(|| plain().next());
        if let Some(line) = witness {
            return Err(TransportError::HostKeyChanged {
                host: self.host.clone(),
                file: line.file.clone(),
                line: line.line,
                known: described(&line.key),
                presented: described(key),
            });
        }
        match policy {
            HostKeyPolicy::AcceptNew => self.learn(key),
            HostKeyPolicy::Strict => Err(TransportError::HostKeyUnknown {
                host: self.host.clone(),
                address: self.pattern.clone(),
                kind: key.algorithm().as_str().to_owned(),
                fingerprint: fingerprint(key),
                key: key_words(key).map_err(|reason| self.unusable(reason))?,
            }),
        }
    }

    fn refuse_revoked(&self, key: &PublicKey) -> Result<(), TransportError> {
        let revoked = self.lines.iter().filter(|line| line.marker == Some(Marker::Revoked));
        match revoked.into_iter().find(|line| line.key.key_data() == key.key_data()) {
            None => Ok(()),
            Some(line) => Err(TransportError::HostKeyRevoked {
                host: self.host.clone(),
                file: line.file.clone(),
                line: line.line,
                fingerprint: fingerprint(key),
            }),
        }
    }

    /// Whether a certificate would be of use.
    pub(super) fn has_authorities(&self) -> bool {
        self.lines.iter().any(|line| line.marker == Some(Marker::CertAuthority))
    }

    /// Trusts a certificate of an authority that is listed for this host. Where its authority is not listed, the key in
    /// it counts like any other, as for OpenSSH.
    pub(super) fn judge_certificate(
        &self,
        certificate: &Certificate,
        policy: HostKeyPolicy,
        now: u64,
    ) -> Result<(), TransportError> {
        let (key, signer) = (PublicKey::from(certificate.public_key().clone()), certificate.signature_key());
        self.refuse_revoked(&PublicKey::from(signer.clone()))?;
        let authorities = self.lines.iter().filter(|line| line.marker == Some(Marker::CertAuthority));
        if !authorities.into_iter().any(|line| line.key.key_data() == signer) {
            return self.judge(&key, policy);
        }
        self.refuse_revoked(&key)?;
        certificate::check_host(certificate, &self.address, now).map_err(|reason| TransportError::HostKeyCertificate {
            host: self.host.clone(),
            address: self.pattern.clone(),
            reason,
        })
    }

    fn learn(&self, key: &PublicKey) -> Result<(), TransportError> {
        self.write(&key_words(key).map_err(|reason| self.unusable(reason))?)
    }

    /// Adds a key, as `HostKeyUnknown` told it, to the first file.
    pub(super) fn write(&self, words: &str) -> Result<(), TransportError> {
        let Some(file) = &self.first_file else { return Ok(()) };
        append_line(file, &format!("{} {words}", self.pattern)).map_err(|error| self.unusable(error.to_string()))
    }

    fn unusable(&self, reason: String) -> TransportError {
        TransportError::KnownHosts { file: self.first_file.clone().unwrap_or_default(), reason }
    }
}

/// `ssh-ed25519 AAAA…`, without a comment.
fn key_words(key: &PublicKey) -> Result<String, String> {
    let text = key.to_openssh().map_err(|error| error.to_string())?;
    Ok(text.split(' ').take(2).collect::<Vec<_>>().join(" "))
}

/// One line, written at once, on a line of its own whatever the file ended with.
fn append_line(file: &Path, line: &str) -> std::io::Result<()> {
    if let Some(directory) = file.parent() {
        fs::create_dir_all(directory)?;
    }
    let before = match fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    let gap = if before.last().is_none_or(|last| *last == b'\n') { "" } else { "\n" };
    let mut opened = fs::OpenOptions::new().create(true).append(true).open(file)?;
    opened.write_all(format!("{gap}{line}\n").as_bytes())
}

fn collect_lines(lines: &mut Vec<KnownLine>, file: &Path, text: &str, pattern: &str) {
    for (index, line) in text.lines().enumerate() {
        let words = line.split_whitespace().collect::<Vec<_>>();
        if words.first().is_none_or(|word| word.starts_with('#')) {
            continue;
        }
        let Ok(entry) = words.join(" ").parse::<Entry>() else { continue };
        if matches(entry.host_patterns(), pattern) {
            let (marker, key) = (entry.marker().copied(), entry.public_key().clone());
            lines.push(KnownLine { file: file.to_owned(), line: index + 1, marker, key });
        }
    }
}

fn matches(patterns: &HostPatterns, host: &str) -> bool {
    match patterns {
        HostPatterns::Patterns(patterns) => {
            let patterns: Vec<String> = patterns.iter().map(|pattern| pattern.to_lowercase()).collect();
            matches_list(patterns.iter().map(String::as_str), host)
        }
        HostPatterns::HashedName { salt, hash } => {
            // Any length of key is a key for an HMAC.
            Hmac::<Sha1>::new_from_slice(salt)
                .is_ok_and(|mac| mac.chain_update(host.as_bytes()).verify_slice(hash).is_ok())
        }
    }
}

fn fingerprint(key: &PublicKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

fn described(key: &PublicKey) -> String {
    format!("{} {}", key.algorithm().as_str(), fingerprint(key))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use super::{HostKeyPolicy, KnownHost, TransportError, collect_lines};
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use hmac::{Hmac, KeyInit, Mac};
    use russh::keys::PublicKey;
    use sha1::Sha1;
    use std::path::Path;

    const ONE: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    const TWO: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA6rWI3G1sz07DnfFlrouTcysQlj2P+jpNSOEWD9OJ3X";

    fn judge(text: &str, host: &str, port: u16, key: &str) -> Result<(), TransportError> {
        let mut known = KnownHost::read("web1", host, port, &[]).unwrap();
        collect_lines(&mut known.lines, Path::new("kh"), text, &known.pattern);
        known.judge(&key.parse::<PublicKey>().unwrap(), HostKeyPolicy::Strict)
    }

    fn hashed(host: &str) -> String {
        let salt = b"0123456789abcdefghij";
        let mac = Hmac::<Sha1>::new_from_slice(salt).unwrap().chain_update(host.as_bytes());
        format!("|1|{}|{}", STANDARD.encode(salt), STANDARD.encode(mac.finalize().into_bytes()))
    }

    #[test]
    fn hosts_that_are_known() {
        let lines = [
            format!("web1 {ONE}"),
            format!("# note\n\nother,web1\t{ONE} a comment"),
            format!("WEB? {ONE}"),
            format!("w*1,!web2 {ONE}"),
            format!("{} {ONE}", hashed("web1")),
            format!("garbage\nweb1 nonsense\nweb1 {ONE}"),
            format!("web1 {TWO}\nweb1 {ONE}"),
        ];
        for line in lines {
            assert_eq!(judge(&line, "web1", 22, ONE), Ok(()), "{line}");
        }
        assert_eq!(judge(&format!("[web1]:2222 {ONE}"), "web1", 2222, ONE), Ok(()));
        assert_eq!(judge(&format!("{} {ONE}", hashed("[web1]:2222")), "web1", 2222, ONE), Ok(()));
    }

    #[test]
    fn hosts_that_are_not() {
        let lines = [
            String::new(),
            format!("web2 {ONE}"),
            format!("web*,!web1 {ONE}"),
            format!("[web1]:2222 {ONE}"),
            format!("{} {ONE}", hashed("web2")),
        ];
        for line in lines {
            let verdict = judge(&line, "web1", 22, ONE);
            assert!(matches!(verdict, Err(TransportError::HostKeyUnknown { .. })), "{line}: {verdict:?}");
        }
    }

    #[test]
    fn a_changed_key_names_its_line_and_both_keys() {
        let verdict = judge(&format!("# first\nweb1 {TWO}"), "web1", 22, ONE);
        let Err(TransportError::HostKeyChanged { line, known, presented, .. }) = verdict else { panic!("{verdict:?}") };
        assert_eq!(line, 2);
        assert!(known.starts_with("ssh-ed25519 SHA256:") && presented.starts_with("ssh-ed25519 SHA256:"));
        assert_ne!(known, presented);
    }

    #[test]
    fn revoked_keys_are_refused_and_an_authority_knows_no_bare_key() {
        let revoked = judge(&format!("web1 {ONE}\n@revoked * {ONE}"), "web1", 22, ONE);
        assert!(matches!(revoked, Err(TransportError::HostKeyRevoked { line: 2, .. })), "{revoked:?}");
        let authority = judge(&format!("@cert-authority * {TWO}"), "web1", 22, ONE);
        assert!(matches!(authority, Err(TransportError::HostKeyUnknown { .. })), "{authority:?}");
    }

    #[test]
    fn a_new_key_is_written_on_a_line_of_its_own() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("ssh/known_hosts");
        let key = ONE.parse::<PublicKey>().unwrap();
        for (host, port) in [("web1", 22), ("web2", 2222)] {
            let known = KnownHost::read(host, host, port, std::slice::from_ref(&file)).unwrap();
            assert_eq!(known.judge(&key, HostKeyPolicy::AcceptNew), Ok(()));
            let again = KnownHost::read(host, host, port, std::slice::from_ref(&file)).unwrap();
            assert_eq!(again.judge(&key, HostKeyPolicy::Strict), Ok(()));
        }
        assert_eq!(std::fs::read_to_string(&file).unwrap(), format!("web1 {ONE}\n[web2]:2222 {ONE}\n"));
    }
}
