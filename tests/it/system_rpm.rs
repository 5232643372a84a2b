//! Packages, their repositories and keys with the real dnf, on Debian hosts where apt is out of sight.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::system_case::{Case, changed};

/// Makes the repository, and hides apt.
pub(crate) const RECIPE: &str = include_str!("system_rpm.sh");
const DNF: &[&str] = &["createrepo-c", "dnf", "dnf-plugins-core", "rpm"];

pub(crate) const SHOWS: &str = "rpm -qa --qf '%{NAME} %{VERSION}\\n' | grep -v gpg-pubkey | sort";
/// And why they are there.
const REASONS: &str = "rpm -qa --qf '%{NAME} %{VERSION}\\n' | grep -v gpg-pubkey | sort; \
     dnf -q -C repoquery --installed --qf '%{name}: %{reason}' | sort | grep hello || true";
pub(crate) const NONE: &str = "base 1.0\n";
pub(crate) const BOTH: &str = "base 1.0\nhello 2.0\nhello-lib 1.0\n";
const WHY: &str = "hello-lib: dependency\nhello: user\n";

/// A command that prints the file of that repository.
pub(crate) const REPOSITORY: &str = "printf '[tests]\\nname=tests\\nbaseurl=file:///srv/rpm\\ngpgcheck=0\\n'";

/// A host that has dnf alone, with a repository of its own. What only looks is root here: for others dnf keeps what it can
/// make again in a folder of /var/tmp, whose name ends by chance.
fn dnf() -> Case {
    let case = Case::with_packages(DNF);
    case.host().sh(&format!(
        "{RECIPE}\nsed -i 's/^enabled.*/enabled = false/' /etc/dnf/plugins/local.conf\n\
         mkdir -p -m 700 /root/.opsc/backup\nmkdir -p /etc/yum.repos.d\n{REPOSITORY} > /etc/yum.repos.d/tests.repo\ndnf -q makecache"
    ));
    case
}

#[test]
fn dnf_installs_in_the_version_that_is_wanted() {
    let case = dnf();
    case.converges("package.ensure(names: [\"hello\"])", REASONS, &format!("{BOTH}{WHY}"));
    case.has_nothing_to_do("package.ensure(names: [\"hello\", \"hello-lib\"])");
    case.has_nothing_to_do("package.ensure(names: [\"hello\"], version: \"2.0-1\")");
    case.host().sh("echo mine > /etc/hello.conf");
    for version in ["1.0", "2.0-1"] {
        let said = case.run(&format!("package.ensure(names: [\"hello\"], version: \"{version}\")"));
        assert_eq!((said.code, changed(&said)), (0, 1), "{said:?}");
        assert_eq!(case.host().sh(SHOWS), BOTH.replace("hello 2.0", &format!("hello {}", &version[..3])));
        assert_eq!(case.host().sh("cat /etc/hello.conf"), "mine\n");
    }
    case.fails("package.ensure(names: [\"nowhere\"])", SHOWS, &["Unable to find a match: nowhere"]);
    case.fails("package.ensure(names: [\"broken\"])", SHOWS, &["the database is not reachable"]);
}

#[test]
fn dnf_installs_holds_and_looks() {
    let case = dnf();
    case.converges("package.install(names: [\"hello\"], recommends: false)", REASONS, &format!("{BOTH}{WHY}"));
    case.reads(
        "x = package.status(name: \"hello\") {\n      as: \"root\"\n    }
    require x.installed and x.version == \"2.0-1\" and x.candidate == \"2.0-1\" and not x.held and not x.upgradable and not x.automatic else \"hello\"
    lib = package.status(name: \"hello-lib\") {\n      as: \"root\"\n    }
    require lib.automatic and not lib.held else \"hello-lib\"
    missing = package.status(name: \"nowhere\") {\n      as: \"root\"\n    }
    require not missing.installed and missing.version == none and missing.candidate == none else \"nowhere\"",
    );
    let held = "dnf -q -C versionlock list";
    case.converges("package.hold(names: [\"hello\"])", held, "hello-0:2.0-1.*\n");
    case.reads("x = package.status(name: \"hello\") {\n      as: \"root\"\n    }\n    require x.held else \"free\"");
    case.converges("package.hold(names: [\"hello\"], held: false)", held, "");
    case.fails("package.hold(names: [\"hello\", \"nowhere\"])", SHOWS, &["not installed: nowhere"]);
}

#[test]
fn dnf_removes_others_only_when_that_is_said() {
    let case = dnf();
    case.host().sh("dnf -q -y install hello >/dev/null; echo mine > /etc/hello.conf");
    let others = "other packages need them and would go too: hello; say dependents: true";
    case.fails("package.remove(names: [\"hello-lib\"])", REASONS, &[others]);
    let shows = format!("{REASONS}; cat /etc/hello.conf* /etc/hello-lib.conf");
    let gone = "base 1.0\nhello-lib 1.0\nhello-lib: dependency\nmine\nversion 1.0\n";
    case.converges("package.remove(names: [\"hello\", \"nowhere\"])", &shows, gone);
    case.host().sh("dnf -q -y install hello >/dev/null; mv /etc/hello.conf.rpmsave /etc/hello.conf");
    case.converges("package.remove(names: [\"hello-lib\"], dependents: true)", REASONS, NONE);
}

#[test]
fn dnf_upgrades_and_goes_back() {
    let case = dnf();
    case.host().sh("dnf -q -y install hello-1.0 >/dev/null; echo mine > /etc/hello.conf");
    let shows = format!("{REASONS}; cat /etc/hello.conf");
    case.reads("x = package.status(name: \"hello\") {\n      as: \"root\"\n    }\n    require x.upgradable and x.version == \"1.0-1\" and x.candidate == \"2.0-1\" else \"no upgrade\"\n    y = os.update_status() {\n      as: \"root\"\n    }\n    require y.updates == 1 and y.security == 0 else \"{y.updates}\"");
    case.converges("package.upgrade(names: [\"hello\"])", &shows, &format!("{BOTH}{WHY}mine\n"));
    case.has_nothing_to_do("package.upgrade(names: [\"base\", \"hello-lib\"])");
    case.fails("package.upgrade(names: [\"hello\", \"broken\"])", SHOWS, &["not installed: broken"]);

    case.host().sh("dnf -q -y downgrade hello-1.0 >/dev/null");
    case.has_nothing_to_do("os.update(classes: [\"security\"])");
    let said = case.run("x = os.update()\n    require x.updated == [\"hello\"] else \"other: {x.waiting}\"");
    assert_eq!((said.code, changed(&said)), (0, 1), "{said:?}");
    assert_eq!(case.host().sh(SHOWS), BOTH);
    case.has_nothing_to_do("os.update()");
}

#[test]
fn dnf_reads_lists_that_are_old_or_gone() {
    let case = dnf();
    case.has_nothing_to_do("package.refresh()");
    let lists = "ls /var/cache/dnf/*/repodata/repomd.xml 2>/dev/null | grep -c . || true";
    case.host().sh("rm -rf /var/cache/dnf/*");
    let planned = case.plans("package.refresh()");
    assert!(planned.stdout.contains("h1: ~ will change"), "{planned:?}");
    assert_eq!(case.host().sh(lists), "0\n", "a plan reads no lists");
    let said = case.run("package.refresh()");
    assert_eq!((said.code, changed(&said), case.host().sh(lists).as_str()), (0, 1, "1\n"), "{said:?}");
    case.has_nothing_to_do("package.refresh()");
    case.host().sh("mv /srv/rpm /srv/away");
    let said = case.run("package.refresh(age: 0s)");
    assert!(said.code != 0 && said.stderr.contains("/srv/rpm/repodata/repomd.xml"), "{said:?}");
}

#[test]
fn repositories_of_rpm_are_added_and_removed() {
    let case = dnf();
    let shows = "cat /etc/yum.repos.d/more.repo 2>/dev/null || true";
    let made = |rest: &str| format!("[more]\nname=more\nbaseurl=file:///srv/rpm\nenabled=1\nautorefresh=1\n{rest}");
    let step = |rest: &str| format!("package_repo.add(name: \"more\", uri: \"file:///srv/rpm\"{rest})");
    case.converges(&step(", trusted: true"), shows, &made("gpgcheck=0\n"));
    case.converges(&step(""), shows, &made("gpgcheck=1\n"));
    case.fails(&step(", suites: [\"stable\"]"), shows, &["dnf, yum and zypper know neither suites nor components"]);
    case.fails(&step(", key: \"/none\""), shows, &["the file of the key is not there: first package_key.add"]);
    case.converges("package_repo.remove(name: \"more\")", shows, "");
    let gone = "package_repo.add(name: \"gone\", uri: \"file:///nowhere\")";
    case.fails(gone, "ls /etc/yum.repos.d", &["/nowhere/repodata/repomd.xml"]);
}

#[test]
fn keys_are_trusted_by_rpm_and_no_more_when_undone() {
    let case = dnf();
    case.project.write("tests.asc", super::system_repositories::KEY);
    let step = "package_key.add(name: \"tests\", from: file(\"tests.asc\"))";
    let shows = "ls /etc/pki/rpm-gpg 2>/dev/null || true; rpm -q gpg-pubkey --qf '%{SUMMARY}\\n' | grep -v 'not installed' || true";
    case.converges(step, shows, "RPM-GPG-KEY-tests\nmade for tests public key\n");
    case.project.write("tests.asc", "no key\n");
    case.fails(step, shows, &["tests.asc is no public key"]);
}

#[test]
fn yum_is_dnf_by_another_name() {
    let case = dnf();
    case.host().sh("mv /usr/bin/dnf /usr/bin/yum");
    let old = BOTH.replace("2.0", "1.0");
    case.converges("package.ensure(names: [\"hello\"], version: \"1.0\")", SHOWS, &old);
    case.converges("package.upgrade(names: [\"hello\"])", SHOWS, BOTH);
    case.converges("package.remove(names: [\"hello\"])", SHOWS, &BOTH.replace("hello 2.0\n", ""));
}
