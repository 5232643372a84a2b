//! Messages of Kerberos (RFC 4120), ours written and the others' read, as far as a client needs them. Nothing is sealed or
//! opened here.

use super::asn1::{
    BITS, OCTETS, SEQUENCE, TEXT, TIME, application, content, field, inner, integer, items, number, number_field,
    octets, split, tagged, text, wrap,
};
use super::krb_keys::{KINDS, Key};

const VERSION: i64 = 5;
const AS_REQUEST: u8 = 10;
const TGS_REQUEST: u8 = 12;
pub(super) const AS_REPLY: u8 = 11;
pub(super) const TGS_REPLY: u8 = 13;
const AP_REQUEST: u8 = 14;
const AP_REPLY: u8 = 15;
const ERROR: u8 = 30;
const TICKET: u8 = 1;
const AUTHENTICATOR: u8 = 2;
const AP_PART: u8 = 27;
const BY_TICKET: i64 = 1;
const BY_TIME: i64 = 2;
const ABOUT_KEYS: i64 = 19;
/// A user, and a service of a host, among kinds of names.
const USER_NAME: i64 = 1;
const SERVICE_NAME: i64 = 2;
/// Until when a ticket is wanted; nobody gives one for so long.
const LATEST: &[u8] = b"20370913024805Z";

/// Somebody in a realm.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Principal {
    pub(super) realm: String,
    pub(super) names: Vec<String>,
}

impl Principal {
    pub(super) fn user(name: &str, realm: &str) -> Principal {
        Principal { realm: realm.to_owned(), names: name.split('/').map(str::to_owned).collect() }
    }

    pub(super) fn service(kind: &str, host: &str, realm: &str) -> Principal {
        Principal { realm: realm.to_owned(), names: vec![kind.to_owned(), host.to_owned()] }
    }

    fn name(&self, kind: i64) -> Vec<u8> {
        let names: Vec<u8> = self.names.iter().flat_map(|name| wrap(TEXT, &[name.as_bytes()])).collect();
        wrap(SEQUENCE, &[&number_field(0, kind), &field(1, SEQUENCE, &names)])
    }
}

/// Seconds since 1970, and what is left of one in microseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Moment {
    pub(super) seconds: u64,
    pub(super) micros: u32,
}

/// What a request for a ticket asks. Its bytes are what a sum is made of, too.
pub(super) fn body(client: Option<&Principal>, service: &Principal, nonce: u32) -> Vec<u8> {
    let kinds: Vec<u8> = KINDS.iter().flat_map(|kind| integer(*kind)).collect();
    let client = client.map(|client| wrap(tagged(1), &[&client.name(USER_NAME)])).unwrap_or_default();
    let parts: [&[u8]; 7] = [
        &field(0, BITS, &[0; 5]),
        &client,
        &field(2, TEXT, service.realm.as_bytes()),
        &wrap(tagged(3), &[&service.name(SERVICE_NAME)]),
        &field(5, TIME, LATEST),
        &number_field(7, i64::from(nonce)),
        &field(8, SEQUENCE, &kinds),
    ];
    wrap(SEQUENCE, &parts)
}

/// Asks for the ticket that gets others.
pub(super) fn as_request(body: &[u8], proof: Option<&[u8]>) -> Vec<u8> {
    request(AS_REQUEST, proof.map(|proof| (BY_TIME, proof)), body)
}

/// Asks for a ticket by another one.
pub(super) fn tgs_request(body: &[u8], by: &[u8]) -> Vec<u8> {
    request(TGS_REQUEST, Some((BY_TICKET, by)), body)
}

fn request(kind: u8, proof: Option<(i64, &[u8])>, body: &[u8]) -> Vec<u8> {
    let proof = proof.map(|(kind, proof)| {
        let proof = wrap(SEQUENCE, &[&number_field(1, kind), &field(2, OCTETS, proof)]);
        field(3, SEQUENCE, &proof)
    });
    let parts: [&[u8]; 4] = [
        &number_field(1, VERSION),
        &number_field(2, i64::from(kind)),
        &proof.unwrap_or_default(),
        &wrap(tagged(4), &[body]),
    ];
    wrap(application(kind), &[&wrap(SEQUENCE, &parts)])
}

/// The time, which the sealed form of proves that one knows the key.
pub(super) fn time_stamp(now: Moment) -> Vec<u8> {
    let time = time_text(now.seconds);
    wrap(SEQUENCE, &[&field(0, TIME, time.as_bytes()), &number_field(1, i64::from(now.micros))])
}

pub(super) fn sealed_part(kind: i64, sealed: &[u8]) -> Vec<u8> {
    wrap(SEQUENCE, &[&number_field(0, kind), &field(2, OCTETS, sealed)])
}

/// Who shows a ticket, and when.
pub(super) struct Authenticator<'a> {
    pub(super) client: &'a Principal,
    pub(super) now: Moment,
    pub(super) sum: (i64, &'a [u8]),
    /// A key of this login alone, and where it begins to count.
    pub(super) subkey: Option<(&'a Key, u32)>,
}

impl Authenticator<'_> {
    pub(super) fn text(&self) -> Vec<u8> {
        let (kind, sum) = self.sum;
        let sum = [number_field(0, kind), field(1, OCTETS, sum)].concat();
        let subkey = self.subkey.map(|(key, sequence)| {
            let key = [number_field(0, key.kind()), field(1, OCTETS, key.bytes())].concat();
            [field(6, SEQUENCE, &key), number_field(7, i64::from(sequence))].concat()
        });
        let parts: [&[u8]; 7] = [
            &number_field(0, VERSION),
            &field(1, TEXT, self.client.realm.as_bytes()),
            &wrap(tagged(2), &[&self.client.name(USER_NAME)]),
            &field(3, SEQUENCE, &sum),
            &number_field(4, i64::from(self.now.micros)),
            &field(5, TIME, time_text(self.now.seconds).as_bytes()),
            &subkey.unwrap_or_default(),
        ];
        wrap(application(AUTHENTICATOR), &[&wrap(SEQUENCE, &parts)])
    }
}

/// Shows a ticket; `mutual` asks for an answer by its key.
pub(super) fn ap_request(ticket: &[u8], authenticator: &[u8], mutual: bool) -> Vec<u8> {
    let options = [0, if mutual { 0x20 } else { 0 }, 0, 0, 0];
    let parts: [&[u8]; 5] = [
        &number_field(0, VERSION),
        &number_field(1, i64::from(AP_REQUEST)),
        &field(2, BITS, &options),
        &wrap(tagged(3), &[ticket]),
        &wrap(tagged(4), &[authenticator]),
    ];
    wrap(application(AP_REQUEST), &[&wrap(SEQUENCE, &parts)])
}

/// What the KDC gives.
pub(super) struct Reply<'a> {
    pub(super) client: Principal,
    /// As it will be shown.
    pub(super) ticket: Vec<u8>,
    pub(super) kind: i64,
    pub(super) sealed: &'a [u8],
    pub(super) about_keys: Option<AboutKey>,
}

/// How a password becomes a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct AboutKey {
    pub(super) kind: i64,
    pub(super) salt: Option<String>,
    pub(super) rounds: Option<Vec<u8>>,
}

pub(super) fn read_reply(message: &[u8], kind: u8) -> Option<Reply<'_>> {
    let reply = content(content(message, application(kind))?, SEQUENCE)?;
    let client = Principal { realm: text(reply, 3)?.to_owned(), names: names(inner(reply, 4)?)? };
    let (_, ticket, _) = split(inner(reply, 5)?).filter(|(kind, ..)| *kind == application(TICKET))?;
    let ticket = wrap(application(TICKET), &[ticket]);
    let (kind, sealed) = read_sealed(inner(reply, 6)?)?;
    let about_keys = inner(reply, 2).and_then(|proofs| about_keys(content(proofs, SEQUENCE)?));
    Some(Reply { client, ticket, kind, sealed, about_keys })
}

fn read_sealed(part: &[u8]) -> Option<(i64, &[u8])> {
    let part = content(part, SEQUENCE)?;
    Some((number(part, 0)?, octets(part, 2)?))
}

fn names(name: &[u8]) -> Option<Vec<String>> {
    let list = content(inner(content(name, SEQUENCE)?, 1)?, SEQUENCE)?;
    let name = |(kind, bytes): (u8, &[u8])| (kind == TEXT).then(|| String::from_utf8(bytes.to_vec()).ok())?;
    items(list).map(name).collect()
}

/// What stands sealed beside a ticket.
pub(super) struct TicketPart {
    pub(super) key: Key,
    pub(super) nonce: i64,
    pub(super) began: Option<u64>,
    pub(super) ends: u64,
    pub(super) service: Principal,
}

pub(super) fn read_ticket_part(plain: &[u8]) -> Option<TicketPart> {
    // Some servers give the one number where the other is right.
    let part = content(plain, application(25)).or_else(|| content(plain, application(26)))?;
    let part = content(part, SEQUENCE)?;
    let time = |field| inner(part, field).and_then(|time| read_time(content(time, TIME)?));
    Some(TicketPart {
        key: read_key(inner(part, 0)?)?,
        nonce: number(part, 2)?,
        began: time(5),
        ends: time(7)?,
        service: Principal { realm: text(part, 9)?.to_owned(), names: names(inner(part, 10)?)? },
    })
}

fn read_key(key: &[u8]) -> Option<Key> {
    let key = content(key, SEQUENCE)?;
    Key::new(number(key, 0)?, octets(key, 1)?.to_vec())
}

/// The sealed part of what a host answers.
pub(super) fn read_ap_reply(message: &[u8]) -> Option<&[u8]> {
    let reply = content(content(message, application(AP_REPLY))?, SEQUENCE)?;
    read_sealed(inner(reply, 2)?).map(|(_, sealed)| sealed)
}

/// What a host answers, opened.
pub(super) struct ApPart {
    pub(super) time: Moment,
    pub(super) subkey: Option<Key>,
    pub(super) sequence: Option<u32>,
}

pub(super) fn read_ap_part(plain: &[u8]) -> Option<ApPart> {
    let part = content(content(plain, application(AP_PART))?, SEQUENCE)?;
    let seconds = read_time(content(inner(part, 0)?, TIME)?)?;
    let micros = u32::try_from(number(part, 1)?).ok()?;
    // Some count with a sign.
    let sequence = number(part, 3).and_then(|number| u32::try_from(number & i64::from(u32::MAX)).ok());
    let subkey = inner(part, 2).map(|key| read_key(key).ok_or(())).transpose().ok()?;
    Some(ApPart { time: Moment { seconds, micros }, subkey, sequence })
}

/// What is said instead of what was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Complaint {
    pub(super) code: i64,
    pub(super) text: String,
    pub(super) time: Option<u64>,
    pub(super) about_keys: Option<AboutKey>,
}

pub(super) fn read_complaint(message: &[u8]) -> Option<Complaint> {
    let error = content(content(message, application(ERROR))?, SEQUENCE)?;
    let about_keys = octets(error, 12).and_then(|proofs| about_keys(content(proofs, SEQUENCE)?));
    Some(Complaint {
        code: number(error, 6)?,
        text: text(error, 11).unwrap_or_default().to_owned(),
        time: inner(error, 4).and_then(|time| read_time(content(time, TIME)?)),
        about_keys,
    })
}

/// The best key that is known here.
fn about_keys(proofs: &[u8]) -> Option<AboutKey> {
    let of_keys = |(_, proof): (u8, &[u8])| {
        let is_it = number(proof, 1) == Some(ABOUT_KEYS);
        is_it.then(|| octets(proof, 2)).flatten().map(<[u8]>::to_vec)
    };
    let list = items(proofs).find_map(of_keys)?;
    let entries = content(&list, SEQUENCE)?;
    let about = |(_, entry): (u8, &[u8])| {
        let rounds = octets(entry, 2).map(<[u8]>::to_vec);
        let kind = number(entry, 0).filter(|kind| KINDS.contains(kind))?;
        Some(AboutKey { kind, salt: text(entry, 1).map(str::to_owned), rounds })
    };
    items(entries).find_map(about)
}

/// As `20260102030405Z`.
fn time_text(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Years that begin in March end with the day that not all of them have.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    format!("{year:04}{month:02}{day:02}{:02}{:02}{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

fn read_time(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z').filter(|text| text.len() == 14)?;
    let part = |from: usize, to: usize| {
        let digits = text.get(from..to)?;
        digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse::<u64>().ok())?
    };
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    if year < 1970 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = year - u64::from(month <= 2);
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    let days = days.checked_sub(719_468)?;
    Some(days * 86_400 + part(8, 10)? * 3600 + part(10, 12)? * 60 + part(12, 14)?)
}

#[cfg(test)]
mod tests {
    use super::{Principal, as_request, body, read_complaint, read_time, time_text};
    use crate::base::hex::hex;

    #[test]
    fn times_are_days_of_the_calendar() {
        for (seconds, text) in [
            (0, "19700101000000Z"),
            (951_827_696, "20000229123456Z"),
            (1_709_251_199, "20240229235959Z"),
            (4_107_542_400, "21000301000000Z"),
        ] {
            assert_eq!(time_text(seconds), text);
            assert_eq!(read_time(text.as_bytes()), Some(seconds));
        }
        for broken in ["", "20240229235959", "20241329235959Z", "2024022923595\u{663}", "+0240229235959Z"] {
            assert_eq!(read_time(broken.as_bytes()), None, "{broken}");
        }
    }

    #[test]
    fn a_request_is_der_to_the_byte() {
        let (client, service) = (Principal::user("a", "R"), Principal::service("krbtgt", "R", "R"));
        let request = as_request(&body(Some(&client), &service, 1), None);
        assert_eq!(
            hex(&request),
            "6a683066a103020105a20302010aa45a3058a00703050000000000a10e300ca003020101a10530031b0161a2031b0152a3163014\
             a003020102a10d300b1b066b72627467741b0152a511180f32303337303931333032343830355aa703020101a8083006020112020111"
        );
    }

    #[test]
    fn what_is_cut_is_no_complaint() {
        let whole = b"\x7e\x17\x30\x15\xa4\x11\x18\x0f20240229235959Z\xa6\x00";
        assert_eq!(read_complaint(whole), None);
        let whole = b"\x7e\x1a\x30\x18\xa4\x11\x18\x0f20240229235959Z\xa6\x03\x02\x01\x25";
        let complaint = read_complaint(whole).unwrap();
        assert_eq!((complaint.code, complaint.time), (37, Some(1_709_251_199)));
        for length in 0..whole.len() {
            assert_eq!(read_complaint(&whole[..length]), None, "{length}");
        }
    }
}
