//! A command in a shell of its own as a channel: what is sent goes to its input, what it says comes back while somebody
//! listens. One request at a time, so what waits to be sent waits for a poll. Knows nothing of what is said.

use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::time::{Instant, sleep, timeout};

use super::error::WinrmError;
use super::reply::Received;
use super::shell::{Shell, failed};
use crate::transport::channel::{FarEnd, Outlet};
use crate::transport::lane::GRACE;

/// So many seconds the host may keep a question for output. What is to be sent meanwhile, as the end of the input is
/// after a deadline, waits for it.
const POLL: u64 = 1;
/// So many bytes are no flood, after which somebody may want to send something.
const LITTLE: usize = 16 << 10;
const MOMENT: Duration = Duration::from_millis(20);
/// A shell that nobody uses is asked this often, so that it does not end, and that its end is noticed.
const HEARTBEAT: Duration = Duration::from_secs(60);
/// A command that does not end with its input is ended after so long; within [`GRACE`], for which a lane waits.
const LEAVING: Duration = Duration::from_secs(2);

/// Goes on until the command is over, or the near end is gone and the command ended for it; or the connection is lost, and the
/// command is left to itself where it may be.
pub(super) async fn carry(mut shell: Shell, far: FarEnd) {
    let FarEnd { mut input, mut output, running } = far;
    let endpoint = shell.endpoint().clone();
    let mut carrier = Carrier { shell: &mut shell, input: Some(&mut input), output: &mut output, left: None };
    let carried = carrier.carry().await;
    // Who ended its input wants its end.
    let is_left_alone = carrier.left.is_none() && output.may_outlive();
    match &carried {
        Ok(_) => shell.delete().await,
        Err(error) if error.is_out_of_sight() && is_left_alone => shell.leave(),
        Err(_) => {
            let ending = shell.ending();
            // On a connection of its own: this one may wait for an answer.
            drop(shell);
            if timeout(GRACE, ending.wait()).await.is_err() {
                tracing::debug!(host = %endpoint.name, "a command that was given up did not end in time");
            }
        }
    }
    drop(input);
    drop(running);
    let told = match carried {
        Ok(code) => output.exit(code).await,
        Err(error) => output.fail(failed(&endpoint, error)).await,
    };
    if !told {
        tracing::trace!(host = %endpoint.name, "nobody asks how a command ended");
    }
}

struct Carrier<'a> {
    shell: &'a mut Shell,
    /// Nothing after its end.
    input: Option<&'a mut UnboundedReceiver<Vec<u8>>>,
    output: &'a mut Outlet,
    /// When the end of the input was sent.
    left: Option<Instant>,
}

impl Carrier<'_> {
    async fn carry(&mut self) -> Result<i32, WinrmError> {
        let mut is_terminated = false;
        loop {
            self.send_what_waits().await?;
            if self.input.is_some() && !self.output.is_wanted() {
                self.rest().await?;
            }
            let received = self.shell.receive(POLL).await?;
            let over = self.tell(received).await;
            match (over, self.left) {
                (Some(Some(code)), _) => {
                    self.shell.release().await;
                    return Ok(code);
                }
                // A command that was ended has no code to tell.
                (Some(None), Some(_)) => return Ok(ENDED),
                (Some(None), None) => return Err(WinrmError::NoExitCode),
                (None, Some(left)) if left.elapsed() > LEAVING && !is_terminated => {
                    is_terminated = true;
                    self.shell.terminate().await?;
                }
                (None, Some(left)) if left.elapsed() > LEAVING + GRACE => {
                    return Err(WinrmError::Silent { seconds: GRACE.as_secs() });
                }
                (None, _) => {}
            }
        }
    }

    async fn send_what_waits(&mut self) -> Result<(), WinrmError> {
        while let Some(input) = &mut self.input {
            match input.try_recv() {
                Ok(bytes) => self.shell.feed(&bytes, false).await?,
                Err(TryRecvError::Empty) => return Ok(()),
                Err(TryRecvError::Disconnected) => self.end_input().await?,
            }
        }
        Ok(())
    }

    async fn end_input(&mut self) -> Result<(), WinrmError> {
        self.input = None;
        self.left = Some(Instant::now());
        self.shell.feed(&[], true).await
    }

    /// Until there is something to send, which is when somebody listens again, or the shell would be forgotten.
    async fn rest(&mut self) -> Result<(), WinrmError> {
        let Some(input) = &mut self.input else { return Ok(()) };
        tokio::select! {
            bytes = input.recv() => match bytes {
                Some(bytes) => self.shell.feed(&bytes, false).await,
                None => self.end_input().await,
            },
            () = sleep(HEARTBEAT) => Ok(()),
        }
    }

    /// Whether it is over, and with which code.
    async fn tell(&mut self, received: Option<Received>) -> Option<Option<i32>> {
        let received = received?;
        let mut said = 0;
        for (stream, bytes) in received.chunks {
            said += bytes.len();
            self.output.output(stream, bytes).await;
        }
        // What little was said may be the end of a step, and then the next one is not to wait for a poll.
        if (1..LITTLE).contains(&said) {
            self.output.settle(MOMENT).await;
        }
        received.is_done.then_some(received.code)
    }
}

/// The code of a command that was ended, as of one that a signal ended elsewhere.
const ENDED: i32 = 137;
