//! Texts inside XML and HTML. Most of them come from hosts: none may end its place, be markup, or be more than it looks.

use super::paint::is_unseen;

/// Text for an attribute or an element; what XML 1.0 cannot hold is written out, and what people would not see.
pub(super) fn xml(text: &str) -> String {
    escaped(text, |letter| match letter {
        '\n' => Some("&#10;"),
        _ => None,
    })
}

/// Text for people to read in a browser.
pub(super) fn html(text: &str) -> String {
    escaped(text, |letter| match letter {
        '\n' => Some("\n"),
        '\'' => Some("&#39;"),
        _ => None,
    })
}

/// `own` says what a form writes otherwise than the other.
fn escaped(text: &str, own: fn(char) -> Option<&'static str>) -> String {
    let mut safe = String::with_capacity(text.len() + text.len() / 8);
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\t' => safe.push('\t'),
            letter => match own(letter) {
                Some(written) => safe.push_str(written),
                None if is_unseen(letter) || matches!(letter, '\u{fffe}' | '\u{ffff}') => {
                    safe.extend(letter.escape_default());
                }
                None => safe.push(letter),
            },
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::{html, xml};

    #[test]
    fn texts_stay_in_their_place() {
        assert_eq!(xml("a<\"b\">&\u{1b}\u{ffff}\n"), "a&lt;&quot;b&quot;&gt;&amp;\\u{1b}\\u{ffff}&#10;");
        assert_eq!(html("<script>'\"&\u{1b}[2J\u{202e}\n"), "&lt;script&gt;&#39;&quot;&amp;\\u{1b}[2J\\u{202e}\n");
    }
}
