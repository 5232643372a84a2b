//! Hosts that are reached as ssh's configuration says, through the binary and real servers: names, keys, ways, and what
//! wins where several say something.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use opsc::transport::{Credentials, Endpoint, Session, TransportError};

use super::project::{Project, Said, said};
use super::ssh_failures::Agent;
use super::sshd::{Sshd, SshdOptions, make_key};

const INVENTORY: &str = "hosts:\n  far: { os: linux }\n";

/// A project whose host `far` is but a name.
struct Case {
    project: Project,
    server: Sshd,
}

impl Case {
    fn new() -> Case {
        let case = Case { project: Project::new(), server: Sshd::start(&SshdOptions::default()) };
        case.project.write("inventory.yaml", INVENTORY);
        case
    }

    /// The lines that lead to the server, and more in front of them.
    fn config(&self, before: &str) {
        self.project.write("home/.ssh/config", &format!("{before}\n{}", lines("far", &self.server)));
    }

    /// With the files that ssh reads, those of the machine too.
    fn opsc(&self, arguments: &[&str]) -> Said {
        said(self.project.command(arguments).env_remove("OPSC_SSH_CONFIG").output().unwrap())
    }

    fn exec(&self, script: &str) -> Said {
        self.opsc(&["exec", "-l", "far", "-y", "--", script])
    }

    fn works(&self) {
        let done = self.exec("echo reached");
        assert!(done.code == 0 && done.stdout.contains("reached"), "{done:?}");
    }

    fn refused(&self, expected: &[&str]) {
        let refused = self.exec("echo reached");
        assert!(refused.code == 20 && !refused.stdout.contains("reached"), "{refused:?}");
        for word in expected {
            assert!(refused.stderr.contains(word), "{word}: {}", refused.stderr);
        }
    }
}

fn lines(name: &str, server: &Sshd) -> String {
    format!(
        "Host {name}\n  HostName 127.0.0.1\n  Port {}\n  User root\n  IdentityFile {}\n  UserKnownHostsFile {}\n",
        server.port,
        server.key_path.display(),
        server.known_hosts_path.display()
    )
}

fn accepted(server: &Sshd) -> usize {
    let log = std::fs::read_to_string(server.directory.path().join("log")).unwrap();
    log.lines().filter(|line| line.contains("Accepted publickey")).count()
}

#[test]
fn a_host_that_only_ssh_knows() {
    let case = Case::new();
    case.refused(&["far: ", "has no address"]);
    case.config("");
    case.works();
    // Who asks for no file gets none.
    for none in [&["--ssh-config", "none"][..], &["--ssh-config", "/dev/null"]] {
        let refused = case.opsc(&[&["exec", "-l", "far", "-y"], none, &["--", "true"]].concat());
        assert!(refused.code == 20 && refused.stderr.contains("has no address"), "{refused:?}");
    }
    let shown = case.opsc(&["inv", "show", "far"]);
    let place = case.project.path("home/.ssh/config");
    let port = format!("ssh.port: {} ({}:4)\n", case.server.port, place.display());
    assert!(shown.stdout.contains(&port) && shown.stdout.contains("ssh.hostname: 127.0.0.1 ("), "{shown:?}");
}

#[test]
fn algorithms_are_those_that_ssh_is_told() {
    let only = ["Ciphers aes256-ctr", "MACs hmac-sha2-512", "KexAlgorithms ecdh-sha2-nistp384"].map(str::to_owned);
    let server = Sshd::start(&SshdOptions { config: only.to_vec(), ..SshdOptions::default() });
    let case = Case { project: Project::new(), server };
    case.project.write("inventory.yaml", INVENTORY);
    case.config("");
    // The usual lists have no such key exchange.
    case.refused(&["the SSH handshake failed"]);
    case.config("Host far\n  KexAlgorithms +ecdh-sha2-nistp384");
    case.works();
    case.config("Host far\n  KexAlgorithms unheard-of,ecdh-sha2-nistp384\n  Ciphers ^aes256-ctr\n  MACs hmac-sha2-512");
    case.works();
    for (line, expected) in [
        ("Ciphers -aes256-ctr", "the SSH handshake failed"),
        ("MACs hmac-sha2-256", "the SSH handshake failed"),
        ("HostKeyAlgorithms rsa-sha2-512", "the SSH handshake failed"),
        ("Ciphers unheard-of", "far: `Ciphers` of ssh's configuration leaves nothing that opsc knows"),
        ("HostKeyAlgorithms -*", "far: `HostKeyAlgorithms` of ssh's configuration leaves nothing that opsc knows"),
    ] {
        case.config(&format!("Host far\n  KexAlgorithms +ecdh-sha2-nistp384\n  {line}"));
        case.refused(&[expected]);
    }
}

#[test]
fn a_certificate_that_lies_elsewhere_is_shown_for_its_key() {
    let folder = tempfile::Builder::new().prefix("opsc-ca-").tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for name in ["ca", "user", "other"] {
        make_key(&path(name));
        let mut sign = Command::new("ssh-keygen");
        sign.args(["-q", "-I", "test", "-n", "root", "-s"]).arg(path("ca")).arg(path(&format!("{name}.pub")));
        assert!(sign.status().unwrap().success());
    }
    std::fs::create_dir(path("certificates")).unwrap();
    for name in ["user", "other"] {
        let certificate = format!("{name}-cert.pub");
        std::fs::rename(path(&certificate), path("certificates").join(&certificate)).unwrap();
    }
    let config = vec![format!("TrustedUserCAKeys {}", path("ca.pub").display())];
    let case = Case { project: Project::new(), server: Sshd::start(&SshdOptions { config, ..SshdOptions::default() }) };
    case.project.write("inventory.yaml", INVENTORY);
    let with = |certificates: &[&str]| {
        let named = |name: &&str| format!("  CertificateFile {}\n", path("certificates").join(name).display());
        let named: String = certificates.iter().map(named).collect();
        let lines = lines("far", &case.server)
            .replace(&case.server.key_path.display().to_string(), &path("user").display().to_string());
        case.project.write("home/.ssh/config", &format!("{lines}{named}"));
    };
    with(&[]);
    case.refused(&["was not let in"]);
    with(&["other-cert.pub", "gone-cert.pub"]);
    case.refused(&["was not let in", "gone-cert.pub (not readable)"]);
    with(&["gone-cert.pub", "other-cert.pub", "user-cert.pub"]);
    case.works();
}

#[test]
fn a_file_of_the_project_stands_for_that_of_the_user() {
    let case = Case::new();
    case.config("Host far\n  Port 1");
    case.project.write("ssh.conf", &lines("far", &case.server));
    case.project.write("opsc.toml", "ssh_config = \"ssh.conf\"\n");
    case.works();
    case.project.write("opsc.toml", "ssh_config = \"none\"\n");
    case.refused(&["has no address"]);
    case.project.write("opsc.toml", "ssh_config = \"no-such-file\"\n");
    case.refused(&["far: cannot read ", "no-such-file"]);
    let flag = case.opsc(&["exec", "-l", "far", "-y", "--ssh-config", "ssh.conf", "--", "echo reached"]);
    assert!(flag.stdout.contains("reached"), "{flag:?}");
}

#[test]
fn the_command_line_wins_over_the_inventory_over_ssh() {
    let case = Case::new();
    let server = &case.server;
    let wrong = case.project.path("wrong");
    make_key(&wrong);
    case.project.write("empty", "");
    let text = format!(
        "Host far\n  HostName 127.0.0.1\n  Port 1\n  User nobody\n  IdentityFile {}\n  UserKnownHostsFile {}\n",
        wrong.display(),
        case.project.path("empty").display()
    );
    case.project.write("home/.ssh/config", &text);
    case.refused(&["refused the connection"]);
    let settings = format!(
        "port: {}, key: {}, known_hosts: {}",
        server.port,
        server.key_path.display(),
        server.known_hosts_path.display()
    );
    case.project.write("inventory.yaml", &format!("hosts:\n  far: {{ os: linux, {settings} }}\n"));
    case.refused(&["no shell started for `nobody`"]);
    case.project.write("inventory.yaml", &format!("hosts:\n  far: {{ os: linux, user: root, {settings} }}\n"));
    case.works();
    let shown = case.opsc(&["inv", "show", "far"]);
    assert!(!shown.stdout.contains("ssh.port") && !shown.stdout.contains("ssh.identityfile"), "{shown:?}");
    let line = |arguments: &[&str]| {
        let said = case.opsc(&[&["exec", "-l", "far", "-y"], arguments, &["--", "true"]].concat());
        assert_eq!(said.code, 20, "{said:?}");
        said.stderr
    };
    assert!(line(&["-u", "nobody"]).contains("no shell started for `nobody`"));
    assert!(line(&["--private-key", wrong.to_str().unwrap()]).contains(wrong.to_str().unwrap()));
    let gone = case.opsc(&["doctor", "far", "--private-key", "/nonexistent"]);
    assert!(gone.code == 20 && gone.stdout.contains("cannot use the key /nonexistent"), "{gone:?}");
    assert!(gone.stdout.contains("name a private key that you may read: `--private-key`, or `key`"), "{gone:?}");
}

#[test]
fn two_hosts_on_the_way() {
    let case = Case::new();
    let [first, second] = [(); 2].map(|()| Sshd::start(&SshdOptions::default()));
    let hops = format!("{}{}", lines("first", &first), lines("second", &second));
    case.config(&format!("{hops}Host far\n  ProxyJump first,second"));
    case.works();
    assert_eq!([&first, &second, &case.server].map(accepted), [1, 1, 1]);
    // The same by the lines of the last, and with what stands in the list itself.
    let other = hops.replace("Host second\n", "Host second\n  ProxyJump root@first\n");
    case.config(&format!("{other}Host far\n  ProxyJump ssh://root@second:{}", second.port));
    case.works();
    assert_eq!([&first, &second, &case.server].map(accepted), [2, 2, 2]);
    drop(first);
    case.refused(&["first: ", "refused the connection"]);
    case.config("Host *\n  ProxyJump gate");
    case.refused(&["far: ProxyJump leads to `gate` again and again"]);
}

#[test]
fn the_inventory_knows_another_way() {
    let case = Case::new();
    let gate = Sshd::start(&SshdOptions::default());
    case.config(&format!("{}Host far\n  ProxyCommand false", lines("gate", &gate)));
    case.project.write("inventory.yaml", "hosts:\n  gate: { os: linux }\n  far: { os: linux, jump: gate }\n");
    case.works();
    assert_eq!([&gate, &case.server].map(accepted), [1, 1]);
}

#[test]
fn a_command_carries_the_connection() {
    let case = Case::new();
    let gate = Sshd::start(&SshdOptions::default());
    let key = gate.key_path.display();
    let through = format!(
        "ssh -F none -i {key} -o UserKnownHostsFile={} -p {} -W %h:%p root@127.0.0.1",
        gate.known_hosts_path.display(),
        gate.port
    );
    case.config(&format!("Host far\n  ProxyCommand {through}"));
    case.works();
    assert_eq!([&gate, &case.server].map(accepted), [1, 1]);
    let large = case.exec("head -c 3000000 /dev/zero | tr '\\0' x | wc -c");
    assert!(large.stdout.contains("3000000"), "{large:?}");

    case.config("Host far\n  ProxyCommand sh -c 'echo no way to %h %r >&2; exit 3'");
    case.refused(&["far: the proxy command `sh -c ", "ended with code 3: no way to 127.0.0.1 root", "hint: "]);
    case.config("Host far\n  ProxyCommand no-such-program %p");
    case.refused(&["no-such-program", "ended with code 127"]);
    case.config("Host far\n  ConnectTimeout 1\n  ProxyCommand sleep 60");
    case.refused(&["did not answer within 1s"]);
}

#[test]
fn only_the_keys_that_are_named() {
    let case = Case::new();
    let agent = Agent::with_key_of(&case.server);
    let wrong = case.project.path("wrong");
    make_key(&wrong);
    let server = &case.server;
    let config = |more: &str| {
        let text = format!(
            "Host far\n  HostName 127.0.0.1\n  Port {}\n  UserKnownHostsFile {}\n  IdentityAgent {}\n  {more}\n",
            server.port,
            server.known_hosts_path.display(),
            agent.socket.display()
        );
        case.project.write("home/.ssh/config", &text);
    };
    config(&format!("IdentityFile {}", wrong.display()));
    case.works();
    config(&format!("IdentityFile {}\n  IdentitiesOnly yes", wrong.display()));
    case.refused(&["was not let in", &format!("tried key {}", wrong.display())]);
    // The public half says which of the agent's keys is meant.
    let public = case.project.path("public");
    std::fs::copy(server.key_path.with_extension("pub"), &public).unwrap();
    config(&format!("IdentityFile {}\n  IdentitiesOnly yes", public.display()));
    case.works();
    config("IdentityFile none\n  IdentitiesOnly yes");
    case.refused(&["was not let in", "tried nothing"]);
    config(&format!("IdentityFile {}\n  IdentityFile {}\n  IdentitiesOnly yes", wrong.display(), public.display()));
    case.works();
}

#[test]
fn ways_to_log_in_that_are_preferred() {
    let case = Case::new();
    case.config("Host far\n  PreferredAuthentications keyboard-interactive,password");
    case.refused(&["was not let in", "tried nothing"]);
    case.config("Host far\n  PreferredAuthentications password,publickey");
    case.works();
}

#[test]
fn a_host_key_under_another_name() {
    let case = Case::new();
    case.config("Host far\n  HostKeyAlias Farm");
    case.refused(&["the host key of farm is not known", "opsc inv trust far"]);
    let trusted = case.opsc(&["inv", "trust", "far", "-y"]);
    assert_eq!(trusted.code, 0, "{trusted:?}");
    let known = std::fs::read_to_string(&case.server.known_hosts_path).unwrap();
    assert!(known.lines().last().unwrap().starts_with("farm ssh-ed25519 "), "{known}");
    let audited = case.opsc(&["audit", "query", "--host", "far", "--kind", "host_key.trusted"]);
    assert!(audited.stdout.contains("host_key.trusted: far ssh-ed25519 SHA256:"), "{audited:?}");
    case.works();
}

#[test]
fn keys_of_hosts_that_are_new() {
    let case = Case::new();
    let known = case.project.path("known");
    let config = |policy: &str| {
        let more = format!("Host far\n  StrictHostKeyChecking {policy}\n  UserKnownHostsFile {}", known.display());
        case.config(&more);
    };
    for policy in ["yes", "ask"] {
        config(policy);
        case.refused(&["is not known"]);
    }
    for policy in ["accept-new", "no"] {
        config(policy);
        case.works();
        assert!(std::fs::read_to_string(&known).unwrap().starts_with("[127.0.0.1]:"));
        std::fs::remove_file(&known).unwrap();
    }
    // A changed key is the end whatever anybody says.
    let other = case.project.path("other");
    make_key(&other);
    let public = std::fs::read_to_string(other.with_extension("pub")).unwrap();
    std::fs::write(&known, format!("[127.0.0.1]:{} {public}", case.server.port)).unwrap();
    case.refused(&["the host key changed"]);
    // Where the user wants no file, nothing is kept.
    case.config("Host far\n  StrictHostKeyChecking accept-new\n  UserKnownHostsFile none\n  GlobalKnownHostsFile none");
    case.works();
}

#[test]
fn where_a_connection_comes_from() {
    let case = Case::new();
    case.config("Host far\n  BindAddress 127.0.0.2");
    let done = case.exec("echo \"from ${SSH_CONNECTION%% *}\"");
    assert!(done.stdout.contains("from 127.0.0.2"), "{done:?}");
    case.config("Host far\n  AddressFamily inet6");
    case.refused(&["`127.0.0.1` has no address"]);
}

#[test]
fn a_host_that_is_silent_for_too_long() {
    let case = Case::new();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    case.config(&format!("Host far\n  ConnectTimeout 1\n  Port {}", silent.local_addr().unwrap().port()));
    case.refused(&["did not answer within 1s"]);
}

#[test]
fn a_file_that_is_wrong_is_named_with_its_line() {
    let case = Case::new();
    let place = |line: usize| format!("{}:{line}: ", case.project.path("home/.ssh/config").display());
    case.config("Host other\n  Prot 22");
    case.refused(&["far: ", &place(2), "there is no option `prot`", "hint: did you mean `port`?"]);
    case.config("Host far\n  StrictHostKeyChecking perhaps");
    case.refused(&[&place(2), "found `perhaps`"]);
    let shown = case.opsc(&["inv", "show", "far"]);
    assert!(shown.code == 10 && shown.stderr.contains(&place(2)), "{shown:?}");
    // Nobody asks ssh about this machine.
    let local = case.opsc(&["exec", "-l", "localhost", "-y", "--", "echo here"]);
    assert!(local.code == 0 && local.stdout.contains("here"), "{local:?}");
}

#[test]
fn programs_find_hosts_where_they_may() {
    let case = Case::new();
    let mark = case.project.path("mark");
    case.config(&format!("Match host far exec \"touch {}\"\n  User root", mark.display()));
    case.refused(&["config:1: `Match exec` would run `touch ", "ssh_config_exec"]);
    assert!(!mark.exists());
    case.project.write("opsc.toml", "ssh_config_exec = \"perhaps\"\n");
    let wrong = case.exec("true");
    assert!(wrong.stderr.contains("`ssh_config_exec` is `yes` or `no`, found `perhaps`"), "{wrong:?}");
    case.project.write("opsc.toml", "ssh_config_exec = \"yes\"\n");
    case.works();
    assert!(Path::new(&mark).exists());
}

#[tokio::test]
async fn variables_with_secrets_are_not_for_commands_on_the_way() {
    let command = "sh -c 'echo \"<$HOME>\" >&2; exit 3'".to_owned();
    let gate = Endpoint { proxy_command: Some(command), ..Endpoint::ssh("gate", "127.0.0.1", "root") };
    let mut far = Endpoint { jump: Some(Box::new(gate)), ..Endpoint::ssh("far", "127.0.0.1", "root") };
    let said = |error: TransportError| error.to_string();
    let seen = Session::connect(&far, &Credentials::default()).await.map(drop).map_err(said).unwrap_err();
    assert!(seen.starts_with("gate: ") && !seen.contains("<>"), "{seen}");
    far.hide_variables(&["HOME".to_owned()]);
    let hidden = Session::connect(&far, &Credentials::default()).await.map(drop).map_err(said).unwrap_err();
    assert!(hidden.ends_with("ended with code 3: <>"), "{hidden}");
}
