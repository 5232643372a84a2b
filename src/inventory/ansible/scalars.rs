//! Plain scalars as YAML 1.1 has them, which Ansible reads: `yes` is true, `0640` is 416, `1:30` is 90.

use super::findings::Reason;
use super::node::plain;
use crate::hir::value::Value;

pub(super) fn scalar(text: &str) -> Result<Value, Reason> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Value::None),
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => return Ok(Value::Bool(true)),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => return Ok(Value::Bool(false)),
        _ => {}
    }
    match number(text) {
        Some(Some(value)) => Ok(value),
        Some(None) => Err(Reason::Number),
        None => plain(text.to_string()).map(Value::String),
    }
}

/// The inner `None` is a number that 64 bits do not hold.
fn number(text: &str) -> Option<Option<Value>> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let is_negative = text.starts_with('-');
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Some(None);
    }
    if !unsigned.starts_with(|letter: char| letter.is_ascii_digit() || letter == '.') {
        return None;
    }
    let digits = unsigned.replace('_', "");
    let whole = if digits.contains(':') { sexagesimal(unsigned, &digits) } else { integer(unsigned, &digits) };
    if let Some(value) = whole {
        let signed = value.and_then(|value| i64::try_from(if is_negative { -value } else { value }).ok());
        return Some(signed.map(Value::Int));
    }
    let float = float(unsigned, &digits)?;
    Some(float.is_finite().then_some(Value::Float(if is_negative { -float } else { float })))
}

fn integer(written: &str, digits: &str) -> Option<Option<i128>> {
    let all = |text: &str, radix: u32| !text.is_empty() && text.chars().all(|digit| digit.is_digit(radix));
    for (prefix, radix) in [("0b", 2), ("0x", 16)] {
        if let Some(digits) = digits.strip_prefix(prefix) {
            return all(digits, radix).then(|| i128::from_str_radix(digits, radix).ok());
        }
    }
    if digits.len() > 1 && digits.starts_with('0') {
        return all(digits, 8).then(|| i128::from_str_radix(digits, 8).ok());
    }
    (all(digits, 10) && !written.starts_with('_')).then(|| digits.parse().ok())
}

/// `1:30:00`: each part after the first below sixty.
fn sexagesimal(written: &str, digits: &str) -> Option<Option<i128>> {
    let mut parts = digits.split(':');
    let first = parts.next()?;
    if !first.starts_with(|digit: char| matches!(digit, '1'..='9')) || !first.bytes().all(|byte| byte.is_ascii_digit())
    {
        return None;
    }
    // Beyond 64 bits there is no number anyway.
    let mut value = Some(first.parse::<i128>().unwrap_or(i128::MAX));
    // Underscores stand in the first part only.
    if written.split(':').skip(1).any(|part| part.contains('_')) {
        return None;
    }
    for part in parts {
        let fine = matches!(part.len(), 1 | 2) && part.bytes().all(|byte| byte.is_ascii_digit());
        let part = part.parse::<i128>().ok().filter(|part| fine && *part < 60)?;
        value = value.and_then(|value| value.checked_mul(60)?.checked_add(part));
    }
    Some(value)
}

/// A point is needed, and the sign of an exponent: `1e3` is a text.
fn float(written: &str, digits: &str) -> Option<f64> {
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (digits, None),
    };
    let (whole, fraction) = mantissa.split_once('.')?;
    let all = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let fine = exponent.is_none_or(|exponent| {
        exponent.strip_prefix(['-', '+']).is_some_and(|digits| !digits.is_empty() && all(digits))
    });
    let has_digits = !whole.is_empty() || (!fraction.is_empty() && !written.starts_with("._"));
    if !all(whole) || !all(fraction) || !fine || !has_digits {
        return None;
    }
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_are_those_of_yaml_1_1() {
        let cases = [
            ("yes", "true"),
            ("Off", "false"),
            ("y", "\"y\""),
            ("~", "none"),
            ("8080", "8080"),
            ("-8_0", "-80"),
            ("0640", "416"),
            ("0o17", "\"0o17\""),
            ("089", "\"089\""),
            ("0x1F", "31"),
            ("0b11", "3"),
            ("1:30", "90"),
            ("1:60", "\"1:60\""),
            ("1.50", "1.5"),
            (".5", "0.5"),
            ("1e3", "\"1e3\""),
            ("1.0e+3", "1000.0"),
            ("10.0.0.1", "\"10.0.0.1\""),
            ("2024-01-31", "\"2024-01-31\""),
            (".", "\".\""),
        ];
        for (text, expected) in cases {
            assert_eq!(scalar(text).map(|value| value.literal()), Ok(expected.to_string()), "{text}");
        }
        assert_eq!(scalar("99999999999999999999"), Err(Reason::Number));
        assert_eq!(scalar(".inf"), Err(Reason::Number));
        assert_eq!(scalar("{{ x }}"), Err(Reason::Template));
    }
}
