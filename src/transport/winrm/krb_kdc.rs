//! Tickets of a KDC: one for a password, and others by that one. Asks over TCP alone. Knows nothing of hosts.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::error::WinrmError;
use super::kerberos_error::KerberosError;
use super::krb_keys::Key;
use super::krb_messages::{
    AS_REPLY, AboutKey, Authenticator, Complaint, Moment, Principal, TGS_REPLY, TicketPart, ap_request, as_request,
    body, read_complaint, read_reply, read_ticket_part, sealed_part, tgs_request, time_stamp,
};
use super::tokens::unguessed;
use crate::base::secret::Secret;

/// No message of a KDC is larger.
const LARGEST: usize = 1 << 20;
/// As kinds of services are named, the usual one first.
const SERVICES: [&str; 2] = ["HTTP", "WSMAN"];
const MOST_SKEW: u64 = 300;

/// What a sealed text is for, as a key has it.
const OF_TIME: u32 = 1;
const OF_AS_REPLY: u32 = 3;
const OF_BODY: u32 = 6;
const OF_SHOWING: u32 = 7;
const OF_TGS_REPLY: u32 = 8;

const NO_SERVICE: i64 = 7;
const PROOF_WANTED: i64 = 25;

#[derive(Clone, Debug)]
pub(super) struct Kdc {
    pub(super) realm: String,
    /// `HOST:PORT`, tried in this order.
    pub(super) addresses: Vec<String>,
    pub(super) patience: Duration,
}

#[derive(Clone, Debug)]
pub(super) struct Ticket {
    pub(super) client: Principal,
    pub(super) service: Principal,
    pub(super) ticket: Vec<u8>,
    pub(super) key: Key,
    pub(super) ends: u64,
}

pub(super) fn now() -> Moment {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Moment { seconds: since.as_secs(), micros: since.subsec_micros() }
}

impl Kdc {
    /// The ticket that gets others, for a password. `shown` is how the user is called.
    pub(super) async fn log_in(
        &self,
        user: &Principal,
        shown: &str,
        password: &Secret<String>,
    ) -> Result<Ticket, WinrmError> {
        let service = Principal::service("krbtgt", &self.realm, &self.realm);
        let nonce = nonce()?;
        let body = body(Some(user), &service, nonce);
        let mut answer = self.ask(&as_request(&body, None)).await?;
        let mut about = None;
        if let Some(complaint) = read_complaint(&answer) {
            if complaint.code != PROOF_WANTED {
                return Err(named(&complaint, shown).into());
            }
            let asked = complaint.about_keys.ok_or(KerberosError::NoCipher)?;
            let key = key_of(&asked, user, password)?;
            let proof = key.seal(OF_TIME, unguessed()?, &time_stamp(now()));
            answer = self.ask(&as_request(&body, Some(&sealed_part(key.kind(), &proof)))).await?;
            about = Some(asked);
        }
        if let Some(complaint) = read_complaint(&answer) {
            return Err(named(&complaint, shown).into());
        }
        let reply = read_reply(&answer, AS_REPLY).ok_or_else(unreadable)?;
        let said = [reply.about_keys.clone(), about].into_iter().flatten().find(|about| about.kind == reply.kind);
        let about = said.unwrap_or(AboutKey { kind: reply.kind, salt: None, rounds: None });
        let key = key_of(&about, user, password)?;
        let plain = key.open(OF_AS_REPLY, reply.sealed).map(Secret::new);
        let plain = plain.ok_or_else(|| KerberosError::WrongPassword { user: shown.to_owned() })?;
        let part = read_ticket_part(plain.expose()).filter(|part| part.nonce == i64::from(nonce));
        let part = part.filter(|part| part.service.names == service.names).ok_or_else(unreadable)?;
        check_clock(&part)?;
        Ok(Ticket { client: reply.client, service: part.service, ticket: reply.ticket, key: part.key, ends: part.ends })
    }

    /// One for a host, under the first name that the KDC knows it by.
    pub(super) async fn ticket_for(&self, host: &str, by: &Ticket) -> Result<Ticket, WinrmError> {
        for kind in SERVICES {
            let service = Principal::service(kind, host, &self.realm);
            match self.ticket(&service, by).await? {
                Ok(ticket) => return Ok(ticket),
                Err(complaint) if complaint.code == NO_SERVICE => {}
                Err(complaint) => return Err(named(&complaint, &by.client.names.join("/")).into()),
            }
        }
        let names = SERVICES.iter().map(|kind| format!("{kind}/{host}")).collect();
        Err(KerberosError::UnknownHost { names, realm: self.realm.clone() }.into())
    }

    async fn ticket(&self, service: &Principal, by: &Ticket) -> Result<Result<Ticket, Complaint>, WinrmError> {
        let nonce = nonce()?;
        let body = body(None, service, nonce);
        let sum = by.key.sum(OF_BODY, &body);
        let shown = Authenticator { client: &by.client, now: now(), sum: (by.key.sum_kind(), &sum), subkey: None };
        let shown = by.key.seal(OF_SHOWING, unguessed()?, &shown.text());
        let shown = ap_request(&by.ticket, &sealed_part(by.key.kind(), &shown), false);
        let answer = self.ask(&tgs_request(&body, &shown)).await?;
        if let Some(complaint) = read_complaint(&answer) {
            return Ok(Err(complaint));
        }
        let reply = read_reply(&answer, TGS_REPLY).ok_or_else(unreadable)?;
        let plain = by.key.open(OF_TGS_REPLY, reply.sealed).map(Secret::new).ok_or_else(unreadable)?;
        let part = read_ticket_part(plain.expose()).filter(|part| part.nonce == i64::from(nonce));
        let part = part.filter(|part| part.service.names == service.names).ok_or_else(unreadable)?;
        let (client, service) = (reply.client, part.service);
        Ok(Ok(Ticket { client, service, ticket: reply.ticket, key: part.key, ends: part.ends }))
    }

    /// Of the first address that answers.
    async fn ask(&self, message: &[u8]) -> Result<Vec<u8>, WinrmError> {
        let mut failure = (String::new(), String::new());
        for address in &self.addresses {
            let reason = match timeout(self.patience, talk(address, message)).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("nothing came within {} s", self.patience.as_secs()),
            };
            failure = (address.clone(), reason);
        }
        let (address, reason) = failure;
        Err(KerberosError::Kdc { realm: self.realm.clone(), address, reason }.into())
    }
}

async fn talk(address: &str, message: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let length = u32::try_from(message.len()).unwrap_or_default().to_be_bytes();
    stream.write_all(&[&length, message].concat()).await?;
    let length = usize::try_from(stream.read_u32().await?).unwrap_or(usize::MAX);
    if length > LARGEST {
        return Err(std::io::Error::other(format!("its answer is larger than {LARGEST} bytes")));
    }
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

fn nonce() -> Result<u32, WinrmError> {
    // Some servers take no first bit.
    unguessed().map(|bytes| u32::from_be_bytes(bytes) & 0x7fff_ffff)
}

fn key_of(about: &AboutKey, user: &Principal, password: &Secret<String>) -> Result<Key, KerberosError> {
    let usual = || [std::slice::from_ref(&user.realm), &user.names].concat().concat();
    let salt = about.salt.clone().unwrap_or_else(usual);
    Key::of_password(about.kind, password.expose(), &salt, about.rounds.as_deref()).ok_or(KerberosError::NoCipher)
}

fn check_clock(part: &TicketPart) -> Result<(), KerberosError> {
    let Some(theirs) = part.began else { return Ok(()) };
    match skew(theirs) {
        seconds if seconds.unsigned_abs() > MOST_SKEW => Err(KerberosError::ClockSkew { seconds }),
        _ => Ok(()),
    }
}

fn skew(theirs: u64) -> i64 {
    i64::try_from(theirs).unwrap_or_default() - i64::try_from(now().seconds).unwrap_or_default()
}

fn unreadable() -> KerberosError {
    KerberosError::Unreadable { what: "the answer of the KDC" }
}

/// What a code of the KDC, or of a host, means for who logs in.
pub(super) fn named(complaint: &Complaint, user: &str) -> KerberosError {
    use KerberosError as E;
    let user = user.to_owned();
    match complaint.code {
        1 | 23 => E::Expired { user },
        6 => E::UnknownUser { user },
        14 => E::NoCipher,
        18 => E::Locked { user },
        24 => E::WrongPassword { user },
        32 => E::TicketExpired,
        37 => E::ClockSkew { seconds: complaint.time.map(skew).unwrap_or_default() },
        35 | 41 | 44 | 45 => E::HostKey,
        code => E::Refused { code, text: complaint.text.clone() },
    }
}
