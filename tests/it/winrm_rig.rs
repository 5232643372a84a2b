//! A WinRM listener of these tests, as a process of its own with certificates of its own; ends with the value. What it
//! does wrong is said when it starts. Knows nothing of what is tested.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use opsc::base::secret::Secret;
use opsc::transport::{Credentials, Endpoint, Tls, Wire};
use serde_json::{Value as Json, json};

use super::project::Project;

pub(crate) const USER: &str = "ann";
/// With signs that a header, a line or a file of users could trip over.
pub(crate) const PASSWORD: &str = "pass wörd";

/// An acceptor of NTLM by other authors than pyspnego's.
pub(crate) fn other_acceptor() -> PathBuf {
    prepared("acceptor/debug/opsc-test-acceptor")
}

/// Where `tests/winrm/prepare` puts what others made.
pub(crate) fn prepared(name: &str) -> PathBuf {
    let path = PathBuf::from(std::env::var("HOME").unwrap()).join(".cache/opsc-test-winrm").join(name);
    assert!(path.exists(), "{} is missing: run tests/winrm/prepare", path.display());
    path
}

pub(crate) fn python(script: &str) -> Command {
    let mut command = Command::new(prepared("venv/bin/python"));
    // No realm of this machine; tests of Kerberos name theirs.
    command.env("KRB5_CONFIG", "/dev/null").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/winrm").join(script));
    command
}

pub(crate) struct Listener {
    pub(crate) port: u16,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) is_tls: bool,
    server: Child,
    heard: BufReader<ChildStdout>,
}

impl Listener {
    /// On plain HTTP, with this fault; none is the empty text.
    pub(crate) fn sealed(fault: &str) -> Listener {
        Listener::start(false, json!({ "fault": fault }))
    }

    pub(crate) fn tls(more: Json) -> Listener {
        Listener::start(true, more)
    }

    pub(crate) fn start(is_tls: bool, more: Json) -> Listener {
        Listener::start_with(is_tls, more, &[])
    }

    /// With these variables of its process.
    pub(crate) fn start_with(is_tls: bool, more: Json, variables: &[(&str, PathBuf)]) -> Listener {
        let folder = tempfile::Builder::new().prefix("opsc-winrm-").tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        std::fs::write(file("users"), format!(":{USER}:{PASSWORD}\n")).unwrap();
        let mut options = json!({ "auth": ["Negotiate"], "user": USER, "password": PASSWORD, "poll": 1 });
        if is_tls {
            make_certificates(folder.path());
            options["certificate"] = json!(file("leaf.pem"));
            options["key"] = json!(file("leaf.key"));
        }
        for (name, value) in more.as_object().unwrap() {
            // A certificate is named by its file.
            let is_file =
                ["bound_to", "users_authority", "swapped_certificate", "swapped_key"].contains(&name.as_str());
            options[name] = if is_file { json!(file(value.as_str().unwrap())) } else { value.clone() };
        }
        let mut server = python("server.py")
            .arg(options.to_string())
            .env("NTLM_USER_FILE", file("users"))
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut heard = BufReader::new(server.stdout.take().unwrap());
        let mut port = String::new();
        heard.read_line(&mut port).unwrap();
        Listener { port: port.trim().parse().unwrap(), folder, is_tls, server, heard }
    }

    /// The file of the authority that signed the listener's certificate.
    pub(crate) fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// SHA-256 of the listener's certificate, as `openssl` has it.
    pub(crate) fn fingerprint(&self) -> String {
        let shown = openssl(self.folder.path(), &["x509", "-in", "leaf.pem", "-noout", "-fingerprint", "-sha256"]);
        shown.trim().split_once('=').unwrap().1.replace(':', "").to_lowercase()
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint {
            transport: Wire::Winrm,
            port: self.port,
            tls: if self.is_tls { Tls::Authorities(self.authority()) } else { Tls::None },
            connect_timeout: Duration::from_secs(30),
            ..Endpoint::ssh("win1", "127.0.0.1", USER)
        }
    }

    /// A project with the host `win1`, and the password in `password`.
    pub(crate) fn project(&self, settings: &str) -> Project {
        let project = Project::new();
        let tls = if self.is_tls { self.authority().display().to_string() } else { "none".to_string() };
        let settings = if settings.is_empty() { format!("tls: {tls}") } else { settings.to_string() };
        let user = if settings.contains("user:") { String::new() } else { format!("user: {USER}, ") };
        let place = format!("address: 127.0.0.1, port: {}, {user}{settings}", self.port);
        project.write("inventory.yaml", &format!("hosts:\n  win1: {{ transport: winrm, {place} }}\n"));
        write_private(&project.path("password"), PASSWORD);
        project
    }

    /// What it was asked, once it has ended.
    pub(crate) fn end(mut self) -> Vec<String> {
        drop(self.server.stdin.take());
        let mut text = String::new();
        self.heard.read_to_string(&mut text).unwrap();
        text.lines().map(str::to_string).collect()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        drop(self.server.kill());
        drop(self.server.wait());
    }
}

pub(crate) fn credentials() -> Credentials {
    Credentials { password: Some(Secret::new(PASSWORD.to_string())), ..Credentials::default() }
}

/// An authority, a certificate that it signed with a hash that is not the usual one, one of a stranger, and those of two users,
/// each with its key in one file.
fn make_certificates(folder: &Path) {
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    let with_key = |words: &[&str]| openssl(folder, &[words, &key].concat());
    with_key(&["req", "-x509", "-days", "2", "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem"]);
    with_key(&["req", "-x509", "-days", "2", "-subj", "/CN=stranger", "-keyout", "other.key", "-out", "other.pem"]);
    with_key(&["req", "-subj", "/CN=win1", "-keyout", "leaf.key", "-out", "leaf.csr"]);
    std::fs::write(folder.join("leaf.txt"), "subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n").unwrap();
    let sign =
        ["x509", "-req", "-in", "leaf.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2"];
    openssl(folder, &[&sign[..], &["-sha384", "-extfile", "leaf.txt", "-out", "leaf.pem"]].concat());
    std::fs::write(folder.join("user.txt"), "extendedKeyUsage=clientAuth\n").unwrap();
    for user in [USER, "eve"] {
        let (name, subject) = (|kind: &str| format!("{user}.{kind}"), format!("/CN={user}"));
        with_key(&["req", "-subj", &subject, "-keyout", &name("key"), "-out", &name("csr")]);
        let sign = ["x509", "-req", "-in", &name("csr"), "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "2"];
        openssl(folder, &[&sign[..], &["-extfile", "user.txt", "-out", &name("crt")]].concat());
        let both = ["crt", "key"].map(|kind| std::fs::read_to_string(folder.join(name(kind))).unwrap()).concat();
        write_private(&folder.join(name("pem")), &both);
    }
}

pub(crate) fn write_private(file: &Path, text: &str) {
    std::fs::write(file, text).unwrap();
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
}

pub(crate) fn openssl(folder: &Path, words: &[&str]) -> String {
    let done = Command::new("openssl").args(words).current_dir(folder).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}
