//! `says:` templates: `(a|b)` one of, `[x]` optional, `{param}` a value, `param=value` a value that the words around it
//! imply, `param=?` one that they leave to whoever runs the playbook, words as they are. One that ends in `?` may mean the action, and is always asked about.

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Part {
    Word(String),
    Slot(String),
    /// Takes no word: `stop {name} state=stopped`.
    Implied(String, String),
    OneOf(Vec<Vec<Part>>),
    Optional(Vec<Vec<Part>>),
}

/// A value that whoever runs the playbook gives. No value of the language is written so.
pub const LEFT_OPEN: &str = "?";

/// Whether a template's words may as well mean something else.
pub fn is_doubtful(template: &str) -> bool {
    template.ends_with('?') && !template.ends_with("=?")
}

/// A template as parts; brackets that do not match end it.
pub fn parse(template: &str) -> Vec<Part> {
    let words = if is_doubtful(template) { template.trim_end_matches('?') } else { template };
    let mut letters = words.chars().peekable();
    let mut branches = branches(&mut letters, None);
    if branches.is_empty() { Vec::new() } else { branches.swap_remove(0) }
}

fn branches(letters: &mut std::iter::Peekable<std::str::Chars<'_>>, close: Option<char>) -> Vec<Vec<Part>> {
    let mut branches = vec![Vec::new()];
    let mut word = String::new();
    loop {
        let letter = letters.next();
        let is_end = letter.is_none() || letter == close;
        if (is_end || letter.is_some_and(|letter| " |([{".contains(letter))) && !word.is_empty() {
            push(&mut branches, plain(&std::mem::take(&mut word)));
        }
        match letter {
            _ if is_end => return branches,
            Some('|') => branches.push(Vec::new()),
            Some('(') => {
                let inner = self::branches(letters, Some(')'));
                push(&mut branches, Part::OneOf(inner));
            }
            Some('[') => {
                let inner = self::branches(letters, Some(']'));
                push(&mut branches, Part::Optional(inner));
            }
            Some('{') => {
                let name: String = letters.by_ref().take_while(|letter| *letter != '}').collect();
                push(&mut branches, Part::Slot(name));
            }
            Some(' ') | None => {}
            Some(other) => word.push(other),
        }
    }
}

fn plain(word: &str) -> Part {
    match word.split_once('=') {
        Some((name, value)) => Part::Implied(name.to_string(), value.to_string()),
        None => Part::Word(word.to_lowercase()),
    }
}

fn push(branches: &mut [Vec<Part>], part: Part) {
    if let Some(last) = branches.last_mut() {
        last.push(part);
    }
}

/// The words that a template may begin with, and whether it may begin with a value.
pub fn beginnings(parts: &[Part]) -> (Vec<String>, bool) {
    let mut words = Vec::new();
    for part in parts {
        match part {
            Part::Word(word) => {
                words.push(word.clone());
                return (words, false);
            }
            Part::Slot(_) => return (words, true),
            Part::Implied(_, _) => {}
            Part::OneOf(branches) | Part::Optional(branches) => {
                let firsts: Vec<(Vec<String>, bool)> = branches.iter().map(|branch| beginnings(branch)).collect();
                let is_open = firsts.iter().any(|(_, is_open)| *is_open);
                words.extend(firsts.into_iter().flat_map(|(words, _)| words));
                if matches!(part, Part::OneOf(_)) {
                    return (words, is_open);
                }
            }
        }
    }
    (words, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_read() {
        let word = |text: &str| Part::Word(text.to_string());
        let expected = vec![
            Part::OneOf(vec![vec![word("copy")], vec![word("put")]]),
            Part::Optional(vec![vec![word("the")]]),
            Part::Slot("from".to_string()),
            word("to"),
            Part::Optional(vec![vec![word("with"), word("mode"), Part::Slot("mode".to_string())]]),
        ];
        assert_eq!(parse("(copy|put) [the] {from} to [with mode {mode}]"), expected);
        let implied = Part::Implied("state".to_string(), "stopped".to_string());
        assert_eq!(parse("stop state=stopped"), [word("stop"), implied]);
        assert_eq!(parse("enable {name}?"), [word("enable"), Part::Slot("name".to_string())]);
        let open = Part::Implied("to".to_string(), LEFT_OPEN.to_string());
        assert_eq!(parse("put {from} to=?").last(), Some(&open));
        assert!(!is_doubtful("put {from} to=?"));
        assert!(is_doubtful("enable {name}?") && !is_doubtful("enable {name} at boot"));
    }
}
