//! ssh's configuration as opsc reads it, held against `ssh -G`: the files of `tests/ssh_config`, each asked for the
//! hosts of its first lines. Nobody is connected to.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use opsc::transport::algorithms::assemble;
use opsc::transport::ssh_config::{Asked, Files, Here, Hop, NamedFile, SshConfig, SshConfigError, SshOptions, Way};
use proptest::prelude::*;

/// What `ssh -G` says where no file does.
const DEFAULTS: &[(&str, &str)] = &[
    ("addressfamily", "any"),
    ("connecttimeout", "none"),
    ("globalknownhostsfile", "/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2"),
    ("identitiesonly", "no"),
    ("port", "22"),
    ("serveralivecountmax", "3"),
    ("serveraliveinterval", "0"),
    ("stricthostkeychecking", "ask"),
];

/// Said only where a file says it, or many times.
const OTHERS: &[&str] = &[
    "bindaddress",
    "certificatefile",
    "hostkeyalias",
    "hostname",
    "identityagent",
    "identityfile",
    "preferredauthentications",
    "proxycommand",
    "proxyjump",
    "user",
    "userknownhostsfile",
];

/// Lists of algorithms, and what `ssh -Q` calls all of them; the usual ones are those of this ssh.
const ALGORITHMS: [(&str, &str); 4] =
    [("ciphers", "cipher"), ("kexalgorithms", "kex"), ("macs", "mac"), ("hostkeyalgorithms", "HostKeyAlgorithms")];

const DEFAULT_KEYS: [&str; 7] = ["rsa", "ecdsa", "ecdsa_sk", "ed25519", "ed25519_sk", "xmss", "dsa"];

/// Who runs the tests, by the list of users: ssh goes by nothing else.
fn here() -> Here {
    let uid = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap());
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let user: Vec<&str> =
        users.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|user| user[2] == uid.to_string()).unwrap();
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim().to_owned();
    Here { home: PathBuf::from(user[5]), user: user[0].to_owned(), uid, machine }
}

/// The files in a folder of their own, where they include each other.
fn copied(folder: &Path) -> Vec<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ssh_config");
    let mut files = Vec::new();
    for entry in std::fs::read_dir(source).unwrap() {
        let (from, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        let text = std::fs::read_to_string(from).unwrap().replace("@DIR@", &folder.display().to_string());
        let to = folder.join(name);
        std::fs::write(&to, text).unwrap();
        std::fs::set_permissions(&to, std::fs::Permissions::from_mode(0o600)).unwrap();
        files.extend(to.extension().is_some_and(|extension| extension == "conf").then_some(to));
    }
    files.sort();
    files
}

/// The words behind each `# ask:`.
fn asks(file: &Path) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(file).unwrap();
    let asks = text.lines().filter_map(|line| line.strip_prefix("# ask: "));
    asks.map(|ask| ask.split(' ').map(str::to_owned).collect()).collect()
}

fn asked(words: &[String]) -> Asked {
    let after = |flag: &str| words.iter().skip_while(|word| *word != flag).nth(1).cloned();
    Asked { host: words[0].clone(), user: after("-l"), port: after("-p").map(|port| port.parse().unwrap()) }
}

/// What ssh says of the options that opsc knows, sorted; or its words where it refuses.
fn by_ssh(file: &Path, words: &[String]) -> Result<Vec<String>, String> {
    let mut command = Command::new("ssh");
    command.arg("-G").arg("-F").arg(file).args(&words[1..]).arg(&words[0]).stdin(Stdio::null());
    let said = command.output().unwrap();
    if !said.status.success() {
        return Err(String::from_utf8_lossy(&said.stderr).into_owned());
    }
    let text = String::from_utf8(said.stdout).unwrap();
    let is_known = |name: &str| {
        OTHERS.contains(&name)
            || DEFAULTS.iter().any(|(known, _)| *known == name)
            || ALGORITHMS.iter().any(|(known, _)| *known == name)
    };
    let known = text.lines().filter(|line| is_known(line.split(' ').next().unwrap()));
    let mut lines: Vec<String> = known.map(str::to_owned).collect();
    lines.sort();
    Ok(lines)
}

/// The same as opsc sees it.
fn by_opsc(file: &Path, words: &[String], here: &Here) -> Result<Vec<String>, SshConfigError> {
    let config = SshConfig::read(&Files::Only(file.to_owned()), here.clone(), false)?;
    let options = config.options(&asked(words))?;
    let mut lines: Vec<String> = singles(&options, here)
        .into_iter()
        .filter_map(|(name, value)| {
            let default = DEFAULTS.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
            Some(format!("{name} {}", value.or(default)?))
        })
        .collect();
    let usual = DEFAULT_KEYS.map(|kind| format!("identityfile ~/.ssh/id_{kind}"));
    let written = |name: &str, files: &[NamedFile]| -> Vec<String> {
        files.iter().map(|file| format!("{name} {}", file.written)).collect()
    };
    let keys = written("identityfile", &options.identity_files);
    lines.extend(if keys.is_empty() { usual.to_vec() } else { keys });
    lines.extend(written("certificatefile", &options.certificate_files));
    lines.extend(algorithms(&options));
    lines.sort();
    Ok(lines)
}

/// What the wishes make of the lists of this ssh.
fn algorithms(options: &SshOptions) -> Vec<String> {
    let of_ssh = |arguments: &[&str]| {
        let said = Command::new("ssh").args(arguments).stdin(Stdio::null()).output().unwrap();
        String::from_utf8(said.stdout).unwrap()
    };
    let usual = of_ssh(&["-G", "-F", "none", "web"]);
    let wishes = &options.algorithms;
    let wishes = [&wishes.ciphers, &wishes.key_exchanges, &wishes.macs, &wishes.host_keys];
    let line = |((name, query), wish): ((&str, &str), &Option<String>)| {
        let usual = usual.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).unwrap();
        let usual: Vec<String> = usual.split(',').map(str::to_owned).collect();
        let all: Vec<String> = of_ssh(&["-Q", query]).lines().map(str::to_owned).collect();
        format!("{name} {}", assemble(wish.as_deref(), &usual, &all).join(","))
    };
    ALGORITHMS.into_iter().zip(wishes).map(line).collect()
}

fn singles(options: &SshOptions, here: &Here) -> Vec<(&'static str, Option<String>)> {
    let number = |number: Option<u64>| number.map(|number| number.to_string());
    let usual = ["known_hosts", "known_hosts2"].map(|name| here.home.join(".ssh").join(name)).to_vec();
    let (jumps, command) = match &options.way {
        Way::Direct => (None, None),
        Way::Jumps(jumps) => (Some(jumps.iter().map(Hop::to_string).collect::<Vec<_>>().join(",")), None),
        Way::Command { written, .. } => (None, Some(written.clone())),
    };
    vec![
        ("hostname", Some(options.address.clone())),
        ("user", Some(options.user.clone().unwrap_or_else(|| here.user.clone()))),
        ("port", options.port.map(|port| port.to_string())),
        ("identitiesonly", options.identities_only.then(|| "yes".to_owned())),
        ("identityagent", options.identity_agent.clone()),
        ("hostkeyalias", options.host_key_alias.clone()),
        ("userknownhostsfile", Some(paths(options.user_known_hosts.as_ref().unwrap_or(&usual)))),
        ("globalknownhostsfile", options.global_known_hosts.as_deref().map(paths)),
        ("stricthostkeychecking", options.strict_host_key_checking.clone()),
        ("connecttimeout", number(options.connect_timeout)),
        ("serveraliveinterval", number(options.server_alive_interval)),
        ("serveralivecountmax", number(options.server_alive_count_max)),
        ("preferredauthentications", options.preferred_authentications.clone()),
        ("addressfamily", options.address_family.clone()),
        ("bindaddress", options.bind_address.clone()),
        ("proxyjump", jumps),
        ("proxycommand", command),
    ]
}

fn paths(files: &[PathBuf]) -> String {
    files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(" ")
}

#[test]
fn what_holds_is_what_ssh_says() {
    let folder = tempfile::Builder::new().prefix("opsc-ssh-").tempdir().unwrap();
    let (files, here) = (copied(folder.path()), here());
    assert!(files.len() >= 60, "{}", files.len());
    let mut wrong = Vec::new();
    for file in &files {
        let asks = asks(file);
        assert!(!asks.is_empty(), "{} asks for nothing", file.display());
        for words in asks {
            let case = format!("{} {words:?}", file.file_name().unwrap().display());
            match (by_ssh(file, &words), by_opsc(file, &words, &here)) {
                (Ok(expected), Ok(found)) if expected == found => {}
                (Ok(expected), Ok(found)) => {
                    let ssh: Vec<_> = expected.iter().filter(|line| !found.contains(line)).collect();
                    let opsc: Vec<_> = found.iter().filter(|line| !expected.contains(line)).collect();
                    wrong.push(format!("{case}: ssh has {ssh:?}, opsc has {opsc:?}"));
                }
                (Ok(_), Err(error)) => wrong.push(format!("{case}: ssh takes it, opsc says {error}")),
                (Err(said), Ok(_)) => wrong.push(format!("{case}: opsc takes it, ssh says {said}")),
                (Err(said), Err(error)) => wrong.extend(other_line(&said, &error).map(|why| format!("{case}: {why}"))),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// ssh names the lines of files that are wrong; what opsc names is among them.
fn other_line(said: &str, error: &SshConfigError) -> Option<String> {
    let lines = said.lines().filter(|line| line.contains(" line "));
    let place = error.place().map(|place| (place.file.display().to_string(), format!("line {}", place.line)));
    let same = match &place {
        Some((file, number)) => {
            lines.clone().any(|line| {
                line.starts_with(file.as_str()) && line.contains(&format!(" {number}")) && !error.to_string().is_empty()
            }) || said.contains("Too many recursive")
        }
        None => lines.clone().count() == 0,
    };
    (!same).then(|| format!("opsc says {error}, ssh says {said}"))
}

fn options(text: &str, host: &str) -> Result<SshOptions, SshConfigError> {
    let asked = Asked { host: host.to_owned(), ..Asked::default() };
    SshConfig::parse("config", text, here())?.options(&asked)
}

#[test]
fn tokens_of_keys_and_commands_are_replaced() {
    let found = options(
        "User bob\nPort 7\nIdentityFile ~/k/%r@%h:%p\nHostKeyAlias X\nProxyCommand nc %h %p %r %k %n %%\n",
        "Web",
    );
    let found = found.unwrap();
    assert_eq!(found.identity_files[0].path, here().home.join("k/bob@web:7"));
    let Way::Command { line, .. } = found.way else { panic!("{:?}", found.way) };
    assert_eq!(line, "nc web 7 bob x Web %");
    assert!(matches!(options("ProxyCommand nc %u\n", "web"), Err(SshConfigError::Token { .. })));
}

#[test]
fn no_program_runs_to_find_a_host_unless_it_may() {
    let folder = tempfile::tempdir().unwrap();
    let (file, mark) = (folder.path().join("config"), folder.path().join("mark"));
    let text = format!("User a\nMatch exec \"touch {}; test %h = web\"\n  Port 7\n", mark.display());
    std::fs::write(&file, text).unwrap();
    let asked = |host: &str| Asked { host: host.to_owned(), ..Asked::default() };
    let read = |may| SshConfig::read(&Files::Only(file.clone()), here(), may).unwrap();
    let refused = read(false).options(&asked("web")).unwrap_err();
    assert!(matches!(&refused, SshConfigError::Exec { place, .. } if place.line == 2), "{refused}");
    assert!(refused.hint().unwrap().contains("ssh_config_exec") && !mark.exists());
    assert_eq!(read(true).options(&asked("web")).unwrap().port, Some(7));
    assert_eq!(read(true).options(&asked("db")).unwrap().port, None);
    assert!(mark.exists());
}

#[test]
fn files_of_a_user_are_read_from_home_and_belong_to_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let ssh = folder.path().join(".ssh");
    std::fs::create_dir_all(ssh.join("conf.d")).unwrap();
    std::fs::write(ssh.join("config"), "Include conf.d/*.conf\nHost *\n  User last\n").unwrap();
    std::fs::write(ssh.join("conf.d/web.conf"), "Host web\n  Port 7\n").unwrap();
    std::fs::write(ssh.join("conf.d/.hidden.conf"), "Port 8\n").unwrap();
    let here = Here { home: folder.path().to_owned(), ..here() };
    let read = || SshConfig::read(&Files::Usual, here.clone(), false);
    let found = read().unwrap().options(&Asked { host: "web".to_owned(), ..Asked::default() }).unwrap();
    assert_eq!((found.port, found.user.as_deref()), (Some(7), Some("last")));
    for name in ["config", "conf.d/web.conf"] {
        let file = ssh.join(name);
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o664)).unwrap();
        assert_eq!(read().unwrap_err(), SshConfigError::Writable { file: file.clone() });
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    }
    let none = SshConfig::read(&Files::None, here, false).unwrap();
    assert_eq!(none.options(&Asked { host: "web".to_owned(), ..Asked::default() }).unwrap().port, None);
}

#[test]
fn names_are_looked_up_by_nobody() {
    let refused = options("Host web\n  CanonicalizeHostname yes\n", "web").unwrap_err();
    assert!(matches!(&refused, SshConfigError::Canonicalize { place } if place.line == 2), "{refused}");
    assert!(options("Host web\n  CanonicalizeHostname yes\n", "db").is_ok());
}

#[test]
fn an_option_that_is_none_has_a_neighbour() {
    let refused = options("Prot 22\n", "web").unwrap_err();
    assert_eq!(refused.to_string(), "config:1: there is no option `prot`");
    assert_eq!(refused.hint().as_deref(), Some("did you mean `port`?"));
}

/// Lines as they are, with a little noise.
fn line() -> impl Strategy<Value = String> {
    let words = "Host|Match|User|Port|ProxyJump|ProxyCommand|IdentityFile|IdentityAgent|UserKnownHostsFile|HostName|all|\
                 host|final|exec|web|!web|\\*|none|%h|%|\\$\\{HOME\\}|\\$\\{|~|~x/|\"|'|=|#|,|@|:|\\[|\\]|é| |\t|\\\\";
    let text = proptest::string::string_regex(&format!("(({words}) ?){{0,6}}")).unwrap();
    prop_oneof![3 => text, 1 => any::<String>()]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a file says, there is an answer, and it is the same every time.
    #[test]
    fn no_text_panics(lines in proptest::collection::vec(line(), 0..8), host in "[a-z%~$*é.:]{1,8}") {
        let text = lines.join("\n");
        let (once, again) = (options(&text, &host), options(&text, &host));
        prop_assert_eq!(&once, &again);
        if let Err(error) = once {
            prop_assert!(!error.to_string().is_empty());
        }
    }
}
