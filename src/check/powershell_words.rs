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
    pub variables: Vec<PowershellVariable>,
}

/// `$name`, `${name}` or `@name`; not `$env:name` or another of a drive.
#[derive(Clone, Debug)]
pub struct PowershellVariable {
    /// In small letters, without a scope.
    pub name: String,
    /// It gets a value here.
    pub is_set: bool,
    pub at: Range<usize>,
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
                '@' if self.at == start && !self.sees("@'") && !self.sees("@\"") => {
                    self.note_variable(self.at, true);
                    word.text.push(letter);
                    self.at += 1;
                }
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
                    if letter == '$' {
                        self.note_variable(self.at, true);
                    }
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

    /// The variable whose `$` stands here. In a text none gets a value.
    fn note_variable(&mut self, at: usize, is_code: bool) {
        let Some(name) = variable_name(self.text.get(at..).unwrap_or("")) else { return };
        let end = at + name.len;
        let (before, after) = (self.text.get(..at).unwrap_or(""), self.text.get(end..).unwrap_or(""));
        let is_set = is_code && gets_a_value(before, after);
        self.script.variables.push(PowershellVariable { name: name.plain, is_set, at: at..end });
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
                    if quote == '"' && letter == '$' {
                        word.expands = true;
                        self.note_variable(self.at - 1, false);
                    }
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
                '$' => self.note_variable(self.at, true),
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
                let signs = text.match_indices('$').filter(|(at, _)| quote == '"' && !is_escaped(text, *at));
                signs.for_each(|(at, _)| self.note_variable(start + 3 + at, false));
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

struct VariableName {
    plain: String,
    /// With its sign, braces and scope.
    len: usize,
}

/// Scopes that a variable is found in without naming them.
const SCOPES: &[&str] = &["global", "local", "private", "script"];

fn variable_name(text: &str) -> Option<VariableName> {
    let mut letters = text.chars();
    letters.next()?;
    let rest = letters.as_str();
    let is_of_name = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':';
    let (written, extra) = match rest.strip_prefix('{') {
        Some(inner) if text.starts_with('$') => (inner.split('}').next()?, 2),
        _ => (rest.split(|letter| !is_of_name(letter)).next()?, 0),
    };
    // `"$name: text"`, and `$type::member`.
    let written = if extra == 0 { written.split("::").next()?.trim_end_matches(':') } else { written };
    let len = text.len() - rest.len() + written.len() + extra;
    let lower = written.to_lowercase();
    let plain = match lower.split_once(':') {
        Some((scope, name)) if SCOPES.contains(&scope) => name.to_string(),
        Some(_) => return None,
        None => lower,
    };
    (!plain.is_empty()).then_some(VariableName { plain, len })
}

/// `$x = …`, `$x += …`, `$x++`, `$x, $y = …`, `foreach ($x in …)`, `[ref]$x`.
fn gets_a_value(before: &str, after: &str) -> bool {
    let after = after.trim_start_matches([' ', '\t']);
    let assigns = ["=", "+=", "-=", "*=", "/=", "%=", "??=", "++", "--"].iter().any(|sign| after.starts_with(sign));
    let before = before.trim_end_matches([' ', '\t']);
    let is_one_of_several = || {
        let rest = after.strip_prefix(',').map(str::trim_start).filter(|rest| rest.starts_with('$'));
        rest.is_some_and(|rest| {
            variable_name(rest).is_some_and(|next| gets_a_value("", rest.get(next.len..).unwrap_or("")))
        })
    };
    let is_each = after.get(..3).is_some_and(|word| word.eq_ignore_ascii_case("in "));
    let lower = before.get(before.len().saturating_sub(5)..).unwrap_or("").to_lowercase();
    assigns || is_each || lower == "[ref]" || before.ends_with("++") || before.ends_with("--") || is_one_of_several()
}

/// Behind an odd number of backticks.
fn is_escaped(text: &str, at: usize) -> bool {
    let before = text.get(..at).unwrap_or("");
    (before.len() - before.trim_end_matches('`').len()) % 2 == 1
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

    #[test]
    fn variables_and_those_that_get_a_value() {
        let cases = [
            ("$a = $b; ${c d} += 1; $e++; --$f", "a= b c d= e= f="),
            ("\"$a ${b} $($c + 1) `$d $env:E $script:g $h:\" + '$i' # $j", "a b c g h"),
            ("foreach ($x in $all) { f @given -A @($y) @{ z = $z } }", "x= all given y z"),
            ("$a, $b = f; $c -eq 1; g ([ref]$d)", "a= b= c d="),
            ("@\"\n$a `$b\n\"@ + @'\n$c\n'@", "a"),
            ("$Global:X = [int]::Parse($s); $t::Field; $_ ; $?", "x= s t _"),
        ];
        for (text, expected) in cases {
            let variables = read_powershell(text).variables;
            let shown: Vec<String> = variables
                .iter()
                .map(|variable| format!("{}{}", variable.name, if variable.is_set { "=" } else { "" }))
                .collect();
            assert_eq!(shown.join(" "), expected, "{text}");
        }
    }
}
