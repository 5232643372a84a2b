//! Questions, and what was said to those of earlier. An answer is read as a request is.

use super::Question;
use super::targets::{Phrases, Target};
use super::tokens::{Token, tokenize};
use super::values::{read_again, readings};
use crate::hir::program::Param;
use crate::hir::world::Inventory;

pub fn question(kind: &'static str, got: &str, options: Vec<String>, ask: String) -> Question {
    Question { kind, got: got.to_string(), options, ask }
}

/// Asks of earlier questions with what was said to them.
#[derive(Clone, Copy)]
pub struct Answers<'a> {
    pub said: &'a [(String, String)],
    pub inventory: &'a Inventory,
}

impl<'a> Answers<'a> {
    pub fn to(&self, ask: &str) -> Option<&'a str> {
        self.said.iter().find(|(asked, _)| asked == ask).map(|(_, answer)| answer.trim())
    }

    /// An answer that names hosts.
    pub fn hosts(&self, ask: &str) -> Option<Vec<Target>> {
        let tokens = tokenize(self.to(ask)?);
        let phrases = Phrases { tokens: &tokens, inventory: self.inventory };
        phrases.read(0).filter(|(length, _)| *length == tokens.len()).map(|(_, targets)| targets)
    }

    /// An answer as a value of a parameter: read as in a request, or the whole line as a text.
    pub fn value(&self, ask: &str, param: &Param) -> Option<String> {
        let answer = self.to(ask)?;
        let whole = read_again(answer, &param.ty);
        whole
            .filter(|values| values.len() == 1)
            .and_then(|mut values| values.pop())
            .or_else(|| whole_line(answer, param))
    }
}

fn whole_line(answer: &str, param: &Param) -> Option<String> {
    let token = Token::quoted(answer);
    readings(&[token], 0, &param.ty).pop().and_then(|mut filler| filler.values.pop())
}
