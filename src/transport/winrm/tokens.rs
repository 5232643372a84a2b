//! A login by words in turn, and what seals envelopes once it holds: what NTLM and Kerberos have in common. Knows nothing
//! of HTTP.

use super::error::WinrmError;
use crate::transport::nonce::random;

/// One login on one connection.
pub(super) trait Tokens: Send + Sync {
    /// Our first word.
    fn first(&mut self) -> Vec<u8>;

    /// What it means that the host does not let us in on our first word, and says none; nothing where that word proves nothing
    /// yet.
    fn refused(&self) -> Option<WinrmError> {
        None
    }

    /// What follows on a word of the host that is not its last.
    fn next(&mut self, theirs: &[u8]) -> Result<Vec<u8>, WinrmError>;

    /// The host lets us in; its last word is judged where it sent one.
    fn finish(self: Box<Self>, theirs: Option<&[u8]>) -> Result<Box<dyn Seals>, WinrmError>;
}

/// Seals what goes and opens what comes, on one connection and in its order.
pub(super) trait Seals: Send + Sync {
    /// What stands before the sealed text, and the sealed text.
    fn seal(&mut self, plain: &[u8]) -> Result<(Vec<u8>, Vec<u8>), WinrmError>;

    /// The text, unless somebody changed it.
    fn open(&mut self, header: &[u8], sealed: &[u8]) -> Option<Vec<u8>>;
}

/// Bytes that nobody guesses.
pub(super) fn unguessed<const LENGTH: usize>() -> Result<[u8; LENGTH], WinrmError> {
    random().map_err(|_| WinrmError::Ended { reason: "there is no randomness".to_owned() })
}
