//! The actions that install, remove, upgrade, hold and look at packages, on a real Debian host with a repository of its own.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::system_case::{Case, changed};

/// Package, version, what is wanted, what is; then what came only because something needed it.
const SHOWS: &str = "dpkg-query -W -f '${Package} ${Version} ${db:Status-Want} ${db:Status-Status}\\n' 'hello*' 2>/dev/null | grep -v not-installed || true; apt-mark showauto 'hello*'";
const BOTH: &str = "hello 2.0 install installed\nhello-lib 1.0 install installed\nhello-lib\n";

#[test]
fn packages_are_installed_held_and_looked_at() {
    let case = Case::new();
    case.converges("package.install(names: [\"hello\"], recommends: false)", SHOWS, BOTH);
    let held = BOTH.replace("2.0 install", "2.0 hold");
    case.converges("package.hold(names: [\"hello\"])", SHOWS, &held);
    case.reads(
        "x = package.status(name: \"hello\")
    require x.installed and x.held and x.version == \"2.0\" and x.candidate == \"2.0\" and not x.upgradable and not x.automatic else \"hello\"
    lib = package.status(name: \"hello-lib\")
    require lib.automatic and not lib.held else \"hello-lib\"
    missing = package.status(name: \"nowhere\")
    require not missing.installed and missing.version == none and missing.candidate == none else \"nowhere\"",
    );
    case.fails("package.remove(names: [\"hello\"])", SHOWS, &["Held packages were changed"]);
    case.converges("package.hold(names: [\"hello\"], held: false)", SHOWS, BOTH);
    case.fails("package.hold(names: [\"hello\", \"nowhere\"])", SHOWS, &["not installed: nowhere"]);
    case.fails("package.install(names: [\"nowhere\"])", SHOWS, &["Unable to locate package nowhere"]);
}

#[test]
fn packages_are_removed_with_others_only_when_that_is_said() {
    let case = Case::new();
    case.host().sh("apt-get install -q -y hello; echo mine > /etc/hello.conf");
    let others = "other packages need them and would go too: hello; say dependents: true";
    case.fails("package.remove(names: [\"hello-lib\"])", SHOWS, &[others]);
    let shows = format!("{SHOWS}; cat /etc/hello.conf");
    let gone = "hello 2.0 deinstall config-files\nhello-lib 1.0 install installed\nhello-lib\nmine\n";
    case.converges("package.remove(names: [\"hello\", \"nowhere\"])", &shows, gone);
    case.host().sh("apt-get install -q -y hello");
    let gone = "hello 2.0 deinstall config-files\nhello-lib 1.0 deinstall config-files\nmine\n";
    case.converges("package.remove(names: [\"hello-lib\"], dependents: true)", &shows, gone);

    // A version that no mirror has any more does not come back, and the plan says so.
    case.host().sh("apt-get install -q -y hello; cd /srv/repository; \
         perl -i -00 -ne 'print unless /^Package: hello$/m and /^Version: 2.0$/m' Packages; apt-get update -q");
    let step = "package.remove(names: [\"hello\"])\n    require host.name == \"nobody\" else \"stop\"";
    let said = case.run(step);
    assert!(said.stderr.contains("NOT fully rolled back; left: package.remove"), "{said:?}");
    for wrong in ["package.remove(names: [\"sudo-\"])", "package.remove(names: [])"] {
        let said = case.run(wrong);
        assert_eq!(said.code, 11, "{said:?}");
    }
}

#[test]
fn packages_are_upgraded_and_go_back() {
    let case = Case::new();
    case.host().sh("apt-get install -q -y hello=1.0; echo mine > /etc/hello.conf");
    let shows = format!("{SHOWS}; cat /etc/hello.conf");
    case.converges("package.upgrade(names: [\"hello\"])", &shows, &format!("{BOTH}mine\n"));
    case.has_nothing_to_do("package.upgrade(names: [\"base-files\", \"hello-lib\"])");
    case.fails("package.upgrade(names: [\"hello\", \"broken\"])", SHOWS, &["not installed: broken"]);
}

#[test]
fn lists_are_refreshed_when_they_are_old_or_gone() {
    let case = Case::new();
    let lists = "ls /var/lib/apt/lists | grep -c Packages || true";
    let step = "package.refresh()";
    case.host().sh("rm -rf /var/lib/apt/lists/*");
    let planned = case.plans(step);
    assert!(planned.stdout.contains("h1: ~ will change"), "{planned:?}");
    assert_eq!(case.host().sh(lists), "0\n", "a plan reads no lists");
    let said = case.run(step);
    assert_eq!((said.code, changed(&said), case.host().sh(lists).as_str()), (0, 1, "1\n"), "{said:?}");
    case.has_nothing_to_do(step);
    case.host().sh("touch -d '2 hours ago' /var/lib/apt/lists/partial /var/lib/apt/periodic/*");
    case.has_nothing_to_do("package.refresh(age: 3h)");
    let said = case.run(step);
    assert_eq!((said.code, changed(&said)), (0, 1), "{said:?}");
    case.host().sh("rm -rf /var/lib/apt/lists/*");
    let said = case.run(step);
    assert_eq!((said.code, changed(&said), case.host().sh(lists).as_str()), (0, 1, "1\n"), "{said:?}");
    // apt itself only warns of a mirror that does not answer.
    case.host().sh("echo 'deb [trusted=yes] http://127.0.0.1:9 ./' > /etc/apt/sources.list.d/gone.list");
    let said = case.run("package.refresh(age: 0s)");
    assert!(said.code != 0 && said.stderr.contains("Could not connect to 127.0.0.1:9"), "{said:?}");
}
