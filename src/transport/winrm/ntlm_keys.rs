//! The keys of NTLMv2 and what is done with them, as MS-NLMP has it: proof of a password, signing and sealing. Knows
//! nothing of messages.

use hmac::{Hmac, KeyInit, Mac};
use md4::Md4;
use md5::{Digest, Md5};
use rc4::{Rc4, StreamCipher};

use super::error::WinrmError;
use super::tokens::Seals;
use crate::base::secret::Secret;

pub(super) type Key = [u8; 16];

/// Who logs in where: `DOMAIN\user`, `user@REALM`, or a user of the machine itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Account {
    pub(super) domain: String,
    pub(super) user: String,
}

impl Account {
    pub(super) fn parse(name: &str) -> Account {
        let (domain, user) = name.split_once('\\').unwrap_or(("", name));
        Account { domain: domain.to_owned(), user: user.to_owned() }
    }
}

/// The proof of a password.
pub(super) struct Proof {
    /// What goes into the message.
    pub(super) response: Vec<u8>,
    pub(super) session_key: Key,
}

/// `blob` holds time, our challenge and what the host says of itself.
pub(super) fn prove(account: &Account, password: &Secret<String>, challenge: [u8; 8], blob: &[u8]) -> Proof {
    let key = password_key(account, password);
    let proof = hmac_md5(&key, &[&challenge, blob]);
    Proof { response: [&proof, blob].concat(), session_key: hmac_md5(&key, &[&proof]) }
}

fn password_key(account: &Account, password: &Secret<String>) -> Key {
    let hash: Key = Md4::digest(Secret::new(utf16(password.expose())).expose()).into();
    hmac_md5(&hash, &[&utf16(&account.user.to_uppercase()), &utf16(&account.domain)])
}

pub(super) fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

pub(super) fn hmac_md5(key: &[u8], parts: &[&[u8]]) -> Key {
    // An HMAC takes keys of any length, so there is no error to come.
    let Ok(mut mac) = Hmac::<Md5>::new_from_slice(key) else { return Key::default() };
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

pub(super) fn md5(parts: &[&[u8]]) -> Key {
    let mut hash = Md5::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

pub(super) fn rc4(key: &Key, bytes: &[u8]) -> Vec<u8> {
    Stream::new(key).apply(bytes)
}

/// A key stream that goes on from message to message.
struct Stream(Option<Rc4>);

impl Stream {
    fn new(key: &Key) -> Stream {
        // Keys of one byte to 256 are taken.
        Stream(Rc4::new_from_slice(key).ok())
    }

    fn apply(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        if let Some(cipher) = &mut self.0 {
            cipher.apply_keystream(&mut bytes);
        }
        bytes
    }
}

/// One direction of a connection.
struct Direction {
    signing: Key,
    stream: Stream,
    sequence: u32,
}

impl Direction {
    fn new(session_key: &Key, from: &str) -> Direction {
        let magic = |use_of: &str| format!("session key to {from} {use_of} key magic constant\0");
        let key = |use_of: &str| md5(&[session_key, magic(use_of).as_bytes()]);
        Direction { signing: key("signing"), stream: Stream::new(&key("sealing")), sequence: 0 }
    }

    /// The signature of a text whose own bytes went through the stream before.
    fn sign(&mut self, plain: &[u8]) -> [u8; SIGNATURE] {
        let sequence = self.sequence.to_le_bytes();
        self.sequence = self.sequence.wrapping_add(1);
        let sum = hmac_md5(&self.signing, &[&sequence, plain]);
        let sum = self.stream.apply(sum.get(..8).unwrap_or_default());
        let mut signature = [0; SIGNATURE];
        let bytes = 1_u32.to_le_bytes().into_iter().chain(sum).chain(sequence);
        signature.iter_mut().zip(bytes).for_each(|(place, byte)| *place = byte);
        signature
    }
}

const SIGNATURE: usize = 16;

/// Seals what goes and opens what comes, on one connection and in its order.
pub(super) struct Sealing {
    ours: Direction,
    theirs: Direction,
}

impl Sealing {
    pub(super) fn new(session_key: &Key) -> Sealing {
        let direction = |from| Direction::new(session_key, from);
        Sealing { ours: direction("client-to-server"), theirs: direction("server-to-client") }
    }

    /// What the other end of the connection would have.
    #[cfg(test)]
    pub(super) fn of_the_host(session_key: &Key) -> Sealing {
        let direction = |from| Direction::new(session_key, from);
        Sealing { ours: direction("server-to-client"), theirs: direction("client-to-server") }
    }
}

impl Seals for Sealing {
    fn seal(&mut self, plain: &[u8]) -> Result<(Vec<u8>, Vec<u8>), WinrmError> {
        let sealed = self.ours.stream.apply(plain);
        Ok((self.ours.sign(plain).to_vec(), sealed))
    }

    fn open(&mut self, signature: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let plain = self.theirs.stream.apply(sealed);
        (self.theirs.sign(&plain) == signature).then_some(plain)
    }
}

#[cfg(test)]
mod tests {
    use super::{Account, Sealing, Seals, prove, rc4, utf16};
    use crate::base::hex::hex;
    use crate::base::secret::Secret;

    /// Of MS-NLMP 4.2.4, where the answer is known byte for byte.
    #[test]
    fn the_proof_is_that_of_the_published_example() {
        let account = Account { domain: "Domain".to_owned(), user: "User".to_owned() };
        let mut blob = vec![1, 1, 0, 0, 0, 0, 0, 0];
        blob.extend([0; 8]);
        blob.extend([0xaa; 8]);
        blob.extend([0; 4]);
        for (kind, name) in [(2_u8, "Domain"), (1, "Server")] {
            let name = utf16(name);
            blob.extend([kind, 0, name.len() as u8, 0]);
            blob.extend(name);
        }
        blob.extend([0; 8]);
        let challenge = [0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef];
        let proof = prove(&account, &Secret::new("Password".to_owned()), challenge, &blob);
        assert_eq!(hex(&proof.response[..16]), "68cd0ab851e51c96aabc927bebef6a1c");
        assert_eq!(hex(&proof.session_key), "8de40ccadbc14a82f15cb0ad0de95ca3");
        assert_eq!(hex(&rc4(&proof.session_key, &[0x55; 16])), "c5dad2544fc9799094ce1ce90bc9d03e");
    }

    #[test]
    fn a_sealed_text_is_that_of_the_published_example() {
        let (signature, sealed) = Sealing::new(&[0x55; 16]).seal(&utf16("Plaintext")).unwrap();
        assert_eq!(hex(&sealed), "54e50165bf1936dc996020c1811b0f06fb5f");
        assert_eq!(hex(&signature), "010000007fb38ec5c55d497600000000");
    }

    #[test]
    fn what_was_sealed_is_opened_in_order_and_only_unchanged() {
        let (mut host, mut opsc) = (Sealing::of_the_host(&[7; 16]), Sealing::new(&[7; 16]));
        for text in ["one", "", "three"] {
            let (signature, sealed) = host.seal(text.as_bytes()).unwrap();
            assert_eq!(opsc.open(&signature, &sealed), Some(text.as_bytes().to_vec()));
        }
        let (signature, mut sealed) = host.seal(b"four").unwrap();
        sealed[1] ^= 1;
        assert_eq!(opsc.open(&signature, &sealed), None);
    }

    #[test]
    fn who_logs_in_is_read_from_the_name() {
        let parsed = |name| {
            let account = Account::parse(name);
            (account.domain, account.user)
        };
        assert_eq!(parsed("CORP\\ann"), ("CORP".to_owned(), "ann".to_owned()));
        assert_eq!(parsed("ann@corp.example"), (String::new(), "ann@corp.example".to_owned()));
        assert_eq!(parsed("ann"), (String::new(), "ann".to_owned()));
    }
}
