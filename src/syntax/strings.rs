//! Common indentation: taken out of blocks of text when reading, put back when formatting.

use super::ast::StringPiece;

/// The value of a raw block, by one rule: blanks at the end of a line are no text; neither is the first line break, if
/// nothing stands beside the opening quotes, the last one, if nothing stands beside the closing ones, nor the
/// indentation that all lines share. Every other line break is text, those of empty lines at the end too.
pub(super) fn dedent(raw: &str) -> String {
    dedent_placed(raw).0
}

/// The same, with the offset of every line in the result and in `raw`.
pub(super) fn dedent_placed(raw: &str) -> (String, Vec<(usize, usize)>) {
    let mut lines = placed_lines(raw);
    let begins_beside_its_quotes = !lines.first().is_some_and(|(first, _)| first.is_empty());
    if begins_beside_its_quotes {
        lines.first_mut().iter_mut().for_each(|first| **first = without_indentation(**first));
    } else {
        lines.remove(0);
    }
    lines.pop_if(|(last, _)| last.is_empty());
    let shared = if begins_beside_its_quotes { 0 } else { shared_indentation(&lines) };
    let mut text = String::new();
    let mut places = Vec::new();
    for (index, (line, start)) in lines.into_iter().enumerate() {
        if index > 0 {
            text.push('\n');
        }
        places.push((text.len(), start + shared.min(line.len())));
        text.push_str(line.get(shared..).unwrap_or(""));
    }
    (text, places)
}

/// The lines without blanks at their ends, each with the offset where it starts.
fn placed_lines(raw: &str) -> Vec<(&str, usize)> {
    let mut start = 0;
    let placed = raw.split('\n').map(|line| {
        let place = (line.trim_end(), start);
        start += line.len() + 1;
        place
    });
    placed.collect()
}

fn without_indentation((line, start): (&str, usize)) -> (&str, usize) {
    let text = line.trim_start();
    (text, start + line.len() - text.len())
}

fn shared_indentation(lines: &[(&str, usize)]) -> usize {
    lines
        .iter()
        .filter(|(line, _)| !line.is_empty())
        .map(|(line, _)| line.len() - line.trim_start_matches([' ', '\t']).len())
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
        assert_eq!(dedent("a\n   b\n  "), "a\n   b");
        assert_eq!(dedent(" \t\n  a \n\n   b\n"), "a\n\n b");
    }

    #[test]
    fn an_empty_line_at_an_end_is_one_line_break_whatever_blanks_it_has() {
        assert_eq!(dedent("\n a\n \n \n \n"), "a\n\n\n");
        assert_eq!(dedent("\n a\n\n\n\n "), "a\n\n\n");
        assert_eq!(dedent("\n a\n\n"), "a\n");
        assert_eq!(dedent("a\n\n"), "a\n");
        assert_eq!(dedent("\n\n  a"), "\na");
        assert_eq!(dedent("\n\n  \n"), "\n");
        assert_eq!(dedent("\n  \n"), "");
        assert_eq!(dedent("  "), "");
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
