//! One long-lived shell of one user on one host: greeted once, then fed steps one after another.
//! Knows nothing of how the channel was opened, nor of what a step is for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::channel::{Channel, Ending, Incoming};
use super::completed::{Completed, Output, Stream};
use super::error::TransportError;
use super::nonce::nonce;
use super::privilege::{Prompt, explain};
use super::running::Running;
use crate::base::secret::Secret;
use crate::shell::frames::{FrameError, FrameParser, Nonces, Piece};
use crate::shell::lane::FUNCTIONS;
use crate::shell::powershell;
use crate::shell::powershell_task::Task;
use crate::shell::step::{begin_text, bodies, body_name, body_text, step_text};
use crate::shell::{Language, Program};

/// After a deadline the host ends the step's processes (TERM, two seconds, KILL); this is how long we wait for it.
pub(super) const GRACE: Duration = Duration::from_secs(5);
/// What a command that never greets may say before it is only counted.
const SAID_LIMIT: usize = 2 << 10;

/// Who should be greeted, and how long and with what they may ask first.
pub(super) struct Greeting<'a> {
    pub(super) host: &'a str,
    pub(super) user: &'a str,
    pub(super) token: &'a str,
    pub(super) prompt: Option<&'a Prompt>,
    pub(super) password: Option<&'a Secret<String>>,
    pub(super) patience: Duration,
}

/// Who said hello.
pub(super) struct Greeted {
    /// The user that the host says it is.
    pub(super) user: String,
    /// What came before, such as the words of a login shell's startup files; bounded.
    pub(super) noise: String,
}

/// Why nobody said hello.
pub(super) enum Ungreeted {
    /// The channel was closed without a word or an exit, as some servers do before they start its command.
    NotStarted(TransportError),
    Refused(TransportError),
}

impl<E: Into<TransportError>> From<E> for Ungreeted {
    fn from(error: E) -> Self {
        Ungreeted::Refused(error.into())
    }
}

/// Waits for the hello on both streams; answers one question for a password.
pub(super) async fn greet(channel: &mut Channel, greeting: &Greeting<'_>) -> Result<Greeted, Ungreeted> {
    let until = Instant::now() + greeting.patience;
    let mut hall = Hall::new(greeting.token);
    loop {
        if let [Some(user), Some(_)] = &hall.greeted {
            let noise = String::from_utf8_lossy(&hall.said.concat()).trim().to_owned();
            return Ok(Greeted { user: user.clone(), noise });
        }
        let incoming = timeout_at(until, channel.receive()).await.map_err(|_| TransportError::HelloTimeout {
            host: greeting.host.to_owned(),
            user: greeting.user.to_owned(),
            seconds: greeting.patience.as_secs(),
        })?;
        match incoming {
            Incoming::Output(stream, bytes) => {
                hall.take(stream, &bytes)
                    .map_err(|error| TransportError::Protocol { host: greeting.host.to_owned(), error })?;
                hall.answer(channel, greeting)?;
            }
            Incoming::Exit(code) => return Err(Ungreeted::Refused(hall.refused(greeting, Some(code)))),
            Incoming::Failed(error) => return Err(Ungreeted::Refused(*error)),
            Incoming::Closed if hall.is_silent() => return Err(Ungreeted::NotStarted(hall.refused(greeting, None))),
            Incoming::Closed => return Err(Ungreeted::Refused(hall.refused(greeting, None))),
        }
    }
}

/// What came before the hello.
struct Hall {
    parsers: [FrameParser; 2],
    greeted: [Option<String>; 2],
    /// Of each stream, within bounds.
    said: [Vec<u8>; 2],
    questions: usize,
}

impl Hall {
    fn new(token: &str) -> Hall {
        Hall {
            parsers: [FrameParser::of_hello(token), FrameParser::of_hello(token)],
            greeted: [None, None],
            said: [Vec::new(), Vec::new()],
            questions: 0,
        }
    }

    /// Whether nothing came yet that would show that the command was started.
    fn is_silent(&self) -> bool {
        self.questions == 0 && self.said.iter().all(Vec::is_empty) && self.greeted.iter().all(Option::is_none)
    }

    fn take(&mut self, stream: Stream, bytes: &[u8]) -> Result<(), FrameError> {
        let ([parser, _], [greeted, _], [said, _]) = match stream {
            Stream::Stdout => {
                (by_reference(&mut self.parsers), by_reference(&mut self.greeted), by_reference(&mut self.said))
            }
            Stream::Stderr => (reversed(&mut self.parsers), reversed(&mut self.greeted), reversed(&mut self.said)),
        };
        parser.feed(bytes, &mut |piece| match piece {
            Piece::Hello { user, .. } => *greeted = Some(user),
            Piece::Raw(raw) => {
                said.extend_from_slice(raw);
                let surplus = said.len().saturating_sub(SAID_LIMIT);
                said.drain(..surplus);
            }
            Piece::Field { .. } | Piece::End { .. } => {}
        })
    }

    /// The password is written once, and only to the exact question.
    fn answer(&mut self, channel: &Channel, greeting: &Greeting<'_>) -> Result<(), TransportError> {
        let Some(prompt) = greeting.prompt.filter(|prompt| !prompt.token.is_empty()) else { return Ok(()) };
        let [_, said] = &mut self.said;
        let token = prompt.token.as_bytes();
        while let Some(at) = said.windows(token.len()).position(|window| window == token) {
            said.drain(..at + token.len());
            self.questions += 1;
            let (host, user, method) = (greeting.host.to_owned(), greeting.user.to_owned(), prompt.method);
            match greeting.password {
                None => return Err(TransportError::PrivilegePasswordNeeded { host, method, user }),
                Some(_) if self.questions > 1 => {
                    return Err(TransportError::PrivilegePasswordWrong { host, method, user });
                }
                Some(password) => {
                    // A closed channel shows as its exit in the next look.
                    channel.send(format!("{}\n", password.expose()).into_bytes());
                }
            }
        }
        Ok(())
    }

    fn refused(&self, greeting: &Greeting<'_>, code: Option<i32>) -> TransportError {
        let [stdout, stderr] = &self.said;
        let said = String::from_utf8_lossy(if stderr.is_empty() { stdout } else { stderr }).trim().to_owned();
        let (host, user) = (greeting.host, greeting.user);
        match greeting.prompt {
            Some(prompt) => explain(host, user, prompt.method, code, &said),
            None => TransportError::NoHello { host: host.to_owned(), user: user.to_owned(), said },
        }
    }
}

fn by_reference<T>(both: &mut [T; 2]) -> [&mut T; 2] {
    both.each_mut()
}

fn reversed<T>(both: &mut [T; 2]) -> [&mut T; 2] {
    let [first, second] = both.each_mut();
    [second, first]
}

/// A greeted shell. Dropping it ends its stdin, and with it every process that it still runs.
#[derive(Debug)]
pub(super) struct Lane {
    host: String,
    user: String,
    language: Language,
    /// Names the private directory of this lane on the host.
    pub(super) token: String,
    /// Content that is there, by hash, with its path.
    pub(super) staged: BTreeMap<String, String>,
    /// Who does the next programs where it is another; on Windows alone, where one lane serves all users.
    pub(super) stands_for: Option<String>,
    channel: Channel,
    bodies: BTreeSet<String>,
    sequence: u64,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Ready,
    /// A program runs, or was given up.
    Busy,
}

impl Lane {
    /// Makes a lane of a greeted channel.
    pub(super) fn start(channel: Channel, greeting: &Greeting<'_>, language: Language) -> Lane {
        if language == Language::Sh {
            // A closed channel shows at the first step.
            channel.send(FUNCTIONS.as_bytes().to_vec());
        }
        channel.listen(false);
        Lane { language, ..Lane::of(channel, greeting) }
    }

    /// A command that is one program, and not greeted.
    pub(super) fn of(channel: Channel, greeting: &Greeting<'_>) -> Lane {
        Lane {
            host: greeting.host.to_owned(),
            user: greeting.user.to_owned(),
            language: Language::Sh,
            token: greeting.token.to_owned(),
            staged: BTreeMap::new(),
            stands_for: None,
            channel,
            bodies: BTreeSet::new(),
            sequence: 0,
            state: State::Ready,
        }
    }

    /// The end of everything that the lane runs.
    pub(super) fn ending(&self) -> Ending {
        self.channel.ending()
    }

    /// Whether another step can be sent.
    pub(super) fn is_usable(&self) -> bool {
        self.state == State::Ready
    }

    /// Whether nothing has been heard of its end.
    pub(super) fn is_open(&self) -> bool {
        self.is_usable() && self.channel.is_open()
    }

    /// Runs one program. Until it comes back whole the lane counts as lost, also for one who stops waiting.
    pub(super) async fn run(
        &mut self,
        program: &Program,
        deadline: Duration,
        output: Output<'_>,
    ) -> Result<Completed, TransportError> {
        let nonces = Nonces { fields: nonce()?, end: nonce()? };
        let text = match self.language {
            Language::Sh => self.text(program, &nonces)?.into_bytes(),
            Language::PowerShell => self.frame(program, &nonces, deadline)?,
        };
        self.state = State::Busy;
        self.channel.listen(true);
        self.channel.may_outlive(program.receipt.is_some());
        self.channel.send(text);
        let mut running = match self.language {
            Language::Sh => Running::new(self.sequence, &nonces),
            // Its hello came after it had read its own text.
            Language::PowerShell => Running::of_powershell(self.sequence, &nonces),
        };
        let timed_out = self.follow(&mut running, Instant::now() + deadline, output).await?;
        self.channel.listen(false);
        self.channel.may_outlive(false);
        if !timed_out {
            self.state = State::Ready;
        }
        Ok(running.finish(timed_out))
    }

    /// Hears the one program out that the channel's command is; with what the login shell said first.
    pub(super) async fn hear(
        &mut self,
        nonces: &Nonces,
        deadline: Duration,
        output: Output<'_>,
    ) -> Result<(Completed, String), TransportError> {
        self.state = State::Busy;
        let mut running = Running::of_command(nonces);
        let timed_out = self.follow(&mut running, Instant::now() + deadline, output).await?;
        let noise = running.noise();
        Ok((running.finish(timed_out), noise))
    }

    fn text(&mut self, program: &Program, nonces: &Nonces) -> Result<String, TransportError> {
        let step = step_text(program, self.sequence + 1, nonces)?;
        let mut text = if self.sequence == 0 { begin_text(nonces) } else { String::new() };
        for body in bodies(program) {
            let name = body_name(&body);
            if !self.bodies.contains(&name) {
                text.push_str(&body_text(&body)?);
                self.bodies.insert(name);
            }
        }
        self.sequence += 1;
        text.push_str(&step);
        Ok(text)
    }

    fn frame(&mut self, program: &Program, nonces: &Nonces, deadline: Duration) -> Result<Vec<u8>, TransportError> {
        let token = nonce()?;
        let task = self.stands_for.as_deref().map(|user| Task { user, token: &token });
        let step = powershell::Step { program, sequence: self.sequence + 1, nonces, deadline, task };
        let frame = step.frame(|body| self.bodies.insert(body.to_owned()))?;
        self.sequence += 1;
        Ok(frame)
    }

    /// Reads until both streams said the end. True when the deadline passed first.
    async fn follow(
        &mut self,
        running: &mut Running,
        mut until: Instant,
        output: Output<'_>,
    ) -> Result<bool, TransportError> {
        let mut timed_out = false;
        // After a deadline the marks are not enough: the shell's exit says that the processes are gone.
        while timed_out || !running.is_over() {
            // A step that prints without pause always has something ready, so the clock is asked first.
            let late = Instant::now() >= until;
            let received = if late { None } else { timeout_at(until, self.channel.receive()).await.ok() };
            match received {
                None if timed_out => return Ok(true),
                None => {
                    timed_out = true;
                    until = Instant::now() + GRACE;
                    self.channel.end_input();
                }
                Some(Incoming::Output(stream, bytes)) => self.take(running, stream, &bytes, output)?,
                Some(Incoming::Exit(_) | Incoming::Failed(_) | Incoming::Closed) if timed_out => return Ok(true),
                Some(Incoming::Exit(_)) if running.has_ended() => return Ok(false),
                Some(Incoming::Exit(code)) if running.is_unread() => return Err(self.unread(code, running.noise())),
                Some(Incoming::Exit(code)) => return Err(self.ended(Some(code))),
                Some(Incoming::Failed(error)) => return Err(*error),
                Some(Incoming::Closed) => return Err(TransportError::Lost { host: self.host.clone() }),
            }
        }
        Ok(timed_out)
    }

    fn take(
        &self,
        running: &mut Running,
        stream: Stream,
        bytes: &[u8],
        output: Output<'_>,
    ) -> Result<(), TransportError> {
        running
            .feed(stream, bytes, output)
            .map_err(|error| TransportError::Protocol { host: self.host.clone(), error })?;
        if running.is_too_much() {
            return Err(TransportError::TooManyFields { host: self.host.clone() });
        }
        Ok(())
    }

    fn unread(&self, code: i32, said: String) -> TransportError {
        TransportError::NothingRead { host: self.host.clone(), user: self.user.clone(), code, said }
    }

    fn ended(&self, code: Option<i32>) -> TransportError {
        TransportError::LaneEnded { host: self.host.clone(), user: self.user.clone(), code }
    }

    /// Ends the shell and waits until it is gone.
    pub(super) async fn close(mut self) {
        self.channel.listen(true);
        self.channel.end_input();
        wait_for_exit(&mut self.channel, GRACE).await;
    }
}

/// The code of a channel that is about to end; `None` when it did not within `patience`.
pub(super) async fn wait_for_exit(channel: &mut Channel, patience: Duration) -> Option<i32> {
    let until = Instant::now() + patience;
    loop {
        match timeout_at(until, channel.receive()).await {
            Ok(Incoming::Exit(code)) => return Some(code),
            Ok(Incoming::Output(..)) => {}
            Ok(Incoming::Closed | Incoming::Failed(_)) | Err(_) => return None,
        }
    }
}
