//! `E0500`: hosts, groups and platforms.

use crate::base::near::nearest;
use crate::base::source::Span;
use crate::base::words;
use crate::diag::Diagnostic;

#[derive(Clone, PartialEq, Debug)]
pub enum HostError {
    UnknownGroup { name: String, known: Vec<String>, span: Span },
    UnknownHost { name: String, known: Vec<String>, span: Span },
    UnknownTag { name: String, known: Vec<String>, span: Span },
    NotHosts { found: String, span: Span },
    NotOneHost { found: String, span: Span },
    WrongSystem { expected: &'static str, hosts: Vec<String>, span: Span },
    NoBody { action: String, os: &'static str, available: Vec<&'static str>, span: Span, said: Option<Span> },
    BodyOfOther { platform: &'static str, wanted: &'static str, span: Span },
    ScriptOfOther { os: &'static str, wanted: &'static str, span: Span, said: Option<Span> },
    Meaningless { param: String, os: &'static str, span: Span, said: Option<Span> },
    NoBodies { action: String, span: Span },
    UnknownPlatform { name: String, span: Span },
    MixedBodies { action: String, span: Span },
}

impl HostError {
    pub fn diagnostic(&self) -> Diagnostic {
        match self {
            HostError::UnknownGroup { name, known, span } => {
                let diagnostic =
                    Diagnostic::error("E0501", *span, format!("there is no group `{name}` in the inventory"));
                offer(diagnostic, name, known, "groups")
            }
            HostError::UnknownHost { name, known, span } => {
                let diagnostic =
                    Diagnostic::error("E0502", *span, format!("there is no host `{name}` in the inventory"));
                offer(diagnostic, name, known, "hosts")
            }
            HostError::UnknownTag { name, known, span } => {
                let diagnostic = Diagnostic::error("E0503", *span, format!("no host has a tag `{name}`"));
                offer(diagnostic, name, known, "tags")
            }
            HostError::NotHosts { found, span } => {
                Diagnostic::error("E0504", *span, format!("expected hosts, found {found}"))
            }
            HostError::NotOneHost { found, span } => {
                let diagnostic = Diagnostic::error("E0510", *span, format!("`at` takes one host, found {found}"));
                if found.starts_with("hosts") {
                    diagnostic.help("write `first(…)` or `only(…)` for one of the set, or `controller`")
                } else {
                    diagnostic.help("write `host(\"…\")`, a parameter of type `host`, or `controller`")
                }
            }
            HostError::WrongSystem { expected, hosts, span } => Diagnostic::error(
                "E0505",
                *span,
                format!("expected {expected} hosts, but {} is not", words::join_some(hosts, 5)),
            )
            .help(format!("narrow the set: `where host.os == \"{expected}\"`")),
            HostError::NoBody { action, os, available, span, said } => {
                let diagnostic = Diagnostic::error("E0506", *span, format!("`{action}` cannot run on {os} hosts"))
                    .at(format!("it has a body for {}", words::join_and(available)))
                    .help("narrow the hosts with `where host.os == …` or `if host.os == …`");
                match said {
                    Some(said) => diagnostic.label(*said, format!("this says that hosts are {os}")),
                    None => diagnostic,
                }
            }
            HostError::BodyOfOther { platform, wanted, span } => {
                Diagnostic::error("E0511", *span, format!("a body for {platform} is written in `{wanted}`"))
            }
            HostError::ScriptOfOther { os, wanted, span, said } => {
                let diagnostic = Diagnostic::error("E0511", *span, format!("{os} hosts run scripts in `{wanted}`"))
                    .help(format!("write `{wanted}\"…\"` for them, or narrow the hosts with `where host.os == …` or `if host.os == …`"));
                match said {
                    Some(said) => diagnostic.label(*said, format!("this says that hosts are {os}")),
                    None => diagnostic,
                }
            }
            HostError::Meaningless { param, os, span, said } => {
                let diagnostic = Diagnostic::error("E0513", *span, format!("`{param}` means nothing on {os} hosts"))
                    .help("leave it out, or narrow the hosts with `where host.os == …` or `if host.os == …`");
                match said {
                    Some(said) => diagnostic.label(*said, format!("this says that hosts are {os}")),
                    None => diagnostic,
                }
            }
            HostError::NoBodies { action, span } => {
                Diagnostic::error("E0507", *span, format!("the action `{action}` has no body"))
                    .help("write at least one of linux, windows, darwin, posix or controller")
            }
            HostError::UnknownPlatform { name, span } => {
                let known = ["linux", "windows", "darwin", "posix", "controller"];
                Diagnostic::error("E0508", *span, format!("there is no platform `{name}`"))
                    .did_you_mean(nearest(name, known))
            }
            HostError::MixedBodies { action, span } => {
                Diagnostic::error("E0509", *span, format!("`{action}` has bodies for hosts and for the controller"))
                    .help("an action runs either on hosts or on the controller")
            }
        }
    }
}

fn offer(diagnostic: Diagnostic, name: &str, known: &[String], noun: &str) -> Diagnostic {
    match nearest(name, known.iter().map(String::as_str)) {
        Some(near) => diagnostic.did_you_mean(Some(near)),
        None if known.is_empty() => diagnostic.help(format!("the inventory has no {noun}")),
        None => diagnostic.help(format!("{noun}: {}", words::join_some(known, 8))),
    }
}

crate::diag::code_docs! {
    "E0501" "an unknown group"
    "The inventory has no group of this name. Without an inventory names are not checked."
    "ops 1\n\n# inventory: web (web1, web2: linux), db (db1: linux, port 0), win (win1: windows)\nplaybook p() ! read {\n  on group(\"wbe\") {\n    file.info(path: \"/etc/hosts\")\n  }\n}\n" => "ops 1\n\n# inventory: web (web1, web2: linux), db (db1: linux, port 0), win (win1: windows)\nplaybook p() ! read {\n  on group(\"web\") {\n    file.info(path: \"/etc/hosts\")\n  }\n}\n"
    "E0502" "an unknown host"
    "The inventory has no host of this name."
    "ops 1\n\n# inventory: web (web1, web2: linux), db (db1: linux, port 0), win (win1: windows)\nplaybook p() ! read {\n  on host(\"web9\") {\n    file.info(path: \"/etc/hosts\")\n  }\n}\n" => "ops 1\n\n# inventory: web (web1, web2: linux), db (db1: linux, port 0), win (win1: windows)\nplaybook p() ! read {\n  on host(\"web1\") {\n    file.info(path: \"/etc/hosts\")\n  }\n}\n"
    "E0503" "an unknown tag"
    "No host of the inventory carries this tag, so the set would be empty."
    "ops 1\n\n# inventory: web (web1, web2: linux), db (db1: linux, port 0), win (win1: windows)\nplaybook p() ! read {\n  on tag(\"role\", \"primary\") {\n    file.info(path: \"/etc/hosts\")\n  }\n}\n" => "ops 1\n\n# inventory: web (web1, web2: linux), db (db1: linux, port 0), win (win1: windows)\nplaybook p() ! read {\n  on tag(\"env\", \"prod\") {\n    file.info(path: \"/etc/hosts\")\n  }\n}\n"
    "E0504" "something that is not hosts"
    "`on` takes a host or a set of hosts: a parameter, `group(\"…\")`, `tag(\"…\")`, `host(\"…\")`, `all()` and their `+ - &`."
    "ops 1\n\nplaybook p() ! read {\n  on \"web\" {\n    file.info(path: \"/etc/hosts\")\n  }\n}\n" => "ops 1\n\nplaybook p() ! read {\n  on group(\"web\") {\n    file.info(path: \"/etc/hosts\")\n  }\n}\n"
    "E0505" "hosts of another system"
    "A set typed `hosts<linux>` holds Linux hosts only."
    "ops 1\n\n# inventory: web (web1, web2: linux), db (db1: linux, port 0), win (win1: windows)\nplaybook p(\n  servers: hosts<linux> = group(\"win\"),\n) ! read {\n  on servers {\n    file.info(path: \"/etc/hosts\")\n  }\n}\n" => "ops 1\n\n# inventory: web (web1, web2: linux), db (db1: linux, port 0), win (win1: windows)\nplaybook p(\n  servers: hosts<linux> = group(\"web\"),\n) ! read {\n  on servers {\n    file.info(path: \"/etc/hosts\")\n  }\n}\n"
    "E0506" "an action that cannot run there"
    "Every host of a block must have a body of each action in it."
    "ops 1\n\nplaybook p(\n  servers: hosts<windows>,\n) ! change {\n  on servers {\n    file.touch(path: 'C:\\temp\\x')\n  }\n}\n" => "ops 1\n\nplaybook p(\n  servers: hosts<linux>,\n) ! change {\n  on servers {\n    file.touch(path: '/tmp/x')\n  }\n}\n"
    "E0507" "an action without a body"
    "An action says what it does for at least one platform, or for the controller."
    "ops 1\n\naction demo.nothing() ! read {\n  doc: \"Nothing.\"\n}\n" => "ops 1\n\naction demo.nothing() ! read {\n  doc: \"Nothing.\"\n\n  linux {\n    apply sh \"\"\"\n      true\n    \"\"\"\n  }\n}\n"
    "E0508" "an unknown platform"
    "Platforms are linux, windows, darwin, posix (Linux and macOS) and controller."
    "ops 1\n\naction demo.look() ! read {\n  doc: \"Look.\"\n\n  linus {\n    apply sh \"\"\"\n      true\n    \"\"\"\n  }\n}\n" => "ops 1\n\naction demo.look() ! read {\n  doc: \"Look.\"\n\n  linux {\n    apply sh \"\"\"\n      true\n    \"\"\"\n  }\n}\n"
    "E0509" "bodies for hosts and for the controller"
    "An action runs either on hosts or on the controller, so that a reader knows where."
    "ops 1\n\naction demo.both() ! read {\n  doc: \"Both.\"\n\n  linux {\n    apply sh \"\"\"\n      true\n    \"\"\"\n  }\n\n  controller {\n    apply native \"http.request\"\n  }\n}\n" => "ops 1\n\naction demo.both() ! read {\n  doc: \"Both.\"\n\n  linux {\n    apply sh \"\"\"\n      true\n    \"\"\"\n  }\n}\n"
    "E0510" "`at` something that is not one host"
    "The steps of an `at` run on one machine: a host, or `controller`, the machine that opsc runs on."
    "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n  balancers: hosts<linux>,\n) ! read {\n  on web {\n    at balancers {\n      file.info(path: \"/etc/hosts\")\n    }\n  }\n}\n" => "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n  balancers: hosts<linux>,\n) ! read {\n  on web {\n    at first(balancers) {\n      file.info(path: \"/etc/hosts\")\n    }\n  }\n}\n"
    "E0511" "a script that the hosts do not read"
    "Windows hosts run PowerShell, all others a POSIX shell: the bodies of an action and the scripts that it is given are written in what its hosts read."
    "ops 1\n\naction demo.look() ! read {\n  doc: \"Look.\"\n\n  windows {\n    check sh \"\"\"\n      out host \"$(hostname)\"\n    \"\"\"\n  }\n}\n" => "ops 1\n\naction demo.look() ! read {\n  doc: \"Look.\"\n\n  windows {\n    check powershell \"\"\"\n      out host ([System.Environment]::MachineName)\n    \"\"\"\n  }\n}\n"
    "E0513" "an argument that means nothing on a system"
    "Some parameters are about one system: Windows has no modes, for example. Giving one to hosts of another would change nothing there, so it is not taken."
    "ops 1\n\nplaybook p(\n  servers: hosts<windows>,\n) ! change {\n  on servers {\n    file.directory(path: 'C:\\app', mode: \"0750\")\n  }\n}\n" => "ops 1\n\nplaybook p(\n  servers: hosts<windows>,\n) ! change {\n  on servers {\n    file.directory(path: 'C:\\app')\n  }\n}\n"
}
