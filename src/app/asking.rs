//! Asks a program of this machine, or a server, which hosts there are: bounded in time and bytes. Every way to fail has
//! its words, and none of them is an empty list.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use super::host_sources::{HostSource, Origin};
use crate::base::secret::Secret;
use crate::base::words;
use crate::inventory::sources::{Answer, answer};
use crate::report::paint::harmless;
use crate::run::http_fetch::{Wanted, fetch};

/// The most that is read of an answer.
const MOST_BYTES: usize = 16 << 20;
/// Of what a program that failed printed as errors.
const LONGEST_WORDS: usize = 600;
/// How often a program that has closed its output is looked at, until it ends.
const LOOK: Duration = Duration::from_millis(10);

/// What the source says, if it is a list of hosts; else why not, in words that a terminal may show.
pub(super) fn ask(source: &HostSource, root: &Path) -> Result<Answer, String> {
    let said = match &source.origin {
        Origin::Program(words) => program(words, source.timeout, root),
        Origin::Server { url, token_env } => server(url, token_env.as_deref(), source.timeout),
    };
    let said = said.map_err(|reason| one_line(&reason))?;
    let text = String::from_utf8(said).map_err(|_| "what it says is not UTF-8 text".to_string())?;
    let read = answer(&text).map_err(|reason| format!("what it says is no list of hosts: {}", one_line(&reason)))?;
    if read.hosts.is_empty() && !source.may_be_empty {
        return Err("it says that there is no host at all".to_string());
    }
    Ok(read)
}

fn server(url: &str, token_env: Option<&str>, timeout: Duration) -> Result<Vec<u8>, String> {
    let token = match token_env {
        Some(name) => match std::env::var(name).ok().filter(|token| !token.is_empty()) {
            Some(token) => Some(Secret::new(token)),
            None => return Err(format!("the variable `{name}`, which holds its token, is not set")),
        },
        None => None,
    };
    fetch(&Wanted { url, token: token.as_ref(), deadline: timeout, most: MOST_BYTES })
}

/// Runs the program in the project; what it printed.
fn program(words: &[String], timeout: Duration, root: &Path) -> Result<Vec<u8>, String> {
    let Some((name, arguments)) = words.split_first() else { return Err("no program is named".to_string()) };
    let found = if name.contains('/') { root.join(name) } else { name.into() };
    let mut child = Command::new(found)
        .args(arguments)
        .current_dir(root)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("it cannot be started: {error}"))?;
    let until = Instant::now() + timeout;
    let (output, errors) = (read_all(child.stdout.take()), read_all(child.stderr.take()));
    let ended = wait(&mut child, until);
    let left = || until.saturating_duration_since(Instant::now());
    let (Some(status), Ok(output), Ok(errors)) = (ended, output.recv_timeout(left()), errors.recv_timeout(left()))
    else {
        // One that ended by itself meanwhile is as good.
        drop(child.kill());
        drop(child.wait());
        let after = words::duration(u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX));
        return Err(format!("it did not end within {after}"));
    };
    // One that was not read to its end fails for that reason alone.
    if output.len() > MOST_BYTES {
        return Err(format!("it says more than {MOST_BYTES} bytes"));
    }
    if !status.success() {
        let how = status.code().map_or("was ended by a signal".to_string(), |code| format!("ended with {code}"));
        let said = end_of(&String::from_utf8_lossy(&errors));
        return Err(if said.is_empty() { format!("it {how}") } else { format!("it {how}: {said}") });
    }
    Ok(output)
}

/// Reads a stream beside the caller, so that a full pipe never stops the program.
fn read_all(stream: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = stream.map(|stream| stream.take(MOST_BYTES as u64 + 1).read_to_end(&mut bytes));
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

/// The last words, where errors have their reason.
fn end_of(text: &str) -> String {
    let line = one_line(text);
    let letters = line.chars().count();
    line.chars().skip(letters.saturating_sub(LONGEST_WORDS)).collect()
}

fn one_line(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    harmless(&lines.join("; ")).replace('\t', " ")
}
