//! What can be wrong with an inventory, and with a file of tests, which is YAML of the same kind: data, prose and
//! explanations of the codes `E0800`–`E0899`.

use super::ansible::secrecy::is_secret_name;
use crate::base::near::nearest;
use crate::base::source::{Sources, Span};
use crate::base::{reference, words};
use crate::diag::Diagnostic;

/// Words that one message names.
const MOST_WORDS: usize = 12;

#[derive(Clone, PartialEq, Debug)]
pub enum InventoryError {
    NotYaml {
        reason: String,
        span: Span,
    },
    Refused {
        what: &'static str,
        span: Span,
    },
    UnknownKey {
        key: String,
        known: &'static [&'static str],
        span: Span,
    },
    WrongForm {
        expected: &'static str,
        found: &'static str,
        span: Span,
    },
    /// A value of the right form that cannot be used where it goes.
    Unfit {
        reason: String,
        span: Span,
    },
    DuplicateKey {
        key: String,
        first: Span,
        span: Span,
    },
    UnknownGroup {
        name: String,
        known: Vec<String>,
        span: Span,
    },
    Cycle {
        names: Vec<String>,
        span: Span,
    },
    BadRange {
        text: String,
        reason: &'static str,
        span: Span,
    },
    NotOneOf {
        key: &'static str,
        known: Vec<String>,
        found: String,
        span: Span,
    },
    UndeclaredTag {
        key: String,
        known: Vec<String>,
        span: Span,
    },
    UndeclaredTagValue {
        key: String,
        value: String,
        known: Vec<String>,
        span: Span,
    },
    BadName {
        name: String,
        span: Span,
    },
    UnknownJump {
        name: String,
        known: Vec<String>,
        span: Span,
    },
    JumpLoop {
        names: Vec<String>,
        span: Span,
    },
    /// A setting that WinRM leaves no room for.
    NotByWinrm {
        host: String,
        key: &'static str,
        found: String,
        span: Span,
    },
    TooManyHosts {
        most: usize,
        span: Span,
    },
    UndeclaredVar {
        name: String,
        known: Vec<String>,
        span: Span,
    },
    VarMisfit {
        name: String,
        reason: String,
        span: Span,
        definition: Span,
    },
    NotType {
        reason: String,
        span: Span,
    },
    UnknownRelated {
        relation: &'static str,
        name: String,
        near: Option<String>,
        span: Span,
    },
    RelatedCycle {
        names: Vec<String>,
        span: Span,
    },
    /// It is not kept what stands there.
    SecretInTheOpen {
        key: &'static str,
        /// That of the reference which it seems to be.
        form: Option<&'static str>,
        span: Span,
    },
}

fn names_secret(line: &str) -> bool {
    let is_of_word = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.');
    line.split(|letter| !is_of_word(letter)).any(is_secret_name)
}

impl InventoryError {
    /// Whether what is missing may be in another text of the same inventory.
    pub(super) fn may_stand_elsewhere(&self) -> bool {
        matches!(
            self,
            InventoryError::UnknownGroup { .. }
                | InventoryError::UnknownJump { .. }
                | InventoryError::UnknownRelated { .. }
        )
    }

    /// Whether it is about a relation written at this place.
    pub(super) fn is_of_relation(&self, place: Span) -> bool {
        matches!(self, InventoryError::UnknownRelated { span, .. } if *span == place)
    }

    /// Without the lines in which, or after which, a secret may stand: not every one is where it belongs.
    pub fn diagnostic_in(&self, sources: &Sources) -> Diagnostic {
        let diagnostic = self.diagnostic();
        let places = std::iter::once(&diagnostic.primary).chain(&diagnostic.labels);
        let mut lines = places.flat_map(|label| {
            let at = sources.place(label.span).line;
            sources.get(label.span.file).text.lines().skip(at.saturating_sub(2)).take(at.min(2))
        });
        if lines.any(names_secret) { diagnostic.hide_line() } else { diagnostic }
    }

    pub fn diagnostic(&self) -> Diagnostic {
        match self {
            InventoryError::NotYaml { reason, span } => {
                Diagnostic::error("E0801", *span, format!("this is not YAML: {reason}"))
            }
            InventoryError::Refused { what, span } => {
                Diagnostic::error("E0802", *span, format!("{what} are not read here")).help("write the values out")
            }
            InventoryError::UnknownKey { key, known, span } => {
                let diagnostic = Diagnostic::error("E0803", *span, format!("there is no key `{key}` here"));
                let near = nearest(key, known.iter().copied());
                let may_be_secret = is_secret_name(key) || near.is_some_and(is_secret_name);
                let diagnostic = if may_be_secret { diagnostic.hide_line() } else { diagnostic };
                match near {
                    Some(near) => diagnostic.did_you_mean(Some(near)),
                    None => diagnostic.help(format!("known here: {}", known.join(", "))),
                }
            }
            InventoryError::WrongForm { expected, found, span } => {
                Diagnostic::error("E0804", *span, format!("expected {expected}, found {found}"))
            }
            InventoryError::Unfit { reason, span } => Diagnostic::error("E0804", *span, reason.as_str()),
            InventoryError::DuplicateKey { key, first, span } => {
                Diagnostic::error("E0805", *span, format!("`{key}` stands twice")).label(*first, "first here")
            }
            InventoryError::UnknownGroup { name, known, span } => {
                Diagnostic::error("E0806", *span, format!("there is no group `{name}`"))
                    .did_you_mean(nearest(name, known.iter().map(String::as_str)))
            }
            InventoryError::Cycle { names, span } => {
                Diagnostic::error("E0807", *span, format!("groups hold each other: {}", names.join(" → ")))
            }
            InventoryError::BadRange { text, reason, span } => {
                Diagnostic::error("E0808", *span, format!("`{text}` is not a range: {reason}"))
                    .help("ranges are written `app[01:20]` or `node-[a:f]`, both ends included")
            }
            InventoryError::NotOneOf { key, known, found, span } => {
                let expected =
                    if known.len() > MOST_WORDS { words::join_some(known, MOST_WORDS) } else { words::join_or(known) };
                let diagnostic = Diagnostic::error("E0809", *span, format!("`{key}` is {expected}, found `{found}`"));
                diagnostic.did_you_mean(nearest(found, known.iter().map(String::as_str)))
            }
            InventoryError::UndeclaredTag { key, known, span } => {
                Diagnostic::error("E0810", *span, format!("the tag `{key}` is not declared"))
                    .did_you_mean(nearest(key, known.iter().map(String::as_str)))
            }
            InventoryError::UndeclaredTagValue { key, value, known, span } => {
                let diagnostic = Diagnostic::error("E0811", *span, format!("`{key}` has no declared value {value}"));
                match nearest(value, known.iter().map(String::as_str)) {
                    Some(near) => diagnostic.did_you_mean(Some(near)),
                    None => diagnostic.help(format!("declared: {}", known.join(", "))),
                }
            }
            InventoryError::BadName { name, span } => {
                Diagnostic::error("E0812", *span, format!("`{}` cannot be a name", name.escape_debug()))
                    .help("names are letters, digits and . _ -, and start with a letter or digit")
            }
            InventoryError::UnknownJump { name, known, span } => {
                Diagnostic::error("E0813", *span, format!("the jump host `{name}` is not in the inventory"))
                    .did_you_mean(nearest(name, known.iter().map(String::as_str)))
            }
            InventoryError::JumpLoop { names, span } => {
                Diagnostic::error("E0822", *span, format!("jump hosts lead in a loop: {}", names.join(" → ")))
                    .help("the last jump host is one that is reached directly")
            }
            InventoryError::NotByWinrm { host, key, found, span } => {
                let text = format!("`{host}` is reached by WinRM, so it cannot have `{key}: {found}`");
                Diagnostic::error("E0821", *span, text)
                    .help("leave it out, or give the host `transport: ssh`; what `defaults` say of all hosts may be said of a group instead")
            }
            InventoryError::TooManyHosts { most, span } => {
                Diagnostic::error("E0814", *span, format!("this range makes more than {most} hosts"))
            }
            InventoryError::UndeclaredVar { name, known, span } => {
                let diagnostic = Diagnostic::error("E0815", *span, format!("the variable `{name}` is not declared"));
                match nearest(name, known.iter().map(String::as_str)) {
                    Some(near) => diagnostic.did_you_mean(Some(near)),
                    None => diagnostic.help(format!("declared: {}", words::join_some(known, 8))),
                }
            }
            InventoryError::VarMisfit { name, reason, span, definition } => {
                Diagnostic::error("E0816", *span, format!("`{name}` does not fit: {reason}"))
                    .label(*definition, "its type is declared here")
            }
            InventoryError::UnknownRelated { relation, name, near, span } => {
                let message = format!("`{relation}` names `{name}`, which is not in the inventory");
                Diagnostic::error("E0818", *span, message).did_you_mean(near.as_deref())
            }
            InventoryError::RelatedCycle { names, span } => {
                Diagnostic::error("E0819", *span, format!("hosts stand on each other: {}", names.join(" → ")))
                    .help("`runs_on`, `depends_on` and `behind` together lead from a host never back to it")
            }
            InventoryError::SecretInTheOpen { key, form: Some(form), span } => {
                let text = format!("`{key}` is not in the form `{form}`");
                Diagnostic::error("E0820", *span, text).hide_line().help(format!("write {}", reference::forms()))
            }
            InventoryError::SecretInTheOpen { key, form: None, span } => {
                let text = format!("`{key}` says where the secret is, and is never the secret itself");
                Diagnostic::error("E0820", *span, text).hide_line().help(format!("write {}", reference::forms()))
            }
            InventoryError::NotType { reason, span } => {
                Diagnostic::error("E0817", *span, format!("this is no type of a variable: {reason}"))
                    .help("such as `int(1..65535)`, `string(/[a-z]+/)`, `list<path>`, a list of values, or nothing")
            }
        }
    }
}

crate::diag::code_docs! {
    "E0801" "not YAML"
    "The text cannot be read as YAML. The place shown is where reading stopped."
    "groups:\n  web: { hosts: [web1\n" => "groups:\n  web: { hosts: [web1] }\n"
    "E0802" "a YAML feature that is refused"
    "Anchors, aliases, tags and several documents make a text hard to review and to bound, so they are refused."
    "defaults: &base\n  user: deploy\ngroups:\n  web: *base\n" => "defaults:\n  user: deploy\n"
    "E0803" "an unknown key"
    "A key that nothing reads is a typo or a wish. Both are better said than ignored."
    "groups:\n  web:\n    hsots: [web1]\n" => "groups:\n  web:\n    hosts: [web1]\n"
    "E0804" "a value of the wrong form"
    "The key takes a value of another form: a mapping, a list, a text, a number or true and false."
    "groups:\n  web:\n    hosts: web1\n" => "groups:\n  web:\n    hosts: [web1]\n"
    "E0805" "a key stands twice"
    "Hosts and groups are defined once; several files are read as one inventory."
    "hosts:\n  web1: { port: 22 }\n  web1: { port: 2222 }\n" => "hosts:\n  web1: { port: 2222 }\n"
    "E0806" "an unknown group"
    "A group lists another group that is not defined."
    "groups:\n  linux:\n    groups: [wbe]\n  web:\n    hosts: [web1]\n" => "groups:\n  linux:\n    groups: [web]\n  web:\n    hosts: [web1]\n"
    "E0807" "groups that hold each other"
    "A group cannot hold itself, not even through others."
    "groups:\n  a:\n    groups: [b]\n  b:\n    groups: [a]\n" => "groups:\n  a:\n    groups: [b]\n  b:\n    hosts: [web1]\n"
    "E0808" "not a range"
    "`app[01:20]` makes app01 to app20; `node-[a:f]` makes node-a to node-f."
    "groups:\n  app:\n    hosts: [\"app[20:01]\"]\n" => "groups:\n  app:\n    hosts: [\"app[01:20]\"]\n"
    "E0809" "not one of the words"
    "The key takes one of a few words."
    "hosts:\n  web1: { os: linus }\n" => "hosts:\n  web1: { os: linux }\n"
    "E0810" "an undeclared tag"
    "Where `tags:` declares keys, every tag must be one of them."
    "tags:\n  env: [prod, staging]\nhosts:\n  web1: { tags: { evn: prod } }\n" => "tags:\n  env: [prod, staging]\nhosts:\n  web1: { tags: { env: prod } }\n"
    "E0811" "an undeclared tag value"
    "Where `tags:` declares the values of a key, every value must be one of them."
    "tags:\n  env: [prod, staging]\nhosts:\n  web1: { tags: { env: prd } }\n" => "tags:\n  env: [prod, staging]\nhosts:\n  web1: { tags: { env: prod } }\n"
    "E0812" "not a name"
    "Names of hosts and groups appear in programs, logs and file names."
    "hosts:\n  \"web 1\": { port: 22 }\n" => "hosts:\n  web-1: { port: 22 }\n"
    "E0813" "an unknown jump host"
    "`jump:` names another host of the inventory."
    "hosts:\n  web1: { jump: basiton }\n  bastion: { address: 10.0.0.1 }\n" => "hosts:\n  web1: { jump: bastion }\n  bastion: { address: 10.0.0.1 }\n"
    "E0822" "jump hosts that lead in a loop"
    "A host cannot be reached through itself, not even through others. What a group or `defaults` say is said of other hosts than the one named, so that the jump host may be among them."
    "hosts:\n  a: { jump: b }\n  b: { jump: a }\n" => "hosts:\n  a: { jump: b }\n  b: { address: 10.0.0.1 }\n"
    "E0821" "a setting that WinRM leaves no room for"
    "`transport: winrm` is for Windows hosts, and goes through no jump host."
    "hosts:\n  win1: { transport: winrm, os: linux }\n" => "hosts:\n  win1: { transport: winrm }\n"
    "E0814" "too many hosts"
    "A range that makes more hosts than anybody has is a typo."
    "groups:\n  app:\n    hosts: [\"app[1:99999999]\"]\n" => "groups:\n  app:\n    hosts: [\"app[1:99]\"]\n"
    "E0815" "an undeclared variable"
    "Where `vars:` declares variables, every variable must be one of them."
    "vars:\n  port: int\nhosts:\n  web1: { vars: { prot: 80 } }\n" => "vars:\n  port: int\nhosts:\n  web1: { vars: { port: 80 } }\n"
    "E0816" "a variable of another type"
    "A variable that `vars:` declares has the type declared there, at every level."
    "vars:\n  port: int(1..65535)\nhosts:\n  web1: { vars: { port: 0 } }\n" => "vars:\n  port: int(1..65535)\nhosts:\n  web1: { vars: { port: 80 } }\n"
    "E0817" "no type"
    "`vars:` gives each variable a type as the language writes it, a list of its values, a mapping of fields, or nothing: then it may be anything."
    "vars:\n  port: itn\nhosts:\n  web1: { vars: { port: 80 } }\n" => "vars:\n  port: int\nhosts:\n  web1: { vars: { port: 80 } }\n"
    "E0818" "a relation to an unknown host"
    "`runs_on:`, `depends_on:` and `behind:` name other hosts of the inventory."
    "hosts:\n  vm1: { runs_on: vh1 }\n  hv1: { address: 10.0.0.1 }\n" => "hosts:\n  vm1: { runs_on: hv1 }\n  hv1: { address: 10.0.0.1 }\n"
    "E0819" "hosts that stand on each other"
    "A host cannot run on, depend on or be behind itself, not even through others: no order of work would be right."
    "hosts:\n  a: { depends_on: b }\n  b: { runs_on: a }\n" => "hosts:\n  a: { depends_on: b }\n  b: { address: 10.0.0.1 }\n"
    "E0820" "a secret in the inventory"
    "`password`, `passphrase` and `admin_password` name the place of a secret, in the form that `secret(\"…\")` takes in playbooks: `env:NAME`, `file:PATH`, `age:FILE/NAME`, `command:NAME`, `vault:MOUNT/PATH#FIELD` or `keyring:SERVICE/USER`. Whoever reads the inventory, or its history, would read a password that stands in it. The line is not shown. Change a password that was written down."
    "hosts:\n  db1: { password: hunter2 }\n" => "hosts:\n  db1: { password: env:DB1_PASSWORD }\n"
}
