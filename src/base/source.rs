//! Source texts and places in them. Knows nothing of the language; reads no files.

use super::ids::{FileId, IdVec};

/// A range of bytes in one source text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Span {
    pub file: FileId,
    pub start: u32,
    pub end: u32,
}

impl Span {
    pub fn new(file: FileId, start: usize, end: usize) -> Self {
        let clamp = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Span { file, start: clamp(start), end: clamp(end) }
    }

    /// The smallest span that holds both (of the same file).
    pub fn to(self, other: Span) -> Span {
        Span { file: self.file, start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// The empty place just before this span.
    pub fn before(self) -> Span {
        Span { end: self.start, ..self }
    }

    /// The empty place just after this span.
    pub fn after(self) -> Span {
        Span { start: self.end, ..self }
    }
}

/// A place for people: line and column from 1, columns in characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

/// One text with its display path and where its lines start.
#[derive(Clone, Debug)]
pub struct Source {
    /// Shown in diagnostics; relative to the project where possible.
    pub path: String,
    pub text: String,
    line_starts: Vec<usize>,
}

impl Source {
    fn new(path: String, text: String) -> Self {
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(offset, _)| offset + 1)).collect();
        Source { path, text, line_starts }
    }

    pub fn place(&self, offset: u32) -> Place {
        let offset = (offset as usize).min(self.text.len());
        let line = self.line_starts.partition_point(|start| *start <= offset);
        let start = self.line_starts.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let column = self.text.get(start..offset).map_or(1, |before| before.chars().count() + 1);
        Place { line, column }
    }

    /// The text of a line counted from 1, without its line end.
    pub fn line(&self, line: usize) -> &str {
        let start = self.line_starts.get(line.saturating_sub(1)).copied().unwrap_or(self.text.len());
        let rest = self.text.get(start..).unwrap_or("");
        rest.split('\n').next().unwrap_or("").trim_end_matches('\r')
    }
}

/// All texts of one compilation. Ids stay valid because texts are only ever added.
#[derive(Clone, Default, Debug)]
pub struct Sources {
    files: IdVec<FileId, Source>,
}

impl Sources {
    pub fn new() -> Self {
        Sources::default()
    }

    pub fn add(&mut self, path: impl Into<String>, text: impl Into<String>) -> FileId {
        self.files.push(Source::new(path.into(), text.into()))
    }

    pub fn get(&self, file: FileId) -> &Source {
        self.files.at(file)
    }

    /// The text a span covers; empty if the span does not lie on character borders.
    pub fn text(&self, span: Span) -> &str {
        self.get(span.file).text.get(span.start as usize..span.end as usize).unwrap_or("")
    }

    pub fn place(&self, span: Span) -> Place {
        self.get(span.file).place(span.start)
    }

    pub fn end_place(&self, span: Span) -> Place {
        self.get(span.file).place(span.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters_from_one() {
        let mut sources = Sources::new();
        let file = sources.add("a.ops", "ä b\nzwei");
        assert_eq!(sources.place(Span::new(file, 3, 4)), Place { line: 1, column: 3 });
        assert_eq!(sources.place(Span::new(file, 5, 6)), Place { line: 2, column: 1 });
        assert_eq!(sources.get(file).line(2), "zwei");
        assert_eq!(sources.text(Span::new(file, 0, 2)), "ä");
    }
}
