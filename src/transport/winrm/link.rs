//! One connection to a WinRM listener on which somebody has logged in, and envelopes over it, one after another. Knows
//! nothing of shells.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::der::end_point;
use super::envelope::Request;
use super::error::WinrmError;
use super::http::{Answer, Http, Post};
use super::ntlm::{Login, authenticate, channel, negotiate};
use super::ntlm_keys::{Account, Key, Sealing};
use super::reply::{self, Reply};
use super::{sealed, tls};
use crate::base::secret::Secret;
use crate::transport::dial::{dial, shown_address};
use crate::transport::endpoint::{Credentials, Endpoint, Tls};
use crate::transport::error::TransportError;
use crate::transport::nonce::random;

const SOAP: &str = "application/soap+xml;charset=UTF-8";
const NEGOTIATE: &str = "Negotiate";
const BASIC: &str = "Basic";

pub(super) struct Link {
    http: Http,
    guard: Guard,
    /// A question has no answer yet. When that stays so, nobody knows what comes next on this connection.
    is_asking: bool,
}

/// What keeps others from reading and writing envelopes.
enum Guard {
    Sealed(Box<Sealing>),
    /// TLS, with the login bound to it.
    Tls,
    /// TLS, with the password in every request.
    Basic(Secret<String>),
}

/// A connection before anybody logs in.
struct Reached {
    http: Http,
    /// Nothing without TLS.
    certificate: Option<Vec<u8>>,
}

impl Link {
    pub(super) async fn open(endpoint: &Endpoint, credentials: &Credentials) -> Result<Link, TransportError> {
        let failed = |error| TransportError::Winrm { host: endpoint.name.clone(), error };
        if let Some(jump) = &endpoint.jump {
            return Err(failed(WinrmError::NoJump { jump: jump.name.clone() }));
        }
        let password = credentials.password.as_ref().ok_or_else(|| failed(WinrmError::NoPassword))?;
        let reached = Reached::open(endpoint).await?;
        let certificate = reached.certificate.as_deref();
        let login = Login {
            account: Account::parse(&endpoint.user),
            password,
            service: format!("HTTP/{}", endpoint.address),
            channel: certificate.map_or(Key::default(), |certificate| channel(&end_point(certificate))),
            session_key: random()?,
            nonce: random()?,
        };
        reached.log_in(&endpoint.user, &login, endpoint.connect_timeout).await.map_err(failed)
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
            Guard::Sealed(sealing) => (sealed::CONTENT_TYPE, None, sealed::seal(sealing, envelope)),
            Guard::Tls => (SOAP, None, envelope.as_bytes().to_vec()),
            Guard::Basic(authorization) => (SOAP, Some(authorization.expose().as_str()), envelope.as_bytes().to_vec()),
        };
        let answer = self.http.post(Post { authorization, content_type, body, patience }).await?;
        match answer.status {
            401 => return Err(WinrmError::LoginEnded),
            // Faults come with 500; an empty one is the server's own.
            200 | 500 if !answer.body.is_empty() => {}
            status => return Err(WinrmError::Status { status }),
        }
        match &mut self.guard {
            Guard::Sealed(sealing) => sealed::open(sealing, &answer.content_type, &answer.body),
            Guard::Tls | Guard::Basic(_) => String::from_utf8(answer.body)
                .map_err(|_| WinrmError::Unreadable { reason: "it is not UTF-8".to_owned() }),
        }
    }
}

impl Reached {
    async fn open(endpoint: &Endpoint) -> Result<Reached, TransportError> {
        let failed = |error| TransportError::Winrm { host: endpoint.name.clone(), error };
        let stream = dial(endpoint).await?;
        let host = shown_address(endpoint);
        if endpoint.tls == Tls::None {
            let http = Http::open(stream, host).await.map_err(failed)?;
            return Ok(Reached { http, certificate: None });
        }
        let silent = || WinrmError::Silent { seconds: endpoint.connect_timeout.as_secs() };
        let wrapped = tokio::time::timeout(endpoint.connect_timeout, tls::wrap(endpoint, stream)).await;
        let (stream, certificate) = wrapped.unwrap_or_else(|_| Err(silent())).map_err(failed)?;
        let http = Http::open(stream, host).await.map_err(failed)?;
        Ok(Reached { http, certificate: Some(certificate) })
    }

    /// NTLM where the host offers it, and the plain password only where that is all it takes and TLS hides it.
    async fn log_in(mut self, user: &str, login: &Login<'_>, patience: Duration) -> Result<Link, WinrmError> {
        let ours = negotiate();
        let challenge = self.knock(&format!("{NEGOTIATE} {}", STANDARD.encode(&ours)), patience).await?;
        if challenge.status != 401 {
            return Err(WinrmError::Status { status: challenge.status });
        }
        let Some(theirs) = token(&challenge.offers) else {
            return self.log_in_plainly(user, login, &challenge.offers, patience).await;
        };
        let theirs = STANDARD.decode(theirs).map_err(|_| WinrmError::BadToken)?;
        let (message, sealing) = authenticate(login, &ours, &theirs).ok_or(WinrmError::BadToken)?;
        let answer = self.knock(&format!("{NEGOTIATE} {}", STANDARD.encode(message)), patience).await?;
        self.judge(user, &answer)?;
        let guard = if self.certificate.is_some() { Guard::Tls } else { Guard::Sealed(Box::new(sealing)) };
        Ok(Link { http: self.http, guard, is_asking: false })
    }

    async fn log_in_plainly(
        mut self,
        user: &str,
        login: &Login<'_>,
        offers: &[String],
        patience: Duration,
    ) -> Result<Link, WinrmError> {
        let tls = self.certificate.is_some();
        let offered: Vec<String> =
            offers.iter().filter_map(|offer| offer.split_whitespace().next()).map(str::to_owned).collect();
        if !tls || !offered.iter().any(|offer| offer.eq_ignore_ascii_case(BASIC)) {
            return Err(WinrmError::NoMethod { offered, tls });
        }
        let plain = Secret::new(format!("{user}:{}", login.password.expose()));
        let authorization = Secret::new(format!("{BASIC} {}", STANDARD.encode(plain.expose())));
        let answer = self.knock(authorization.expose(), patience).await?;
        self.judge(user, &answer)?;
        Ok(Link { http: self.http, guard: Guard::Basic(authorization), is_asking: false })
    }

    async fn knock(&mut self, authorization: &str, patience: Duration) -> Result<Answer, WinrmError> {
        let authorization = Some(authorization);
        self.http.post(Post { authorization, content_type: SOAP, body: Vec::new(), patience }).await
    }

    fn judge(&self, user: &str, answer: &Answer) -> Result<(), WinrmError> {
        match answer.status {
            200 => Ok(()),
            401 => {
                let sha256 = self.certificate.as_deref().map(tls::fingerprint);
                Err(WinrmError::LoginRefused { user: user.to_owned(), sha256 })
            }
            status => Err(WinrmError::Status { status }),
        }
    }
}

fn token(offers: &[String]) -> Option<&str> {
    offers.iter().find_map(|offer| {
        let (method, token) = offer.split_once(' ')?;
        method.eq_ignore_ascii_case(NEGOTIATE).then(|| token.trim())
    })
}
