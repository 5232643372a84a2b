//! Tickets that `kinit` has left in a file. Writes none, and knows no other places than files.

use std::os::unix::fs::MetadataExt;

use super::kerberos_error::KerberosError;
use super::krb_kdc::{Ticket, now};
use super::krb_keys::Key;
use super::krb_messages::Principal;
use crate::base::secret::Secret;

/// The fourth form, which has been the usual one since 1999.
const FORM: [u8; 2] = [5, 4];
/// A cache with more is none.
const MOST: usize = 1 << 20;

/// The ticket of this user that gets others.
pub(super) fn ticket_of(user: &Principal, shown: &str) -> Result<Ticket, KerberosError> {
    let cache = place();
    let refuse = |reason: String| KerberosError::NoTicket { user: shown.to_owned(), cache: cache.clone(), reason };
    let file = match cache.split_once(':') {
        Some(("FILE", file)) => file,
        None => cache.as_str(),
        Some(_) => return Err(refuse("opsc reads caches of the kind FILE only".to_owned())),
    };
    let bytes = std::fs::read(file).map(Secret::new).map_err(|error| refuse(error.to_string()))?;
    let tickets = read(bytes.expose()).ok_or(KerberosError::Unreadable { what: "the cache of tickets" })?;
    let is_it = |ticket: &Ticket| {
        let of_realm = |name: &String| name.eq_ignore_ascii_case(&user.realm);
        let is_first = matches!(ticket.service.names.as_slice(), [kind, realm] if kind == "krbtgt" && of_realm(realm));
        is_first && ticket.client.names == user.names && of_realm(&ticket.client.realm)
    };
    let ticket = tickets.into_iter().rfind(is_it).ok_or_else(|| refuse("it has none".to_owned()))?;
    if ticket.ends <= now().seconds {
        return Err(KerberosError::TicketExpired);
    }
    Ok(ticket)
}

fn place() -> String {
    let usual = || {
        let user = std::fs::metadata("/proc/self").map(|facts| facts.uid()).unwrap_or_default();
        format!("FILE:/tmp/krb5cc_{user}")
    };
    std::env::var("KRB5CCNAME").ok().filter(|named| !named.is_empty()).unwrap_or_else(usual)
}

/// Tickets with ciphers that are known here.
pub(super) fn read(bytes: &[u8]) -> Option<Vec<Ticket>> {
    let mut rest = Bytes(bytes.strip_prefix(&FORM).filter(|_| bytes.len() <= MOST)?);
    rest.short_text()?;
    rest.principal()?;
    let mut tickets = Vec::new();
    while !rest.0.is_empty() {
        tickets.extend(rest.ticket()?);
    }
    Some(tickets)
}

struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn short(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    fn number(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    fn short_text(&mut self) -> Option<&'a [u8]> {
        let length = self.short()?;
        self.take(usize::from(length))
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        self.take(usize::try_from(length).ok()?)
    }

    fn name(&mut self) -> Option<String> {
        self.text().map(|name| String::from_utf8_lossy(name).into_owned())
    }

    fn principal(&mut self) -> Option<Principal> {
        self.number()?;
        let count = self.number()?;
        let realm = self.name()?;
        let names = (0..count).map(|_| self.name()).collect::<Option<Vec<_>>>()?;
        Some(Principal { realm, names })
    }

    /// The outer nothing is the end of all; the inner one is a ticket that is of no use.
    fn ticket(&mut self) -> Option<Option<Ticket>> {
        let (client, service) = (self.principal()?, self.principal()?);
        let kind = self.short()?;
        let key = Key::new(i64::from(kind), self.text()?.to_vec());
        let [_, _, ends, _] = [self.number()?, self.number()?, self.number()?, self.number()?];
        self.take(1 + 4)?;
        for _ in 0..2 {
            for _ in 0..self.number()? {
                self.short()?;
                self.text()?;
            }
        }
        let ticket = self.text()?.to_vec();
        self.text()?;
        Some(key.map(|key| Ticket { client, service, ticket, key, ends: u64::from(ends) }))
    }
}
