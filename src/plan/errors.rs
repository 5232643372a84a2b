//! Why there is no plan: data, prose and explanations of the codes `E0900`–`E0999`.

use crate::base::source::Span;
use crate::base::words;
use crate::diag::Diagnostic;
use crate::eval::EvalError;
use crate::eval::fits::Misfit;
use crate::eval::parse::InputError;

/// What kind of refusal it is; the command line gives each its exit code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RefusalKind {
    /// An input is missing or wrong.
    Inputs,
    /// An expression or argument is wrong for these hosts.
    Program,
    /// No host matched, or a cardinality contract is broken.
    Hosts,
}

/// No plan, and why.
#[derive(Clone, PartialEq, Debug)]
pub struct Refusal {
    pub kind: RefusalKind,
    pub diagnostics: Vec<Diagnostic>,
}

/// What keeps a step on a Windows host from being another user's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotForOthers {
    /// No account there has the name.
    Root,
    Secret,
    File,
}

#[derive(Clone, PartialEq, Debug)]
pub enum PlanError {
    MissingInput { name: String, ty: String, span: Span },
    BadInput { name: String, error: InputError, span: Span },
    BadDefault { name: String, misfit: Misfit, span: Span },
    UnknownInput { name: String, near: Option<String>, known: Vec<String>, playbook: Span },
    NoHosts { text: String, limited: bool, span: Span },
    Cardinality { misfit: Misfit, span: Span, contract: Span },
    Expression { error: EvalError },
    Argument { param: String, host: Option<String>, misfit: Misfit, span: Span, definition: Span },
    NotKnownNow { what: &'static str, reason: String, span: Span },
    BadOption { what: &'static str, misfit: Misfit, span: Span },
    UnknownTag { tag: String, near: Option<String>, known: Vec<String>, playbook: Span },
    UnknownStep { step: String, near: Option<String>, playbook: Span },
    TouchedTwice { steps: [String; 2], key: String, first: Span, span: Span },
    HostInTwoBlocks { host: String, first: Span, span: Span },
    NoBody { action: String, os: &'static str, hosts: Vec<String>, span: Span },
    ScriptOfOther { os: &'static str, wanted: &'static str, hosts: Vec<String>, span: Span },
    OtherUser { what: NotForOthers, user: String, hosts: Vec<String>, span: Span },
    Meaningless { param: String, os: &'static str, hosts: Vec<String>, span: Span },
    Unmet { action: String, words: Option<String>, host: Option<String>, span: Span },
}

impl PlanError {
    pub fn kind(&self) -> RefusalKind {
        match self {
            PlanError::MissingInput { .. }
            | PlanError::BadInput { .. }
            | PlanError::UnknownInput { .. }
            | PlanError::UnknownTag { .. }
            | PlanError::UnknownStep { .. } => RefusalKind::Inputs,
            PlanError::NoHosts { .. } | PlanError::Cardinality { .. } => RefusalKind::Hosts,
            _ => RefusalKind::Program,
        }
    }

    pub fn diagnostic(&self) -> Diagnostic {
        match self {
            PlanError::MissingInput { name, ty, span } => {
                Diagnostic::error("E0901", *span, format!("the parameter `{name}` has no value"))
                    .at(format!("expected {ty}"))
                    .help(format!("give it with `-e {name}=VALUE`, or write a default"))
            }
            PlanError::BadInput { name, error, span } => {
                Diagnostic::error("E0902", *span, format!("the value given for `{name}` does not fit: {error}"))
                    .at("defined here")
            }
            PlanError::BadDefault { name, misfit, span } => {
                Diagnostic::error("E0903", *span, format!("the default of `{name}` does not fit: {misfit}"))
            }
            PlanError::UnknownInput { name, near, known, playbook } => {
                let diagnostic =
                    Diagnostic::error("E0904", *playbook, format!("this playbook has no parameter `{name}`"));
                match near {
                    Some(near) => diagnostic.did_you_mean(Some(near)),
                    None if known.is_empty() => diagnostic.help("it has no parameters"),
                    None => diagnostic.help(format!("it has {}", words::join_and(known))),
                }
            }
            PlanError::NoHosts { text, limited, span } => {
                let diagnostic = Diagnostic::error("E0905", *span, format!("no host matches `{text}`"));
                if *limited {
                    diagnostic.help("the limit given with `-l` leaves none of its hosts")
                } else {
                    diagnostic
                        .help("write `hosts(0..)` as its type if an empty set is right; `opsc inv ls` lists the hosts")
                }
            }
            PlanError::Cardinality { misfit, span, contract } => {
                Diagnostic::error("E0906", *span, format!("wrong number of hosts: {misfit}"))
                    .label(*contract, "the contract is here")
            }
            PlanError::Expression { error: EvalError::BadFolder { path, fault, span } } => {
                let diagnostic = Diagnostic::error("E0916", *span, format!("the folder `{path}`: {fault}"));
                match fault.help() {
                    Some(help) => diagnostic.help(help),
                    None => diagnostic,
                }
            }
            PlanError::Expression { error } => Diagnostic::error("E0907", error.span(), error.to_string()),
            PlanError::Argument { param, host, misfit, span, definition } => {
                let on_host = host.as_ref().map(|host| format!(" on {host}")).unwrap_or_default();
                Diagnostic::error("E0908", *span, format!("the argument `{param}` does not fit{on_host}: {misfit}"))
                    .label(*definition, "the parameter is defined here")
            }
            PlanError::NotKnownNow { what, reason, span } => {
                Diagnostic::error("E0909", *span, format!("{what} must be known before the run"))
                    .at(format!("depends on `{reason}`, which only the run will know"))
            }
            PlanError::BadOption { what, misfit, span } => {
                Diagnostic::error("E0910", *span, format!("{what} does not fit: {misfit}"))
            }
            PlanError::UnknownTag { tag, near, known, playbook } => {
                let diagnostic = Diagnostic::error("E0912", *playbook, format!("no step has the tag `{tag}`"));
                match near {
                    Some(near) => diagnostic.did_you_mean(Some(near)),
                    None if known.is_empty() => diagnostic.help("no step of this playbook has tags"),
                    None => diagnostic.help(format!("tags are {}", words::join_and(known))),
                }
            }
            PlanError::UnknownStep { step, near, playbook } => {
                let diagnostic = Diagnostic::error("E0913", *playbook, format!("there is no step `{step}`"));
                match near {
                    Some(near) => diagnostic.did_you_mean(Some(near)),
                    None => diagnostic.help("`opsc plan` shows the names of all steps"),
                }
            }
            PlanError::TouchedTwice { steps: [one, other], key, first, span } => {
                let text = format!("`{one}` and `{other}` run at the same time, and both touch {key}");
                Diagnostic::error("E0914", *span, text)
                    .label(*first, "the other one")
                    .help("take one of them out of the `parallel`")
            }
            PlanError::HostInTwoBlocks { host, first, span } => {
                let text = format!("{host} is in two blocks that run at the same time");
                Diagnostic::error("E0915", *span, text)
                    .label(*first, "the other block")
                    .help("a host does one thing at a time; put the blocks one after the other, or the steps into one")
            }
            PlanError::NoBody { action, os, hosts, span } => {
                Diagnostic::error("E0911", *span, format!("`{action}` cannot run on {os}"))
                    .at(format!("would run on {}", words::join_some(hosts, 5)))
                    .help("narrow the hosts with `where host.os == …`")
            }
            PlanError::ScriptOfOther { os, wanted, hosts, span } => {
                Diagnostic::error("E0917", *span, format!("{os} hosts run scripts in `{wanted}`"))
                    .at(format!("would run on {}", words::join_some(hosts, 5)))
                    .help(format!("write `{wanted}\"…\"` for them, or narrow the hosts with `where host.os == …`"))
            }
            PlanError::OtherUser { what, user, hosts, span } => {
                let text = match what {
                    NotForOthers::Root => "windows has no root".to_string(),
                    NotForOthers::Secret => format!("a secret is not given to a step as `{user}` on windows"),
                    NotForOthers::File => format!("a file is not given to a step as `{user}` on windows"),
                };
                let help = match what {
                    NotForOthers::Root => "write `as: \"SYSTEM\"`, another account, or no `as:` at all for these hosts",
                    NotForOthers::Secret | NotForOthers::File => {
                        "what it is given lies in a file there; take `as:` from these hosts, or connect as that user"
                    }
                };
                Diagnostic::error("E0918", *span, text)
                    .at(format!("would run on {}", words::join_some(hosts, 5)))
                    .help(help)
            }
            PlanError::Meaningless { param, os, hosts, span } => {
                Diagnostic::error("E0919", *span, format!("`{param}` means nothing on {os} hosts"))
                    .at(format!("would run on {}", words::join_some(hosts, 5)))
                    .help("leave it out, or narrow the hosts with `where host.os == …`")
            }
            PlanError::Unmet { action, words, host, span } => {
                let on_host = host.as_ref().map(|host| format!(" on {host}")).unwrap_or_default();
                let diagnostic = Diagnostic::error("E0920", *span, format!("`{action}` cannot do this{on_host}"));
                diagnostic.at(words.clone().unwrap_or_else(|| "what it needs does not hold".to_string()))
            }
        }
    }
}

crate::diag::code_docs! {
    "E0901" "a parameter has no value"
    "A playbook's parameter without a default needs a value from `-e name=value` or `--var-file`. On a terminal opsc asks for it; elsewhere it lists all that are missing."
    "ops 1\n\nplaybook p(\n  word: string,\n) ! read {\n  require word != \"\" else \"empty\"\n}\n" => "ops 1\n\nplaybook p(\n  word: string = \"x\",\n) ! read {\n  require word != \"\" else \"empty\"\n}\n"
    "E0902" "an input does not fit its parameter"
    "A value given with `-e` is read as a literal of the parameter's type, refinements included."
    "ops 1\n\n# opsc plan example.ops -e port=0\nplaybook p(\n  port: int(1..65535),\n) ! read {\n  require port > 0 else \"no port\"\n}\n" => "ops 1\n\n# opsc plan example.ops -e port=8080\nplaybook p(\n  port: int(1..65535),\n) ! read {\n  require port > 0 else \"no port\"\n}\n"
    "E0903" "a default does not fit its parameter"
    "A default is evaluated when the plan is made. Its value must fit the parameter's type."
    "ops 1\n\nplaybook p(\n  port: int(1..65535) = 80 - 80,\n) ! read {\n  require port > 0 else \"no port\"\n}\n" => "ops 1\n\nplaybook p(\n  port: int(1..65535) = 80 + 8000,\n) ! read {\n  require port > 0 else \"no port\"\n}\n"
    "E0904" "an input names no parameter"
    "`-e name=value` must name a parameter of the playbook that runs, so that a typo cannot pass silently."
    "ops 1\n\n# opsc plan example.ops -e prot=81\nplaybook p(\n  port: int = 80,\n) ! read {\n  require port > 0 else \"no port\"\n}\n" => "ops 1\n\n# opsc plan example.ops -e port=81\nplaybook p(\n  port: int = 80,\n) ! read {\n  require port > 0 else \"no port\"\n}\n"
    "E0905" "no host matches"
    "There is no implicit \"all\": a host set known to be empty is an error, unless its type says that it may be empty (`hosts(0..)`)."
    "ops 1\n\nplaybook p(\n  web: hosts<linux> = all() - all(),\n) ! read {\n  on web {\n    file.info(path: \"/etc/hosts\")\n  }\n}\n" => "ops 1\n\nplaybook p(\n  web: hosts<linux>(0..) = all() - all(),\n) ! read {\n  on web {\n    file.info(path: \"/etc/hosts\")\n  }\n}\n"
    "E0906" "wrong number of hosts"
    "`hosts<linux>(3..12)` is a contract: a set outside it stops the plan."
    "ops 1\n\n# inventory: web (web1, web2: linux), db (db1: linux, port 0), win (win1: windows)\nplaybook p(\n  web: hosts(3..) = group(\"web\"),\n) ! read {\n  on web {\n    file.info(path: \"/etc/hosts\")\n  }\n}\n" => "ops 1\n\n# inventory: web (web1, web2: linux), db (db1: linux, port 0), win (win1: windows)\nplaybook p(\n  web: hosts(2..) = group(\"web\"),\n) ! read {\n  on web {\n    file.info(path: \"/etc/hosts\")\n  }\n}\n"
    "E0907" "an expression has no value"
    "An expression known at plan time failed: a file that is not there, `only()` of several hosts, a division by zero, a number that is too large."
    "ops 1\n\nplaybook p(\n  count: int = 1 / 0,\n) ! read {\n  require count > 1 else \"few\"\n}\n" => "ops 1\n\nplaybook p(\n  count: int = 2 / 1,\n) ! read {\n  require count > 1 else \"few\"\n}\n"
    "E0908" "an argument does not fit its parameter"
    "An argument is known once the hosts are, and does not fit the parameter of the action."
    "ops 1\n\n# inventory: web (web1, web2: linux), db (db1: linux, port 0), win (win1: windows)\nplaybook p() ! read {\n  on group(\"db\") {\n    wait.port(port: host.vars.port ?? 80)\n  }\n}\n" => "ops 1\n\n# inventory: web (web1, web2: linux), db (db1: linux, port 0), win (win1: windows)\nplaybook p() ! read {\n  on group(\"web\") {\n    wait.port(port: host.vars.port ?? 80)\n  }\n}\n"
    "E0909" "something must be known before the run"
    "Batch sizes, limits, users and timeouts are part of the plan, so they cannot depend on results of the run."
    "ops 1\n\n# inventory: web (web1, web2: linux), db (db1: linux, port 0), win (win1: windows)\nplaybook p() ! read {\n  on group(\"web\") {\n    found = file.info(path: \"/etc/hosts\")\n  }\n  on group(\"web\") (at_once: found.ok.count) {\n    file.info(path: \"/etc/hosts\")\n  }\n}\n" => "ops 1\n\n# inventory: web (web1, web2: linux), db (db1: linux, port 0), win (win1: windows)\nplaybook p() ! read {\n  on group(\"web\") {\n    file.info(path: \"/etc/hosts\")\n  }\n  on group(\"web\") (at_once: 2) {\n    file.info(path: \"/etc/hosts\")\n  }\n}\n"
    "E0910" "an option does not fit"
    "`batch`, `at_once`, `max_failures`, `timeout`, `retry` and `every` have types and ranges."
    "ops 1\n\n# inventory: web (web1, web2: linux), db (db1: linux, port 0), win (win1: windows)\nplaybook p(\n  size: int = 0,\n) ! read {\n  on group(\"web\") (batch: size) {\n    file.info(path: \"/etc/hosts\")\n  }\n}\n" => "ops 1\n\n# inventory: web (web1, web2: linux), db (db1: linux, port 0), win (win1: windows)\nplaybook p(\n  size: int = 1,\n) ! read {\n  on group(\"web\") (batch: size) {\n    file.info(path: \"/etc/hosts\")\n  }\n}\n"
    "E0911" "an action has no body for a host's system"
    "Every host of a block must have a body of each action in it. Narrow the hosts, or add a body."
    "ops 1\n\n# inventory: web (web1, web2: linux), db (db1: linux, port 0), win (win1: windows)\nplaybook p(\n  servers: hosts = group(\"web\") + group(\"win\"),\n) ! read {\n  on servers {\n    package.status(name: \"openssl\")\n  }\n}\n" => "ops 1\n\n# inventory: web (web1, web2: linux), db (db1: linux, port 0), win (win1: windows)\nplaybook p(\n  servers: hosts = group(\"web\") + group(\"win\"),\n) ! read {\n  on servers where host.os == \"linux\" {\n    package.status(name: \"openssl\")\n  }\n}\n"
    "E0912" "an unknown tag"
    "`--tags` and `--skip-tags` name tags that steps have. One that no step has is a typo, and would choose nothing or leave nothing out."
    "ops 1\n\n# inventory: web (web1, web2: linux), db (db1: linux, port 0), win (win1: windows)\n# opsc plan example.ops --tags loko\nplaybook p(\n  web: hosts<linux> = group(\"web\"),\n) ! read {\n  on web {\n    seen = file.info(path: \"/\") {\n      tags: [\"look\"]\n    }\n  }\n}\n" => "ops 1\n\n# inventory: web (web1, web2: linux), db (db1: linux, port 0), win (win1: windows)\n# opsc plan example.ops --tags look\nplaybook p(\n  web: hosts<linux> = group(\"web\"),\n) ! read {\n  on web {\n    seen = file.info(path: \"/\") {\n      tags: [\"look\"]\n    }\n  }\n}\n"
    "E0913" "an unknown step"
    "`--from STEP` starts at a step of the plan: the name it binds, or its action with a number."
    "ops 1\n\n# inventory: web (web1, web2: linux), db (db1: linux, port 0), win (win1: windows)\n# opsc plan example.ops --from sene\nplaybook p(\n  web: hosts<linux> = group(\"web\"),\n) ! read {\n  on web {\n    seen = file.info(path: \"/\") {\n      tags: [\"look\"]\n    }\n  }\n}\n" => "ops 1\n\n# inventory: web (web1, web2: linux), db (db1: linux, port 0), win (win1: windows)\n# opsc plan example.ops --from seen\nplaybook p(\n  web: hosts<linux> = group(\"web\"),\n) ! read {\n  on web {\n    seen = file.info(path: \"/\") {\n      tags: [\"look\"]\n    }\n  }\n}\n"
    "E0914" "steps at the same time that touch the same thing"
    "Each action says what it touches. In a `parallel` no two steps may touch one thing, unless both only read."
    "ops 1\n\n# inventory: web (web1, web2: linux), db (db1: linux, port 0), win (win1: windows)\nplaybook p(\n  web: hosts<linux> = group(\"web\"),\n) ! change {\n  on web {\n    parallel {\n      file.directory(path: \"/srv/app\")\n      file.write(to: \"/srv/app/x\", content: \"x\\n\")\n    }\n  }\n}\n" => "ops 1\n\n# inventory: web (web1, web2: linux), db (db1: linux, port 0), win (win1: windows)\nplaybook p(\n  web: hosts<linux> = group(\"web\"),\n) ! change {\n  on web {\n    file.directory(path: \"/srv/app\")\n    parallel {\n      file.write(to: \"/srv/app/x\", content: \"x\\n\")\n      file.write(to: \"/srv/app/y\", content: \"y\\n\")\n    }\n  }\n}\n"
    "E0915" "a host in two blocks that run at the same time"
    "The blocks of a `parallel` are for hosts of their own: a host does one thing at a time."
    "ops 1\n\n# inventory: web (web1, web2: linux), db (db1: linux, port 0), win (win1: windows)\nplaybook p() ! read {\n  parallel {\n    on group(\"web\") {\n      file.info(path: \"/a\")\n    }\n    on host(\"web1\") {\n      file.info(path: \"/b\")\n    }\n  }\n}\n" => "ops 1\n\n# inventory: web (web1, web2: linux), db (db1: linux, port 0), win (win1: windows)\nplaybook p() ! read {\n  parallel {\n    on group(\"web\") {\n      file.info(path: \"/a\")\n    }\n    on host(\"db1\") {\n      file.info(path: \"/b\")\n    }\n  }\n}\n"
    "E0916" "a folder that cannot be taken"
    "A folder of the project is read when the plan is made: the files, folders and links in it, hidden ones too. It must be there, links in it must lead to places in it, names are UTF-8, nothing else lies in it, and it is not too large (20000 names, 256 MiB)."
    "ops 1\n\n# inventory: web (web1, web2: linux), db (db1: linux, port 0), win (win1: windows)\nplaybook p() ! change {\n  on group(\"web\") {\n    file.tree(from: folder(\"sites\"), to: \"/srv/site\")\n  }\n}\n" => "ops 1\n\n# inventory: web (web1, web2: linux), db (db1: linux, port 0), win (win1: windows)\n# site/index.html: a page\nplaybook p() ! change {\n  on group(\"web\") {\n    file.tree(from: folder(\"site\"), to: \"/srv/site\")\n  }\n}\n"
    "E0917" "a script that a host does not read"
    "Windows hosts run PowerShell, all others a POSIX shell. Narrow the hosts, and give each system a script of its own."
    "ops 1\n\n# inventory: web (web1, web2: linux), db (db1: linux, port 0), win (win1: windows)\nplaybook p(\n  servers: hosts = group(\"web\"),\n) ! read, exec {\n  on servers {\n    shell.run(script: powershell\"Get-Date\", effect: \"read\")\n  }\n}\n" => "ops 1\n\n# inventory: web (web1, web2: linux), db (db1: linux, port 0), win (win1: windows)\nplaybook p(\n  servers: hosts = group(\"web\"),\n) ! read, exec {\n  on servers {\n    shell.run(script: sh\"date\", effect: \"read\")\n  }\n}\n"
    "E0918" "another user on a Windows host"
    "A step of another user is a task of the Task Scheduler there, which lies in files as long as it runs: it is given no secret and no file. Windows has no root: what comes nearest is SYSTEM."
    "ops 1\n\n# inventory: web (web1, web2: linux), db (db1: linux, port 0), win (win1: windows)\nplaybook p(\n  servers: hosts = group(\"win\"),\n) ! change, admin {\n  on servers (as: \"root\") {\n    service.restart(name: \"Spooler\")\n  }\n}\n" => "ops 1\n\n# inventory: web (web1, web2: linux), db (db1: linux, port 0), win (win1: windows)\nplaybook p(\n  servers: hosts = group(\"win\"),\n) ! change, admin {\n  on servers (as: \"SYSTEM\") {\n    service.restart(name: \"Spooler\")\n  }\n}\n"
    "E0919" "an argument that means nothing on a host's system"
    "Some parameters are about one system: Windows has no modes, for example. Giving one to hosts of another would change nothing there, so it is not taken."
    "ops 1\n\n# inventory: web (web1, web2: linux), db (db1: linux, port 0), win (win1: windows)\nplaybook p(\n  servers: hosts = group(\"web\") + group(\"win\"),\n) ! change {\n  on servers {\n    file.directory(path: \"/srv/app\", mode: \"0750\")\n  }\n}\n" => "ops 1\n\n# inventory: web (web1, web2: linux), db (db1: linux, port 0), win (win1: windows)\nplaybook p(\n  servers: hosts = group(\"web\") + group(\"win\"),\n) ! change {\n  on servers {\n    file.directory(path: \"/srv/app\")\n  }\n}\n"
    "E0920" "arguments that an action cannot work with"
    "What an action `needs` is often about its arguments alone. It is decided once they are known, before anything runs."
    "ops 1\n\n# inventory: web (web1, web2: linux), db (db1: linux, port 0), win (win1: windows)\nplaybook p(\n  port: text = \"many\",\n) ! change, admin {\n  on group(\"win\") {\n    registry.set(key: 'HKLM\\SOFTWARE\\App', name: \"Port\", value: port, type: \"dword\")\n  }\n}\n" => "ops 1\n\n# inventory: web (web1, web2: linux), db (db1: linux, port 0), win (win1: windows)\nplaybook p(\n  port: text = \"8080\",\n) ! change, admin {\n  on group(\"win\") {\n    registry.set(key: 'HKLM\\SOFTWARE\\App', name: \"Port\", value: port, type: \"dword\")\n  }\n}\n"
}
