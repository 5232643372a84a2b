//! Rules about commands that nobody runs by accident twice: what they would take along, and when that is meant.

use super::errors::lint::LintError;
use super::lint::Lint;
use super::lint_words::{Call, EXPANSION, calls, outline};
use super::shell_tree::{Command, CommandKind, Form, PartKind, Word};

/// Folders whose whole content no script means.
const SYSTEM: &[&str] = &[
    "/",
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/home",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/opt",
    "/proc",
    "/root",
    "/run",
    "/sbin",
    "/srv",
    "/sys",
    "/usr",
    "/usr/bin",
    "/usr/lib",
    "/usr/local",
    "/usr/sbin",
    "/usr/share",
    "/var",
    "/var/lib",
    "~",
];

/// Starts of names of block devices below `/dev`.
const DEVICES: &[&str] =
    &["sd", "hd", "vd", "xvd", "nvme", "mmcblk", "md", "dm-", "loop", "mapper/", "disk/", "block/"];

pub(super) fn look(lint: &mut Lint<'_>, command: &Command, before: &[Command]) {
    for redirection in &command.redirections {
        let target = outline(&redirection.target);
        if redirection.operator.starts_with(['>', '&']) && is_device(&target) {
            overwrites(lint, format!("`> {target}` overwrites a device"), &redirection.target);
        }
    }
    fork_bomb(lint, command, before);
    for call in calls(command) {
        if lint.facts.functions.contains(&call.name) {
            continue;
        }
        match call.name.as_str() {
            "rm" if call.has_option(&["-r", "-R", "--recursive"]) => removes(lint, &call),
            "chmod" | "chown" | "chgrp" if call.has_option(&["-R", "--recursive"]) => changes_rights(lint, &call),
            "find" => finds(lint, &call),
            _ => {
                devices(lint, &call);
                restarts(lint, &call);
            }
        }
    }
}

fn removes(lint: &mut Lint<'_>, call: &Call<'_>) {
    for word in call.operands() {
        if let Some(folder) = system_folder(&outline(word)) {
            let (command, span) = ("rm -r".to_string(), lint.span(&word.at));
            lint.report(&LintError::SystemFolder { command, folder: folder.to_string(), span });
        } else if is_wildcard(word) {
            wildcard(lint, call, word);
        } else {
            perhaps_empty(lint, word);
        }
    }
}

/// The folder of the table that a path is, whatever slashes and wildcards it ends with.
fn system_folder(path: &str) -> Option<&'static str> {
    if !path.starts_with(['/', '~']) {
        return None;
    }
    let mut rest = path;
    while let Some(shorter) = ["/*", "/.", "/"].iter().find_map(|ending| rest.strip_suffix(ending)) {
        rest = shorter;
    }
    let clean: Vec<&str> = rest.split('/').filter(|part| !part.is_empty()).collect();
    let clean = if rest.starts_with('~') { clean.join("/") } else { format!("/{}", clean.join("/")) };
    SYSTEM.iter().find(|folder| **folder == clean).copied()
}

/// `*`, `./*`, `.*`: nothing says where.
fn is_wildcard(word: &Word) -> bool {
    let text = word.bare().unwrap_or_default();
    matches!(text.strip_prefix("./").unwrap_or(&text), "*" | ".*" | ".[!.]*" | "{*,.*}")
}

fn wildcard(lint: &mut Lint<'_>, call: &Call<'_>, word: &Word) {
    if !follows_sure_cd(lint, call.at.start) {
        let (pattern, span) = (lint.text(&word.at), lint.span(&word.at));
        lint.report(&LintError::WildcardAlone { pattern, span });
    }
}

/// Whether a `cd` stands before that stops the script, or this command, when it fails.
fn follows_sure_cd(lint: &Lint<'_>, at: usize) -> bool {
    let before = lint.script.text.get(..at).unwrap_or("");
    let Some(from) = before.rfind("cd ") else { return false };
    let is_command = before.get(..from).is_some_and(|text| !text.ends_with(|letter: char| letter.is_alphanumeric()));
    let line = before.get(from..).unwrap_or("").split('\n').next().unwrap_or("");
    is_command && (lint.facts.stops_at_errors || line.contains("&&") || line.contains("||"))
}

/// A path that would be another one if what it is made of were empty.
fn perhaps_empty(lint: &mut Lint<'_>, word: &Word) {
    let mut empty = String::new();
    let mut has_variable = false;
    for part in &word.parts {
        match &part.kind {
            PartKind::Text(text) => empty.push_str(text),
            PartKind::Variable(variable) if may_vanish(lint, &variable.name, variable.form) => has_variable = true,
            _ => empty.push(EXPANSION),
        }
    }
    let is_whole_root = is_root_of_path(lint, word);
    let is_alone = empty.is_empty() && word.parts.iter().any(|part| is_foreign(lint, &part.kind));
    let folder = if has_variable { system_folder(&empty) } else { None };
    let becomes = match folder {
        Some(_) => Some(empty.clone()),
        None if is_whole_root => Some("//*".to_string()),
        None if has_variable && empty == "*" => Some("*".to_string()),
        None if has_variable && is_alone => Some("/".to_string()),
        None => None,
    };
    if let Some(becomes) = becomes {
        let (path, span) = (lint.text(&word.at), lint.span(&word.at));
        lint.report(&LintError::PerhapsEmpty { path, becomes, span });
    }
}

/// Whether a variable may be empty here, as far as the script and its parameters tell.
fn may_vanish(lint: &Lint<'_>, name: &str, form: Form) -> bool {
    if !matches!(form, Form::Value) || lint.facts.tested.contains(name) {
        return false;
    }
    match lint.subject.given(name) {
        Some(given) => given.may_be_empty,
        None if lint.facts.perhaps_empty.contains(name) => true,
        None => !lint.facts.own.contains(name) && !lint.facts.filled.contains(name) && name != "HOME",
    }
}

fn is_typed_path(lint: &Lint<'_>, name: &str) -> bool {
    lint.subject.given(name).is_some_and(|given| given.is_path) && !lint.facts.tested.contains(name)
}

/// `"$path"/*`, where a path may be `/`: rm refuses `/` itself, but not what is in it.
fn is_root_of_path(lint: &Lint<'_>, word: &Word) -> bool {
    let shape = outline(word);
    let mut variables = word.variables();
    let is_path = variables.next().is_some_and(|(_, variable)| is_typed_path(lint, &variable.name));
    is_path && shape == format!("{EXPANSION}/*")
}

/// A value of the engine, as against a variable that the script made itself.
fn is_foreign(lint: &Lint<'_>, kind: &PartKind) -> bool {
    matches!(kind, PartKind::Variable(variable) if lint.subject.given(&variable.name).is_some())
}

fn changes_rights(lint: &mut Lint<'_>, call: &Call<'_>) {
    let operands = call.operands();
    let Some((mode, paths)) = operands.split_first() else { return };
    for word in paths {
        if let Some(folder) = system_folder(&outline(word)) {
            let (command, span) = (format!("{} -R", call.name), lint.span(&word.at));
            lint.report(&LintError::SystemFolder { command, folder: folder.to_string(), span });
        }
    }
    let rights = outline(mode);
    let for_all =
        matches!(rights.as_str(), "777" | "0777" | "a+rwx" | "ugo+rwx" | "a=rwx" | "ugo=rwx" | "+rwx" | "o+w" | "a+w");
    if call.name == "chmod" && for_all {
        let span = lint.span(&mode.at);
        lint.report(&LintError::RightsForAll { rights, span });
    }
}

/// `find / -delete`.
fn finds(lint: &mut Lint<'_>, call: &Call<'_>) {
    let deletes = call.outlines().iter().any(|text| text == "-delete");
    let tests = call.outlines().iter().filter(|text| text.starts_with('-')).count();
    let Some(place) = call.args.first().filter(|_| deletes && tests == 1) else { return };
    if let Some(folder) = system_folder(&outline(place)) {
        let (command, span) = ("find -delete".to_string(), lint.span(&place.at));
        lint.report(&LintError::SystemFolder { command, folder: folder.to_string(), span });
    }
}

fn is_device(path: &str) -> bool {
    path.strip_prefix("/dev/").is_some_and(|name| DEVICES.iter().any(|start| name.starts_with(start)))
}

fn overwrites(lint: &mut Lint<'_>, what: String, word: &Word) {
    if !lint.subject.destroys {
        let span = lint.span(&word.at);
        lint.report(&LintError::OverwritesDevice { what, span });
    }
}

fn devices(lint: &mut Lint<'_>, call: &Call<'_>) {
    let name = call.name.as_str();
    let device = || call.operands().into_iter().find(|word| is_device(&outline(word)));
    let formats = name == "mkfs" || name.starts_with("mkfs.") || matches!(name, "mke2fs" | "mkswap" | "blkdiscard");
    let is_help = call.args.is_empty() || call.has_option(&["-V", "-h", "--version", "--help"]);
    if formats && !is_help {
        let Some(word) = device().or_else(|| call.operands().pop()) else { return };
        overwrites(lint, format!("`{name}` makes the device anew"), word);
    } else if name == "dd" {
        let writes = |word: &&Word| outline(word).strip_prefix("of=").is_some_and(is_device);
        if let Some(word) = call.args.iter().find(writes) {
            overwrites(lint, "`dd` overwrites a device".to_string(), word);
        }
    } else if matches!(name, "shred" | "wipefs" | "sgdisk") {
        let only_looks = name == "wipefs" && !call.has_option(&["-a", "--all", "-o", "--offset"])
            || name == "sgdisk" && !call.has_option(&["-Z", "-z", "-o", "--zap-all", "--zap", "--clear"]);
        if let Some(word) = device().filter(|_| !only_looks) {
            overwrites(lint, format!("`{name}` wipes the device"), word);
        }
    }
}

fn restarts(lint: &mut Lint<'_>, call: &Call<'_>) {
    let verb = call.verb();
    let restarts = match call.name.as_str() {
        "reboot" | "poweroff" | "halt" => !call.has_option(&["--help", "-w", "--wtmp-only"]),
        "shutdown" => !call.has_option(&["-c", "--help", "--show"]) && !call.args.is_empty(),
        "init" | "telinit" => matches!(verb.as_str(), "0" | "6"),
        "systemctl" => matches!(verb.as_str(), "reboot" | "poweroff" | "halt" | "kexec" | "soft-reboot"),
        _ => false,
    };
    if restarts && !lint.subject.restarts_hosts {
        let command = if call.name == "systemctl" { format!("systemctl {verb}") } else { call.name.clone() };
        let span = lint.span(&call.at);
        lint.report(&LintError::RestartsHost { command, span });
    }
}

/// A function that pipes into itself.
fn fork_bomb(lint: &mut Lint<'_>, command: &Command, before: &[Command]) {
    let Some(name) = command.name().filter(|name| command.piped && lint.facts.functions.contains(name)) else { return };
    let is_itself = before.last().is_some_and(|source| source.name().as_ref() == Some(&name));
    // First thing in its own body: elsewhere a condition may stand before it.
    let opens_body = before.iter().rev().nth(1).is_some_and(|definition| {
        definition.kind == CommandKind::Function
            && definition.words.first().and_then(Word::literal).as_ref() == Some(&name)
    });
    if is_itself && opens_body {
        let at = command.words.first().map(|word| word.at.clone()).unwrap_or_default();
        let span = lint.span(&at);
        lint.report(&LintError::ForkBomb { name, span });
    }
}
