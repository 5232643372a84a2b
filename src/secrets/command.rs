//! `command:NAME`: a program on this machine that prints the secret. Its words are arguments; no shell reads them.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use super::SecretError;
use super::file::{LARGEST, buffer};
use super::providers::as_text;
use crate::base::secret::Secret;

/// `[secrets.NAME]` of `opsc.toml`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CommandSecret {
    /// The program and its arguments; at least the program.
    pub words: Vec<String>,
    pub timeout: Duration,
}

impl Default for CommandSecret {
    fn default() -> Self {
        CommandSecret { words: Vec::new(), timeout: Duration::from_secs(30) }
    }
}

/// How often a program that has closed its output is looked at, until it ends.
const LOOK: Duration = Duration::from_millis(10);
/// Of what a program that failed printed as errors.
const LONGEST_WORDS: usize = 600;

/// Runs the program in the project; what it printed, without the last line end.
pub fn run(command: &CommandSecret, root: &Path) -> Result<Secret<String>, SecretError> {
    let Some((program, arguments)) = command.words.split_first() else {
        return Err(SecretError::Start { program: String::new(), error: std::io::ErrorKind::InvalidInput.into() });
    };
    let found = if program.contains('/') { root.join(program) } else { program.into() };
    let mut child = Command::new(found)
        .args(arguments)
        .current_dir(root)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| SecretError::Start { program: program.clone(), error })?;
    let until = Instant::now() + command.timeout;
    let (output, errors) = (read_all(child.stdout.take()), read_all(child.stderr.take()));
    let ended = wait(&mut child, until);
    let left = || until.saturating_duration_since(Instant::now());
    let (Some(status), Ok(output), Ok(errors)) = (ended, output.recv_timeout(left()), errors.recv_timeout(left()))
    else {
        end(&mut child);
        return Err(SecretError::TimedOut { program: program.clone(), after: command.timeout });
    };
    if !status.success() {
        let said = said(errors.expose(), output.expose());
        return Err(SecretError::Exit { program: program.clone(), code: status.code(), said });
    }
    if output.expose().len() as u64 > LARGEST {
        return Err(SecretError::TooLarge { most: LARGEST });
    }
    as_text(&output)
}

/// Reads a stream to its end beside the caller, so that a full pipe never stops the program.
fn read_all(stream: Option<impl Read + Send + 'static>) -> Receiver<Secret<Vec<u8>>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut bytes = buffer();
        let read = stream.map(|stream| stream.take(LARGEST + 1).read_to_end(bytes.expose_mut()));
        // Nobody listens any more where the program took too long; what cannot be read counts as not printed.
        drop((read, sender.send(bytes)));
    });
    receiver
}

fn wait(child: &mut Child, until: Instant) -> Option<ExitStatus> {
    let (_open, pause) = channel::<()>();
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        // Nobody ever sends; the channel is only a clock.
        if Instant::now() >= until || pause.recv_timeout(LOOK).is_ok() {
            return None;
        }
    }
}

fn end(child: &mut Child) {
    // One that ended by itself meanwhile is as good.
    drop(child.kill());
    drop(child.wait());
}

/// The end of the errors in one line, without any line of the output: it may be the secret, or half of it.
fn said(errors: &[u8], output: &[u8]) -> String {
    let mut text = Secret::new(String::from_utf8_lossy(errors).into_owned());
    let output = Secret::new(String::from_utf8_lossy(output).into_owned());
    for line in output.expose().lines().map(str::trim).filter(|line| !line.is_empty()) {
        text = Secret::new(text.expose().replace(line, "(secret)"));
    }
    let lines: Vec<&str> = text.expose().lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let joined: String =
        lines.join("; ").chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    let letters = joined.chars().count();
    joined.chars().skip(letters.saturating_sub(LONGEST_WORDS)).collect()
}
