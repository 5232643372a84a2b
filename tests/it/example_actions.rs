//! The actions of the example fleet that can run on this machine: each does it, finds nothing to do the second time and
//! is undone. The servers are the test's own; certificates are made by the real openssl.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::process::{Command, Stdio};

use super::example_servers::{Request, http};
use super::examples::example;
use super::project::Said;
use super::stdlib_cases::{Case, mode};
use super::stdlib_tls::TlsServer;

fn case() -> Case {
    let case = Case { project: example("fleet") };
    std::fs::create_dir_all(case.project.path("root")).unwrap();
    case
}

/// Runs a tool that must do well; what it printed.
pub(crate) fn tool(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).stderr(Stdio::piped()).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_string()
}

/// Runs steps that change nothing but must hold.
fn holds(case: &Case, row: &str, steps: &str) -> Said {
    let said = case.run(steps, row, &["run", "-y"]);
    assert_eq!(said.code, 0, "{said:?}");
    said
}

#[test]
fn archive_extract() {
    let case = case();
    let step = "archive.extract(from: file(\"dist/app-2.4.1.tar.gz\"), to: \"{root}/it's 2.4.1\")";
    case.converges(step, "change", |project| {
        project.read("root/it's 2.4.1/VERSION").as_deref() == Some("2.4.1\n")
            && mode(project, "root/it's 2.4.1/bin/migrate") == 0o755
    });
    // Another archive takes the place of the first, whole.
    let folder = case.project.path("other");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("NEW"), "x").unwrap();
    let archive = case.project.path("dist/other.tar");
    tool("tar", &["-cf", archive.to_str().unwrap(), "-C", folder.to_str().unwrap(), "NEW"]);
    let other = "archive.extract(from: file(\"dist/other.tar\"), to: \"{root}/it's 2.4.1\")";
    case.converges(other, "change", |project| {
        project.read("root/it's 2.4.1/NEW").is_some() && project.read("root/it's 2.4.1/VERSION").is_none()
    });
    case.project.write("dist/broken.tar", "no archive");
    let broken = "archive.extract(from: file(\"dist/broken.tar\"), to: \"{root}/it's 2.4.1\")";
    case.fails(broken, "change", "tar");
    case.project.write("root/plain", "x");
    let over = "archive.extract(from: file(\"dist/other.tar\"), to: \"{root}/plain\")";
    case.fails(over, "change", "exists and is not a folder");
}

#[test]
fn a_certificate_from_key_to_server() {
    let case = case();
    let place = |name: &str| case.project.path(&format!("root/{name}")).display().to_string();
    case.project.write("root/ca/note", "");
    let (ca_key, ca) = (place("ca/ca.key"), place("ca/ca.crt"));
    let request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=ca", "-days", "2"];
    tool("openssl", &[&request[..], &["-keyout", &ca_key, "-out", &ca]].concat());

    case.converges("tls.key(path: \"{root}/app key\", mode: \"0600\")", "change", |project| {
        mode(project, "root/app key") == 0o600 && project.read("root/app key").unwrap().contains("PRIVATE KEY")
    });
    case.fails("tls.key(path: \"{root}/ca/note\")", "change", "is not a private key");

    let asks = "csr = tls.csr(key: \"{root}/app key\", name: \"web1\", alt: [\"web1\", \"192.0.2.11\", \"2001:db8::1\"])\n    file.write(to: \"{root}/csr\", content: csr.pem)";
    holds(&case, "change", asks);
    let names = tool("openssl", &["req", "-in", &place("csr"), "-noout", "-text"]);
    assert!(names.contains("DNS:web1, IP Address:192.0.2.11, IP Address:2001:DB8:0:0:0:0:0:1"), "{names}");

    let csr = case.project.read("root/csr").unwrap().trim_end().replace('\n', "\\n");
    let signs = format!("signed = ca.sign(csr: \"{csr}\", days: 90, folder: \"{{root}}/ca\")");
    case.converges_but_for(&signs, "change", "ca/to-revoke", |project| project.path("root/ca/issued").exists());
    holds(&case, "change", &format!("{signs}\n    file.write(to: \"{{root}}/crt\", content: signed.pem)"));
    tool("openssl", &["verify", "-CAfile", &ca, "-verify_ip", "192.0.2.11", &place("crt")]);
    let shown = tool("openssl", &["x509", "-in", &place("crt"), "-noout", "-text"]);
    assert!(shown.contains("CA:FALSE") && shown.contains("DNS:web1"), "{shown}");

    let print = tool("openssl", &["x509", "-in", &place("crt"), "-noout", "-fingerprint", "-sha256"]);
    let print = print.split('=').nth(1).unwrap().replace(':', "").to_lowercase();
    let server = TlsServer::start(&place("crt"), &place("app key"));
    let probes = format!(
        "{signs}\n    seen = tls.probe(host: \"127.0.0.1\", port: {}) {{\n      retry: 50\n      every: 200ms\n    }}\n    require seen.sha256 == signed.sha256 and seen.sha256 == \"{print}\" else \"{{seen.sha256}}\"\n    require seen.left > 89d and seen.left <= 90d else \"wrong time\"",
        server.port
    );
    holds(&case, "change, network", &probes);
    let expires = "old = tls.expiry(path: \"{root}/crt\")\n    require old.exists and old.left > 89d and old.left <= 90d else \"wrong time\"\n    none = tls.expiry(path: \"{root}/nothing\")\n    require not none.exists and none.left == 0s else \"there is one\"";
    holds(&case, "read", &expires.replace("none", "absent"));
}

#[test]
fn a_request_gets_no_more_than_names() {
    let case = case();
    let place = |name: &str| case.project.path(&format!("root/{name}")).display().to_string();
    let new = ["req", "-newkey", "rsa:2048", "-nodes", "-keyout"];
    let (ca_key, ca) = (place("ca.key"), place("ca.crt"));
    tool("openssl", &[&new[..], &[&ca_key, "-x509", "-subj", "/CN=ca", "-out", &ca]].concat());
    let wants = ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "subjectAltName=DNS:web1"];
    tool("openssl", &[&new[..], &[&place("key"), "-subj", "/CN=evil", "-out", &place("csr")], &wants[..]].concat());
    let sign = |name: &str| {
        let csr = case.project.read(name).unwrap().trim_end().replace('\n', "\\n");
        format!("signed = ca.sign(csr: \"{csr}\", days: 1, folder: root)")
    };
    holds(&case, "change", &format!("{}\n    file.write(to: \"{{root}}/crt\", content: signed.pem)", sign("root/csr")));
    let shown = tool("openssl", &["x509", "-in", &place("crt"), "-noout", "-text"]);
    assert!(shown.contains("CA:FALSE") && !shown.contains("CA:TRUE"), "{shown}");
    tool("openssl", &[&new[..], &[&place("key"), "-subj", "/CN=nameless", "-out", &place("nameless")]].concat());
    case.fails(&sign("root/nameless"), "change", "names nothing");
}

#[test]
fn an_alert_is_silenced_heard_again_and_the_silence_undone() {
    let case = case();
    let mut active = false;
    let server = http(move |request: &Request| {
        let method = request.line.split(' ').next().unwrap();
        active = if method == "GET" { active } else { method == "POST" };
        let state = if active { "active" } else { "expired" };
        (200, format!("{{\"silenceID\":\"0b4c-1\",\"status\":{{\"state\":\"{state}\"}}}}"))
    });
    let at = format!("http://127.0.0.1:{}", server.port);
    let silence = format!(
        "x = alertmanager.silence(matcher: {{ instance: \"web\\\"1\\\\\", env: \"prod\" }}, for: 90m, server: \"{at}\")"
    );
    holds(&case, "change, network", &format!("{silence}\n    require x.id == \"0b4c-1\" else \"{{x.id}}\""));
    let body: serde_json::Value = serde_json::from_str(&server.heard()[0].body).unwrap();
    assert_eq!(body["matchers"][0]["value"], "web\"1\\");
    assert_eq!(body["matchers"].as_array().unwrap().len(), 2);
    let heard = format!("alertmanager.unsilence(id: \"0b4c-1\", server: \"{at}\")");
    for changed in [1, 0] {
        let said = holds(&case, "change, network", &heard);
        assert_eq!(case.changed(&said), changed, "{said:?}");
    }
    server.heard();
    let failing = format!("{silence}\n    require host.name == \"x\" else \"stop\"");
    let undone = case.run(&failing, "change, network", &["run", "-y"]);
    assert_eq!(undone.code, 23, "{undone:?}");
    let lines: Vec<String> = server.heard().into_iter().map(|request| request.line).collect();
    assert_eq!(lines, ["POST /api/v2/silences HTTP/1.1", "DELETE /api/v2/silence/0b4c-1 HTTP/1.1"]);
}

#[test]
fn disk_free_says_what_df_says() {
    let case = case();
    let steps = "x = disk.free(path: root)\n    require x.free > 0B and x.free <= x.total else \"wrong\"";
    case.reads(steps, "read");
    case.fails("disk.free(path: \"{root}/nothing\")", "read", "says nothing of");
}
