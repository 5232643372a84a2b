//! Comments `# opsc:allow(CODE) reason`, in the language and in the scripts inside it: what each names and which lines
//! it speaks of. Knows nothing of codes.

use std::ops::Range;

use super::ast::{Allow, Name};
use super::scan::Scan;
use crate::base::ids::FileId;
use crate::base::source::Span;

const MARK: &str = "opsc:allow";

pub(super) fn allows(text: &str, file: FileId, scan: &Scan) -> Vec<Allow> {
    let comments = scan.comments.iter().map(|comment| comment.span.start as usize..comment.span.end as usize);
    let places = text.match_indices(MARK).map(|(at, _)| at);
    let found = |at: usize| {
        let of_comment = comments.clone().find(|range| range.contains(&at));
        let of_script = || scan.scripts.iter().find(|range| range.contains(&at)).cloned();
        allow_at(text, file, at, &of_comment.or_else(of_script)?)
    };
    places.filter_map(found).collect()
}

/// The comment whose mark stands at an offset, inside a comment or script.
fn allow_at(text: &str, file: FileId, at: usize, around: &Range<usize>) -> Option<Allow> {
    let lines = Lines { text };
    let line = lines.around(at);
    let before = text.get(line.start..at)?.trim_end().strip_suffix('#')?;
    // A `#` inside a word or a string starts no comment.
    let starts_comment = before.is_empty() || before.ends_with([' ', '\t', ';']);
    if !starts_comment && line.start + before.len() != around.start {
        return None;
    }
    let own_line = before.trim().is_empty();
    let rest = text.get(at + MARK.len()..line.end.min(around.end))?;
    let (codes, after) = codes(rest, file, at + MARK.len());
    if rest.starts_with(|letter: char| letter.is_alphanumeric()) {
        return None;
    }
    let covers = if own_line { lines.next_command(&line)? } else { lines.command(&line) };
    Some(Allow {
        codes,
        has_reason: rest.get(after..).is_some_and(|reason| !reason.trim().is_empty()),
        span: Span::new(file, at, at + MARK.len() + after),
        covers: Span::new(file, covers.start, covers.end),
    })
}

/// `(E0705, W0704)` and its length; nothing where that is not what follows.
fn codes(rest: &str, file: FileId, start: usize) -> (Vec<Name>, usize) {
    let Some((inside, _)) = rest.strip_prefix('(').and_then(|rest| rest.split_once(')')) else {
        return (Vec::new(), 0);
    };
    let mut names = Vec::new();
    let mut at = start + 1;
    for piece in inside.split(',') {
        let code = piece.trim();
        let from = at + (piece.len() - piece.trim_start().len());
        if !code.is_empty() {
            names.push(Name { text: code.to_string(), span: Span::new(file, from, from + code.len()) });
        }
        at += piece.len() + 1;
    }
    (names, inside.len() + 2)
}

struct Lines<'a> {
    text: &'a str,
}

impl Lines<'_> {
    /// The line that holds an offset, without its end.
    fn around(&self, at: usize) -> Range<usize> {
        let start = self.text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
        let end = self.text.get(at..).and_then(|after| after.find('\n')).map_or(self.text.len(), |length| at + length);
        start..end
    }

    fn of(&self, line: &Range<usize>) -> &str {
        self.text.get(line.clone()).unwrap_or("").trim()
    }

    fn after(&self, line: &Range<usize>) -> Option<Range<usize>> {
        (line.end < self.text.len()).then(|| self.around(line.end + 1))
    }

    /// A line together with those that a backslash joins to it.
    fn command(&self, line: &Range<usize>) -> Range<usize> {
        let mut whole = line.clone();
        while whole.start > 0 && self.of(&self.around(whole.start - 1)).ends_with('\\') {
            whole.start = self.around(whole.start - 1).start;
        }
        let mut last = line.clone();
        while self.of(&last).ends_with('\\')
            && let Some(next) = self.after(&last)
        {
            last = next;
        }
        whole.start..last.end
    }

    /// The first line below that is no comment.
    fn next_command(&self, line: &Range<usize>) -> Option<Range<usize>> {
        let mut next = self.after(line)?;
        while self.of(&next).starts_with('#') {
            next = self.after(&next)?;
        }
        Some(self.command(&next))
    }
}

#[cfg(test)]
mod tests {
    use crate::base::source::Sources;
    use crate::syntax::parse;

    /// Codes, whether there is a reason, and the lines covered, from 1.
    fn shown(text: &str) -> Vec<String> {
        let mut sources = Sources::new();
        let file = sources.add("a.ops", text);
        let (tree, _) = parse(&sources, file);
        let allows = tree.map(|tree| tree.allows).unwrap_or_default();
        let one = |allow: &crate::syntax::ast::Allow| {
            let codes: Vec<&str> = allow.codes.iter().map(|code| sources.text(code.span)).collect();
            let (from, to) = (sources.place(allow.covers).line, sources.end_place(allow.covers).line);
            format!("{} {} {from}-{to}", codes.join(" "), allow.has_reason)
        };
        allows.iter().map(one).collect()
    }

    #[test]
    fn an_allow_knows_its_codes_and_its_lines() {
        let body = |script: &str| {
            format!(
                "ops 1\n\naction a.b() {{\n  doc: \"# opsc:allow(E1)\"\n  linux {{\n    apply sh \"\"\"\n{script}\n\"\"\"\n  }}\n}}\n"
            )
        };
        assert_eq!(
            shown("ops 1\n# opsc:allow(E1, E2) why\n# more\ntype A = int # opsc:allow(E3)\n"),
            ["E1 E2 true 4-4", "E3 false 4-4"]
        );
        assert_eq!(shown(&body("a # opsc:allow(E1) why")), ["E1 true 7-7"]);
        assert_eq!(shown(&body("# opsc:allow(E1) why\na \\\n  b\nc")), ["E1 true 8-9"]);
        assert_eq!(shown(&body("a \\\n  b # opsc:allow(E1) why\nc")), ["E1 true 7-8"]);
        assert_eq!(shown(&body("echo a#opsc:allow(E1) \"#opsc:allow(E1)\"")), [] as [&str; 0]);
        assert_eq!(shown(&body("a # opsc:allow E1 why")), [" true 7-7"]);
    }
}
