//! Packages with an apk that answers as the real one's source says: Debian has none.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::system_case::{Case, changed};

const SHOWS: &str = "cat /srv/apk/installed; echo world:; cat /etc/apk/world";

#[test]
fn packages_of_apk_are_installed_upgraded_and_removed() {
    let case = Case::new();
    case.host().sh(include_str!("system_apk.sh"));
    let both =
        |version: &str, world: &str| format!("base 1.0-r0\nhello {version}\nhello-lib 1.0-r0\nworld:\nbase\n{world}");
    case.converges("package.ensure(names: [\"hello\"])", SHOWS, &both("2.0-r0", "hello\n"));
    case.has_nothing_to_do("package.install(names: [\"hello\", \"hello-lib\"])");
    case.fails("package.ensure(names: [\"nowhere\"])", SHOWS, &["nowhere (no such package)"]);
    let others = "other packages need them and would go too: hello; say dependents: true";
    case.fails_not_undone("package.remove(names: [\"hello-lib\"])", SHOWS, &[others]);
    case.converges("package.remove(names: [\"hello\", \"nowhere\"])", SHOWS, "base 1.0-r0\nworld:\nbase\n");

    let old = "package.ensure(names: [\"hello\"], version: \"1.0-r0\")";
    case.converges(old, SHOWS, &both("1.0-r0", "hello=1.0-r0\n"));
    case.reads(
        "x = package.status(name: \"hello\")
    require x.version == \"1.0-r0\" and x.candidate == \"2.0-r0\" and x.upgradable and x.held and not x.automatic else \"hello\"
    y = package.status(name: \"hello-lib\")
    require y.automatic and not y.upgradable and not y.held else \"hello-lib\"
    z = package.status(name: \"nowhere\")
    require not z.installed and z.candidate == none else \"nowhere\"",
    );
    let upgrade = "package.upgrade(names: [\"hello\"])";
    case.fails_not_undone(upgrade, SHOWS, &["not upgraded: hello"]);
    case.host().sh("sed -i 's/^hello=.*/hello/' /etc/apk/world");
    assert!(case.plans(upgrade).stdout.contains("h1: ~ will change"));
    let said = case.run(upgrade);
    assert_eq!((said.code, changed(&said)), (0, 1), "{said:?}");
    assert_eq!(case.host().sh(SHOWS), both("2.0-r0", "hello\n"));
    case.converges("package.remove(names: [\"hello-lib\"], dependents: true)", SHOWS, "base 1.0-r0\nworld:\nbase\n");
    case.converges("package.install(names: [\"hello\"])", SHOWS, &both("2.0-r0", "hello\n"));
}

#[test]
fn lists_of_apk_are_read_when_they_are_old() {
    let case = Case::new();
    case.host().sh(include_str!("system_apk.sh"));
    case.has_nothing_to_do("package.refresh()");
    case.host().sh("touch -d '2 hours ago' /var/cache/apk");
    let said = case.run("package.refresh()");
    assert_eq!((said.code, changed(&said)), (0, 1), "{said:?}");
    case.has_nothing_to_do("package.refresh()");
    case.host().sh("touch /srv/apk/gone");
    let said = case.run("package.refresh(age: 0s)");
    assert!(said.code != 0 && said.stderr.contains("could not connect"), "{said:?}");
}
