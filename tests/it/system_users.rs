//! The action for users on a real Debian host: accounts that are new, there, logged in, or whose number, group or home
//! somebody has already.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::system_case::{Case, changed};

fn account(name: &str) -> String {
    format!("getent passwd {name} || true; id -Gn {name} 2>/dev/null || true; getent shadow {name} | cut -d : -f 2")
}

#[test]
fn user_ensure_makes_an_account_and_changes_it() {
    let case = Case::new();
    let shows = account("deploy");
    let made = "deploy:x:1003:1003::/home/deploy:/bin/bash\ndeploy\n!\n";
    case.converges("user.ensure(name: \"deploy\", shell: \"/bin/bash\")", &shows, made);
    assert_eq!(
        case.host().sh("stat -c '%U %a' /home/deploy; ls -A /home/deploy/.bashrc"),
        "deploy 755\n/home/deploy/.bashrc\n"
    );
    case.host().sh("echo 'deploy:pass' | chpasswd; usermod --lock deploy; addgroup --quiet one; addgroup --quiet two; adduser --quiet deploy two");
    let locked = case.host().sh(&shows).lines().last().unwrap().to_owned();
    let other = "user.ensure(name: \"deploy\", uid: 4000, group: \"one\", groups: [\"two\", \"sudo\"], shell: \"/bin/sh\", home: \"/srv/it's\", comment: \"It's, \\\"x\\\"\")";
    let done = format!("deploy:x:4000:1004:It's, \"x\":/srv/it's:/bin/sh\none sudo two\n{locked}\n");
    case.converges(other, &shows, &done);
    case.has_nothing_to_do("user.ensure(name: \"deploy\")");
    case.has_nothing_to_do("user.ensure(name: \"root\", uid: 0, home: \"/root\")");
}

#[test]
fn system_accounts_have_no_home_unless_it_is_there() {
    let case = Case::new();
    let step = "user.ensure(name: \"app\", system: true, shell: \"/usr/sbin/nologin\", home: \"/srv/app\")";
    case.host().sh("mkdir /srv/app; echo precious > /srv/app/data");
    case.converges(
        step,
        "getent passwd app | cut -d : -f 6,7; cat /srv/app/data",
        "/srv/app:/usr/sbin/nologin\nprecious\n",
    );
    case.converges(
        "user.ensure(name: \"bot\", system: true)",
        "getent passwd bot | cut -d : -f 1,6; ls -d /home/bot 2>/dev/null || true",
        "bot:/home/bot\n",
    );
}

#[test]
fn a_group_or_home_that_was_there_outlives_the_undoing() {
    let case = Case::new();
    case.host().sh("groupadd web; mkdir /home/web; echo precious > /home/web/data");
    let shows = "getent passwd web | cut -d : -f 1; getent group web; cat /home/web/data";
    let done = format!("web\n{}", case.host().sh(shows));
    case.converges("user.ensure(name: \"web\")", shows, &done);
}

#[test]
fn user_remove_takes_the_account_and_undoes_it_with_its_password() {
    let case = Case::new();
    // The folder for what is kept stays, as with files that are replaced; what was in it does not.
    let made = "mkdir -p -m 700 /root/.opsc/backup; addgroup --quiet one; useradd --create-home --groups one --comment \"It's, x\" old; echo old:pass | chpasswd; echo precious > /home/old/data";
    case.host().sh(made);
    let shows = format!("{}; cat /home/old/data 2>/dev/null || true", account("old"));
    case.converges("user.remove(name: \"old\", home: \"archive\")", &shows, "");
    case.host().sh("useradd --create-home stays; echo precious > /home/stays/data");
    let shows = format!("{}; cat /home/stays/data", account("stays"));
    case.converges("user.remove(name: \"stays\")", &shows, "precious\n");
    case.has_nothing_to_do("user.remove(name: \"nobody-of-this-name\")");
    case.fails("user.remove(name: \"root\")", &account("root"), &["root is root"]);
}

#[test]
fn accounts_that_cannot_be_made_say_why() {
    let case = Case::new();
    let shows = account("deploy");
    case.fails("user.ensure(name: \"deploy\", uid: 1000)", &shows, &["UID 1000 is not unique"]);
    case.fails("user.ensure(name: \"deploy\", group: \"none\")", &shows, &["group 'none' does not exist"]);
    case.fails("user.ensure(name: \"deploy\", groups: [\"none\"])", &shows, &["group 'none' does not exist"]);
    case.fails("user.ensure(name: \"deploy\", comment: \"a:b\")", &shows, &["invalid comment 'a:b'"]);
    // sshd and the lane run as ops while the step runs.
    case.fails("user.ensure(name: \"ops\", uid: 4000)", &account("ops"), &["is currently used by process"]);
    let said = case.run("user.ensure(name: \"Root;\")");
    assert_eq!(said.code, 11, "{said:?}");
    let changes = case.run("user.ensure(name: \"ops\", comment: \"while logged in\")");
    assert_eq!((changes.code, changed(&changes)), (0, 1), "{changes:?}");
}

/// What crypt makes of two passwords; a wrapper around the program that takes them keeps every command line that runs then.
const HASHES: [&str; 2] = ["$6$opscsalt$first./Hash0", "$y$j9T$opscsalt$second./Hash1"];
const WRAPPER: &str = "printf '#!/bin/sh\\ncat /proc/[0-9]*/cmdline 2>/dev/null | tr \"\\\\0\" \" \" >> /var/log/seen\\nexec /usr/sbin/chpasswd \"$@\"\\n' > /usr/local/sbin/chpasswd; chmod 755 /usr/local/sbin/chpasswd; mkdir -p -m 700 /root/.opsc/backup";

#[test]
fn passwords_are_set_as_hashes_that_nobody_sees() {
    let case = Case::new();
    case.host().sh(WRAPPER);
    let kept = "getent shadow deploy | cut -d : -f 2";
    let step = "user.ensure(name: \"deploy\", password: secret(\"file:hash\"))";
    for hash in HASHES {
        case.secret("hash", hash);
        // A plan reads no secrets, so it says that it does not know.
        assert!(case.plans(step).stdout.contains("it takes a secret"));
        let before = case.files();
        case.undoes(step, "getent shadow deploy || true");
        assert_eq!(before.changed_to(&case.files()), Vec::<String>::new());
        for changes in [1, 0] {
            let said = case.run(step);
            assert_eq!(
                (said.code, changed(&said), case.host().sh(kept)),
                (0, changes, format!("{hash}\n")),
                "{said:?}"
            );
        }
        // Of some day, which undoing brings back.
        case.host().sh("chage --lastday 12345 deploy");
    }
    let seen = case.host().sh("cat /var/log/seen");
    assert!(seen.contains("chpasswd -e"), "{seen}");
    let said = case.run("user.ensure(name: \"deploy\", password: \"!\")");
    assert_eq!((said.code, changed(&said), case.host().sh(kept).as_str()), (0, 1, "!\n"), "{said:?}");
    for wrong in ["plain text", "plain", "$6$a:b$c", "$666"] {
        case.secret("hash", wrong);
        case.fails(step, kept, &["the password is no hash"]);
    }
    let journal = case.project.opsc(&["runs", "-o", "json"]).stdout;
    for hash in HASHES {
        assert!(!seen.contains(hash) && !journal.contains(hash), "{seen} {journal}");
    }
}

#[test]
fn groups_are_added_to_others_or_are_all() {
    let case = Case::new();
    case.host().sh(
        "mkdir -p -m 700 /root/.opsc/backup; groupadd one; groupadd two; groupadd three; useradd --groups one,two app",
    );
    let shows = "id -Gn app";
    case.has_nothing_to_do("user.ensure(name: \"app\", groups: [\"two\"])");
    case.converges("user.ensure(name: \"app\", groups: [\"two\", \"three\"], append: false)", shows, "app two three\n");
    case.converges("user.ensure(name: \"app\", group: \"two\", groups: [], append: false)", shows, "two\n");
    case.has_nothing_to_do("user.ensure(name: \"app\", append: false)");
}

#[test]
fn purged_accounts_are_gone_with_their_home() {
    let case = Case::new();
    case.host().sh("useradd --create-home old; echo x > /home/old/data; useradd --home-dir /srv shared; useradd --create-home outer; useradd --home-dir /home/outer/in inner");
    let purge = |name: &str, allow: &[&str]| {
        case.project.write("gone.ops", &format!("ops 1\n\nplaybook gone() ! destroy, admin {{\n  on group(\"rig\") {{\n    user.purge(name: \"{name}\")\n  }}\n}}\n"));
        let arguments: Vec<&str> = ["run", "-y"].iter().chain(allow).copied().chain(["gone.ops"]).collect();
        case.project.opsc(&arguments)
    };
    case.plans("user.purge(name: \"old\")");
    let shows = "getent passwd old | cut -d : -f 1; ls /home";
    assert_eq!((purge("old", &[]).code, case.host().sh(shows).as_str()), (12, "old\nasked\nguest\nold\nops\nouter\n"));
    for changes in [1, 0] {
        let said = purge("old", &["--allow-destroy"]);
        assert_eq!((said.code, changed(&said), case.host().sh(shows).contains("old")), (0, changes, false), "{said:?}");
    }
    for (name, words) in [
        ("shared", "not theirs alone"),
        ("outer", "not theirs alone"),
        ("root", "root is root"),
        ("ops", "is currently used by process"),
    ] {
        let said = purge(name, &["--allow-destroy"]);
        assert!(said.code != 0 && said.stderr.contains(words), "{said:?}");
    }
    assert_eq!(
        case.host().sh("ls -d /home/outer /srv; getent passwd shared outer ops | wc -l"),
        "/home/outer\n/srv\n3\n"
    );
}

#[test]
fn accounts_and_groups_are_looked_at() {
    let case = Case::new();
    case.host().sh("groupadd --gid 4000 team; useradd --uid 4001 --groups team,sudo --comment \"It's\" --shell /bin/sh app; echo app:pass | chpasswd; useradd closed");
    let looks = |step: &str, holds: &str| {
        case.reads(&format!("x = {step}\n    require {holds} else \"no\""));
    };
    looks(
        "user.info(name: \"app\")",
        "x.exists and x.uid == 4001 and x.group == \"app\" and x.groups == [\"app\", \"sudo\", \"team\"]",
    );
    looks(
        "user.info(name: \"app\")",
        "x.comment == \"It's\" and x.home == \"/home/app\" and x.shell == \"/bin/sh\" and x.locked == none",
    );
    let root = |name: &str| format!("user.info(name: \"{name}\") {{\n      as: \"root\"\n    }}");
    looks(&root("app"), "x.locked == false");
    looks(&root("closed"), "x.locked == true");
    looks("user.info(name: \"none\")", "not x.exists and x.uid == none and length(x.groups) == 0");
    looks("group.info(name: \"team\")", "x.exists and x.gid == 4000 and x.members == [\"app\"]");
    looks("group.info(name: \"app\")", "x.exists and length(x.members) == 0");
    looks("group.info(name: \"none\")", "not x.exists and x.gid == none");
}
