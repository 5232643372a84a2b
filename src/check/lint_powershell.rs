//! The rules for PowerShell. Fewer than for `sh`: variables are not split there, and not all that sets one is known.

use super::errors::lint::LintError;
use super::lint::Lint;
use super::lint_powershell_variables as variables;
use super::lint_powershell_writes::writes;
use super::powershell_words::{PowershellCommand, PowershellWord, read_powershell};

const EVALUATES: &[&str] = &["iex", "invoke-expression"];
const DOWNLOADERS: &[&str] = &["iwr", "irm", "curl", "wget", "invoke-webrequest", "invoke-restmethod"];
const REMOVES: &[&str] = &["remove-item", "rm", "ri", "rd", "del", "erase", "rmdir"];
const FORMATS: &[&str] = &["format-volume", "clear-disk", "initialize-disk", "remove-partition", "diskpart", "format"];
const RESTARTS: &[&str] = &["restart-computer", "stop-computer", "shutdown"];

/// Folders whose whole content no script means, in small letters.
const SYSTEM: &[&str] = &[
    "/",
    "\\",
    "c:",
    "c:\\windows",
    "c:\\windows\\system32",
    "c:\\program files",
    "c:\\program files (x86)",
    "c:\\programdata",
    "c:\\users",
    "$env:systemdrive",
    "$env:systemroot",
    "$env:windir",
    "$env:programfiles",
    "$env:programdata",
    "hklm:",
    "hklm:\\software",
    "hklm:\\system",
];

/// Commands whose `-Path`, or first word, is a pattern, and that take a path as it is by `-LiteralPath`.
const PATTERNS: &[&str] = &[
    "add-content",
    "clear-content",
    "copy-item",
    "get-acl",
    "get-childitem",
    "get-content",
    "get-filehash",
    "get-item",
    "get-itemproperty",
    "import-csv",
    "move-item",
    "remove-item",
    "remove-itemproperty",
    "rename-item",
    "set-acl",
    "set-content",
    "set-item",
    "set-itemproperty",
    "test-path",
];

pub(super) fn lint(lint: &mut Lint<'_>) {
    let script = read_powershell(&lint.script.text);
    if let Some((at, what)) = &script.unclosed {
        let span = lint.span(at);
        lint.report(&LintError::Unclosed { what, span });
        return;
    }
    for at in &script.chains {
        let (sign, span) = (lint.text(at), lint.span(at));
        lint.report(&LintError::OnlyNewer { sign, span });
    }
    variables::look(lint, &script);
    for (index, command) in script.commands.iter().enumerate() {
        only_newer(lint, command);
        expands(lint, command);
        ends(lint, command);
        evaluates(lint, command, script.commands.get(..index).unwrap_or_default());
        dangers(lint, command);
        if let Some(place) = lint.subject.only_reads {
            writes(lint, &script, command, place);
        }
    }
}

/// `??` and `a ? b : c`; a `?` that begins a command is another name of `Where-Object`.
fn only_newer(lint: &mut Lint<'_>, command: &PowershellCommand) {
    for (index, word) in command.words.iter().enumerate() {
        let chooses = || command.words.iter().skip(index).any(|later| later.text == ":");
        let is_newer = matches!(word.text.as_str(), "??" | "??=") || word.text == "?" && index > 0 && chooses();
        if is_newer {
            let (sign, span) = (word.text.clone(), lint.span(&word.at));
            lint.report(&LintError::OnlyNewer { sign, span });
        }
    }
}

/// `Remove-Item $path` and `Get-Item -Path "$folder\x"`, where a value may hold `[` or `*`.
fn expands(lint: &mut Lint<'_>, command: &PowershellCommand) {
    let Some(head) = command.head().filter(|_| PATTERNS.contains(&command.name().as_str())) else { return };
    let mut words = command.words.iter().skip_while(|word| word.at != head.at).skip(1);
    let named = command.words.iter().skip_while(|word| !word.text.eq_ignore_ascii_case("-path")).nth(1);
    let value = named.or_else(|| words.next().filter(|word| !word.text.starts_with('-')));
    if let Some(value) = value.filter(|word| word.expands) {
        let (command, span) = (head.text.clone(), lint.span(&value.at));
        lint.report(&LintError::ExpandsWildcards { command, span });
    }
}

/// A script of a step has a process of its own, a body has not.
fn ends(lint: &mut Lint<'_>, command: &PowershellCommand) {
    if lint.subject.is_literal || command.name() != "exit" {
        return;
    }
    if let Some(head) = command.head() {
        let span = lint.span(&head.at);
        lint.report(&LintError::EndsTheLane { span });
    }
}

fn evaluates(lint: &mut Lint<'_>, command: &PowershellCommand, before: &[PowershellCommand]) {
    let creates = |word: &&PowershellWord| word.text.to_lowercase().contains("[scriptblock]::create");
    let head = command.head().filter(|_| EVALUATES.contains(&command.name().as_str()));
    let Some(word) = head.or_else(|| command.words.iter().find(creates)) else { return };
    let span = lint.span(&word.at);
    let source = before.last().map(PowershellCommand::name).filter(|_| command.piped);
    match source.filter(|source| DOWNLOADERS.contains(&source.as_str())) {
        Some(source) => lint.report(&LintError::DownloadedCode { source, shell: word.text.clone(), span }),
        None => lint.report(&LintError::Evaluates { command: word.text.clone(), span }),
    }
}

fn dangers(lint: &mut Lint<'_>, command: &PowershellCommand) {
    let name = command.name();
    let Some(head) = command.head() else { return };
    if REMOVES.contains(&name.as_str()) && command.has_switch("-recurse") {
        for word in command.words.iter().filter(|word| is_system_folder(&word.text)) {
            let (command, folder, span) = (format!("{} -Recurse", head.text), word.text.clone(), lint.span(&word.at));
            lint.report(&LintError::SystemFolder { command, folder, span });
        }
    } else if FORMATS.contains(&name.as_str()) && !lint.subject.destroys {
        let (what, span) = (format!("`{}` wipes a disk", head.text), lint.span(&head.at));
        lint.report(&LintError::OverwritesDevice { what, span });
    } else if RESTARTS.contains(&name.as_str()) && !lint.subject.restarts_hosts {
        let (command, span) = (head.text.clone(), lint.span(&head.at));
        lint.report(&LintError::RestartsHost { command, span });
    }
}

fn is_system_folder(path: &str) -> bool {
    let path = path.to_lowercase();
    let path = path.strip_suffix('*').unwrap_or(&path);
    let trimmed = if path.len() > 1 { path.trim_end_matches(['\\', '/']) } else { path };
    SYSTEM.contains(&trimmed)
}
