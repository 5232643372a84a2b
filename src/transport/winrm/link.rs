//! One connection to a WinRM listener on which somebody has logged in, and envelopes over it, one after another. Knows
//! nothing of shells.

use std::time::Duration;

use super::envelope::Request;
use super::error::WinrmError;
use super::http::{Http, Post};
use super::reply::{self, Reply};
use super::sealed;
use super::tokens::Seals;
use crate::base::secret::Secret;

pub(super) const SOAP: &str = "application/soap+xml;charset=UTF-8";
/// How a request says that the certificate of its connection is who asks.
const BY_CERTIFICATE: &str = "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual";

pub(super) struct Link {
    http: Http,
    guard: Guard,
    /// A question has no answer yet. When that stays so, nobody knows what comes next on this connection.
    is_asking: bool,
}

/// What keeps others from reading and writing envelopes.
pub(super) enum Guard {
    Sealed(Box<dyn Seals>),
    /// TLS, with the login bound to it.
    Tls,
    /// TLS, with the password in every request.
    Basic(Secret<String>),
    /// TLS, which knows our certificate.
    Certificate,
}

impl Link {
    pub(super) fn new(http: Http, guard: Guard) -> Link {
        Link { http, guard, is_asking: false }
    }

    pub(super) fn is_open(&self) -> bool {
        self.http.is_open() && !self.is_asking
    }

    /// Asks once, and gives what was answered. A link that did not answer is never used again.
    pub(super) async fn ask(&mut self, request: &Request<'_>, patience: Duration) -> Result<Reply, WinrmError> {
        if self.is_asking {
            return Err(WinrmError::Ended { reason: "an earlier request has no answer".to_owned() });
        }
        self.is_asking = true;
        let answer = self.exchange(&request.text(), patience).await?;
        let reply = reply::read(&answer, &format!("uuid:{}", request.message))?;
        self.is_asking = false;
        Ok(reply)
    }

    async fn exchange(&mut self, envelope: &str, patience: Duration) -> Result<String, WinrmError> {
        let (content_type, authorization, body) = match &mut self.guard {
            Guard::Sealed(sealing) => (sealed::CONTENT_TYPE, None, sealed::seal(sealing.as_mut(), envelope)?),
            Guard::Tls => (SOAP, None, envelope.as_bytes().to_vec()),
            Guard::Certificate => (SOAP, Some(BY_CERTIFICATE), envelope.as_bytes().to_vec()),
            Guard::Basic(authorization) => (SOAP, Some(authorization.expose().as_str()), envelope.as_bytes().to_vec()),
        };
        let answer = self.http.post(Post { authorization, content_type, body, patience }).await?;
        match answer.status {
            401 if matches!(self.guard, Guard::Certificate) => return Err(WinrmError::CertificateRefused),
            401 => return Err(WinrmError::LoginEnded),
            // Faults come with 500; an empty one is the server's own.
            200 | 500 if !answer.body.is_empty() => {}
            status => return Err(WinrmError::Status { status }),
        }
        match &mut self.guard {
            Guard::Sealed(sealing) => sealed::open(sealing.as_mut(), &answer.content_type, &answer.body),
            Guard::Tls | Guard::Basic(_) | Guard::Certificate => String::from_utf8(answer.body)
                .map_err(|_| WinrmError::Unreadable { reason: "it is not UTF-8".to_owned() }),
        }
    }
}
