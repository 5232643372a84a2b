//! Which known name did somebody mean? Damerau-Levenshtein distance over a list of candidates.

/// The candidate nearest to `word`, if one is near enough to be worth a "did you mean".
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = match word.chars().count() {
        0..=2 => 1,
        3..=5 => 2,
        _ => 3,
    };
    candidates
        .into_iter()
        .filter(|candidate| *candidate != word)
        .map(|candidate| (distance(&word.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= allowed && *distance < candidate.chars().count().max(2))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Edits (insert, delete, replace, swap of neighbours) that turn `from` into `to`.
pub fn distance(from: &str, to: &str) -> usize {
    let from: Vec<char> = from.chars().collect();
    let to: Vec<char> = to.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (row, letter) in from.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, other) in to.iter().enumerate() {
            let at = |line: &[usize], index: usize| line.get(index).copied().unwrap_or(usize::MAX / 2);
            let mut best = (at(&last, column + 1) + 1).min(at(&current, column) + 1);
            best = best.min(at(&last, column) + usize::from(letter != other));
            let swapped =
                row > 0 && column > 0 && from.get(row - 1) == Some(other) && to.get(column - 1) == Some(letter);
            if swapped {
                best = best.min(at(&before_last, column - 1) + 1);
            }
            current.push(best);
        }
        before_last = std::mem::replace(&mut last, current);
    }
    last.last().copied().unwrap_or(0)
}

/// Whether one edit turns one word into the other, in a walk over both: for many words at once, where a table is slow.
pub fn is_one_edit(from: &str, to: &str) -> bool {
    let common = from.chars().zip(to.chars()).take_while(|(left, right)| left == right);
    let start: usize = common.map(|(letter, _)| letter.len_utf8()).sum();
    let (from, to) = (from.get(start..).unwrap_or(""), to.get(start..).unwrap_or(""));
    let common = from.chars().rev().zip(to.chars().rev()).take_while(|(left, right)| left == right);
    let end: usize = common.map(|(letter, _)| letter.len_utf8()).sum();
    let mut from = from.get(..from.len() - end).unwrap_or("").chars();
    let mut to = to.get(..to.len() - end).unwrap_or("").chars();
    match ((from.next(), from.next(), from.next()), (to.next(), to.next(), to.next())) {
        ((Some(_), None, None), (Some(_) | None, None, None)) | ((None, None, None), (Some(_), None, None)) => true,
        ((Some(a), Some(b), None), (Some(c), Some(d), None)) => a == d && b == c,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_edit_is_a_distance_of_one() {
        let words =
            ["", "a", "ab", "ba", "abc", "acb", "abcd", "abdc", "bacd", "abed", "restart", "restrat", "restat", "tsar"];
        for (from, to) in words.iter().flat_map(|from| words.map(|to| (*from, to))) {
            assert_eq!(is_one_edit(from, to), distance(from, to) == 1, "{from} {to}");
        }
    }

    #[test]
    fn swaps_count_once_and_far_words_are_not_offered() {
        assert_eq!(distance("nginx", "ngnix"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(nearest("servise", ["service", "package"]), Some("service"));
        assert_eq!(nearest("zzz", ["service", "package"]), None);
        assert_eq!(nearest("web", ["db"]), None);
    }
}
