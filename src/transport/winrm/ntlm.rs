//! The three messages of an NTLM login (MS-NLMP 2.2.1), ours written and the host's read. Only NTLMv2, always with a code
//! over all three messages. Knows nothing of HTTP.

use super::error::WinrmError;
use super::ntlm_keys::{Account, Key, Sealing, hmac_md5, md5, prove, rc4, utf16};
use super::tokens::{Seals, Tokens};
use crate::base::secret::Secret;

const SIGNATURE: &[u8; 8] = b"NTLMSSP\0";
/// Unicode, target and its description, signing, sealing, extended security, key exchange, 128 bits.
const FLAGS: u32 = 0x1
    | 0x4
    | 0x10
    | 0x20
    | 0x200
    | 0x8000
    | 0x8_0000
    | 0x80_0000
    | 0x200_0000
    | 0x2000_0000
    | 0x4000_0000
    | 0x8000_0000;
/// Without these a session cannot be sealed as we do it.
const NEEDED: u32 = 0x1 | 0x10 | 0x20 | 0x8_0000 | 0x2000_0000 | 0x4000_0000;
/// The code of messages is that of Windows 10; nobody decides by it.
const VERSION: [u8; 8] = [10, 0, 0x61, 0x4a, 0, 0, 0, 15];
/// Where the code over all messages stands in the last one, and where its texts begin.
const CODE_AT: usize = 72;
const TEXTS_AT: usize = 88;
/// Seconds from 1601 to 1970.
const EPOCH: u64 = 11_644_473_600;

const END: u16 = 0;
const FLAGS_OF_LOGIN: u16 = 6;
const TIME: u16 = 7;
const SERVICE: u16 = 9;
const BINDING: u16 = 10;

/// Who logs in, where, and over what.
pub(super) struct Login<'a> {
    pub(super) account: Account,
    pub(super) password: &'a Secret<String>,
    /// `HTTP/` and the host.
    pub(super) service: String,
    /// The hash of the binding to the TLS connection under it; zeros without one.
    pub(super) channel: Key,
    /// Of this login alone, and never guessed.
    pub(super) session_key: Key,
    pub(super) nonce: [u8; 8],
}

/// A login in its turn.
pub(super) struct Ntlm<'a> {
    login: Login<'a>,
    ours: Vec<u8>,
    /// Once the password was proved.
    sealing: Option<Sealing>,
}

impl<'a> Ntlm<'a> {
    pub(super) fn new(login: Login<'a>) -> Ntlm<'a> {
        Ntlm { login, ours: negotiate(), sealing: None }
    }
}

impl Tokens for Ntlm<'_> {
    fn first(&mut self) -> Vec<u8> {
        self.ours.clone()
    }

    fn next(&mut self, theirs: &[u8]) -> Result<Vec<u8>, WinrmError> {
        let (message, sealing) = authenticate(&self.login, &self.ours, theirs).ok_or(WinrmError::BadToken)?;
        self.sealing = Some(sealing);
        Ok(message)
    }

    fn finish(self: Box<Self>, _theirs: Option<&[u8]>) -> Result<Box<dyn Seals>, WinrmError> {
        self.sealing.map(|sealing| Box::new(sealing) as Box<dyn Seals>).ok_or(WinrmError::BadToken)
    }
}

/// The hash of what binds a login to a TLS connection (RFC 5929), as `gss_channel_bindings` has it.
pub(super) fn channel(end_point: &[u8]) -> Key {
    let named = [b"tls-server-end-point:", end_point].concat();
    let length = u32::try_from(named.len()).unwrap_or_default().to_le_bytes();
    md5(&[&[0; 16], &length, &named])
}

fn negotiate() -> Vec<u8> {
    [&SIGNATURE[..], &1_u32.to_le_bytes(), &FLAGS.to_le_bytes(), &[0; 16], &VERSION].concat()
}

/// The last message, and what seals once the host has accepted it; nothing where the host's message is none.
fn authenticate(login: &Login<'_>, ours: &[u8], theirs: &[u8]) -> Option<(Vec<u8>, Sealing)> {
    let challenge = Challenge::read(theirs)?;
    let proof = prove(&login.account, login.password, challenge.nonce, &blob(login, &challenge));
    let sealed_key = rc4(&proof.session_key, &login.session_key);
    let mut message = message(&login.account, &proof.response, &sealed_key, challenge.flags & FLAGS);
    let code = hmac_md5(&login.session_key, &[ours, theirs, &message]);
    message.get_mut(CODE_AT..TEXTS_AT)?.copy_from_slice(&code);
    Some((message, Sealing::new(&login.session_key)))
}

/// The host's message.
struct Challenge {
    flags: u32,
    nonce: [u8; 8],
    /// What the host says of itself, but what we say in its place.
    said: Vec<(u16, Vec<u8>)>,
}

impl Challenge {
    fn read(token: &[u8]) -> Option<Challenge> {
        let is_ours = token.starts_with(SIGNATURE) && number(token, 8)? == 2;
        let flags = number(token, 20)?;
        if !is_ours || flags & NEEDED != NEEDED {
            return None;
        }
        let nonce = token.get(24..32)?.try_into().ok()?;
        let (length, start) = (short(token, 40)?, usize::try_from(number(token, 44)?).ok()?);
        let said = token.get(start..start.checked_add(usize::from(length))?)?;
        Some(Challenge { flags, nonce, said: pairs(said)? })
    }

    fn said(&self, id: u16) -> Option<&[u8]> {
        self.said.iter().find(|(known, _)| *known == id).map(|(_, value)| value.as_slice())
    }
}

fn pairs(mut said: &[u8]) -> Option<Vec<(u16, Vec<u8>)>> {
    let mut pairs = Vec::new();
    while !said.is_empty() {
        let (id, length) = (short(said, 0)?, usize::from(short(said, 2)?));
        if id == END {
            break;
        }
        pairs.push((id, said.get(4..4 + length)?.to_vec()));
        said = said.get(4 + length..)?;
    }
    Some(pairs)
}

/// Time, our challenge, and what the host said of itself with what binds us to it.
fn blob(login: &Login<'_>, challenge: &Challenge) -> Vec<u8> {
    let time = challenge.said(TIME).map_or_else(|| now().to_vec(), <[u8]>::to_vec);
    let flags = challenge.said(FLAGS_OF_LOGIN).and_then(|flags| number(flags, 0)).unwrap_or(0);
    // A code over all messages follows.
    let flags = flags | 2;
    let kept = challenge.said.iter().filter(|(id, _)| ![FLAGS_OF_LOGIN, SERVICE, BINDING].contains(id)).cloned();
    let added = [
        (FLAGS_OF_LOGIN, flags.to_le_bytes().to_vec()),
        (SERVICE, utf16(&login.service)),
        (BINDING, login.channel.to_vec()),
        (END, Vec::new()),
    ];
    let mut blob = [&[1, 1, 0, 0, 0, 0, 0, 0], time.as_slice(), &login.nonce, &[0; 4]].concat();
    for (id, value) in kept.chain(added) {
        blob.extend(id.to_le_bytes());
        blob.extend(u16::try_from(value.len()).unwrap_or_default().to_le_bytes());
        blob.extend(value);
    }
    blob.extend([0; 4]);
    blob
}

/// As Windows counts: tenths of microseconds since 1601.
fn now() -> [u8; 8] {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    (since.as_secs().wrapping_add(EPOCH).wrapping_mul(10_000_000)).to_le_bytes()
}

/// With zeros where the code over all messages will stand.
fn message(account: &Account, response: &[u8], sealed_key: &[u8], flags: u32) -> Vec<u8> {
    let (domain, user) = (utf16(&account.domain), utf16(&account.user));
    let old_response = [0; 24];
    let texts: [&[u8]; 6] = [&old_response, response, &domain, &user, &[], sealed_key];
    let mut message = [&SIGNATURE[..], &3_u32.to_le_bytes()].concat();
    let mut start = TEXTS_AT;
    for text in texts {
        let length = u16::try_from(text.len()).unwrap_or_default().to_le_bytes();
        message.extend([length, length].concat());
        message.extend(u32::try_from(start).unwrap_or_default().to_le_bytes());
        start += text.len();
    }
    message.extend(flags.to_le_bytes());
    message.extend(VERSION);
    message.extend([0; TEXTS_AT - CODE_AT]);
    message.extend(texts.concat());
    message
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::{Account, FLAGS, Login, Secret, authenticate, channel, negotiate};
    use crate::base::hex::hex;

    fn challenge(flags: u32, said: &[u8]) -> Vec<u8> {
        let mut token = b"NTLMSSP\0\x02\0\0\0\0\0\0\0\x38\0\0\0".to_vec();
        token.extend(flags.to_le_bytes());
        token.extend([1; 8]);
        token.extend([0; 8]);
        token.extend([said.len() as u8, 0, said.len() as u8, 0, 56, 0, 0, 0]);
        token.extend([0; 8]);
        token.extend(said);
        token
    }

    fn answer(token: &[u8]) -> Option<Vec<u8>> {
        let password = Secret::new("pass".to_owned());
        let login = Login {
            account: Account { domain: String::new(), user: "ann".to_owned() },
            password: &password,
            service: "HTTP/win1".to_owned(),
            channel: [9; 16],
            session_key: [8; 16],
            nonce: [7; 8],
        };
        authenticate(&login, &negotiate(), token).map(|(message, _)| message)
    }

    #[test]
    fn the_answer_says_what_it_is_bound_to() {
        let message = answer(&challenge(FLAGS, &[7, 0, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0])).unwrap();
        let shown = hex(&message);
        for bound in ["0a001000090909090909", "060004000200000009001200480054005400500", "0102030405060708"] {
            assert!(shown.contains(bound), "{bound} in {shown}");
        }
        assert_ne!(&message[72..88], [0; 16]);
    }

    #[test]
    fn a_host_that_cannot_seal_or_says_nonsense_is_not_answered() {
        assert!(answer(&challenge(FLAGS & !0x20, &[0; 4])).is_none());
        assert!(answer(&challenge(FLAGS, &[7, 0, 200, 0, 1])).is_none());
        let whole = challenge(FLAGS, &[0; 4]);
        for length in 0..whole.len() {
            assert!(answer(&whole[..length]).is_none(), "{length}");
        }
    }

    #[test]
    fn a_binding_is_a_hash_of_its_name_and_the_certificates_hash() {
        assert_eq!(hex(&channel(&[0; 32])), "c9ec5cb29e8f57f7ee6429cde733efeb");
    }
}
