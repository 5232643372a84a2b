//! The keys of Kerberos and what is done with them: AES with HMAC-SHA1, 256 and 128 bits (RFC 3961, 3962). Older ciphers are
//! not known here. Knows nothing of messages.

use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt};
use aes::{Aes128, Aes256, Block};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use crate::base::secret::Secret;

/// As messages name the ciphers, the best one first.
pub(super) const KINDS: [i64; 2] = [AES256, AES128];
const AES256: i64 = 18;
const AES128: i64 = 17;

const BLOCK: usize = 16;
/// What proves that a text is whole.
pub(super) const SUM: usize = 12;
/// What a password is worked over when nobody says otherwise, and what nobody may ask for.
const ROUNDS: u32 = 4096;
const MOST_ROUNDS: u32 = 1 << 20;

const FOR_SUM: u8 = 0x99;
const FOR_TEXT: u8 = 0xaa;
const FOR_WHOLENESS: u8 = 0x55;

#[derive(Clone, Debug)]
pub(super) struct Key {
    kind: i64,
    bytes: Secret<Vec<u8>>,
}

impl Key {
    /// Nothing for a kind that is not known, or another length than it has.
    pub(super) fn new(kind: i64, bytes: Vec<u8>) -> Option<Key> {
        let bytes = Secret::new(bytes);
        (length(kind)? == bytes.expose().len()).then_some(Key { kind, bytes })
    }

    /// Of a password; `rounds` as the KDC says it.
    pub(super) fn of_password(kind: i64, password: &str, salt: &str, rounds: Option<&[u8]>) -> Option<Key> {
        let rounds = match rounds {
            Some(said) => u32::from_be_bytes(said.try_into().ok()?),
            None => ROUNDS,
        };
        let mut bytes = Secret::new(vec![0; length(kind)?]);
        if rounds == 0 || rounds > MOST_ROUNDS {
            return None;
        }
        pbkdf2::pbkdf2_hmac::<Sha1>(password.as_bytes(), salt.as_bytes(), rounds, bytes.expose_mut());
        Some(Key { kind, bytes }.derived(b"kerberos"))
    }

    /// Another one like it, of bytes that nobody guesses.
    pub(super) fn like(&self, random: &[u8; 32]) -> Key {
        let bytes = random.iter().copied().take(self.bytes.expose().len()).collect();
        Key { kind: self.kind, bytes: Secret::new(bytes) }
    }

    pub(super) fn kind(&self) -> i64 {
        self.kind
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.expose()
    }

    /// As messages name the way a sum is made.
    pub(super) fn sum_kind(&self) -> i64 {
        if self.kind == AES256 { 16 } else { 15 }
    }

    pub(super) fn sum(&self, usage: u32, text: &[u8]) -> Vec<u8> {
        sum(&self.of_usage(usage, FOR_SUM), text)
    }

    /// `confounder` is of this text alone, and never guessed.
    pub(super) fn seal(&self, usage: u32, confounder: [u8; BLOCK], text: &[u8]) -> Vec<u8> {
        let mut plain = Secret::new(Vec::with_capacity(BLOCK + text.len()));
        plain.expose_mut().extend(confounder);
        plain.expose_mut().extend_from_slice(text);
        let mut sealed = encrypted(&self.of_usage(usage, FOR_TEXT), plain.expose());
        sealed.extend(sum(&self.of_usage(usage, FOR_WHOLENESS), plain.expose()));
        sealed
    }

    /// The text, unless it was sealed by another key, for another use, or was changed.
    pub(super) fn open(&self, usage: u32, sealed: &[u8]) -> Option<Vec<u8>> {
        let (sealed, code) = sealed.split_at_checked(sealed.len().checked_sub(SUM)?)?;
        if sealed.len() < BLOCK {
            return None;
        }
        let mut plain = decrypted(&self.of_usage(usage, FOR_TEXT), sealed);
        hmac(&self.of_usage(usage, FOR_WHOLENESS), &plain)?.verify_truncated_left(code).ok()?;
        Some(plain.split_off(BLOCK))
    }

    fn of_usage(&self, usage: u32, purpose: u8) -> Key {
        let [a, b, c, d] = usage.to_be_bytes();
        self.derived(&[a, b, c, d, purpose])
    }

    fn derived(&self, constant: &[u8]) -> Key {
        let cipher = Cipher::of(self);
        let mut block = folded(constant);
        let mut bytes = Vec::with_capacity(2 * BLOCK);
        while bytes.len() < self.bytes.expose().len() {
            cipher.encrypt(&mut block);
            bytes.extend(block);
        }
        Key { kind: self.kind, bytes: Secret::new(bytes) }
    }
}

fn length(kind: i64) -> Option<usize> {
    match kind {
        AES256 => Some(32),
        AES128 => Some(16),
        _ => None,
    }
}

enum Cipher {
    Long(Box<Aes256>),
    Short(Box<Aes128>),
    /// A key has one of two lengths, so this one is never made.
    None,
}

impl Cipher {
    fn of(key: &Key) -> Cipher {
        let bytes = key.bytes.expose();
        let long = || Aes256::new_from_slice(bytes).map(|cipher| Cipher::Long(Box::new(cipher)));
        let short = || Aes128::new_from_slice(bytes).map(|cipher| Cipher::Short(Box::new(cipher)));
        long().or_else(|_| short()).unwrap_or(Cipher::None)
    }

    fn encrypt(&self, block: &mut [u8; BLOCK]) {
        let mut sealed = Block::from(*block);
        match self {
            Cipher::Long(cipher) => cipher.encrypt_block(&mut sealed),
            Cipher::Short(cipher) => cipher.encrypt_block(&mut sealed),
            Cipher::None => {}
        }
        *block = sealed.into();
    }

    fn decrypt(&self, block: [u8; BLOCK]) -> [u8; BLOCK] {
        let mut opened = Block::from(block);
        match self {
            Cipher::Long(cipher) => cipher.decrypt_block(&mut opened),
            Cipher::Short(cipher) => cipher.decrypt_block(&mut opened),
            Cipher::None => {}
        }
        opened.into()
    }
}

/// Block by block, each with the one before it; the last two change their places, and the last is cut to the text's length.
fn encrypted(key: &Key, plain: &[u8]) -> Vec<u8> {
    let cipher = Cipher::of(key);
    let mut blocks: Vec<[u8; BLOCK]> = Vec::with_capacity(plain.len() / BLOCK + 1);
    let mut before = [0; BLOCK];
    for piece in plain.chunks(BLOCK) {
        let mut block = mixed(before, piece);
        cipher.encrypt(&mut block);
        blocks.push(block);
        before = block;
    }
    let last = blocks.len().saturating_sub(1);
    if last > 0 {
        blocks.swap(last - 1, last);
    }
    let mut sealed = blocks.concat();
    sealed.truncate(plain.len());
    sealed
}

/// At least one block.
fn decrypted(key: &Key, sealed: &[u8]) -> Vec<u8> {
    let cipher = Cipher::of(key);
    let blocks: Vec<&[u8]> = sealed.chunks(BLOCK).collect();
    let mut before = [0; BLOCK];
    let mut plain = Vec::with_capacity(sealed.len());
    let (chained, ends) = blocks.split_at(blocks.len().saturating_sub(2));
    for block in chained {
        let block = mixed([0; BLOCK], block);
        plain.extend(mixed(cipher.decrypt(block), &before));
        before = block;
    }
    match ends {
        [only] => plain.extend(cipher.decrypt(mixed([0; BLOCK], only))),
        [swapped, cut] => {
            let opened = cipher.decrypt(mixed([0; BLOCK], swapped));
            let (_, kept) = opened.split_at(cut.len());
            let whole: Vec<u8> = cut.iter().chain(kept).copied().collect();
            plain.extend(mixed(cipher.decrypt(mixed([0; BLOCK], &whole)), &before));
            plain.extend(mixed(opened, cut).iter().take(cut.len()));
        }
        _ => {}
    }
    plain
}

/// Bit by bit, as far as the second goes.
fn mixed(mut block: [u8; BLOCK], with: &[u8]) -> [u8; BLOCK] {
    block.iter_mut().zip(with).for_each(|(byte, other)| *byte ^= other);
    block
}

fn hmac(key: &Key, text: &[u8]) -> Option<Hmac<Sha1>> {
    // An HMAC takes keys of any length.
    let mut mac = Hmac::<Sha1>::new_from_slice(key.bytes.expose()).ok()?;
    mac.update(text);
    Some(mac)
}

fn sum(key: &Key, text: &[u8]) -> Vec<u8> {
    let whole = hmac(key, text).map(|mac| mac.finalize().into_bytes().to_vec()).unwrap_or_default();
    whole.into_iter().take(SUM).collect()
}

/// A text of any length as one block (RFC 3961 5.1): copies of it, each turned by 13 bits more, added with their carries.
fn folded(text: &[u8]) -> [u8; BLOCK] {
    let bits = text.len() * 8;
    let bit = |at: usize| text.get(at / 8).is_some_and(|byte| byte >> (7 - at % 8) & 1 == 1);
    let blocks = if bits == 0 { 0 } else { least_multiple(text.len(), BLOCK) / BLOCK };
    let mut folded = 0_u128;
    for block in 0..blocks {
        let mut word = 0_u128;
        for place in block * 128..(block + 1) * 128 {
            let (copy, place) = (place / bits, place % bits);
            let turned = (place + bits - 13 * copy % bits) % bits;
            word = word << 1 | u128::from(bit(turned));
        }
        let (added, carried) = folded.overflowing_add(word);
        folded = added.wrapping_add(u128::from(carried));
    }
    folded.to_be_bytes()
}

fn least_multiple(a: usize, b: usize) -> usize {
    (1..=b).map(|times| times * a).find(|multiple| multiple.is_multiple_of(b)).unwrap_or(a * b)
}

#[cfg(test)]
mod tests {
    use super::{AES128, AES256, Key, encrypted, folded};
    use crate::base::hex::hex;

    /// Of RFC 3961, appendix A.1.
    #[test]
    fn texts_are_folded_as_published() {
        assert_eq!(hex(&folded(b"kerberos")), "6b65726265726f737b9b5b2b93132b93");
    }

    /// Of RFC 3962, appendix B.
    #[test]
    fn a_password_gives_the_published_keys() {
        let key = |kind, rounds: u32, password, salt| {
            hex(Key::of_password(kind, password, salt, Some(&rounds.to_be_bytes())).unwrap().bytes())
        };
        let salt = "ATHENA.MIT.EDUraeburn";
        assert_eq!(key(AES128, 1, "password", salt), "42263c6e89f4fc28b8df68ee09799f15");
        assert_eq!(
            key(AES256, 1200, "password", salt),
            "55a6ac740ad17b4846941051e1e8b0a7548d93b0ab30a8bc3ff16280382b8c2a"
        );
        assert!(Key::of_password(AES256, "p", "s", Some(&[0xff; 4])).is_none());
        assert!(Key::of_password(23, "p", "s", None).is_none());
    }

    #[test]
    fn texts_of_any_length_are_sealed_as_published() {
        let key = Key::new(AES128, b"chicken teriyaki".to_vec()).unwrap();
        let plain = b"I would like the General Gau's Chicken, please, and wonton soup.";
        let sealed = "97687268d6ecccc0c07b25e25ecfe584";
        for (length, expected) in [
            (17, "c6353568f2bf8cb4d8a580362da7ff7f97"),
            (31, "fc00783e0efdb2c1d445d4c8eff7ed2297687268d6ecccc0c07b25e25ecfe5"),
            (32, "39312523a78662d5be7fcbcc98ebf5a897687268d6ecccc0c07b25e25ecfe584"),
        ] {
            assert_eq!(hex(&encrypted(&key, &plain[..length])), expected, "{length}");
            assert!(expected.len() < 40 || expected.contains(&sealed[..30]));
        }
    }

    #[test]
    fn what_is_sealed_is_opened_for_its_use_and_only_whole() {
        for kind in [AES256, AES128] {
            let key = Key::of_password(kind, "p\u{e4}ss", "salt", None).unwrap();
            for length in (0..50).chain([1000]) {
                let text: Vec<u8> = (0..length).map(|byte| byte as u8).collect();
                let sealed = key.seal(7, [3; 16], &text);
                assert_eq!(key.open(7, &sealed), Some(text), "{length}");
                assert_eq!(key.open(8, &sealed), None);
                let mut changed = sealed.clone();
                changed[length % sealed.len()] ^= 1;
                assert_eq!(key.open(7, &changed), None);
                assert_eq!(key.open(7, &sealed[..length.min(27)]), None);
            }
        }
    }
}
