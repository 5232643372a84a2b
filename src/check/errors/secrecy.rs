//! `E0706`–`W0711`: what may not be done with secrets, beside leaking them (`E0701`).

use crate::base::near::nearest;
use crate::base::source::Span;
use crate::base::{reference, words};
use crate::diag::Diagnostic;

#[derive(Clone, PartialEq, Debug)]
pub enum SecrecyError {
    /// An operator or a function that would tell something of a secret.
    LookedInto {
        what: String,
        span: Span,
        origin: Option<Span>,
    },
    NotWrittenOut {
        span: Span,
    },
    NotVariable {
        name: String,
        span: Span,
    },
    NotOfVault {
        name: String,
        span: Span,
    },
    NotOfKeyring {
        name: String,
        span: Span,
    },
    UnknownProvider {
        reference: String,
        known: &'static [&'static str],
        span: Span,
    },
    UnknownCommand {
        name: String,
        known: Vec<String>,
        span: Span,
    },
    NoText {
        found: String,
        span: Span,
    },
    SecretResult {
        span: Span,
    },
    UnknownSealedFile {
        file: String,
        known: Vec<String>,
        span: Span,
    },
    /// Its file is not of the form that `opsc secret` writes.
    UnreadableSealed {
        reason: String,
        span: Span,
    },
    UnknownSealed {
        file: String,
        name: String,
        known: Vec<String>,
        span: Span,
    },
    BadDeclassify {
        span: Span,
    },
    InTheOpen {
        span: Span,
    },
}

impl SecrecyError {
    pub fn diagnostic(&self) -> Diagnostic {
        match self {
            SecrecyError::LookedInto { what, span, origin } => {
                let diagnostic =
                    Diagnostic::error("E0706", *span, format!("`{what}` would tell something of a secret"))
                        .help("write `declassify(x, because: \"…\")` where that is meant");
                origin.map_or(diagnostic.clone(), |origin| diagnostic.label(origin, "it became secret here"))
            }
            SecrecyError::NotWrittenOut { span } => {
                Diagnostic::error("E0707", *span, "the reference of a secret must be written out")
                    .help("write `secret(\"env:NAME\")`, so that every secret is known before the run")
            }
            SecrecyError::NotVariable { name, span } => {
                Diagnostic::error("E0707", *span, format!("there can be no secret of the name `{name}`"))
                    .help(format!("write {}", reference::forms_to_write()))
            }
            SecrecyError::NotOfVault { name, span } => {
                let text = format!("expected MOUNT/PATH#FIELD, found `{name}`");
                Diagnostic::error("E0707", *span, text).help("write it as in `vault:secret/app/db#password`")
            }
            SecrecyError::NotOfKeyring { name, span } => {
                let text = format!("expected SERVICE/USER, found `{name}`");
                Diagnostic::error("E0707", *span, text).help("write it as in `keyring:db/admin`")
            }
            SecrecyError::UnknownProvider { reference, known, span } => {
                let (provider, _) = reference.split_once(':').unwrap_or((reference, ""));
                let diagnostic = Diagnostic::error("E0707", *span, format!("`{reference}` names no place of secrets"));
                match nearest(provider, known.iter().copied()) {
                    Some(near) => diagnostic.did_you_mean(Some(near)),
                    None => diagnostic.help(format!("write {}", reference::forms_to_write())),
                }
            }
            SecrecyError::UnknownCommand { name, known, span } => {
                let diagnostic = Diagnostic::error("E0707", *span, format!("opsc.toml has no table [secrets.{name}]"));
                match nearest(name, known.iter().map(String::as_str)) {
                    Some(near) => diagnostic.did_you_mean(Some(near)),
                    None if known.is_empty() => {
                        diagnostic.help("add it there, with `command = [\"PROGRAM\", \"ARGUMENT\"]`")
                    }
                    None => diagnostic.help(format!("it has {}", words::join_and(known))),
                }
            }
            SecrecyError::UnknownSealedFile { file, known, span } => {
                let text = format!("there is no file `secrets/{file}.yaml`");
                let diagnostic = Diagnostic::error("E0707", *span, text);
                match nearest(file, known.iter().map(String::as_str)) {
                    Some(near) => diagnostic.did_you_mean(Some(near)),
                    None => diagnostic.help(format!("`opsc secret set {file}/NAME` writes it")),
                }
            }
            SecrecyError::UnreadableSealed { reason, span } => {
                let text = format!("the secret cannot be read: {reason}");
                Diagnostic::error("E0707", *span, text).help("bring the file back as git or a copy has it")
            }
            SecrecyError::UnknownSealed { file, name, known, span } => {
                let text = format!("`secrets/{file}.yaml` has no secret `{name}`");
                let diagnostic = Diagnostic::error("E0707", *span, text);
                match nearest(name, known.iter().map(String::as_str)) {
                    Some(near) => diagnostic.did_you_mean(Some(near)),
                    None => diagnostic.help(format!("`opsc secret set {file}/{name}` writes it")),
                }
            }
            SecrecyError::NoText { found, span } => {
                Diagnostic::error("E0708", *span, format!("only texts can be secret, not {found}"))
                    .help("write `secret<string>` or `secret<text>`, or for several `list<secret<string>>`")
            }
            SecrecyError::SecretResult { span } => Diagnostic::error("E0709", *span, "a result cannot be secret")
                .help("results are kept in the journal; write the secret into a file on the host instead"),
            SecrecyError::BadDeclassify { span } => {
                Diagnostic::error("E0710", *span, "`declassify` takes a secret and a reason written out")
                    .help("write `declassify(x, because: \"…\")`")
            }
            SecrecyError::InTheOpen { span } => {
                Diagnostic::warning("W0711", *span, "this secret stands in the file for everybody to read")
                    .help("write `secret(\"env:NAME\")`, or no default: then whoever starts a run is asked")
            }
        }
    }
}

crate::diag::code_docs! {
    "E0706" "a secret that is looked into"
    "Comparing a secret, taking its length or searching it tells something of it to whoever sees which way the program went. Only `lower upper trim replace basename dirname base64 sha256 string to_json to_yaml` take a secret, and what they make is as secret; `x == none` asks only whether there is one. `declassify(x, because: \"…\")` makes a text plain from there on; the plan shows it with its reason."
    "ops 1\n\nplaybook p(\n  token: secret<string> = secret(\"env:TOKEN\"),\n) ! read {\n  require token != \"changeme\" else \"choose another token\"\n}\n" => "ops 1\n\nplaybook p(\n  token: secret<string> = secret(\"env:TOKEN\"),\n) ! read {\n  require declassify(token, because: \"only whether it is the one of the manual\") != \"changeme\" else \"choose another token\"\n}\n"
    "E0707" "a secret from nowhere"
    "A secret is named by a reference that is written out: `env:NAME` is a variable of opsc's own environment, `file:PATH` a file that its owner alone may read (relative paths start at the project), `age:FILE/NAME` a secret of the encrypted file `secrets/FILE.yaml`, which `opsc secret set` writes, `command:NAME` a program of the table `[secrets.NAME]` in `opsc.toml`, such as `command = [\"pass\", \"show\", \"x\"]`, `vault:MOUNT/PATH#FIELD` a field of a secret in a KV store of Vault or OpenBao, `keyring:SERVICE/USER` an entry of the keyring of whoever runs opsc (Secret Service on Linux, Keychain on macOS). All of them are read when a run starts, and never for a plan."
    "ops 1\n\nplaybook p(\n  token: secret<string> = secret(\"enw:TOKEN\"),\n) ! read {\n  require token != none else \"no token\"\n}\n" => "ops 1\n\nplaybook p(\n  token: secret<string> = secret(\"env:TOKEN\"),\n) ! read {\n  require token != none else \"no token\"\n}\n"
    "E0708" "a type that cannot be secret"
    "Secrets are texts: what a provider gives is read as one. Lists, maps and records may have secrets in them."
    "ops 1\n\nplaybook p(\n  pins: secret<list<string>>,\n) ! read {\n  require pins != none else \"no pins\"\n}\n" => "ops 1\n\nplaybook p(\n  pins: list<secret<string>> = [secret(\"env:PIN\")],\n) ! read {\n  require length(pins) > 0 else \"no pins\"\n}\n"
    "E0709" "a secret result"
    "What a host reports is shown and kept in the journal, so a result cannot be secret."
    "ops 1\n\naction demo.token() -> { token: secret<string> } ! change {\n  doc: \"Make a token.\"\n\n  linux {\n    apply sh \"\"\"\n      out token \"$(head -c 8 /dev/urandom | od -An -tx1)\"\n    \"\"\"\n  }\n}\n" => "ops 1\n\naction demo.token() -> { made: bool } ! change {\n  doc: \"Make a token.\"\n\n  linux {\n    apply sh \"\"\"\n      head -c 8 /dev/urandom > /etc/token\n      out made true\n    \"\"\"\n  }\n}\n"
    "E0710" "`declassify` without a secret or a reason"
    "`declassify(x, because: \"…\")` makes the text of a secret plain. The reason is a text written out, which every plan shows."
    "ops 1\n\nplaybook p(\n  user: secret<string> = secret(\"env:DB_USER\"),\n) ! read {\n  require declassify(user) != \"root\" else \"not as root\"\n}\n" => "ops 1\n\nplaybook p(\n  user: secret<string> = secret(\"env:DB_USER\"),\n) ! read {\n  require declassify(user, because: \"names of users are no secrets\") != \"root\" else \"not as root\"\n}\n"
    "W0711" "a secret in the open"
    "The default of a secret parameter is a text in the file, where everybody who sees the project reads it. Plans and runs hide it all the same."
    "ops 1\n\nplaybook p(\n  token: secret<string> = \"hunter2\",\n) ! read {\n  require token != none else \"no token\"\n}\n" => "ops 1\n\nplaybook p(\n  token: secret<string> = secret(\"file:secrets/token\"),\n) ! read {\n  require token != none else \"no token\"\n}\n"
}
