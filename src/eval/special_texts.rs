//! Texts with an order or a structure of their own: versions and addresses. Knows no scope.

use std::cmp::Ordering;
use std::net::IpAddr;

/// Like `sort -V` and package managers order them: numbers by value, `~` before everything, even the end.
pub fn compare_versions(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left.trim(), right.trim());
    loop {
        let (left_word, left_rest) = cut(left, |letter| !letter.is_ascii_digit());
        let (right_word, right_rest) = cut(right, |letter| !letter.is_ascii_digit());
        let words = compare_words(left_word, right_word);
        let (left_number, left_after) = cut(left_rest, |letter| letter.is_ascii_digit());
        let (right_number, right_after) = cut(right_rest, |letter| letter.is_ascii_digit());
        let numbers = compare_numbers(left_number, right_number);
        match words.then(numbers) {
            Ordering::Equal if left_after.is_empty() && right_after.is_empty() => return Ordering::Equal,
            Ordering::Equal => (left, right) = (left_after, right_after),
            decided => return decided,
        }
    }
}

fn cut(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|letter| !belongs(letter)).unwrap_or(text.len());
    text.split_at(end)
}

/// Letter by letter: `~`, then the end, then letters, then everything else.
fn compare_words(left: &str, right: &str) -> Ordering {
    let rank = |letter: Option<char>| match letter {
        Some('~') => (0, '~'),
        None => (1, ' '),
        Some(letter) if letter.is_alphabetic() => (2, letter),
        Some(letter) => (3, letter),
    };
    let (mut left, mut right) = (left.chars(), right.chars());
    loop {
        match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (one, other) if rank(one) != rank(other) => return rank(one).cmp(&rank(other)),
            _ => {}
        }
    }
}

/// Of any length, so that none overflows.
fn compare_numbers(left: &str, right: &str) -> Ordering {
    let (left, right) = (left.trim_start_matches('0'), right.trim_start_matches('0'));
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

/// Whether an address lies in a network such as `10.0.0.0/8`; none where one of them is not what it should be.
pub fn in_network(address: &str, network: &str) -> Option<bool> {
    let address: IpAddr = address.trim().parse().ok()?;
    let (base, length) = network.trim().split_once('/')?;
    let (base, length): (IpAddr, u32) = (base.parse().ok()?, length.parse().ok()?);
    let (left, right, bits) = match (address, base) {
        (IpAddr::V4(left), IpAddr::V4(right)) => (u128::from(left.to_bits()), u128::from(right.to_bits()), 32),
        (IpAddr::V6(left), IpAddr::V6(right)) => (left.to_bits(), right.to_bits(), 128),
        _ => return Some(false),
    };
    let shift = u32::checked_sub(bits, length)?;
    let top = |value: u128| value.checked_shr(shift).unwrap_or(0);
    Some(top(left) == top(right))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_as_package_managers_do() {
        let sorted = ["1.0~rc1", "1.0", "1.0a", "1.0-1", "1.0-1+deb12u1", "1.0.1", "1.2", "1.10", "2", "10.0"];
        for (index, left) in sorted.iter().enumerate() {
            for (other, right) in sorted.iter().enumerate() {
                assert_eq!(compare_versions(left, right), index.cmp(&other), "{left} {right}");
            }
        }
        assert_eq!(compare_versions("1.01", "1.1"), Ordering::Equal);
        assert_eq!(compare_versions("9".repeat(60).as_str(), "8".repeat(60).as_str()), Ordering::Greater);
    }

    #[test]
    fn addresses_lie_in_networks() {
        for (address, network, expected) in [
            ("10.1.2.3", "10.0.0.0/8", Some(true)),
            ("11.1.2.3", "10.0.0.0/8", Some(false)),
            ("10.1.2.3", "0.0.0.0/0", Some(true)),
            ("2001:db8::1", "2001:db8::/32", Some(true)),
            ("2001:db9::1", "2001:db8::/32", Some(false)),
            ("::1", "::/0", Some(true)),
            ("10.0.0.1", "2001:db8::/32", Some(false)),
            ("10.0.0.1", "10.0.0.0/33", None),
            ("web1", "10.0.0.0/8", None),
        ] {
            assert_eq!(in_network(address, network), expected, "{address} {network}");
        }
    }
}
