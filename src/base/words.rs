//! Words for messages: plurals, lists, durations and sizes as people write them. One voice for every floor.

/// `1 host`, `2 hosts`.
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// `a`, `a and b`, `a, b and c`.
pub fn join_and<S: AsRef<str>>(items: &[S]) -> String {
    join_with(items, "and")
}

/// `a`, `a or b`, `a, b or c`.
pub fn join_or<S: AsRef<str>>(items: &[S]) -> String {
    join_with(items, "or")
}

fn join_with<S: AsRef<str>>(items: &[S], last_word: &str) -> String {
    match items {
        [] => String::new(),
        [only] => only.as_ref().to_string(),
        [first @ .., last] => {
            let first: Vec<&str> = first.iter().map(AsRef::as_ref).collect();
            format!("{} {last_word} {}", first.join(", "), last.as_ref())
        }
    }
}

/// A list of names cut after `most`: `a, b and 7 more`.
pub fn join_some<S: AsRef<str>>(items: &[S], most: usize) -> String {
    if items.len() <= most {
        return join_and(items);
    }
    let shown: Vec<&str> = items.iter().take(most).map(AsRef::as_ref).collect();
    format!("{} and {} more", shown.join(", "), items.len() - shown.len())
}

/// A duration in the language's own form: `1h30m`, `3s`, `250ms`.
pub fn duration(milliseconds: u64) -> String {
    const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
    let mut rest = milliseconds;
    let mut text = String::new();
    for (unit, size) in UNITS {
        if rest >= size {
            text.push_str(&format!("{}{unit}", rest / size));
            rest %= size;
        }
    }
    if text.is_empty() { "0s".to_string() } else { text }
}

/// The time of day of so many milliseconds since 1970, UTC: `02:30:41Z`.
pub fn time_of_day(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000 % 86_400;
    format!("{:02}:{:02}:{:02}Z", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// A size in the language's own form, with the largest unit that divides it: `5MiB`, `1536B`.
pub fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 4] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    UNITS
        .iter()
        .find(|(_, unit)| bytes >= *unit && bytes.is_multiple_of(*unit))
        .map_or_else(|| format!("{bytes}B"), |(name, unit)| format!("{}{name}", bytes / unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_read_as_they_are_written() {
        assert_eq!(duration(5_400_000), "1h30m");
        assert_eq!(duration(0), "0s");
        assert_eq!(duration(1500), "1s500ms");
        assert_eq!(size(5 << 20), "5MiB");
        assert_eq!(size(1500), "1500B");
    }

    #[test]
    fn lists_end_in_a_word() {
        assert_eq!(join_and(&["a", "b", "c"]), "a, b and c");
        assert_eq!(join_or(&["a", "b"]), "a or b");
        assert_eq!(join_some(&["a", "b", "c"], 2), "a, b and 1 more");
        assert_eq!(count(1, "host"), "1 host");
    }
}
