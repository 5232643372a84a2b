//! Scripts that must only read: commands and redirections that obviously write. What is not in the table is believed.

use super::errors::lint::LintError;
use super::lint::{Facts, Lint};
use super::lint_words::{Call, EXPANSION, calls, outline};
use super::shell_tree::{Command, PartKind, Redirection, Word};

/// When a command writes.
#[derive(Clone, Copy)]
enum Writes {
    /// Unless one of these options is given.
    Unless(&'static [&'static str]),
    /// With one of these options.
    With(&'static [&'static str]),
    /// With one of these words as the first operand.
    Verb(&'static [&'static str]),
    /// With one of these words anywhere.
    Word(&'static [&'static str]),
}

const ALWAYS: Writes = Writes::Unless(&[]);
const PACKAGES: Writes = Writes::Verb(&[
    "install",
    "remove",
    "purge",
    "upgrade",
    "dist-upgrade",
    "full-upgrade",
    "update",
    "autoremove",
    "clean",
    "erase",
    "reinstall",
    "downgrade",
    "add",
    "del",
    "in",
    "rm",
    "up",
]);
const CONTAINERS: Writes = Writes::Verb(&[
    "run", "rm", "rmi", "stop", "start", "restart", "kill", "pull", "push", "build", "create", "load", "import",
]);
const SIMULATES: &[&str] = &["-s", "--simulate", "--dry-run", "--just-print", "--assumeno", "--print-uris"];

const TABLE: &[(&str, Writes)] = &[
    ("adduser", ALWAYS),
    ("apk", PACKAGES),
    ("apt", PACKAGES),
    ("apt-get", PACKAGES),
    ("brew", PACKAGES),
    ("chattr", ALWAYS),
    ("chgrp", ALWAYS),
    ("chmod", ALWAYS),
    ("chown", ALWAYS),
    ("chpasswd", ALWAYS),
    ("chsh", ALWAYS),
    ("cp", ALWAYS),
    ("crontab", Writes::Unless(&["-l"])),
    ("deluser", ALWAYS),
    ("dnf", PACKAGES),
    ("docker", CONTAINERS),
    ("dpkg", Writes::With(&["-i", "--install", "-r", "--remove", "-P", "--purge", "--configure", "--unpack"])),
    ("fallocate", ALWAYS),
    ("find", Writes::With(&["-delete"])),
    (
        "git",
        Writes::Verb(&["clone", "pull", "checkout", "reset", "commit", "push", "clean", "merge", "fetch", "switch"]),
    ),
    ("gpasswd", ALWAYS),
    ("groupadd", ALWAYS),
    ("groupdel", ALWAYS),
    ("groupmod", ALWAYS),
    ("halt", ALWAYS),
    ("hostnamectl", Writes::Verb(&["set-hostname", "set-icon-name", "set-chassis"])),
    ("insmod", ALWAYS),
    ("install", ALWAYS),
    ("ip", Writes::Word(&["add", "del", "delete", "set", "flush", "replace", "change"])),
    ("iptables", Writes::With(&["-A", "-I", "-D", "-F", "-P", "-X", "-N", "-R", "-Z"])),
    ("kill", Writes::Unless(&["-0", "-l", "-L"])),
    ("killall", Writes::Unless(&["-0"])),
    ("kubectl", Writes::Verb(&["apply", "delete", "create", "patch", "scale", "replace", "edit", "drain", "cordon"])),
    ("ln", ALWAYS),
    ("mkdir", ALWAYS),
    ("mkfifo", ALWAYS),
    ("mknod", ALWAYS),
    ("mkswap", ALWAYS),
    ("modprobe", Writes::Unless(&["-n", "--dry-run", "-D", "--show-depends", "-c", "--showconfig"])),
    ("mv", ALWAYS),
    ("nft", Writes::Verb(&["add", "delete", "flush", "insert", "replace"])),
    ("pacman", Writes::Word(&["-S", "-Sy", "-Syu", "-Syyu", "-Su", "-R", "-Rs", "-Rns", "-U"])),
    ("passwd", Writes::Unless(&["-S", "--status"])),
    ("patch", Writes::Unless(&["--dry-run"])),
    ("perl", Writes::Word(&["-i", "-pi", "-ni", "-i.bak", "-pi.bak"])),
    ("pip", Writes::Verb(&["install", "uninstall"])),
    ("pip3", Writes::Verb(&["install", "uninstall"])),
    ("pkill", Writes::Unless(&["-0"])),
    ("podman", CONTAINERS),
    ("poweroff", ALWAYS),
    ("reboot", ALWAYS),
    ("rm", ALWAYS),
    ("rmdir", ALWAYS),
    ("rmmod", ALWAYS),
    ("rpm", Writes::Word(&["-i", "-ivh", "-U", "-Uvh", "-F", "-Fvh", "-e", "--install", "--erase", "--upgrade"])),
    ("rsync", Writes::Unless(&["-n", "--dry-run", "--list-only"])),
    ("sed", Writes::With(&["-i", "--in-place"])),
    ("setfacl", ALWAYS),
    ("shred", ALWAYS),
    ("shutdown", ALWAYS),
    ("swapoff", ALWAYS),
    ("sysctl", Writes::With(&["-w", "--write", "-p", "--load", "--system"])),
    (
        "systemctl",
        Writes::Verb(&[
            "start",
            "stop",
            "restart",
            "reload",
            "try-restart",
            "reload-or-restart",
            "enable",
            "disable",
            "reenable",
            "mask",
            "unmask",
            "daemon-reload",
            "daemon-reexec",
            "reset-failed",
            "set-default",
            "set-property",
            "isolate",
            "kill",
            "edit",
            "revert",
            "link",
            "preset",
            "reboot",
            "poweroff",
            "halt",
        ]),
    ),
    ("tee", ALWAYS),
    ("timedatectl", Writes::Verb(&["set-time", "set-timezone", "set-ntp", "set-local-rtc"])),
    ("touch", ALWAYS),
    ("truncate", ALWAYS),
    ("ufw", Writes::Verb(&["enable", "disable", "allow", "deny", "reject", "delete", "reset", "reload"])),
    ("umount", ALWAYS),
    ("useradd", Writes::Unless(&["-D", "--defaults"])),
    ("userdel", ALWAYS),
    ("usermod", ALWAYS),
    ("yum", PACKAGES),
    ("zypper", PACKAGES),
];

/// Commands whose last operand alone is written.
const TO_LAST: &[&str] = &["cp", "install", "ln", "rsync"];

pub(super) fn look(lint: &mut Lint<'_>, command: &Command) {
    let Some(place) = lint.subject.only_reads else { return };
    for redirection in &command.redirections {
        if writes_file(redirection, &lint.facts) {
            let (target, span) = (lint.text(&redirection.target.at), lint.span(&redirection.at));
            lint.report(&LintError::Writes { what: format!("this writes {target}"), place, span });
        }
    }
    for call in calls(command) {
        let is_function = lint.facts.functions.contains(&call.name) || lint.subject.given(&call.name).is_some();
        if is_function || !writes(&call) || is_for_own(&call, &lint.facts) {
            continue;
        }
        let verb = if takes_verb(&call.name) { format!("{} {}", call.name, call.verb()) } else { call.name.clone() };
        let span = lint.span(&call.at);
        lint.report(&LintError::Writes { what: format!("`{verb}` changes the host"), place, span });
    }
}

/// Into a file, that is, not into a device that swallows or shows it, nor a copy of a descriptor.
fn writes_file(redirection: &Redirection, facts: &Facts) -> bool {
    let target = outline(&redirection.target);
    let writes = redirection.operator.starts_with('>') || redirection.operator.starts_with("&>");
    let is_sign = |letter: char| letter.is_ascii_digit() || letter == '-' || letter == EXPANSION;
    let is_descriptor = redirection.operator == ">&" && target.chars().all(is_sign);
    let is_process = redirection.target.parts.iter().any(|part| matches!(part.kind, PartKind::Command { .. }));
    writes && !is_descriptor && !is_process && !is_harmless(&target) && !is_own(&redirection.target, facts)
}

fn is_harmless(path: &str) -> bool {
    matches!(path, "/dev/null" | "/dev/stdout" | "/dev/stderr" | "/dev/tty" | "/dev/zero" | "/dev/full" | "-")
        || path.starts_with("/dev/fd/")
        || path.starts_with("/proc/self/fd/")
}

/// A file or process that the script made for itself.
fn is_own(word: &Word, facts: &Facts) -> bool {
    word.variables()
        .any(|(_, variable)| matches!(variable.name.as_str(), "!" | "$") || facts.own.contains(&variable.name))
}

fn is_for_own(call: &Call<'_>, facts: &Facts) -> bool {
    if call.name == "tar" {
        let mut pairs = call.args.iter().zip(call.args.iter().skip(1));
        return pairs.any(|(option, folder)| outline(option) == "-C" && is_own(folder, facts));
    }
    let operands = call.operands();
    let written = if TO_LAST.contains(&call.name.as_str()) { operands.last().map(std::slice::from_ref) } else { None };
    let written = written.unwrap_or(&operands);
    let is_nothing = |word: &&Word| is_own(word, facts) || is_harmless(&outline(word));
    // Modes and owners stand before the files.
    let skipped = usize::from(matches!(call.name.as_str(), "chmod" | "chown" | "chgrp"));
    let mut files = written.iter().skip(skipped).peekable();
    let only_output = call.name == "tee" && operands.is_empty();
    only_output || files.peek().is_some() && files.all(is_nothing)
}

fn takes_verb(name: &str) -> bool {
    TABLE.iter().any(|(known, writes)| *known == name && matches!(writes, Writes::Verb(_)))
}

fn writes(call: &Call<'_>) -> bool {
    if call.has_option(&["--help", "--version"]) {
        return false;
    }
    match call.name.as_str() {
        "curl" => writes_download(call, &["-o", "--output"]) || call.has_option(&["-O", "--remote-name"]),
        "wget" => !call.has_option(&["--spider"]) && !prints_download(call),
        "dd" => call.outlines().iter().any(|text| text.strip_prefix("of=").is_some_and(|file| !is_harmless(file))),
        "service" => call.operands().get(1).is_some_and(|word| {
            matches!(outline(word).as_str(), "start" | "stop" | "restart" | "reload" | "force-reload")
        }),
        "swapon" => !call.has_option(&["-s", "--show", "--summary"]) && !call.args.is_empty(),
        "mount" => call.operands().len() > 1 || call.has_option(&["-a", "--all"]),
        "tar" => call.args.first().is_some_and(extracts) && !call.has_option(&["-O", "--to-stdout"]),
        "sysctl" if call.outlines().iter().any(|text| text.contains('=') && !text.starts_with('-')) => true,
        name => TABLE.iter().find(|(known, _)| *known == name).is_some_and(|(_, writes)| writes_by(*writes, call)),
    }
}

fn writes_by(writes: Writes, call: &Call<'_>) -> bool {
    match writes {
        Writes::Unless(options) => !call.has_option(options),
        Writes::With(options) => call.has_option(options) || call.outlines().iter().any(|text| in_place(text, options)),
        Writes::Verb(verbs) => verbs.contains(&call.verb().as_str()) && !call.has_option(SIMULATES),
        Writes::Word(words) => call.outlines().iter().any(|text| words.contains(&text.as_str())),
    }
}

/// `-i.bak` is `-i` with an ending.
fn in_place(text: &str, options: &[&str]) -> bool {
    options.contains(&"-i") && text.strip_prefix("-i").is_some_and(|ending| ending.starts_with('.'))
}

/// `tar xf`, `tar -xf`.
fn extracts(word: &Word) -> bool {
    let text = outline(word);
    let letters = text.strip_prefix('-').unwrap_or(&text);
    text == "--extract" || !letters.starts_with('-') && letters.contains('x') && letters.len() < 8
}

fn writes_download(call: &Call<'_>, options: &[&str]) -> bool {
    let outlines = call.outlines();
    let mut pairs = outlines.iter().zip(outlines.iter().skip(1));
    pairs.any(|(option, file)| {
        let is_output = options.contains(&option.as_str())
            || option.starts_with('-') && !option.starts_with("--") && option.ends_with('o');
        is_output && !is_harmless(file)
    })
}

/// `wget -qO- …`, `wget -O /dev/null …`.
fn prints_download(call: &Call<'_>) -> bool {
    let outlines = call.outlines();
    let next = |index: usize| outlines.get(index + 1).is_some_and(|file| is_harmless(file));
    outlines.iter().enumerate().any(|(index, text)| match text.as_str() {
        "-O" | "--output-document" => next(index),
        text if text.starts_with("--") => text.strip_prefix("--output-document=").is_some_and(is_harmless),
        text if text.starts_with('-') => text.ends_with("O-") || text.ends_with('O') && next(index),
        _ => false,
    })
}
