//! The marks that a lane writes between raw output, parsed piece by piece from a peer that is not trusted.
//! Knows nothing of steps: it says what was marked, and hands on everything else untouched.

use std::fmt;

use super::lane::MARK;

/// A header is a few words; a longer one is an attack or a broken host.
const HEADER_LIMIT: usize = 512;
/// The longest value of one field, in bytes.
pub const FIELD_LIMIT: usize = 4 << 20;

/// What came in, in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Piece<'a> {
    Raw(&'a [u8]),
    Hello { system: String, shell: String, user: String },
    Field { key: String, value: &'a [u8] },
    End { sequence: u64, code: i32 },
}

/// What a host that knows a nonce wrote wrongly.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FrameError {
    HeaderTooLong,
    BadHeader { header: String },
    FieldTooLong { key: String, length: usize },
    FieldNotClosed { key: String },
}

impl fmt::Display for FrameError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FrameError::HeaderTooLong => write!(formatter, "a mark is longer than {HEADER_LIMIT} bytes"),
            FrameError::BadHeader { header } => {
                write!(formatter, "the mark `{}` has no meaning", header.escape_debug())
            }
            FrameError::FieldTooLong { key, length } => {
                write!(formatter, "field `{key}` has {length} bytes, expected at most {FIELD_LIMIT}")
            }
            FrameError::FieldNotClosed { key } => write!(formatter, "field `{key}` is longer than it says"),
        }
    }
}

impl std::error::Error for FrameError {}

/// The nonces of one step. What a step reports and what the lane says about it have different ones, and the step never
/// sees the second: it cannot end itself, nor speak for the step after it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Nonces {
    pub fields: String,
    pub end: String,
}

/// What one mark may say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Word {
    Hello,
    Field,
    End,
}

/// An incremental parser of one stream. Holds at most one header or one field.
#[derive(Debug)]
pub struct FrameParser {
    /// The bytes that open a mark, up to what differs from mark to mark.
    openings: Vec<(Word, Vec<u8>)>,
    pending: Vec<u8>,
    field: Option<Field>,
}

#[derive(Debug)]
struct Field {
    key: String,
    length: usize,
    /// So many bytes of it do not open an end.
    searched: usize,
}

/// How far one look into the pending bytes came.
enum Step {
    Consumed(usize),
    NeedMore,
}

/// What the pending bytes begin with.
enum Opening {
    Whole(Word, usize),
    Part,
    Other,
}

impl FrameParser {
    /// Looks for the hello of a lane that was given `token`.
    pub fn of_hello(token: &str) -> FrameParser {
        FrameParser::of(vec![(Word::Hello, opening(token, "hello"))])
    }

    /// Looks for what one step says. What an earlier step's children still say has other nonces, and is raw.
    pub fn of_step(nonces: &Nonces) -> FrameParser {
        FrameParser::of(vec![(Word::Field, opening(&nonces.fields, "out")), (Word::End, opening(&nonces.end, "end"))])
    }

    fn of(openings: Vec<(Word, Vec<u8>)>) -> FrameParser {
        FrameParser { openings, pending: Vec::new(), field: None }
    }

    /// Takes the next bytes and hands every complete piece to `sink`. After an error the stream is of no use.
    pub fn feed(&mut self, bytes: &[u8], sink: &mut dyn FnMut(Piece<'_>)) -> Result<(), FrameError> {
        let mut pending = std::mem::take(&mut self.pending);
        pending.extend_from_slice(bytes);
        let mut start = 0;
        while let Some(rest) = pending.get(start..).filter(|rest| !rest.is_empty()) {
            match self.take_piece(rest, sink)? {
                Step::Consumed(length) => start += length,
                Step::NeedMore => break,
            }
        }
        pending.drain(..start);
        self.pending = pending;
        Ok(())
    }

    fn take_piece(&mut self, rest: &[u8], sink: &mut dyn FnMut(Piece<'_>)) -> Result<Step, FrameError> {
        if let Some(field) = self.field.take() {
            return self.take_field(rest, field, sink);
        }
        let raw = rest.iter().position(|byte| *byte == MARK).unwrap_or(rest.len());
        if raw > 0 {
            sink(Piece::Raw(rest.get(..raw).unwrap_or_default()));
            return Ok(Step::Consumed(raw));
        }
        match self.opening_of(rest) {
            Opening::Whole(word, length) => self.take_header(rest, word, length, sink),
            Opening::Part => Ok(Step::NeedMore),
            Opening::Other => {
                sink(Piece::Raw(rest.get(..1).unwrap_or_default()));
                Ok(Step::Consumed(1))
            }
        }
    }

    fn opening_of(&self, rest: &[u8]) -> Opening {
        let mut found = Opening::Other;
        for (word, opening) in &self.openings {
            if rest.starts_with(opening) {
                return Opening::Whole(*word, opening.len());
            }
            if opening.starts_with(rest) {
                found = Opening::Part;
            }
        }
        found
    }

    fn take_header(
        &mut self,
        rest: &[u8],
        word: Word,
        opening: usize,
        sink: &mut dyn FnMut(Piece<'_>),
    ) -> Result<Step, FrameError> {
        let Some(end) = rest.iter().take(HEADER_LIMIT).position(|byte| *byte == b'\n') else {
            return if rest.len() >= HEADER_LIMIT { Err(FrameError::HeaderTooLong) } else { Ok(Step::NeedMore) };
        };
        let header = String::from_utf8_lossy(rest.get(opening..end).unwrap_or_default());
        match parse_header(word, &header.split(' ').collect::<Vec<_>>()) {
            Some(Header::Hello { system, shell, user }) => sink(Piece::Hello { system, shell, user }),
            Some(Header::End { sequence, code }) => sink(Piece::End { sequence, code }),
            Some(Header::Field { key, length }) if length > FIELD_LIMIT => {
                return Err(FrameError::FieldTooLong { key, length });
            }
            Some(Header::Field { key, length }) => self.field = Some(Field { key, length, searched: 0 }),
            None => return Err(FrameError::BadHeader { header: header.into_owned() }),
        }
        Ok(Step::Consumed(end + 1))
    }

    fn take_field(
        &mut self,
        rest: &[u8],
        mut field: Field,
        sink: &mut dyn FnMut(Piece<'_>),
    ) -> Result<Step, FrameError> {
        // A child in the background may still write its field when the step ends: half of it is no field.
        if let Some(at) = self.end_within(rest, &field) {
            return Ok(Step::Consumed(at));
        }
        match rest.get(field.length) {
            None => {
                field.searched = rest.len();
                self.field = Some(field);
                Ok(Step::NeedMore)
            }
            Some(b'\n') => {
                sink(Piece::Field { key: field.key, value: rest.get(..field.length).unwrap_or_default() });
                Ok(Step::Consumed(field.length + 1))
            }
            Some(_) if self.may_end_within(rest, &field) => {
                self.field = Some(field);
                Ok(Step::NeedMore)
            }
            Some(_) => Err(FrameError::FieldNotClosed { key: field.key }),
        }
    }

    /// Where an end opens inside a field, which no value can hold because no step knows its nonce.
    fn end_within(&self, rest: &[u8], field: &Field) -> Option<usize> {
        let (_, end) = self.openings.iter().find(|(word, _)| *word == Word::End)?;
        let from = field.searched.saturating_sub(end.len());
        let mut tails = tails_of_marks(rest, from, field.length);
        tails.find(|(_, tail)| tail.starts_with(end)).map(|(at, _)| at)
    }

    /// Whether the last bytes are an end that is not whole yet.
    fn may_end_within(&self, rest: &[u8], field: &Field) -> bool {
        let mut ends = self.openings.iter().filter(|(word, _)| *word == Word::End);
        ends.any(|(_, end)| {
            let from = field.length.saturating_sub(end.len());
            tails_of_marks(rest, from, field.length).any(|(_, tail)| end.starts_with(tail))
        })
    }
}

/// What begins with a mark from `first` to `last`, each to the end of what is there.
fn tails_of_marks(rest: &[u8], first: usize, last: usize) -> impl Iterator<Item = (usize, &[u8])> {
    let inside = rest.get(first..rest.len().min(last + 1)).unwrap_or_default();
    let marks = inside.iter().enumerate().filter(|(_, byte)| **byte == MARK);
    marks.filter_map(move |(at, _)| Some((first + at, rest.get(first + at..)?)))
}

fn opening(nonce: &str, word: &str) -> Vec<u8> {
    [&[MARK], nonce.as_bytes(), b" ", word.as_bytes(), b" "].concat()
}

enum Header {
    Hello { system: String, shell: String, user: String },
    Field { key: String, length: usize },
    End { sequence: u64, code: i32 },
}

fn parse_header(word: Word, words: &[&str]) -> Option<Header> {
    match (word, words) {
        (Word::Hello, ["1", system, middle @ .., user]) => {
            Some(Header::Hello { system: (*system).to_owned(), shell: middle.join(" "), user: (*user).to_owned() })
        }
        (Word::Field, [key, length]) if is_key(key) => {
            Some(Header::Field { key: (*key).to_owned(), length: length.parse().ok()? })
        }
        (Word::End, [sequence, code]) => {
            Some(Header::End { sequence: sequence.parse().ok()?, code: code.parse().ok()? })
        }
        _ => None,
    }
}

fn is_key(key: &str) -> bool {
    !key.is_empty()
        && key.len() <= 128
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

    use super::{FIELD_LIMIT, FrameError, FrameParser, Nonces, Piece};
    use proptest::prelude::*;

    const FIELDS: &str = "00112233445566778899aabbccddeeff";
    const END: &str = "00112233445566778899aabbccddeee0";

    fn parser() -> FrameParser {
        FrameParser::of_step(&Nonces { fields: FIELDS.to_owned(), end: END.to_owned() })
    }

    /// Everything that was parsed, as text; neighbouring raw bytes joined.
    fn parse(chunks: &[&[u8]]) -> Result<(Vec<u8>, Vec<String>), FrameError> {
        parse_with(parser(), chunks)
    }

    fn parse_with(mut parser: FrameParser, chunks: &[&[u8]]) -> Result<(Vec<u8>, Vec<String>), FrameError> {
        let (mut raw, mut marks) = (Vec::new(), Vec::new());
        for chunk in chunks {
            parser.feed(chunk, &mut |piece| match piece {
                Piece::Raw(bytes) => raw.extend_from_slice(bytes),
                other => marks.push(format!("{} {other:?}", raw.len())),
            })?;
        }
        Ok((raw, marks))
    }

    /// With the nonce that the word belongs to.
    fn mark(text: &str) -> Vec<u8> {
        let nonce = if text.starts_with("end") { END } else { FIELDS };
        format!("\x1e{nonce} {text}\n").into_bytes()
    }

    #[test]
    fn marks_are_found_between_raw_bytes() {
        let stream = [b"noise".to_vec(), mark("out sum 3\na\nb"), b"\x1e\x00\xff".to_vec(), mark("end 4 143")].concat();
        let (raw, marks) = parse(&[&stream]).unwrap();
        assert_eq!(raw, b"noise\x1e\x00\xff");
        assert_eq!(
            marks,
            [
                format!("5 {:?}", Piece::Field { key: "sum".to_owned(), value: b"a\nb" }),
                format!("8 {:?}", Piece::End { sequence: 4, code: 143 }),
            ]
        );
    }

    #[test]
    fn broken_marks_are_errors() {
        let long = format!("out a {}", FIELD_LIMIT + 1);
        for text in ["end ", "end x 1", "end 1 1 1", "out a -1", "out a/b 1", "out a b 1", &long, "out a 1\nxy"] {
            assert!(parse(&[&mark(text)]).is_err(), "{text}");
        }
        let endless = [mark("end ").as_slice().split_last().unwrap().1.to_vec(), vec![b'x'; 600]].concat();
        assert_eq!(parse(&[&endless]), Err(FrameError::HeaderTooLong));
    }

    #[test]
    fn a_nonce_says_only_its_own_word() {
        let wrong = [
            format!("\x1e{FIELDS} end 1 0\n"),
            format!("\x1e{END} out a 1\nx\n"),
            format!("\x1e{FIELDS} hello 1 Linux sh root\n"),
            format!("\x1e{} end 1 0\n", "0".repeat(32)),
        ];
        for text in wrong {
            assert_eq!(parse(&[text.as_bytes()]), Ok((text.clone().into_bytes(), Vec::new())));
        }
        let hello = format!("\x1e{FIELDS} hello 1 Linux /bin/sh root\n");
        let (raw, marks) = parse_with(FrameParser::of_hello(FIELDS), &[b"noise", hello.as_bytes()]).unwrap();
        assert_eq!((raw, marks.len()), (b"noise".to_vec(), 1));
        assert!(parse_with(FrameParser::of_hello(FIELDS), &[hello.replace(" 1 ", " 2 ").as_bytes()]).is_err());
    }

    #[test]
    fn an_end_inside_a_field_is_an_end() {
        let cut = [mark("out late 900").as_slice(), &[b'x'; 500], &mark("end 3 0"), b"yy"].concat();
        let (raw, marks) = parse(&[&cut]).unwrap();
        assert_eq!((raw.as_slice(), marks), (&b"yy"[..], vec!["0 End { sequence: 3, code: 0 }".to_owned()]));
        // Also where all but a few bytes of the field came, and however the end is cut itself.
        for missing in [0, 1, 2, 30, 40, 60] {
            let head = [mark("out late 900").as_slice(), &vec![b'x'; 900 - missing]].concat();
            let end = mark("end 3 0");
            for at in 0..end.len() {
                let (_, marks) = parse(&[&head, &end[..at], &end[at..]]).unwrap();
                assert_eq!(marks, vec!["0 End { sequence: 3, code: 0 }".to_owned()], "{missing} {at}");
            }
        }
    }

    fn stream() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..40),
            proptest::collection::vec(Just(0x1e_u8), 1..4),
            Just(mark("end 1 0")),
            Just(mark("out key 5\n\x1eabc\n")),
            Just(mark("out key 60")),
            Just(mark("end ")[..20].to_vec()),
            Just(mark("end ")[..36].to_vec()),
            Just(b"\x1e00112233445566778899aabbccddeefe end 1 0\n".to_vec()),
        ];
        proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_same_pieces(bytes in stream(), sizes in proptest::collection::vec(1_usize..9, 1..40)) {
            let mut chunks = Vec::new();
            let mut rest = bytes.as_slice();
            let mut turn = sizes.iter().cycle();
            while !rest.is_empty() {
                let (chunk, next) = rest.split_at((*turn.next().unwrap()).min(rest.len()));
                chunks.push(chunk);
                rest = next;
            }
            prop_assert_eq!(parse(&chunks), parse(&[&bytes]));
        }

        #[test]
        fn bytes_without_the_nonce_are_raw(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let closed = [bytes.as_slice(), b"."].concat();
            prop_assert_eq!(parse(&[&closed]), Ok((closed.clone(), Vec::new())));
        }
    }
}
