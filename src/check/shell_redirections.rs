//! Redirections of a shell script, and the here-documents that some of them ask for.

use std::ops::Range;

use super::shell_commands::List;
use super::shell_tree::{Part, PartKind, Redirection, Word};
use super::shell_words::{Awaited, Place, Reader, is_name_letter};

/// Redirections, longest first.
const REDIRECTIONS: &[&str] = &["&>>", "<<<", "<<-", "&>", ">>", "<<", ">&", "<&", ">|", "<>", ">", "<"];

impl Reader<'_> {
    /// A redirection, with the number before it.
    pub(super) fn redirection(&mut self, list: &mut List) -> bool {
        let start = self.at;
        self.take_while(|letter| letter.is_ascii_digit());
        if self.at == start && self.sees("{") {
            self.descriptor_name();
        }
        let found = REDIRECTIONS.iter().find(|operator| self.sees(operator));
        let Some(operator) = found.filter(|_| !self.sees("<(") && !self.sees(">(")) else {
            self.at = start;
            return false;
        };
        self.at += operator.len();
        self.skip_blanks();
        let target = self.word(Place::Command);
        if operator.starts_with("<<") && *operator != "<<<" {
            let quoted = target.parts.iter().any(|part| part.quoted);
            let strips_tabs = *operator == "<<-";
            let delimiter =
                target.literal().unwrap_or_else(|| self.text.get(target.at.clone()).unwrap_or("").to_string());
            self.awaited.push(Awaited { delimiter, expands: !quoted, strips_tabs });
            list.waiting.push((list.commands.len(), list.current.redirections.len()));
        }
        list.current.redirections.push(Redirection { operator, target, at: start..self.at });
        true
    }

    /// `{name}` before a redirection.
    fn descriptor_name(&mut self) {
        let start = self.at;
        self.bump();
        let name = self.take_while(is_name_letter);
        let closed = !name.is_empty() && self.takes("}") && (self.sees(">") || self.sees("<"));
        if !closed {
            self.at = start;
        }
    }

    /// The texts of here-documents, which start after the line that asks for them.
    pub(super) fn here_documents(&mut self, list: &mut List) {
        let waiting = std::mem::take(&mut list.waiting);
        for (index, awaited) in std::mem::take(&mut self.awaited).into_iter().enumerate() {
            let word = self.here_document(&awaited);
            let Some((command, redirection)) = waiting.get(index).copied() else { continue };
            let slot = list.commands.get_mut(command).and_then(|command| command.redirections.get_mut(redirection));
            if let Some(redirection) = slot {
                redirection.target = word;
            }
        }
    }

    fn here_document(&mut self, awaited: &Awaited) -> Word {
        let start = self.at;
        let Some(range) = self.here_document_range(awaited) else {
            self.note_unclosed(start.saturating_sub(1)..start, "here-document");
            self.at = self.text.len();
            return Word { parts: Vec::new(), at: start..self.at };
        };
        let after = self.at;
        let mut parts = Vec::new();
        if awaited.expands {
            // Read by a reader of its own, which sees nothing behind the text.
            let mut reader = Reader::new(self.text.get(..range.end).unwrap_or(""));
            reader.at = range.start;
            while let Some(letter) = reader.peek() {
                reader.quoted_piece(letter, &mut parts);
            }
            if let Some((at, what)) = reader.script.unclosed {
                self.note_unclosed(at, what);
            }
        } else {
            let text = self.text.get(range.clone()).unwrap_or("").to_string();
            parts.push(Part { kind: PartKind::Text(text), quoted: true, at: range.clone() });
        }
        self.at = after;
        Word { parts, at: range }
    }

    /// The lines up to the delimiter, which is passed over.
    fn here_document_range(&mut self, awaited: &Awaited) -> Option<Range<usize>> {
        let start = self.at;
        let mut line_start = start;
        for line in self.rest().split_inclusive('\n') {
            let content = line.trim_end_matches(['\n', '\r']);
            let content = if awaited.strips_tabs { content.trim_start_matches('\t') } else { content };
            if content == awaited.delimiter {
                self.at = line_start + line.len();
                return Some(start..line_start);
            }
            line_start += line.len();
        }
        None
    }
}
