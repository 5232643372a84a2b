//! A login by a ticket, the host's proof that it is who the ticket is for, and what both seal afterwards (RFC 4121). Knows
//! nothing of KDCs and HTTP.

use super::error::WinrmError;
use super::kerberos_error::KerberosError;
use super::krb_kdc::{Ticket, named, now};
use super::krb_keys::{Key, SUM};
use super::krb_messages::{
    ApPart, Authenticator, Moment, ap_request, read_ap_part, read_ap_reply, read_complaint, sealed_part,
};
use super::spnego::{self, Word};
use super::tokens::{Seals, Tokens, unguessed};

/// Answered by the host's own key, no message twice, in order, hidden, whole.
const FLAGS: u32 = 2 | 4 | 8 | 16 | 32;
/// What the sum of a first word is, where it holds no sum but what is wanted.
const WISHES: i64 = 0x8003;

const OF_SHOWING: u32 = 11;
const OF_ANSWER: u32 = 12;
const FROM_THE_HOST: u32 = 22;
const FROM_OPSC: u32 = 24;

const HEAD: usize = 16;
const CONFOUNDER: usize = 16;
/// So much of a sealed text's end stands at its beginning, so that what follows is as long as the plain text.
const TURNED: usize = HEAD + SUM;
const BY_THE_HOST: u8 = 1;
const HIDDEN: u8 = 2;
const BY_ITS_KEY: u8 = 4;

pub(super) struct Kerberos {
    ticket: Ticket,
    now: Moment,
    subkey: Key,
    sequence: u32,
    first: Vec<u8>,
}

impl Kerberos {
    /// `channel` is the hash of what binds it to the TLS under it; zeros without one.
    pub(super) fn new(ticket: Ticket, channel: [u8; 16]) -> Result<Kerberos, WinrmError> {
        let (now, subkey) = (now(), ticket.key.like(&unguessed()?));
        // Some count with a sign.
        let sequence = u32::from_be_bytes(unguessed()?) >> 2;
        let wishes = [&16_u32.to_le_bytes()[..], &channel, &FLAGS.to_le_bytes()].concat();
        let subkey_from = Some((&subkey, sequence));
        let shown = Authenticator { client: &ticket.client, now, sum: (WISHES, &wishes), subkey: subkey_from };
        let shown = ticket.key.seal(OF_SHOWING, unguessed()?, &shown.text());
        let first = spnego::first(&ap_request(&ticket.ticket, &sealed_part(ticket.key.kind(), &shown), true));
        Ok(Kerberos { ticket, now, subkey, sequence, first })
    }

    fn judge(&self, answer: &[u8]) -> Option<ApPart> {
        let plain = self.ticket.key.open(OF_ANSWER, read_ap_reply(answer)?)?;
        read_ap_part(&plain).filter(|part| part.time == self.now)
    }

    /// Why the host goes no further.
    fn complaint(&self, theirs: &[u8]) -> KerberosError {
        let unreadable = KerberosError::Unreadable { what: "the host's part of the login" };
        match spnego::read(theirs) {
            Some(Word::Complaint(message)) => {
                let user = self.ticket.client.names.join("/");
                read_complaint(message).map_or(unreadable, |complaint| named(&complaint, &user))
            }
            Some(Word::Refused) => KerberosError::HostRefused,
            Some(Word::Answer(_)) | None => unreadable,
        }
    }
}

impl Tokens for Kerberos {
    fn first(&mut self) -> Vec<u8> {
        self.first.clone()
    }

    fn refused(&self) -> Option<WinrmError> {
        Some(KerberosError::HostRefused.into())
    }

    /// One word is all that we have.
    fn next(&mut self, theirs: &[u8]) -> Result<Vec<u8>, WinrmError> {
        Err(self.complaint(theirs).into())
    }

    fn finish(self: Box<Self>, theirs: Option<&[u8]>) -> Result<Box<dyn Seals>, WinrmError> {
        let theirs = theirs.ok_or(KerberosError::NotMutual)?;
        let Some(Word::Answer(answer)) = spnego::read(theirs) else { return Err(self.complaint(theirs).into()) };
        let part = self.judge(answer).ok_or(KerberosError::NotMutual)?;
        let (key, by_its_key) = part.subkey.map_or((self.subkey, 0), |key| (key, BY_ITS_KEY));
        let (ours, theirs) = (u64::from(self.sequence), u64::from(part.sequence.unwrap_or_default()));
        Ok(Box::new(Wrapping { key, by_its_key, ours, theirs }))
    }
}

/// Seals and opens, each direction with its own count.
struct Wrapping {
    key: Key,
    by_its_key: u8,
    ours: u64,
    theirs: u64,
}

fn head(flags: u8, turned: u16, count: u64) -> [u8; HEAD] {
    let mut head = [5, 4, flags, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let bytes = turned.to_be_bytes().into_iter().chain(count.to_be_bytes());
    head.iter_mut().skip(6).zip(bytes).for_each(|(place, byte)| *place = byte);
    head
}

impl Seals for Wrapping {
    fn seal(&mut self, plain: &[u8]) -> Result<(Vec<u8>, Vec<u8>), WinrmError> {
        let (flags, count) = (HIDDEN | self.by_its_key, self.ours);
        self.ours = self.ours.wrapping_add(1);
        let sealed = self.key.seal(FROM_OPSC, unguessed()?, &[plain, &head(flags, 0, count)].concat());
        let (begin, end) = sealed.split_at(sealed.len() - TURNED);
        let turned = u16::try_from(TURNED).unwrap_or_default();
        let whole = [&head(flags, turned, count)[..], end, begin].concat();
        let (before, text) = whole.split_at(HEAD + TURNED + CONFOUNDER);
        Ok((before.to_vec(), text.to_vec()))
    }

    fn open(&mut self, header: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let whole = [header, sealed].concat();
        let (said, sealed) = whole.split_at_checked(HEAD)?;
        let short = |at: usize| Some(u16::from_be_bytes(said.get(at..at + 2)?.try_into().ok()?));
        let (filled, turned) = (short(4)?, short(6)?);
        let mut expected = head(HIDDEN | BY_THE_HOST | self.by_its_key, turned, self.theirs);
        expected.iter_mut().skip(4).zip(filled.to_be_bytes()).for_each(|(place, byte)| *place = byte);
        if said != expected || sealed.is_empty() {
            return None;
        }
        let mut sealed = sealed.to_vec();
        let turned = usize::from(turned) % sealed.len();
        sealed.rotate_left(turned);
        let mut plain = self.key.open(FROM_THE_HOST, &sealed)?;
        expected.iter_mut().skip(6).take(2).for_each(|byte| *byte = 0);
        let end = plain.len().checked_sub(HEAD)?;
        if plain.get(end..)? != expected {
            return None;
        }
        plain.truncate(end.checked_sub(usize::from(filled))?);
        self.theirs = self.theirs.wrapping_add(1);
        Some(plain)
    }
}
