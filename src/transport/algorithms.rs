//! Which algorithms a connection may use: the usual ones, as `Ciphers`, `KexAlgorithms`, `MACs` and `HostKeyAlgorithms` of
//! ssh's configuration change them. Names that nobody here knows are passed over. Knows nothing of files.

use std::borrow::Cow;

use russh::keys::Algorithm;
use russh::{Preferred, cipher, kex, mac};

use super::certificate;
use super::patterns::matches_glob;

/// Lists as they are written: `a,b`, or `+a`, `-a*`, `^a` for the usual ones with more, fewer, or others first.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Algorithms {
    pub ciphers: Option<String>,
    pub key_exchanges: Option<String>,
    pub macs: Option<String>,
    pub host_keys: Option<String>,
}

/// The first suits machines that have AES in hardware.
const CIPHERS: [cipher::Name; 4] =
    [cipher::AES_256_GCM, cipher::AES_128_GCM, cipher::CHACHA20_POLY1305, cipher::AES_256_CTR];
/// Only by name.
const MORE_CIPHERS: [cipher::Name; 5] =
    [cipher::AES_192_CTR, cipher::AES_128_CTR, cipher::AES_256_CBC, cipher::AES_192_CBC, cipher::AES_128_CBC];

impl Algorithms {
    /// `certified` where an authority is trusted for this host. The error is the option that leaves nothing.
    pub(super) fn preferred(&self, certified: bool) -> Result<Preferred, &'static str> {
        let usual = Preferred::default();
        let of_authorities = if certified { certificate::algorithms() } else { Vec::new() };
        let host_keys = self.host_keys(&usual.key, &of_authorities);
        let keys = host_keys.iter().filter_map(|name| usual.key.iter().find(|key| key.as_str() == name).cloned());
        let certified = |name: &String| of_authorities.iter().find(|key| key.to_certificate_type() == *name).cloned();
        let certificates = host_keys.iter().filter_map(certified);
        Ok(Preferred {
            kex: self.key_exchanges(&usual.kex).ok_or("KexAlgorithms")?,
            cipher: self.ciphers().ok_or("Ciphers")?,
            mac: self.macs(&usual.mac).ok_or("MACs")?,
            key: full(keys.collect()).ok_or("HostKeyAlgorithms")?,
            host_key_certificates: certificates.collect(),
            ..usual
        })
    }

    /// Whether the order of host keys is somebody's wish.
    pub(super) fn orders_host_keys(&self) -> bool {
        self.host_keys.as_ref().is_some_and(|wish| !wish.starts_with(['+', '-']))
    }

    fn ciphers(&self) -> Option<Cow<'static, [cipher::Name]>> {
        let all = [names_of(&CIPHERS), names_of(&MORE_CIPHERS)].concat();
        let chosen = assemble(self.ciphers.as_deref(), &names_of(&CIPHERS), &all);
        full(chosen.iter().filter_map(|name| cipher::Name::try_from(name.as_str()).ok()).collect())
    }

    /// What is no algorithm but a word between the two programs stays.
    fn key_exchanges(&self, usual: &[kex::Name]) -> Option<Cow<'static, [kex::Name]>> {
        let is_algorithm = |name: &&kex::Name| kex::ALL_KEX_ALGORITHMS.contains(name);
        let (algorithms, words): (Vec<&kex::Name>, Vec<&kex::Name>) = usual.iter().partition(is_algorithm);
        let all = kex::ALL_KEX_ALGORITHMS.iter().filter(|name| name.as_ref() != "none");
        let all: Vec<String> = all.map(|name| name.as_ref().to_owned()).collect();
        let algorithms: Vec<String> = algorithms.iter().map(|name| name.as_ref().to_owned()).collect();
        let chosen = assemble(self.key_exchanges.as_deref(), &algorithms, &all);
        let chosen: Vec<kex::Name> = chosen.iter().filter_map(|name| kex::Name::try_from(name.as_str()).ok()).collect();
        let mut chosen = full(chosen)?.into_owned();
        chosen.extend(words);
        Some(chosen.into())
    }

    fn macs(&self, usual: &[mac::Name]) -> Option<Cow<'static, [mac::Name]>> {
        let all = mac::ALL_MAC_ALGORITHMS.iter().filter(|name| name.as_ref() != "none");
        let all: Vec<String> = all.map(|name| name.as_ref().to_owned()).collect();
        let chosen = assemble(self.macs.as_deref(), &names_of(usual), &all);
        full(chosen.iter().filter_map(|name| mac::Name::try_from(name.as_str()).ok()).collect())
    }

    fn host_keys(&self, usual: &[Algorithm], of_authorities: &[Algorithm]) -> Vec<String> {
        let certificates = of_authorities.iter().map(Algorithm::to_certificate_type);
        let usual: Vec<String> = certificates.chain(usual.iter().map(|key| key.as_str().to_owned())).collect();
        assemble(self.host_keys.as_deref(), &usual, &usual)
    }
}

fn names_of<T: AsRef<str>>(names: &[T]) -> Vec<String> {
    names.iter().map(|name| name.as_ref().to_owned()).collect()
}

fn full<T: Clone>(list: Vec<T>) -> Option<Cow<'static, [T]>> {
    (!list.is_empty()).then_some(Cow::Owned(list))
}

/// What a wish makes of the usual names; the parts of one may be patterns over all of them.
pub fn assemble(wish: Option<&str>, usual: &[String], all: &[String]) -> Vec<String> {
    let Some(wish) = wish else { return usual.to_vec() };
    let (sign, list) = match wish.chars().next() {
        Some(sign @ ('+' | '-' | '^')) => (sign, wish.get(1..).unwrap_or_default()),
        _ => (' ', wish),
    };
    let patterns: Vec<&str> = list.split(',').collect();
    if sign == '-' {
        let is_left = |name: &&String| !patterns.iter().any(|pattern| matches_glob(pattern, name));
        return usual.iter().filter(is_left).cloned().collect();
    }
    let named = patterns.iter().flat_map(|pattern| all.iter().filter(move |name| matches_glob(pattern, name)));
    let named: Vec<String> = named.cloned().collect();
    let in_order = match sign {
        '+' => [usual.to_vec(), named].concat(),
        '^' => [named, usual.to_vec()].concat(),
        _ => named,
    };
    let mut chosen: Vec<String> = Vec::new();
    for name in in_order {
        if !chosen.contains(&name) {
            chosen.push(name);
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use super::*;

    fn with_ciphers(wish: &str) -> Result<Vec<String>, &'static str> {
        let algorithms = Algorithms { ciphers: Some(wish.to_owned()), ..Algorithms::default() };
        algorithms.preferred(false).map(|preferred| names_of(&preferred.cipher))
    }

    #[test]
    fn a_wish_changes_the_usual_list() {
        assert_eq!(with_ciphers("aes128-cbc,unheard-of").unwrap(), ["aes128-cbc"]);
        assert_eq!(with_ciphers("-aes*").unwrap(), ["chacha20-poly1305@openssh.com"]);
        assert_eq!(with_ciphers("+aes128-cbc").unwrap().last().unwrap(), "aes128-cbc");
        assert_eq!(with_ciphers("^aes256-ctr").unwrap().first().unwrap(), "aes256-ctr");
        assert_eq!(with_ciphers("unheard-of"), Err("Ciphers"));
        assert_eq!(with_ciphers("none"), Err("Ciphers"), "nobody gets a connection in the open");
    }

    #[test]
    fn words_between_programs_stay_with_every_key_exchange() {
        let wish = Algorithms { key_exchanges: Some("curve25519-sha256".to_owned()), ..Algorithms::default() };
        let names = names_of(&wish.preferred(false).unwrap().kex);
        assert!(names.starts_with(&["curve25519-sha256".to_owned(), "ext-info-c".to_owned()]), "{names:?}");
        assert!(names.iter().any(|name| name.starts_with("kex-strict-c")), "{names:?}");
        assert_eq!(names.iter().filter(|name| name.contains("nistp") || name.contains("group")).count(), 0);
    }

    #[test]
    fn host_keys_and_their_certificates_are_named_apart() {
        let wish = |text: &str, certified| {
            let algorithms = Algorithms { host_keys: Some(text.to_owned()), ..Algorithms::default() };
            let preferred = algorithms.preferred(certified)?;
            let names = |keys: &[Algorithm]| keys.iter().map(|key| key.as_str().to_owned()).collect::<Vec<_>>();
            Ok::<_, &str>((names(&preferred.key), names(&preferred.host_key_certificates)))
        };
        assert_eq!(wish("rsa-sha2-512", true), Ok((vec!["rsa-sha2-512".to_owned()], vec![])));
        let (keys, certificates) = wish("ssh-ed25519,ssh-ed25519-cert-v01@openssh.com", true).unwrap();
        assert_eq!((keys, certificates.len()), (vec!["ssh-ed25519".to_owned()], 1));
        assert_eq!(wish("-*cert*", true).unwrap().1, [""; 0]);
        assert_eq!(wish("ssh-dss", false), Err("HostKeyAlgorithms"));
    }
}
