//! The actions for repositories of packages and their keys, on a real Debian host: signed, not signed, gone.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::system_case::Case;

/// Made for these tests, as is what it signed: an empty list of packages.
pub(crate) const KEY: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----

mDMEY7IegBYJKwYBBAHaRw8BAQdAxeDw3iYCWJHPQWScp1UehmGfnJpgzSOtXTAC
lX0x/+e0Dm1hZGUgZm9yIHRlc3RziJAEExYIADgWIQSJwM4yDSwdPyNbBguZlLBu
48hI+gUCY7IegAIbAwULCQgHAgYVCgkICwIEFgIDAQIeAQIXgAAKCRCZlLBu48hI
+qGRAQC26icQ+hdscQdUjVAUMJlh6hUNtfw9PG26BNwB60Xr2AD/d3kog4OhcvBE
lDcABA85JgOLobfauxxZXjSRTZvvDQs=
=eSSG
-----END PGP PUBLIC KEY BLOCK-----
";
const SIGNED: &str = "-----BEGIN PGP SIGNED MESSAGE-----
Hash: SHA256

Origin: tests
Suite: ./
Date: Mon, 02 Jan 2023 00:00:00 UTC
SHA256:
 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 0 Packages
-----BEGIN PGP SIGNATURE-----

iHUEARYIAB0WIQSJwM4yDSwdPyNbBguZlLBu48hI+gUCY7IegAAKCRCZlLBu48hI
+pUxAQDhqi/IXAga17XKwJsfS5QylGpU92e08UQmpIm86LqmgwEAgoodk1oFHL1/
LpSc2iWKC1wn5A5vmP7urHULJSMsFQ0=
=Q6ur
-----END PGP SIGNATURE-----
";

const KEYS: &str = "ls /etc/apt/keyrings 2>/dev/null || true";
const SOURCES: &str =
    "cat /etc/apt/sources.list.d/tests.* 2>/dev/null || true; ls /var/lib/apt/lists | grep signed || true";

/// A host that has an empty repository, signed, and no keys.
fn case() -> Case {
    let case = Case::new();
    case.project.write("tests.asc", KEY);
    case.host().sh(&format!(
        "rm -rf /etc/apt/keyrings; mkdir /srv/signed; : > /srv/signed/Packages; cat > /srv/signed/InRelease <<'END'\n{SIGNED}END"
    ));
    case
}

#[test]
fn a_key_is_put_in_place_and_a_repository_that_it_signed_is_used() {
    let case = case();
    let key = "package_key.add(name: \"tests\", from: file(\"tests.asc\"))";
    case.converges(key, KEYS, "tests.asc\n");
    let step =
        |rest: &str| format!("package_repo.add(name: \"tests\", uri: \"file:/srv/signed\", suites: [\"./\"]{rest})");
    let signed = step(", key: \"/etc/apt/keyrings/tests.asc\"");
    let made = "Types: deb\nURIs: file:/srv/signed\nSuites: ./\nSigned-By: /etc/apt/keyrings/tests.asc\n";
    let list = "_srv_signed_._InRelease\n";
    case.converges(&signed, SOURCES, &format!("{made}{list}"));
    case.host().sh("mkdir /srv/plain; : > /srv/plain/Packages");
    let plain = "package_repo.add(name: \"tests\", uri: \"file:/srv/plain\", suites: [\"./\"], trusted: true)";
    let trusted = "Types: deb\nURIs: file:/srv/plain\nSuites: ./\nTrusted: yes\n";
    // What was read of the one before goes with the next update of all.
    case.converges(plain, SOURCES, &format!("{trusted}{list}"));

    case.host().sh("mkdir -p -m 700 /root/.opsc/backup; apt-get update -q; cp /etc/apt/sources.list.d/tests.sources /root; echo > /etc/apt/sources.list.d/tests.list");
    case.converges("package_repo.remove(name: \"tests\")", SOURCES, "");
    case.fails(&step(""), SOURCES, &["NO_PUBKEY"]);
    // What was there comes back where the new one cannot be read.
    case.host().sh("cp /root/tests.sources /etc/apt/sources.list.d/; apt-get update -q");
    let gone = "package_repo.add(name: \"tests\", uri: \"file:/nowhere\", suites: [\"./\"], trusted: true)";
    case.fails(gone, SOURCES, &["File not found - /nowhere"]);
}

#[test]
fn keys_are_keys_and_names_are_names() {
    let case = case();
    case.project.write("tests.txt", "no key\n");
    case.fails("package_key.add(name: \"tests\", from: file(\"tests.txt\"))", KEYS, &["tests.txt is no public key"]);
    case.project.write("tests.asc", &format!("{KEY}\n"));
    case.host().sh("mkdir -p -m 700 /root/.opsc/backup /etc/apt/keyrings; echo old > /etc/apt/keyrings/tests.asc");
    let shows = "sha256sum < /etc/apt/keyrings/tests.asc | cut -c 1-8";
    let done = format!("{}\n", &sha256(&format!("{KEY}\n"))[..8]);
    case.converges("package_key.add(name: \"tests\", from: file(\"tests.asc\"))", shows, &done);
    let repo = "package_repo.add(name: \"tests\", uri: \"file:/srv/signed\", suites: [\"./\"], key: \"/none\")";
    case.fails(repo, SOURCES, &["the file of the key is not there: first package_key.add"]);
    for wrong in [
        "package_repo.remove(name: \"../x\")",
        "package_key.add(name: \"a/b\", from: file(\"tests.asc\"))",
        "package_repo.add(name: \"x\", uri: \"file:/srv/signed\", suites: [\"a b\"])",
        "package_repo.add(name: \"x\", uri: \"file:/srv/si gned\", suites: [\"a\"])",
    ] {
        let said = case.run(wrong);
        assert_eq!(said.code, 11, "{said:?}");
    }
}

fn sha256(text: &str) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}
