//! A sealed envelope as the body of an HTTP message (MS-WSMV 2.2.9.1): a multipart text that is none of MIME. Knows
//! nothing of what is in the envelope.

use super::error::WinrmError;
use super::ntlm_keys::{SIGNATURE, Sealing};

pub(super) const CONTENT_TYPE: &str =
    "multipart/encrypted;protocol=\"application/HTTP-SPNEGO-session-encrypted\";boundary=\"Encrypted Boundary\"";
const PROTOCOL: &str = "application/HTTP-SPNEGO-session-encrypted";
const BOUNDARY: &str = "--Encrypted Boundary";
const STREAM: &[u8] = b"Content-Type: application/octet-stream\r\n";
const LENGTH: &str = "Length=";

pub(super) fn seal(sealing: &mut Sealing, envelope: &str) -> Vec<u8> {
    let (signature, sealed) = sealing.seal(envelope.as_bytes());
    let head = format!(
        "{BOUNDARY}\r\n\tContent-Type: {PROTOCOL}\r\n\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length={}\r\n\
         {BOUNDARY}\r\n\tContent-Type: application/octet-stream\r\n",
        envelope.len()
    );
    let length = (SIGNATURE as u32).to_le_bytes();
    // No line ends before the last boundary: what is sealed is counted, not marked.
    [head.as_bytes(), &length, &signature, &sealed, BOUNDARY.as_bytes(), b"--\r\n"].concat()
}

/// The envelope of an answer. One that is not sealed is nobody's word.
pub(super) fn open(sealing: &mut Sealing, content_type: &str, body: &[u8]) -> Result<String, WinrmError> {
    if !content_type.trim_start().to_ascii_lowercase().starts_with("multipart/encrypted") {
        return Err(WinrmError::Unsealed);
    }
    let (signature, sealed) = parts(body).ok_or(WinrmError::BadSeal)?;
    let plain = sealing.open(signature, sealed).ok_or(WinrmError::BadSeal)?;
    String::from_utf8(plain).map_err(|_| WinrmError::Unreadable { reason: "it is not UTF-8".to_owned() })
}

fn parts(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let start = find(body, STREAM)? + STREAM.len();
    let head = std::str::from_utf8(body.get(..start)?).ok()?;
    let (_, length) = head.split_once(LENGTH)?;
    let length: usize = length.lines().next()?.trim().parse().ok()?;
    let stream = body.get(start..)?;
    let header: [u8; 4] = stream.get(..4)?.try_into().ok()?;
    if usize::try_from(u32::from_le_bytes(header)).ok()? != SIGNATURE {
        return None;
    }
    let (signature, rest) = stream.get(4..)?.split_at_checked(SIGNATURE)?;
    let (sealed, end) = rest.split_at_checked(length)?;
    end.trim_ascii_start().starts_with(BOUNDARY.as_bytes()).then_some((signature, sealed))
}

fn find(text: &[u8], piece: &[u8]) -> Option<usize> {
    text.windows(piece.len()).position(|window| window == piece)
}

#[cfg(test)]
mod tests {
    use super::{CONTENT_TYPE, Sealing, WinrmError, open, seal};

    fn ends() -> (Sealing, Sealing) {
        (Sealing::of_the_host(&[3; 16]), Sealing::new(&[3; 16]))
    }

    #[test]
    fn the_form_is_that_of_windows_to_the_byte() {
        let (_, mut opsc) = ends();
        let body = seal(&mut opsc, "<x/>");
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
            let body = seal(&mut host, text);
            assert_eq!(open(&mut opsc, CONTENT_TYPE, &body).as_deref(), Ok(text));
        }
    }

    #[test]
    fn an_answer_in_the_open_or_broken_is_refused() {
        let (mut host, mut opsc) = ends();
        assert_eq!(open(&mut opsc, "application/soap+xml", b"<a/>"), Err(WinrmError::Unsealed));
        let body = seal(&mut host, "<a/>");
        let mut changed = body.clone();
        let last = body.len() - "--Encrypted Boundary--\r\n".len() - 1;
        changed[last] ^= 1;
        for broken in [&changed, &body[..last].to_vec(), &Vec::new()] {
            assert_eq!(open(&mut ends().1, CONTENT_TYPE, broken), Err(WinrmError::BadSeal));
        }
        assert_eq!(open(&mut opsc, CONTENT_TYPE, &body).as_deref(), Ok("<a/>"));
    }
}
