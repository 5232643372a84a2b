//! What is wrong with the way to a host is found where it is, with what mends it: names, ports, servers and keys.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::io::Write;
use std::net::TcpListener;

use serde_json::Value as Json;

use super::project::{Project, Said};
use super::sshd::{Sshd, SshdOptions, make_key};

/// The worst of `what` of the first host: its state, what was found and what mends it.
pub(crate) fn finding(said: &Said, what: &str) -> (String, String, String) {
    let json: Json = serde_json::from_str(&said.stdout).unwrap_or_else(|_| panic!("{said:?}"));
    let findings = json[0]["findings"].as_array().unwrap();
    let found =
        findings.iter().find(|finding| finding["what"] == what).unwrap_or_else(|| panic!("no {what}: {json:#}"));
    let text = |key: &str| found[key].as_str().unwrap_or_default().to_string();
    (text("state"), text("found"), text("mend"))
}

fn doctor(project: &Project, host: &str) -> Said {
    project.opsc(&["doctor", host, "-o", "json"])
}

fn with_host(settings: &str) -> Project {
    let project = Project::new();
    project.write("inventory.yaml", &format!("hosts:\n  h1: {{ os: linux, {settings} }}\n"));
    project
}

#[test]
fn names_ports_and_other_servers_are_told_apart() {
    let nowhere = doctor(&with_host("address: nowhere.invalid"), "h1");
    let (state, found, mend) = finding(&nowhere, "dns");
    assert_eq!((nowhere.code, state.as_str()), (20, "failed"));
    assert!(found.contains("`nowhere.invalid` has no address") && mend.contains("`address:` of h1"), "{nowhere:?}");

    let closed = doctor(&with_host("address: 127.0.0.1, port: 1"), "h1");
    let (state, found, mend) = finding(&closed, "tcp");
    assert_eq!((closed.code, state.as_str()), (20, "failed"));
    assert!(found.contains("refused the connection") && mend.contains("systemctl start ssh"), "{closed:?}");

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        for word in ["HTTP/1.1 400 Bad Request\r\n\r\n", ""] {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(word.as_bytes()).unwrap();
        }
    });
    let project = with_host(&format!("address: 127.0.0.1, port: {port}"));
    let (state, found, mend) = finding(&doctor(&project, "h1"), "banner");
    assert_eq!(state, "failed");
    assert!(found.contains("it says `HTTP/1.1 400 Bad Request`") && mend.contains("`port:` of h1"), "{found} {mend}");
    let (state, found, _) = finding(&doctor(&project, "h1"), "banner");
    assert!(state == "failed" && found.contains("says nothing"), "{found}");
    server.join().unwrap();
}

#[test]
fn keys_of_hosts_and_of_people_are_told_apart() {
    let sshd = Sshd::start(&SshdOptions::default());
    let project = Project::new();
    let (key, known) = (sshd.key_path.display().to_string(), sshd.known_hosts_path.display().to_string());
    let well = format!(
        "hosts:\n  h1: {{ address: 127.0.0.1, port: {}, user: root, key: {key}, known_hosts: {known}, os: linux }}\n",
        sshd.port
    );
    project.write("inventory.yaml", &well);
    let said = doctor(&project, "h1");
    for what in ["tcp", "banner", "host key", "login", "clock", "disk", "tools", "sessions"] {
        assert_eq!(finding(&said, what).0, "ok", "{said:?}");
    }
    assert!(finding(&said, "banner").1.starts_with("SSH-2.0-OpenSSH"), "{said:?}");
    let shown = project.opsc(&["doctor", "h1"]);
    assert!(shown.stdout.starts_with("h1\n  = tcp") && shown.stdout.contains("\n  = host key"), "{shown:?}");
    let line = project.opsc(&["inv", "status", "h1"]);
    assert!(line.code == 0 && line.stdout.starts_with("h1  ok  ") && line.stdout.lines().count() == 1, "{line:?}");
    let before = std::fs::read_to_string(&sshd.known_hosts_path).unwrap();

    project.write("nobody", "");
    project.write("inventory.yaml", &well.replace(&known, "nobody"));
    let said = doctor(&project, "h1");
    let (state, found, mend) = finding(&said, "host key");
    assert!(said.code == 20 && state == "failed" && found.contains("is not known"), "{said:?}");
    assert_eq!(mend, "opsc inv trust h1");
    assert_eq!(project.read("nobody").as_deref(), Some(""), "nothing is added");

    let (place, _) = before.split_once(' ').unwrap();
    let other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEXi2Vg8ZmY8cPg3bDsdcBhVKdaKwVGgJx0OHSCKhLKM";
    project.write("nobody", &format!("{place} {other}\n"));
    let (state, found, mend) = finding(&doctor(&project, "h1"), "host key");
    assert!(state == "failed" && found.contains("the host key changed"), "{found}");
    assert!(mend.contains("only if the host was rebuilt: ssh-keygen -R") && mend.contains("nobody"), "{mend}");

    project.write("inventory.yaml", &well.replace(&key, "other_key"));
    make_key(&project.path("other_key"));
    let said = doctor(&project, "h1");
    let (state, found, mend) = finding(&said, "login");
    assert!(said.code == 20 && state == "failed" && found.contains("was not let in"), "{said:?}");
    assert!(mend.starts_with("ssh-copy-id -p "), "{mend}");
    let line = project.opsc(&["inv", "status", "h1"]);
    assert!(line.code == 20 && line.stdout.starts_with("h1  failed  login: h1: `"), "{line:?}");
}

#[test]
fn this_machine_is_looked_at_too_and_an_unknown_one_is_refused() {
    let project = Project::new();
    let said = doctor(&project, "localhost");
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(finding(&said, "tools").0, "ok");
    let unknown = project.opsc(&["doctor", "nobody"]);
    assert!(unknown.code == 13 || unknown.code == 10, "{unknown:?}");
}
