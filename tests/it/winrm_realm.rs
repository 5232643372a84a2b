//! A realm of Kerberos for these tests: MIT's KDC as a process of its own on loopback, with a database in a folder of its
//! own; ends with the value. Knows nothing of what is tested.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use super::winrm_rig::{Listener, PASSWORD, USER};

pub(crate) const REALM: &str = "RIG.EXAMPLE";
/// As the realm knows the host.
const HOST: &str = "win1";

pub(crate) struct Realm {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) port: u16,
    kdc: Child,
}

impl Realm {
    pub(crate) fn start() -> Realm {
        Realm::with_clock(None)
    }

    /// Whose KDC has a clock that goes wrong by so much, such as `+10m`.
    pub(crate) fn with_clock(clock: Option<&str>) -> Realm {
        let folder = tempfile::Builder::new().prefix("opsc-realm-").tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let config = format!(
            "[libdefaults]\n default_realm = {REALM}\n dns_lookup_kdc = false\n dns_canonicalize_hostname = false\n rdns = \
             false\n udp_preference_limit = 1\n[realms]\n {REALM} = {{\n  kdc = 127.0.0.1:{port}\n }}\n[logging]\n kdc = FILE:{}\n",
            at("kdc.log")
        );
        let kdc = format!(
            "[kdcdefaults]\n kdc_listen = 127.0.0.1:{port}\n kdc_tcp_listen = 127.0.0.1:{port}\n[realms]\n {REALM} = {{\n  \
             database_name = {}\n  key_stash_file = {}\n  acl_file = {}\n  supported_enctypes = aes256-cts:normal \
             aes128-cts:normal\n }}\n",
            at("principal"),
            at("stash"),
            at("acl")
        );
        std::fs::write(at("krb5.conf"), config).unwrap();
        std::fs::write(at("kdc.conf"), kdc).unwrap();
        done(of(folder.path(), "/usr/sbin/kdb5_util").args(["create", "-r", REALM, "-s", "-W", "-P", "of the tests"]));
        let mut server = of(folder.path(), "/usr/sbin/krb5kdc");
        server.args(["-n", "-r", REALM, "-P", &at("pid")]).stdout(Stdio::null()).stderr(Stdio::null());
        if let Some(clock) = clock {
            server.env("LD_PRELOAD", faketime()).env("FAKETIME", clock);
        }
        let realm = Realm { kdc: server.spawn().unwrap(), folder, port };
        realm.wait();
        realm.admin(&format!("addprinc +requires_preauth -pw \"{PASSWORD}\" {USER}"));
        realm.add_host("HTTP", HOST);
        realm
    }

    fn wait(&self) {
        let until = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < until, "the KDC does not listen");
            std::thread::yield_now();
        }
    }

    /// A line of kadmin.
    pub(crate) fn admin(&self, line: &str) {
        done(of(self.folder.path(), "/usr/sbin/kadmin.local").args(["-r", REALM, "-q", line]));
    }

    /// With a new key, which goes to the file that hosts have theirs in.
    pub(crate) fn add_host(&self, service: &str, host: &str) {
        self.admin(&format!("addprinc -randkey {service}/{host}"));
        self.admin(&format!("ktadd -k {} {service}/{host}", self.keys().display()));
    }

    pub(crate) fn keys(&self) -> PathBuf {
        self.folder.path().join("keys")
    }

    /// What a program finds the realm by.
    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("krb5.conf")
    }

    /// A listener that is the realm's host.
    pub(crate) fn listener(&self, is_tls: bool, more: Json) -> Listener {
        let mut options = json!({ "name": HOST });
        options.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let variables = [("KRB5_CONFIG", self.config()), ("KRB5_KTNAME", self.keys())];
        Listener::start_with(is_tls, options, &variables)
    }

    /// A cache of tickets, as a person makes one.
    pub(crate) fn kinit(&self, name: &str) -> PathBuf {
        let cache = self.folder.path().join(name);
        let mut kinit = of(self.folder.path(), "/usr/bin/kinit");
        let mut child =
            kinit.arg("-c").arg(&cache).arg(USER).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(format!("{PASSWORD}\n").as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
        cache
    }
}

impl Drop for Realm {
    fn drop(&mut self) {
        drop(self.kdc.kill());
        drop(self.kdc.wait());
    }
}

/// A program of MIT's that knows this realm alone.
fn of(folder: &Path, program: &str) -> Command {
    let mut command = Command::new(program);
    command.env("KRB5_CONFIG", folder.join("krb5.conf")).env("KRB5_KDC_PROFILE", folder.join("kdc.conf"));
    command.env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
    command
}

fn done(command: &mut Command) {
    let done = command.output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    // kadmin says what went wrong, and ends well.
    let is_fine = done.status.success() && !said.contains("kadmin.local:") && !said.contains("unable");
    assert!(is_fine, "{command:?}: {said}");
}

fn faketime() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").unwrap().map(|entry| entry.unwrap().path());
    let found = folders.map(|folder| folder.join("faketime/libfaketime.so.1")).find(|file| file.exists());
    found.expect("the package faketime")
}
