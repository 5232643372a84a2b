//! The lint of one script: what is known of it, and which rules look at it. Knows nothing of actions or playbooks.

use std::collections::BTreeSet;
use std::ops::Range;

use super::errors::lint::LintError;
use super::shell_commands::{declares, read_shell};
use super::shell_tree::{
    Command, CommandKind, Form, Part, PartKind, ShellScript, Variable, Word, walk_lists, walk_parts,
};
use super::{lint_code, lint_dangers, lint_powershell, lint_variables, lint_writes};
use crate::base::source::Span;
use crate::diag::Diagnostic;
use crate::syntax::ast::{Script, ScriptLanguage};

/// How a value arrives in a script.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// Any text: unquoted, the shell makes several words of it.
    Text,
    /// Always one word without special signs: a number, `true`, a member of a union.
    Plain,
    /// As functions `with_x` and `each_x`.
    List,
}

/// A variable that the engine sets.
#[derive(Clone, Debug)]
pub struct Given {
    pub name: String,
    pub shape: Shape,
    /// May be the empty text.
    pub may_be_empty: bool,
    pub is_path: bool,
    pub definition: Option<Span>,
}

/// What a script is, beside its text.
#[derive(Clone, Default, Debug)]
pub struct Subject {
    pub given: Vec<Given>,
    /// A body: there are no variables but those given and its own.
    pub is_closed: bool,
    /// Written into a playbook, not into an action.
    pub is_literal: bool,
    /// Why it may only read, in the words of a message.
    pub only_reads: Option<&'static str>,
    /// Its effects say `destroy`.
    pub destroys: bool,
    /// Of an action of `os`.
    pub restarts_hosts: bool,
}

impl Subject {
    pub fn given(&self, name: &str) -> Option<&Given> {
        self.given.iter().find(|given| given.name == name)
    }

    /// A value that may hold anything.
    pub fn is_text(&self, name: &str) -> bool {
        self.given(name).is_some_and(|given| given.shape == Shape::Text)
    }
}

/// One script under the eyes of all rules.
pub struct Lint<'a> {
    pub script: &'a Script,
    pub subject: &'a Subject,
    pub facts: Facts,
    pub found: Vec<Diagnostic>,
}

impl Lint<'_> {
    pub fn span(&self, at: &Range<usize>) -> Span {
        self.script.span_of(at.clone())
    }

    pub fn report(&mut self, error: &LintError) {
        self.found.push(error.diagnostic());
    }

    /// A piece of the script as messages show it.
    pub fn text(&self, at: &Range<usize>) -> String {
        self.script.text.get(at.clone()).unwrap_or("").to_string()
    }
}

/// All findings in a script, in the order of its text.
pub fn lint_script(script: &Script, subject: &Subject) -> Vec<Diagnostic> {
    let mut lint = Lint { script, subject, facts: Facts::default(), found: Vec::new() };
    match script.language {
        ScriptLanguage::Sh => lint_shell(&mut lint),
        ScriptLanguage::Powershell => lint_powershell::lint(&mut lint),
    }
    lint.found.sort_by_key(|diagnostic| (diagnostic.primary.span, diagnostic.code));
    lint.found.dedup();
    lint.found
}

fn lint_shell(lint: &mut Lint<'_>) {
    let tree = read_shell(&lint.script.text);
    if let Some((at, what)) = &tree.unclosed {
        // All that follows would be read wrongly.
        let span = lint.span(at);
        lint.report(&LintError::Unclosed { what, span });
        return;
    }
    lint.facts = Facts::of(&tree);
    walk_lists(&tree.commands, &mut |list| {
        for (index, command) in list.iter().enumerate() {
            let before = list.get(..index).unwrap_or_default();
            lint_variables::look(lint, command);
            lint_code::look(lint, command, before);
            lint_dangers::look(lint, command, before);
            if lint.subject.only_reads.is_some() {
                lint_writes::look(lint, command);
            }
        }
    });
}

/// What a script does with names, wherever in it.
#[derive(Default, Debug)]
pub struct Facts {
    pub functions: BTreeSet<String>,
    pub assigned: BTreeSet<String>,
    /// Files and processes of the script's own making: assigned from `mktemp`, from `$!`, or from such a variable.
    pub own: BTreeSet<String>,
    /// Assigned a text that starts with something.
    pub filled: BTreeSet<String>,
    /// Assigned what may be empty.
    pub perhaps_empty: BTreeSet<String>,
    /// Looked at by a test before use.
    pub tested: BTreeSet<String>,
    /// Reads other scripts, which may set anything.
    pub is_open: bool,
    pub stops_at_errors: bool,
}

impl Facts {
    pub fn of(tree: &ShellScript) -> Facts {
        let mut facts = Facts::default();
        walk_lists(&tree.commands, &mut |list| list.iter().for_each(|command| facts.take(command)));
        facts
    }

    fn take(&mut self, command: &Command) {
        for assignment in &command.assignments {
            self.assigned.insert(assignment.name.clone());
            self.take_value(&assignment.name, &assignment.value);
        }
        for word in command.all_words() {
            walk_parts(&word.parts, &mut |part| self.take_part(part));
        }
        let first = command.words.first().and_then(Word::literal);
        match (command.kind, first) {
            (CommandKind::Function, Some(name)) => drop(self.functions.insert(name)),
            (CommandKind::For, Some(name)) => drop(self.assigned.insert(name)),
            (CommandKind::Case | CommandKind::Test, _) => self.take_tested(command),
            (CommandKind::Simple, Some(name)) => self.take_simple(&name, command),
            _ => {}
        }
    }

    fn take_value(&mut self, name: &str, value: &Word) {
        let runs_mktemp = value.parts.iter().any(|part| match &part.kind {
            PartKind::Command { commands, .. } => {
                commands.iter().any(|command| command.name().as_deref() == Some("mktemp"))
            }
            _ => false,
        });
        let begins_own = value.variables().next().is_some_and(|(part, variable)| {
            part.at.start <= value.at.start + 1 && (variable.name == "!" || self.own.contains(&variable.name))
        });
        let begins = match value.parts.first().map(|part| &part.kind) {
            Some(PartKind::Text(text)) => !text.is_empty(),
            Some(PartKind::Variable(variable)) => matches!(variable.form, Form::Required | Form::Default),
            _ => false,
        };
        if runs_mktemp || begins_own {
            self.own.insert(name.to_string());
        } else if begins {
            self.filled.insert(name.to_string());
        } else {
            self.perhaps_empty.insert(name.to_string());
        }
    }

    fn take_part(&mut self, part: &Part) {
        match &part.kind {
            PartKind::Variable(Variable { name, form: Form::Assign, .. }) => {
                self.assigned.insert(name.clone());
            }
            PartKind::Variable(Variable { name, form: Form::Required, .. }) => {
                self.tested.insert(name.clone());
            }
            PartKind::Arithmetic { text, .. } => self.assigned.extend(assigned_in_arithmetic(text)),
            _ => {}
        }
    }

    fn take_tested(&mut self, command: &Command) {
        for word in &command.words {
            walk_parts(&word.parts, &mut |part| {
                if let PartKind::Variable(variable) = &part.kind {
                    self.tested.insert(variable.name.clone());
                }
            });
        }
    }

    fn take_simple(&mut self, name: &str, command: &Command) {
        let words = || command.words.iter().skip(1).filter_map(Word::literal);
        match name {
            "[" | "test" => self.take_tested(command),
            "." | "source" | "eval" => self.is_open = true,
            "read" | "mapfile" | "readarray" | "getopts" | "wait" => {
                self.assigned.extend(words());
                self.is_open |= name != "getopts" && name != "wait" && names_by_value(command);
            }
            "printf" if words().next().as_deref() == Some("-v") => {
                self.assigned.extend(words().nth(1));
                self.is_open |= names_by_value(command);
            }
            "let" => words().for_each(|text| self.assigned.extend(assigned_in_arithmetic(&text))),
            "set" if words().any(|word| word == "errexit" || word.starts_with('-') && word.contains('e')) => {
                self.stops_at_errors = true;
            }
            _ if declares(name) => {
                self.assigned.extend(words());
                // `declare -n x=$1`: another name for any variable.
                self.is_open |= names_by_value(command) || words().any(|word| word == "-n");
            }
            _ => {}
        }
    }
}

/// `read "$x"`, `export $(cat x)`: the value tells which variable is set.
fn names_by_value(command: &Command) -> bool {
    let begins = |word: &Word| word.parts.first().is_some_and(|part| !matches!(part.kind, PartKind::Text(_)));
    command.words.iter().skip(1).any(begins)
}

/// `x` of `x = 1`, `x += 1`, `x++` and `++x`.
fn assigned_in_arithmetic(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let mut rest = text;
    while let Some(start) = rest.find(|letter: char| letter.is_ascii_alphabetic() || letter == '_') {
        let before = rest.get(..start).unwrap_or("").trim_end();
        let from = rest.get(start..).unwrap_or("");
        let end = from.find(|letter| !is_letter(letter)).unwrap_or(from.len());
        let after = from.get(end..).unwrap_or("").trim_start();
        let operator = after.trim_start_matches(['+', '-', '*', '/', '%', '&', '|', '^', '<', '>']);
        let assigns = operator.starts_with('=') && !operator.starts_with("==") && !compares(after, operator);
        let steps = ["++", "--"].iter().any(|sign| after.starts_with(sign) || before.ends_with(sign));
        if assigns || steps {
            names.push(from.get(..end).unwrap_or("").to_string());
        }
        rest = from.get(end..).unwrap_or("");
    }
    names
}

/// `<=` and `>=` compare; `<<=` and `>>=` assign.
fn compares(after: &str, operator: &str) -> bool {
    let signs = after.len() - operator.len();
    signs == 1 && after.starts_with(['<', '>'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_a_script_sets_are_found() {
        let cases = [
            ("a=1 b=$c d", "a b"),
            ("read -r a b; getopts ab: o", "-r a ab: b o"),
            ("for i in x; do :; done; : ${j:=1}; k=$((l = 2, m == 3, n++, o <= 1))", "i j k l n"),
            ("export A=1 b; local c", "A b c"),
            ("x() { y=1; }", "y"),
            ("a=$(b=1; c)", "a b"),
        ];
        for (text, expected) in cases {
            let assigned: Vec<String> = Facts::of(&read_shell(text)).assigned.into_iter().collect();
            assert_eq!(assigned.join(" "), expected, "{text}");
        }
    }
}
