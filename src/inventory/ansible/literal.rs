//! Values of INI files: literals of Python where they are such (`True`, `[1, 'a']`, `{'b': 2}`), else texts.

use super::findings::Reason;
use super::node::{MOST_DEPTH, plain};
use crate::hir::value::Value;

/// The value that a text of an INI file stands for, or why an inventory cannot hold it.
pub(super) fn value(text: &str) -> Result<Value, Reason> {
    let mut reader = Reader { rest: text, reason: None };
    let literal = reader.whole();
    match (literal, reader.reason) {
        (_, Some(reason)) => Err(reason),
        (Some(value), None) => Ok(value),
        (None, None) => plain(text.to_string()).map(Value::String),
    }
}

struct Reader<'a> {
    rest: &'a str,
    /// It is a literal, of a value that no inventory holds.
    reason: Option<Reason>,
}

impl<'a> Reader<'a> {
    fn whole(&mut self) -> Option<Value> {
        let first = self.expression(0)?;
        let value = if self.take(',') { Value::List(self.items(vec![first], None, 0)?) } else { first };
        self.skip_blanks();
        if self.rest.is_empty() || self.rest.starts_with('#') {
            return Some(value);
        }
        self.reason = None;
        None
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\u{c}', '\n', '\r']);
    }

    fn take(&mut self, letter: char) -> bool {
        self.skip_blanks();
        let rest = self.rest.strip_prefix(letter);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expression(&mut self, depth: usize) -> Option<Value> {
        if depth > MOST_DEPTH {
            self.reason = Some(Reason::Deep);
            return None;
        }
        self.skip_blanks();
        match self.rest.chars().next()? {
            '[' => {
                self.take('[');
                self.items(Vec::new(), Some(']'), depth).map(Value::List)
            }
            '(' => self.parenthesis(depth),
            '{' => self.braces(depth),
            '\'' | '"' => self.text(),
            sign @ ('-' | '+') => {
                self.take(sign);
                self.skip_blanks();
                self.number(sign == '-')
            }
            '0'..='9' | '.' => self.number(false),
            letter if letter.is_ascii_alphabetic() => self.word(),
            _ => None,
        }
    }

    /// What stands between commas, up to the closing bracket or, without one, to the end.
    fn items(&mut self, mut items: Vec<Value>, close: Option<char>, depth: usize) -> Option<Vec<Value>> {
        loop {
            self.skip_blanks();
            match close {
                Some(close) if self.take(close) => return Some(items),
                None if self.rest.is_empty() || self.rest.starts_with('#') => return Some(items),
                _ => items.push(self.expression(depth + 1)?),
            }
            if !self.take(',') {
                return match close {
                    Some(close) => self.take(close).then_some(items),
                    None => Some(items),
                };
            }
        }
    }

    fn parenthesis(&mut self, depth: usize) -> Option<Value> {
        self.take('(');
        if self.take(')') {
            return Some(Value::List(Vec::new()));
        }
        let first = self.expression(depth + 1)?;
        if self.take(')') {
            return Some(first);
        }
        if self.take(',') { self.items(vec![first], Some(')'), depth).map(Value::List) } else { None }
    }

    fn braces(&mut self, depth: usize) -> Option<Value> {
        self.take('{');
        let mut fields: Vec<(String, Value)> = Vec::new();
        if self.take('}') {
            return Some(Value::Record(fields));
        }
        let first = self.expression(depth + 1)?;
        if !self.take(':') {
            return if self.take(',') {
                self.items(vec![first], Some('}'), depth).map(Value::List)
            } else {
                self.take('}').then(|| Value::List(vec![first]))
            };
        }
        let mut key = first;
        loop {
            let name = key_text(&key)?;
            let value = self.expression(depth + 1)?;
            fields.retain(|(known, _)| *known != name);
            fields.push((name, value));
            if self.take('}') {
                return Some(Value::Record(fields));
            }
            if !self.take(',') {
                return None;
            }
            if self.take('}') {
                return Some(Value::Record(fields));
            }
            key = self.expression(depth + 1)?;
            if !self.take(':') {
                return None;
            }
        }
    }

    fn word(&mut self) -> Option<Value> {
        let end = self.rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at_checked(end)?;
        if rest.starts_with(['\'', '"']) && word.len() <= 2 {
            return self.text();
        }
        self.rest = rest;
        match word {
            "True" => Some(Value::Bool(true)),
            "False" => Some(Value::Bool(false)),
            "None" => Some(Value::None),
            _ => None,
        }
    }

    fn number(&mut self, is_negative: bool) -> Option<Value> {
        let mut end = 0;
        let mut last = ' ';
        for (at, letter) in self.rest.char_indices() {
            let in_exponent = matches!(letter, '-' | '+') && matches!(last, 'e' | 'E') && !self.rest.starts_with("0x");
            if !(letter.is_alphanumeric() || matches!(letter, '.' | '_') || in_exponent) {
                break;
            }
            end = at + letter.len_utf8();
            last = letter;
        }
        let (digits, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        let value = number(digits)?;
        match value {
            Some(Value::Int(number)) if is_negative => Some(Value::Int(-number)),
            Some(Value::Float(number)) if is_negative => Some(Value::Float(-number)),
            Some(value) => Some(value),
            None => {
                self.reason = Some(Reason::Number);
                Some(Value::None)
            }
        }
    }

    /// One or several texts in quotes, which are one.
    fn text(&mut self) -> Option<Value> {
        let mut text = String::new();
        loop {
            self.skip_blanks();
            let prefix = self.rest.len() - self.rest.trim_start_matches(['r', 'R', 'u', 'U', 'b', 'B']).len();
            let after = self.rest.get(prefix..)?;
            let Some(quote) = after.chars().next().filter(|letter| matches!(letter, '\'' | '"') && prefix <= 2) else {
                break;
            };
            let is_raw = self.rest.get(..prefix)?.contains(['r', 'R']);
            self.rest = after.get(1..)?;
            self.quoted(quote, is_raw, &mut text)?;
        }
        match plain(text) {
            Ok(text) => Some(Value::String(text)),
            Err(reason) => {
                self.reason = Some(reason);
                Some(Value::None)
            }
        }
    }

    fn quoted(&mut self, quote: char, is_raw: bool, text: &mut String) -> Option<()> {
        let mut letters = self.rest.chars();
        loop {
            match letters.next()? {
                letter if letter == quote => break,
                '\n' => return None,
                '\\' if is_raw => {
                    text.push('\\');
                    text.push(letters.next()?);
                }
                '\\' => escape(&mut letters, text)?,
                letter => text.push(letter),
            }
        }
        self.rest = letters.as_str();
        Some(())
    }
}

fn escape(letters: &mut std::str::Chars<'_>, text: &mut String) -> Option<()> {
    let letter = letters.next()?;
    let digits = |letters: &mut std::str::Chars<'_>, count: usize| {
        let (digits, rest) = letters.as_str().split_at_checked(count)?;
        *letters = rest.chars();
        char::from_u32(u32::from_str_radix(digits, 16).ok()?)
    };
    match letter {
        'n' => text.push('\n'),
        't' => text.push('\t'),
        'r' => text.push('\r'),
        'a' => text.push('\u{7}'),
        'b' => text.push('\u{8}'),
        'f' => text.push('\u{c}'),
        'v' => text.push('\u{b}'),
        '\\' | '\'' | '"' => text.push(letter),
        'x' => text.push(digits(letters, 2)?),
        'u' => text.push(digits(letters, 4)?),
        'U' => text.push(digits(letters, 8)?),
        'N' => return None,
        '0'..='7' => {
            let mut code = letter.to_digit(8)?;
            for _ in 0..2 {
                let Some(digit) = letters.clone().next().and_then(|letter| letter.to_digit(8)) else { break };
                code = code * 8 + digit;
                letters.next();
            }
            text.push(char::from_u32(code)?);
        }
        other => text.extend(['\\', other]),
    }
    Some(())
}

/// A number of Python; the inner `None` is one that 64 bits do not hold.
fn number(digits: &str) -> Option<Option<Value>> {
    let whole = without_underscores(digits)?;
    let lower = whole.to_ascii_lowercase();
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(digits) = lower.strip_prefix(prefix) {
            let fine = !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix));
            return fine.then(|| i64::from_str_radix(digits, radix).ok().map(Value::Int));
        }
    }
    if lower.bytes().all(|digit| digit.is_ascii_digit()) {
        let padded = lower.len() > 1 && lower.starts_with('0') && lower.bytes().any(|digit| digit != b'0');
        return (!padded && !lower.is_empty()).then(|| lower.parse().ok().map(Value::Int));
    }
    // What Rust reads as a number beyond these letters is a word to Python.
    let fine = lower.bytes().all(|letter| letter.is_ascii_digit() || matches!(letter, b'.' | b'e' | b'-' | b'+'));
    let float: f64 = lower.parse().ok().filter(|_| fine)?;
    Some(float.is_finite().then_some(Value::Float(float)))
}

/// Underscores stand between digits only.
fn without_underscores(digits: &str) -> Option<String> {
    let fine = !digits.starts_with('_') && !digits.ends_with('_') && !digits.contains("__");
    let beside = ["_.", "._", "_e", "e_", "_E", "E_"];
    let is_hexadecimal = digits.starts_with("0x") || digits.starts_with("0X");
    (fine && (is_hexadecimal || !beside.iter().any(|pair| digits.contains(pair)))).then(|| digits.replace('_', ""))
}

fn key_text(key: &Value) -> Option<String> {
    match key {
        Value::String(text) => Some(text.clone()),
        Value::Int(number) => Some(number.to_string()),
        Value::Float(number) => Some(format!("{number:?}")),
        Value::Bool(value) => Some(value.to_string()),
        Value::None => Some("null".to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_literals_of_python_or_texts() {
        let cases = [
            ("8080", "8080"),
            ("-5 # five", "-5"),
            ("0640", "\"0640\""),
            ("0x1F", "31"),
            ("1_000", "1000"),
            ("1.50", "1.5"),
            ("1e3", "1000.0"),
            ("10.0.0.1", "\"10.0.0.1\""),
            ("80,443", "[80, 443]"),
            ("True", "true"),
            ("true", "\"true\""),
            ("yes", "\"yes\""),
            ("None", "none"),
            ("", "\"\""),
            ("abc # no comment", "\"abc # no comment\""),
            ("'a' \"b\"", "\"ab\""),
            ("'it\\'s'", "\"it's\""),
            ("u'x'", "\"x\""),
            ("[1, 'a', [True]]", "[1, \"a\", [true]]"),
            ("(1,)", "[1]"),
            ("(1)", "1"),
            ("{'a': {'b': [1]}, 2: None}", "{ a: { b: [1] }, 2: none }"),
            ("[ \"/dev/vdb\" ]", "[\"/dev/vdb\"]"),
            ("[true]", "\"[true]\""),
            ("[1", "\"[1\""),
            ("512Mi", "\"512Mi\""),
            ("--x", "\"--x\""),
            ("'a", "\"'a\""),
        ];
        for (text, expected) in cases {
            assert_eq!(value(text).map(|value| value.literal()), Ok(expected.to_string()), "{text}");
        }
    }

    #[test]
    fn what_no_inventory_holds_is_said() {
        let deep = "[".repeat(40) + &"]".repeat(40);
        let cases = [
            ("{{ x }}", Reason::Template),
            ("['{{ x }}']", Reason::Template),
            ("'{% if x %}'", Reason::Template),
            ("99999999999999999999", Reason::Number),
            ("1e999", Reason::Number),
            ("$ANSIBLE_VAULT;1.1;AES256", Reason::Vaulted),
            (deep.as_str(), Reason::Deep),
        ];
        for (text, expected) in cases {
            assert_eq!(value(text), Err(expected), "{text}");
        }
    }
}
