//! `E1000`: what a script does that breaks a promise, or that nobody wants to do by accident.

use crate::base::near::nearest;
use crate::base::source::Span;
use crate::diag::Diagnostic;
use crate::syntax::ast::ScriptLanguage;

#[derive(Clone, PartialEq, Debug)]
pub enum LintError {
    UnknownVariable { name: String, known: Vec<String>, in_literal: bool, language: ScriptLanguage, span: Span },
    ListAsVariable { name: String, span: Span, definition: Option<Span> },
    Evaluates { command: String, span: Span },
    ValueAsCode { name: String, command: String, span: Span },
    DownloadedCode { source: String, shell: String, span: Span },
    SystemFolder { command: String, folder: String, span: Span },
    PerhapsEmpty { path: String, becomes: String, span: Span },
    WildcardAlone { pattern: String, span: Span },
    OverwritesDevice { what: String, span: Span },
    RightsForAll { rights: String, span: Span },
    ForkBomb { name: String, span: Span },
    RestartsHost { command: String, span: Span },
    Writes { what: String, place: &'static str, span: Span },
    Unclosed { what: &'static str, span: Span },
    ExpandsWildcards { command: String, span: Span },
    EndsTheLane { span: Span },
    OnlyNewer { sign: String, span: Span },
}

impl LintError {
    pub fn diagnostic(&self) -> Diagnostic {
        match self {
            LintError::UnknownVariable { name, known, in_literal, language, span } => {
                unknown_variable(name, known, (*in_literal, *language), *span)
            }
            LintError::ListAsVariable { name, span, definition } => {
                let diagnostic = Diagnostic::error("E1001", *span, format!("`{name}` is a list, which is no variable"))
                    .help(format!("`with_{name} CMD` runs CMD once with all items, `each_{name} CMD` once for each"));
                match definition {
                    Some(definition) => diagnostic.label(*definition, "the parameter is defined here"),
                    None => diagnostic,
                }
            }
            LintError::Evaluates { command, span } => {
                Diagnostic::error("E1002", *span, format!("`{command}` turns values into code"))
                    .help("call the command itself, with its arguments as variables")
            }
            LintError::ValueAsCode { name, command, span } => {
                Diagnostic::error("E1003", *span, format!("the value of `{name}` becomes code of `{command}`")).help(
                    "keep the code constant and hand the value over as an argument: sh -c 'echo \"$1\"' sh \"$x\"",
                )
            }
            LintError::DownloadedCode { source, shell, span } => {
                Diagnostic::error("E1004", *span, format!("`{shell}` runs whatever `{source}` gets from the network"))
                    .help("download to a file, compare its checksum, then run it")
            }
            LintError::SystemFolder { command, folder, span } => {
                Diagnostic::error("E1005", *span, format!("`{command}` goes through all of `{folder}`"))
                    .help("this breaks the host: name what is meant below it")
            }
            LintError::PerhapsEmpty { path, becomes, span } => {
                Diagnostic::error("E1006", *span, format!("`{path}` may come to `{becomes}`"))
                    .help("write `${x:?}`, which stops where the value is empty, or test the value before")
            }
            _ => self.lesser(),
        }
    }

    fn lesser(&self) -> Diagnostic {
        match self {
            LintError::WildcardAlone { pattern, span } => Diagnostic::warning(
                "W1007",
                *span,
                format!("`{pattern}` is whatever the current folder happens to hold"),
            )
            .help("name the folder: rm -r -- \"$folder\"/*"),
            LintError::OverwritesDevice { what, span } => {
                Diagnostic::error("E1008", *span, format!("{what}, and the effects do not say `destroy`"))
                    .help("what was on the device is lost for good: say `! destroy`, or `effect: \"destroy\"`")
            }
            LintError::RightsForAll { rights, span } => {
                Diagnostic::warning("W1009", *span, format!("with `{rights}` everybody may write all of it"))
                    .help("give the rights that are needed, such as u=rwX,g=rX,o=")
            }
            LintError::ForkBomb { name, span } => {
                Diagnostic::error("E1010", *span, format!("`{name}` starts itself twice, without end"))
                    .help("this stops the host: every process that it can have is taken")
            }
            LintError::RestartsHost { command, span } => {
                Diagnostic::warning("W1011", *span, format!("`{command}` takes the host away from its own step"))
                    .help("the step then fails, since its connection ends: leave restarts to actions of `os`")
            }
            LintError::Writes { what, place, span } => {
                Diagnostic::error("E1012", *span, format!("{place} only reads, but {what}"))
                    .help("plans run what reads: move changes to `apply`, or let the effects say `change`")
            }
            LintError::Unclosed { what, span } => {
                Diagnostic::error("E1013", *span, format!("this {what} is never closed"))
                    .help("the shell refuses the whole script")
            }
            _ => self.of_powershell(),
        }
    }

    fn of_powershell(&self) -> Diagnostic {
        match self {
            LintError::ExpandsWildcards { command, span } => Diagnostic::warning(
                "W1014",
                *span,
                format!("`{command}` takes `[`, `*` and `?` in this value as wildcards"),
            )
            .help("name it by -LiteralPath, which takes a path as it is"),
            LintError::EndsTheLane { span } => Diagnostic::warning(
                "W1015",
                *span,
                "`exit` in a body ends the process that all steps of the host share",
            )
            .help("write `throw 'why'` where it fails, and `return` where it is done"),
            LintError::OnlyNewer { sign, span } => Diagnostic::warning(
                "W1016",
                *span,
                format!("Windows PowerShell 5.1 has no `{sign}` and refuses the whole script"),
            )
            .help("write it with `if`: it is the PowerShell that every Windows has"),
            _ => self.diagnostic(),
        }
    }
}

fn unknown_variable(
    name: &str,
    known: &[String],
    (in_literal, language): (bool, ScriptLanguage),
    span: Span,
) -> Diagnostic {
    let place = if in_literal { "script" } else { "body" };
    let diagnostic = Diagnostic::error("E1001", span, format!("there is no variable `{name}` in this {place}"));
    match nearest(name, known.iter().map(String::as_str)) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None if in_literal && language == ScriptLanguage::Powershell => diagnostic
            .help("a script sees `vars` and what it assigns itself; the environment is `$env:NAME`"),
        None if in_literal => diagnostic.help(format!(
            "a script sees `vars`, `env`, the environment in capitals and what it assigns itself; where something else sets it, write `${{{name}:-}}`"
        )),
        None if name.starts_with("before_") => {
            diagnostic.help("`before_…` are the fields that `check` reports by `out`")
        }
        None if name.starts_with("apply_") => diagnostic.help("`apply_…` are the fields that `apply` reports by `out`"),
        None => {
            diagnostic.help("a body sees the action's parameters, `before_…`, `apply_…` and what it assigns itself")
        }
    }
}

crate::diag::code_docs! {
    "E1001" "a variable that nothing sets"
    "A body sees the parameters of its action, their companions (`x_set`, `x_count`, `x_sha256`), `before_…` and `apply_…` as far as those phases report them by `out`, the environment (in capitals), and what it assigns itself. A script in a playbook sees `vars` and `env` of its step in place of parameters; `${x:-}` says that something else may set `x`. Lists are no variables: they come as `with_x` and `each_x`."
    "ops 1\n\naction demo.make(path: path) ! change {\n  doc: \"Make a folder.\"\n\n  linux {\n    apply sh \"\"\"\n      mkdir -p -- \"$pth\"\n    \"\"\"\n  }\n}\n" => "ops 1\n\naction demo.make(path: path) ! change {\n  doc: \"Make a folder.\"\n\n  linux {\n    apply sh \"\"\"\n      mkdir -p -- \"$path\"\n    \"\"\"\n  }\n}\n"
    "E1002" "text that PowerShell runs as code"
    "`Invoke-Expression` makes code of a text, whatever came into it. Commands take values as arguments."
    "ops 1\n\naction demo.run(name: string) ! change {\n  doc: \"Start a service.\"\n\n  windows {\n    apply powershell \"\"\"\n      Invoke-Expression \"Start-Service $name\"\n    \"\"\"\n  }\n}\n" => "ops 1\n\naction demo.run(name: string) ! change {\n  doc: \"Start a service.\"\n\n  windows {\n    apply powershell \"\"\"\n      Start-Service -Name $name\n    \"\"\"\n  }\n}\n"
    "E1003" "a value as code"
    "What stands behind `sh -c` is code, and a value in it may hold any command. The promise of scripts is that their text is constant: values are arguments."
    "ops 1\n\naction demo.greet(name: string) ! change {\n  doc: \"Greet.\"\n\n  linux {\n    apply sh \"\"\"\n      su deploy -c \"echo hello $name\"\n    \"\"\"\n  }\n}\n" => "ops 1\n\naction demo.greet(name: string) ! change {\n  doc: \"Greet.\"\n\n  linux {\n    apply sh \"\"\"\n      su deploy -c 'echo hello \"$1\"' sh \"$name\"\n    \"\"\"\n  }\n}\n"
    "E1004" "a download that is run unseen"
    "What is reviewed and hashed is the script; what a server answers tomorrow is not. A file with a checksum is."
    "ops 1\n\naction demo.install() ! change, network {\n  doc: \"Install.\"\n\n  linux {\n    apply sh \"\"\"\n      curl -fsSL https://example.org/install.sh | sh\n    \"\"\"\n  }\n}\n" => "ops 1\n\naction demo.install(sha256: string) ! change, network {\n  doc: \"Install.\"\n\n  linux {\n    apply sh \"\"\"\n      set -e\n      curl -fsSL -o /root/install.sh https://example.org/install.sh\n      echo \"$sha256  /root/install.sh\" | sha256sum -c\n      sh /root/install.sh\n    \"\"\"\n  }\n}\n"
    "E1005" "a folder that the host cannot do without"
    "Removing all of `/`, `/etc` or `C:\\Windows`, or changing its owner or rights, breaks the host. No rollback helps there."
    "ops 1\n\naction demo.clean() ! change {\n  doc: \"Clean up.\"\n\n  linux {\n    apply sh \"\"\"\n      rm -rf /var /lib/demo\n    \"\"\"\n  }\n}\n" => "ops 1\n\naction demo.clean() ! change {\n  doc: \"Clean up.\"\n\n  linux {\n    apply sh \"\"\"\n      rm -rf /var/lib/demo\n    \"\"\"\n  }\n}\n"
    "E1006" "a path to remove that may be empty"
    "Where the variable is empty, `\"$folder\"/*` is everything below `/`. `${folder:?}` stops instead; so does a test before it."
    "ops 1\n\naction demo.clean(name: string) ! change {\n  doc: \"Clean up.\"\n\n  linux {\n    apply sh \"\"\"\n      rm -rf -- \"/var/lib/$name\"\n    \"\"\"\n  }\n}\n" => "ops 1\n\naction demo.clean(name: string) ! change {\n  doc: \"Clean up.\"\n\n  linux {\n    apply sh \"\"\"\n      rm -rf -- \"/var/lib/${name:?}\"\n    \"\"\"\n  }\n}\n"
    "W1007" "a wildcard that stands alone"
    "`rm -r *` removes what the current folder holds, and which folder that is was decided elsewhere. After `cd … || exit` it is known."
    "ops 1\n\naction demo.clean() ! change {\n  doc: \"Clean up.\"\n\n  linux {\n    apply sh \"\"\"\n      cd /srv/demo/cache\n      rm -rf *\n    \"\"\"\n  }\n}\n" => "ops 1\n\naction demo.clean() ! change {\n  doc: \"Clean up.\"\n\n  linux {\n    apply sh \"\"\"\n      rm -rf /srv/demo/cache/*\n    \"\"\"\n  }\n}\n"
    "E1008" "a device that is overwritten"
    "`mkfs`, `dd of=/dev/…` and their like lose what no rollback brings back. That is what the effect `destroy` is for: with it, the plan says so and asks."
    "ops 1\n\naction demo.format() ! change, admin {\n  doc: \"Format the second disk.\"\n\n  linux {\n    apply sh \"\"\"\n      mkfs.ext4 -q /dev/sdb1\n    \"\"\"\n  }\n}\n" => "ops 1\n\naction demo.format() ! destroy, admin {\n  doc: \"Format the second disk.\"\n\n  linux {\n    apply sh \"\"\"\n      mkfs.ext4 -q /dev/sdb1\n    \"\"\"\n  }\n}\n"
    "W1009" "rights for everybody, all the way down"
    "With mode 777 every user and every service of the host may change every file below, programs among them."
    "ops 1\n\naction demo.open(path: path) ! change {\n  doc: \"Open a folder.\"\n\n  linux {\n    apply sh \"\"\"\n      chmod -R 777 -- \"$path\"\n    \"\"\"\n  }\n}\n" => "ops 1\n\naction demo.open(path: path) ! change {\n  doc: \"Open a folder.\"\n\n  linux {\n    apply sh \"\"\"\n      chmod -R u=rwX,g=rX,o= -- \"$path\"\n    \"\"\"\n  }\n}\n"
    "E1010" "a function that starts itself twice"
    "A function that pipes into itself doubles its processes until the host has none left."
    "ops 1\n\naction demo.boom() ! change {\n  doc: \"Boom.\"\n\n  linux {\n    apply sh \"\"\"\n      :(){ :|:& };:\n    \"\"\"\n  }\n}\n" => "ops 1\n\naction demo.boom() ! change {\n  doc: \"Nothing.\"\n\n  linux {\n    apply sh \"\"\"\n      :\n    \"\"\"\n  }\n}\n"
    "W1011" "a host that is restarted by a script"
    "A step is over when its script says so, and a host that goes down cannot say anything. `os.reboot`, and any action that says `restarts`, waits until the host is back."
    "ops 1\n\naction demo.again() ! change, admin {\n  doc: \"Restart the host.\"\n\n  linux {\n    apply sh \"\"\"\n      systemctl reboot\n    \"\"\"\n  }\n}\n" => "ops 1\n\naction demo.again() ! change, admin {\n  doc: \"Restart the service.\"\n\n  linux {\n    apply sh \"\"\"\n      systemctl restart demo\n    \"\"\"\n  }\n}\n"
    "E1012" "a script that should only read"
    "Plans run `check` bodies, what they call, and steps of effect `read` on real hosts, with nobody asked. A file of one's own from `mktemp` is no change."
    "ops 1\n\naction demo.start() -> { running: bool } ! change, admin {\n  doc: \"Start.\"\n\n  linux {\n    check sh \"\"\"\n      systemctl start demo\n      out running true\n    \"\"\"\n  }\n}\n" => "ops 1\n\naction demo.start() -> { running: bool } ! change, admin {\n  doc: \"Start.\"\n\n  linux {\n    check sh \"\"\"\n      out running \"$(systemctl is-active --quiet demo && echo true || echo false)\"\n    \"\"\"\n    apply sh \"\"\"\n      systemctl start demo\n    \"\"\"\n  }\n}\n"
    "E1013" "a quote or bracket that is never closed"
    "The shell reads on to the end of the script for the other one, and then refuses all of it."
    "ops 1\n\naction demo.say() ! read {\n  doc: \"Say.\"\n\n  linux {\n    apply sh \"\"\"\n      echo \"done\n    \"\"\"\n  }\n}\n" => "ops 1\n\naction demo.say() ! read {\n  doc: \"Say.\"\n\n  linux {\n    apply sh \"\"\"\n      echo \"done\"\n    \"\"\"\n  }\n}\n"
    "W1014" "a path that is taken for a pattern"
    "The first word, and `-Path`, of these commands is a pattern: a folder `[old]` is then what is called `o`, `l` or `d`. `-LiteralPath` takes the value as it is."
    "ops 1\n\naction demo.t(path: path) ! change {\n  doc: \"Test.\"\n\n  windows {\n    apply powershell \"\"\"\n      Remove-Item -Path $path\n    \"\"\"\n  }\n}\n" => "ops 1\n\naction demo.t(path: path) ! change {\n  doc: \"Test.\"\n\n  windows {\n    apply powershell \"\"\"\n      Remove-Item -LiteralPath $path\n    \"\"\"\n  }\n}\n"
    "W1015" "a body that ends its lane"
    "The bodies of a host run one after the other in one PowerShell. One that exits takes it along: the step counts as lost, and the next needs a new process. A script of `shell.run` has a process of its own and may exit."
    "ops 1\n\naction demo.t(path: path) ! change {\n  doc: \"Test.\"\n\n  windows {\n    apply powershell \"\"\"\n      if (-not (Test-Path -LiteralPath $path)) { exit 1 }\n    \"\"\"\n  }\n}\n" => "ops 1\n\naction demo.t(path: path) ! change {\n  doc: \"Test.\"\n\n  windows {\n    apply powershell \"\"\"\n      if (-not (Test-Path -LiteralPath $path)) { throw 'it is not there' }\n    \"\"\"\n  }\n}\n"
    "W1016" "something that only PowerShell 7 knows"
    "Bodies run in Windows PowerShell 5.1, which every Windows has. It does not know `&&`, `||`, `??` and `a ? b : c`, and refuses a script with one of them before anything of it runs."
    "ops 1\n\naction demo.t(path: path) ! change {\n  doc: \"Test.\"\n\n  windows {\n    apply powershell \"\"\"\n      Test-Path -LiteralPath $path && Write-Output yes\n    \"\"\"\n  }\n}\n" => "ops 1\n\naction demo.t(path: path) ! change {\n  doc: \"Test.\"\n\n  windows {\n    apply powershell \"\"\"\n      if (Test-Path -LiteralPath $path) { Write-Output yes }\n    \"\"\"\n  }\n}\n"
}
