//! Certificates of OpenSSH: whether one holds for a host now, and where a user's lies. Knows nothing of who is trusted.

use std::path::{Path, PathBuf};

use russh::keys::ssh_key::certificate::CertType;
use russh::keys::{Algorithm, Certificate, EcdsaCurve, HashAlg};

use super::patterns::matches_glob;

/// What a host may be asked to prove itself with, the best first.
pub(super) fn algorithms() -> Vec<Algorithm> {
    let curves = [EcdsaCurve::NistP256, EcdsaCurve::NistP384, EcdsaCurve::NistP521];
    let rsa = [HashAlg::Sha512, HashAlg::Sha256].map(|hash| Algorithm::Rsa { hash: Some(hash) });
    let ecdsa = curves.map(|curve| Algorithm::Ecdsa { curve });
    [Algorithm::Ed25519].into_iter().chain(ecdsa).chain(rsa).collect()
}

/// Why a certificate, whose authority is trusted, is none for this host at this time (seconds since 1970).
pub(super) fn check_host(certificate: &Certificate, address: &str, now: u64) -> Result<(), String> {
    if certificate.cert_type() != CertType::Host {
        return Err("it is one of a user, not of a host".to_owned());
    }
    if matches!(certificate.signature().algorithm(), Algorithm::Rsa { hash: None }) {
        return Err("it is signed with SHA-1".to_owned());
    }
    if now < certificate.valid_after() {
        return Err("it does not hold yet".to_owned());
    }
    if now >= certificate.valid_before() {
        return Err("its time is over".to_owned());
    }
    if let Some((name, _)) = certificate.critical_options().iter().next() {
        return Err(format!("it asks for `{}`, which opsc does not know", name.escape_debug()));
    }
    let names = certificate.valid_principals();
    if !names.is_empty() && !names.iter().any(|name| matches_glob(&name.to_lowercase(), address)) {
        let names: Vec<String> = names.iter().map(|name| name.escape_debug().to_string()).collect();
        return Err(format!("it is for {}", names.join(", ")));
    }
    let signer = certificate.signature_key().fingerprint(HashAlg::Sha256);
    certificate.validate_at(now, [&signer]).map_err(|_| "its signature is wrong".to_owned())
}

/// Where `ssh-keygen` writes the certificate of a key.
pub(super) fn beside(key: &Path) -> PathBuf {
    let mut name = key.as_os_str().to_owned();
    name.push("-cert.pub");
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use super::{Certificate, check_host};

    /// Made by ssh-keygen: of a host, for `web1`, during 2026.
    const MADE: &str = concat!(
        "ssh-ed25519-cert-v01@openssh.com AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29tAAAAION443NrJ3ZB06q",
        "6iBCT7wfL+yUDdEtmqsIFU9OsAcuCAAAAIHQZQnPAhrMboP9jzFEHPVnIkVymuL5TJccLd19alGsqAAAAAAAAAAAAAAACAAAABHR",
        "lc3QAAAAIAAAABHdlYjEAAAAAaVW5AAAAAABrNuyAAAAAAAAAAAAAAAAAAAAAMwAAAAtzc2gtZWQyNTUxOQAAACCgNzcY5x17+hv",
        "5lXbJ4fsMkcDxj2p0EjEFmeh5F+WaBAAAAFMAAAALc3NoLWVkMjU1MTkAAABAHJ/Q96fcoW6elI5ZnQQfIEEYGpgJ0zN/UfgvWWE",
        "ZTXINNADzzWOeI3DVkJsJeLuvYbyuvvQOvw+1J/ta7DLAAg==",
    );
    const IN_2026: u64 = 1_780_000_000;

    fn judged(text: &str, address: &str, now: u64) -> Result<(), String> {
        check_host(&Certificate::from_openssh(text).unwrap(), address, now)
    }

    #[test]
    fn a_certificate_holds_for_its_host_in_its_time() {
        assert_eq!(judged(MADE, "web1", IN_2026), Ok(()));
        assert_eq!(judged(MADE, "web2", IN_2026), Err("it is for web1".to_owned()));
        assert_eq!(judged(MADE, "web1", 1_700_000_000), Err("it does not hold yet".to_owned()));
        assert_eq!(judged(MADE, "web1", 1_900_000_000), Err("its time is over".to_owned()));
    }

    #[test]
    fn every_change_of_what_was_signed_is_seen() {
        let (kind, base64) = MADE.split_once(' ').unwrap();
        let mut refused = 0;
        // The first third holds nonce and key; a change there leaves a certificate that can be read.
        for at in 60..160 {
            let mut letters: Vec<char> = base64.chars().collect();
            let letter = letters.get_mut(at).unwrap();
            *letter = if *letter == 'A' { 'B' } else { 'A' };
            let text = format!("{kind} {}", letters.into_iter().collect::<String>());
            let Ok(changed) = Certificate::from_openssh(&text) else { continue };
            assert!(check_host(&changed, "web1", IN_2026).is_err(), "letter {at}");
            refused += 1;
        }
        assert!(refused > 40, "{refused}");
    }
}
