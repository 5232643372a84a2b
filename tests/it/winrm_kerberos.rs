//! A Windows host in a realm: a real KDC gives the tickets, the acceptor is MIT's library, and every way that a login can
//! fail has its name.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use serde_json::json;

use super::doctor::finding;
use super::project::{Project, Said, said};
use super::winrm_realm::{REALM, Realm};
use super::winrm_rig::{Listener, PASSWORD, USER, python};

fn project(listener: &Listener, realm: &Realm, user: &str) -> Project {
    let tls = if listener.is_tls { listener.authority().display().to_string() } else { "none".to_string() };
    listener.project(&format!("tls: {tls}, user: {user}, kdc: \"127.0.0.1:{}\"", realm.port))
}

fn of(listener: &Listener, realm: &Realm) -> Project {
    project(listener, realm, &format!("{USER}@{REALM}"))
}

fn exec(project: &Project, line: &str) -> Said {
    project.opsc(&["exec", "-y", "--password-file", "password", "-l", "win1", "--", line])
}

fn stage(project: &Project, stage: &str) -> (String, String) {
    let said = project.opsc(&["doctor", "win1", "--password-file", "password", "-o", "json"]);
    let (state, found, mend) = finding(&said, stage);
    assert_eq!(state, "failed", "{said:?}");
    (found, mend)
}

#[test]
fn a_password_of_the_realm_logs_in_and_seals_what_is_said() {
    let realm = Realm::start();
    for is_tls in [false, true] {
        let listener = realm.listener(is_tls, json!({}));
        let project = of(&listener, &realm);
        let said = exec(&project, "printf 'one\\n'; printf two >&2; head -c 300000 /dev/zero | tr '\\0' x | wc -c");
        assert!(said.code == 0 && said.stdout.contains("one\n") && said.stdout.contains("300000"), "{said:?}");
        assert!(said.stdout.contains("two"), "{said:?}");
        let fine = project.opsc(&["doctor", "win1", "--password-file", "password", "-o", "json"]);
        assert_eq!(finding(&fine, "shell").0, "ok", "{fine:?}");
        let heard = listener.end();
        assert!(heard.contains(&"login by Kerberos".to_string()), "{heard:?}");
        assert_eq!(heard.last().map(String::as_str), Some("shells 0"));
    }
}

#[test]
fn a_ticket_of_kinit_logs_in_without_a_password() {
    let realm = Realm::start();
    let listener = realm.listener(false, json!({}));
    // The realm's KDC is named by krb5.conf, in which realms may be written otherwise.
    let project = listener.project(&format!("tls: none, user: {USER}@{}", REALM.to_lowercase()));
    let cache = realm.kinit("tickets");
    let mut command = project.command(&["exec", "-y", "-l", "win1", "--", "echo by ticket"]);
    let named = format!("FILE:{}", cache.display());
    let done = said(command.env("KRB5_CONFIG", realm.config()).env("KRB5CCNAME", named).output().unwrap());
    assert!(done.code == 0 && done.stdout.contains("by ticket\n"), "{done:?}");
    for (cache, expected) in [("FILE:/none", "No such file"), ("KEYRING:x", "of the kind FILE only")] {
        let mut command = project.command(&["doctor", "win1", "-o", "json"]);
        let done = said(command.env("KRB5_CONFIG", realm.config()).env("KRB5CCNAME", cache).output().unwrap());
        let (_, found, mend) = finding(&done, "ticket");
        assert!(found.contains(expected) && mend.contains("kinit ann@"), "{found} {mend}");
    }
}

#[test]
fn a_client_of_others_is_let_in_the_same_way() {
    let realm = Realm::start();
    let listener = realm.listener(false, json!({}));
    let mut judge = python("judge.py");
    judge.args(["pypsrp", &listener.port.to_string(), "none", &format!("{USER}@{REALM}"), PASSWORD]);
    let judged = judge.env("KRB5_CONFIG", realm.config()).env("JUDGED_NAME", "win1").output().unwrap();
    let said = String::from_utf8_lossy(&judged.stderr);
    assert_eq!(String::from_utf8_lossy(&judged.stdout), "fine\n", "{said}");
}

#[test]
fn a_host_that_is_known_by_its_second_name_only_is_found() {
    let realm = Realm::start();
    realm.admin("delprinc -force HTTP/win1");
    realm.add_host("WSMAN", "win1");
    let listener = realm.listener(false, json!({ "service": "WSMAN" }));
    let said = exec(&of(&listener, &realm), "echo found");
    assert!(said.code == 0 && said.stdout.contains("found\n"), "{said:?}");
}

#[test]
fn a_short_key_will_do_and_another_cipher_will_not() {
    let realm = Realm::start();
    realm.admin(&format!("cpw -e aes128-cts:normal -pw \"{PASSWORD}\" {USER}"));
    let listener = realm.listener(false, json!({}));
    let project = of(&listener, &realm);
    assert_eq!(exec(&project, "echo short").code, 0);
    realm.admin(&format!("cpw -e camellia256-cts:normal -pw \"{PASSWORD}\" {USER}"));
    let (found, mend) = stage(&project, "ticket");
    assert!(found.contains("no AES key") && mend.contains("AES"), "{found}");
}

#[test]
fn what_the_kdc_refuses_has_its_name() {
    let realm = Realm::start();
    let listener = realm.listener(false, json!({}));
    let project = of(&listener, &realm);
    let shown = format!("{USER}@{REALM}");
    project.write("password", "wrong");
    assert!(stage(&project, "ticket").0.contains(&format!("the password of `{shown}` is wrong")));
    project.write("password", PASSWORD);
    let nobody = self::project(&listener, &realm, &format!("eve@{REALM}"));
    assert!(stage(&nobody, "ticket").0.contains("the KDC knows no `eve@RIG.EXAMPLE`"));
    let without = self::project(&listener, &realm, USER);
    assert!(stage(&without, "login").0.contains("Kerberos needs a realm, and `ann` names none"));
    realm.admin(&format!("modprinc -allow_tix {USER}"));
    assert!(stage(&project, "ticket").0.contains(&format!("the account of `{shown}` is locked")));
    realm.admin(&format!("modprinc +allow_tix -pwexpire yesterday {USER}"));
    let (found, mend) = stage(&project, "ticket");
    assert!(found.contains("has expired") && mend.contains("kpasswd"), "{found}");
    realm.admin(&format!("modprinc -pwexpire never {USER}"));
    realm.admin("delprinc -force HTTP/win1");
    let (found, mend) = stage(&project, "ticket");
    assert!(found.contains("knows no host HTTP/win1 or WSMAN/win1") && mend.contains("setspn"), "{found}");
    // Nobody asked the host for anything.
    let heard = listener.end();
    assert!(heard.iter().all(|word| !word.starts_with("login")), "{heard:?}");
}

#[test]
fn a_kdc_that_is_gone_or_has_another_time_is_told_apart() {
    let realm = Realm::with_clock(Some("+10m"));
    let listener = realm.listener(false, json!({}));
    let project = of(&listener, &realm);
    let (found, mend) = stage(&project, "ticket");
    assert!(found.contains("the clock of the KDC is") && found.contains("ahead of"), "{found}");
    assert!(mend.contains("chronyc"), "{mend}");
    drop(realm);
    let (found, mend) = stage(&project, "ticket");
    assert!(found.contains("does not answer") && mend.contains("krb5.conf"), "{found}");
}

#[test]
fn a_host_that_is_not_who_the_ticket_is_for_is_not_believed() {
    let realm = Realm::start();
    for fault in ["not_mutual", "other_proof"] {
        let listener = realm.listener(false, json!({ "fault": fault }));
        let (found, _) = stage(&of(&listener, &realm), "login");
        assert!(found.contains("not the host that the ticket is for"), "{fault}: {found}");
        assert!(listener.end().iter().all(|word| word != "Create"));
    }
    for (fault, expected) in [("bad_seal", "does not fit"), ("unsealed", "not believed")] {
        let listener = realm.listener(false, json!({ "fault": fault }));
        assert!(stage(&of(&listener, &realm), "binding").0.contains(expected), "{fault}");
    }
    // A stranger between, with a certificate of the same authority.
    let listener = realm.listener(true, json!({ "bound_to": "other.pem" }));
    let (found, mend) = stage(&of(&listener, &realm), "login");
    assert!(found.contains("was not let in") && mend.contains(&listener.fingerprint()), "{found} {mend}");
    // The realm has another key for the host than the host itself.
    realm.admin("cpw -randkey HTTP/win1");
    let listener = realm.listener(false, json!({}));
    assert!(stage(&of(&listener, &realm), "login").0.contains("does not take the ticket"));
}

/// Nobody knows a KDC, so `ann@REALM` is a name like others.
#[test]
fn a_realm_that_nobody_knows_is_left_to_ntlm() {
    let listener = Listener::sealed("");
    let project = listener.project(&format!("tls: none, user: {USER}@NOWHERE.EXAMPLE"));
    let (found, mend) = stage(&project, "login");
    assert!(found.contains("was not let in") && mend.contains("user@REALM"), "{found} {mend}");
}
