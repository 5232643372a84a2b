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

/// A text from a host without control characters: a terminal must not be told what to do by one.
pub fn harmless(text: &str) -> String {
    text.chars()
        .flat_map(|letter| match letter {
            '\n' | '\t' => vec![letter],
            control if control.is_control() => control.escape_default().collect(),
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
    }
}
