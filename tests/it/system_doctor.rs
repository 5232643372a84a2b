//! What is wrong behind the login is found on a real host that is made wrong in one way after the other.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use super::doctor::finding;
use super::project::Project;
use super::rig::Rig;

/// How it is made wrong, who logs in, what finds it, how, its words, its mend, and how it is made right again.
type Wrong = (&'static str, &'static str, &'static str, &'static str, &'static str, &'static str, &'static str);

const WRONGS: &[Wrong] = &[
    (
        "usermod -s /usr/sbin/nologin guest",
        "guest",
        "shell",
        "failed",
        "This account is currently not available",
        "chsh -s /bin/sh guest",
        "usermod -s /bin/bash guest",
    ),
    (
        "sed -i '1i echo welcome to this host' /home/ops/.bashrc",
        "ops",
        "startup files",
        "warning",
        "says `welcome to this host`",
        "~/.bashrc",
        "sed -i 1d /home/ops/.bashrc",
    ),
    (
        "printf 'Defaults:ops !authenticate\\nops ALL=(ALL) /bin/true\\n' > /etc/sudoers.d/ops",
        "ops",
        "sudo",
        "failed",
        "sudo does not allow becoming `root`",
        "usermod -aG sudo ops",
        "echo 'ops ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/ops",
    ),
    ("true", "asked", "sudo", "failed", "sudo asks for a password", "give the password by `-K`", "true"),
    (
        "echo 'Defaults:ops requiretty' > /etc/sudoers.d/tty",
        "ops",
        "sudo",
        "failed",
        "must have a tty",
        "`Defaults:ops !requiretty`",
        "rm /etc/sudoers.d/tty",
    ),
    (
        "mv /usr/bin/sudo /usr/bin/sudo.away",
        "ops",
        "sudo",
        "failed",
        "sudo is not installed",
        "install sudo",
        "mv /usr/bin/sudo.away /usr/bin/sudo",
    ),
    (
        "printf '#!/bin/sh\\nexec /bin/date -d \"+10 minutes\" \"$@\"\\n' > /usr/local/bin/date; chmod 755 /usr/local/bin/date",
        "ops",
        "clock",
        "warning",
        "s ahead of this machine's",
        "timedatectl set-ntp true",
        "rm /usr/local/bin/date",
    ),
    (
        "mount -t tmpfs -o size=1m tmpfs /var/log",
        "ops",
        "disk",
        "warning",
        "MiB left on /var/log",
        "make room",
        "umount /var/log",
    ),
    (
        "echo 'MaxSessions 2' > /etc/ssh/sshd_config.d/few.conf; systemctl restart ssh",
        "ops",
        "sessions",
        "warning",
        "2 on one connection",
        "`MaxSessions 10` in /etc/ssh/sshd_config",
        "rm /etc/ssh/sshd_config.d/few.conf; systemctl restart ssh",
    ),
    (
        "mv /usr/bin/awk /usr/bin/awk.away",
        "ops",
        "tools",
        "warning",
        "awk",
        "gawk",
        "mv /usr/bin/awk.away /usr/bin/awk",
    ),
    ("chmod 755 /tmp", "ops", "tools", "failed", "/tmp is not writable", "chmod 1777 /tmp", "chmod 1777 /tmp"),
];

#[test]
fn each_wrong_is_found_with_what_mends_it_and_nothing_else_is() {
    let (project, rig) = (Project::new(), Rig::boot(1));
    let host = &rig.hosts[0];
    let doctor = |user: &str| {
        project.write("inventory.yaml", &rig.inventory(user, ""));
        project.opsc(&["doctor", "h1", "-o", "json"])
    };
    let well = doctor("ops");
    assert_eq!(well.code, 0, "{well:?}");
    assert!(!well.stdout.contains("\"warning\"") && !well.stdout.contains("\"failed\""), "{well:?}");
    for (wrong, user, what, state, words, mend, right) in WRONGS {
        host.sh(wrong);
        let said = doctor(user);
        host.sh(right);
        let (found_state, found, found_mend) = finding(&said, what);
        assert_eq!(found_state, *state, "{wrong}: {said:?}");
        assert!(found.contains(words), "{wrong}: {words} is not in {found}");
        assert!(found_mend.contains(mend), "{wrong}: {mend} is not in {found_mend}");
        let others = said.stdout.matches("\"state\": \"failed\"").count()
            + said.stdout.matches("\"state\": \"warning\"").count();
        assert_eq!(others, 1, "{wrong}: {said:?}");
        let code = match (*what, *state) {
            ("shell", _) => 20,
            (_, "failed") => 21,
            _ => 0,
        };
        assert_eq!(said.code, code, "{wrong}: {said:?}");
    }
    let after = doctor("ops");
    assert_eq!(after.code, 0, "{after:?}");
}
