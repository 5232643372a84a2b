//! A session on one host: a lane per user, opened at first use. Knows nothing of what the programs are for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::channel::{Channel, Ending, spawn_local};
use super::completed::{Completed, Output};
use super::endpoint::{Credentials, Endpoint, Wire};
use super::error::TransportError;
use super::lane::{GRACE, Greeted, Greeting, Lane, Ungreeted, greet, wait_for_exit};
use super::nonce::nonce;
use super::privilege::{Elevated, elevate};
use super::ssh::Ssh;
use crate::shell::Program;
use crate::shell::lane::{Work, command_line, start_words};

/// The longest that sending one file may take.
const STAGE_LIMIT: Duration = Duration::from_secs(30 * 60);
const HASH_LIMIT: Duration = Duration::from_secs(5 * 60);
/// How often a command that was never started is sent again.
const NOT_STARTED_RETRIES: u32 = 4;

/// Prints the hash of `$path` with whatever the host has.
const HASH: &str = r#"if command -v sha256sum; then set -- sha256sum
elif command -v openssl; then set -- openssl dgst -sha256 -r
elif command -v shasum; then set -- shasum -a 256
elif command -v sha256; then set -- sha256 -q
elif command -v busybox; then set -- busybox sha256sum
else exit 3; fi >/dev/null 2>&1
sum=$("$@" <"$path") || exit 4
out sha256 "${sum%% *}"
"#;

/// One host. Programs run one after another; dropping the session ends everything it started. Sessions beside this one
/// share its connection, not its lanes.
#[derive(Debug)]
pub struct Session {
    endpoint: Endpoint,
    credentials: Credentials,
    connection: Arc<Connection>,
    /// Who the lane without a wish for a user belongs to.
    login: String,
    /// What the first lane's login shell said before it was of use.
    noise: String,
    lanes: BTreeMap<String, Lane>,
    /// Of the lane that is at work, and of those that were given up; what follows waits for them.
    leaving: Vec<Ending>,
}

#[derive(Debug)]
enum Connection {
    Local,
    Ssh(Ssh),
}

impl Session {
    /// Connects, proves both sides, and opens the login user's lane.
    pub async fn connect(endpoint: &Endpoint, credentials: &Credentials) -> Result<Session, TransportError> {
        endpoint.expect_open()?;
        let connection = match endpoint.transport {
            Wire::Local => Connection::Local,
            Wire::Ssh => Connection::Ssh(Ssh::connect(endpoint, credentials).await?),
        };
        let mut session = Session {
            endpoint: endpoint.clone(),
            credentials: credentials.clone(),
            connection: Arc::new(connection),
            login: endpoint.user.clone(),
            noise: String::new(),
            lanes: BTreeMap::new(),
            leaving: Vec::new(),
        };
        let (lane, greeted) = session.open_lane(None).await?;
        session.lanes.insert(greeted.user.clone(), lane);
        (session.login, session.noise) = (greeted.user, greeted.noise);
        Ok(session)
    }

    /// Another session over the same connection, for programs at the same time.
    pub async fn beside(&self) -> Result<Session, TransportError> {
        let mut session = Session {
            endpoint: self.endpoint.clone(),
            credentials: self.credentials.clone(),
            connection: Arc::clone(&self.connection),
            login: self.login.clone(),
            noise: String::new(),
            lanes: BTreeMap::new(),
            leaving: Vec::new(),
        };
        let (lane, greeted) = session.open_lane(None).await?;
        session.lanes.insert(greeted.user, lane);
        Ok(session)
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
        // The lane is ours while the program runs: dropping this future drops it, and that ends its processes.
        let mut lane = self.take_lane(user).await?;
        let completed = lane.run(program, deadline, output).await;
        self.keep(user, lane);
        completed
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
        let mut lane = self.take_lane(user).await?;
        let path = self.stage_in(&mut lane, user, content, sha256).await;
        self.keep(user, lane);
        path
    }

    /// Whether the connection has not ended, as far as is known; a machine that vanished is noticed only when it is used.
    pub fn is_open(&self) -> bool {
        match &*self.connection {
            Connection::Local => true,
            Connection::Ssh(ssh) => ssh.is_open(),
        }
    }

    /// Ends all lanes, and with the last session the connection, and waits for it.
    pub async fn close(mut self) {
        self.wait_for_the_leaving().await;
        for (_, lane) in self.lanes {
            lane.close().await;
        }
        if let Some(Connection::Ssh(ssh)) = Arc::into_inner(self.connection) {
            ssh.close().await;
        }
    }

    async fn stage_in(
        &self,
        lane: &mut Lane,
        user: Option<&str>,
        content: &[u8],
        sha256: &str,
    ) -> Result<String, TransportError> {
        if let Some(path) = lane.staged.get(sha256) {
            return Ok(path.clone());
        }
        let host = || self.endpoint.name.clone();
        if sha256.len() != 64 || !sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(TransportError::StageMismatch {
                host: host(),
                expected: sha256.to_owned(),
                found: String::new(),
            });
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
        let hashed = lane.run(&Program::new(HASH).with("path", &path), HASH_LIMIT, &mut |_, _| {}).await?;
        match hashed.fields.iter().find(|(key, _)| key == "sha256") {
            None => Err(TransportError::NoHashTool { host: host() }),
            Some((_, found)) if found == sha256.as_bytes() => {
                lane.staged.insert(sha256.to_owned(), path.clone());
                Ok(path)
            }
            Some((_, found)) => Err(TransportError::StageMismatch {
                host: host(),
                expected: sha256.to_owned(),
                found: String::from_utf8_lossy(found).into_owned(),
            }),
        }
    }

    async fn take_lane(&mut self, user: Option<&str>) -> Result<Lane, TransportError> {
        self.wait_for_the_leaving().await;
        let name = user.unwrap_or(&self.login);
        let lane = match self.lanes.remove(name) {
            Some(lane) => lane,
            None => self.open_lane(user).await?.0,
        };
        self.leaving.push(lane.ending());
        Ok(lane)
    }

    /// A program that was given up is still being ended by the host; nothing else runs beside it, least of all what
    /// undoes it.
    async fn wait_for_the_leaving(&mut self) {
        let leaving = std::mem::take(&mut self.leaving);
        let ended = async {
            for ending in leaving {
                ending.wait().await;
            }
        };
        if tokio::time::timeout(GRACE, ended).await.is_err() {
            tracing::debug!(host = %self.endpoint.name, "a program that was given up did not end in time");
        }
    }

    /// A lane that lost its shell is dropped; the next use opens another.
    fn keep(&mut self, user: Option<&str>, lane: Lane) {
        if lane.is_usable() || lane.is_over() {
            self.leaving.pop();
        }
        if lane.is_usable() {
            self.lanes.insert(user.unwrap_or(&self.login).to_owned(), lane);
        }
    }

    async fn open_lane(&self, user: Option<&str>) -> Result<(Lane, Greeted), TransportError> {
        let token = nonce()?;
        let (channel, greeted) = self.open(user, &token, &Work::Steps).await?;
        let greeting = self.greeting(user, &token);
        Ok((Lane::start(channel, &greeting), greeted))
    }

    /// A greeted channel of `user`. dropbear 2022.82 to 2024.85 close a channel before they start its command when
    /// another command of the connection ends just then; nothing ran in it, so it is opened again.
    async fn open(
        &self,
        user: Option<&str>,
        token: &str,
        work: &Work<'_>,
    ) -> Result<(Channel, Greeted), TransportError> {
        let mut tries = 0;
        loop {
            match self.try_open(user, token, work).await {
                Ok(opened) => return Ok(opened),
                Err(Ungreeted::NotStarted(error)) if tries < NOT_STARTED_RETRIES => {
                    tracing::debug!(%error, "a channel was closed before its command, opening another");
                }
                Err(Ungreeted::NotStarted(error) | Ungreeted::Refused(error)) => return Err(error),
            }
            tries += 1;
        }
    }

    async fn try_open(
        &self,
        user: Option<&str>,
        token: &str,
        work: &Work<'_>,
    ) -> Result<(Channel, Greeted), Ungreeted> {
        let words = start_words(&self.endpoint.shell, token, work);
        let other = user.filter(|user| *user != self.login);
        let command = match other {
            None => Elevated { words, prompt: None },
            Some(user) => elevate(self.endpoint.admin, user, &words, &nonce()?)?.ok_or_else(|| {
                TransportError::PrivilegeNone { host: self.endpoint.name.clone(), user: user.to_owned() }
            })?,
        };
        let mut channel = match &*self.connection {
            Connection::Local => spawn_local(&local_words(&command.words)?, &self.endpoint.unset)?,
            Connection::Ssh(ssh) => ssh.open(&format!("exec {}", command_line(&command.words)?)).await?,
        };
        let greeting = Greeting { prompt: command.prompt.as_ref(), ..self.greeting(user, token) };
        let greeted = greet(&mut channel, &greeting).await?;
        Ok((channel, greeted))
    }

    fn greeting<'a>(&'a self, user: Option<&'a str>, token: &'a str) -> Greeting<'a> {
        Greeting {
            host: &self.endpoint.name,
            user: user.unwrap_or(&self.login),
            token,
            prompt: None,
            password: self.credentials.admin_password.as_ref(),
            patience: self.endpoint.connect_timeout.max(Duration::from_secs(10)),
        }
    }
}

/// A local lane starts like one of a login shell, so that a missing sudo is the same code 127 everywhere.
fn local_words(words: &[String]) -> Result<Vec<String>, TransportError> {
    Ok(vec!["/bin/sh".to_owned(), "-c".to_owned(), format!("exec {}", command_line(words)?)])
}
