//! What changes a host in a PowerShell script that should only read: commands, programs, redirections, and methods of
//! .NET by their names.

use super::errors::lint::LintError;
use super::lint::Lint;
use super::powershell_words::{PowershellCommand, PowershellScript, PowershellWord};

/// First parts of commands that change something.
const VERBS: &[&str] = &[
    "add",
    "clear",
    "copy",
    "disable",
    "enable",
    "install",
    "move",
    "new",
    "publish",
    "register",
    "remove",
    "rename",
    "restart",
    "set",
    "start",
    "stop",
    "suspend",
    "uninstall",
    "unregister",
    "update",
];

/// Short names of such commands.
const SHORT: &[&str] = &[
    "ac", "clc", "cli", "clp", "copy", "cp", "cpi", "del", "erase", "kill", "md", "mi", "mkdir", "move", "mp", "mv",
    "ni", "rd", "ren", "ri", "rm", "rmdir", "rni", "rnp", "rp", "saps", "sasv", "si", "sp", "spps", "spsv", "start",
];

/// Programs that change something, by any of these words, or always.
const PROGRAMS: &[(&str, &[&str])] = &[
    ("cmd", &["copy", "del", "erase", "md", "mkdir", "move", "rd", "ren", "rmdir"]),
    ("icacls", &["/grant", "/deny", "/remove", "/reset", "/setowner", "/inheritance"]),
    ("iisreset", &[]),
    ("msiexec", &[]),
    ("net", &["accounts", "continue", "group", "localgroup", "pause", "share", "start", "stop", "use", "user"]),
    ("netsh", &["add", "delete", "reset", "set"]),
    ("reg", &["add", "copy", "delete", "import", "load", "restore", "unload"]),
    ("robocopy", &[]),
    ("sc", &["config", "continue", "create", "delete", "description", "failure", "pause", "sdset", "start", "stop"]),
    ("schtasks", &["/change", "/create", "/delete", "/end", "/run"]),
    ("shutdown", &[]),
    ("takeown", &[]),
    ("taskkill", &[]),
    ("xcopy", &[]),
];

/// Commands with such a first part that change nothing but the script itself.
const HARMLESS: &[&str] = &[
    "add-member",
    "add-type",
    "clear-host",
    "clear-variable",
    "new-alias",
    "new-cimsession",
    "new-guid",
    "new-object",
    "new-pssession",
    "new-timespan",
    "new-variable",
    "remove-cimsession",
    "remove-job",
    "remove-pssession",
    "remove-typedata",
    "remove-variable",
    "set-alias",
    "set-culture",
    "set-location",
    "set-psdebug",
    "set-strictmode",
    "set-variable",
    "start-job",
    "start-sleep",
    "stop-job",
    "update-typedata",
];

/// Types of .NET, without `System.`, whose methods with such beginnings change something.
const TYPES: &[(&str, &[&str])] = &[
    (
        "io.file",
        &["append", "copy", "create", "decrypt", "delete", "encrypt", "move", "openwrite", "replace", "set", "write"],
    ),
    ("io.directory", &["create", "delete", "move", "set"]),
    ("io.compression.zipfile", &["create", "extract"]),
    ("microsoft.win32.registry", &["setvalue"]),
];

/// Methods that change something, whatever has them.
const METHODS: &[&str] = &[
    "commitchanges",
    "copyto",
    "createsubkey",
    "delete",
    "deletesubkey",
    "deletesubkeytree",
    "deletevalue",
    "downloadfile",
    "kill",
    "moveto",
    "setaccesscontrol",
    "setinfo",
    "setpassword",
    "setvalue",
];

/// Where scripts put files of their own.
const OWN: &[&str] = &["gettemppath", "gettempfilename", "new-temporaryfile"];

pub(super) fn writes(lint: &mut Lint<'_>, script: &PowershellScript, command: &PowershellCommand, place: &'static str) {
    calls(lint, script, command, place);
    let name = command.name();
    // `Module\Remove-Item` is a command of that module.
    let name = name.rsplit('\\').next().unwrap_or_default().to_string();
    let verb = name.split_once('-').map(|(verb, _)| verb).filter(|_| !name.starts_with(['-', '$', '[']));
    let changes = verb.is_some_and(|verb| VERBS.contains(&verb)) && !HARMLESS.contains(&name.as_str());
    let writes = changes
        || matches!(name.as_str(), "out-file" | "export-csv" | "tee-object")
        || SHORT.contains(&name.as_str())
        || is_changing_program(command, &name);
    let Some(head) = command.head() else { return };
    if writes && !command.has_switch("-whatif") {
        let span = lint.span(&head.at);
        lint.report(&LintError::Writes { what: format!("`{}` changes the host", head.text), place, span });
    }
    redirections(lint, command, place);
}

/// `net stop spooler`, and not `net start`, which lists what runs.
fn is_changing_program(command: &PowershellCommand, name: &str) -> bool {
    let Some((_, words)) = PROGRAMS.iter().find(|(program, _)| *program == name) else { return false };
    let all: Vec<String> =
        command.words.iter().flat_map(|word| word.text.split_whitespace()).map(str::to_lowercase).collect();
    let is_followed = |at: usize| at + 1 < all.len();
    words.is_empty() || all.iter().enumerate().any(|(at, word)| words.contains(&word.as_str()) && is_followed(at))
}

/// `> file`, but not `> $null` or `2>&1`.
fn redirections(lint: &mut Lint<'_>, command: &PowershellCommand, place: &'static str) {
    for (index, word) in command.words.iter().enumerate() {
        let text = word.text.trim_start_matches(['1', '2', '3', '4', '5', '6', '*']);
        let Some(target) = text.strip_prefix(">>").or_else(|| text.strip_prefix('>')) else { continue };
        let next = command.words.get(index + 1).map(|word| word.text.clone()).unwrap_or_default();
        let target = if target.is_empty() { next } else { target.to_string() };
        if !target.starts_with('&') && !target.eq_ignore_ascii_case("$null") && !target.is_empty() {
            let span = lint.span(&word.at);
            lint.report(&LintError::Writes { what: format!("this writes {target}"), place, span });
        }
    }
}

/// `[System.IO.File]::WriteAllText(…)` and `$key.SetValue(…)`, but not of a file of the script's own.
fn calls(lint: &mut Lint<'_>, script: &PowershellScript, command: &PowershellCommand, place: &'static str) {
    for word in &command.words {
        let after = lint.script.text.get(word.at.end..).unwrap_or("");
        if !after.starts_with('(') || !(changes_by_type(word, after) || changes_by_method(word)) {
            continue;
        }
        let mut names = script.variables.iter().filter(|variable| variable.at.start >= word.at.start);
        let is_own = names.next().is_some_and(|first| is_own(lint, script, &first.name));
        if !is_own {
            let span = lint.span(&word.at);
            lint.report(&LintError::Writes { what: format!("`{}` changes the host", word.text), place, span });
        }
    }
}

fn changes_by_type(word: &PowershellWord, after: &str) -> bool {
    let text = word.text.to_lowercase();
    let Some((ty, method)) = text.rsplit_once("]::") else { return false };
    let ty = ty.rsplit('[').next().unwrap_or("");
    let ty = ty.strip_prefix("system.").unwrap_or(ty);
    if ty == "environment" && method == "setenvironmentvariable" {
        // Without one of these it is the process's own.
        let line = after.lines().next().unwrap_or("").to_lowercase();
        return line.contains("machine") || line.contains("user");
    }
    TYPES.iter().any(|(name, begins)| *name == ty && begins.iter().any(|begin| method.starts_with(begin)))
}

fn changes_by_method(word: &PowershellWord) -> bool {
    let method = word.text.rsplit_once('.').filter(|_| !word.text.contains("]::")).map(|(_, method)| method);
    method.is_some_and(|method| METHODS.contains(&method.to_lowercase().as_str()))
}

/// Assigned in a line that makes a temporary name, or from a variable that is.
fn is_own(lint: &Lint<'_>, script: &PowershellScript, name: &str) -> bool {
    let sets = script.variables.iter().filter(|variable| variable.is_set && variable.name == name);
    let mut lines = sets.map(|variable| {
        let rest = lint.script.text.get(variable.at.end..).unwrap_or("");
        rest.lines().next().unwrap_or("").to_lowercase()
    });
    lines.any(|line| OWN.iter().any(|own| line.contains(own)))
}
