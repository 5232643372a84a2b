//! A sealed envelope as the body of an HTTP message (MS-WSMV 2.2.9.1): a multipart text that is none of MIME. Knows
//! nothing of what is in the envelope.

use super::error::WinrmError;
use super::tokens::Seals;

pub(super) const CONTENT_TYPE: &str =
    "multipart/encrypted;protocol=\"application/HTTP-SPNEGO-session-encrypted\";boundary=\"Encrypted Boundary\"";
const PROTOCOL: &str = "application/HTTP-SPNEGO-session-encrypted";
const BOUNDARY: &str = "--Encrypted Boundary";
const STREAM: &[u8] = b"Content-Type: application/octet-stream\r\n";
const LENGTH: &str = "Length=";
/// What stands before a sealed text has 16 bytes with NTLM, and 60 with Kerberos.
const LONGEST_HEADER: usize = 256;

pub(super) fn seal(sealing: &mut dyn Seals, envelope: &str) -> Result<Vec<u8>, WinrmError> {
    let (header, sealed) = sealing.seal(envelope.as_bytes())?;
    let head = format!(
        "{BOUNDARY}\r\n\tContent-Type: {PROTOCOL}\r\n\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length={}\r\n\
         {BOUNDARY}\r\n\tContent-Type: application/octet-stream\r\n",
        envelope.len()
    );
    let length = u32::try_from(header.len()).unwrap_or_default().to_le_bytes();
    // No line ends before the last boundary: what is sealed is counted, not marked.
    Ok([head.as_bytes(), &length, &header, &sealed, BOUNDARY.as_bytes(), b"--\r\n"].concat())
}

/// The envelope of an answer. One that is not sealed is nobody's word.
pub(super) fn open(sealing: &mut dyn Seals, content_type: &str, body: &[u8]) -> Result<String, WinrmError> {
    if !content_type.trim_start().to_ascii_lowercase().starts_with("multipart/encrypted") {
        return Err(WinrmError::Unsealed);
    }
    let (header, sealed) = parts(body).ok_or(WinrmError::BadSeal)?;
    let plain = sealing.open(header, sealed).ok_or(WinrmError::BadSeal)?;
    String::from_utf8(plain).map_err(|_| WinrmError::Unreadable { reason: "it is not UTF-8".to_owned() })
}

fn parts(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let start = find(body, STREAM)? + STREAM.len();
    let head = std::str::from_utf8(body.get(..start)?).ok()?;
    let (_, length) = head.split_once(LENGTH)?;
    let length: usize = length.lines().next()?.trim().parse().ok()?;
    let stream = body.get(start..)?;
    let header = usize::try_from(u32::from_le_bytes(stream.get(..4)?.try_into().ok()?)).ok()?;
    if header > LONGEST_HEADER {
        return None;
    }
    let (header, rest) = stream.get(4..)?.split_at_checked(header)?;
    let (sealed, end) = rest.split_at_checked(length)?;
    end.trim_ascii_start().starts_with(BOUNDARY.as_bytes()).then_some((header, sealed))
}

fn find(text: &[u8], piece: &[u8]) -> Option<usize> {
    text.windows(piece.len()).position(|window| window == piece)
}

#[cfg(test)]
mod tests {
    use super::super::ntlm_keys::Sealing;
    use super::{CONTENT_TYPE, WinrmError, open, seal};

    fn ends() -> (Sealing, Sealing) {
        (Sealing::of_the_host(&[3; 16]), Sealing::new(&[3; 16]))
    }

    #[test]
    fn the_form_is_that_of_windows_to_the_byte() {
        let (_, mut opsc) = ends();
        let body = seal(&mut opsc, "<x/>").unwrap();
        let text = String::from_utf8_lossy(&body).into_owned();
        let head = "--Encrypted Boundary\r\n\tContent-Type: application/HTTP-SPNEGO-session-encrypted\r\n\tOriginalContent: \
                    type=application/soap+xml;charset=UTF-8;Length=4\r\n--Encrypted Boundary\r\n\tContent-Type: \
                    application/octet-stream\r\n";
        assert!(text.starts_with(head), "{text}");
        assert_eq!(body.len(), head.len() + 4 + 16 + 4 + "--Encrypted Boundary--\r\n".len());
        assert!(body.ends_with(b"--Encrypted Boundary--\r\n"));
    }

    #[test]
    fn an_answer_is_opened() {
        let (mut host, mut opsc) = ends();
        for text in ["<a>é</a>", "", "--Encrypted Boundary--\r\n"] {
            let body = seal(&mut host, text).unwrap();
            assert_eq!(open(&mut opsc, CONTENT_TYPE, &body).as_deref(), Ok(text));
        }
    }

    #[test]
    fn an_answer_in_the_open_or_broken_is_refused() {
        let (mut host, mut opsc) = ends();
        assert_eq!(open(&mut opsc, "application/soap+xml", b"<a/>"), Err(WinrmError::Unsealed));
        let body = seal(&mut host, "<a/>").unwrap();
        let mut changed = body.clone();
        let last = body.len() - "--Encrypted Boundary--\r\n".len() - 1;
        changed[last] ^= 1;
        for broken in [&changed, &body[..last].to_vec(), &Vec::new()] {
            assert_eq!(open(&mut ends().1, CONTENT_TYPE, broken), Err(WinrmError::BadSeal));
        }
        assert_eq!(open(&mut opsc, CONTENT_TYPE, &body).as_deref(), Ok("<a/>"));
    }
}
