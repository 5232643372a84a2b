//! Common indentation: taken out of blocks of text when reading, put back when formatting.

use super::ast::StringPiece;

/// A raw block without its first line break, its last indented line, and the indentation all lines share.
pub(super) fn dedent(raw: &str) -> String {
    dedent_placed(raw).0
}

/// The same, with the offset of every line in the result and in `raw`.
pub(super) fn dedent_placed(raw: &str) -> (String, Vec<(usize, usize)>) {
    let Some(body) = raw.strip_prefix('\n').or_else(|| raw.strip_prefix("\r\n")) else {
        let lead = raw.len() - raw.trim_start().len();
        return placed_lines(raw.trim(), lead, 0);
    };
    let body_start = raw.len() - body.len();
    let body = match body.rfind('\n') {
        Some(end) if body.get(end..).is_some_and(|last| last.trim().is_empty()) => body.get(..end).unwrap_or(body),
        None if body.trim().is_empty() => "",
        _ => body,
    };
    let shared = shared_indentation(body.lines());
    placed_lines(body, body_start, shared)
}

/// Lines without the indentation they share and without blanks at their ends; `start` is where the first one stands.
fn placed_lines(body: &str, start: usize, shared: usize) -> (String, Vec<(usize, usize)>) {
    let mut text = String::new();
    let mut places = Vec::new();
    let mut line_start = start;
    for (index, line) in body.split_inclusive('\n').enumerate() {
        if index > 0 {
            text.push('\n');
        }
        places.push((text.len(), line_start + shared.min(line.trim_end().len())));
        text.push_str(line.get(shared..).unwrap_or("").trim_end());
        line_start += line.len();
    }
    (text, places)
}

fn shared_indentation<'a>(lines: impl Iterator<Item = &'a str>) -> usize {
    lines
        .filter(|line| !line.trim().is_empty())
        .map(|line| line.len() - line.trim_start_matches([' ', '\t']).len())
        .min()
        .unwrap_or(0)
}

/// Stands for a hole while the indentation is worked out; cannot be typed in a text (control characters are refused).
const HOLE: char = '\u{1}';

/// The same for a text with holes.
pub(super) fn dedent_pieces(pieces: Vec<StringPiece>) -> Vec<StringPiece> {
    let mut holes = Vec::new();
    let mut joined = String::new();
    for piece in pieces {
        match piece {
            StringPiece::Text(text) => joined.push_str(&text.replace(HOLE, "")),
            hole @ StringPiece::Hole(_) => {
                joined.push(HOLE);
                holes.push(hole);
            }
        }
    }
    let dedented = dedent(&joined);
    let mut holes = holes.into_iter();
    let mut pieces = Vec::new();
    for (index, text) in dedented.split(HOLE).enumerate() {
        if index > 0 {
            pieces.extend(holes.next());
        }
        if !text.is_empty() {
            pieces.push(StringPiece::Text(text.to_string()));
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::{dedent, dedent_placed};

    #[test]
    fn the_indentation_that_all_lines_share_is_not_text() {
        assert_eq!(dedent("\n    a\n      b\n\n    c\n  "), "a\n  b\n\nc");
        assert_eq!(dedent(" one line "), "one line");
        assert_eq!(dedent("\n"), "");
        assert_eq!(dedent("\n  a"), "a");
    }

    #[test]
    fn every_line_knows_where_it_stood() {
        let raw = "\r\n    a \r\n\n      ü\n  ";
        let (text, places) = dedent_placed(raw);
        assert_eq!(text, "a\n\n  ü");
        let stood: Vec<&str> = places.iter().map(|(_, at)| raw[*at..].lines().next().unwrap_or("")).collect();
        assert_eq!(stood, ["a ", "", "  ü"]);
        assert_eq!(places.iter().map(|(offset, _)| *offset).collect::<Vec<_>>(), [0, 2, 3]);
    }
}
