//! A line as words, as Ansible splits it: quotes and backslashes of a POSIX shell, comments from `#`.

/// The words of a line; the error says what is not closed.
pub(super) fn split(line: &str, has_comments: bool) -> Result<Vec<String>, &'static str> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match letter {
            ' ' | '\t' | '\r' | '\n' => words.extend(word.take()),
            // In the middle of a word, too.
            '#' if has_comments => break,
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match letters.next().ok_or("a quote is not closed")? {
                        '\'' => break,
                        other => word.push(other),
                    }
                }
            }
            '"' => double_quoted(&mut letters, word.get_or_insert_default())?,
            '\\' => word.get_or_insert_default().push(letters.next().ok_or("nothing follows a backslash")?),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Ok(words)
}

fn double_quoted(letters: &mut std::str::Chars<'_>, word: &mut String) -> Result<(), &'static str> {
    loop {
        match letters.next().ok_or("a quote is not closed")? {
            '"' => return Ok(()),
            '\\' => {
                let escaped = letters.next().ok_or("nothing follows a backslash")?;
                if !matches!(escaped, '"' | '\\') {
                    word.push('\\');
                }
                word.push(escaped);
            }
            other => word.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_split_as_by_a_shell() {
        let cases: [(&str, Result<&[&str], &str>); 8] = [
            ("web1  a=1\tb=2", Ok(&["web1", "a=1", "b=2"])),
            ("a='x y' b=\"z \\\" \\n\" # end", Ok(&["a=x y", "b=z \" \\n"])),
            ("a=b#c d", Ok(&["a=b"])),
            ("a='#' b", Ok(&["a=#", "b"])),
            ("a\\ b ''", Ok(&["a b", ""])),
            ("a=\"{'b': 'c'}\"", Ok(&["a={'b': 'c'}"])),
            ("a='b", Err("a quote is not closed")),
            ("a\\", Err("nothing follows a backslash")),
        ];
        for (line, expected) in cases {
            let expected = expected.map(|words| words.iter().map(|word| (*word).to_string()).collect::<Vec<_>>());
            assert_eq!(split(line, true), expected, "{line}");
        }
    }
}
