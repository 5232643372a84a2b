//! What PowerShell writes to stderr when nobody sees it: its objects in XML. Texts of them become lines again, progress is
//! left out. Bytes come in pieces that end anywhere.

use roxmltree::Document;

const MARK: &[u8] = b"#< CLIXML";
const TEXT: &[u8] = b"<S S=\"";
const TEXT_END: &[u8] = b"</S>";
/// More than this without the end of a text is no object of PowerShell.
const LONGEST: usize = 1 << 20;

/// One stream. What does not begin with PowerShell's mark passes as it is.
#[derive(Default)]
pub(super) struct Decoder {
    held: Vec<u8>,
    form: Form,
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Form {
    #[default]
    Unknown,
    Plain,
    Objects,
}

impl Decoder {
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.held.extend(bytes);
        if self.form == Form::Unknown {
            self.form = form(&self.held);
        }
        match self.form {
            Form::Unknown => Vec::new(),
            Form::Plain => std::mem::take(&mut self.held),
            Form::Objects => self.texts(),
        }
    }

    /// What is left when the stream has ended. An object that was cut says what is known of it.
    pub(super) fn finish(mut self) -> Vec<u8> {
        let rest = std::mem::take(&mut self.held);
        match (self.form, find(&rest, TEXT)) {
            (Form::Objects, Some(start)) => rest.get(start..).unwrap_or_default().to_vec(),
            (Form::Objects, None) => Vec::new(),
            _ => rest,
        }
    }

    fn texts(&mut self) -> Vec<u8> {
        let mut texts = Vec::new();
        loop {
            let Some(start) = find(&self.held, TEXT) else {
                // The mark of a text may be cut in two.
                let kept = self.held.len().saturating_sub(TEXT.len());
                self.held.drain(..kept);
                return texts;
            };
            self.held.drain(..start);
            let Some(end) = find(&self.held, TEXT_END) else {
                if self.held.len() > LONGEST {
                    texts.append(&mut self.held);
                    self.form = Form::Plain;
                }
                return texts;
            };
            let element: Vec<u8> = self.held.drain(..end + TEXT_END.len()).collect();
            texts.extend(text_of(&element).into_bytes());
        }
    }
}

fn form(held: &[u8]) -> Form {
    if held.starts_with(MARK) {
        Form::Objects
    } else if MARK.starts_with(held) {
        Form::Unknown
    } else {
        Form::Plain
    }
}

/// The text of one `<S S="Error">…</S>`, or the element itself where it is none.
fn text_of(element: &[u8]) -> String {
    let element = String::from_utf8_lossy(element);
    match Document::parse(&element) {
        Ok(document) => unescaped(document.root_element().text().unwrap_or_default()),
        Err(_) => element.into_owned(),
    }
}

/// `_x000D_` is a carriage return, as .NET writes what XML cannot hold; two of them may be one letter.
fn unescaped(text: &str) -> String {
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        match escape(rest) {
            Some((unit, after)) => {
                units.push(unit);
                rest = after;
            }
            None => {
                units.extend(letter.encode_utf16(&mut [0; 2]).iter());
                rest = rest.get(letter.len_utf8()..).unwrap_or_default();
            }
        }
    }
    String::from_utf16_lossy(&units).replace("\r\n", "\n")
}

fn escape(text: &str) -> Option<(u16, &str)> {
    let digits = text.strip_prefix("_x")?.get(..4)?;
    let after = text.get(6..)?.strip_prefix('_')?;
    digits
        .bytes()
        .all(|digit| digit.is_ascii_hexdigit())
        .then(|| u16::from_str_radix(digits, 16).ok())?
        .map(|unit| (unit, after))
}

fn find(text: &[u8], piece: &[u8]) -> Option<usize> {
    text.windows(piece.len()).position(|window| window == piece)
}

#[cfg(test)]
mod tests {
    use super::Decoder;

    const SAID: &str = "#< CLIXML\r\n<Objs Version=\"1.1.0.1\" xmlns=\"http://schemas.microsoft.com/powershell/2004/04\"><Obj \
                        S=\"progress\" RefId=\"0\"><MS><AV>Preparing</AV></MS></Obj><S S=\"Error\">caf\u{e9} &lt;1&gt;_x000D__x000A_</S><S \
                        S=\"Error\">_xD83D__xDE00__x005F_x_x000A_</S></Objs>";
    const MEANT: &str = "caf\u{e9} <1>\n\u{1f600}_x\n";

    #[test]
    fn texts_are_found_wherever_the_stream_is_cut() {
        for cut in 0..=SAID.len() {
            let (first, second) = SAID.as_bytes().split_at(cut);
            let mut decoder = Decoder::default();
            let mut found = decoder.push(first);
            found.extend(decoder.push(second));
            found.extend(decoder.finish());
            assert_eq!(String::from_utf8_lossy(&found), MEANT, "{cut}");
        }
    }

    #[test]
    fn a_stream_without_the_mark_passes_untouched_and_at_once() {
        let mut decoder = Decoder::default();
        assert_eq!(decoder.push(b"#"), b"");
        assert_eq!(decoder.push(b"1 \xff<S S=\"x"), b"#1 \xff<S S=\"x");
        assert_eq!(decoder.finish(), b"");
    }

    #[test]
    fn a_cut_object_and_a_lone_mark_are_not_lost() {
        let mut decoder = Decoder::default();
        assert_eq!(decoder.push(b"#< CLIXML\r\n<Objs><S S=\"Error\">half"), b"");
        assert_eq!(decoder.finish(), b"<S S=\"Error\">half");
        let mut decoder = Decoder::default();
        decoder.push(b"#< CLI");
        assert_eq!(decoder.finish(), b"#< CLI");
    }
}
