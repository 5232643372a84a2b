//! Takes secrets out of what is shown, logged or journaled. Knows nothing of where the texts go.

use std::sync::{Arc, PoisonError, RwLock};

use super::hidden::Forms;
use crate::base::secret::Secret;
use crate::hir::value::Value;
use crate::secrets::{Resolved, SHORTEST};
use crate::transport::Captured;

/// What stands where a secret stood.
const SHOWN: &[u8] = b"(secret)";

/// The secrets of a run, in every form in which a host may give them back.
#[derive(Clone, Debug, Default)]
pub struct Redactor {
    forms: Forms,
}

/// The secrets that are hidden, which become more while values are made of them. Steps on many hosts share it: it is
/// written only when a text is new, and read by whoever shows something.
pub struct Hidden {
    state: RwLock<(Vec<Secret<String>>, Arc<Redactor>)>,
}

impl Hidden {
    /// Every secret of a run but those whose text the program itself declassifies.
    pub fn new(secrets: &Resolved, declassified: &[String]) -> Self {
        let hidden = secrets.iter().filter(|(reference, _)| !declassified.iter().any(|open| open == reference));
        let texts: Vec<Secret<String>> = hidden.map(|(_, text)| text.clone()).collect();
        let redactor = Arc::new(Redactor::new(&texts));
        Hidden { state: RwLock::new((texts, redactor)) }
    }

    pub fn redactor(&self) -> Arc<Redactor> {
        Arc::clone(&self.state.read().unwrap_or_else(PoisonError::into_inner).1)
    }

    pub fn add(&self, text: Secret<String>) {
        let is_known = self.state.read().unwrap_or_else(PoisonError::into_inner).0.contains(&text);
        if is_known {
            return;
        }
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let (texts, redactor) = &mut *state;
        if !texts.contains(&text) {
            texts.push(text);
            *redactor = Arc::new(Redactor::new(texts));
        }
    }
}

impl Redactor {
    pub fn new(secrets: &[Secret<String>]) -> Self {
        let texts: Vec<&str> = secrets.iter().map(|secret| secret.expose().as_str()).collect();
        // A line of a longer secret is told by itself where a host prints only that line.
        let lines: Vec<&str> = texts
            .iter()
            .filter(|text| text.contains('\n'))
            .flat_map(|text| text.lines().map(str::trim))
            .filter(|line| line.chars().count() >= SHORTEST)
            .collect();
        Redactor { forms: Forms::new(&texts, &lines) }
    }

    pub fn clean(&self, text: &str) -> String {
        if self.forms.is_empty() {
            return text.to_string();
        }
        String::from_utf8_lossy(&self.clean_bytes(text.as_bytes()).bytes).into_owned()
    }

    pub fn clean_bytes(&self, bytes: &[u8]) -> Cleaned {
        if self.forms.is_empty() {
            return Cleaned { bytes: bytes.to_vec(), hid: false };
        }
        let found = self.forms.find(bytes);
        let mut cleaned = Vec::with_capacity(bytes.len());
        let mut at = 0;
        for range in &found {
            cleaned.extend_from_slice(bytes.get(at..range.start).unwrap_or_default());
            cleaned.extend_from_slice(SHOWN);
            at = range.end;
        }
        cleaned.extend_from_slice(bytes.get(at..).unwrap_or_default());
        Cleaned { bytes: cleaned, hid: !found.is_empty() }
    }

    /// What a host reported, as far as it is text.
    pub fn clean_value(&self, value: Value) -> Value {
        match value {
            _ if self.forms.is_empty() => value,
            Value::String(text) => Value::String(self.clean(&text)),
            Value::List(items) => Value::List(items.into_iter().map(|item| self.clean_value(item)).collect()),
            Value::Record(fields) => {
                Value::Record(fields.into_iter().map(|(name, value)| (name, self.clean_value(value))).collect())
            }
            other => other,
        }
    }

    /// The beginning of a stream that was cut off: without the beginning of a secret at its end.
    pub fn clean_head(&self, bytes: &[u8]) -> Cleaned {
        let end = self.unfinished(bytes);
        let mut cleaned = self.clean_bytes(bytes.get(..end).unwrap_or_default());
        cleaned.hid = cleaned.hid || end < bytes.len();
        cleaned
    }

    /// What is kept of a stream. Where its middle is left out, no half of a secret is left at the cut.
    pub fn clean_captured(&self, captured: &Captured) -> Vec<u8> {
        let cut = captured.kept.windows(LEFT_OUT.len()).rposition(|window| window == LEFT_OUT);
        let (true, Some(cut), false) = (captured.truncated, cut, self.forms.is_empty()) else {
            return self.clean_bytes(&captured.kept).bytes;
        };
        let start = captured.kept.get(..cut).and_then(|head| head.iter().rposition(|byte| *byte == b'[')).unwrap_or(0);
        let (head, tail) = captured.kept.split_at(start);
        let mark = LEFT_OUT.len() + cut - start;
        let (mark, tail) = tail.split_at(mark.min(tail.len()));
        let tail = tail.get(self.forms.reach.min(tail.len())..).unwrap_or_default();
        [self.clean_head(head).bytes, mark.to_vec(), self.clean_bytes(tail).bytes].concat()
    }

    /// Where a secret may begin whose end has not come yet.
    fn unfinished(&self, bytes: &[u8]) -> usize {
        if self.forms.is_empty() { bytes.len() } else { self.forms.unfinished(bytes) }
    }
}

/// The end of the line that stands for the middle of a stream.
const LEFT_OUT: &[u8] = b" bytes left out]\n";

/// A text without secrets.
pub struct Cleaned {
    pub bytes: Vec<u8>,
    /// Something was taken out, so that not even a hash of the text may be shown.
    pub hid: bool,
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

    /// The whole lines so far, up to where a secret may go on in the next ones.
    pub fn push(&mut self, bytes: &[u8], redactor: &Redactor) -> Option<Vec<u8>> {
        self.rest.extend_from_slice(bytes);
        let whole = redactor.unfinished(&self.rest);
        let lines = self.rest.get(..whole).and_then(|lines| lines.iter().rposition(|byte| *byte == b'\n'));
        let end = match lines {
            Some(end) => end + 1,
            None if self.rest.len() > Self::LONGEST => whole,
            None => return None,
        };
        (end > 0).then(|| self.rest.drain(..end).collect())
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

    fn redactor(secrets: &[(&str, &str)]) -> Arc<Redactor> {
        hidden(secrets).redactor()
    }

    fn hidden(secrets: &[(&str, &str)]) -> Hidden {
        let mut resolved = Resolved::default();
        for (reference, text) in secrets {
            resolved.insert(reference, Secret::new(text.to_string()));
        }
        Hidden::new(&resolved, &["env:OPEN".to_string()])
    }

    #[test]
    fn secrets_do_not_appear() {
        let redactor = redactor(&[("env:A", "hunter2\nsecond line\n}"), ("env:B", "abcd"), ("env:OPEN", "deploy")]);
        assert_eq!(redactor.clean("password=hunter2!"), "password=(secret)!");
        assert_eq!(redactor.clean("x second line y"), "x (secret) y");
        assert_eq!(redactor.clean("all: hunter2\nsecond line\n}"), "all: (secret)", "the whole is one");
        assert_eq!(redactor.clean("{ }"), "{ }");
        assert_eq!(redactor.clean("xabcdy deploy"), "x(secret)y deploy", "what is declassified is plain");
        let value = Value::List(vec![Value::string("abcd"), Value::Int(7)]);
        assert_eq!(redactor.clean_value(value).literal(), "[\"(secret)\", 7]");
        assert!(redactor.clean_bytes(b"YWJjZA==").hid && !redactor.clean_bytes(b"plain").hid);
    }

    #[test]
    fn what_is_made_of_secrets_is_hidden_once_it_is_used() {
        let hidden = hidden(&[("env:A", "hunter2")]);
        assert_eq!(hidden.redactor().clean("hash 0badcafe"), "hash 0badcafe");
        hidden.add(Secret::new("0badcafe".to_string()));
        assert_eq!(hidden.redactor().clean("hash 0badcafe of hunter2"), "hash (secret) of (secret)");
    }

    #[test]
    fn no_half_of_a_secret_is_left_at_a_cut() {
        let redactor = redactor(&[("env:A", "correct horse")]);
        assert_eq!(redactor.clean_head(b"it is corr").bytes, b"it is ");
        let tail = format!("orse{}end", ".".repeat(400));
        let kept = format!("first correct\n[9 bytes left out]\n{tail}").into_bytes();
        let captured = Captured { bytes: 10_000, kept, truncated: true, sha256: String::new() };
        let shown = String::from_utf8(redactor.clean_captured(&captured)).unwrap();
        assert!(shown.starts_with("first [9 bytes left out]\n...") && shown.ends_with("end"), "{shown}");
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
        let none = Redactor::default();
        assert_eq!(cutter.push(b"hun", &none), None);
        assert_eq!(cutter.push(b"ter2\nre", &none), Some(b"hunter2\n".to_vec()));
        assert_eq!(cutter.finish(), Some(b"re".to_vec()));
        assert_eq!(cutter.finish(), None);
    }

    #[test]
    fn a_secret_over_two_lines_is_held_back_until_it_is_whole() {
        let redactor = redactor(&[("env:A", "correct horse battery")]);
        let mut cutter = LineCutter::default();
        assert_eq!(cutter.push(b"x\nY29ycmVj\n", &redactor), Some(b"x\n".to_vec()));
        let rest = cutter.push(b"dCBob3JzZSBiYXR0ZXJ5\ny\n", &redactor).unwrap();
        assert_eq!(redactor.clean_bytes(&rest).bytes, b"(secret)\ny\n");
    }
}
