//! The host's end of NTLM by two authors who know nothing of each other: what one takes for right, the other takes too.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use serde_json::{Value as Json, json};

use super::doctor::finding;
use super::project::{Project, Said};
use super::winrm_rig::{Listener, PASSWORD, USER, other_acceptor, python};

fn listener(is_tls: bool, mut more: Json) -> Listener {
    more["acceptor"] = json!(other_acceptor());
    Listener::start(is_tls, more)
}

fn exec(project: &Project, line: &str) -> Said {
    project.opsc(&["exec", "-y", "--password-file", "password", "-l", "win1", "--", line])
}

fn login(project: &Project) -> String {
    finding(&project.opsc(&["doctor", "win1", "--password-file", "password", "-o", "json"]), "login").1
}

#[test]
fn the_other_acceptor_lets_opsc_in_and_opens_what_it_seals() {
    for is_tls in [false, true] {
        let listener = listener(is_tls, json!({}));
        let said = exec(&listener.project(""), "printf 'one\\n'; head -c 300000 /dev/zero | tr '\\0' x | wc -c");
        assert!(said.code == 0 && said.stdout.contains("one\n") && said.stdout.contains("300000"), "{said:?}");
        let heard = listener.end();
        assert!(heard.contains(&"login".to_string()), "{heard:?}");
        assert_eq!(heard.last().map(String::as_str), Some("shells 0"));
    }
}

#[test]
fn the_other_acceptor_takes_no_wrong_password_and_no_wrong_binding() {
    let sealed = listener(false, json!({}));
    let project = sealed.project("");
    project.write("password", "wrong");
    assert!(login(&project).contains("was not let in"));
    assert!(sealed.end().contains(&"login failed Refused".to_string()));
    let bound = listener(true, json!({ "bound_to": "other.pem" }));
    assert!(login(&bound.project("")).contains("was not let in"));
    assert!(bound.end().contains(&"login failed Refused".to_string()));
}

/// So that it is no friend of opsc alone. Only this client speaks NTLM without a wrapping, as the acceptor does.
#[test]
fn a_client_of_others_is_let_in_by_the_other_acceptor() {
    let listener = listener(false, json!({}));
    let judged =
        python("judge.py").args(["pywinrm", &listener.port.to_string(), "none", USER, PASSWORD]).output().unwrap();
    let said = String::from_utf8_lossy(&judged.stderr);
    assert_eq!(String::from_utf8_lossy(&judged.stdout), "fine\n", "{said}");
}
