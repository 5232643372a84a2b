//! `E0100`: names that nothing answers to, or that are taken.

use crate::base::near::nearest;
use crate::base::source::Span;
use crate::base::words;
use crate::diag::Diagnostic;

#[derive(Clone, PartialEq, Debug)]
pub enum NameError {
    /// Of an action's result.
    FieldOfEveryStep {
        name: String,
        span: Span,
    },
    UnknownName {
        name: String,
        known: Vec<String>,
        span: Span,
    },
    /// A step behind `let`: its noun was looked up as a value.
    StepInLet {
        noun: String,
        span: Span,
    },
    /// Bound in a block that has ended.
    OutOfReach {
        name: String,
        bound: Span,
        span: Span,
    },
    UnknownFunction {
        name: String,
        known: Vec<&'static str>,
        span: Span,
    },
    UnknownType {
        name: String,
        known: Vec<String>,
        span: Span,
    },
    UnknownMember {
        ty: String,
        name: String,
        known: Vec<String>,
        span: Span,
    },
    Taken {
        name: String,
        first: Span,
        span: Span,
    },
    DuplicateDefinition {
        what: &'static str,
        name: String,
        first: Span,
        span: Span,
    },
    /// Bound by what runs at the same time.
    Beside {
        name: String,
        bound: Span,
        span: Span,
    },
    Unused {
        name: String,
        span: Span,
    },
    UnknownAttribute {
        name: String,
        known: &'static [&'static str],
        span: Span,
    },
    /// Actions that use each other; the first name is also the last.
    Recursion {
        names: Vec<String>,
        span: Span,
    },
    DuplicateAttribute {
        name: String,
        first: Span,
        span: Span,
    },
    /// Of a shell function; the definition is the parameter's that has it too.
    FunctionName {
        name: String,
        definition: Option<Span>,
        span: Span,
    },
}

impl NameError {
    pub fn diagnostic(&self) -> Diagnostic {
        match self {
            NameError::UnknownName { name, known, span } => {
                Diagnostic::error("E0101", *span, format!("nothing here is called `{name}`"))
                    .did_you_mean(nearest(name, known.iter().map(String::as_str)))
            }
            NameError::StepInLet { noun, span } => {
                Diagnostic::error("E0101", *span, format!("nothing here is called `{noun}`"))
                    .help("a step stands without `let`: `found = file.info(…)`")
            }
            NameError::OutOfReach { name, bound, span } => {
                Diagnostic::error("E0102", *span, format!("`{name}` ended with its block"))
                    .label(*bound, "bound here")
                    .help("a `let` inside a block is known there only")
            }
            NameError::UnknownFunction { name, known, span } => {
                Diagnostic::error("E0103", *span, format!("there is no function `{name}`"))
                    .did_you_mean(nearest(name, known.iter().copied()))
            }
            NameError::UnknownType { name, known, span } => {
                Diagnostic::error("E0104", *span, format!("there is no type `{name}`"))
                    .did_you_mean(nearest(name, known.iter().map(String::as_str)))
            }
            NameError::UnknownMember { ty, name, known, span } => {
                let diagnostic = Diagnostic::error("E0105", *span, format!("{ty} has no `{name}`"));
                match nearest(name, known.iter().map(String::as_str)) {
                    Some(near) => diagnostic.did_you_mean(Some(near)),
                    None if known.is_empty() => diagnostic.help("it has no members"),
                    None if ty.starts_with("list<") => {
                        diagnostic.help("a list has count; its items are `[0]`, `[1]`, …, or `map(LIST, it.…)`")
                    }
                    None => diagnostic.help(format!("it has {}", words::join_some(known, 8))),
                }
            }
            NameError::Taken { name, first, span } if first == span => {
                let meaning = words_of_the_language(name);
                Diagnostic::error(
                    "E0106",
                    *span,
                    format!("`{name}` means something already, so nothing can be called so"),
                )
                .help(format!("`{name}` is {meaning}; choose another name"))
            }
            NameError::Taken { name, first, span } => {
                Diagnostic::error("E0106", *span, format!("the name `{name}` is taken"))
                    .label(*first, "bound first here")
                    .help("a name is bound once in a playbook, so that every use has one meaning")
            }
            NameError::DuplicateDefinition { what, name, first, span } => {
                Diagnostic::error("E0107", *span, format!("the {what} `{name}` is defined twice"))
                    .label(*first, "defined first here")
            }
            NameError::Recursion { names, span } => {
                Diagnostic::error("E0112", *span, format!("actions use each other: {}", names.join(" → ")))
                    .help("a plan is finite, so no action may come to itself")
            }
            NameError::Beside { name, bound, span } => {
                Diagnostic::error("E0117", *span, format!("`{name}` is not known to what runs at the same time"))
                    .label(*bound, "bound here")
                    .help("use it behind the `parallel`, or end the `parallel` before this step")
            }
            NameError::Unused { name, span } => Diagnostic::warning("W0108", *span, format!("`{name}` is never used")),
            NameError::UnknownAttribute { name, known, span } => {
                let diagnostic = Diagnostic::error("E0109", *span, format!("there is no attribute `{name}` here"));
                match nearest(name, known.iter().copied()) {
                    Some(near) => diagnostic.did_you_mean(Some(near)),
                    None => diagnostic.help(format!("known here: {}", known.join(", "))),
                }
            }
            NameError::FunctionName { name, definition, span } => {
                let diagnostic = Diagnostic::error("E0118", *span, format!("no function can be called `{name}`"));
                match definition {
                    Some(definition) => diagnostic
                        .label(*definition, "this script arrives as a function of that name")
                        .help("choose another name"),
                    None => diagnostic.help("the shell, or every step, has something of that name: choose another"),
                }
            }
            NameError::FieldOfEveryStep { name, span } => {
                Diagnostic::error("E0119", *span, format!("no result has a field `{name}` of its own"))
                    .help("the result of every step says so of the step: choose another name")
            }
            NameError::DuplicateAttribute { name, first, span } => {
                Diagnostic::error("E0110", *span, format!("`{name}` is given twice")).label(*first, "given first here")
            }
        }
    }
}

/// What the names stand for that nobody bound.
fn words_of_the_language(name: &str) -> &'static str {
    match name {
        "host" => "the current host",
        "it" => "what a condition of a step or an aggregate is about",
        "before" => "what the `check` of an action found",
        "after" => "what the `verify` or `check` of an action finds when it is done",
        "facts" => "what is known of a host's system",
        "batch" => "the hosts of a batch in `after batch`",
        _ => "the machine that opsc runs on",
    }
}

crate::diag::code_docs! {
    "E0101" "an unknown name"
    "The name is neither a parameter, a `let`, nor the result of an earlier step."
    "ops 1\n\nplaybook p(\n  limit: int = 3,\n) ! read {\n  require limmit > 1 else \"small\"\n}\n" => "ops 1\n\nplaybook p(\n  limit: int = 3,\n) ! read {\n  require limit > 1 else \"small\"\n}\n"
    "E0102" "a name that ended with its block"
    "A `let` inside `on` ends with the block. The results of steps stay visible after it, as one result per host."
    "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  on web {\n    let path = \"/etc/hosts\"\n    file.info(path: path)\n  }\n  require path != \"\" else \"empty\"\n}\n" => "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  let path = \"/etc/hosts\"\n  on web {\n    file.info(path: path)\n  }\n  require path != \"\" else \"empty\"\n}\n"
    "E0103" "an unknown function"
    "Functions compute values. Actions such as `file.copy` do something and stand as statements of their own."
    "ops 1\n\nplaybook p() ! read {\n  require lenght(\"a\") == 1 else \"long\"\n}\n" => "ops 1\n\nplaybook p() ! read {\n  require length(\"a\") == 1 else \"long\"\n}\n"
    "E0104" "an unknown type"
    "The type is neither built in nor defined by `type NAME = …` here, in `actions/` or in the standard library."
    "ops 1\n\nplaybook p(\n  count: integer = 1,\n) ! read {\n  require count > 0 else \"none\"\n}\n" => "ops 1\n\nplaybook p(\n  count: int = 1,\n) ! read {\n  require count > 0 else \"none\"\n}\n"
    "E0105" "an unknown member"
    "What stands before the dot has no member of this name."
    "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  require web.cuont > 1 else \"one\"\n}\n" => "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  require web.count > 1 else \"one\"\n}\n"
    "E0106" "a name that is taken"
    "Names are bound once in a playbook: parameters, `let`s, results of steps and of blocks share one space. `host`, `it`, `before`, `after`, `facts`, `batch` and `controller` are the language's own."
    "ops 1\n\nplaybook p() ! read {\n  let x = 1\n  let x = 2\n  require x > 0 else \"none\"\n}\n" => "ops 1\n\nplaybook p() ! read {\n  let x = 1\n  let y = 2\n  require x + y > 0 else \"none\"\n}\n"
    "E0107" "something is defined twice"
    "Types, actions, playbooks and parameters have one definition each."
    "ops 1\n\ntype Port = int(1..65535)\ntype Port = int(1..1023)\n\nplaybook p(\n  port: Port = 80,\n) ! read {\n  require port > 0 else \"none\"\n}\n" => "ops 1\n\ntype Port = int(1..65535)\n\nplaybook p(\n  port: Port = 80,\n) ! read {\n  require port > 0 else \"none\"\n}\n"
    "W0108" "a value that is never used"
    "Nothing reads this `let`. Remove it, or use it."
    "ops 1\n\nplaybook p() ! read {\n  let x = 1\n}\n" => "ops 1\n\nplaybook p() ! read {\n}\n"
    "E0109" "an unknown attribute"
    "Attributes in braces after a step belong to the engine; all other words are parameters of the action."
    "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  on web {\n    file.info(path: \"/etc/hosts\") {\n      retries: 2\n    }\n  }\n}\n" => "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  on web {\n    file.info(path: \"/etc/hosts\") {\n      retry: 2\n    }\n  }\n}\n"
    "E0110" "an attribute is given twice"
    "Each attribute and option stands once."
    "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  on web (batch: 1, batch: 2) {\n    file.info(path: \"/etc/hosts\")\n  }\n}\n" => "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  on web (batch: 2) {\n    file.info(path: \"/etc/hosts\")\n  }\n}\n"
    "E0112" "actions that use each other"
    "A plan is finite, so no composite action may come to itself, directly or through another."
    "ops 1\n\naction demo.one() ! read {\n  doc: \"One.\"\n\n  steps {\n    demo.two()\n  }\n}\n\naction demo.two() ! read {\n  doc: \"Two.\"\n\n  steps {\n    demo.one()\n  }\n}\n" => "ops 1\n\naction demo.one() ! read {\n  doc: \"One.\"\n\n  steps {\n    demo.two()\n  }\n}\n\naction demo.two() ! read {\n  doc: \"Two.\"\n\n  steps {\n    file.info(path: \"/\")\n  }\n}\n"
    "E0117" "a result of something that runs at the same time"
    "What stands in one `parallel` runs at the same time, so none of it knows what the others find out."
    "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  on web {\n    parallel {\n      a = file.info(path: \"/a\")\n      file.info(path: \"/b\") {\n        ok: a.exists\n      }\n    }\n  }\n}\n" => "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  on web {\n    parallel {\n      a = file.info(path: \"/a\")\n      file.info(path: \"/b\")\n    }\n    require a.exists else \"no /a\"\n  }\n}\n"
    "E0118" "a name that no shell function can have"
    "`function NAME` is a function of the shell, so its name is none of the shell's own words, none of `out`, `each_…` and `with_…`, which every step has, and none of a parameter that is a script."
    "ops 1\n\nfunction out sh \"\"\"\n  hostname\n\"\"\"\n\naction demo.look() -> { host: string } ! read {\n  doc: \"Look.\"\n\n  linux {\n    check sh \"\"\"\n      out host \"$(hostname)\"\n    \"\"\"\n  }\n}\n" => "ops 1\n\nfunction own_name sh \"\"\"\n  hostname\n\"\"\"\n\naction demo.look() -> { host: string } ! read {\n  doc: \"Look.\"\n\n  linux {\n    check sh \"\"\"\n      out host \"$(own_name)\"\n    \"\"\"\n  }\n}\n"
    "E0119" "a field that every result has"
    "`changed`, `failed` and `skipped` say of every step how it ended, so an action reports nothing under these names."
    "ops 1\n\naction demo.look() -> { changed: bool } ! read {\n  doc: \"Look.\"\n\n  linux {\n    check sh \"\"\"\n      out changed true\n    \"\"\"\n  }\n}\n" => "ops 1\n\naction demo.look() -> { is_newer: bool } ! read {\n  doc: \"Look.\"\n\n  linux {\n    check sh \"\"\"\n      out is_newer true\n    \"\"\"\n  }\n}\n"
}
