//! The actions for the updates of a whole host, on a real Debian host with a repository of its own and one of security
//! updates.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::system_case::{Case, changed};

const INSTALLED: &str = "dpkg-query -W -f '${Package} ${Version}\\n' 'hello*'";

/// `hello` 1.0 is installed and 2.0 is there; of `hello-lib` there is 1.5, for security.
const SECURITY: &str = r#"
apt-get install -q -y hello=1.0
mkdir -p /srv/security/b/DEBIAN
cd /srv/security
printf 'Package: hello-lib\nVersion: 1.5\nArchitecture: all\nMaintainer: n <n@example.org>\nDescription: x\n' > b/DEBIAN/control
dpkg-deb --root-owner-group --build b lib.deb
{
  dpkg-deb --field lib.deb
  printf 'Filename: ./lib.deb\nSize: %s\nSHA256: %s\n\n' "$(stat -c %s lib.deb)" "$(sha256sum lib.deb | cut -c 1-64)"
} > Packages
{
  printf 'Label: Debian-Security\nSuite: stable-security\nDate: Mon, 02 Jan 2023 00:00:00 UTC\n'
  printf 'SHA256:\n %s %s Packages\n' "$(sha256sum Packages | cut -c 1-64)" "$(stat -c %s Packages)"
} > Release
echo 'deb [trusted=yes] file:/srv/security ./' > /etc/apt/sources.list.d/security.list
"#;

#[test]
fn security_updates_come_alone_and_others_when_all_are_wanted() {
    let case = Case::new();
    case.host().sh(SECURITY);
    // The lists are old, so a plan says that they are to be read, and reads none.
    case.host().sh("touch -d '2 hours ago' /var/lib/apt/lists/partial");
    let security = "x = os.update(classes: [\"security\"])\n    require x.updated.count == 1 and join(x.updated) == \"hello-lib\" and not x.reboot_required else \"{x.updated}\"";
    let planned = case.plans("os.update(classes: [\"security\"])");
    assert!(planned.stdout.contains("h1: ~ will change") && planned.stdout.contains("not reversible"), "{planned:?}");
    let said = case.run(security);
    assert_eq!((said.code, changed(&said)), (0, 1), "{said:?}");
    assert_eq!(case.host().sh(INSTALLED), "hello 1.0\nhello-lib 1.5\n");
    case.has_nothing_to_do("os.update(classes: [\"security\"])");

    let seen = "x = os.update_status()\n    require x.updates == 1 and x.security == 0 and join(x.names) == \"hello\" and not x.reboot_required else \"{x.names}\"";
    case.reads(seen);
    case.host().sh("echo mine > /etc/hello.conf");
    let said = case.run("os.update()");
    assert_eq!((said.code, changed(&said)), (0, 1), "{said:?}");
    assert_eq!(case.host().sh(&format!("{INSTALLED}; cat /etc/hello.conf")), "hello 2.0\nhello-lib 1.5\nmine\n");
    case.has_nothing_to_do("os.update()");
    let said = case.run("os.update(classes: [])");
    assert_eq!(said.code, 11, "{said:?}");
}

#[test]
fn a_reboot_is_due_after_a_note_or_a_newer_kernel_of_the_same_flavour() {
    let case = Case::new();
    let flavour = "$(uname -r | sed 's/^[0-9.]*-[0-9]*-//')";
    for (made, due) in [
        ("true".to_owned(), false),
        ("/boot/vmlinuz-999.0.0-1-another".to_owned(), false),
        (format!("/boot/vmlinuz-999.0.0-1-{flavour}"), true),
        ("/run/reboot-required".to_owned(), true),
    ] {
        case.host().sh(&format!("mkdir -p /boot; rm -f /boot/vmlinuz-999* /run/reboot-required; touch \"{made}\""));
        let said = case.run(&format!(
            "x = os.update_status()\n    require x.reboot_required == {due} else \"it is {{x.reboot_required}}\""
        ));
        assert_eq!((said.code, changed(&said)), (0, 0), "{made}: {said:?}");
    }
}

#[test]
fn a_mirror_that_is_gone_is_a_failure() {
    let case = Case::new();
    case.host().sh(
        "echo 'deb [trusted=yes] http://127.0.0.1:9 ./' > /etc/apt/sources.list.d/gone.list; rm -rf /var/lib/apt/lists/*",
    );
    // apt itself only warns of it.
    let said = case.run("os.update()");
    assert!(said.code != 0 && said.stderr.contains("Could not connect to 127.0.0.1:9"), "{said:?}");
}
