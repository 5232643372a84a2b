//! How a session gets its lanes and channels: as whom, by which words, over which connection. Knows nothing of the
//! programs that run in them.

use std::time::Duration;

use super::channel::{Channel, spawn_local};
use super::error::TransportError;
use super::lane::{Greeted, Greeting, Lane, Ungreeted, greet};
use super::nonce::nonce;
use super::privilege::{Elevated, Prompt, elevate};
use super::session::{Connection, Session};
use crate::shell::lane::{Work, command_line, start_words};
use crate::shell::{Language, powershell};

/// How often a command that was never started is sent again.
const NOT_STARTED_RETRIES: u32 = 4;
/// An argument has 128 KiB at most, and here and there a wrapper gives it another name.
const MOST_COMMAND: usize = 120 << 10;

impl Session {
    pub(super) async fn open_lane(&mut self, user: Option<&str>) -> Result<(Lane, Greeted), TransportError> {
        let token = nonce()?;
        let (channel, greeted) = self.open(user, &token, &Work::Steps).await?;
        let greeting = self.greeting(user, &token);
        Ok((Lane::start(channel, &greeting, self.endpoint.language()), greeted))
    }

    /// A greeted channel of `user`. dropbear 2022.82 to 2024.85 close a channel before they start its command when
    /// another command of the connection ends just then; nothing ran in it, so it is opened again.
    pub(super) async fn open(
        &mut self,
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
        &mut self,
        user: Option<&str>,
        token: &str,
        work: &Work<'_>,
    ) -> Result<(Channel, Greeted), Ungreeted> {
        let (mut channel, prompt) = self.start(user, token, work).await?;
        let greeting = Greeting { prompt: prompt.as_ref(), ..self.greeting(user, token) };
        let greeted = greet(&mut channel, &greeting).await?;
        Ok((channel, greeted))
    }

    /// A channel to a command, and how that may ask first.
    pub(super) async fn start(
        &mut self,
        user: Option<&str>,
        token: &str,
        work: &Work<'_>,
    ) -> Result<(Channel, Option<Prompt>), TransportError> {
        if self.endpoint.language() == Language::PowerShell {
            let channel = self.channel(&powershell::start_line()).await?;
            channel.send(powershell::opening(token));
            return Ok((channel, None));
        }
        let words = start_words(&self.endpoint.shell, token, work);
        let host = || self.endpoint.name.clone();
        let question = if matches!(work, Work::Text { .. }) { None } else { Some(nonce()?) };
        let command = match user.filter(|user| *user != self.login) {
            None => Elevated { words, prompt: None },
            Some(user) => elevate(self.endpoint.admin, user, &words, question.as_deref())?
                .ok_or_else(|| TransportError::PrivilegeNone { host: host(), user: user.to_owned() })?,
        };
        let line = format!("exec {}", command_line(&command.words)?);
        if line.len() > MOST_COMMAND {
            return Err(TransportError::ProgramTooLong { host: host(), bytes: line.len(), most: MOST_COMMAND });
        }
        Ok((self.channel(&line).await?, command.prompt))
    }

    /// A command line, as the host's login shell reads it.
    pub(super) async fn channel(&mut self, line: &str) -> Result<Channel, TransportError> {
        let mut channel = self.channel_to(line).await?;
        channel.heed(self.backlog.clone());
        Ok(channel)
    }

    async fn channel_to(&mut self, line: &str) -> Result<Channel, TransportError> {
        if let Some(winrm) = &mut self.winrm {
            return winrm.open(line).await;
        }
        match &*self.connection {
            // Like one of a login shell, so that a missing sudo is the same code 127 everywhere.
            Connection::Local => spawn_local(&shell_words(line), &self.endpoint.unset),
            Connection::Ssh(ssh) => ssh.open(line).await,
            Connection::Winrm => Err(TransportError::Lost { host: self.endpoint.name.clone() }),
        }
    }

    /// How long a lane may take to say hello.
    pub(super) fn patience(&self) -> Duration {
        self.endpoint.connect_timeout.max(Duration::from_secs(10))
    }

    pub(super) fn greeting<'a>(&'a self, user: Option<&'a str>, token: &'a str) -> Greeting<'a> {
        Greeting {
            host: &self.endpoint.name,
            user: user.unwrap_or(&self.login),
            token,
            prompt: None,
            password: self.credentials.admin_password.as_ref(),
            patience: self.patience(),
        }
    }
}

fn shell_words(line: &str) -> [String; 3] {
    ["/bin/sh", "-c", line].map(str::to_owned)
}
