//! The way in: a connection, then whatever proves who we are, best first. A certificate where the host's entry names one;
//! Kerberos where somebody knows the realm's KDC; else NTLM; the plain password only where that is all a host takes and TLS
//! hides it. Knows nothing of envelopes.

use std::net::IpAddr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::der::end_point;
use super::error::WinrmError;
use super::http::{Answer, Http, Post};
use super::kerberos::Kerberos;
use super::krb_cache::ticket_of;
use super::krb_config::kdc_of;
use super::krb_kdc::{Kdc, Ticket};
use super::krb_messages::Principal;
use super::link::{Guard, Link, SOAP};
use super::ntlm::{Login, Ntlm, channel};
use super::ntlm_keys::{Account, Key};
use super::tls;
use super::tokens::Tokens;
use crate::base::secret::Secret;
use crate::transport::dial::{dial, shown_address};
use crate::transport::endpoint::{Credentials, Endpoint, Tls};
use crate::transport::error::TransportError;
use crate::transport::nonce::random;

const NEGOTIATE: &str = "Negotiate";
const BASIC: &str = "Basic";

/// To a host by Kerberos.
struct Way {
    user: Principal,
    kdc: Kdc,
}

impl Way {
    /// Nothing where nobody knows a KDC: a user of another realm than its own may log in by NTLM.
    fn of(endpoint: &Endpoint) -> Result<Option<Way>, WinrmError> {
        let Some((name, realm)) = endpoint.user.rsplit_once('@') else {
            let no_realm = || WinrmError::NoRealm { user: endpoint.user.clone() };
            return endpoint.kdc.as_ref().map_or(Ok(None), |_| Err(no_realm()));
        };
        let way = |kdc: Kdc| Way { user: Principal::user(name, &kdc.realm), kdc };
        Ok(kdc_of(endpoint, realm).map(way))
    }

    async fn ticket(&self, endpoint: &Endpoint, password: Option<&Secret<String>>) -> Result<Ticket, WinrmError> {
        let first = match password {
            Some(password) => self.kdc.log_in(&self.user, &endpoint.user, password).await?,
            None => ticket_of(&self.user, &endpoint.user)?,
        };
        // An address is no name that a domain knows.
        let is_number = endpoint.address.parse::<IpAddr>().is_ok();
        let host = if is_number { &endpoint.name } else { &endpoint.address };
        self.kdc.ticket_for(&host.to_lowercase(), &first).await
    }
}

/// A connection before anybody logs in.
struct Reached<'a> {
    endpoint: &'a Endpoint,
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
        if endpoint.certificate.is_some() && endpoint.tls == Tls::None {
            return Err(failed(WinrmError::CertificateWithoutTls));
        }
        if endpoint.certificate.is_some() {
            return Ok(Link::new(Reached::open(endpoint).await?.http, Guard::Certificate));
        }
        let password = credentials.password.as_ref();
        if let Some(way) = Way::of(endpoint).map_err(failed)? {
            let reached = Reached::open(endpoint).await?;
            let ticket = way.ticket(endpoint, password).await.map_err(failed)?;
            let tokens = Kerberos::new(ticket, reached.channel()).map_err(failed)?;
            return reached.log_in(Box::new(tokens), password).await.map_err(failed);
        }
        let password = password.ok_or_else(|| failed(WinrmError::NoPassword))?;
        let reached = Reached::open(endpoint).await?;
        let login = Login {
            account: Account::parse(&endpoint.user),
            password,
            service: format!("HTTP/{}", endpoint.address),
            channel: reached.channel(),
            session_key: random()?,
            nonce: random()?,
        };
        reached.log_in(Box::new(Ntlm::new(login)), Some(password)).await.map_err(failed)
    }
}

impl Reached<'_> {
    async fn open(endpoint: &Endpoint) -> Result<Reached<'_>, TransportError> {
        let failed = |error| TransportError::Winrm { host: endpoint.name.clone(), error };
        let stream = dial(endpoint).await?;
        let host = shown_address(endpoint);
        if endpoint.tls == Tls::None {
            let http = Http::open(stream, host).await.map_err(failed)?;
            return Ok(Reached { endpoint, http, certificate: None });
        }
        let silent = || WinrmError::TlsSilent { seconds: endpoint.connect_timeout.as_secs() };
        let wrapped = tokio::time::timeout(endpoint.connect_timeout, tls::wrap(endpoint, stream)).await;
        let (stream, certificate) = wrapped.unwrap_or_else(|_| Err(silent())).map_err(failed)?;
        let http = Http::open(stream, host).await.map_err(failed)?;
        Ok(Reached { endpoint, http, certificate: Some(certificate) })
    }

    /// What binds a login to the TLS under it; zeros without TLS.
    fn channel(&self) -> Key {
        self.certificate.as_deref().map_or(Key::default(), |certificate| channel(&end_point(certificate)))
    }

    fn patience(&self) -> Duration {
        self.endpoint.connect_timeout
    }

    async fn log_in(
        mut self,
        mut tokens: Box<dyn Tokens + '_>,
        password: Option<&Secret<String>>,
    ) -> Result<Link, WinrmError> {
        let mut answer = self.say(&tokens.first()).await?;
        if answer.status == 401 {
            let Some(theirs) = token(&answer)? else {
                return self.log_in_otherwise(tokens.as_ref(), &answer, password).await;
            };
            answer = self.say(&tokens.next(&theirs)?).await?;
        }
        self.judge(&answer)?;
        let sealing = tokens.finish(token(&answer)?.as_deref())?;
        let guard = if self.certificate.is_some() { Guard::Tls } else { Guard::Sealed(sealing) };
        Ok(Link::new(self.http, guard))
    }

    /// The host did not go on with what we began.
    async fn log_in_otherwise(
        self,
        tokens: &dyn Tokens,
        answer: &Answer,
        password: Option<&Secret<String>>,
    ) -> Result<Link, WinrmError> {
        let offers_negotiate = answer.offers.iter().any(|offer| offer.eq_ignore_ascii_case(NEGOTIATE));
        match tokens.refused().filter(|_| offers_negotiate) {
            None => self.log_in_plainly(&answer.offers, password).await,
            // Over TLS the host may not like what the login is bound to.
            Some(_) if self.certificate.is_some() => Err(self.refusal()),
            Some(refused) => Err(refused),
        }
    }

    async fn log_in_plainly(
        mut self,
        offers: &[String],
        password: Option<&Secret<String>>,
    ) -> Result<Link, WinrmError> {
        let tls = self.certificate.is_some();
        let offered: Vec<String> =
            offers.iter().filter_map(|offer| offer.split_whitespace().next()).map(str::to_owned).collect();
        let takes_basic = tls && offered.iter().any(|offer| offer.eq_ignore_ascii_case(BASIC));
        let Some(password) = password.filter(|_| takes_basic) else {
            return Err(WinrmError::NoMethod { offered, tls });
        };
        let plain = Secret::new(format!("{}:{}", self.endpoint.user, password.expose()));
        let authorization = Secret::new(format!("{BASIC} {}", STANDARD.encode(plain.expose())));
        let answer = self.knock(authorization.expose()).await?;
        self.judge(&answer)?;
        Ok(Link::new(self.http, Guard::Basic(authorization)))
    }

    async fn say(&mut self, token: &[u8]) -> Result<Answer, WinrmError> {
        self.knock(&format!("{NEGOTIATE} {}", STANDARD.encode(token))).await
    }

    async fn knock(&mut self, authorization: &str) -> Result<Answer, WinrmError> {
        let (authorization, patience) = (Some(authorization), self.patience());
        self.http.post(Post { authorization, content_type: SOAP, body: Vec::new(), patience }).await
    }

    fn judge(&self, answer: &Answer) -> Result<(), WinrmError> {
        match answer.status {
            200 => Ok(()),
            401 => Err(self.refusal()),
            status => Err(WinrmError::Status { status }),
        }
    }

    fn refusal(&self) -> WinrmError {
        let sha256 = self.certificate.as_deref().map(tls::fingerprint);
        WinrmError::LoginRefused { user: self.endpoint.user.clone(), sha256 }
    }
}

/// The host's word of the login, where it has one.
fn token(answer: &Answer) -> Result<Option<Vec<u8>>, WinrmError> {
    let token = answer.offers.iter().find_map(|offer| {
        let (method, token) = offer.split_once(' ')?;
        method.eq_ignore_ascii_case(NEGOTIATE).then(|| token.trim())
    });
    token.map(|token| STANDARD.decode(token).map_err(|_| WinrmError::BadToken)).transpose()
}
