//! A session on one host: a lane per user, opened at first use. Knows nothing of what the programs are for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::backlog::Backlog;
use super::channel::Ending;
use super::completed::{Completed, Output};
use super::endpoint::{Credentials, Endpoint, LaneKind, WhyExec, Wire};
use super::error::TransportError;
use super::lane::{GRACE, Lane, wait_for_exit};
use super::nonce::nonce;
use super::privilege::{Prompt, explain};
use super::raw;
use super::ssh::Ssh;
use super::upload;
use super::winrm::{Line, Winrm};
use crate::shell::frames::Nonces;
use crate::shell::lane::Work;
use crate::shell::step::whole_text;
use crate::shell::{Language, Program};

/// The longest that sending one file may take.
const STAGE_LIMIT: Duration = Duration::from_secs(30 * 60);

/// One host. Programs run one after another; dropping the session ends everything it started. Sessions beside this one
/// share its connection, not its lanes.
#[derive(Debug)]
pub struct Session {
    pub(super) endpoint: Endpoint,
    pub(super) credentials: Credentials,
    pub(super) connection: Arc<Connection>,
    /// What the endpoint says, or what was found out.
    kind: LaneKind,
    /// Why it was found out to be a command each; taken by whoever tells it.
    why: Option<WhyExec>,
    /// Who the lane without a wish for a user belongs to.
    pub(super) login: String,
    /// What the first lane's login shell said before it was of use.
    noise: String,
    lanes: BTreeMap<String, Lane>,
    /// Instead of lanes; never shared, because only one line runs in it.
    pub(super) winrm: Option<Winrm>,
    /// Of the lane that is at work, and of those that were given up; what follows waits for them.
    leaving: Vec<Ending>,
    pub(super) backlog: Option<Arc<Backlog>>,
}

#[derive(Debug)]
pub(super) enum Connection {
    Local,
    Ssh(Ssh),
    /// Each session has its own.
    Winrm,
}

impl Session {
    /// Connects, proves both sides, and opens the login user's lane where there can be one.
    pub async fn connect(endpoint: &Endpoint, credentials: &Credentials) -> Result<Session, TransportError> {
        Session::connect_heeding(endpoint, credentials, None).await
    }

    /// The same; what programs print waits while too much of it was not told.
    pub async fn connect_heeding(
        endpoint: &Endpoint,
        credentials: &Credentials,
        backlog: Option<Arc<Backlog>>,
    ) -> Result<Session, TransportError> {
        endpoint.expect_open()?;
        let connection = match endpoint.transport {
            Wire::Local => Connection::Local,
            Wire::Ssh => Connection::Ssh(Ssh::connect(endpoint, credentials).await?),
            Wire::Winrm => Connection::Winrm,
        };
        Session::over(Arc::new(connection), endpoint, credentials, &endpoint.user, backlog).await
    }

    /// Another session over the same connection, for programs at the same time.
    pub async fn beside(&self) -> Result<Session, TransportError> {
        let endpoint = Endpoint { lane: self.kind, ..self.endpoint.clone() };
        let (connection, backlog) = (Arc::clone(&self.connection), self.backlog.clone());
        Session::over(connection, &endpoint, &self.credentials, &self.login, backlog).await
    }

    async fn over(
        connection: Arc<Connection>,
        endpoint: &Endpoint,
        credentials: &Credentials,
        login: &str,
        backlog: Option<Arc<Backlog>>,
    ) -> Result<Session, TransportError> {
        let mut session = Session {
            endpoint: endpoint.clone(),
            credentials: credentials.clone(),
            connection,
            kind: match (endpoint.language(), endpoint.lane) {
                // There are no other ways for PowerShell.
                (Language::PowerShell, LaneKind::Auto | LaneKind::Exec) => LaneKind::Persistent,
                (_, lane) => lane,
            },
            why: None,
            login: login.to_owned(),
            noise: String::new(),
            lanes: BTreeMap::new(),
            winrm: None,
            leaving: Vec::new(),
            backlog,
        };
        match endpoint.transport {
            Wire::Winrm => session.winrm = Some(Winrm::connect(endpoint, credentials).await?),
            Wire::Local | Wire::Ssh => session.enter().await?,
        }
        Ok(session)
    }

    /// How programs get there, as far as is known by now.
    pub fn lane(&self) -> LaneKind {
        self.kind
    }

    /// Why each program is a command of its own, where nobody said so; told once.
    pub fn take_why(&mut self) -> Option<WhyExec> {
        self.why.take()
    }

    async fn enter(&mut self) -> Result<(), TransportError> {
        match self.kind {
            LaneKind::Raw => Ok(()),
            LaneKind::Exec => self.enter_by_command(self.patience()).await,
            LaneKind::Auto | LaneKind::Persistent => match self.open_lane(None).await {
                Ok((lane, greeted)) => {
                    // What Windows calls a user is not what logs in.
                    if self.endpoint.language() == Language::Sh {
                        self.login = greeted.user;
                    }
                    self.noise = greeted.noise;
                    self.lanes.insert(self.login.clone(), lane);
                    Ok(())
                }
                Err(error) => self.try_commands(WhyExec::HeldBack, error).await,
            },
        }
    }

    /// After `error`, where it may be for want of a persistent lane; only what answers as a command does is believed.
    async fn try_commands(&mut self, why: WhyExec, error: TransportError) -> Result<(), TransportError> {
        let may_be = match (&error, why) {
            (TransportError::HelloTimeout { .. }, WhyExec::HeldBack) => true,
            (TransportError::NothingRead { code, .. }, WhyExec::NoInput) => *code == 0,
            _ => false,
        };
        if self.kind != LaneKind::Auto || !may_be || self.enter_by_command(self.patience() / 2).await.is_err() {
            return Err(error);
        }
        tracing::debug!(host = %self.endpoint.name, why = why.text(), "each program is a command of its own");
        (self.kind, self.why) = (LaneKind::Exec, Some(why));
        Ok(())
    }

    async fn enter_by_command(&mut self, patience: Duration) -> Result<(), TransportError> {
        let who = Program::new("out user \"$(id -un)\"");
        let (done, noise) = self.command(None, &who, patience, &mut |_, _| {}).await?;
        let Some(user) = done.text("user") else {
            let (host, user) = (self.endpoint.name.clone(), self.login.clone());
            return Err(TransportError::HelloTimeout { host, user, seconds: patience.as_secs() });
        };
        (self.login, self.noise) = (user, noise);
        Ok(())
    }

    /// What the login shell said before it was of use; nothing, where its startup files are quiet.
    pub fn noise(&self) -> &str {
        &self.noise
    }

    /// Who the host says the login user is.
    pub fn login_user(&self) -> &str {
        &self.login
    }

    /// Runs `program` as `user` (the login user without one). A future that is dropped, or a deadline that passes, ends
    /// the program's processes on the host.
    pub async fn run(
        &mut self,
        user: Option<&str>,
        program: &Program,
        deadline: Duration,
        output: Output<'_>,
    ) -> Result<Completed, TransportError> {
        if let Some(line) = &program.line {
            return self.run_line(user, line, (program, deadline), output).await;
        }
        self.expect_language(program.language)?;
        let (user, other) = self.lane_for(user);
        if let (Some(other), Some(what)) = (other, program.unspeakable()) {
            return Err(TransportError::NotForOthers {
                host: self.endpoint.name.clone(),
                user: other.to_owned(),
                what,
            });
        }
        match self.kind {
            LaneKind::Raw => return Err(TransportError::NoPosixShell { host: self.endpoint.name.clone() }),
            LaneKind::Exec => return self.command(user, program, deadline, output).await.map(|(done, _)| done),
            LaneKind::Auto | LaneKind::Persistent => {}
        }
        // The lane is ours while the program runs: dropping this future drops it, and that ends its processes.
        let begun = Instant::now();
        let mut lane = self.take_lane(user).await?;
        lane.stands_for = other.map(str::to_owned);
        let completed = lane.run(program, deadline.saturating_sub(begun.elapsed()), &mut *output).await;
        self.keep(user, lane);
        match completed {
            // Nothing of it was begun.
            Err(error @ TransportError::NothingRead { .. }) => {
                self.try_commands(WhyExec::NoInput, error).await?;
                self.command(user, program, deadline, output).await.map(|(done, _)| done)
            }
            completed => completed,
        }
    }

    /// Runs one raw command line, as text for the host's shell.
    pub async fn exec(
        &mut self,
        user: Option<&str>,
        command: &str,
        deadline: Duration,
        output: Output<'_>,
    ) -> Result<Completed, TransportError> {
        self.run(user, &Program::new(command), deadline, output).await
    }

    /// Puts `content` where `user` alone can read it and gives the path. The same content is sent once per lane; it is
    /// removed when the lane ends. `sha256` is of the content, in lower case hexadecimal.
    pub async fn stage(&mut self, user: Option<&str>, content: &[u8], sha256: &str) -> Result<String, TransportError> {
        let no_input = || TransportError::NoInput { host: self.endpoint.name.clone(), what: "a file" };
        match self.kind {
            LaneKind::Raw => return Err(TransportError::NoPosixShell { host: self.endpoint.name.clone() }),
            LaneKind::Exec => return Err(no_input()),
            LaneKind::Auto | LaneKind::Persistent => {}
        }
        let (user, other) = self.lane_for(user);
        if let Some(other) = other {
            let (host, user) = (self.endpoint.name.clone(), other.to_owned());
            return Err(TransportError::NotForOthers { host, user, what: "a file" });
        }
        let mut lane = self.take_lane(user).await?;
        let path = self.stage_in(&mut lane, user, content, sha256).await;
        self.keep(user, lane);
        if let Err(TransportError::NothingRead { .. }) = path {
            return Err(TransportError::NoInput { host: self.endpoint.name.clone(), what: "a file" });
        }
        path
    }

    /// Whether the connection has not ended, as far as is known; a machine that vanished is noticed only when it is used.
    pub fn is_open(&self) -> bool {
        match &*self.connection {
            Connection::Local => true,
            Connection::Ssh(ssh) => ssh.is_open(),
            Connection::Winrm => {
                self.winrm.as_ref().is_some_and(Winrm::is_open) || self.lanes.values().any(Lane::is_open)
            }
        }
    }

    /// What the host reads.
    pub fn language(&self) -> Language {
        self.endpoint.language()
    }

    fn expect_language(&self, program: Language) -> Result<(), TransportError> {
        if program == self.endpoint.language() {
            return Ok(());
        }
        Err(TransportError::OtherLanguage { host: self.endpoint.name.clone(), program })
    }

    /// Ends all lanes, and with the last session the connection, and waits for it.
    pub async fn close(mut self) {
        if let Err(error) = self.wait_for_the_leaving().await {
            tracing::debug!(%error, "a program that was given up is left to its host");
        }
        for (_, lane) in self.lanes {
            lane.close().await;
        }
        if let Some(winrm) = self.winrm {
            winrm.close().await;
        }
        if let Some(Connection::Ssh(ssh)) = Arc::into_inner(self.connection) {
            ssh.close().await;
        }
    }

    /// One command line, as the login user alone: who would become another needs a shell for it. Behind WinRM it is for
    /// cmd.exe, and there is nothing else.
    async fn run_line(
        &mut self,
        user: Option<&str>,
        line: &str,
        (program, deadline): (&Program, Duration),
        output: Output<'_>,
    ) -> Result<Completed, TransportError> {
        let host = self.endpoint.name.clone();
        self.expect_login(user)?;
        if let Some(winrm) = &mut self.winrm {
            let stdin = program.stdin.as_ref().map_or(&b""[..], |stdin| stdin.expose().as_bytes());
            return winrm.run(&Line { line, stdin, deadline }, output).await;
        }
        let channel = self.channel(line).await?;
        let heard = raw::hear(channel, deadline, output, || self.is_open()).await;
        heard.ok_or(TransportError::Lost { host })
    }

    /// A program as a command of its own, with what the login shell said before.
    async fn command(
        &mut self,
        user: Option<&str>,
        program: &Program,
        deadline: Duration,
        output: Output<'_>,
    ) -> Result<(Completed, String), TransportError> {
        if let Some(what) = program.unspeakable() {
            return Err(TransportError::NoInput { host: self.endpoint.name.clone(), what });
        }
        self.wait_for_the_leaving().await?;
        let (token, nonces) = (nonce()?, Nonces { fields: nonce()?, end: nonce()? });
        let text = whole_text(program, &nonces)?;
        let work = Work::Text { text: &text, seconds: deadline.as_secs() + 1 };
        let (mut channel, prompt) = self.start(user, &token, &work).await?;
        // A menu ends where nobody answers it.
        channel.end_input();
        let mut lane = Lane::of(channel, &self.greeting(user, &token));
        self.leaving.push(lane.ending());
        let heard = lane.hear(&nonces, deadline, output).await;
        // It said its end; nobody waits for its tidying up.
        if matches!(&heard, Ok((done, _)) if !done.timed_out) {
            self.leaving.pop();
        }
        heard.map_err(|error| self.unheard(error, user, prompt.as_ref()))
    }

    fn unheard(&self, error: TransportError, user: Option<&str>, prompt: Option<&Prompt>) -> TransportError {
        let TransportError::NothingRead { host, user: login, code, said } = error else { return error };
        let Some(prompt) = prompt else { return TransportError::NoHello { host, user: login, said } };
        match explain(&host, user.unwrap_or(&self.login), prompt.method, Some(code), &said) {
            TransportError::PrivilegePasswordNeeded { host, method, user }
            | TransportError::PrivilegePasswordWrong { host, method, user } => {
                TransportError::PrivilegeNoInput { host, method, user }
            }
            error => error,
        }
    }

    /// Whose lane it is, and for whom else it does the work: on Windows no lane is of another user than who logged in, and
    /// capitals tell no users apart.
    fn lane_for<'u>(&self, user: Option<&'u str>) -> (Option<&'u str>, Option<&'u str>) {
        match self.endpoint.language() {
            Language::Sh => (user, None),
            Language::PowerShell => (None, user.filter(|user| user.to_lowercase() != self.login.to_lowercase())),
        }
    }

    fn expect_login(&self, user: Option<&str>) -> Result<(), TransportError> {
        let Some(user) = user.filter(|user| *user != self.login) else { return Ok(()) };
        Err(TransportError::PrivilegeNone { host: self.endpoint.name.clone(), user: user.to_owned() })
    }

    async fn stage_in(
        &mut self,
        lane: &mut Lane,
        user: Option<&str>,
        content: &[u8],
        sha256: &str,
    ) -> Result<String, TransportError> {
        if let Some(path) = lane.staged.get(sha256) {
            return Ok(path.clone());
        }
        let name = self.endpoint.name.clone();
        let host = || name.clone();
        if sha256.len() != 64 || !sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(TransportError::StageMismatch {
                host: host(),
                expected: sha256.to_owned(),
                found: String::new(),
            });
        }
        if self.endpoint.language() == Language::PowerShell {
            return upload::stage(lane, &name, content, sha256).await;
        }
        let (mut channel, _) = self.open(user, &lane.token, &Work::Receive { file: sha256 }).await?;
        channel.send(content.to_vec());
        channel.end_input();
        match wait_for_exit(&mut channel, STAGE_LIMIT).await {
            Some(0) => {}
            Some(code) => return Err(TransportError::StageRefused { host: host(), code }),
            None => return Err(TransportError::Lost { host: host() }),
        }
        let path = format!("/tmp/opsc-{}/{sha256}", lane.token);
        upload::verify(lane, &name, path, sha256).await
    }

    async fn take_lane(&mut self, user: Option<&str>) -> Result<Lane, TransportError> {
        self.wait_for_the_leaving().await?;
        let name = user.unwrap_or(&self.login);
        let lane = match self.lanes.remove(name) {
            // Where nothing is sent there is nothing that could be done twice.
            Some(lane) if lane.is_open() || self.endpoint.language() == Language::Sh => lane,
            _ => self.open_lane(user).await?.0,
        };
        self.leaving.push(lane.ending());
        Ok(lane)
    }

    /// A program that was given up is still being ended by the host; nothing else runs beside it, least of all what
    /// undoes it.
    async fn wait_for_the_leaving(&mut self) -> Result<(), TransportError> {
        let until = Instant::now() + GRACE;
        while let Some(ending) = self.leaving.last() {
            let ended = timeout_at(until, ending.clone().wait()).await;
            ended.map_err(|_| TransportError::StillRuns { host: self.endpoint.name.clone() })?;
            self.leaving.pop();
        }
        Ok(())
    }

    /// A lane that lost its shell is dropped; the next use opens another.
    fn keep(&mut self, user: Option<&str>, lane: Lane) {
        if lane.is_usable() {
            self.leaving.pop();
            self.lanes.insert(user.unwrap_or(&self.login).to_owned(), lane);
        }
    }
}
