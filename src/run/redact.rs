//! Takes secrets out of what is shown, logged or journaled. Knows nothing of where the texts go.

use crate::base::secret::Secret;

/// Shorter secrets would also hide ordinary text, and nobody could read a log; they are hidden only as whole lines.
const SHORTEST: usize = 4;

/// The secrets of one step, by line, the longest first.
#[derive(Clone, Debug, Default)]
pub struct Redactor {
    lines: Vec<Secret<String>>,
}

impl Redactor {
    pub fn new(secrets: &[Secret<String>]) -> Self {
        let mut lines: Vec<String> = secrets
            .iter()
            .flat_map(|secret| secret.expose().lines().map(str::trim).map(str::to_string).collect::<Vec<_>>())
            .filter(|line| !line.is_empty())
            .collect();
        lines.sort_by_key(|line| std::cmp::Reverse(line.len()));
        lines.dedup();
        Redactor { lines: lines.into_iter().map(Secret::new).collect() }
    }

    pub fn clean(&self, text: &str) -> String {
        let mut cleaned = text.to_string();
        for secret in &self.lines {
            let secret = secret.expose();
            if secret.len() >= SHORTEST || cleaned.trim() == secret {
                cleaned = cleaned.replace(secret.as_str(), "(secret)");
            }
        }
        cleaned
    }
}

/// What a host printed, fit for a terminal: control characters are written out, and only whole text remains.
pub fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\n' | '\t' => shown.push(letter),
            '\r' => {}
            control if control.is_control() => shown.extend(control.escape_default()),
            other => shown.push(other),
        }
    }
    shown
}

/// The last lines of what a tool printed, as one line for an error.
pub fn tail(text: &str) -> String {
    const MOST_LINES: usize = 8;
    const MOST_LETTERS: usize = 600;
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let start = lines.len().saturating_sub(MOST_LINES);
    let joined = lines.get(start..).unwrap_or_default().join("; ");
    let letters = joined.chars().count();
    joined.chars().skip(letters.saturating_sub(MOST_LETTERS)).collect()
}

/// Cuts a stream into whole lines, so that a secret is never shown in two halves.
#[derive(Default)]
pub struct LineCutter {
    rest: Vec<u8>,
}

impl LineCutter {
    /// A line without an end is cut here, so that memory stays bounded.
    const LONGEST: usize = 64 * 1024;

    /// The whole lines so far.
    pub fn push(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        self.rest.extend_from_slice(bytes);
        let end = match self.rest.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => end + 1,
            None if self.rest.len() > Self::LONGEST => self.rest.len(),
            None => return None,
        };
        Some(self.rest.drain(..end).collect())
    }

    /// What is left when the stream is over.
    pub fn finish(&mut self) -> Option<Vec<u8>> {
        let rest = std::mem::take(&mut self.rest);
        (!rest.is_empty()).then_some(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_appear() {
        let secrets = [Secret::new("hunter2\nsecond line".to_string()), Secret::new("ab".to_string())];
        let redactor = Redactor::new(&secrets);
        assert_eq!(redactor.clean("password=hunter2!"), "password=(secret)!");
        assert_eq!(redactor.clean("x second line y"), "x (secret) y");
        assert_eq!(redactor.clean("ab"), "(secret)");
        assert_eq!(redactor.clean("cab"), "cab");
    }

    #[test]
    fn a_tail_is_short_and_harmless() {
        assert_eq!(tail("one\ntwo\n"), "one; two");
        assert_eq!(tail(&printable(b"\x1b[31mred")), "\\u{1b}[31mred");
        assert_eq!(tail("1\n2\n3\n4\n5\n6\n7\n8\n9\n"), "2; 3; 4; 5; 6; 7; 8; 9");
        assert!(tail(&"x".repeat(5000)).len() <= 600);
    }

    #[test]
    fn lines_are_whole_whatever_the_chunks() {
        let mut cutter = LineCutter::default();
        assert_eq!(cutter.push(b"hun"), None);
        assert_eq!(cutter.push(b"ter2\nre"), Some(b"hunter2\n".to_vec()));
        assert_eq!(cutter.finish(), Some(b"re".to_vec()));
        assert_eq!(cutter.finish(), None);
    }
}
