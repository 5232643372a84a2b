//! What other tools keep, on a real Debian host: gems that the test makes, programs of supervisor, a repository behind ssh, and
//! file systems of files that stand for devices.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::system_case::{Case, changed};

/// One image for all of them.
const TOOLS: &[&str] = &["dosfstools", "e2fsprogs", "git", "ruby", "supervisor"];

/// A server's folder of gems: `left` of two versions, and `right`, which needs the older of them.
const GEMS: &str = r#"mkdir -p /srv/gems/gems /srv/make && cd /srv/make
for each in 'left 1.0 ' 'left 2.0 ' 'right 1.5 left'; do
  set -- $each
  printf 'Gem::Specification.new do |s|\n s.name = "%s"\n s.version = "%s"\n s.summary = "x"\n s.authors = ["x"]\n s.files = []\n s.license = "MIT"\n s.homepage = "https://example.org"\n%s\nend\n' "$1" "$2" "${3:+ s.add_runtime_dependency \"$3\", \"~> 1.0\"}" > x.gemspec
  gem build --quiet x.gemspec >/dev/null 2>&1
  mv "$1-$2.gem" /srv/gems/gems/
done
gem generate_index --quiet --directory /srv/gems >/dev/null 2>&1; ls /srv/gems/gems"#;

const LISTED: &str = "gem list --local --quiet | grep -e '^left ' -e '^right ' || true";

#[test]
fn gems_are_installed_and_those_that_came_go_again() {
    let case = Case::with_packages(TOOLS);
    assert_eq!(case.host().sh(GEMS), "left-1.0.gem\nleft-2.0.gem\nright-1.5.gem\n");
    case.host().sh("gem list >/dev/null; mkdir -p -m 700 /root/.opsc/backup");
    let step = |names: &str| {
        format!("gem.install(names: [{names}], source: \"file:///srv/gems\") {{\n      as: \"root\"\n    }}")
    };
    // Not by comparing files: gem keeps what the server said of others.
    let undone_and_done = |step: &str, done: &str| {
        case.converges_as_shown(step, LISTED, |shown| shown == done);
        case.has_nothing_to_do(step);
    };
    undone_and_done(&step("\"right\""), "left (1.0)\nright (1.5)\n");
    undone_and_done(&step("\"left:2.0\", \"right\""), "left (2.0, 1.0)\nright (1.5)\n");
    case.has_nothing_to_do(&step("\"left:1.0\", \"left\""));
    // Not by comparing files: gem keeps what the server said of others.
    let had = case.host().sh(LISTED);
    let none = case.run(&step("\"no-such-gem\""));
    assert!(none.code != 0 && none.stderr.contains("Could not find a valid gem 'no-such-gem'"), "{none:?}");
    assert_eq!(case.host().sh(LISTED), had);
    let refused = case.opsc(&["check"], &step("\"--source=x\""));
    assert_eq!(refused.code, 11, "{refused:?}");
}

const STATUS: &str = "supervisorctl status | awk '{ print $1, $2 }'";

#[test]
fn programs_of_supervisor_run_and_stop() {
    let case = Case::with_packages(TOOLS);
    case.host().sh("systemctl start supervisor; for name in worker other; do printf '[program:%s]\\ncommand=/bin/sleep 1000\\nstartsecs=0\\n' $name > /etc/supervisor/conf.d/$name.conf; done; until supervisorctl pid >/dev/null 2>&1; do :; done");
    let update = "supervisor.update()";
    let says = |step: &str, changes: usize, shows: &str| {
        let said = case.run(step);
        assert_eq!((said.code, changed(&said), case.host().sh(STATUS).as_str()), (0, changes, shows), "{said:?}");
    };
    let planned = case.plans(update);
    assert!(planned.stdout.contains("h1: ~ will change"), "{planned:?}");
    assert_eq!(case.host().sh(STATUS), "", "a plan starts nothing");
    says(update, 1, "other RUNNING\nworker RUNNING\n");
    says(update, 0, "other RUNNING\nworker RUNNING\n");
    let stop = "supervisor.ensure(name: \"worker\", state: \"stopped\")";
    case.converges(stop, STATUS, "other RUNNING\nworker STOPPED\n");
    case.converges("supervisor.ensure(name: \"worker\")", STATUS, "other RUNNING\nworker RUNNING\n");
    case.plans("supervisor.restart(name: \"worker\")");
    let pid = case.host().sh("supervisorctl pid worker");
    says("supervisor.restart(name: \"worker\")", 1, "other RUNNING\nworker RUNNING\n");
    assert_ne!(case.host().sh("supervisorctl pid worker"), pid);
    let shows = STATUS;
    for none in ["supervisor.ensure(name: \"none\")", "supervisor.restart(name: \"none\")"] {
        case.fails_not_undone(none, shows, &["supervisor knows no none"]);
    }
    case.host().sh("printf '[program:broken]\\ncommand=/no/such/program\\nautostart=false\\nstartretries=0\\n' > /etc/supervisor/conf.d/broken.conf");
    says(update, 1, "broken STOPPED\nother RUNNING\nworker RUNNING\n");
    let said = case.run("supervisor.ensure(name: \"broken\")");
    assert!(said.code != 0 && said.stderr.contains("broken: ERROR (no such file)"), "{said:?}");
    case.host().sh("systemctl stop supervisor");
    let said = case.run(stop);
    assert!(said.code != 0 && said.stderr.contains("unix:///var/run/supervisor.sock"), "{said:?}");
}

#[test]
fn git_takes_the_key_that_is_said() {
    let case = Case::with_packages(TOOLS);
    case.host().sh("cd /home/ops && runuser -u ops -- sh -c 'git init -q -b main repo && cd repo && echo one > file && git add file && git -c user.name=a -c user.email=a@b commit -q -m one'
        mkdir -m 700 \"/root/it's\"; ssh-keygen -q -t ed25519 -N '' -f \"/root/it's/key $(id)\"; cat \"/root/it's/key $(id).pub\" >> /home/ops/.ssh/authorized_keys
        mkdir -p -m 700 /root/.ssh; ssh-keyscan 127.0.0.1 > /root/.ssh/known_hosts 2>/dev/null");
    let key = case.host().sh("ls \"/root/it's\" | head -n 1");
    let step = |more: &str| {
        format!(
            "git.checkout(repo: \"ssh://ops@127.0.0.1/home/ops/repo\", to: \"/srv/app\"{more}) {{\n      as: \"root\"\n    }}"
        )
    };
    let shows = "cat /srv/app/file 2>/dev/null || true";
    case.fails(&step(""), shows, &["Permission denied (publickey"]);
    case.fails(&step(", key: \"/root/none\""), shows, &["there is no such file with a key"]);
    case.converges(&step(&format!(", depth: 1, key: \"/root/it's/{}\"", key.trim())), shows, "one\n");
}

#[test]
fn file_systems_are_made_where_there_is_nothing() {
    let case = Case::with_packages(TOOLS);
    case.host().sh("truncate -s 20M \"/srv/it's.img\" /srv/full.img; mkfs.vfat /srv/full.img >/dev/null; printf x > /srv/small.img");
    assert!(case.plans("disk.filesystem(device: \"/srv/it's.img\")").stdout.contains("h1: ~ will change"));
    let run = |device: &str, more: &str| {
        let text = format!(
            "ops 1\n\nplaybook make() ! destroy, admin {{\n  on group(\"rig\") {{\n    disk.filesystem(device: \"{device}\"{more})\n  }}\n}}\n"
        );
        case.project.write("make.ops", &text);
        case.project.opsc(&["run", "-y", "--allow-destroy", "make.ops"])
    };
    let shows = "blkid -p -s TYPE -s LABEL -o value \"/srv/it's.img\"";
    for changes in [1, 0] {
        let said = run("/srv/it's.img", ", label: \"data\"");
        assert_eq!(
            (said.code, changed(&said), case.host().sh(shows).as_str()),
            (0, changes, "data\next4\n"),
            "{said:?}"
        );
    }
    let before = case.files();
    for (device, words) in [
        ("/srv/full.img", "/srv/full.img holds something else"),
        ("/srv/none.img", "there is no /srv/none.img"),
        ("/srv/small.img", "Device size reported to be zero"),
    ] {
        let said = run(device, "");
        assert!(said.code != 0 && said.stderr.contains(words), "{said:?}");
    }
    assert_eq!(before.changed_to(&case.files()), Vec::<String>::new());
    let said = run("/srv/it's.img", ", fstype: \"xfs\"");
    assert!(said.code != 0 && said.stderr.contains("the program that makes xfs"), "{said:?}");
}
