//! `E0300`: values of the wrong type, or outside a refinement.

use crate::base::near::nearest;
use crate::base::source::Span;
use crate::diag::Diagnostic;
use crate::eval::fits::Misfit;

#[derive(Clone, PartialEq, Debug)]
pub enum TypeError {
    Mismatch {
        expected: String,
        found: String,
        span: Span,
        definition: Option<Span>,
    },
    MayBeAbsent {
        expected: String,
        span: Span,
    },
    /// A constant that does not fit its type.
    Misfit {
        misfit: Misfit,
        member_near: Option<String>,
        span: Span,
        definition: Option<Span>,
    },
    NoText {
        found: String,
        span: Span,
    },
    NotComparable {
        left: String,
        right: String,
        span: Span,
    },
    BadOperands {
        operator: &'static str,
        left: String,
        right: String,
        span: Span,
    },
    NoOrder {
        ty: String,
        span: Span,
    },
    BadPattern {
        pattern: String,
        reason: String,
        span: Span,
    },
    BadRefinement {
        ty: String,
        span: Span,
    },
    /// A bound of another kind than what it bounds.
    BadBound {
        ty: String,
        bound: String,
        span: Span,
    },
    EmptyRange {
        span: Span,
    },
    WrongTypeArguments {
        name: String,
        expected: usize,
        found: usize,
        span: Span,
    },
    LoadWithoutType {
        span: Span,
    },
    /// The `K` of `map<K, V>` that no key can be.
    NoKey {
        ty: String,
        span: Span,
    },
    /// A key with a hole: a map whose keys are not known has no type.
    KeyWithHole {
        span: Span,
    },
    NotIndexable {
        ty: String,
        span: Span,
    },
    /// A type that holds itself.
    Recursive {
        name: String,
        span: Span,
    },
    /// The list of a `for` that depends on a result.
    LoopOfRun {
        name: String,
        span: Span,
    },
    BranchesDiffer {
        name: String,
        first: String,
        second: String,
        span: Span,
    },
}

/// What is often meant where a literal of another kind stands.
fn how_to_write(expected: &str, found: &str) -> Option<&'static str> {
    let is_number =
        ["int", "float", "duration", "size", "percent", "bool"].iter().any(|kind| expected.starts_with(kind));
    match found {
        "string" if expected.starts_with("file") => Some("a file of the project is written `file(\"app.conf\")`"),
        "string" if expected.starts_with("folder") => Some("a folder of the project is written `folder(\"site\")`"),
        "string" if expected.starts_with("script") => Some("a script is written `sh\"uptime\"`"),
        "int" if !is_number => Some("a text stands in quotes, such as \"0640\""),
        _ => None,
    }
}

impl TypeError {
    pub fn diagnostic(&self) -> Diagnostic {
        match self {
            TypeError::Mismatch { expected, found, span, definition } => {
                let diagnostic = Diagnostic::error("E0301", *span, format!("expected {expected}, found {found}"));
                let diagnostic = labelled(diagnostic, *definition);
                match how_to_write(expected, found) {
                    Some(help) => diagnostic.help(help),
                    None => diagnostic,
                }
            }
            TypeError::MayBeAbsent { expected, span } => {
                Diagnostic::error("E0302", *span, format!("expected {expected}, found a value that may be absent"))
                    .help("give it a default with `??`, or write `require … != none else \"…\"` before")
            }
            TypeError::Misfit { misfit, member_near, span, definition } => {
                let diagnostic = labelled(Diagnostic::error("E0303", *span, misfit.to_string()), *definition);
                // A value is never mended by a machine: `started` is nearer to "stopped" than to "running".
                match member_near {
                    Some(near) => diagnostic.did_you_mean(Some(&format!("\"{near}\""))),
                    None => diagnostic,
                }
            }
            TypeError::NoText { found, span } => {
                Diagnostic::error("E0304", *span, format!("{found} cannot be written into a text"))
            }
            TypeError::NotComparable { left, right, span } => {
                Diagnostic::error("E0305", *span, format!("{left} and {right} cannot be compared"))
            }
            TypeError::BadOperands { operator, left, right, span } => {
                let diagnostic =
                    Diagnostic::error("E0306", *span, format!("`{operator}` does not join {left} and {right}"));
                if *operator == "+" && (left == "string" || right == "string") {
                    return diagnostic.help("values are put into a text with braces: \"{name}\"");
                }
                diagnostic
            }
            TypeError::NoOrder { ty, span } => {
                Diagnostic::error("E0307", *span, format!("{ty} has no order, so `<` and `>` mean nothing"))
            }
            TypeError::BadPattern { pattern, reason, span } => {
                Diagnostic::error("E0308", *span, format!("`{pattern}` is not a regular expression: {reason}"))
            }
            TypeError::BadRefinement { ty, span } => {
                Diagnostic::error("E0309", *span, format!("{ty} cannot be refined like this"))
                    .help("numbers, durations, sizes, lists and host sets take a range, strings a /pattern/")
            }
            TypeError::BadBound { ty, bound, span } => {
                Diagnostic::error("E0309", *span, format!("{bound} cannot bound {ty}"))
                    .help("a range has bounds of its own type; lists and host sets are bounded by their count")
            }
            TypeError::EmptyRange { span } => {
                Diagnostic::error("E0309", *span, "no value lies in this range").help("write the smaller bound first")
            }
            TypeError::WrongTypeArguments { name, expected, found, span } => {
                Diagnostic::error("E0310", *span, format!("`{name}` takes {expected} types in `<…>`, found {found}"))
            }
            TypeError::NotIndexable { ty, span } => Diagnostic::error("E0311", *span, format!("{ty} has no `[…]`")),
            TypeError::LoadWithoutType { span } => Diagnostic::error(
                "E0315",
                *span,
                "`load` reads a file as a value of a declared type, and there is none here",
            )
            .help("make it a parameter of the playbook: `people: list<Person> = load(\"data/people.yaml\")`"),
            TypeError::NoKey { ty, span } => {
                Diagnostic::error("E0316", *span, format!("the keys of a map are texts, and {ty} is none"))
                    .help("write `map<string, …>`; a number as key is written in quotes: `{ \"80\": \"http\" }`")
            }
            TypeError::KeyWithHole { span } => {
                Diagnostic::error("E0316", *span, "a key is written out: what stands in braces here is not known yet")
                    .help("make it a list of records: `[{ key: \"{name}\", value: … }]`")
            }
            TypeError::Recursive { name, span } => {
                Diagnostic::error("E0314", *span, format!("the type `{name}` holds itself"))
                    .help("every value is finite: name the fields of each level")
            }
            TypeError::LoopOfRun { name, span } => {
                Diagnostic::error("E0313", *span, "the list of a `for` must be known before the run")
                    .at(format!("depends on `{name}`, which only the run will know"))
                    .help("go over a list of the playbook, or let one script do all of it")
            }
            TypeError::BranchesDiffer { name, first, second, span } => Diagnostic::error(
                "E0312",
                *span,
                format!("`{name}` is {first} in one branch and {second} in the other"),
            ),
        }
    }

    /// A constant that does not fit, with the member of a union that was probably meant.
    pub fn misfit(misfit: Misfit, span: Span, definition: Option<Span>) -> TypeError {
        let of_key = match &misfit {
            Misfit::Key { inner, .. } => inner,
            other => other,
        };
        let member_near = match of_key {
            Misfit::NotMember { members, found } => {
                let bare = |text: &str| text.trim_matches('"').to_string();
                let members: Vec<String> = members.iter().map(|member| bare(member)).collect();
                nearest(&bare(found), members.iter().map(String::as_str)).map(str::to_string)
            }
            _ => None,
        };
        TypeError::Misfit { misfit, member_near, span, definition }
    }
}

fn labelled(diagnostic: Diagnostic, definition: Option<Span>) -> Diagnostic {
    match definition {
        Some(span) => diagnostic.label(span, "the parameter is defined here"),
        None => diagnostic,
    }
}

crate::diag::code_docs! {
    "E0301" "a value of another type"
    "Types are not converted silently. `int()`, `float()`, `bool()`, `string()` and `lines()` convert."
    "ops 1\n\nplaybook p(\n  count: int = \"three\",\n) ! read {\n  require count > 0 else \"none\"\n}\n" => "ops 1\n\nplaybook p(\n  count: int = 3,\n) ! read {\n  require count > 0 else \"none\"\n}\n"
    "E0302" "a value that may be absent"
    "A value of type `T?` may be absent. A default with `??` or a `require … != none` before it makes it a `T`."
    "ops 1\n\nplaybook p(\n  owner: string? = none,\n) ! read {\n  let name = lower(owner)\n  require name != \"\" else \"empty\"\n}\n" => "ops 1\n\nplaybook p(\n  owner: string? = none,\n) ! read {\n  let name = lower(owner ?? \"root\")\n  require name != \"\" else \"empty\"\n}\n"
    "E0303" "a value outside its type"
    "The value has the right type, but not the right form: outside the range, not like the pattern, not one of the words, not an absolute path."
    "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  on web {\n    file.info(path: \"etc/hosts\")\n  }\n}\n" => "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  on web {\n    file.info(path: \"/etc/hosts\")\n  }\n}\n"
    "E0304" "a value without text"
    "Records, results and values that may be absent cannot be written into a text. Name one of their fields."
    "ops 1\n\nplaybook p() ! read {\n  let r = { a: 1 }\n  let text = \"{r}\"\n  require text != \"\" else \"empty\"\n}\n" => "ops 1\n\nplaybook p() ! read {\n  let r = { a: 1 }\n  let text = \"{r.a}\"\n  require text != \"\" else \"empty\"\n}\n"
    "E0305" "values that cannot be compared"
    "Only values of one type can be equal."
    "ops 1\n\nplaybook p() ! read {\n  require 1 == \"1\" else \"different\"\n}\n" => "ops 1\n\nplaybook p() ! read {\n  require 1 == 1 else \"different\"\n}\n"
    "E0306" "an operator that does not join these"
    "`+ - * /` work on numbers, durations and sizes; `+ - &` on host sets; `+` on lists."
    "ops 1\n\nplaybook p() ! read {\n  require 1 + true > 0 else \"none\"\n}\n" => "ops 1\n\nplaybook p() ! read {\n  require 1 + 1 > 0 else \"none\"\n}\n"
    "E0307" "values without an order"
    "Numbers, durations, sizes, percentages and strings have an order."
    "ops 1\n\nplaybook p() ! read {\n  require true < false else \"order\"\n}\n" => "ops 1\n\nplaybook p() ! read {\n  require true != false else \"order\"\n}\n"
    "E0308" "not a regular expression"
    "The pattern of a refinement or of `matches` cannot be read."
    "ops 1\n\ntype Name = string(/[a-z/)\n\nplaybook p(\n  name: Name = \"a\",\n) ! read {\n  require name != \"\" else \"empty\"\n}\n" => "ops 1\n\ntype Name = string(/[a-z]/)\n\nplaybook p(\n  name: Name = \"a\",\n) ! read {\n  require name != \"\" else \"empty\"\n}\n"
    "E0309" "a refinement that does not belong"
    "A range refines numbers, durations, sizes and the length of lists and host sets; a pattern refines strings."
    "ops 1\n\nplaybook p(\n  on_off: bool(1..2) = true,\n) ! read {\n  require on_off else \"off\"\n}\n" => "ops 1\n\nplaybook p(\n  on_off: bool = true,\n) ! read {\n  require on_off else \"off\"\n}\n"
    "E0310" "a wrong number of types"
    "`list<T>`, `secret<T>` and `results<T>` take one type, `map<K, V>` two."
    "ops 1\n\nplaybook p(\n  names: list<string, int> = [],\n) ! read {\n  require names.count == 0 else \"some\"\n}\n" => "ops 1\n\nplaybook p(\n  names: list<string> = [],\n) ! read {\n  require names.count == 0 else \"some\"\n}\n"
    "E0311" "nothing to index"
    "Lists are indexed by number, maps by key, results by host."
    "ops 1\n\nplaybook p() ! read {\n  let x = 1\n  require x[0] == 1 else \"other\"\n}\n" => "ops 1\n\nplaybook p() ! read {\n  let x = [1]\n  require x[0] == 1 else \"other\"\n}\n"
    "E0312" "branches that bind different types"
    "Both branches of an `if` may bind one name if it has one type."
    "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! exec {\n  on web {\n    if host.name == \"a\" {\n      x = file.info(path: \"/a\")\n    } else {\n      x = shell.run(script: sh\"true\", effect: \"read\")\n    }\n  }\n}\n" => "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  on web {\n    if host.name == \"a\" {\n      x = file.info(path: \"/a\")\n    } else {\n      x = file.info(path: \"/b\")\n    }\n  }\n}\n"
    "E0313" "a loop over what the run finds"
    "A plan is finite: `for` goes over a list that is known when the plan is made, so that every step is in it."
    "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! change, exec {\n  on web {\n    found = shell.run(script: sh\"ls /srv\", effect: \"read\")\n    for name in lines(found.stdout) {\n      file.absent(path: \"/srv/{name}\")\n    }\n  }\n}\n" => "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n  names: list<string>,\n) ! change {\n  on web {\n    for name in names {\n      file.absent(path: \"/srv/{name}\")\n    }\n  }\n}\n"
    "E0314" "a type that holds itself"
    "A type is made of other types. One that names itself, or a type that names it, has no values that end."
    "ops 1\n\ntype Node = { name: string, below: list<Node> }\n\nplaybook p(\n  node: Node,\n) ! read {\n  require node.name != \"\" else \"none\"\n}\n" => "ops 1\n\ntype Leaf = { name: string }\n\ntype Node = { name: string, below: list<Leaf> }\n\nplaybook p(\n  node: Node,\n) ! read {\n  require node.name != \"\" else \"none\"\n}\n"
    "E0315" "`load` without a declared type"
    "`load(\"data/x.yaml\")` is the default of a playbook's parameter. Its path is written out, and its type is the parameter's."
    "ops 1\n\n# data.yaml: [a, b]\nplaybook p() ! read {\n  let names = load(\"data.yaml\")\n  require names != none else \"none\"\n}\n" => "ops 1\n\n# data.yaml: [a, b]\nplaybook p(\n  names: list<string> = load(\"data.yaml\"),\n) ! read {\n  require names.count > 0 else \"none\"\n}\n"
    "E0316" "a key that is no text"
    "The keys of `map<K, V>` are `string`, `text`, `path`, `url`, refinements of these, or a union of texts; keys that are known are judged by it. In a map that is written out every key is a label or a text without holes."
    "ops 1\n\nplaybook p(\n  names: map<int, string> = { \"80\": \"http\" },\n) ! read {\n  require names[\"80\"] != none else \"none\"\n}\n" => "ops 1\n\nplaybook p(\n  names: map<string(/[0-9]+/), string> = { \"80\": \"http\" },\n) ! read {\n  require names[\"80\"] != none else \"none\"\n}\n"
}
