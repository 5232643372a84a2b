//! PowerShell text → commands of words, as far as a lint needs: strings, comments, variables, pipes, brackets.
//! Never fails; knows nothing of types, of expressions or of what a command does.

use std::ops::Range;

#[derive(Default, Debug)]
pub struct PowershellScript {
    pub commands: Vec<PowershellCommand>,
    /// A string or comment that is never closed: where it starts.
    pub unclosed: Option<(Range<usize>, &'static str)>,
    /// `&&` and `||`, which only PowerShell 7 has.
    pub chains: Vec<Range<usize>>,
}

#[derive(Default, Debug)]
pub struct PowershellCommand {
    pub words: Vec<PowershellWord>,
    /// Reads the output of the command before it.
    pub piped: bool,
}

#[derive(Clone, Debug)]
pub struct PowershellWord {
    /// Without quotes.
    pub text: String,
    /// Holds a variable or an expression that is expanded.
    pub expands: bool,
    pub at: Range<usize>,
}

impl PowershellCommand {
    /// The word that names the command, as written: in `$x = command` the third. `& "program"` and `. script` run what
    /// follows.
    pub fn head(&self) -> Option<&PowershellWord> {
        let assigns = self.words.get(1).is_some_and(|word| matches!(word.text.as_str(), "=" | "+="));
        let mut words = self.words.iter().skip(if assigns { 2 } else { 0 });
        words.find(|word| word.text != "&" && word.text != ".")
    }

    /// In small letters, as PowerShell knows no others; without `.exe`.
    pub fn name(&self) -> String {
        let name = self.head().map(|word| word.text.to_lowercase()).unwrap_or_default();
        name.strip_suffix(".exe").map(str::to_string).unwrap_or(name)
    }

    /// A switch, which may be shortened: `-Recurse`, `-rec`, `-r`.
    pub fn has_switch(&self, name: &str) -> bool {
        self.words.iter().any(|word| {
            let text = word.text.to_lowercase();
            let switch = text.split(':').next().unwrap_or_default();
            switch.len() > 1 && switch.starts_with('-') && name.starts_with(switch)
        })
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    script: PowershellScript,
    current: PowershellCommand,
}

pub fn read_powershell(text: &str) -> PowershellScript {
    let mut reader = Reader { text, at: 0, script: PowershellScript::default(), current: PowershellCommand::default() };
    while let Some(letter) = reader.rest().chars().next() {
        reader.token(letter);
    }
    reader.end(false);
    reader.script
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn sees(&self, text: &str) -> bool {
        self.rest().starts_with(text)
    }

    fn token(&mut self, letter: char) {
        match letter {
            ' ' | '\t' | '\r' => self.at += 1,
            '`' if self.sees("`\n") => self.at += 2,
            '`' if self.sees("`\r\n") => self.at += 3,
            '#' => self.at += self.rest().find('\n').unwrap_or(self.rest().len()),
            '<' if self.sees("<#") => self.pass_over("#>", "comment"),
            '&' | '|' if self.sees("&&") || self.sees("||") => {
                self.script.chains.push(self.at..self.at + 2);
                self.at += 2;
                self.end(false);
            }
            '|' => {
                self.at += 1;
                self.end(true);
            }
            '\n' | ';' | '{' | '}' | '(' | ')' => {
                self.at += 1;
                // A line may go on behind a pipe.
                if letter != '\n' || !self.current.words.is_empty() {
                    self.end(false);
                }
            }
            _ => self.word(),
        }
    }

    fn end(&mut self, pipes: bool) {
        let next = PowershellCommand { words: Vec::new(), piped: pipes };
        let done = std::mem::replace(&mut self.current, next);
        if done.words.is_empty() {
            // `| (iex)`: the bracket changes nothing of what is read.
            self.current.piped = pipes || done.piped;
        } else {
            self.script.commands.push(done);
        }
    }

    fn pass_over(&mut self, closing: &str, what: &'static str) {
        let start = self.at;
        match self.rest().find(closing) {
            Some(end) => self.at += end + closing.len(),
            None => {
                self.note_unclosed(start, what);
                self.at = self.text.len();
            }
        }
    }

    fn note_unclosed(&mut self, start: usize, what: &'static str) {
        if self.script.unclosed.is_none() {
            self.script.unclosed = Some((start..start + 1, what));
        }
    }

    fn word(&mut self) {
        let start = self.at;
        let mut word = PowershellWord { text: String::new(), expands: false, at: start..start };
        while let Some(letter) = self.rest().chars().next() {
            match letter {
                ' ' | '\t' | '\r' | '\n' | ';' | '|' | '{' | '}' | '(' | ')' => break,
                '$' if self.sees("$(") && self.at > start => break,
                '\'' => self.string('\'', &mut word),
                '"' => self.string('"', &mut word),
                '@' if self.sees("@'\n") || self.sees("@\"\n") => self.here_string(&mut word),
                '`' => {
                    self.at += 1;
                    let escaped = self.rest().chars().next();
                    self.at += escaped.map_or(0, char::len_utf8);
                    word.text.extend(escaped);
                }
                ',' if self.at > start => break,
                _ => {
                    word.expands = word.expands || letter == '$';
                    word.text.push(letter);
                    self.at += letter.len_utf8();
                }
            }
        }
        word.at.end = self.at;
        if word.text != "," {
            self.current.words.push(word);
        }
    }

    /// `'…'`, where `''` is a quote, and `"…"`, where `` `" `` is one too.
    fn string(&mut self, quote: char, word: &mut PowershellWord) {
        let start = self.at;
        self.at += 1;
        loop {
            let rest = self.rest();
            let Some(letter) = rest.chars().next() else {
                self.note_unclosed(start, if quote == '"' { "double quote" } else { "single quote" });
                return;
            };
            self.at += letter.len_utf8();
            let doubled = rest.chars().nth(1) == Some(quote);
            match letter {
                _ if letter == quote && !doubled => return,
                _ if letter == quote => {
                    self.at += 1;
                    word.text.push(quote);
                }
                '`' if quote == '"' => {
                    let escaped = self.rest().chars().next();
                    self.at += escaped.map_or(0, char::len_utf8);
                    word.text.extend(escaped);
                }
                '$' if quote == '"' && self.sees("(") => {
                    word.expands = true;
                    self.subexpression();
                }
                _ => {
                    word.expands = word.expands || quote == '"' && letter == '$';
                    word.text.push(letter);
                }
            }
        }
    }

    /// `$(…)` in a string: passed over to its bracket, strings in it too.
    fn subexpression(&mut self) {
        let mut open = 0_usize;
        while let Some(letter) = self.rest().chars().next() {
            match letter {
                '(' => open += 1,
                ')' if open == 1 => {
                    self.at += 1;
                    return;
                }
                ')' => open = open.saturating_sub(1),
                '"' | '\'' => {
                    let mut inner = PowershellWord { text: String::new(), expands: false, at: self.at..self.at };
                    self.string(letter, &mut inner);
                    continue;
                }
                _ => {}
            }
            self.at += letter.len_utf8();
        }
    }

    /// `@'` to `'@` at the start of a line.
    fn here_string(&mut self, word: &mut PowershellWord) {
        let start = self.at;
        let quote = if self.sees("@'") { '\'' } else { '"' };
        let closing = format!("\n{quote}@");
        match self.rest().find(&closing) {
            Some(end) => {
                let text = self.rest().get(3..end.max(3)).unwrap_or("");
                word.expands = word.expands || quote == '"' && text.contains('$');
                word.text.push_str(text);
                self.at += end + closing.len();
            }
            None => {
                self.note_unclosed(start, "here-string");
                self.at = self.text.len();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_and_words() {
        let cases = [
            ("a -b 'c d' | e; f", "a -b c d; |e; f"),
            ("# no\na <# x\ny #> b", "a b"),
            ("if ($x -eq 1) { a \"b $(c \"d\") e\" }", "if; $x -eq 1; a b  e"),
            ("a `\n b |\n c", "a b; |c"),
            ("$x = @'\na; b\n'@\nc", "$x = a; b; c"),
            ("a 'it''s' \"say `\"x`\"\"", "a it's say \"x\""),
        ];
        for (text, expected) in cases {
            let script = read_powershell(text);
            let shown: Vec<String> = script
                .commands
                .iter()
                .map(|command| {
                    let words: Vec<&str> = command.words.iter().map(|word| word.text.as_str()).collect();
                    format!("{}{}", if command.piped { "|" } else { "" }, words.join(" "))
                })
                .collect();
            assert_eq!(shown.join("; "), expected, "{text}");
            assert!(script.unclosed.is_none(), "{text}");
        }
        assert!(read_powershell("a 'b").unclosed.is_some());
    }
}
