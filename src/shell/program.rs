//! What a step runs, as data: a constant body and the values it gets. Knows nothing of quoting.

use crate::base::secret::Secret;

/// Who reads a body.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Language {
    /// A POSIX shell.
    #[default]
    Sh,
    PowerShell,
}

impl Language {
    pub fn name(self) -> &'static str {
        match self {
            Language::Sh => "a POSIX shell",
            Language::PowerShell => "PowerShell",
        }
    }
}

/// A step's program. The body is constant text; everything else arrives as variables.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Program {
    pub body: String,
    pub language: Language,
    /// What the body calls; constant text too.
    pub functions: Vec<Function>,
    pub variables: Vec<Variable>,
    pub scripts: Vec<NamedScript>,
    /// The directory the body starts in.
    pub cwd: Option<String>,
    /// Exported to the commands of the body.
    pub env: Vec<(String, Text)>,
    /// What the body reads; `/dev/null` without it.
    pub stdin: Option<Secret<String>>,
    /// The name of the receipt that the host keeps of it; letters and digits. See [`receipt`](super::receipt).
    pub receipt: Option<String>,
    /// A command line for whatever answers there, which may be no POSIX shell; then nothing else of the program counts but
    /// its input, where the line is for cmd.exe.
    pub line: Option<String>,
}

impl Program {
    /// A program of a body of PowerShell alone.
    pub fn powershell(body: impl Into<String>) -> Program {
        Program { body: body.into(), language: Language::PowerShell, ..Program::default() }
    }

    /// A program of a body of a POSIX shell alone.
    pub fn new(body: impl Into<String>) -> Program {
        Program { body: body.into(), ..Program::default() }
    }

    /// What a command without input cannot bring: its text could be read by everybody on the host.
    pub fn unspeakable(&self) -> Option<&'static str> {
        let is_secret =
            |variable: &Variable| matches!(variable.value, VariableValue::Secret(_) | VariableValue::Secrets(_));
        let is_hidden = |(_, text): &(String, Text)| matches!(text, Text::Secret(_));
        match self {
            Program { stdin: Some(_), .. } => Some("standard input"),
            _ if self.variables.iter().any(is_secret) || self.env.iter().any(is_hidden) => Some("a secret"),
            _ => None,
        }
    }

    /// The same program with one more text variable.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Program {
        self.variables.push(Variable { name: name.to_owned(), value: VariableValue::Text(value.to_owned()) });
        self
    }
}

/// A shell function that several bodies share.
#[derive(Clone, PartialEq, Debug)]
pub struct Function {
    pub name: String,
    pub body: String,
}

/// A parameter of an action, or a field of an earlier phase.
#[derive(Clone, PartialEq, Debug)]
pub struct Variable {
    pub name: String,
    pub value: VariableValue,
}

#[derive(Clone, PartialEq, Debug)]
pub enum VariableValue {
    Text(String),
    /// What is no text where the language has another type for it; a POSIX shell gets the text.
    Typed(Scalar, String),
    Secret(Secret<String>),
    List(Vec<String>),
    /// A list with something secret in it.
    Secrets(Vec<Secret<String>>),
    /// Empty text, and `name_set=false`.
    Absent,
}

/// What a text stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scalar {
    /// `true` or `false`.
    Bool,
    /// With a sign, in 64 bits.
    Long,
    Double,
}

impl Scalar {
    pub fn name(self) -> &'static str {
        match self {
            Scalar::Bool => "bool",
            Scalar::Long => "long",
            Scalar::Double => "double",
        }
    }
}

/// A parameter of type `script`: it arrives as a function that runs the text in a subshell.
#[derive(Clone, PartialEq, Debug)]
pub struct NamedScript {
    pub name: String,
    /// Without a text the function does nothing and `name_set` is false.
    pub text: Option<String>,
}

/// A text that may be secret.
#[derive(Clone, PartialEq, Debug)]
pub enum Text {
    Plain(String),
    Secret(Secret<String>),
}

impl Text {
    /// The text itself, for the one place that must send it.
    pub fn expose(&self) -> &str {
        match self {
            Text::Plain(text) => text,
            Text::Secret(secret) => secret.expose(),
        }
    }
}
