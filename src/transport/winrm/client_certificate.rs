//! The certificate that logs in, and its private key: both from one file in PEM that nobody else may read. Knows nothing of
//! connections.

use std::fmt;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::client::ResolvesClientCert;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, SignatureScheme};

use super::error::WinrmError;
use crate::base::secret::Secret;

/// A certificate and a key are much smaller.
const LARGEST: u64 = 1 << 20;

/// Why a file logs nobody in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CertificateFault {
    Unreadable {
        reason: String,
    },
    /// Others may read it.
    Open {
        mode: u32,
    },
    NoCertificate,
    NoKey,
    Encrypted,
    /// The key is of another certificate.
    Apart,
    /// Of a kind that TLS does not take.
    Unusable {
        reason: String,
    },
}

impl fmt::Display for CertificateFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        use CertificateFault as F;
        match self {
            F::Unreadable { reason } | F::Unusable { reason } => formatter.write_str(reason),
            F::Open { mode } => write!(formatter, "others may read it (mode {mode:04o})"),
            F::NoCertificate => formatter.write_str("there is no certificate in PEM in it"),
            F::NoKey => formatter.write_str("there is no private key in PEM in it"),
            F::Encrypted => formatter.write_str("its private key is encrypted"),
            F::Apart => formatter.write_str("its private key is not that of its first certificate"),
        }
    }
}

/// What is shown to a host that asks for it.
pub(super) struct ClientCertificate {
    key: Arc<CertifiedKey>,
    asked: OnceLock<()>,
}

impl ClientCertificate {
    pub(super) fn read(file: &Path, provider: &CryptoProvider) -> Result<ClientCertificate, WinrmError> {
        let refuse = |fault| WinrmError::ClientCertificate { file: file.to_path_buf(), fault };
        let pem = private(file).map_err(refuse)?;
        let key = certified(pem.expose(), provider).map_err(refuse)?;
        Ok(ClientCertificate { key: Arc::new(key), asked: OnceLock::new() })
    }

    /// Whether the host asked for it in the handshake.
    pub(super) fn was_asked(&self) -> bool {
        self.asked.get().is_some()
    }
}

fn private(file: &Path) -> Result<Secret<Vec<u8>>, CertificateFault> {
    let unreadable = |error: std::io::Error| CertificateFault::Unreadable { reason: error.to_string() };
    let opened = std::fs::File::open(file).map_err(unreadable)?;
    let facts = opened.metadata().map_err(unreadable)?;
    let mode = facts.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(CertificateFault::Open { mode });
    }
    if facts.len() > LARGEST {
        return Err(CertificateFault::Unreadable { reason: format!("it is larger than {LARGEST} bytes") });
    }
    let size = usize::try_from(facts.len()).unwrap_or_default();
    let mut pem = Secret::new(Vec::with_capacity(size));
    opened.take(LARGEST).read_to_end(pem.expose_mut()).map_err(unreadable)?;
    Ok(pem)
}

fn certified(pem: &[u8], provider: &CryptoProvider) -> Result<CertifiedKey, CertificateFault> {
    let certificates = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    let certificates = certificates.ok().filter(|all| !all.is_empty()).ok_or(CertificateFault::NoCertificate)?;
    let Ok(key) = PrivateKeyDer::from_pem_slice(pem) else {
        let is_encrypted = [&b"BEGIN ENCRYPTED"[..], b"4,ENCRYPTED"].iter().any(|mark| holds(pem, mark));
        return Err(if is_encrypted { CertificateFault::Encrypted } else { CertificateFault::NoKey });
    };
    CertifiedKey::from_der(certificates, key, provider).map_err(|error| match error {
        Error::InconsistentKeys(_) => CertificateFault::Apart,
        error => CertificateFault::Unusable { reason: error.to_string() },
    })
}

fn holds(text: &[u8], piece: &[u8]) -> bool {
    text.windows(piece.len()).any(|window| window == piece)
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ClientCertificate").finish_non_exhaustive()
    }
}

impl ResolvesClientCert for ClientCertificate {
    fn resolve(&self, _authorities: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.get_or_init(|| ());
        Some(Arc::clone(&self.key))
    }

    fn has_certs(&self) -> bool {
        true
    }
}
