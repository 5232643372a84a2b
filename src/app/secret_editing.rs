//! `opsc secret edit`: the secrets of a file as one text for an editor, in a folder that only its owner can look into and
//! that is wiped afterwards, whatever happens.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use super::editing_signals::{HUNG_UP, Signals, TERMINATED};
use super::errors::AppError;
use super::execution::runtime;
use super::secret_files::{Store, usable};
use crate::base::secret::Secret;
use crate::secrets::file::{LARGEST, buffer};
use crate::secrets::sealed::is_name;

/// The program, and what ends opsc where a signal comes while somebody is asked.
pub struct Editor<'a> {
    /// As `sh` reads it: it may have arguments.
    pub line: &'a str,
    pub leave: fn(i32),
}

/// What an editor made of a file.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Edits {
    pub added: Vec<String>,
    pub changed: Vec<String>,
    pub removed: Vec<String>,
}

/// The secrets of a text.
type Texts = BTreeMap<String, Secret<String>>;

impl Store {
    /// Lets somebody edit a file. `again` is asked, with what is wrong, whether to go on with a text that is none.
    pub fn edit(
        &self,
        file: &str,
        editor: &Editor<'_>,
        again: &mut dyn FnMut(&str) -> bool,
    ) -> Result<Edits, AppError> {
        let mut opened = self.open_or_new(file)?;
        let mut before = Texts::new();
        for name in opened.names() {
            before.insert(name.to_string(), opened.read(name)?);
        }
        let runtime = runtime()?;
        let signals = Arc::new(Signals::default());
        let folder = Private::new(&runtime, &signals, editor.leave)?;
        let path = folder.path.join(format!("{file}.secrets"));
        folder.write(&path, &as_text(file, &before))?;
        let after = loop {
            runtime.block_on(run_editor(editor.line, &path))?;
            match parse(&folder.read(&path)?) {
                Ok(texts) => break texts,
                Err(reason) if signals.while_asking(|| again(&reason))? => {}
                Err(reason) => return Err(refuse(format!("{reason}; nothing was written"))),
            }
        };
        signals.expect_none()?;
        let edits = compare(&before, &after);
        if edits != Edits::default() {
            let audit = self.audit()?;
            self.apply(&mut opened, &after)?;
            let names = edits.added.iter().chain(&edits.changed).chain(&edits.removed);
            let names: Vec<String> = names.map(|name| format!("{file}/{name}")).collect();
            audit.wrote_secrets("edit", &names)?;
        }
        Ok(edits)
    }
}

fn refuse(reason: String) -> AppError {
    AppError::NotEdited { reason, hint: None }
}

fn compare(before: &Texts, after: &Texts) -> Edits {
    let only = |these: &Texts, those: &Texts| these.keys().filter(|name| !those.contains_key(*name)).cloned().collect();
    let is_other = |(name, text): &(&String, &Secret<String>)| before.get(*name).is_some_and(|old| old != *text);
    Edits {
        added: only(after, before),
        removed: only(before, after),
        changed: after.iter().filter(is_other).map(|(name, _)| name.clone()).collect(),
    }
}

const HELP: &str = "# one secret a line, taken as it stands up to the end of the line:\n#   NAME: TEXT\n# of several lines, each with two spaces before it:\n#   NAME:\n#     LINE\n# a line that is taken away takes its secret away\n";

/// Into a buffer of its size: one that grows would leave copies behind.
fn as_text(file: &str, texts: &Texts) -> Secret<String> {
    let most = |(name, text): (&String, &Secret<String>)| name.len() + text.expose().len() * 3 + 8;
    let size = HELP.len() + file.len() + 64 + texts.iter().map(most).sum::<usize>();
    let mut whole = Secret::new(String::with_capacity(size));
    let out = whole.expose_mut();
    for part in ["# secrets/", file, ".yaml\n", HELP] {
        out.push_str(part);
    }
    for (name, text) in texts {
        out.push_str(name);
        let text = text.expose();
        if text.contains('\n') {
            out.push_str(":\n");
            for line in text.split('\n') {
                out.push_str("  ");
                out.push_str(line);
                out.push('\n');
            }
        } else {
            out.push_str(": ");
            out.push_str(text);
            out.push('\n');
        }
    }
    whole
}

/// The secrets of an edited text, or what is wrong with it; never with any of its letters.
fn parse(text: &Secret<String>) -> Result<Texts, String> {
    let mut texts = Texts::new();
    let mut lines = text.expose().lines().enumerate().peekable();
    while let Some((index, line)) = lines.next() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong = |expected: &str| format!("line {}: expected {expected}", index + 1);
        let (name, rest) = line.split_once(':').filter(|(name, _)| is_name(name)).ok_or(wrong("`NAME: TEXT`"))?;
        if texts.contains_key(name) {
            return Err(wrong("each name once"));
        }
        let mut value = Secret::new(Vec::with_capacity(text.expose().len()));
        let bytes = value.expose_mut();
        if rest.is_empty() {
            while let Some((_, line)) = lines.next_if(|(_, line)| line.starts_with("  ")) {
                bytes.extend_from_slice(line.get(2..).unwrap_or_default().as_bytes());
                bytes.push(b'\n');
            }
        } else {
            bytes.extend_from_slice(rest.strip_prefix(' ').unwrap_or(rest).as_bytes());
        }
        let value = usable(&value).map_err(|error| format!("line {}: `{name}`: {error}", index + 1))?;
        texts.insert(name.to_string(), value);
    }
    Ok(texts)
}

/// A folder that only its owner can look into, in memory where there is such a place. Wiped when it ends.
struct Private {
    path: PathBuf,
}

impl Private {
    /// Signals are taken before there is a folder: none of them ends opsc and leaves it.
    fn new(runtime: &Runtime, signals: &Arc<Signals>, leave: fn(i32)) -> Result<Private, AppError> {
        let named = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let places = named.into_iter().chain([PathBuf::from("/dev/shm"), std::env::temp_dir()]);
        let place = places.into_iter().find(|place| place.is_dir()).unwrap_or_else(std::env::temp_dir);
        // A name that is taken is refused: nobody else's folder is used.
        let path = place.join(format!("opsc-secret-{}-{}", std::process::id(), super::execution::now()));
        runtime.block_on(signals.watch(path.clone(), take_away, leave)).map_err(|error| failed(error.to_string()))?;
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(|error| AppError::Write { path: path.clone(), error })?;
        Ok(Private { path })
    }

    fn write(&self, path: &Path, text: &Secret<String>) -> Result<(), AppError> {
        let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        file.and_then(|mut file| file.write_all(text.expose().as_bytes()))
            .map_err(|error| AppError::Write { path: path.to_path_buf(), error })
    }

    fn read(&self, path: &Path) -> Result<Secret<String>, AppError> {
        let mut bytes = buffer();
        std::fs::File::open(path)
            .and_then(|file| file.take(LARGEST).read_to_end(bytes.expose_mut()))
            .map_err(|error| AppError::Read { path: path.to_path_buf(), error })?;
        let text = std::str::from_utf8(bytes.expose()).map_err(|_| AppError::NotText { path: path.to_path_buf() })?;
        Ok(Secret::new(text.to_string()))
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        take_away(&self.path);
    }
}

/// With copies that the editor made beside it. What cannot be wiped can at least be taken away.
fn take_away(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        drop(wipe(&entry.path()));
    }
    drop(std::fs::remove_dir_all(folder));
}

fn wipe(path: &Path) -> std::io::Result<()> {
    if !std::fs::symlink_metadata(path)?.is_file() {
        return Ok(());
    }
    let mut file = std::fs::OpenOptions::new().write(true).open(path)?;
    let mut left = file.metadata()?.len();
    while left > 0 {
        let zeros = [0; 4096];
        let part = zeros.get(..usize::try_from(left).unwrap_or(usize::MAX).min(zeros.len())).unwrap_or(&zeros);
        file.write_all(part)?;
        left -= part.len() as u64;
    }
    file.sync_all()
}

/// The editor gets Ctrl-C itself; what would end opsc ends the editor first, so that the text is wiped.
async fn run_editor(editor: &str, path: &Path) -> Result<(), AppError> {
    let ended = async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let (mut terminate, mut hangup) = (signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
        // As git does it: the editor may have arguments.
        let line = format!("{editor} \"$@\"");
        let mut child = tokio::process::Command::new("sh").args(["-c", &line, editor]).arg(path).spawn()?;
        let told = loop {
            tokio::select! {
                status = child.wait() => return status.map(Ok),
                _ = interrupt.recv() => {}
                _ = terminate.recv() => break TERMINATED,
                _ = hangup.recv() => break HUNG_UP,
            }
        };
        child.kill().await?;
        Ok::<_, std::io::Error>(Err(told))
    };
    match ended.await {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(failed(format!("the editor `{editor}` ended with {status}; nothing was written"))),
        Ok(Err(code)) => Err(stopped(code)),
        Err(error) => Err(failed(format!("the editor `{editor}` cannot be started: {error}"))),
    }
}

fn failed(reason: String) -> AppError {
    AppError::Editor { reason, code: 1 }
}

fn stopped(code: i32) -> AppError {
    AppError::Editor { reason: "stopped while the editor was open; nothing was written".to_string(), code }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_comes_back_as_it_was() {
        let texts: Texts = [
            ("a", "plain text"),
            ("b", " \"quoted\" # : "),
            ("c", "several\n  lines\n\nwith an end\n"),
            ("d", "\nbegins and ends\n\n"),
            ("e", "four:"),
        ]
        .into_iter()
        .map(|(name, text)| (name.to_string(), Secret::new(text.to_string())))
        .collect();
        assert_eq!(parse(&as_text("db", &texts)), Ok(texts));
    }

    #[test]
    fn what_is_wrong_is_said_without_a_letter_of_it() {
        let said = |text: &str| parse(&Secret::new(text.to_string())).unwrap_err();
        assert_eq!(said("# x\nhunter two\n"), "line 2: expected `NAME: TEXT`");
        assert_eq!(said("a: 12345\na: 67890\n"), "line 2: expected each name once");
        assert_eq!(said("a:\n  12345\n  \nb:\n"), "line 4: `b`: it is empty");
        assert!(said("a: 123\n").starts_with("line 1: `a`: it has fewer than 4 visible characters"));
    }
}
