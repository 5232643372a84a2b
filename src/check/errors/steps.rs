//! `E0200`: actions, their arguments and their attributes.

use crate::base::near::{distance, nearest};
use crate::base::source::Span;
use crate::base::words;
use crate::diag::{Diagnostic, Edit};

#[derive(Clone, PartialEq, Debug)]
pub enum StepError {
    UnknownAction { name: String, known: Vec<String>, span: Span },
    UnknownArgument { action: String, name: String, known: Vec<String>, span: Span },
    MissingArguments { action: String, missing: Vec<(String, Span)>, span: Span },
    PositionalArgument { label: Option<String>, span: Span },
    DuplicateArgument { name: String, first: Span, span: Span },
    NeedsHost { action: String, span: Span },
    RetryOnce { action: String, span: Span },
    UntilNotRead { action: String, span: Span },
    EffectNotLiteral { name: String, span: Span },
    FunctionMixesArguments { function: String, span: Span },
    WrongArgumentCount { function: String, expected: String, found: usize, span: Span },
    MissingDoc { action: String, span: Span },
    Renamed { former: String, name: String, span: Span },
    MissingResult { action: String, span: Span },
    AttributeOfBodies { name: String, span: Span },
    AttributeOfOneStep { name: String, span: Span },
    UnnoticedRestart { span: Span },
    Unmet { action: String, words: Option<String>, span: Span },
    NotAllUndo { action: String, platform: String, span: Span },
}

/// One letter off is a typo that a machine may mend; farther away it would be a guess: `start` is near `restart`.
fn renamed(diagnostic: Diagnostic, name: &str, near: &str, span: Span) -> Diagnostic {
    if distance(name, near) > 1 {
        return diagnostic;
    }
    diagnostic.fix(format!("write `{near}`"), vec![Edit { span, text: near.to_string() }])
}

impl StepError {
    pub fn diagnostic(&self) -> Diagnostic {
        match self {
            StepError::UnknownAction { name, known, span } => {
                let diagnostic = Diagnostic::error("E0201", *span, format!("there is no action `{name}`"));
                match nearest(name, known.iter().map(String::as_str)) {
                    Some(near) => renamed(diagnostic.did_you_mean(Some(near)), name, near, *span),
                    None => diagnostic.help("`opsc actions` lists them"),
                }
            }
            StepError::UnknownArgument { action, name, known, span } => {
                let diagnostic = Diagnostic::error("E0202", *span, format!("`{action}` has no parameter `{name}`"));
                match nearest(name, known.iter().map(String::as_str)) {
                    Some(near) => renamed(diagnostic.did_you_mean(Some(near)), name, near, *span),
                    None if known.is_empty() => diagnostic.help("it takes no arguments"),
                    None => diagnostic.help(format!("it has {}", words::join_and(known))),
                }
            }
            StepError::MissingArguments { action, missing, span } => {
                let names: Vec<String> = missing.iter().map(|(name, _)| format!("`{name}`")).collect();
                let noun = if names.len() == 1 { "argument" } else { "arguments" };
                let diagnostic = Diagnostic::error(
                    "E0203",
                    *span,
                    format!("`{action}` needs the {noun} {}", words::join_and(&names)),
                );
                missing.iter().fold(diagnostic, |diagnostic, (_, span)| diagnostic.label(*span, "defined here"))
            }
            StepError::PositionalArgument { label, span } => {
                let diagnostic = Diagnostic::error("E0204", *span, "expected a named argument, found a positional one");
                match label {
                    Some(label) => diagnostic.help(format!("did you mean `{label}: …`?")),
                    None => diagnostic.help("actions take named arguments only"),
                }
            }
            StepError::DuplicateArgument { name, first, span } => {
                Diagnostic::error("E0205", *span, format!("the argument `{name}` is given twice"))
                    .label(*first, "given first here")
            }
            StepError::NeedsHost { action, span } => {
                Diagnostic::error("E0206", *span, format!("`{action}` runs on a host, and there is none here"))
                    .help("put it into `on HOSTS { … }`, or into `at controller { … }` to run it on this machine")
            }
            StepError::RetryOnce { action, span } => {
                Diagnostic::error("E0207", *span, format!("`{action}` may not be repeated, so it cannot be retried"))
                    .help("only actions that read, that check before they act, or that are declared repeatable can be")
            }
            StepError::UntilNotRead { action, span } => Diagnostic::error(
                "E0208",
                *span,
                format!("`until` needs a step that only reads, and `{action}` changes things"),
            )
            .help("read the state in a step of its own and put `until` there"),
            StepError::EffectNotLiteral { name, span } => {
                Diagnostic::error("E0209", *span, format!("expected a literal for `{name}`, found an expression")).help(
                    "the effect of a step must be readable in the file: write \"read\", \"change\" or \"destroy\"",
                )
            }
            StepError::FunctionMixesArguments { function, span } => {
                Diagnostic::error("E0210", *span, format!("`{function}` takes positional arguments"))
            }
            StepError::WrongArgumentCount { function, expected, found, span } => {
                Diagnostic::error("E0211", *span, format!("`{function}` takes {expected}, found {found}"))
            }
            StepError::Renamed { former, name, span } => {
                Diagnostic::warning("W0217", *span, format!("`{former}` is called `{name}` now"))
                    .fix(format!("write `{name}`"), vec![Edit { span: *span, text: name.clone() }])
            }
            StepError::MissingResult { action, span } => {
                Diagnostic::error("E0213", *span, format!("`{action}` says what it returns, but not how"))
                    .help("write `result: { … }` over the names of its steps")
            }
            StepError::AttributeOfBodies { name, span } => {
                Diagnostic::error("E0215", *span, format!("a composite action has no `{name}`"))
                    .help("what it does follows from its steps, which have it each for themselves")
            }
            StepError::AttributeOfOneStep { name, span } => Diagnostic::error(
                "E0216",
                *span,
                format!("`{name}` belongs to one step, and a composite action is several"),
            )
            .help("write it at the step inside the action; `as` and `tags` hold for all of them"),
            StepError::UnnoticedRestart { span } => {
                Diagnostic::error("E0218", *span, "nothing tells the host's new start from the old one")
                    .help("let `check` report the boot id, and say `ensure: after.boot != before.boot`")
            }
            StepError::NotAllUndo { action, platform, span } => Diagnostic::warning(
                "W0219",
                *span,
                format!(
                    "this body for {platform} has no `rollback`, so `{action}` is never undone, on other hosts neither"
                ),
            )
            .help("let every body have one, or none"),
            StepError::Unmet { action, words, span } => {
                let diagnostic = Diagnostic::error("E0220", *span, format!("`{action}` cannot do this"));
                diagnostic.at(words.clone().unwrap_or_else(|| "what it needs does not hold".to_string()))
            }
            StepError::MissingDoc { action, span } => {
                Diagnostic::warning("W0212", *span, format!("the action `{action}` has no `doc`"))
                    .help("one sentence that says what it does")
            }
        }
    }
}

crate::diag::code_docs! {
    "E0201" "an unknown action"
    "Actions come from the standard library (`opsc actions`), from `actions/*.ops` and from the file itself."
    "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  on web {\n    file.inof(path: \"/etc/hosts\")\n  }\n}\n" => "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  on web {\n    file.info(path: \"/etc/hosts\")\n  }\n}\n"
    "E0202" "an unknown argument"
    "The action has no parameter of this name. `opsc actions NAME` shows them."
    "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  on web {\n    file.info(pth: \"/etc/hosts\", path: \"/etc/hosts\")\n  }\n}\n" => "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  on web {\n    file.info(path: \"/etc/hosts\")\n  }\n}\n"
    "E0203" "a missing argument"
    "A parameter without a default must be given."
    "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  on web {\n    file.info()\n  }\n}\n" => "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  on web {\n    file.info(path: \"/etc/hosts\")\n  }\n}\n"
    "E0204" "an argument without a name"
    "Actions take named arguments only, so that a reviewer sees what each value is."
    "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  on web {\n    file.info(\"/etc/hosts\")\n  }\n}\n" => "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  on web {\n    file.info(path: \"/etc/hosts\")\n  }\n}\n"
    "E0205" "an argument is given twice"
    "Each parameter takes one argument."
    "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  on web {\n    file.info(path: \"/a\", path: \"/b\")\n  }\n}\n" => "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  on web {\n    file.info(path: \"/b\")\n  }\n}\n"
    "E0206" "a step needs a host"
    "An action with bodies for hosts runs inside `on`. Actions of the controller, such as `http.check`, may stand outside."
    "ops 1\n\nplaybook p() ! read {\n  file.info(path: \"/etc/hosts\")\n}\n" => "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  on web {\n    file.info(path: \"/etc/hosts\")\n  }\n}\n"
    "E0207" "a step that may not be repeated"
    "`retry` repeats a step after a failed attempt. That is safe only where the action reads, checks first, or is repeatable."
    "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! change, exec {\n  on web {\n    shell.run(script: sh\"make install\", effect: \"change\") {\n      retry: 2\n    }\n  }\n}\n" => "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! change, exec {\n  on web {\n    shell.run(script: sh\"make install\", effect: \"change\")\n  }\n}\n"
    "E0208" "`until` on a step that changes things"
    "`until` repeats a step until a condition holds, so the step must only read."
    "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! change {\n  on web {\n    file.directory(path: \"/tmp/x\") {\n      until: it.changed\n    }\n  }\n}\n" => "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  on web {\n    file.info(path: \"/tmp/x\") {\n      until: it.exists\n    }\n  }\n}\n"
    "E0209" "an effect that cannot be read in the file"
    "Some actions take their effect as an argument. It must be a literal, so that the effects of a playbook are known without running it."
    "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n  level: \"read\" | \"change\" = \"read\",\n) ! destroy, exec {\n  on web {\n    shell.run(script: sh\"true\", effect: level)\n  }\n}\n" => "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! exec {\n  on web {\n    shell.run(script: sh\"true\", effect: \"read\")\n  }\n}\n"
    "E0210" "a function takes positional arguments"
    "Functions take positional arguments, actions named ones."
    "ops 1\n\nplaybook p() ! read {\n  require length(text: \"a\") == 1 else \"long\"\n}\n" => "ops 1\n\nplaybook p() ! read {\n  require length(\"a\") == 1 else \"long\"\n}\n"
    "E0211" "a wrong number of arguments"
    "The function takes another number of arguments."
    "ops 1\n\nplaybook p() ! read {\n  require length(\"a\", \"b\") == 1 else \"long\"\n}\n" => "ops 1\n\nplaybook p() ! read {\n  require length(\"a\") == 1 else \"long\"\n}\n"
    "W0212" "an action without documentation"
    "The `doc` of an action is shown by `opsc actions`, and read when sentences are translated."
    "ops 1\n\naction demo.look(path: path) ! read {\n  linux {\n    check sh \"\"\"\n      out found \"$(test -e \"$path\" && echo true || echo false)\"\n    \"\"\"\n  }\n}\n" => "ops 1\n\naction demo.look(path: path) ! read {\n  doc: \"Look whether a path exists.\"\n\n  linux {\n    check sh \"\"\"\n      out found \"$(test -e \"$path\" && echo true || echo false)\"\n    \"\"\"\n  }\n}\n"
    "E0213" "a composite action without a result"
    "A composite action that declares a result says what it is: `result: { … }` over the names of its steps."
    "ops 1\n\naction demo.site(path: path) -> { made: bool } ! change {\n  doc: \"A site.\"\n\n  steps {\n    folder = file.directory(path: path)\n  }\n}\n\nplaybook p(\n  web: hosts<linux>,\n) ! change {\n  on web {\n    demo.site(path: \"/tmp/x\")\n  }\n}\n" => "ops 1\n\naction demo.site(path: path) -> { made: bool } ! change {\n  doc: \"A site.\"\n\n  steps {\n    folder = file.directory(path: path)\n  }\n\n  result: { made: folder.changed }\n}\n\nplaybook p(\n  web: hosts<linux>,\n) ! change {\n  on web {\n    demo.site(path: \"/tmp/x\")\n  }\n}\n"
    "E0215" "an attribute of actions with bodies"
    "What a composite action touches, needs and undoes follows from its steps."
    "ops 1\n\naction demo.site(path: path) -> { made: bool } ! change {\n  doc: \"A site.\"\n  repeatable: true\n\n  steps {\n    folder = file.directory(path: path)\n  }\n\n  result: { made: folder.changed }\n}\n\nplaybook p(\n  web: hosts<linux>,\n) ! change {\n  on web {\n    demo.site(path: \"/tmp/x\")\n  }\n}\n" => "ops 1\n\naction demo.site(path: path) -> { made: bool } ! change {\n  doc: \"A site.\"\n\n  steps {\n    folder = file.directory(path: path)\n  }\n\n  result: { made: folder.changed }\n}\n\nplaybook p(\n  web: hosts<linux>,\n) ! change {\n  on web {\n    demo.site(path: \"/tmp/x\")\n  }\n}\n"
    "E0216" "an attribute of one step"
    "`retry`, `until`, `timeout` and their like are about one step. A composite action is several; `as` and `tags` hold for all of them."
    "ops 1\n\naction demo.site(path: path) -> { made: bool } ! change {\n  doc: \"A site.\"\n\n  steps {\n    folder = file.directory(path: path)\n  }\n\n  result: { made: folder.changed }\n}\n\nplaybook p(\n  web: hosts<linux>,\n) ! change {\n  on web {\n    demo.site(path: \"/tmp/x\") {\n      retry: 2\n    }\n  }\n}\n" => "ops 1\n\naction demo.site(path: path) -> { made: bool } ! change {\n  doc: \"A site.\"\n\n  steps {\n    folder = file.directory(path: path)\n  }\n\n  result: { made: folder.changed }\n}\n\nplaybook p(\n  web: hosts<linux>,\n) ! change, admin {\n  on web {\n    demo.site(path: \"/tmp/x\") {\n      as: \"root\"\n    }\n  }\n}\n"
    "E0218" "a restart that nobody would notice"
    "An action with `restarts` waits until its host is back, and a host that has not gone down yet answers too. What `check` reports before and after, and an `ensure` over it, tell one start from the next."
    "ops 1\n\naction demo.again() ! change, admin {\n  doc: \"Start the host anew.\"\n  touches: [\"os\"]\n  restarts: 5m\n\n  linux {\n    apply sh \"\"\"\n      systemctl reboot\n    \"\"\"\n  }\n}\n" => "ops 1\n\naction demo.again() -> { boot: string } ! change, admin {\n  doc: \"Start the host anew.\"\n  touches: [\"os\"]\n  restarts: 5m\n  ensure: after.boot != before.boot else \"it has not started anew\"\n\n  linux {\n    check sh \"\"\"\n      out boot \"$(cat /proc/sys/kernel/random/boot_id)\"\n    \"\"\"\n    apply sh \"\"\"\n      systemctl reboot\n    \"\"\"\n  }\n}\n"
    "W0219" "a body that cannot be undone, beside others that can"
    "Whether a step can be undone is known before its host is, so an action is undone where all its bodies have a `rollback`. One without takes the undo from all of them."
    "ops 1\n\naction demo.mark(path: path) ! change {\n  doc: \"Mark a path.\"\n  touches: [\"path:{path}\"]\n\n  linux {\n    apply sh \"\"\"\n      touch -- \"$path\"\n    \"\"\"\n    rollback sh \"\"\"\n      rm -f -- \"$path\"\n    \"\"\"\n  }\n\n  darwin {\n    apply sh \"\"\"\n      touch -- \"$path\"\n    \"\"\"\n  }\n}\n" => "ops 1\n\naction demo.mark(path: path) ! change {\n  doc: \"Mark a path.\"\n  touches: [\"path:{path}\"]\n\n  linux {\n    apply sh \"\"\"\n      touch -- \"$path\"\n    \"\"\"\n    rollback sh \"\"\"\n      rm -f -- \"$path\"\n    \"\"\"\n  }\n\n  darwin {\n    apply sh \"\"\"\n      touch -- \"$path\"\n    \"\"\"\n    rollback sh \"\"\"\n      rm -f -- \"$path\"\n    \"\"\"\n  }\n}\n"
    "E0220" "arguments that an action cannot work with"
    "What an action `needs` is often about its arguments alone. Where they are written out, it is decided before anything runs."
    "ops 1\n\nplaybook p(\n  win: hosts<windows>,\n) ! change, admin {\n  on win {\n    registry.set(key: 'HKLM\\SOFTWARE\\App', name: \"Port\", value: \"many\", type: \"dword\")\n  }\n}\n" => "ops 1\n\nplaybook p(\n  win: hosts<windows>,\n) ! change, admin {\n  on win {\n    registry.set(key: 'HKLM\\SOFTWARE\\App', name: \"Port\", value: \"8080\", type: \"dword\")\n  }\n}\n"
    "W0217" "an action that has another name now"
    "An action's `renamed_from` keeps programs of its former name working, with a warning and a fix."
    "ops 1\n\naction demo.stamp(path: path) ! change {\n  doc: \"A stamp.\"\n  renamed_from: \"demo.mark\"\n\n  steps {\n    file.write(to: path, content: \"\")\n  }\n}\n\nplaybook p(\n  web: hosts<linux>,\n) ! change {\n  on web {\n    demo.mark(path: \"/tmp/x\")\n  }\n}\n" => "ops 1\n\naction demo.stamp(path: path) ! change {\n  doc: \"A stamp.\"\n  renamed_from: \"demo.mark\"\n\n  steps {\n    file.write(to: path, content: \"\")\n  }\n}\n\nplaybook p(\n  web: hosts<linux>,\n) ! change {\n  on web {\n    demo.stamp(path: \"/tmp/x\")\n  }\n}\n"
}
