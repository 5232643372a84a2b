//! How a line of ssh's configuration falls into a keyword and words. The odd corners are ssh's own. Pure.

const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

/// The keyword of a line in lower case, and what follows it; nothing for empty lines and comments.
pub(super) fn keyword_of(line: &str) -> Option<(String, &str)> {
    let mut rest = Some(line.trim_end_matches([' ', '\t', '\r', '\n', '\x0c']));
    let mut keyword = next_word(&mut rest)?;
    if keyword.is_empty() {
        keyword = next_word(&mut rest)?;
    }
    if keyword.is_empty() || keyword.starts_with('#') {
        return None;
    }
    Some((keyword.to_ascii_lowercase(), rest.unwrap_or_default().trim_start_matches(BLANKS)))
}

/// Takes a word that ends at blanks, one `=`, or the second of two quotes.
pub(super) fn next_word(rest: &mut Option<&str>) -> Option<String> {
    let text = rest.take()?;
    let Some(at) = text.find([' ', '\t', '\r', '\n', '"', '=']) else { return Some(text.to_owned()) };
    let (before, after) = text.split_at(at);
    if let Some(quoted) = after.strip_prefix('"') {
        let (inner, behind) = quoted.split_once('"')?;
        *rest = Some(behind.trim_start_matches(BLANKS));
        return Some(format!("{before}{inner}"));
    }
    let next = after.get(1..).unwrap_or_default().trim_start_matches(BLANKS);
    let skipped = if after.starts_with('=') { None } else { next.strip_prefix('=') };
    *rest = Some(skipped.map_or(next, |skipped| skipped.trim_start_matches(BLANKS)));
    Some(before.to_owned())
}

/// The words of a value up to a comment; nothing where a quote is not closed.
pub(super) fn split_words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut characters = text.chars().peekable();
    loop {
        while characters.next_if(|character| [' ', '\t'].contains(character)).is_some() {}
        match characters.peek() {
            None | Some('#') => return Some(words),
            Some(_) => words.push(one_word(&mut characters)?),
        }
    }
}

fn one_word(characters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<String> {
    let mut word = String::new();
    let mut quote = None;
    while let Some(character) = characters.next_if(|character| quote.is_some() || ![' ', '\t'].contains(character)) {
        match (character, quote) {
            ('\\', _) => {
                let escaped =
                    characters.next_if(|next| ['\'', '"', '\\'].contains(next) || (quote.is_none() && *next == ' '));
                word.push(escaped.unwrap_or('\\'));
            }
            ('"' | '\'', None) => quote = Some(character),
            (_, Some(open)) if open == character => quote = None,
            _ => word.push(character),
        }
    }
    if quote.is_some() { None } else { Some(word) }
}

/// What follows a keyword whose value is the rest of the line.
pub(super) fn rest_of_line(rest: &str) -> &str {
    rest.trim_start_matches([' ', '\t', '\r', '\n', '='])
}

#[cfg(test)]
mod tests {
    use super::{keyword_of, split_words};

    #[test]
    fn lines_have_keywords() {
        for (line, expected) in [
            ("Port 22", Some(("port", "22"))),
            ("  \tPORT=22 \r", Some(("port", "22"))),
            ("Port = 22", Some(("port", "22"))),
            ("Port==22", Some(("port", "=22"))),
            ("\"Port\" 22", Some(("port", "22"))),
            ("Port", Some(("port", ""))),
            ("#Port 22", None),
            ("  # Port", None),
            ("", None),
            ("\"Port", None),
        ] {
            assert_eq!(keyword_of(line), expected.map(|(keyword, rest)| (keyword.to_owned(), rest)), "{line}");
        }
    }

    #[test]
    fn values_are_words() {
        for (text, expected) in [
            ("a  b\tc", Some(vec!["a", "b", "c"])),
            ("a # b", Some(vec!["a"])),
            ("a#b", Some(vec!["a#b"])),
            (r#""a b"c\ d 'e"f'"#, Some(vec!["a bc d", "e\"f"])),
            (r#"a\b "\" \ ""#, Some(vec!["a\\b", "\" \\ "])),
            ("\"a", None),
            ("it's", None),
            ("\"\"", Some(vec![""])),
        ] {
            let expected = expected.map(|words| words.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(split_words(text), expected, "{text}");
        }
    }
}
