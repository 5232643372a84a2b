//! `E0700`: secrets, and what may not stand in a script body.

use crate::base::source::Span;
use crate::diag::Diagnostic;

#[derive(Clone, PartialEq, Debug)]
pub enum ScriptError {
    SecretLeak { expected: String, span: Span, origin: Option<Span>, definition: Option<Span> },
    SecretInText { place: &'static str, span: Span },
    Eval { span: Span },
    Backticks { span: Span },
    Unquoted { name: String, span: Span },
}

impl ScriptError {
    pub fn diagnostic(&self) -> Diagnostic {
        match self {
            ScriptError::SecretLeak { expected, span, origin, definition } => {
                let diagnostic = Diagnostic::error("E0701", *span, format!("expected {expected}, found a secret"))
                    .help("only parameters of type secret take one; `declassify(x, because: \"…\")` makes it plain");
                let diagnostic = match origin.filter(|origin| origin != span) {
                    Some(origin) => diagnostic.label(origin, "it became secret here"),
                    None => diagnostic,
                };
                match definition {
                    Some(definition) => diagnostic.label(*definition, "the parameter is defined here"),
                    None => diagnostic,
                }
            }
            ScriptError::SecretInText { place, span } => {
                Diagnostic::error("E0702", *span, format!("a secret cannot stand in {place}"))
            }
            ScriptError::Eval { span } => Diagnostic::error("E0703", *span, "`eval` turns values into code")
                .help("arguments arrive as variables: use them quoted"),
            ScriptError::Backticks { span } => {
                Diagnostic::warning("W0704", *span, "backticks are hard to quote").help("write `$(…)`")
            }
            ScriptError::Unquoted { name, span } => {
                Diagnostic::error("E0705", *span, format!("`{name}` is not quoted"))
                    .help(format!("write \"{name}\", so that spaces and wildcards in it stay data"))
            }
        }
    }
}

crate::diag::code_docs! {
    "E0701" "a secret where none may be"
    "A secret is taken only by parameters typed `secret<…>`: it never reaches a command line, a log, an event, a plan or a diagnostic."
    "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n  token: secret<string> = secret(\"env:TOKEN\"),\n) ! change {\n  on web {\n    file.write(to: \"/tmp/x\", content: \"{token}\")\n  }\n}\n" => "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n  text: string = \"hello\",\n) ! change {\n  on web {\n    file.write(to: \"/tmp/x\", content: \"{text}\")\n  }\n}\n"
    "E0702" "a secret in a message"
    "Messages are shown, logged and stored."
    "ops 1\n\nplaybook p(\n  token: secret<string> = secret(\"env:TOKEN\"),\n  count: int = 1,\n) ! read {\n  require count > 0 else \"wrong token {token}\"\n}\n" => "ops 1\n\nplaybook p(\n  count: int = 1,\n) ! read {\n  require count > 0 else \"wrong count\"\n}\n"
    "E0703" "`eval` in a body"
    "Bodies are constant text; values arrive as variables. `eval` would make code of them."
    "ops 1\n\naction demo.run(command: string) ! change {\n  doc: \"Run.\"\n\n  linux {\n    apply sh \"\"\"\n      eval \"$command\"\n    \"\"\"\n  }\n}\n" => "ops 1\n\naction demo.run(command: string) ! change {\n  doc: \"Run.\"\n\n  linux {\n    apply sh \"\"\"\n      printf '%s' \"$command\"\n    \"\"\"\n  }\n}\n"
    "W0704" "backticks in a body"
    "`$(…)` nests and quotes; backticks do not."
    "ops 1\n\naction demo.look() ! read {\n  doc: \"Look.\"\n\n  linux {\n    check sh \"\"\"\n      out host \"`hostname`\"\n    \"\"\"\n  }\n}\n" => "ops 1\n\naction demo.look() ! read {\n  doc: \"Look.\"\n\n  linux {\n    check sh \"\"\"\n      out host \"$(hostname)\"\n    \"\"\"\n  }\n}\n"
    "E0705" "a parameter that is not quoted"
    "An unquoted variable is split at spaces and its wildcards are expanded."
    "ops 1\n\naction demo.remove(path: path) ! change {\n  doc: \"Remove.\"\n\n  linux {\n    apply sh \"\"\"\n      rm -f -- $path\n    \"\"\"\n  }\n}\n" => "ops 1\n\naction demo.remove(path: path) ! change {\n  doc: \"Remove.\"\n\n  linux {\n    apply sh \"\"\"\n      rm -f -- \"$path\"\n    \"\"\"\n  }\n}\n"
}
