//! A two-way pipe to a process somewhere: bytes in, bytes of both streams out, an exit. One task reads always, so that
//! a slow consumer never stalls a connection; bytes that nobody waits for are dropped, never collected.
//! Knows nothing of marks or of SSH.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::backlog::Backlog;
use super::completed::Stream;
use super::error::TransportError;

/// How many chunks of output may wait for the consumer.
const QUEUE: usize = 16;
const CHUNK: usize = 32 << 10;
/// A process that says so little is heard also while others have said too much: its end must not look late.
const HEARD_ALWAYS: usize = 16 << 10;

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Incoming {
    Output(Stream, Vec<u8>),
    /// 128 + n for a signal.
    Exit(i32),
    /// Nothing can come any more, and it is known why.
    Failed(Box<TransportError>),
    /// Nothing comes any more.
    Closed,
}

/// The near end. Dropping it is the end of the far side's stdin; what still comes is read and dropped.
#[derive(Debug)]
pub(super) struct Channel {
    /// Unbounded, because one step's text is at most on its way.
    input: Option<mpsc::UnboundedSender<Vec<u8>>>,
    incoming: mpsc::Receiver<Incoming>,
    attached: watch::Sender<bool>,
    /// Whether the process may go on where the connection to it is lost.
    may_outlive: Arc<AtomicBool>,
    running: Ending,
    backlog: Option<Arc<Backlog>>,
    /// How many bytes came since there was room for them.
    beyond: usize,
}

/// The far end, for the tasks that move the bytes.
pub(super) struct FarEnd {
    pub(super) input: mpsc::UnboundedReceiver<Vec<u8>>,
    pub(super) output: Outlet,
    pub(super) running: Running,
}

/// Dropped once the process has ended, or nothing can be learnt of it any more.
pub(super) struct Running {
    _sender: watch::Sender<()>,
}

/// The end of a channel's process, for those who outlive the channel.
#[derive(Clone, Debug)]
pub(super) struct Ending(watch::Receiver<()>);

impl Ending {
    pub(super) async fn wait(mut self) {
        // Nothing is ever sent: an error says that the sender is gone.
        while self.0.changed().await.is_ok() {}
    }
}

/// Where the reading tasks put what came.
#[derive(Clone)]
pub(super) struct Outlet {
    queue: mpsc::Sender<Incoming>,
    attached: watch::Receiver<bool>,
    may_outlive: Arc<AtomicBool>,
}

pub(super) fn running() -> (Running, Ending) {
    let (sender, running) = watch::channel(());
    (Running { _sender: sender }, Ending(running))
}

pub(super) fn channel() -> (Channel, FarEnd) {
    let (input, far_input) = mpsc::unbounded_channel();
    let (queue, incoming) = mpsc::channel(QUEUE);
    let (attached, far_attached) = watch::channel(true);
    let (far_running, running) = running();
    let may_outlive = Arc::new(AtomicBool::new(false));
    let may_outlive_near = Arc::clone(&may_outlive);
    let near = Channel {
        input: Some(input),
        incoming,
        attached,
        may_outlive: may_outlive_near,
        running,
        backlog: None,
        beyond: 0,
    };
    let output = Outlet { queue, attached: far_attached, may_outlive };
    (near, FarEnd { input: far_input, output, running: far_running })
}

impl Channel {
    /// Sends bytes to the far side's stdin. False when nobody reads them any more.
    pub(super) fn send(&self, bytes: Vec<u8>) -> bool {
        self.input.as_ref().is_some_and(|input| input.send(bytes).is_ok())
    }

    /// The end of the far side's stdin.
    pub(super) fn end_input(&mut self) {
        self.input = None;
    }

    /// While nobody listens, output is dropped instead of holding up the connection.
    pub(super) fn listen(&self, listens: bool) {
        self.attached.send_replace(listens);
    }

    /// Whether what runs is left alone where the connection is lost, because its host keeps how it ended.
    pub(super) fn may_outlive(&self, may: bool) {
        self.may_outlive.store(may, Ordering::Relaxed);
    }

    /// Whether somebody still takes what is sent.
    pub(super) fn is_open(&self) -> bool {
        self.input.as_ref().is_some_and(|input| !input.is_closed())
    }

    pub(super) fn ending(&self) -> Ending {
        self.running.clone()
    }

    /// From now on output waits until there is room for it.
    pub(super) fn heed(&mut self, backlog: Option<Arc<Backlog>>) {
        self.backlog = backlog;
    }

    pub(super) async fn receive(&mut self) -> Incoming {
        if let Some(backlog) = &self.backlog {
            if self.beyond > HEARD_ALWAYS {
                backlog.room().await;
            }
            if !backlog.is_full() {
                self.beyond = 0;
            }
        }
        let incoming = self.incoming.recv().await.unwrap_or(Incoming::Closed);
        if let Incoming::Output(_, bytes) = &incoming {
            self.beyond += bytes.len();
        }
        incoming
    }
}

impl Outlet {
    pub(super) async fn output(&mut self, stream: Stream, bytes: Vec<u8>) {
        let unheard = async {
            // An error means that the near end is gone, and then nobody listens either.
            self.attached.wait_for(|attached| !attached).await.is_ok()
        };
        tokio::select! {
            biased;
            _ = self.queue.send(Incoming::Output(stream, bytes)) => {}
            _ = unheard => {}
        }
    }

    /// Whether somebody listens.
    pub(super) fn is_wanted(&self) -> bool {
        *self.attached.borrow()
    }

    /// Gives whoever listens a moment to have heard enough.
    pub(super) async fn settle(&mut self, moment: Duration) {
        if timeout(moment, self.attached.wait_for(|attached| !attached)).await.is_err() {
            tracing::trace!("whoever listens wants more");
        }
    }

    /// Whether what runs is left alone where the connection to it is lost.
    pub(super) fn may_outlive(&self) -> bool {
        self.may_outlive.load(Ordering::Relaxed)
    }

    pub(super) async fn fail(&mut self, error: TransportError) -> bool {
        self.queue.send(Incoming::Failed(Box::new(error))).await.is_ok()
    }

    /// Exits are never dropped: the queue keeps a place for them once the consumer is back or gone.
    pub(super) async fn exit(&mut self, code: i32) -> bool {
        self.queue.send(Incoming::Exit(code)).await.is_ok()
    }
}

/// Starts a process of this machine behind a channel.
pub(super) fn spawn_local(words: &[String], unset: &[String]) -> Result<Channel, TransportError> {
    let (program, arguments) = words.split_first().map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
    let mut command = Command::new(program);
    for name in unset {
        command.env_remove(name);
    }
    let mut child = command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Ctrl-C in a terminal is for opsc, which then decides what happens to its steps.
        .process_group(0)
        .spawn()
        .map_err(|error| TransportError::Spawn { shell: program.to_owned(), reason: error.to_string() })?;
    let (near, FarEnd { mut input, output, running }) = channel();
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    tokio::spawn(async move {
        let Some(mut stdin) = stdin else { return };
        while let Some(bytes) = input.recv().await {
            // A process that closed its stdin ends soon, and its exit says so.
            if stdin.write_all(&bytes).await.is_err() || stdin.flush().await.is_err() {
                return;
            }
        }
    });
    let readers = [
        stdout.map(|pipe| tokio::spawn(read_pipe(pipe, Stream::Stdout, output.clone()))),
        stderr.map(|pipe| tokio::spawn(read_pipe(pipe, Stream::Stderr, output.clone()))),
    ];
    tokio::spawn(wait_for_exit(child, readers, output, running));
    Ok(near)
}

type Reader = Option<tokio::task::JoinHandle<()>>;

async fn wait_for_exit(mut child: tokio::process::Child, readers: [Reader; 2], mut output: Outlet, running: Running) {
    use std::os::unix::process::ExitStatusExt;
    let status = child.wait().await;
    drop(running);
    // What the process wrote comes before its exit. A background child may hold the pipes open for ever, so this
    // waits only a moment.
    let drained = async {
        for reader in readers.into_iter().flatten() {
            if reader.await.is_err() {
                return;
            }
        }
    };
    if timeout(Duration::from_millis(500), drained).await.is_err() {
        tracing::debug!("a background process keeps the output of a finished lane open");
    }
    let code = status.ok().and_then(|status| status.code().or_else(|| status.signal().map(|signal| 128 + signal)));
    output.exit(code.unwrap_or(255)).await;
}

async fn read_pipe(mut pipe: impl AsyncRead + Unpin, stream: Stream, mut output: Outlet) {
    let mut buffer = vec![0_u8; CHUNK];
    loop {
        match pipe.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(length) => output.output(stream, buffer.get(..length).unwrap_or_default().to_vec()).await,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use super::*;
    use crate::transport::backlog::MOST;

    #[tokio::test(start_paused = true)]
    async fn who_says_little_is_heard_while_others_have_said_too_much() {
        let backlog = Arc::new(Backlog::default());
        backlog.add(MOST);
        let (mut near, mut far) = channel();
        near.heed(Some(Arc::clone(&backlog)));
        far.output.output(Stream::Stdout, vec![b'x'; HEARD_ALWAYS]).await;
        far.output.output(Stream::Stdout, vec![b'x']).await;
        far.output.exit(3).await;
        let moment = Duration::from_secs(1);
        for _ in 0..2 {
            timeout(moment, near.receive()).await.unwrap();
        }
        timeout(moment, near.receive()).await.unwrap_err();
        backlog.take(1);
        assert_eq!(timeout(moment, near.receive()).await, Ok(Incoming::Exit(3)));
    }
}
