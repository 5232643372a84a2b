//! What a command on a Windows host says, piece by piece, until it is over. Knows nothing of envelopes.

use super::clixml::Decoder;
use super::error::WinrmError;
use super::reply::Received;
use crate::transport::completed::{Capture, Completed, Output, Stream};

/// How a command ended: with a code, unless it was ended.
pub(super) struct Ended(Option<i32>);

/// What a command has said so far.
pub(super) struct Heard<'a> {
    output: Output<'a>,
    stdout: Capture,
    stderr: Capture,
    decoder: Decoder,
}

impl<'a> Heard<'a> {
    pub(super) fn by(output: Output<'a>) -> Heard<'a> {
        Heard { output, stdout: Capture::default(), stderr: Capture::default(), decoder: Decoder::default() }
    }

    /// How the command ended, where this is its end.
    pub(super) fn take(&mut self, received: Received) -> Option<Ended> {
        for (stream, bytes) in received.chunks {
            match stream {
                Stream::Stdout => self.tell(stream, &bytes),
                Stream::Stderr => {
                    let bytes = self.decoder.push(&bytes);
                    self.tell(stream, &bytes);
                }
            }
        }
        received.is_done.then_some(Ended(received.code))
    }

    fn tell(&mut self, stream: Stream, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        match stream {
            Stream::Stdout => self.stdout.push(bytes),
            Stream::Stderr => self.stderr.push(bytes),
        }
        (self.output)(stream, bytes);
    }

    pub(super) fn completed(mut self, ended: Option<Ended>, timed_out: bool) -> Result<Completed, WinrmError> {
        let rest = std::mem::take(&mut self.decoder).finish();
        self.tell(Stream::Stderr, &rest);
        let code = match ended.and_then(|Ended(code)| code) {
            Some(code) => code,
            None if timed_out => 124,
            None => return Err(WinrmError::NoExitCode),
        };
        let (stdout, stderr) = (self.stdout.finish(), self.stderr.finish());
        Ok(Completed { code, fields: Vec::new(), stdout, stderr, timed_out })
    }
}
