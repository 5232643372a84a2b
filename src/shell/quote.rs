//! The one place where a value becomes shell text: single quotes, which no POSIX shell looks into; quotes and carets for
//! cmd.exe.
//! Knows nothing of what the value means.

use super::error::ShellError;

/// `value` as one word of a POSIX shell.
pub fn quote(name: &str, value: &str) -> Result<String, ShellError> {
    let value = check_text(name, value)?;
    let mut quoted = String::with_capacity(value.len() + 2);
    quoted.push('\'');
    quoted.push_str(&value.replace('\'', r"'\''"));
    quoted.push('\'');
    Ok(quoted)
}

/// Words as one line of cmd.exe that starts a program with exactly these arguments: each is quoted for the program's own
/// reading of its line, and every sign that cmd.exe looks at gets a caret. A batch file reads its line once more and may
/// understand something else.
pub fn cmd_line(words: &[String]) -> Result<String, ShellError> {
    let quoted: Result<Vec<String>, ShellError> = words.iter().map(|word| cmd_word(word)).collect();
    Ok(quoted?.join(" "))
}

fn cmd_word(word: &str) -> Result<String, ShellError> {
    if word.contains(['\0', '\r', '\n']) {
        return Err(ShellError::CmdWord { word: word.to_owned() });
    }
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./\\:@+".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        return Ok(word.to_owned());
    }
    let mut quoted = String::from("\"");
    let mut slashes = 0;
    for letter in word.chars() {
        if letter == '"' {
            // Slashes before a quote count double, and the quote needs one of its own.
            quoted.push_str(&"\\".repeat(slashes + 1));
        }
        slashes = if letter == '\\' { slashes + 1 } else { 0 };
        quoted.push(letter);
    }
    quoted.push_str(&"\\".repeat(slashes));
    quoted.push('"');
    let carets =
        quoted.chars().flat_map(|letter| "()%!^\"<>&|".contains(letter).then_some('^').into_iter().chain([letter]));
    Ok(carets.collect())
}

/// Accepts what every shell and system can hold.
pub fn check_text<'a>(name: &str, value: &'a str) -> Result<&'a str, ShellError> {
    if value.contains('\0') {
        return Err(ShellError::NulByte { name: name.to_owned() });
    }
    Ok(value)
}

/// Accepts what can stand on the left of an assignment.
pub fn check_name(name: &str) -> Result<&str, ShellError> {
    let mut letters = name.chars();
    let starts_well = letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_');
    if starts_well && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_') {
        return Ok(name);
    }
    Err(ShellError::BadName { name: name.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::{ShellError, check_name, cmd_line, quote};

    #[test]
    fn quotes() {
        let cases = [("", "''"), ("a b", "'a b'"), ("it's", r"'it'\''s'"), ("$(x)`y`\\", "'$(x)`y`\\'")];
        for (value, expected) in cases {
            assert_eq!(quote("v", value), Ok(expected.to_owned()));
        }
        assert_eq!(quote("v", "a\0b"), Err(ShellError::NulByte { name: "v".to_owned() }));
    }

    #[test]
    fn words_for_cmd() {
        let cases: [(&[&str], &str); 6] = [
            (&["ipconfig", "/all"], "ipconfig /all"),
            (&["echo", ""], "echo ^\"^\""),
            (&["a b", "%PATH%"], "^\"a b^\" ^\"^%PATH^%^\""),
            (&[r#"say "hi""#], r#"^"say \^"hi\^"^""#),
            (&[r"C:\x y\"], r#"^"C:\x y\\^""#),
            (&["a&b|c"], "^\"a^&b^|c^\""),
        ];
        for (words, expected) in cases {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            assert_eq!(cmd_line(&words).as_deref(), Ok(expected));
        }
        assert!(cmd_line(&["a\nb".to_owned()]).is_err());
    }

    #[test]
    fn names() {
        for good in ["a", "_x1", "name_set"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "1a", "a-b", "a b", "a;b", "é"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
