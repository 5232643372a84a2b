//! Unguessable names: 32 hexadecimal digits from the random source of the crypto library. Knows nothing of their use.

use super::completed::hex;
use super::error::TransportError;

pub fn nonce() -> Result<String, TransportError> {
    let mut bytes = [0_u8; 16];
    rustls::crypto::ring::default_provider()
        .secure_random
        .fill(&mut bytes)
        .map_err(|_| TransportError::NoRandomness)?;
    Ok(hex(&bytes))
}
