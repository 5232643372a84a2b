//! The actions for groups on a real Debian host: new, with another number, with members and a password, of an account.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::system_case::Case;

const TEAM: &str = "getent group team || true";

#[test]
fn groups_are_made_renumbered_and_removed() {
    let case = Case::new();
    case.converges("group.ensure(name: \"team\", gid: 4000)", TEAM, "team:x:4000:\n");
    case.converges("group.ensure(name: \"team\", gid: 4001)", TEAM, "team:x:4001:\n");
    case.has_nothing_to_do("group.ensure(name: \"team\")");
    let low = "getent group daemons | cut -d : -f 3 | awk '{ print $1 < 1000 }'";
    case.converges("group.ensure(name: \"daemons\", system: true)", low, "1\n");

    // The folder for what is kept stays; members and password come back.
    case.host().sh("groupdel daemons; mkdir -p -m 700 /root/.opsc/backup; gpasswd --members ops,guest team; echo team:secret | chgpasswd");
    case.converges("group.remove(name: \"team\")", &format!("{TEAM}; grep ^team: /etc/gshadow || true"), "");
    case.has_nothing_to_do("group.remove(name: \"team\")");
}

#[test]
fn groups_that_cannot_be_made_or_removed_say_why() {
    let case = Case::new();
    case.fails("group.ensure(name: \"team\", gid: 0)", TEAM, &["GID '0' already exists"]);
    case.host().sh("mkdir -p -m 700 /root/.opsc/backup");
    let primary = "cannot remove the primary group of user 'ops'";
    case.fails("group.remove(name: \"ops\")", "getent group ops", &[primary]);
    for wrong in ["group.ensure(name: \"-x\")", "group.ensure(name: \"a:b\")", "group.ensure(name: \"a\", gid: -1)"] {
        let said = case.run(wrong);
        assert_eq!(said.code, 11, "{said:?}");
    }
}
