//! Whatever may come from a listener, a KDC or who speaks in their place, given to what reads it: for the fuzzers alone.

use super::clixml::Decoder;
use super::ntlm::{Login, Ntlm};
use super::ntlm_keys::{Account, Sealing};
use super::tokens::Tokens;
use super::{der, krb_cache, krb_config, krb_messages, reply, sealed, spnego};
use crate::base::secret::Secret;

/// The first byte says who reads, the second where it is cut.
pub fn read(bytes: &[u8]) {
    let Some(([reader, size], rest)) = bytes.split_first_chunk() else { return };
    let text = String::from_utf8_lossy(rest);
    match reader % 8 {
        0 => drop(reply::read(&text, "uuid:1")),
        1 => decode(rest, usize::from(*size).max(1)),
        2 => drop(sealed::open(&mut Sealing::new(&[1; 16]), sealed::CONTENT_TYPE, rest)),
        3 => answer(rest),
        4 => drop(der::end_point(rest)),
        5 => read_kerberos(rest),
        6 => drop(krb_cache::read(rest)),
        _ => drop(krb_config::realms(&text)),
    }
}

/// However it is cut, the texts are the same.
fn decode(bytes: &[u8], size: usize) {
    let decoded = |size: usize| {
        let mut decoder = Decoder::default();
        let mut texts: Vec<u8> = bytes.chunks(size).flat_map(|piece| decoder.push(piece)).collect();
        texts.extend(decoder.finish());
        texts
    };
    assert_eq!(decoded(size), decoded(bytes.len().max(1)), "cut every {size} bytes");
}

fn answer(bytes: &[u8]) {
    let password = Secret::new("password".to_owned());
    let account = Account::parse("DOMAIN\\ann");
    let (service, channel) = ("HTTP/win1".to_owned(), [2; 16]);
    let login = Login { account, password: &password, service, channel, session_key: [3; 16], nonce: [4; 8] };
    drop(Ntlm::new(login).next(bytes));
}

fn read_kerberos(bytes: &[u8]) {
    drop(spnego::read(bytes));
    drop(krb_messages::read_complaint(bytes));
    drop(krb_messages::read_reply(bytes, krb_messages::AS_REPLY));
    drop(krb_messages::read_reply(bytes, krb_messages::TGS_REPLY));
    drop(krb_messages::read_ticket_part(bytes));
    drop(krb_messages::read_ap_part(bytes));
    krb_messages::read_ap_reply(bytes).into_iter().for_each(|part| drop(krb_messages::read_ap_part(part)));
}
