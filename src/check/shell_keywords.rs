//! Keywords of a shell script: what opens and closes, loops, cases and tests. Knows nothing of commands by name.

use super::shell_commands::{List, Open};
use super::shell_tree::{Command, CommandKind, Word};
use super::shell_words::{Place, Reader};

const OPENERS: &[&str] = &["if", "then", "else", "elif", "while", "until", "do", "{", "!", "time", "coproc"];
const CLOSERS: &[&str] = &["fi", "done", "}", "esac"];

impl Reader<'_> {
    /// Whether the word is a keyword here, and what follows from it.
    pub(super) fn keyword(&mut self, word: &str, list: &mut List) -> bool {
        match word {
            _ if OPENERS.contains(&word) => list.current = Command::default(),
            _ if CLOSERS.contains(&word) => {
                if word == "esac" && matches!(list.open.last(), Some(Open::Case { .. })) {
                    list.open.pop();
                }
                list.push_special(CommandKind::Closing, Vec::new());
            }
            "for" | "select" => self.for_words(list),
            "case" => self.case_word(list),
            "function" => {
                self.skip_blanks();
                let name = self.word(Place::Command);
                self.skip_blanks();
                if self.sees("(") {
                    self.empty_parentheses();
                }
                list.push_special(CommandKind::Function, vec![name]);
                list.end_command();
            }
            "[[" => self.test(list),
            _ => return false,
        }
        true
    }

    fn for_words(&mut self, list: &mut List) {
        self.skip_blanks();
        if self.sees("((")
            && let Some(part) = self.arithmetic(2, true)
        {
            let at = part.at.clone();
            list.push_special(CommandKind::Arithmetic, vec![Word { parts: vec![part], at }]);
            list.end_command();
            return;
        }
        let name = self.word(Place::Command);
        let mut words = vec![name];
        self.take_while(char::is_whitespace);
        let before = self.at;
        if self.word(Place::Command).bare().as_deref() == Some("in") {
            loop {
                self.skip_blanks();
                let word = self.word(Place::Command);
                if word.at.is_empty() {
                    break;
                }
                words.push(word);
            }
        } else {
            self.at = before;
        }
        list.push_special(CommandKind::For, words);
        list.end_command();
    }

    fn case_word(&mut self, list: &mut List) {
        self.skip_blanks();
        let subject = self.word(Place::Command);
        list.push_special(CommandKind::Case, vec![subject]);
        list.end_command();
        self.take_while(char::is_whitespace);
        if self.sees("in") {
            self.at += 2;
        }
        list.open.push(Open::Case { pattern: true });
    }

    fn test(&mut self, list: &mut List) {
        let start = self.at.saturating_sub(2);
        let mut words = Vec::new();
        loop {
            self.take_while(char::is_whitespace);
            self.skip_blanks();
            if self.peek().is_none() {
                self.note_unclosed(start..start + 2, "test");
                break;
            }
            let word = self.word(Place::Test);
            self.keep_moving(&word);
            let text = word.bare().unwrap_or_default();
            if let Some(sign) = text.strip_prefix("]]") {
                // `]]; then`: what is behind the brackets is not the test's.
                self.at -= sign.len();
                break;
            }
            words.push(word);
        }
        list.push_special(CommandKind::Test, words);
    }
}
