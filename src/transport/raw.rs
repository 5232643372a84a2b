//! One command line for whatever answers at the other end, which may be no POSIX shell: its output as it is, and its code.
//! Knows no marks and no lanes.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::channel::{Channel, Incoming};
use super::completed::{Capture, Completed, Output, Stream};

/// What counts where the far side tells no exit code, as `ssh` has it.
const NO_CODE: i32 = 255;

/// Hears a command out, with its standard input at its end so that no menu waits for an answer. Absent where the
/// channel was closed without an exit, and `is_open` says that its connection is gone too.
pub(super) async fn hear(
    mut channel: Channel,
    deadline: Duration,
    output: Output<'_>,
    is_open: impl Fn() -> bool,
) -> Option<Completed> {
    channel.end_input();
    let until = Instant::now() + deadline;
    let (mut stdout, mut stderr) = (Capture::default(), Capture::default());
    let code = loop {
        // What prints without pause always has something ready, so the clock is asked first.
        let late = Instant::now() >= until;
        match if late { None } else { timeout_at(until, channel.receive()).await.ok() } {
            None => break None,
            Some(Incoming::Output(stream, bytes)) => {
                match stream {
                    Stream::Stdout => stdout.push(&bytes),
                    Stream::Stderr => stderr.push(&bytes),
                }
                output(stream, &bytes);
            }
            Some(Incoming::Exit(code)) => break Some(code),
            Some(Incoming::Closed) if is_open() => break Some(NO_CODE),
            Some(Incoming::Closed | Incoming::Failed(_)) => return None,
        }
    };
    Some(Completed {
        code: code.unwrap_or(124),
        fields: Vec::new(),
        stdout: stdout.finish(),
        stderr: stderr.finish(),
        timed_out: code.is_none(),
    })
}
