//! The action for packages on a real Debian host, from a repository of its own: dependencies, versions, old lists, a
//! lock that another apt holds, packages that are held, broken or unknown.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::system_case::{Case, changed};

const INSTALLED: &str =
    "dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\\n' 'hello*' broken 2>/dev/null || true";

#[test]
fn package_ensure_installs_what_is_missing_and_its_dependencies() {
    let case = Case::new();
    let both = "hello 2.0 installed\nhello-lib 1.0 installed\n";
    case.converges("package.ensure(names: [\"hello\"])", INSTALLED, both);
    case.has_nothing_to_do("package.ensure(names: [\"hello\", \"hello-lib\"])");
    case.has_nothing_to_do("package.ensure(names: [\"hello\"], version: \"2.0\")");
    case.has_nothing_to_do("package.ensure(names: [\"base-files\", \"libc6\"])");
}

#[test]
fn a_version_is_installed_and_goes_up_and_down() {
    let case = Case::new();
    let (old, new) =
        ("hello 1.0 installed\nhello-lib 1.0 installed\n", "hello 2.0 installed\nhello-lib 1.0 installed\n");
    case.converges("package.ensure(names: [\"hello\"], version: \"1.0\")", INSTALLED, old);
    case.host().sh("echo mine > /etc/hello.conf");
    for (version, expected) in [("2.0", new), ("1.0", old)] {
        let step = format!("package.ensure(names: [\"hello\"], version: \"{version}\")");
        let said = case.run(&step);
        assert_eq!((said.code, changed(&said)), (0, 1), "{said:?}");
        assert_eq!(case.host().sh(INSTALLED), expected);
        assert_eq!(case.host().sh("cat /etc/hello.conf"), "mine\n", "an edited file stays, and nobody is asked");
        case.has_nothing_to_do(&step);
    }
    let step =
        "package.ensure(names: [\"hello\"], version: \"2.0\")\n    require host.name == \"nobody\" else \"stop\"";
    let said = case.run(step);
    assert!(said.stderr.contains("NOT fully rolled back; left: package.ensure"), "{said:?}");
    assert_eq!(case.host().sh(INSTALLED), new, "another version is not gone back to");

    case.host().sh("apt-mark hold hello");
    let held = "package.ensure(names: [\"hello\"], version: \"1.0\")";
    case.fails_not_undone(held, INSTALLED, &["Held packages were changed"]);
    case.fails_not_undone(
        "package.ensure(names: [\"hello\"], version: \"7\")",
        INSTALLED,
        &["Version '7' for 'hello'"],
    );
}

#[test]
fn packages_that_cannot_be_installed_say_why_and_are_gone_again() {
    let case = Case::new();
    case.fails("package.ensure(names: [\"nowhere\"])", INSTALLED, &["Unable to locate package nowhere"]);
    case.fails("package.ensure(names: [\"hello\", \"nowhere\"])", INSTALLED, &["Unable to locate package nowhere"]);
    case.fails("package.ensure(names: [\"h.llo\"])", INSTALLED, &["Unable to locate package h.llo"]);
    case.fails(
        "package.ensure(names: [\"broken\"])",
        INSTALLED,
        &["the database is not reachable", "broken package post-installation script"],
    );
    let said = case.run("package.ensure(names: [\"sudo-\"])");
    assert_eq!(said.code, 11, "{said:?}");
}

#[test]
fn what_was_left_of_a_package_is_left_again() {
    let case = Case::new();
    case.host().sh("apt-get install -q -y hello; echo mine > /etc/hello.conf; apt-get remove -q -y hello");
    let both = "hello 2.0 installed\nhello-lib 1.0 installed\n";
    case.converges("package.ensure(names: [\"hello\"])", INSTALLED, both);
    assert_eq!(case.host().sh("cat /etc/hello.conf"), "mine\n");
}

#[test]
fn old_lists_are_renewed() {
    let case = Case::new();
    case.host().sh("rm -rf /var/lib/apt/lists/*");
    let step = "package.ensure(names: [\"hello\"])";
    let said = case.run(step);
    assert_eq!((said.code, changed(&said)), (0, 1), "{said:?}");

    case.host().sh("apt-get purge -y hello; cd /srv/repository; rm hello_2.0_all.deb; \
         perl -i -00 -ne 'print unless /^Package: hello$/m and /^Version: 2.0$/m' Packages; grep -c . Packages");
    let said = case.run(step);
    assert_eq!((said.code, changed(&said)), (0, 1), "{said:?}");
    assert_eq!(case.host().sh(INSTALLED), "hello 1.0 installed\nhello-lib 1.0 installed\n");
}

#[test]
fn another_apt_is_waited_for() {
    let case = Case::new();
    // Holds the lock as another apt does, until the step has begun to wait.
    let holder = r#"use Fcntl; open my $lock, ">", "/var/lib/dpkg/lock-frontend" or die;
        my $all = pack "s s l! l! i", F_WRLCK, 0, 0, 0, 0;
        fcntl $lock, F_SETLK, $all or die "$!";
        open my $held, ">", "/run/held"; sleep 1000;"#;
    case.host()
        .sh(&format!("cat > /root/holder <<'END'\n{holder}\nEND\nsystemd-run -q --unit holder perl /root/holder"));
    case.host().sh("until [ -e /run/held ]; do systemctl is-active -q holder || { journalctl -o cat -u holder >&2; exit 1; }; sleep 0.05; done");
    let release = "until pgrep -f DPkg::Lock; do sleep 0.05; done; sleep 2; systemctl stop holder; touch /run/released";
    case.host().sh(&format!("systemd-run -q sh -c '{release}'"));
    let said = case.run("package.ensure(names: [\"hello\"])");
    assert_eq!((said.code, changed(&said)), (0, 1), "{said:?}");
    assert_eq!(case.host().sh("ls /run/released"), "/run/released\n", "it was waited for");
}
