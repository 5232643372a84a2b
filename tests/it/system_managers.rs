//! Packages with the real zypper and pacman, on Debian hosts where apt is out of sight.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::system_case::{Case, changed};
use super::system_rpm::{BOTH, NONE, RECIPE, REPOSITORY, SHOWS};

/// One tree for these package managers and for the firewalls.
pub(crate) const MORE: &[&str] = &[
    "createrepo-c",
    "firewalld",
    "iptables",
    "libarchive-tools",
    "locales",
    "makepkg",
    "nftables",
    "pacman-package-manager",
    "rpm",
    "ufw",
    "zypper",
];

fn zypper() -> Case {
    let case = Case::with_packages(MORE);
    case.host().sh(&format!(
        "{RECIPE}\nmkdir -p -m 700 /root/.opsc/backup\nmkdir -p /etc/zypp/repos.d\n{REPOSITORY} > /etc/zypp/repos.d/tests.repo\n\
         zypper -n -q refresh 2>/dev/null\nzypper -n -q install base 2>/dev/null"
    ));
    case
}

#[test]
fn zypper_installs_holds_and_removes() {
    let case = zypper();
    case.converges("package.ensure(names: [\"hello\"])", SHOWS, BOTH);
    case.has_nothing_to_do("package.install(names: [\"hello\", \"hello-lib\"])");
    let said = case.run("package.ensure(names: [\"hello\"], version: \"1.0\")");
    assert_eq!((said.code, changed(&said)), (0, 1), "{said:?}");
    assert_eq!(case.host().sh(SHOWS), BOTH.replace("2.0", "1.0"));
    case.fails("package.ensure(names: [\"nowhere\"])", SHOWS, &["No provider of 'nowhere' found."]);
    case.fails("package.install(names: [\"broken\"])", SHOWS, &["the database is not reachable"]);

    case.reads(
        "x = package.status(name: \"hello\")
    require x.version == \"1.0-1\" and x.candidate == \"2.0-1\" and x.upgradable and not x.held and not x.automatic else \"hello\"
    y = package.status(name: \"hello-lib\")
    require y.automatic and y.candidate == \"1.0-1\" and not y.upgradable else \"hello-lib\"
    z = package.status(name: \"nowhere\")
    require not z.installed and z.candidate == none else \"nowhere\"
    updates = os.update_status()
    require updates.updates == 1 and updates.security == 0 else \"{updates.updates}\"",
    );
    let held = "grep solvable_name /etc/zypp/locks || true";
    case.converges("package.hold(names: [\"hello\"])", held, "solvable_name: hello\n");
    case.converges("package.hold(names: [\"hello\"], held: false)", held, "");

    case.host().sh("echo mine > /etc/hello.conf");
    let shows = format!("{SHOWS}; cat /etc/hello.conf");
    case.converges("package.upgrade(names: [\"hello\"])", &shows, &format!("{BOTH}mine\n"));
    let others = "other packages need them and would go too: hello; say dependents: true";
    case.fails("package.remove(names: [\"hello-lib\"])", SHOWS, &[others]);
    let step = "package.remove(names: [\"hello-lib\"], dependents: true)";
    case.converges(step, &format!("{SHOWS}; cat /etc/hello.conf.rpmsave || true"), &format!("{NONE}mine\n"));
    case.converges("package.install(names: [\"hello\"])", SHOWS, BOTH);
}

#[test]
fn zypper_reads_lists_and_takes_updates() {
    let case = zypper();
    case.has_nothing_to_do("package.refresh()");
    case.host().sh("rm -rf /var/cache/zypp/*");
    let said = case.run("package.refresh()");
    assert_eq!((said.code, changed(&said)), (0, 1), "{said:?}");
    case.has_nothing_to_do("package.refresh()");
    case.host().sh("zypper -n -q install hello=1.0 2>/dev/null");
    let said = case.run("x = os.update()\n    require x.updated == [\"hello\"] else \"other: {x.waiting}\"");
    assert_eq!((said.code, changed(&said)), (0, 1), "{said:?}");
    case.has_nothing_to_do("os.update(classes: [\"security\"])");
    case.has_nothing_to_do("os.update()");

    let shows = "cat /etc/zypp/repos.d/more.repo 2>/dev/null || true";
    let step = "package_repo.add(name: \"more\", uri: \"file:///srv/rpm\", trusted: true)";
    let made = "[more]\nname=more\nbaseurl=file:///srv/rpm\nenabled=1\nautorefresh=1\ngpgcheck=0\n";
    case.converges(step, shows, made);
    case.converges("package_repo.remove(name: \"more\")", shows, "");
    case.project.write("tests.asc", super::system_repositories::KEY);
    let keys = "ls /etc/pki/rpm-gpg 2>/dev/null || true; rpm -q gpg-pubkey --qf '%{SUMMARY}\\n' | grep -v 'not installed' || true";
    let trusted = "RPM-GPG-KEY-tests\nmade for tests public key\n";
    case.converges("package_key.add(name: \"tests\", from: file(\"tests.asc\"))", keys, trusted);
    let gone = "package_repo.add(name: \"gone\", uri: \"file:///nowhere\", trusted: true)";
    case.fails(gone, "ls /etc/zypp/repos.d", &["/nowhere"]);
}

fn pacman() -> Case {
    let case = Case::with_packages(MORE);
    case.host().sh(include_str!("system_pacman.sh"));
    case
}

/// What is there, and what came because something needed it.
const PACMAN: &str = "pacman -Q; pacman -Qqd || true";

#[test]
fn pacman_installs_removes_and_upgrades() {
    let case = pacman();
    let both = "base 1.0-1\nhello 1.0-1\nhello-lib 1.0-1\nhello-lib\n";
    case.converges("package.ensure(names: [\"hello\"])", PACMAN, both);
    case.has_nothing_to_do("package.install(names: [\"hello\", \"hello-lib\"])");
    case.has_nothing_to_do("package.ensure(names: [\"hello\"], version: \"1.0\")");
    let other = "package.ensure(names: [\"hello\"], version: \"3.0\")";
    case.fails_not_undone(other, PACMAN, &["the lists have 1.0-1 of hello, not 3.0"]);
    case.fails("package.ensure(names: [\"nowhere\"])", PACMAN, &["target not found: nowhere"]);

    case.host().sh("cd /srv/pacman; repo-add -q tests.db.tar.gz hello-2.0-1-any.pkg.tar.gz");
    let said = case.run("package.refresh(age: 0s)");
    assert_eq!((said.code, changed(&said)), (0, 1), "{said:?}");
    case.has_nothing_to_do("package.refresh()");
    case.reads(
        "x = package.status(name: \"hello\")
    require x.version == \"1.0-1\" and x.candidate == \"2.0-1\" and x.upgradable and not x.held and not x.automatic else \"hello\"
    y = package.status(name: \"hello-lib\")
    require y.automatic and not y.upgradable else \"hello-lib\"
    z = package.status(name: \"nowhere\")
    require not z.installed and z.candidate == none else \"nowhere\"",
    );
    let step = "package.upgrade(names: [\"hello\"])";
    let said = case.run(&format!("{step}\n    require host.name == \"nobody\" else \"stop\""));
    assert!(said.stderr.contains("NOT fully rolled back; left: package.upgrade"), "{said:?}");
    assert_eq!(case.host().sh(PACMAN), both.replace("hello 1.0", "hello 2.0"));
    case.has_nothing_to_do(step);

    let others = "other packages need them and would go too: hello; say dependents: true";
    case.fails("package.remove(names: [\"hello-lib\"])", PACMAN, &[others]);
    case.host().sh("echo mine > /etc/hello.conf");
    let step = "package.remove(names: [\"hello-lib\"], dependents: true)";
    case.converges(step, &format!("{PACMAN}; cat /etc/hello.conf*"), "base 1.0-1\nmine\n");
    case.converges("package.install(names: [\"hello\"])", PACMAN, &both.replace("hello 1.0", "hello 2.0"));
}
