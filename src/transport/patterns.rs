//! Patterns of host names as OpenSSH has them: `*`, `?`, and lists with `!`. Pure.

use crate::base::glob;

/// `*` is any text, `?` any one byte.
pub(super) fn matches_glob(pattern: &str, text: &str) -> bool {
    glob::matches(pattern.as_bytes(), text.as_bytes(), (b'*', b'?'))
}

/// One `!` pattern that matches rules everything out.
pub(super) fn matches_list<'a>(patterns: impl IntoIterator<Item = &'a str>, text: &str) -> bool {
    let mut found = false;
    for pattern in patterns {
        match pattern.strip_prefix('!') {
            Some(pattern) if matches_glob(pattern, text) => return false,
            Some(_) => {}
            None => found |= matches_glob(pattern, text),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{matches_glob, matches_list};

    #[test]
    fn globs() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abbd", false),
            ("?", "", false),
            ("10.0.*.?", "10.0.33.7", true),
            ("*a*b", "xaxxb", true),
            ("", "a", false),
        ] {
            assert_eq!(matches_glob(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn one_exception_rules_out() {
        assert!(matches_list(["web*", "!web2"], "web1"));
        assert!(!matches_list(["web*", "!web2"], "web2"));
        assert!(!matches_list(["!web2"], "web1"));
    }
}
