//! TLS to a WinRM listener: whom to trust, and which certificate was shown. Knows nothing of HTTP.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use sha2::{Digest, Sha256};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::client_certificate::ClientCertificate;
use super::error::WinrmError;
use crate::base::hex::hex;
use crate::transport::endpoint::{Endpoint, Tls};

/// A connection on which the host has shown a certificate that is trusted, and that certificate. Ours is shown where the
/// endpoint has one.
pub(super) async fn wrap(
    endpoint: &Endpoint,
    stream: TcpStream,
) -> Result<(TlsStream<TcpStream>, Vec<u8>), WinrmError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let judge = Arc::new(Judge::new(&endpoint.tls, &provider)?);
    let ours = endpoint.certificate.as_deref().map(|file| ClientCertificate::read(file, &provider)).transpose()?;
    let ours = ours.map(Arc::new);
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| WinrmError::Tls { reason: words_of(&error) })?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&judge) as Arc<dyn ServerCertVerifier>);
    let config = match &ours {
        Some(ours) => config.with_client_cert_resolver(Arc::clone(ours) as Arc<dyn ResolvesClientCert>),
        None => config.with_no_client_auth(),
    };
    let name = ServerName::try_from(endpoint.address.clone())
        .map_err(|_| WinrmError::Tls { reason: format!("`{}` is no name of a host", endpoint.address) })?;
    match TlsConnector::from(Arc::new(config)).connect(name, stream).await {
        Ok(_) if ours.is_some_and(|ours| !ours.was_asked()) => Err(WinrmError::CertificateNotAsked),
        Ok(stream) => Ok((stream, judge.shown())),
        Err(error) => Err(judge.explain(&error)),
    }
}

/// Decides whether a certificate is trusted, and remembers it.
#[derive(Debug)]
struct Judge {
    trust: Trust,
    provider: Arc<CryptoProvider>,
    shown: OnceLock<Vec<u8>>,
}

#[derive(Debug)]
enum Trust {
    /// By a chain to an authority, and by name.
    Chain(Arc<WebPkiServerVerifier>),
    /// Exactly one certificate, whatever it says.
    Pinned(String),
}

impl Judge {
    fn new(tls: &Tls, provider: &Arc<CryptoProvider>) -> Result<Judge, WinrmError> {
        let trust = match tls {
            Tls::Pinned(sha256) => Trust::Pinned(sha256.clone()),
            Tls::Authorities(file) => Trust::Chain(chain(authorities_of(file)?, Some(file), provider)?),
            Tls::Machine | Tls::None => Trust::Chain(chain(authorities_here(), None, provider)?),
        };
        Ok(Judge { trust, provider: Arc::clone(provider), shown: OnceLock::new() })
    }

    fn shown(&self) -> Vec<u8> {
        self.shown.get().cloned().unwrap_or_default()
    }

    fn explain(&self, error: &std::io::Error) -> WinrmError {
        let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<Error>());
        let Some(shown) = self.shown.get().map(|shown| fingerprint(shown)) else {
            return WinrmError::Tls { reason: cause.map_or_else(|| error.to_string(), words_of) };
        };
        match (cause, &self.trust) {
            (Some(Error::InvalidCertificate(_)), Trust::Pinned(expected)) => {
                WinrmError::Pin { expected: expected.clone(), sha256: shown }
            }
            (Some(Error::InvalidCertificate(reason)), _) => {
                WinrmError::Certificate { reason: words_of_certificate(reason), sha256: shown }
            }
            (Some(alert @ Error::AlertReceived(_)), _) => WinrmError::Alert { reason: words_of(alert) },
            _ => WinrmError::Tls { reason: cause.map_or_else(|| error.to_string(), words_of) },
        }
    }
}

/// The library says some things as its own source has them.
pub(super) fn words_of(error: &Error) -> String {
    match error {
        Error::AlertReceived(alert) => words_of_name(&format!("{alert:?}")),
        Error::InvalidCertificate(error) => words_of_certificate(error),
        Error::InvalidMessage(_) | Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
            "what listens there does not speak TLS".to_owned()
        }
        Error::PeerIncompatible(_) => "the host and opsc have no version or cipher of TLS in common".to_owned(),
        Error::PeerMisbehaved(_) => "the host breaks the rules of TLS".to_owned(),
        error => error.to_string(),
    }
}

fn words_of_certificate(error: &CertificateError) -> String {
    use CertificateError as E;
    let words = match error {
        E::UnknownIssuer => "no authority that is trusted here signed it",
        E::NotValidForName | E::NotValidForNameContext { .. } => "it is for another name",
        E::Expired | E::ExpiredContext { .. } => "it has expired",
        E::NotValidYet | E::NotValidYetContext { .. } => "it is not valid yet",
        E::Revoked => "it is revoked",
        E::BadEncoding => "it is not readable",
        E::BadSignature => "its signature does not hold",
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => "it is not for a server",
        E::Other(error) => return words_of_name(&error.to_string()),
        other => return words_of_name(other.to_string().split(['(', '{']).next().unwrap_or_default()),
    };
    words.to_owned()
}

/// `UnknownCA` is `unknown ca`.
fn words_of_name(name: &str) -> String {
    let (mut words, mut before) = (String::new(), ' ');
    for letter in name.trim().chars() {
        if letter.is_uppercase() && before.is_lowercase() {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
        before = letter;
    }
    words
}

/// As `openssl x509 -fingerprint -sha256` shows it, without colons.
pub(super) fn fingerprint(certificate: &[u8]) -> String {
    hex(&Sha256::digest(certificate))
}

fn chain(
    roots: RootCertStore,
    file: Option<&Path>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, WinrmError> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build().map_err(|_| {
        WinrmError::Authorities { file: file.map(Path::to_path_buf), reason: "no certificate was found".to_owned() }
    })
}

fn authorities_of(file: &Path) -> Result<RootCertStore, WinrmError> {
    let refuse = |reason: String| WinrmError::Authorities { file: Some(file.to_path_buf()), reason };
    let pem = std::fs::read(file).map_err(|error| refuse(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| refuse(error.to_string()))?;
        roots.add(certificate).map_err(|error| refuse(error.to_string()))?;
    }
    Ok(roots)
}

/// Those of this machine that can be read.
fn authorities_here() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.shown.get_or_init(|| leaf.to_vec());
        match &self.trust {
            Trust::Chain(chain) => chain.verify_server_cert(leaf, between, name, ocsp, now),
            Trust::Pinned(sha256) if *sha256 == fingerprint(leaf) => Ok(ServerCertVerified::assertion()),
            Trust::Pinned(_) => Err(CertificateError::ApplicationVerificationFailure.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
