//! Actions for certificates, mail, the net and waiting where `/bin/sh` is another shell, and where every tool but openssl,
//! curl, getent and bash is busybox's. Needs root, to put another shell in the place of this one.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use super::example_servers::mail;
use super::project::Project;
use super::stdlib_tls::{TlsServer, authority};
use super::system_shells::{Other, USUAL, busybox_tools};

/// What is done and expected; `@` is the folder, `OPEN`, `TLS` and `MAIL` are ports.
const STEPS: &[&str] = &[
    "tls.key(path: \"@/it's.key\", mode: \"0640\", owner: \"daemon\", group: \"1\")",
    "tls.self_signed(key: \"@/it's.key\", to: \"@/it's.crt\", name: \"web1\", alt: [\"web1\", \"192.0.2.1\"], days: 400)",
    "old = tls.expiry(path: \"@/it's.crt\")",
    "require old.left > 399d and old.left <= 400d and old.names.count == 2 and old.names[1] == \"192.0.2.1\" else \"{old.names}\"",
    "csr = tls.csr(key: \"@/it's.key\", name: \"web1\")",
    "require matches(csr.pem, 'BEGIN CERTIFICATE REQUEST') else \"{csr.pem}\"",
    "seen = tls.probe(host: \"127.0.0.1\", port: TLS)",
    "require seen.subject == \"CN=server\" and seen.left > 1d and not seen.trusted else \"{seen.reason}\"",
    "net.port(to: \"127.0.0.1\", port: OPEN)",
    "net.port(to: \"127.0.0.1\", port: 1, state: \"closed\")",
    "net.dns(name: \"127.0.0.1\", address: \"127.0.0.1\")",
    "way = net.trace(to: \"db1\")",
    "require way.reached and way.hops[0].address == none and (way.hops[1].rtt ?? 0.0) == 1.5 else \"{way.hops.count}\"",
    "cards = gpu.info()",
    "require cards.gpus[0].memory == 1MiB and cards.gpus[0].load == none else \"{cards.count}\"",
    "wait.path(path: \"@/it's.key\", contains: \"PRIVATE\")",
    "wait.path(path: \"@/none\", state: \"absent\")",
    "wait.port(port: OPEN)",
    "wait.seconds(for: 1s)",
];

const MAIL: &str = "notify.email(to: [\"a@b\", \"c@d\"], subject: \"größer als zuvor, und länger, als ein Wort je sein könnte\", body: \"ü\\n.\\nit's $x\", server: \"smtp://127.0.0.1:MAIL\", from: \"e@f\")";

/// Tools that are not on every machine, with the words of real ones.
fn scripted() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, said) in [
        ("traceroute", "traceroute to db1 (192.0.2.9), 30 hops max\n 1  *\n 2  192.0.2.9  1.500 ms"),
        ("nvidia-smi", "0, a card, GPU-1, 1, 1, [N/A], 30, 5.5"),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, format!("#!/bin/sh\ncat <<'END'\n{said}\nEND\n")).unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    }
    folder
}

/// Does it all twice; the mail that was sent, without what is of its own.
fn done(shell: &str, path: &str) -> String {
    let (tools, server) = (scripted(), mail());
    let path = format!("{}:{path}", tools.path().display());
    let other = Other { mounts: &[(shell, "/bin/sh")], path: &path, project: Project::new() };
    fs::create_dir(other.project.path("root")).unwrap();
    let (_, certificate, key) = authority(&other.project, "127.0.0.1");
    let tls = TlsServer::start(&certificate, &key);
    tls.wait();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let ports = [("OPEN", listener.local_addr().unwrap().port()), ("TLS", tls.port), ("MAIL", server.port)];
    let filled =
        |step: &str| ports.iter().fold(step.to_string(), |step, (name, port)| step.replace(name, &port.to_string()));
    let mut steps: Vec<String> = STEPS.iter().map(|step| filled(step)).collect();
    for changes in [2, 0] {
        let given: Vec<&str> = steps.iter().map(String::as_str).collect();
        let ran = other.run(&given, "");
        assert!(ran.code == 0 && ran.stdout.contains(&format!("changed={changes} ")), "{shell}: {ran:?}");
    }
    steps = vec![filled(MAIL)];
    let sent = other.run(&[&steps[0]], "");
    assert_eq!(sent.code, 0, "{shell}: {sent:?}");
    let heard = server.heard().concat();
    let kept =
        heard.lines().filter(|line| !line.starts_with("Date:") && !line.starts_with("EHLO") && !line.contains("SIZE="));
    kept.collect::<Vec<_>>().join("\n")
}

#[test]
fn every_shell_and_busybox_see_the_same_net() {
    let expected = done("/bin/dash", USUAL);
    assert!(expected.contains("Subject: =?UTF-8?B?"), "{expected}");
    for shell in ["/bin/bash", "/bin/ksh"] {
        assert_eq!(done(shell, USUAL), expected, "{shell}");
    }
    assert_eq!(done("/bin/busybox", busybox_tools().path().to_str().unwrap()), expected, "busybox");
}

#[test]
fn tools_that_are_not_there_are_named() {
    let nothing = "/dev/null";
    let cases = [
        ("/usr/bin/bash", "net.port(to: \"127.0.0.1\", port: 1)", "bash is not there"),
        ("/usr/bin/curl", "notify.email(to: [\"a@b\"], subject: \"x\", body: \"y\")", "curl is not there"),
        ("/usr/bin/curl", "net.bandwidth(url: \"http://127.0.0.1:1/\")", "curl"),
        ("/usr/bin/openssl", "tls.key(path: \"@/x\")", "openssl is not there"),
        ("/usr/bin/openssl", "tls.self_signed(key: \"@/x\", to: \"@/y\", name: \"z\")", "openssl is not there"),
    ];
    for (tool, step, words) in cases {
        let other = Other { mounts: &[(nothing, tool)], path: USUAL, project: Project::new() };
        fs::create_dir(other.project.path("root")).unwrap();
        let ran = other.run(&[step], "");
        assert!(ran.code != 0 && ran.stderr.contains(words), "{tool}: {ran:?}");
    }
    for (step, words) in [
        ("net.ping(to: \"127.0.0.1\")", "ping is not there"),
        ("net.trace(to: \"127.0.0.1\")", "neither traceroute nor tracepath is there"),
        ("net.path(to: \"127.0.0.1\")", "the ping of iputils is not there"),
    ] {
        // Of this machine's tools none but what every system has.
        let places =
            [("/dev/null", "/usr/bin/ping"), ("/dev/null", "/usr/bin/traceroute"), ("/dev/null", "/usr/bin/tracepath")];
        let there: Vec<(&str, &str)> = places.into_iter().filter(|(_, place)| fs::exists(place).unwrap()).collect();
        let bare = Other { mounts: &there, path: USUAL, project: Project::new() };
        let ran = bare.run(&[step], "");
        assert!(ran.code != 0 && ran.stderr.contains(words), "{step}: {ran:?}");
    }
}
