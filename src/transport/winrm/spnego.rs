//! The wrapping of a login's words (RFC 4178): one mechanism is offered, which is the one that is spoken. Knows nothing of
//! what the words say.

use super::asn1::{
    ENUMERATED, IDENTIFIER, OCTETS, SEQUENCE, application, content, element, field, inner, octets, tagged, wrap,
};

/// 1.3.6.1.5.5.2
const SPNEGO: &[u8] = b"\x2b\x06\x01\x05\x05\x02";
/// 1.2.840.113554.1.2.2
const KERBEROS: &[u8] = b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02";
const ASKS: [u8; 2] = [1, 0];
const ANSWERS: [u8; 2] = [2, 0];
const COMPLAINS: [u8; 2] = [3, 0];
const REFUSED: &[u8] = &[2];

/// A word of Kerberos that shows a ticket, as the first one of a login.
pub(super) fn first(message: &[u8]) -> Vec<u8> {
    let word = wrap(application(0), &[&wrap(IDENTIFIER, &[KERBEROS]), &ASKS, message]);
    let offered = wrap(IDENTIFIER, &[KERBEROS]);
    let token = [field(0, SEQUENCE, &offered), field(2, OCTETS, &word)].concat();
    wrap(application(0), &[&wrap(IDENTIFIER, &[SPNEGO]), &field(0, SEQUENCE, &token)])
}

/// What the host says of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Word<'a> {
    Answer(&'a [u8]),
    Complaint(&'a [u8]),
    Refused,
}

pub(super) fn read(token: &[u8]) -> Option<Word<'_>> {
    let reply = content(content(token, tagged(1))?, SEQUENCE)?;
    let Some(word) = octets(reply, 2) else {
        let state = content(inner(reply, 0)?, ENUMERATED)?;
        return (state == REFUSED).then_some(Word::Refused);
    };
    let word = content(word, application(0))?;
    let (_, message) = element(word, IDENTIFIER).filter(|(mechanism, _)| *mechanism == KERBEROS)?;
    let (kind, message) = message.split_first_chunk()?;
    match *kind {
        ANSWERS => Some(Word::Answer(message)),
        COMPLAINS => Some(Word::Complaint(message)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{
        ENUMERATED, IDENTIFIER, KERBEROS, OCTETS, SEQUENCE, Word, application, field, first, read, tagged, wrap,
    };
    use crate::base::hex::hex;

    fn reply(kind: [u8; 2]) -> Vec<u8> {
        let word = wrap(application(0), &[&wrap(IDENTIFIER, &[KERBEROS]), &kind, b"abc"]);
        let reply = [field(0, ENUMERATED, &[0]), field(2, OCTETS, &word)].concat();
        wrap(tagged(1), &[&wrap(SEQUENCE, &[&reply])])
    }

    #[test]
    fn the_first_word_names_spnego_and_then_kerberos() {
        assert!(
            hex(&first(b"m")).contains("06062b0601050502") && hex(&first(b"m")).ends_with("2a864886f71201020201006d")
        );
    }

    #[test]
    fn an_answer_is_read_and_nothing_that_is_cut() {
        let whole = reply([2, 0]);
        assert_eq!(read(&whole), Some(Word::Answer(b"abc")));
        assert_eq!(read(&reply([3, 0])), Some(Word::Complaint(b"abc")));
        assert_eq!(read(&reply([9, 9])), None);
        for length in 0..whole.len() {
            assert_eq!(read(&whole[..length]), None, "{length}");
        }
        let refused = wrap(tagged(1), &[&wrap(SEQUENCE, &[&field(0, ENUMERATED, &[2])])]);
        assert_eq!(read(&refused), Some(Word::Refused));
    }
}
