//! The one thing of a certificate that a channel binding needs: by which hash it was signed. Reads no more of it.

use sha2::{Digest, Sha256, Sha384, Sha512};

use super::asn1::{IDENTIFIER, SEQUENCE, element};

/// Object identifiers of signature algorithms whose hash is longer than SHA-256, as they stand in a certificate.
const SHA384_SIGNATURES: [&[u8]; 2] = [b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c", b"\x2a\x86\x48\xce\x3d\x04\x03\x03"];
const SHA512_SIGNATURES: [&[u8]; 2] = [b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d", b"\x2a\x86\x48\xce\x3d\x04\x03\x04"];

/// The hash of a certificate that RFC 5929 names `tls-server-end-point`: by its own signature's hash, and by SHA-256 where
/// that is an old or an unknown one.
pub(super) fn end_point(certificate: &[u8]) -> Vec<u8> {
    let algorithm = signature_algorithm(certificate).unwrap_or_default();
    if SHA384_SIGNATURES.contains(&algorithm) {
        Sha384::digest(certificate).to_vec()
    } else if SHA512_SIGNATURES.contains(&algorithm) {
        Sha512::digest(certificate).to_vec()
    } else {
        Sha256::digest(certificate).to_vec()
    }
}

/// Certificate ::= { what is signed, the algorithm { identifier, … }, the signature }
fn signature_algorithm(certificate: &[u8]) -> Option<&[u8]> {
    let (content, _) = element(certificate, SEQUENCE)?;
    let (_, rest) = element(content, SEQUENCE)?;
    let (algorithm, _) = element(rest, SEQUENCE)?;
    element(algorithm, IDENTIFIER).map(|(identifier, _)| identifier)
}

#[cfg(test)]
mod tests {
    use super::{end_point, signature_algorithm};

    fn certificate(identifier: &[u8]) -> Vec<u8> {
        let mut algorithm = vec![0x30, identifier.len() as u8 + 2, 0x06, identifier.len() as u8];
        algorithm.extend(identifier);
        let mut content = vec![0x30, 0x81, 0x80];
        content.extend([5; 0x80]);
        content.extend(algorithm);
        content.extend([0x03, 0x02, 0, 1]);
        let mut whole = vec![0x30, 0x82, 0, content.len() as u8];
        whole.extend(content);
        whole
    }

    #[test]
    fn the_hash_is_that_of_the_signature_but_never_a_weak_one() {
        let length = |identifier: &[u8]| end_point(&certificate(identifier)).len();
        assert_eq!(length(b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b"), 32);
        assert_eq!(length(b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c"), 48);
        assert_eq!(length(b"\x2a\x86\x48\xce\x3d\x04\x03\x04"), 64);
        assert_eq!(length(b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05"), 32);
    }

    #[test]
    fn a_cut_certificate_has_no_algorithm() {
        let whole = certificate(b"\x2a\x86\x48\xce\x3d\x04\x03\x04");
        assert!(signature_algorithm(&whole).is_some());
        for length in 0..whole.len() {
            assert_eq!(signature_algorithm(&whole[..length]), None, "{length}");
        }
    }
}
