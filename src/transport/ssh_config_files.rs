//! Which files a path with `*`, `?` and `[…]` names, as `Include` has them. Knows nothing of what they say.

use std::path::{Path, PathBuf};

/// The files in order; a path without wildcards names itself where it is there.
pub(super) fn files_named(pattern: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    for part in pattern.components() {
        let part = part.as_os_str();
        let wildcard = part.to_str().filter(|part| part.contains(['*', '?', '[']));
        found = match wildcard {
            None => found.into_iter().map(|folder| folder.join(part)).collect(),
            Some(wildcard) => found.iter().flat_map(|folder| members(folder, wildcard)).collect(),
        };
    }
    found.retain(|path| path.is_file());
    found
}

/// Hidden files are named by those who ask for them.
fn members(folder: &Path, wildcard: &str) -> Vec<PathBuf> {
    let shown = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let Ok(entries) = std::fs::read_dir(shown) else { return Vec::new() };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let wanted = |name: &String| {
        (wildcard.starts_with('.') || !name.starts_with('.')) && fits(wildcard.as_bytes(), name.as_bytes())
    };
    let mut names: Vec<String> = names.filter(wanted).collect();
    names.sort_unstable();
    names.into_iter().map(|name| folder.join(name)).collect()
}

fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let Some((first, rest)) = pattern.split_first() else { return name.is_empty() };
    if *first == b'*' {
        return (0..=name.len()).any(|taken| fits(rest, name.get(taken..).unwrap_or_default()));
    }
    let Some((byte, after)) = name.split_first() else { return false };
    match first {
        b'?' => fits(rest, after),
        b'[' => match class(rest) {
            Some((members, behind)) => has(members, *byte) && fits(behind, after),
            None => *byte == b'[' && fits(rest, after),
        },
        b'\\' if !rest.is_empty() => rest.first() == Some(byte) && fits(rest.get(1..).unwrap_or_default(), after),
        _ => first == byte && fits(rest, after),
    }
}

/// What stands between brackets, and what follows them; `]` as the first member closes nothing.
fn class(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let first = usize::from(matches!(text.first(), Some(b'!' | b'^')));
    let end = text.iter().skip(first + 1).position(|byte| *byte == b']')? + first + 1;
    Some((text.get(..end)?, text.get(end + 1..)?))
}

fn has(members: &[u8], byte: u8) -> bool {
    let (negated, mut members) = match members.split_first() {
        Some((b'!' | b'^', rest)) => (true, rest),
        _ => (false, members),
    };
    let mut found = false;
    while let Some((low, rest)) = members.split_first() {
        match rest {
            [b'-', high, behind @ ..] => {
                found |= (*low..=*high).contains(&byte);
                members = behind;
            }
            _ => {
                found |= *low == byte;
                members = rest;
            }
        }
    }
    found != negated
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn wildcards() {
        for (pattern, name, expected) in [
            ("*.conf", "a.conf", true),
            ("*.conf", "a.conf~", false),
            ("?.conf", "ab.conf", false),
            ("[ab]", "b", true),
            ("[!ab]", "b", false),
            ("[a-c0-9]x", "7x", true),
            ("[]]", "]", true),
            ("[a", "[a", true),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
        ] {
            assert_eq!(fits(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
    }
}
