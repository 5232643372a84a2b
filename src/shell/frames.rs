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

/// What a host that knows the nonce wrote wrongly.
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

/// An incremental parser of one stream. Holds at most one header or one field.
#[derive(Debug)]
pub struct FrameParser {
    prefix: Vec<u8>,
    pending: Vec<u8>,
    field: Option<(String, usize)>,
}

/// How far one look into the pending bytes came.
enum Step {
    Consumed(usize),
    NeedMore,
}

impl FrameParser {
    pub fn new(nonce: &str) -> FrameParser {
        let mut prefix = vec![MARK];
        prefix.extend_from_slice(nonce.as_bytes());
        prefix.push(b' ');
        FrameParser { prefix, pending: Vec::new(), field: None }
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
        if let Some((key, length)) = self.field.take() {
            return self.take_field(rest, key, length, sink);
        }
        let raw = rest.iter().position(|byte| *byte == MARK).unwrap_or(rest.len());
        if raw > 0 {
            sink(Piece::Raw(rest.get(..raw).unwrap_or_default()));
            return Ok(Step::Consumed(raw));
        }
        let same = rest.iter().zip(&self.prefix).take_while(|(found, expected)| found == expected).count();
        if same < self.prefix.len() {
            if same == rest.len() {
                return Ok(Step::NeedMore);
            }
            sink(Piece::Raw(rest.get(..1).unwrap_or_default()));
            return Ok(Step::Consumed(1));
        }
        self.take_header(rest, sink)
    }

    fn take_header(&mut self, rest: &[u8], sink: &mut dyn FnMut(Piece<'_>)) -> Result<Step, FrameError> {
        let Some(end) = rest.iter().take(HEADER_LIMIT).position(|byte| *byte == b'\n') else {
            return if rest.len() >= HEADER_LIMIT { Err(FrameError::HeaderTooLong) } else { Ok(Step::NeedMore) };
        };
        let header = rest.get(self.prefix.len()..end).unwrap_or_default();
        let header = String::from_utf8_lossy(header);
        let words = header.split(' ').collect::<Vec<_>>();
        match parse_header(&words) {
            Some(Header::Hello { system, shell, user }) => sink(Piece::Hello { system, shell, user }),
            Some(Header::End { sequence, code }) => sink(Piece::End { sequence, code }),
            Some(Header::Field { key, length }) if length > FIELD_LIMIT => {
                return Err(FrameError::FieldTooLong { key, length });
            }
            Some(Header::Field { key, length }) => self.field = Some((key, length)),
            None => return Err(FrameError::BadHeader { header: header.into_owned() }),
        }
        Ok(Step::Consumed(end + 1))
    }

    fn take_field(
        &mut self,
        rest: &[u8],
        key: String,
        length: usize,
        sink: &mut dyn FnMut(Piece<'_>),
    ) -> Result<Step, FrameError> {
        match rest.get(length) {
            None => {
                self.field = Some((key, length));
                Ok(Step::NeedMore)
            }
            Some(b'\n') => {
                sink(Piece::Field { key, value: rest.get(..length).unwrap_or_default() });
                Ok(Step::Consumed(length + 1))
            }
            Some(_) => Err(FrameError::FieldNotClosed { key }),
        }
    }
}

enum Header {
    Hello { system: String, shell: String, user: String },
    Field { key: String, length: usize },
    End { sequence: u64, code: i32 },
}

fn parse_header(words: &[&str]) -> Option<Header> {
    match words {
        ["hello", "1", system, middle @ .., user] => {
            Some(Header::Hello { system: (*system).to_owned(), shell: middle.join(" "), user: (*user).to_owned() })
        }
        ["out", key, length] if is_key(key) => {
            Some(Header::Field { key: (*key).to_owned(), length: length.parse().ok()? })
        }
        ["end", sequence, code] => Some(Header::End { sequence: sequence.parse().ok()?, code: code.parse().ok()? }),
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

    use super::{FIELD_LIMIT, FrameError, FrameParser, Piece};
    use proptest::prelude::*;

    const NONCE: &str = "00112233445566778899aabbccddeeff";

    /// Everything that was parsed, as text; neighbouring raw bytes joined.
    fn parse(chunks: &[&[u8]]) -> Result<(Vec<u8>, Vec<String>), FrameError> {
        let mut parser = FrameParser::new(NONCE);
        let (mut raw, mut marks) = (Vec::new(), Vec::new());
        for chunk in chunks {
            parser.feed(chunk, &mut |piece| match piece {
                Piece::Raw(bytes) => raw.extend_from_slice(bytes),
                other => marks.push(format!("{} {other:?}", raw.len())),
            })?;
        }
        Ok((raw, marks))
    }

    fn mark(text: &str) -> Vec<u8> {
        format!("\x1e{NONCE} {text}\n").into_bytes()
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
        for text in ["", "end", "end x 1", "end 1 1 1", "out a -1", "out a/b 1", &long, "out a 1\nxy", "hello 2 a b"] {
            assert!(parse(&[&mark(text)]).is_err(), "{text}");
        }
        let endless = [mark("end").as_slice().split_last().unwrap().1.to_vec(), vec![b'x'; 600]].concat();
        assert_eq!(parse(&[&endless]), Err(FrameError::HeaderTooLong));
    }

    fn stream() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..40),
            proptest::collection::vec(Just(0x1e_u8), 1..4),
            Just(mark("end 1 0")),
            Just(mark("out key 5\n\x1eabc\n")),
            Just(mark("end")[..20].to_vec()),
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
