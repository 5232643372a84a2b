//! Keys and certificates on this machine, made and judged by the real openssl, and what servers show of them.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use super::example_actions::tool;
use super::project::Project;
use super::stdlib_cases::{Case, mode};
use super::stdlib_notify::SafeMail;

/// A server with a certificate; ends with the value.
pub(crate) struct TlsServer {
    child: Child,
    pub(crate) port: u16,
}

impl TlsServer {
    pub(crate) fn start(certificate: &str, key: &str) -> TlsServer {
        TlsServer::with("-quiet", certificate, key)
    }

    /// One that answers HTTP with a page.
    pub(crate) fn answering(certificate: &str, key: &str) -> TlsServer {
        TlsServer::with("-www", certificate, key)
    }

    /// One that answers a path with the file of that name, which has the headers too.
    pub(crate) fn of_folder(folder: &std::path::Path, certificate: &str, key: &str) -> TlsServer {
        TlsServer::with_in(folder, "-HTTP", certificate, key)
    }

    fn with(manner: &str, certificate: &str, key: &str) -> TlsServer {
        TlsServer::with_in(std::path::Path::new("."), manner, certificate, key)
    }

    fn with_in(folder: &std::path::Path, manner: &str, certificate: &str, key: &str) -> TlsServer {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let accept = format!("127.0.0.1:{port}");
        let mut command = Command::new("openssl");
        command.current_dir(folder).args(["s_server", manner, "-accept", &accept, "-cert", certificate, "-key", key]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        TlsServer { child, port }
    }

    /// Until it listens.
    pub(crate) fn wait(&self) {
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            std::thread::yield_now();
        }
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// A certificate authority and a certificate of it for an address: the paths of its certificate in the project, and of the
/// other's certificate and key.
pub(crate) fn authority(project: &Project, address: &str) -> (String, String, String) {
    let place = |name: &str| project.path(name).display().to_string();
    project.write("tls/names", &format!("subjectAltName=IP:{address}\n"));
    let (ca, ca_key) = (place("tls/ca.crt"), place("tls/ca.key"));
    let (certificate, key, request) = (place("tls/crt"), place("tls/key"), place("tls/csr"));
    let new = ["req", "-newkey", "rsa:2048", "-nodes", "-keyout"];
    tool("openssl", &[&new[..], &[&ca_key, "-x509", "-subj", "/CN=the ca", "-days", "2", "-out", &ca]].concat());
    tool("openssl", &[&new[..], &[&key, "-subj", "/CN=server", "-out", &request]].concat());
    let signs = ["x509", "-req", "-in", &request, "-CA", &ca, "-CAkey", &ca_key, "-set_serial", "7", "-days", "2"];
    tool("openssl", &[&signs[..], &["-extfile", &place("tls/names"), "-out", &certificate]].concat());
    ("tls/ca.crt".to_string(), certificate, key)
}

/// All that the project keeps of its runs.
pub(crate) fn journal(case: &Case) -> String {
    let files = std::fs::read_dir(case.project.path(".opsc")).unwrap().map(|file| file.unwrap().path());
    files.map(|file| String::from_utf8_lossy(&std::fs::read(file).unwrap()).into_owned()).collect()
}

/// Runs steps that must hold, and never show a key.
fn holds(case: &Case, row: &str, steps: &str) {
    let said = case.run(steps, row, &["run", "-y", "-v"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(!format!("{said:?}").contains("PRIVATE"), "{said:?}");
}

#[test]
fn a_key_is_made_once_and_keeps_its_rights() {
    let case = Case::new();
    for kind in ["ec-p256", "ec-p384", "rsa-2048", "ed25519"] {
        let path = format!("root/it's {kind}");
        let step = format!("tls.key(path: \"{{root}}/it's {kind}\", type: \"{kind}\")");
        case.converges(&step, "change", |project| {
            mode(project, &path) == 0o600 && project.read(&path).unwrap().contains("PRIVATE KEY")
        });
        tool("openssl", &["pkey", "-in", case.project.path(&path).to_str().unwrap(), "-noout"]);
    }
    let key = case.project.read("root/it's ec-p256").unwrap();
    case.converges("tls.key(path: \"{root}/it's ec-p256\", type: \"rsa-4096\", mode: \"0640\")", "change", |project| {
        mode(project, "root/it's ec-p256") == 0o640 && project.read("root/it's ec-p256").unwrap() == key
    });
    case.project.write("root/note", "");
    case.fails("tls.key(path: \"{root}/note\")", "change", "is not a private key");
    let locked = case.project.path("root/locked").display().to_string();
    tool("openssl", &["genpkey", "-algorithm", "ED25519", "-aes256", "-pass", "pass:word", "-out", &locked]);
    case.fails("tls.key(path: \"{root}/locked\")", "change", "opens without a password");
    case.fails("tls.key(path: \"{root}/no/key\")", "change", "does not exist");
    case.fails("tls.key(path: \"{root}/new\", owner: \"no-such-user\")", "change", "no-such-user");
    assert!(!journal(&case).contains("PRIVATE"));
}

#[test]
fn a_self_signed_certificate_is_made_anew_when_it_no_longer_fits() {
    let case = Case::new();
    let place = |name: &str| case.project.path(&format!("root/{name}")).display().to_string();
    for name in ["a", "b"] {
        holds(&case, "change", &format!("tls.key(path: \"{{root}}/{name}.key\")"));
    }
    let step = |key: &str, rest: &str| {
        format!("tls.self_signed(key: \"{{root}}/{key}.key\", to: \"{{root}}/it's.crt\", name: \"web1\"{rest})")
    };
    let print = || tool("openssl", &["x509", "-in", &place("it's.crt"), "-noout", "-fingerprint"]);
    let converges = |step: &str, shown: &str| {
        let before = case.project.read("root/it's.crt");
        case.converges(step, "change", |project| {
            let text = tool("openssl", &["x509", "-in", &place("it's.crt"), "-noout", "-text"]);
            text.contains(shown) && project.read("root/it's.crt") != before && mode(project, "root/it's.crt") == 0o644
        });
    };
    converges(&step("a", ""), "DNS:web1");
    let names = ", alt: [\"web1\", \"192.0.2.11\", \"2001:db8::1\", \"*.web.example.org\"]";
    converges(
        &step("a", names),
        "DNS:web1, IP Address:192.0.2.11, IP Address:2001:DB8:0:0:0:0:0:1, DNS:*.web.example.org",
    );
    let first = print();
    converges(&step("b", names), "Subject: CN = web1");
    assert_ne!(print(), first);
    case.has_nothing_to_do(&step("b", &format!("{names}, renew: 364d")), "change");
    converges(&step("b", &format!("{names}, days: 400, renew: 366d")), "DNS:web1");
    tool("openssl", &["verify", "-CAfile", &place("it's.crt"), "-verify_ip", "192.0.2.11", &place("it's.crt")]);
    case.fails(&step("b", ", days: 5"), "change", "would be renewed at once; renew is 30d");
    case.fails(&step("none", ""), "change", "none.key is not a private key");
    case.project.write("root/note", "mine");
    let over = "tls.self_signed(key: \"{root}/a.key\", to: \"{root}/note\", name: \"web1\")";
    case.fails(over, "change", "exists and is not a certificate");
    let expires = "x = tls.expiry(path: \"{root}/it's.crt\")\n    require x.exists and x.left > 399d and x.left <= 400d and x.subject == \"CN=web1\" and x.issuer == \"CN=web1\" and \"*.web.example.org\" in x.names and \"192.0.2.11\" in x.names and x.names.count == 4 else \"{x.names}\"\n    y = tls.expiry(path: \"{root}/nothing\")\n    require not y.exists and y.left == 0s and y.names.count == 0 else \"there is one\"";
    case.reads(expires, "read");
    case.fails("tls.expiry(path: \"{root}/note\")", "read", "certificate");
}

#[test]
fn a_probe_tells_what_is_shown_and_whether_it_is_trusted() {
    let case = Case::new();
    let (ca, certificate, key) = authority(&case.project, "127.0.0.1");
    let server = TlsServer::start(&certificate, &key);
    server.wait();
    let probe = |rest: &str, condition: &str| {
        let step = format!(
            "x = tls.probe(host: \"127.0.0.1\", port: {}{rest})\n    require {condition} else \"{{x.reason}} {{x.subject}} {{x.issuer}} {{x.names}}\"",
            server.port
        );
        holds(&case, "network", &step);
    };
    let shown = "x.subject == \"CN=server\" and x.issuer == \"CN=the ca\" and x.names.count == 1 and x.names[0] == \"127.0.0.1\" and x.left > 1d and x.left <= 2d";
    probe("", &format!("{shown} and not x.trusted and x.reason == \"unable to verify the first certificate\""));
    probe(&format!(", ca: file(\"{ca}\")"), "x.trusted and x.reason == \"ok\"");
    probe(&format!(", ca: file(\"{ca}\"), name: \"localhost\""), "not x.trusted and x.reason == \"hostname mismatch\"");
    let mail = SafeMail::start(&certificate, &key, "starttls");
    let step = format!(
        "x = tls.probe(host: \"127.0.0.1\", port: {}, starttls: \"smtp\", ca: file(\"{ca}\"))\n    require x.trusted and x.subject == \"CN=server\" else \"{{x.reason}}\"",
        mail.2
    );
    holds(&case, "network", &step);
    assert!(mail.heard().contains("STARTTLS"));
    case.fails("tls.probe(host: \"127.0.0.1\", port: 1)", "network", "127.0.0.1:1 shows no certificate");
    case.fails("tls.probe(host: \"127.0.0.1\", port: 1)", "network", "onnection refused");
}
