//! Colours for words that already say what they mean, and texts from hosts made harmless.

/// Colour codes by meaning.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tone {
    Ok,
    Changed,
    Skipped,
    Failed,
    Warning,
    Dim,
    Strong,
}

pub fn paint(text: &str, tone: Tone, colour: bool) -> String {
    if !colour {
        return text.to_string();
    }
    let code = match tone {
        Tone::Ok => "32",
        Tone::Changed => "33",
        Tone::Skipped => "36",
        Tone::Failed => "31",
        Tone::Warning => "35",
        Tone::Dim => "2",
        Tone::Strong => "1",
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}

/// Control characters, and those that turn the direction of the letters behind them around: nobody sees them, and all
/// else looks other than it is.
pub(super) fn is_unseen(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A text from a host without what is unseen: a terminal must not be told what to do by it, nor a reader be misled.
pub fn harmless(text: &str) -> String {
    text.chars()
        .flat_map(|letter| match letter {
            '\n' | '\t' => vec![letter],
            unseen if is_unseen(unseen) => unseen.escape_default().collect(),
            other => vec![other],
        })
        .collect()
}

/// A unified diff below what it is about, indented.
pub fn painted_diff(diff: &str, colour: bool) -> String {
    let mut text = String::new();
    for line in diff.lines() {
        let tone = match line.chars().next() {
            Some('+') => Tone::Ok,
            Some('-') => Tone::Failed,
            _ => Tone::Dim,
        };
        text.push_str(&format!("      {}\n", paint(&harmless(line), tone, colour)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn escape_sequences_are_written_out() {
        assert_eq!(harmless("a\x1b[2Jb\r\n"), "a\\u{1b}[2Jb\\r\n");
        assert_eq!(harmless("user\u{202e}nimda"), "user\\u{202e}nimda");
    }
}
