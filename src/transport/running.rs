//! One program on its way: what it says is told apart from its marks, until it is over. Its parsers are its own: what an
//! earlier one left half said does not reach into it. Knows nothing of channels.

use super::completed::{Capture, Completed, Output, Stream};
use crate::shell::frames::{FrameError, FrameParser, Nonces, Piece};

const MOST_FIELDS: usize = 4096;
const MOST_FIELD_BYTES: usize = 16 << 20;
/// What startup files may say before it is dropped.
const NOISE_LIMIT: usize = 2 << 10;

/// ksh counts signals from 256, every other shell from 128. Codes of Windows are numbers of 32 bits, and none of signals.
fn signal_code(code: i32) -> i32 {
    if code > 256 { code - 128 } else { code }
}

/// One program on its way.
pub(super) struct Running {
    sequence: u64,
    parsers: [FrameParser; 2],
    heard: Heard,
    /// What a code of the shell means.
    meaning: fn(i32) -> i32,
    /// Whether the shell has read that something is to be done, by stream.
    begun: [bool; 2],
    /// What comes before is of startup files: kept apart, within bounds.
    noise: Option<Vec<u8>>,
}

/// What a step said so far.
#[derive(Default)]
struct Heard {
    captures: [Capture; 2],
    ends: [Option<i32>; 2],
    fields: Vec<(String, Vec<u8>)>,
    field_bytes: usize,
}

impl Running {
    pub(super) fn new(sequence: u64, nonces: &Nonces) -> Running {
        let parsers = [FrameParser::of_step(nonces), FrameParser::of_step(nonces)];
        Running { sequence, parsers, heard: Heard::default(), meaning: signal_code, begun: [false; 2], noise: None }
    }

    /// Of a command of its own, which nobody greeted.
    pub(super) fn of_command(nonces: &Nonces) -> Running {
        Running { noise: Some(Vec::new()), ..Running::new(1, nonces) }
    }

    /// Of PowerShell, which has shown in another way that it reads.
    pub(super) fn of_powershell(sequence: u64, nonces: &Nonces) -> Running {
        Running { begun: [true; 2], meaning: std::convert::identity, ..Running::new(sequence, nonces) }
    }

    /// Whether nothing of it can have been done, because a fresh shell has read nothing yet.
    pub(super) fn is_unread(&self) -> bool {
        self.sequence == 1 && self.begun == [false; 2]
    }

    /// Whether the shell said how it ended; of a command that does, even where a wrapper puts its streams together.
    pub(super) fn has_ended(&self) -> bool {
        let [end, _] = self.heard.ends;
        self.noise.is_some() && end.is_some()
    }

    /// What the login shell said before.
    pub(super) fn noise(&self) -> String {
        String::from_utf8_lossy(self.noise.as_deref().unwrap_or_default()).trim().to_owned()
    }

    pub(super) fn is_over(&self) -> bool {
        self.heard.ends.iter().all(Option::is_some)
    }

    pub(super) fn feed(&mut self, stream: Stream, bytes: &[u8], output: Output<'_>) -> Result<(), FrameError> {
        let ([stdout, stderr], [stdout_begun, stderr_begun]) = (&mut self.parsers, &mut self.begun);
        let (parser, begun) = match stream {
            Stream::Stdout => (stdout, stdout_begun),
            Stream::Stderr => (stderr, stderr_begun),
        };
        parser.feed(bytes, &mut |piece| match (piece, &mut self.noise) {
            (Piece::End { sequence: 0, .. }, _) => *begun = true,
            (Piece::End { sequence, .. }, _) if sequence != self.sequence => {}
            (Piece::Raw(raw), Some(noise)) if !*begun => {
                noise.extend_from_slice(raw.get(..raw.len().min(NOISE_LIMIT - noise.len())).unwrap_or_default());
            }
            (piece, _) => self.heard.take(stream, piece, output),
        })
    }

    pub(super) fn is_too_much(&self) -> bool {
        self.heard.is_too_much()
    }

    pub(super) fn finish(self, timed_out: bool) -> Completed {
        let [stdout, stderr] = self.heard.captures;
        let [code, _] = self.heard.ends;
        Completed {
            code: code.map_or(124, self.meaning),
            fields: self.heard.fields,
            stdout: stdout.finish(),
            stderr: stderr.finish(),
            timed_out,
        }
    }
}

impl Heard {
    fn take(&mut self, stream: Stream, piece: Piece<'_>, output: Output<'_>) {
        let ([stdout, stderr], [stdout_end, stderr_end]) = (&mut self.captures, &mut self.ends);
        let (capture, end) = match stream {
            Stream::Stdout => (stdout, stdout_end),
            Stream::Stderr => (stderr, stderr_end),
        };
        // What comes behind the end is of children that the step left behind, and belongs to nobody.
        if end.is_some() {
            return;
        }
        match piece {
            Piece::Raw(bytes) => {
                capture.push(bytes);
                output(stream, bytes);
            }
            Piece::Field { key, value } => {
                self.field_bytes += key.len() + value.len();
                // The lane gives up after this piece; what it holds until then stays within one read.
                if self.fields.len() <= MOST_FIELDS && self.field_bytes <= MOST_FIELD_BYTES {
                    self.fields.push((key, value.to_vec()));
                } else {
                    self.field_bytes = MOST_FIELD_BYTES + 1;
                }
            }
            Piece::End { code, .. } => *end = Some(code),
            Piece::Hello { .. } => {}
        }
    }

    fn is_too_much(&self) -> bool {
        self.fields.len() > MOST_FIELDS || self.field_bytes > MOST_FIELD_BYTES
    }
}
