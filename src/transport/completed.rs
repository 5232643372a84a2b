//! What a program left behind: its code, its fields, and its output within bounds. Knows nothing of who ran it.

use std::collections::VecDeque;

use sha2::{Digest, Sha256};

use crate::base::hex::hex;

/// The bytes kept of the beginning, and again of the end, of one stream.
pub const KEPT_EACH: usize = 64 << 10;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stream {
    Stdout,
    Stderr,
}

/// Receives the raw output of a step while it runs.
pub type Output<'a> = &'a mut (dyn FnMut(Stream, &[u8]) + Send);

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Completed {
    /// 128 + n for a signal; 124 when the deadline passed and the program never said how it ended.
    pub code: i32,
    /// In the order reported; a repeated key is listed again.
    pub fields: Vec<(String, Vec<u8>)>,
    pub stdout: Captured,
    pub stderr: Captured,
    pub timed_out: bool,
}

impl Completed {
    /// What was reported last under this name, as text whatever its bytes are.
    pub fn text(&self, name: &str) -> Option<String> {
        let (_, bytes) = self.fields.iter().rev().find(|(key, _)| key == name)?;
        Some(String::from_utf8_lossy(bytes).into_owned())
    }
}

/// One stream: all of it hashed and counted, its beginning and end kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Captured {
    /// Everything, or the beginning, a line saying what is missing, and the end.
    pub kept: Vec<u8>,
    pub bytes: u64,
    pub truncated: bool,
    /// Of all bytes, in lower case hexadecimal.
    pub sha256: String,
}

/// A stream while it is coming in.
#[derive(Debug, Default)]
pub(super) struct Capture {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    bytes: u64,
    hash: Sha256,
}

impl Capture {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.hash.update(bytes);
        let room = KEPT_EACH.saturating_sub(self.head.len()).min(bytes.len());
        let (head, rest) = bytes.split_at(room);
        self.head.extend_from_slice(head);
        let rest = rest.get(rest.len().saturating_sub(KEPT_EACH)..).unwrap_or_default();
        let surplus = (self.tail.len() + rest.len()).saturating_sub(KEPT_EACH);
        self.tail.drain(..surplus);
        self.tail.extend(rest);
    }

    pub(super) fn finish(self) -> Captured {
        let shown = self.head.len() + self.tail.len();
        let missing = self.bytes - shown as u64;
        let mut kept = self.head;
        if missing > 0 {
            kept.extend_from_slice(format!("\n[{missing} bytes left out]\n").as_bytes());
        }
        kept.extend(self.tail);
        Captured { kept, bytes: self.bytes, truncated: missing > 0, sha256: hex(&self.hash.finalize()) }
    }
}

#[cfg(test)]
mod tests {
    use super::{Capture, KEPT_EACH};

    fn capture(chunks: &[&[u8]]) -> super::Captured {
        let mut capture = Capture::default();
        for chunk in chunks {
            capture.push(chunk);
        }
        capture.finish()
    }

    #[test]
    fn small_output_is_kept_whole() {
        let captured = capture(&[b"a", b"", b"bc"]);
        assert_eq!((captured.kept.as_slice(), captured.bytes, captured.truncated), (&b"abc"[..], 3, false));
        assert_eq!(captured.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn exactly_two_halves_are_whole_and_one_byte_more_is_not() {
        let half = vec![b'x'; KEPT_EACH];
        assert!(!capture(&[&half, &half]).truncated);
        let more = capture(&[&half, b"y", &half]);
        assert!(more.truncated);
        assert_eq!(more.bytes, 2 * KEPT_EACH as u64 + 1);
        assert!(String::from_utf8_lossy(&more.kept).contains("\n[1 bytes left out]\n"));
    }
}
