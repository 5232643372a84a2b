//! `app[01:20]` → app01 … app20. Inclusive, zero-padded; letters too.

/// More hosts than this from one range is a typo.
pub(super) const MOST_HOSTS: usize = 100_000;

/// No names of hosts have more parts that count.
const MOST_RANGES: usize = 8;

/// Why a name with brackets is no range.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum RangeFault {
    Bad(&'static str),
    TooMany,
}

/// The names that a pattern stands for; a plain name is itself.
pub(super) fn expand(pattern: &str) -> Result<Vec<String>, RangeFault> {
    if pattern.matches('[').count() > MOST_RANGES {
        return Err(RangeFault::Bad("a name has eight ranges at most"));
    }
    expand_all(pattern)
}

fn expand_all(pattern: &str) -> Result<Vec<String>, RangeFault> {
    let Some(open) = pattern.find('[') else { return Ok(vec![pattern.to_string()]) };
    let (prefix, rest) = pattern.split_at_checked(open).unwrap_or((pattern, ""));
    let inner_and_tail = rest.get(1..).and_then(|rest| rest.split_once(']'));
    let Some((inner, tail)) = inner_and_tail else { return Err(RangeFault::Bad("the bracket is not closed")) };
    let Some((from, to)) = inner.split_once(':') else {
        return Err(RangeFault::Bad("expected `from:to` in the brackets"));
    };
    let middles = between(from, to)?;
    let tails = expand_all(tail)?;
    if middles.len().saturating_mul(tails.len()) > MOST_HOSTS {
        return Err(RangeFault::TooMany);
    }
    Ok(middles.iter().flat_map(|middle| tails.iter().map(move |tail| format!("{prefix}{middle}{tail}"))).collect())
}

fn between(from: &str, to: &str) -> Result<Vec<String>, RangeFault> {
    if let (Ok(first), Ok(last)) = (from.parse::<usize>(), to.parse::<usize>()) {
        if first > last {
            return Err(RangeFault::Bad("the first number is larger than the last"));
        }
        if last - first >= MOST_HOSTS {
            return Err(RangeFault::TooMany);
        }
        let width = if from.starts_with('0') { from.len() } else { 0 };
        return Ok((first..=last).map(|number| format!("{number:0width$}")).collect());
    }
    let letters = (one_letter(from), one_letter(to));
    match letters {
        (Some(first), Some(last)) if first <= last => Ok((first..=last).map(|letter| letter.to_string()).collect()),
        (Some(_), Some(_)) => Err(RangeFault::Bad("the first letter comes after the last")),
        _ => Err(RangeFault::Bad("expected two numbers or two letters")),
    }
}

fn one_letter(text: &str) -> Option<char> {
    let mut letters = text.chars();
    letters.next().filter(|letter| letter.is_ascii_alphabetic() && letters.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_inclusive_and_padded() {
        let cases: [(&str, Result<Vec<String>, RangeFault>); 6] = [
            ("web1", Ok(vec!["web1".to_string()])),
            ("app[08:10]", Ok(["app08", "app09", "app10"].map(String::from).to_vec())),
            ("n-[a:c].x", Ok(["n-a.x", "n-b.x", "n-c.x"].map(String::from).to_vec())),
            ("r[1:2]h[1:2]", Ok(["r1h1", "r1h2", "r2h1", "r2h2"].map(String::from).to_vec())),
            ("app[2:1]", Err(RangeFault::Bad("the first number is larger than the last"))),
            ("app[1:9999999999]", Err(RangeFault::TooMany)),
        ];
        for (pattern, expected) in cases {
            assert_eq!(expand(pattern), expected, "{pattern}");
        }
        assert_eq!(expand(&"[1:1]".repeat(8)), Ok(vec!["1".repeat(8)]));
        let many = "[1:1]".repeat(100_000);
        assert_eq!(expand(&many), Err(RangeFault::Bad("a name has eight ranges at most")));
    }
}
