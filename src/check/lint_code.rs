//! Rules about what becomes code: `eval`, values behind `sh -c`, downloads piped into a shell.

use super::errors::lint::LintError;
use super::errors::scripts::ScriptError;
use super::lint::Lint;
use super::lint_words::{Call, calls, outline};
use super::shell_tree::{Command, Part, PartKind, Word, walk_parts};

const SHELLS: &[&str] = &["sh", "bash", "dash", "ash", "ksh", "zsh", "mksh"];

/// Interpreters, and the options behind which code stands.
const INTERPRETERS: &[(&str, &[&str])] = &[
    ("python", &["-c"]),
    ("python2", &["-c"]),
    ("python3", &["-c"]),
    ("perl", &["-e", "-E"]),
    ("ruby", &["-e"]),
    ("node", &["-e", "--eval", "-p"]),
    ("php", &["-r"]),
    ("su", &["-c", "--command"]),
    ("pwsh", &["-c", "-Command"]),
];

const DOWNLOADERS: &[&str] = &["curl", "wget", "fetch"];

pub(super) fn look(lint: &mut Lint<'_>, command: &Command, before: &[Command]) {
    for call in calls(command) {
        if lint.facts.functions.contains(&call.name) {
            continue;
        }
        match call.name.as_str() {
            "eval" => {
                let span = lint.span(&call.at);
                lint.found.push(ScriptError::Eval { span }.diagnostic());
            }
            "." | "source" => downloaded_argument(lint, &call),
            "trap" => {
                if let Some(word) = call.operands().first().filter(|_| call.operands().len() > 1) {
                    value_as_code(lint, word, "trap");
                }
            }
            "awk" | "gawk" | "mawk" => awk_program(lint, &call),
            name => {
                if let Some(options) = code_options(name) {
                    interpreter(lint, &call, options, command, before);
                }
            }
        }
    }
}

fn code_options(name: &str) -> Option<&'static [&'static str]> {
    if SHELLS.contains(&name) {
        return Some(&["-c"]);
    }
    INTERPRETERS.iter().find(|(interpreter, _)| *interpreter == name).map(|(_, options)| *options)
}

fn interpreter(lint: &mut Lint<'_>, call: &Call<'_>, options: &[&str], command: &Command, before: &[Command]) {
    if let Some(code) = code_argument(call, options) {
        value_as_code(lint, code, &call.name);
    } else if reads_code(call) {
        for redirection in command.redirections.iter().filter(|each| each.operator.starts_with("<<")) {
            value_as_code(lint, &redirection.target, &call.name);
        }
        if let Some(source) = source_of_pipe(command, before) {
            let (shell, span) = (call.name.clone(), lint.span(&call.at));
            lint.report(&LintError::DownloadedCode { source, shell, span });
        }
    }
    downloaded_argument(lint, call);
}

/// The word behind `-c`; for shells also behind letters written together, as `-lc`.
fn code_argument<'a>(call: &Call<'a>, options: &[&str]) -> Option<&'a Word> {
    let is_code = |word: &Word| {
        let text = outline(word);
        let together = text.starts_with('-') && !text.starts_with("--") && text.ends_with('c');
        options.contains(&text.as_str()) || together && SHELLS.contains(&call.name.as_str())
    };
    let at = call.args.iter().position(is_code)?;
    call.args.get(at + 1)
}

/// Whether an interpreter takes its code from its input.
fn reads_code(call: &Call<'_>) -> bool {
    let operands = call.operands();
    let reads_input = SHELLS.contains(&call.name.as_str()) && call.has_option(&["-s"]);
    // `python -m json.tool` and `perl -ne …` have their code elsewhere.
    let has_code = !SHELLS.contains(&call.name.as_str())
        && call.args.iter().any(|word| outline(word).starts_with('-') && outline(word).len() > 1);
    let first = operands.first().map(|word| outline(word));
    reads_input || !has_code && first.is_none_or(|first| first == "-" || first == "/dev/stdin") && call.name != "su"
}

/// The program that downloads at the other end of the pipe.
fn source_of_pipe(command: &Command, before: &[Command]) -> Option<String> {
    let mut reads = command.piped;
    for source in before.iter().rev() {
        if !reads {
            return None;
        }
        if let Some(found) = calls(source).into_iter().find(|call| DOWNLOADERS.contains(&call.name.as_str())) {
            return Some(found.name);
        }
        reads = source.piped;
    }
    None
}

/// `sh -c "$(curl …)"`, `bash <(curl …)`, `. <(wget …)`.
fn downloaded_argument(lint: &mut Lint<'_>, call: &Call<'_>) {
    for part in call.args.iter().flat_map(|word| &word.parts) {
        let PartKind::Command { commands, .. } = &part.kind else { continue };
        let source = commands.iter().flat_map(calls).find(|inner| DOWNLOADERS.contains(&inner.name.as_str()));
        if let Some(source) = source {
            let (shell, span) = (call.name.clone(), lint.span(&part.at));
            lint.report(&LintError::DownloadedCode { source: source.name, shell, span });
        }
    }
}

/// The program is the first operand, unless it comes from a file.
fn awk_program(lint: &mut Lint<'_>, call: &Call<'_>) {
    if call.has_option(&["-f", "--file"]) {
        return;
    }
    let mut args = call.args.iter();
    while let Some(word) = args.next() {
        match outline(word).as_str() {
            "-v" | "-F" => drop(args.next()),
            text if text.starts_with('-') && text.len() > 1 => {}
            _ => return value_as_code(lint, word, &call.name),
        }
    }
}

/// Values of the engine in a word that is code.
fn value_as_code(lint: &mut Lint<'_>, word: &Word, command: &str) {
    let mut values: Vec<(String, &Part)> = Vec::new();
    walk_parts(&word.parts, &mut |part| {
        if let PartKind::Variable(variable) = &part.kind
            && lint.subject.is_text(&variable.name)
        {
            values.push((variable.name.clone(), part));
        }
    });
    for (name, part) in values {
        let (command, span) = (command.to_string(), lint.span(&part.at));
        lint.report(&LintError::ValueAsCode { name, command, span });
    }
}
