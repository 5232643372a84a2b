//! The forms in which a secret may come back from a host, and where they stand in a text. Pure; knows no streams.
//!
//! A text is looked at in several views, each without what printers put between the letters (line ends, spaces, NULs),
//! so that wrapped base64, hex dumps and UTF-16 are found as well as the plain text:
//!
//! | view | what it undoes | finds |
//! | --- | --- | --- |
//! | plain | nothing more | the text, UTF-16, base64 at any offset |
//! | percent | `%41` and `+` | forms and urls |
//! | unescaped | `\n`, `\u0041`, `\x41`, quotes | JSON, shell quoting, traces |
//! | hex | case, colons | hexadecimal |

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use crate::base::hex::hex;
use crate::base::secret::Secret;

/// A form of a secret in one view.
#[derive(Clone)]
struct Needle {
    bytes: Secret<Vec<u8>>,
    /// Letters around a match that hold a part of the secret too: those of base64 that it shares with its neighbours.
    before: usize,
    after: usize,
}

#[derive(Clone, Copy)]
enum Lens {
    Plain,
    Percent,
    Unescaped,
    Hex,
}

const LENSES: [Lens; 4] = [Lens::Plain, Lens::Percent, Lens::Unescaped, Lens::Hex];

/// The needles of one view, and which of them start with a byte.
#[derive(Clone)]
struct Seeker {
    lens: Lens,
    needles: Vec<Needle>,
    by_first: Vec<Vec<usize>>,
}

/// All forms of all secrets of a run.
#[derive(Clone, Default)]
pub struct Forms {
    seekers: Vec<Seeker>,
    /// Bytes of a text that the longest form may take.
    pub reach: usize,
}

/// Never shows a form.
impl std::fmt::Debug for Forms {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("(forms of secrets)")
    }
}

impl Forms {
    /// Texts that must not be shown, and lines of which each is one by itself.
    pub fn new(texts: &[&str], lines: &[&str]) -> Forms {
        let mut seekers: Vec<Seeker> = LENSES.into_iter().map(Seeker::new).collect();
        for seeker in &mut seekers {
            texts.iter().for_each(|text| seeker.add_all(text));
            lines.iter().for_each(|line| seeker.add(line.as_bytes(), (0, 0)));
        }
        seekers.retain(|seeker| !seeker.needles.is_empty());
        // A letter takes at most `\u{10ffff}`; what stands between letters is not counted, but rarely more than that.
        let reach = texts.iter().map(|text| text.len() * 10 + 64).max().unwrap_or(0);
        Forms { seekers, reach }
    }

    pub fn is_empty(&self) -> bool {
        self.seekers.is_empty()
    }

    /// Where secrets stand, in order and apart from each other.
    pub fn find(&self, text: &[u8]) -> Vec<Range<usize>> {
        let mut found: Vec<Range<usize>> = Vec::new();
        for seeker in &self.seekers {
            seeker.find(&View::of(seeker.lens, text), &mut found);
        }
        found.sort_by_key(|range| range.start);
        let mut apart: Vec<Range<usize>> = Vec::new();
        for range in found {
            match apart.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => apart.push(range),
            }
        }
        apart
    }

    /// Where a secret may begin whose end has not come yet; the text's length where none can.
    pub fn unfinished(&self, text: &[u8]) -> usize {
        let from = text.len().saturating_sub(self.reach);
        let tail = text.get(from..).unwrap_or_default();
        let starts = self.seekers.iter().filter_map(|seeker| seeker.unfinished(&View::of(seeker.lens, tail)));
        starts.min().map_or(text.len(), |start| from + start)
    }
}

impl Seeker {
    fn new(lens: Lens) -> Seeker {
        Seeker { lens, needles: Vec::new(), by_first: vec![Vec::new(); 256] }
    }

    /// Every form of a secret that this view can hold.
    fn add_all(&mut self, text: &str) {
        let wide = |bytes: fn(u16) -> [u8; 2]| in_one_piece(text.len() * 2, text.encode_utf16().flat_map(bytes));
        let encodings = [Secret::new(text.as_bytes().to_vec()), wide(u16::to_le_bytes), wide(u16::to_be_bytes)];
        for bytes in encodings.iter().map(Secret::expose) {
            match self.lens {
                Lens::Hex => self.add(Secret::new(hex(bytes)).expose().as_bytes(), (0, 0)),
                Lens::Plain | Lens::Percent | Lens::Unescaped => {
                    self.add(bytes, (0, 0));
                    self.add_base64(bytes);
                }
            }
        }
    }

    /// Base64 of the secret within something longer: what does not depend on its neighbours, at each of three offsets.
    fn add_base64(&mut self, bytes: &[u8]) {
        for offset in 0..3 {
            let padded =
                in_one_piece(offset + bytes.len(), std::iter::repeat_n(0, offset).chain(bytes.iter().copied()));
            let padded = padded.expose();
            let shared = [0, 2, 3].get(offset).copied().unwrap_or(0);
            let whole = padded.len() * 8 / 6;
            let around = (usize::from(offset > 0), usize::from(!(padded.len() * 8).is_multiple_of(6)));
            for encoded in [STANDARD_NO_PAD.encode(padded), URL_SAFE_NO_PAD.encode(padded)].map(Secret::new) {
                self.add(encoded.expose().as_bytes().get(shared..whole).unwrap_or_default(), around);
            }
        }
    }

    fn add(&mut self, bytes: &[u8], (before, after): (usize, usize)) {
        let bytes = in_one_piece(bytes.len(), bytes.iter().copied().filter(|byte| !is_dropped(self.lens, *byte)));
        let Some(first) = bytes.expose().first().copied() else { return };
        // What is left of a short secret in this view would match ordinary words.
        if bytes.expose().len() < SHORTEST || self.needles.iter().any(|known| known.bytes == bytes) {
            return;
        }
        if let Some(starts) = self.by_first.get_mut(usize::from(first)) {
            starts.push(self.needles.len());
        }
        self.needles.push(Needle { bytes, before, after });
    }

    fn starting_with(&self, first: u8) -> impl Iterator<Item = &Needle> {
        let starts = self.by_first.get(usize::from(first)).map(Vec::as_slice).unwrap_or_default();
        starts.iter().filter_map(|index| self.needles.get(*index))
    }

    fn find(&self, view: &View, found: &mut Vec<Range<usize>>) {
        for (position, first) in view.bytes.iter().enumerate() {
            let rest = view.bytes.get(position..).unwrap_or_default();
            for needle in self.starting_with(*first).filter(|needle| rest.starts_with(needle.bytes.expose())) {
                let mut end = position + needle.bytes.expose().len() + needle.after;
                let is_padding = |at: usize| needle.after > 0 && view.bytes.get(at) == Some(&b'=');
                while is_padding(end) {
                    end += 1;
                }
                found.extend(view.range(position.saturating_sub(needle.before), end));
            }
        }
    }

    /// The first place from which all letters to the end are the beginning of a needle.
    fn unfinished(&self, view: &View) -> Option<usize> {
        let begins = |position: &usize| {
            let rest = view.bytes.get(*position..).unwrap_or_default();
            rest.first()
                .is_some_and(|first| self.starting_with(*first).any(|needle| needle.bytes.expose().starts_with(rest)))
        };
        (0..view.bytes.len())
            .find(begins)
            .and_then(|position| view.range(position, position + 1))
            .map(|range| range.start)
    }
}

/// Bytes in a buffer that never grows, so that no copy of them is left behind.
fn in_one_piece(most: usize, bytes: impl Iterator<Item = u8>) -> Secret<Vec<u8>> {
    let mut piece = Vec::with_capacity(most);
    piece.extend(bytes);
    Secret::new(piece)
}

/// What is left of a secret in a view must be as long as a secret must be.
const SHORTEST: usize = crate::secrets::SHORTEST;

fn is_dropped(lens: Lens, byte: u8) -> bool {
    match lens {
        _ if byte.is_ascii_whitespace() || byte == 0 || byte == 0x0b => true,
        Lens::Plain => false,
        Lens::Percent => byte == b'+',
        Lens::Unescaped => matches!(byte, b'"' | b'\'' | b'\\'),
        Lens::Hex => byte == b':',
    }
}

/// The letters of a text that count, and where each came from.
struct View {
    bytes: Vec<u8>,
    from: Vec<Range<usize>>,
}

impl View {
    fn of(lens: Lens, text: &[u8]) -> View {
        let mut view = View { bytes: Vec::with_capacity(text.len()), from: Vec::with_capacity(text.len()) };
        let mut at = 0;
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            let (letters, taken) = decoded(lens, rest);
            for letter in letters.as_bytes().iter().copied().filter(|letter| !is_dropped(lens, *letter)) {
                view.bytes.push(letter);
                view.from.push(at..at + taken);
            }
            at += taken;
        }
        view
    }

    /// The place in the text of the letters from one to another, which may lie behind the end.
    fn range(&self, start: usize, end: usize) -> Option<Range<usize>> {
        let last = self.from.get(end.min(self.from.len()).checked_sub(1)?)?;
        Some(self.from.get(start)?.start..last.end)
    }
}

/// Up to four bytes without an allocation.
struct Letters {
    bytes: [u8; 4],
    count: usize,
}

impl Letters {
    fn byte(byte: u8) -> Letters {
        Letters { bytes: [byte, 0, 0, 0], count: 1 }
    }

    fn letter(letter: char) -> Letters {
        let mut bytes = [0; 4];
        let count = letter.encode_utf8(&mut bytes).len();
        Letters { bytes, count }
    }

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.count).unwrap_or_default()
    }
}

/// The letters that a text begins with, and how many of its bytes stand for them.
fn decoded(lens: Lens, rest: &[u8]) -> (Letters, usize) {
    let first = rest.first().copied().unwrap_or_default();
    let plain = (Letters::byte(first), 1);
    match (lens, first) {
        (Lens::Percent, b'%') => number(rest.get(1..3)).map_or(plain, |code| (Letters::byte(low_byte(code)), 3)),
        (Lens::Unescaped, b'\\') => unescaped(rest).unwrap_or(plain),
        (Lens::Hex, letter) => (Letters::byte(letter.to_ascii_lowercase()), 1),
        _ => plain,
    }
}

fn unescaped(rest: &[u8]) -> Option<(Letters, usize)> {
    match rest.get(1)? {
        b'n' | b'r' | b't' => Some((Letters::byte(b' '), 2)),
        b'x' => Some((Letters::byte(low_byte(number(rest.get(2..4))?)), 4)),
        b'u' if rest.get(2) == Some(&b'{') => {
            let end = rest.iter().take(11).position(|byte| *byte == b'}')?;
            Some((Letters::letter(char::from_u32(number(rest.get(3..end))?)?), end + 1))
        }
        b'u' => {
            let unit = number(rest.get(2..6))?;
            match char::from_u32(unit) {
                Some(letter) => Some((Letters::letter(letter), 6)),
                None => surrogates(unit, rest.get(6..)?),
            }
        }
        _ => None,
    }
}

/// The second half of a letter that JSON writes as two units.
fn surrogates(high: u32, rest: &[u8]) -> Option<(Letters, usize)> {
    let low = number(rest.strip_prefix(b"\\u")?.get(..4))?;
    let letter = char::decode_utf16([u16::try_from(high).ok()?, u16::try_from(low).ok()?]).next()?.ok()?;
    Some((Letters::letter(letter), 12))
}

fn number(digits: Option<&[u8]>) -> Option<u32> {
    let digits =
        std::str::from_utf8(digits?).ok().filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
    u32::from_str_radix(digits, 16).ok()
}

fn low_byte(code: u32) -> u8 {
    u8::try_from(code).unwrap_or(b'?')
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "p@ss\\ w\"ö/r+d'🔑";

    fn hidden(text: &[u8]) -> String {
        let forms = Forms::new(&[SECRET], &[]);
        let mut shown = Vec::new();
        let mut at = 0;
        for range in forms.find(text) {
            shown.extend_from_slice(&text[at..range.start]);
            shown.push(b'*');
            at = range.end;
        }
        shown.extend_from_slice(&text[at..]);
        String::from_utf8_lossy(&shown).into_owned()
    }

    fn percent(text: &str, kept: &str) -> String {
        let one = |byte: u8| {
            if kept.as_bytes().contains(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
        };
        text.bytes().map(one).collect()
    }

    #[test]
    fn every_form_is_found_alone_and_within_more() {
        use base64::engine::general_purpose::{STANDARD, URL_SAFE};
        let wide: Vec<u8> = SECRET.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = SECRET.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let json = serde_json::Value::from(SECRET).to_string();
        let ascii = SECRET.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect::<String>();
        let spaced = hex(SECRET.as_bytes())
            .as_bytes()
            .chunks(2)
            .map(|two| String::from_utf8_lossy(two).to_uppercase())
            .collect::<Vec<_>>()
            .join(":");
        let forms: Vec<(&str, Vec<u8>)> = vec![
            ("plain", SECRET.into()),
            ("base64", STANDARD.encode(SECRET).into()),
            ("base64 for urls", URL_SAFE.encode(SECRET).into()),
            ("base64 of UTF-16", STANDARD.encode(&wide).into()),
            ("base64 in a url", percent(&STANDARD.encode(SECRET), "").into()),
            ("url", percent(SECRET, "psword").into()),
            ("form", percent(SECRET, "psword ").replace(' ', "+").into()),
            ("json", json.trim_matches('"').into()),
            ("json in ASCII", ascii.into()),
            ("shell", format!("'{}'", SECRET.replace('\'', "'\\''")).into()),
            ("hex", hex(SECRET.as_bytes()).into()),
            ("hex with colons", spaced.into()),
            ("hex of UTF-16", hex(&big).into()),
            ("UTF-16LE", wide.clone()),
            ("UTF-16BE", big.clone()),
        ];
        for (name, form) in &forms {
            let alone = hidden(form);
            // A NUL at the edge and the shell's own quotes are not the secret's.
            assert!(alone.trim_matches(['\'', '\0']) == "*", "{name}: {alone}");
            let within = hidden(&[b"a: ", form.as_slice(), b" :z"].concat());
            assert!(within.starts_with("a: ") && within.ends_with(" :z") && within.contains('*'), "{name}: {within}");
        }
    }

    #[test]
    fn base64_of_something_longer_keeps_its_rest_at_most() {
        use base64::engine::general_purpose::STANDARD;
        for user in ["a:", "ab:", "abc:", ""] {
            for rest in ["", "\n", "xy", "xyz"] {
                let encoded = STANDARD.encode(format!("{user}{SECRET}{rest}"));
                let shown = hidden(encoded.as_bytes());
                assert!(
                    shown.contains('*') && shown.len() <= user.len() * 2 + rest.len() * 2 + 6,
                    "{user:?} {rest:?}: {shown}"
                );
            }
        }
    }

    #[test]
    fn wrapped_and_dumped_forms_are_found() {
        use base64::engine::general_purpose::STANDARD;
        let wrap = |text: &str, width: usize| {
            text.as_bytes()
                .chunks(width)
                .map(|line| String::from_utf8_lossy(line).into_owned())
                .collect::<Vec<_>>()
                .join("\n")
        };
        assert_eq!(hidden(wrap(&STANDARD.encode(SECRET), 5).as_bytes()), "*");
        assert_eq!(hidden(wrap(&hex(SECRET.as_bytes()), 8).as_bytes()), "*");
        assert_eq!(hidden(wrap(&hex(SECRET.as_bytes()), 2).replace('\n', " ").as_bytes()), "*");
    }

    #[test]
    fn ordinary_text_stays() {
        let text = "password: p@ss, %41+%zz \\u00 \\u{zz} \\ud83d \\x4 end\\";
        assert_eq!(hidden(text.as_bytes()), text);
        assert!(Forms::new(&[], &[]).is_empty());
        assert_eq!(format!("{:?}", Forms::new(&[SECRET], &[])), "(forms of secrets)");
    }

    #[test]
    fn a_beginning_is_known_before_its_end() {
        let forms = Forms::new(&["hunter2"], &[]);
        let at = |text: &str| forms.unfinished(text.as_bytes());
        assert_eq!(at("say hunt"), 4);
        assert_eq!(at("say aHVu\n"), 4, "base64 that goes on in the next line");
        assert_eq!(at("say hunter2!"), 12);
        assert_eq!(at("say 6875"), 4);
    }
}
