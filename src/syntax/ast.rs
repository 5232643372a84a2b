//! The tree as it was written: names are still words to look up. Every node knows its span.
//! Knows nothing of what a name means.

pub use super::ast_expressions::*;
pub use super::ast_types::*;
use crate::base::source::Span;

/// A whole file: `ops 1`, then items.
#[derive(Clone, PartialEq, Debug)]
pub struct File {
    pub edition: u32,
    pub edition_span: Span,
    pub items: Vec<Item>,
    /// Comments in order of place; the formatter puts them back.
    pub comments: Vec<Comment>,
    pub allows: Vec<Allow>,
    pub span: Span,
}

/// A comment `# opsc:allow(CODE) reason`, here or in a script.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Allow {
    /// Empty where none is named.
    pub codes: Vec<Name>,
    pub has_reason: bool,
    pub span: Span,
    /// The whole lines that it speaks of.
    pub covers: Span,
}

/// A `# …` comment, without its line end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Comment {
    pub text: String,
    pub span: Span,
    /// Nothing but white space stands before it on its line.
    pub own_line: bool,
    /// An empty line stands before it.
    pub blank_before: bool,
}

#[derive(Clone, PartialEq, Debug)]
pub enum Item {
    Use(Use),
    Type(TypeItem),
    Function(Function),
    Action(Action),
    Playbook(Playbook),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Name {
    pub text: String,
    pub span: Span,
}

/// `service.restart`, `chat.post`, `nginx`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QualifiedName {
    pub parts: Vec<Name>,
    pub span: Span,
}

impl QualifiedName {
    pub fn text(&self) -> String {
        self.parts.iter().map(|part| part.text.as_str()).collect::<Vec<_>>().join(".")
    }
}

#[derive(Clone, PartialEq, Debug)]
pub struct Use {
    pub source: UseSource,
    pub alias: Option<Name>,
    pub span: Span,
}

#[derive(Clone, PartialEq, Debug)]
pub enum UseSource {
    Path(StringLiteral),
    Name(QualifiedName),
}

#[derive(Clone, PartialEq, Debug)]
pub struct TypeItem {
    pub name: Name,
    pub ty: Type,
    pub span: Span,
}

/// `function NAME sh """…"""`: a function for the bodies of its file that are in the same language.
#[derive(Clone, PartialEq, Debug)]
pub struct Function {
    pub name: Name,
    pub script: Script,
    pub span: Span,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Param {
    pub name: Name,
    pub ty: Type,
    pub default: Option<Expr>,
    pub span: Span,
}

/// `! change, admin`.
#[derive(Clone, PartialEq, Debug)]
pub struct Effects {
    pub names: Vec<Name>,
    pub span: Span,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Action {
    pub name: QualifiedName,
    pub params: Vec<Param>,
    /// From the opening to the closing parenthesis of the parameters.
    pub params_span: Span,
    pub result: Option<Type>,
    pub effects: Option<Effects>,
    pub attrs: Vec<Attr>,
    pub body: ActionBody,
    pub span: Span,
}

#[derive(Clone, PartialEq, Debug)]
pub enum ActionBody {
    /// `steps { … }`: a composite action.
    Steps(Block),
    Impls(Vec<Impl>),
}

/// `linux where facts.init == "systemd" { … }`.
#[derive(Clone, PartialEq, Debug)]
pub struct Impl {
    pub platform: Name,
    pub condition: Option<Expr>,
    pub phases: Vec<Phase>,
    pub span: Span,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PhaseKind {
    Check,
    Apply,
    Verify,
    Rollback,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ScriptLanguage {
    Sh,
    Powershell,
}

impl ScriptLanguage {
    /// As it stands before a script.
    pub fn name(self) -> &'static str {
        match self {
            ScriptLanguage::Sh => "sh",
            ScriptLanguage::Powershell => "powershell",
        }
    }
}

#[derive(Clone, PartialEq, Debug)]
pub struct Phase {
    pub kind: PhaseKind,
    pub body: PhaseBody,
    pub span: Span,
}

#[derive(Clone, PartialEq, Debug)]
pub enum PhaseBody {
    Script(Script),
    /// `native "file.upload"`.
    Native(StringLiteral),
}

/// `sh"…"`, `powershell"""…"""`: text without interpolation, common indentation removed.
#[derive(Clone, PartialEq, Debug)]
pub struct Script {
    pub language: ScriptLanguage,
    pub text: String,
    /// Where pieces of `text` start, and where they stand in the file: the text is shorter than what was written.
    pub places: Vec<(usize, usize)>,
    /// Written with three quotes.
    pub block: bool,
    pub span: Span,
}

impl Script {
    /// What a range of `text` is in the file.
    pub fn span_of(&self, range: std::ops::Range<usize>) -> Span {
        let place = |offset: usize| {
            let piece = self.places.partition_point(|(start, _)| *start <= offset).saturating_sub(1);
            self.places.get(piece).map_or(0, |(start, at)| at + offset.saturating_sub(*start))
        };
        // The end belongs to the piece of the last byte, not to the next line's.
        let end = if range.end > range.start { place(range.end - 1) + 1 } else { place(range.start) };
        Span::new(self.span.file, place(range.start), end)
    }
}

#[derive(Clone, PartialEq, Debug)]
pub struct Playbook {
    pub name: Name,
    pub params: Vec<Param>,
    pub params_span: Span,
    pub effects: Option<Effects>,
    pub attrs: Vec<Attr>,
    pub body: Block,
    pub span: Span,
}

/// `label: value else "message"`.
#[derive(Clone, PartialEq, Debug)]
pub struct Attr {
    pub label: Name,
    pub value: Expr,
    pub otherwise: Option<StringLiteral>,
    pub span: Span,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Block {
    pub statements: Vec<Statement>,
    pub clauses: Vec<Clause>,
    /// With the braces; for a playbook, from the first statement's place to the closing brace.
    pub span: Span,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClauseKind {
    OnFailure,
    AfterBatch,
    Always,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Clause {
    pub kind: ClauseKind,
    pub body: Block,
    /// Of the words that open it.
    pub head_span: Span,
    pub span: Span,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Statement {
    pub kind: StatementKind,
    pub span: Span,
}

#[derive(Clone, PartialEq, Debug)]
pub enum StatementKind {
    Let {
        name: Name,
        value: Expr,
    },
    On {
        binding: Option<Name>,
        hosts: Expr,
        options: Vec<Named>,
        body: Block,
    },
    At {
        host: Expr,
        options: Vec<Named>,
        body: Block,
    },
    Repeat {
        options: Vec<Named>,
        body: Block,
    },
    If {
        condition: Expr,
        then: Block,
        otherwise: Option<Else>,
    },
    For {
        name: Name,
        list: Expr,
        body: Block,
    },
    Parallel {
        body: Block,
    },
    Require {
        condition: Expr,
        otherwise: StringLiteral,
    },
    SkipIf {
        condition: Expr,
        reason: StringLiteral,
    },
    Rollback {
        scope: RollbackScope,
    },
    /// A step, an approval or a playbook call: which one is not known before names are.
    Step(Step),
}

#[derive(Clone, PartialEq, Debug)]
pub enum Else {
    Block(Block),
    /// `else if`: always a `StatementKind::If`.
    If(Box<Statement>),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RollbackScope {
    Host,
    Batch,
    All,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Step {
    pub binding: Option<Name>,
    pub action: QualifiedName,
    pub args: Vec<Arg>,
    /// From the opening to the closing parenthesis.
    pub args_span: Span,
    pub attrs: Vec<Attr>,
}
