//! A real sshd on a loopback port, as an ordinary process with its own keys and files; ends with the value.
//! Knows nothing of what is tested.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::fs;
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use opsc::transport::Endpoint;
use tempfile::TempDir;

/// What differs between servers.
#[derive(Default)]
pub(crate) struct SshdOptions {
    /// More lines of `sshd_config`.
    pub(crate) config: Vec<String>,
    /// As `ssh-keygen` writes it, for the host's key and the user's; ed25519 without it.
    pub(crate) key_type: Option<&'static [&'static str]>,
}

pub(crate) struct Sshd {
    pub(crate) port: u16,
    /// The private key that root may log in with.
    pub(crate) key_path: PathBuf,
    pub(crate) known_hosts_path: PathBuf,
    pub(crate) directory: TempDir,
    server: Child,
}

impl Sshd {
    pub(crate) fn start(options: &SshdOptions) -> Sshd {
        // Another process may take the port between the look and the start; then another port is tried.
        for _ in 0..10 {
            if let Some(started) = Sshd::try_start(options) {
                return started;
            }
        }
        panic!("no sshd came up");
    }

    /// How to reach it as root.
    pub(crate) fn endpoint(&self, name: &str) -> Endpoint {
        Endpoint {
            port: self.port,
            key: Some(self.key_path.clone()),
            known_hosts: vec![self.known_hosts_path.clone()],
            ..Endpoint::ssh(name, "127.0.0.1", "root")
        }
    }

    /// Ends the server and every process that serves a connection, as a machine that goes down would.
    pub(crate) fn stop(&mut self) {
        let connections = children(self.server.id());
        // First who would let another connection in.
        drop(self.server.kill());
        drop(self.server.wait());
        for connection in connections {
            drop(Command::new("kill").args(["-KILL", &connection.to_string()]).stderr(Stdio::null()).status());
        }
    }

    /// With the same port, keys and files.
    pub(crate) fn start_again(&mut self) {
        self.server = serve(self.directory.path());
        assert!(answers(self.port, &mut self.server));
    }

    /// Ends every process that serves a connection, as a cut cable would.
    pub(crate) fn cut_connections(&self) {
        self.signal_connections("-KILL");
    }

    /// Stops every process that serves a connection, as a host that hangs would; they must be cut before the end.
    pub(crate) fn freeze_connections(&self) {
        self.signal_connections("-STOP");
    }

    pub(crate) fn thaw_connections(&self) {
        self.signal_connections("-CONT");
    }

    fn signal_connections(&self, signal: &str) {
        for child in children(self.server.id()) {
            assert!(Command::new("kill").args([signal, &child.to_string()]).status().unwrap().success());
        }
    }

    fn try_start(options: &SshdOptions) -> Option<Sshd> {
        let directory = tempfile::Builder::new().prefix("opsc-sshd-").tempdir().unwrap();
        let root = directory.path();
        let (host_key, key_path) = (root.join("host_key"), root.join("key"));
        let kind = options.key_type.unwrap_or(&["-t", "ed25519"]);
        make_key_of(&host_key, kind);
        make_key_of(&key_path, kind);
        fs::copy(root.join("key.pub"), root.join("authorized_keys")).unwrap();
        fs::create_dir(root.join("home")).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let known_hosts_path = root.join("known_hosts");
        let public = fs::read_to_string(root.join("host_key.pub")).unwrap();
        fs::write(&known_hosts_path, format!("[127.0.0.1]:{port} {public}")).unwrap();
        fs::write(root.join("config"), config(root, port, options)).unwrap();
        fs::create_dir_all("/run/sshd").unwrap();
        let mut server = serve(root);
        if answers(port, &mut server) {
            return Some(Sshd { port, key_path, known_hosts_path, directory, server });
        }
        end(&mut server);
        None
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        end(&mut self.server);
    }
}

fn serve(root: &Path) -> Child {
    let log = fs::File::options().create(true).append(true).open(root.join("log")).unwrap();
    let mut command = Command::new("/usr/sbin/sshd");
    command.args(["-D", "-e", "-f"]).arg(root.join("config")).stdin(Stdio::null()).stderr(log);
    command.spawn().unwrap()
}

/// A new key pair without passphrase.
pub(crate) fn make_key(path: &Path) {
    make_key_of(path, &["-t", "ed25519"]);
}

fn make_key_of(path: &Path, kind: &[&str]) {
    let made = Command::new("ssh-keygen").args(["-q", "-N", ""]).args(kind).arg("-f").arg(path).status().unwrap();
    assert!(made.success());
}

fn config(root: &Path, port: u16, options: &SshdOptions) -> String {
    let root = root.display();
    let lines = [
        format!("Port {port}"),
        "ListenAddress 127.0.0.1".to_owned(),
        format!("HostKey {root}/host_key"),
        format!("AuthorizedKeysFile {root}/authorized_keys"),
        format!("PidFile {root}/pid"),
        "StrictModes no".to_owned(),
        "UsePAM no".to_owned(),
        "PermitRootLogin yes".to_owned(),
        "PasswordAuthentication no".to_owned(),
        // Each is another host, so what one keeps for root is not what another keeps.
        format!("SetEnv HOME={root}/home"),
    ];
    // Of `MaxStartups` the last counts, of all else the first.
    let first = ["MaxStartups 100".to_owned()];
    let all: Vec<String> = first.iter().chain(&options.config).chain(&lines).cloned().collect();
    all.join("\n") + "\n"
}

pub(crate) fn answers(port: u16, server: &mut Child) -> bool {
    let until = Instant::now() + Duration::from_secs(10);
    while Instant::now() < until && server.try_wait().unwrap().is_none() {
        let mut banner = [0; 4];
        if TcpStream::connect(("127.0.0.1", port)).is_ok_and(|mut stream| stream.read_exact(&mut banner).is_ok()) {
            return &banner == b"SSH-" && server.try_wait().unwrap().is_none();
        }
        std::thread::yield_now();
    }
    false
}

pub(crate) fn end(server: &mut Child) {
    for child in children(server.id()) {
        // One that ended by itself meanwhile is as good.
        drop(Command::new("kill").arg(child.to_string()).stderr(Stdio::null()).status());
    }
    drop(server.kill());
    drop(server.wait());
}

fn children(parent: u32) -> Vec<u32> {
    let listed = Command::new("ps").args(["-o", "pid=", "--ppid", &parent.to_string()]).output().unwrap();
    String::from_utf8_lossy(&listed.stdout).split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}
