//! Names of hosts as Ansible takes them: `web[01:20:2].example.org:2222` stands for hosts and a port.

use crate::inventory::ranges::MOST_HOSTS;

/// Names are at most a quarter of this long; it bounds what many ranges make.
const MOST_LETTERS: usize = 1024;

/// The hosts that a pattern stands for, and their port.
pub(super) fn hosts(pattern: &str) -> Result<(Vec<String>, Option<i64>), &'static str> {
    if pattern.len() > MOST_LETTERS {
        return Err("no host has a name this long");
    }
    let (name, port) = split_port(pattern);
    Ok((expand(name)?, port))
}

/// A port belongs to what can be the name or address of a host; all else is a name as it stands.
fn split_port(pattern: &str) -> (&str, Option<i64>) {
    let Some((before, port)) = pattern.rsplit_once(':') else { return (pattern, None) };
    let port = Some(port).filter(|port| !port.is_empty() && port.bytes().all(|digit| digit.is_ascii_digit()));
    let Some(port) = port.and_then(|port| port.parse().ok()) else { return (pattern, None) };
    let bracketed = before.strip_prefix('[').and_then(|inner| inner.strip_suffix(']'));
    match bracketed {
        Some(inner) if is_hostname(inner) || is_ipv6(inner) => (inner, Some(port)),
        _ if is_hostname(before) => (before, Some(port)),
        _ => (pattern, None),
    }
}

/// Labels with dots between them, each of letters, digits, `_`, `-` and ranges.
fn is_hostname(text: &str) -> bool {
    let mut rest = text;
    let mut starts = true;
    let mut last = '-';
    while let Some(letter) = rest.chars().next() {
        let length = match letter {
            '[' => match rest.find(']').filter(|end| rest.get(1..*end).is_some_and(is_range)) {
                Some(end) => end + 1,
                None => return false,
            },
            '.' if starts || matches!(last, '-' | '_') => return false,
            '.' => 1,
            '-' if starts => return false,
            letter if letter.is_alphanumeric() || matches!(letter, '_' | '-') => letter.len_utf8(),
            _ => return false,
        };
        starts = letter == '.';
        last = letter;
        rest = rest.get(length..).unwrap_or("");
    }
    !starts && !matches!(last, '-' | '_')
}

fn is_range(inner: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    let letter = |text: &str| text.len() == 1 && text.bytes().all(|letter| letter.is_ascii_alphabetic());
    let parts: Vec<&str> = inner.split(':').collect();
    match parts.as_slice() {
        [from, to] => (digits(from) && digits(to)) || (letter(from) && letter(to)),
        [from, to, step] => digits(step) && ((digits(from) && digits(to)) || (letter(from) && letter(to))),
        _ => false,
    }
}

fn is_ipv6(text: &str) -> bool {
    text.matches(':').count() > 1
        && text.chars().all(|letter| letter.is_ascii_hexdigit() || matches!(letter, ':' | '.'))
}

/// Ranges include both ends; a third number is the step.
fn expand(pattern: &str) -> Result<Vec<String>, &'static str> {
    let mut names = vec![String::new()];
    let mut rest = pattern;
    while let Some((head, after)) = rest.split_once('[') {
        let (inner, tail) = after.split_once(']').ok_or("a bracket of a range is not closed")?;
        let middles = between(inner)?;
        if names.len().saturating_mul(middles.len()) > MOST_HOSTS {
            return Err("a range makes more hosts than anybody has");
        }
        names =
            names.iter().flat_map(|name| middles.iter().map(move |middle| format!("{name}{head}{middle}"))).collect();
        rest = tail;
    }
    for name in &mut names {
        name.push_str(rest);
    }
    Ok(names)
}

fn between(inner: &str) -> Result<Vec<String>, &'static str> {
    const FORM: &str = "a range of hosts is written `[from:to]` or `[from:to:step]`, of numbers or single letters";
    let parts: Vec<&str> = inner.split(':').collect();
    let (from, to, step) = match parts.as_slice() {
        [from, to] => (*from, *to, "1"),
        [from, to, step] => (*from, *to, *step),
        _ => return Err(FORM),
    };
    let from = if from.is_empty() { "0" } else { from };
    let step: usize = step.parse().ok().filter(|step| *step > 0).ok_or(FORM)?;
    if let (Some(first), Some(last)) = (place_of(from), place_of(to)) {
        let letters = (b'a'..=b'z').chain(b'A'..=b'Z').map(|letter| char::from(letter).to_string());
        let count = last.checked_sub(first).ok_or("the first letter of a range comes after the last")? + 1;
        return Ok(letters.skip(first).take(count).step_by(step).collect());
    }
    let is_padded = from.len() > 1 && from.starts_with('0');
    if is_padded && from.len() != to.len() {
        return Err("the ends of a range with leading zeros are of equal length");
    }
    let (first, last): (usize, usize) = (from.parse().map_err(|_| FORM)?, to.parse().map_err(|_| FORM)?);
    if last.saturating_sub(first) / step >= MOST_HOSTS {
        return Err("a range makes more hosts than anybody has");
    }
    let width = if is_padded { from.len() } else { 0 };
    Ok((first..=last).step_by(step).map(|number| format!("{number:0width$}")).collect())
}

/// Where a letter stands in a to z, A to Z.
fn place_of(text: &str) -> Option<usize> {
    match text.as_bytes() {
        [letter @ b'a'..=b'z'] => Some(usize::from(letter - b'a')),
        [letter @ b'A'..=b'Z'] => Some(usize::from(letter - b'A') + 26),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_stand_for_hosts_and_a_port() {
        type Expected = Result<(&'static [&'static str], Option<i64>), ()>;
        let cases: [(&str, Expected); 16] = [
            ("web1", Ok((&["web1"], None))),
            ("web1:2222", Ok((&["web1"], Some(2222)))),
            ("web[08:10].x:22", Ok((&["web08.x", "web09.x", "web10.x"], Some(22)))),
            ("n[1:7:3]", Ok((&["n1", "n4", "n7"], None))),
            ("n[:2]", Ok((&["n0", "n1", "n2"], None))),
            ("n[a:c][1:2]", Ok((&["na1", "na2", "nb1", "nb2", "nc1", "nc2"], None))),
            ("n[y:B]", Ok((&["ny", "nz", "nA", "nB"], None))),
            ("n[3:1]", Ok((&[], None))),
            ("2001:db8::1", Ok((&["2001:db8::1"], None))),
            ("[2001:db8::1]:2222", Ok((&["2001:db8::1"], Some(2222)))),
            ("10.0.0.1:22", Ok((&["10.0.0.1"], Some(22)))),
            ("a_:22", Ok((&["a_:22"], None))),
            ("n[01:100]", Err(())),
            ("n[1]", Err(())),
            ("n[1:2", Err(())),
            ("n[1:9999999999]", Err(())),
        ];
        for (pattern, expected) in cases {
            let expected = expected.map(|(names, port)| (names.iter().map(|name| (*name).to_string()).collect(), port));
            assert_eq!(hosts(pattern).map_err(|_| ()), expected, "{pattern}");
        }
        assert!(hosts(&"[1:1]".repeat(200)).is_ok_and(|(names, _)| names.len() == 1));
        assert!(hosts(&"[1:1]".repeat(100_000)).is_err());
        assert!(hosts(&"[1:9]".repeat(100)).is_err());
    }
}
