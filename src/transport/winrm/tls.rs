//! TLS to a WinRM listener: whom to trust, and which certificate was shown. Knows nothing of HTTP.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use sha2::{Digest, Sha256};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::error::WinrmError;
use crate::transport::completed::hex;
use crate::transport::endpoint::{Endpoint, Tls};

/// A connection on which the host has shown a certificate that is trusted.
pub(super) async fn wrap(
    endpoint: &Endpoint,
    stream: TcpStream,
) -> Result<(TlsStream<TcpStream>, Vec<u8>), WinrmError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let judge = Arc::new(Judge::new(&endpoint.tls, &provider)?);
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| WinrmError::Tls { reason: error.to_string() })?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&judge) as Arc<dyn ServerCertVerifier>)
        .with_no_client_auth();
    let name = ServerName::try_from(endpoint.address.clone())
        .map_err(|_| WinrmError::Tls { reason: format!("`{}` is no name of a host", endpoint.address) })?;
    match TlsConnector::from(Arc::new(config)).connect(name, stream).await {
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
            return WinrmError::Tls { reason: cause.map_or_else(|| error.to_string(), Error::to_string) };
        };
        match (cause, &self.trust) {
            (Some(Error::InvalidCertificate(_)), Trust::Pinned(expected)) => {
                WinrmError::Pin { expected: expected.clone(), sha256: shown }
            }
            (Some(Error::InvalidCertificate(reason)), _) => {
                WinrmError::Certificate { reason: reason.to_string(), sha256: shown }
            }
            _ => WinrmError::Tls { reason: error.to_string() },
        }
    }
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
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| WinrmError::Authorities { file: file.map(Path::to_path_buf), reason: error.to_string() })
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
