//! A Windows host that lets users in by their certificates: the listener demands one, maps it to a user, and everything
//! that can be wrong with a certificate is said before or after it was shown.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::json;

use super::doctor::finding;
use super::project::{Project, Said};
use super::winrm_rig::{Listener, PASSWORD, USER, openssl, python, write_private};

/// Takes certificates of its authority, and knows this user alone.
fn listener(demands: bool) -> Listener {
    let auth = json!(["Certificate"]);
    Listener::tls(json!({ "auth": auth, "mapped": USER, "users_authority": "ca.pem", "demands": demands }))
}

fn project(listener: &Listener, certificate: &Path) -> Project {
    let tls = listener.authority();
    listener.project(&format!("tls: {}, certificate: {}", tls.display(), certificate.display()))
}

fn of(listener: &Listener, file: &str) -> Project {
    project(listener, &listener.folder.path().join(file))
}

/// Without any password.
fn exec(project: &Project, line: &str) -> Said {
    project.opsc(&["exec", "-y", "-l", "win1", "--", line])
}

fn stage(project: &Project, stage: &str) -> (String, String, String) {
    finding(&project.opsc(&["doctor", "win1", "-o", "json"]), stage)
}

fn login(project: &Project) -> (String, String, String) {
    stage(project, "login")
}

#[test]
fn a_certificate_logs_in_and_no_password_is_needed() {
    for demands in [true, false] {
        let listener = listener(demands);
        let project = of(&listener, "ann.pem");
        let said = exec(&project, "echo by certificate");
        assert!(said.code == 0 && said.stdout.contains("by certificate\n"), "{said:?}");
        assert_eq!(login(&project), ("ok".to_string(), "by certificate".to_string(), String::new()));
        let shown = project.opsc(&["inv", "show", "win1"]);
        assert!(shown.stdout.contains("certificate: /"), "{shown:?}");
        assert_eq!(listener.end().last().map(String::as_str), Some("shells 0"));
    }
}

#[test]
fn clients_of_others_are_let_in_the_same_way() {
    let listener = listener(true);
    let (port, authority) = (listener.port.to_string(), listener.authority());
    let certificate = listener.folder.path().join("ann.pem");
    for client in ["pywinrm", "pypsrp"] {
        let mut judge = python("judge.py");
        judge.args([client, &port]).arg(&authority).args([USER, PASSWORD]).arg(&certificate);
        let judged = judge.output().unwrap();
        let said = String::from_utf8_lossy(&judged.stderr);
        assert_eq!(String::from_utf8_lossy(&judged.stdout), "fine\n", "{client}: {said}");
    }
}

#[test]
fn a_host_that_takes_no_or_another_certificate_is_told_apart() {
    let listener = listener(true);
    let (state, found, mend) = login(&of(&listener, "eve.pem"));
    assert!(state == "failed" && found.contains("lets nobody in with this certificate"), "{found}");
    assert!(mend.contains("ClientCertificate"), "{mend}");
    // Of an authority that the host does not know: it says so once TLS is up.
    let both =
        ["other.pem", "other.key"].map(|name| std::fs::read_to_string(listener.folder.path().join(name)).unwrap());
    write_private(&listener.folder.path().join("stranger.pem"), &both.concat());
    let (state, found, mend) = stage(&of(&listener, "stranger.pem"), "tls");
    assert!(state == "failed" && found.contains("the host ended TLS: unknown ca"), "{found}");
    assert!(mend.contains("Root"), "{mend}");
    assert!(listener.end().iter().all(|word| word != "Create"));

    let deaf = Listener::tls(json!({}));
    let (state, found, mend) = stage(&of(&deaf, "ann.pem"), "tls");
    assert!(state == "failed" && found.contains("did not ask for the certificate"), "{found}");
    assert!(mend.contains("clientcertnegotiation=enable"), "{mend}");
    assert_eq!(deaf.end(), Vec::<String>::new());
}

#[test]
fn a_host_that_wants_a_certificate_says_so_to_who_has_none() {
    let listener = listener(true);
    let project = listener.project("");
    let said = project.opsc(&["doctor", "win1", "--password-file", "password", "-o", "json"]);
    let (state, found, mend) = finding(&said, "tls");
    assert!(state == "failed" && found.contains("the host ended TLS: certificate required"), "{found}");
    assert!(mend.contains("`certificate:`"), "{mend}");
}

#[test]
fn what_is_wrong_with_the_file_is_said_before_anybody_is_asked() {
    let listener = listener(true);
    let folder = listener.folder.path();
    let text = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    write_private(&folder.join("apart.pem"), &(text("ann.crt") + &text("eve.key")));
    write_private(&folder.join("empty.pem"), "");
    write_private(&folder.join("keyless.pem"), &text("ann.crt"));
    write_private(&folder.join("open.pem"), &text("ann.pem"));
    std::fs::set_permissions(folder.join("open.pem"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let sealed = openssl(folder, &["pkcs8", "-topk8", "-in", "ann.key", "-passout", "pass:x"]);
    write_private(&folder.join("sealed.pem"), &(text("ann.crt") + &sealed));
    let cases = [
        ("apart.pem", "not that of its first certificate", "one file in PEM"),
        ("empty.pem", "no certificate in PEM", "one file in PEM"),
        ("keyless.pem", "no private key in PEM", "one file in PEM"),
        ("open.pem", "others may read it (mode 0644)", "chmod 600"),
        ("sealed.pem", "is encrypted", "openssl pkey"),
        ("gone.pem", "No such file", "one file in PEM"),
    ];
    for (file, expected, mended) in cases {
        let (state, found, mend) = login(&of(&listener, file));
        assert!(state == "failed" && found.contains(expected) && mend.contains(mended), "{file}: {found} {mend}");
    }
    let plain = listener.project(&format!("tls: none, certificate: {}", folder.join("ann.pem").display()));
    let (_, found, _) = login(&plain);
    assert!(found.contains("over TLS only"), "{found}");
    assert_eq!(listener.end(), Vec::<String>::new());
}
