//! What a POSIX shell script is made of, as far as a lint must know: commands in order, their words, what the words
//! expand. Places are byte ranges of the script's text. Knows nothing of how it is read.

use std::ops::Range;

/// One script: commands in the order of the text, nested ones inside their words.
#[derive(Default, Debug)]
pub struct ShellScript {
    pub commands: Vec<Command>,
    pub comments: Vec<Range<usize>>,
    /// What is opened and never closed: where, and how it is named in a message.
    pub unclosed: Option<(Range<usize>, &'static str)>,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum CommandKind {
    #[default]
    Simple,
    /// `for NAME in WORDS`: the first word is the name.
    For,
    /// `case WORD in`: the only word.
    Case,
    /// `[[ … ]]`, the brackets left out.
    Test,
    /// `(( … ))`: one word.
    Arithmetic,
    /// `NAME()` or `function NAME`: the only word.
    Function,
    /// The end of a compound command, which may have redirections.
    Closing,
}

#[derive(Clone, Default, Debug)]
pub struct Command {
    pub kind: CommandKind,
    pub assignments: Vec<Assignment>,
    pub words: Vec<Word>,
    pub redirections: Vec<Redirection>,
    /// Reads the output of the command before it.
    pub piped: bool,
}

#[derive(Clone, Debug)]
pub struct Assignment {
    pub name: String,
    pub value: Word,
}

#[derive(Clone, Debug)]
pub struct Redirection {
    /// `>`, `>>`, `<`, `<<`, `>&`, …
    pub operator: &'static str,
    /// The file, the descriptor, or the text of a here-document.
    pub target: Word,
    pub at: Range<usize>,
}

#[derive(Clone, PartialEq, Default, Debug)]
pub struct Word {
    pub parts: Vec<Part>,
    pub at: Range<usize>,
}

#[derive(Clone, Debug)]
pub struct Part {
    pub kind: PartKind,
    /// Inside double quotes, or quoted itself: not split, no wildcard.
    pub quoted: bool,
    pub at: Range<usize>,
}

impl PartialEq for Part {
    fn eq(&self, other: &Part) -> bool {
        self.at == other.at
    }
}

#[derive(Clone, Debug)]
pub enum PartKind {
    Text(String),
    Variable(Variable),
    /// `$(…)`, `` `…` ``, `<(…)`.
    Command {
        commands: Vec<Command>,
        opening: &'static str,
    },
    /// `$((…))`, or the text of an arithmetic command; always a number.
    Arithmetic {
        parts: Vec<Part>,
        text: String,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// `$x`, `${x}`, `${x%…}` and the like.
    Value,
    /// `${#x}`: a number.
    Length,
    /// `${x:-…}`, `${x-…}`.
    Default,
    /// `${x:=…}`, `${x=…}`.
    Assign,
    /// `${x:?…}`, `${x?…}`.
    Required,
    /// `${x:+…}`, `${x+…}`.
    Alternative,
}

#[derive(Clone, Debug)]
pub struct Variable {
    /// A name, a number or one of `@ * # ? - $ !`.
    pub name: String,
    pub form: Form,
    /// What follows the operator.
    pub argument: Vec<Part>,
}

impl Word {
    /// The text of a word without expansions, quotes taken off.
    pub fn literal(&self) -> Option<String> {
        let text = |part: &Part| match &part.kind {
            PartKind::Text(text) => Some(text.clone()),
            _ => None,
        };
        self.parts.iter().map(text).collect::<Option<Vec<_>>>().map(|parts| parts.concat())
    }

    /// The same for a word that is not quoted anywhere, as keywords must be.
    pub fn bare(&self) -> Option<String> {
        if self.parts.iter().any(|part| part.quoted) { None } else { self.literal() }
    }

    pub fn variables(&self) -> impl Iterator<Item = (&Part, &Variable)> {
        self.parts.iter().filter_map(|part| match &part.kind {
            PartKind::Variable(variable) => Some((part, variable)),
            _ => None,
        })
    }
}

impl Command {
    /// The name of a simple command, where it is written out; without its folder.
    pub fn name(&self) -> Option<String> {
        if self.kind != CommandKind::Simple {
            return None;
        }
        let name = self.words.first()?.literal()?;
        Some(name.rsplit('/').next().unwrap_or_default().to_string())
    }

    /// Every word: of the command itself, of its assignments and of its redirections.
    pub fn all_words(&self) -> impl Iterator<Item = &Word> {
        let values = self.assignments.iter().map(|assignment| &assignment.value);
        self.words.iter().chain(values).chain(self.redirections.iter().map(|redirection| &redirection.target))
    }
}

/// Calls `visit` for every list of commands: the script's own, and those inside words.
pub fn walk_lists<'a>(commands: &'a [Command], visit: &mut dyn FnMut(&'a [Command])) {
    visit(commands);
    for word in commands.iter().flat_map(Command::all_words) {
        walk_parts(&word.parts, &mut |part| {
            if let PartKind::Command { commands, .. } = &part.kind {
                walk_lists(commands, visit);
            }
        });
    }
}

/// Calls `visit` for every part, and for the parts inside arguments and arithmetic; not for those inside commands.
pub fn walk_parts<'a>(parts: &'a [Part], visit: &mut dyn FnMut(&'a Part)) {
    for part in parts {
        visit(part);
        match &part.kind {
            PartKind::Variable(variable) => walk_parts(&variable.argument, visit),
            PartKind::Arithmetic { parts, .. } => walk_parts(parts, visit),
            PartKind::Text(_) | PartKind::Command { .. } => {}
        }
    }
}
