//! The one place where a value becomes shell text: single quotes, which no POSIX shell looks into.
//! Knows nothing of what the value means.

use super::error::ShellError;

/// `value` as one word of a POSIX shell.
pub fn quote(name: &str, value: &str) -> Result<String, ShellError> {
    if value.contains('\0') {
        return Err(ShellError::NulByte { name: name.to_owned() });
    }
    let mut quoted = String::with_capacity(value.len() + 2);
    quoted.push('\'');
    quoted.push_str(&value.replace('\'', r"'\''"));
    quoted.push('\'');
    Ok(quoted)
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
    use super::{ShellError, check_name, quote};

    #[test]
    fn quotes() {
        let cases = [("", "''"), ("a b", "'a b'"), ("it's", r"'it'\''s'"), ("$(x)`y`\\", "'$(x)`y`\\'")];
        for (value, expected) in cases {
            assert_eq!(quote("v", value), Ok(expected.to_owned()));
        }
        assert_eq!(quote("v", "a\0b"), Err(ShellError::NulByte { name: "v".to_owned() }));
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
