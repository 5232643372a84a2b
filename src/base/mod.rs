//! Floor 0: what every floor shares. Typed ids, sources and spans, secrets, hexadecimal, near names, pauses and words for messages.
//! Knows nothing of the language, of hosts or of any file on disk.

pub mod glob;
pub mod hex;
pub mod ids;
pub mod near;
pub mod reference;
pub mod scatter;
pub mod secret;
pub mod source;
pub mod words;
