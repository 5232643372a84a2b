//! Bytes that nobody guesses, from the random source of the crypto library, and names of them: 32 hexadecimal digits.
//! Knows nothing of their use.

use super::error::TransportError;
use crate::base::hex::hex;

pub fn nonce() -> Result<String, TransportError> {
    Ok(hex(&random::<16>()?))
}

pub(super) fn random<const LENGTH: usize>() -> Result<[u8; LENGTH], TransportError> {
    let mut bytes = [0_u8; LENGTH];
    rustls::crypto::ring::default_provider()
        .secure_random
        .fill(&mut bytes)
        .map_err(|_| TransportError::NoRandomness)?;
    Ok(bytes)
}
