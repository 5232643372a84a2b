//! What a step prints: kept as evidence, told as events by whole lines, and free of secrets in both. Knows nothing of what
//! prints it.

use sha2::{Digest, Sha256};

use super::context::Context;
use super::event::{EventKind, Stream};
use super::prepare::Prepared;
use super::redact::{LineCutter, Redactor, printable};
use crate::base::hex::hex;
use crate::transport;

/// The first output of a step, its length and its hash.
#[derive(Default)]
pub struct Output {
    kept: Vec<u8>,
    pub bytes: u64,
    hash: Sha256,
    /// There was a secret in it: then its hash would tell who guesses right.
    pub hid: bool,
}

impl Output {
    const LARGEST: usize = 64 * 1024;

    pub(super) fn push(&mut self, bytes: &[u8]) {
        let room = Self::LARGEST.saturating_sub(self.kept.len());
        self.kept.extend(bytes.iter().take(room));
        self.bytes += bytes.len() as u64;
        self.hash.update(bytes);
    }

    /// Free of secrets. Whole lines only where it is cut, so that no half of a secret is left, and a last line that
    /// says so.
    pub fn kept(&self, redactor: &Redactor) -> Vec<u8> {
        if self.bytes <= Self::LARGEST as u64 {
            return redactor.clean_bytes(&self.kept).bytes;
        }
        let end = self.kept.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
        let lines = self.kept.get(..end).unwrap_or_default();
        let mut kept = redactor.clean_head(lines).bytes;
        let left_out = self.bytes - lines.len() as u64;
        kept.extend(format!("\n[{left_out} more bytes are not kept; `-v` shows them as they come]\n").bytes());
        kept
    }

    pub fn sha256(&self) -> Option<String> {
        (self.bytes > 0 && !self.hid).then(|| hex(&self.hash.clone().finalize()))
    }
}

/// Tells what is new on each stream from what is heard once more.
pub(super) struct Heard {
    again: [u64; 2],
    pub(super) so_far: [u64; 2],
}

impl Heard {
    pub(super) fn again(heard: [u64; 2]) -> Heard {
        Heard { again: heard, so_far: heard }
    }

    pub(super) fn news<'a>(&mut self, stream: transport::Stream, bytes: &'a [u8]) -> &'a [u8] {
        let ([output, errors], [output_so_far, errors_so_far]) = (&mut self.again, &mut self.so_far);
        let (again, so_far) = match stream {
            transport::Stream::Stdout => (output, output_so_far),
            transport::Stream::Stderr => (errors, errors_so_far),
        };
        let known = usize::try_from(*again).unwrap_or(usize::MAX).min(bytes.len());
        let news = bytes.get(known..).unwrap_or_default();
        *again -= known as u64;
        *so_far += news.len() as u64;
        news
    }
}

/// Sends a step's output as events, by whole lines and free of secrets.
pub(super) struct Printer<'a> {
    context: &'a Context,
    prepared: &'a Prepared<'a>,
    host: String,
    stdout: LineCutter,
    stderr: LineCutter,
    /// Something was taken out.
    pub(super) hid: bool,
}

impl<'a> Printer<'a> {
    pub(super) fn new(context: &'a Context, prepared: &'a Prepared<'a>, host: String) -> Self {
        Printer { context, prepared, host, stdout: LineCutter::default(), stderr: LineCutter::default(), hid: false }
    }

    pub(super) fn push(&mut self, stream: transport::Stream, bytes: &[u8]) {
        let (cutter, stream) = match stream {
            transport::Stream::Stdout => (&mut self.stdout, Stream::Stdout),
            transport::Stream::Stderr => (&mut self.stderr, Stream::Stderr),
        };
        if let Some(lines) = cutter.push(bytes, &self.context.redactor()) {
            self.emit(stream, &lines);
        }
    }

    pub(super) fn finish(&mut self) {
        for (stream, rest) in [(Stream::Stdout, self.stdout.finish()), (Stream::Stderr, self.stderr.finish())] {
            if let Some(rest) = rest {
                self.emit(stream, &rest);
            }
        }
    }

    fn emit(&mut self, stream: Stream, bytes: &[u8]) {
        // Control characters are written out afterwards: NULs between letters are how UTF-16 looks.
        let cleaned = self.context.redactor().clean_bytes(bytes);
        self.hid = self.hid || cleaned.hid;
        let text = printable(&cleaned.bytes);
        let (step, host) = (self.prepared.step.name.clone(), self.host.clone());
        self.context.events.emit(EventKind::StepOutput { step, host, stream, text });
    }
}
