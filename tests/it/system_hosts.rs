//! Whole runs on real Debian hosts: a rollout that is taken back, users who may or may not become root, and hosts that
//! are gone.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::os::unix::fs::PermissionsExt;

use super::project::{Project, Said};
use super::rig::Rig;
use super::system_case::{Case, changed};

const ROLLOUT: &str = r#"ops 1

playbook rollout(
  port: int,
) ! change, admin, network {
  on group("rig") (batch: 1, max_failures: 0) {
    package.ensure(names: ["hello"])
    file.write(to: "/etc/web.conf", content: "port={port}\n") {
      as: "root"
    }
    service.restart(name: "web")
    wait.port(port: 8080) {
      timeout: 3s
    }
    http.check(url: "http://{host.address}:8080/", contains: "hello from web")

    on failure {
      rollback
    }
  }
}
"#;

/// A web server of a few lines: it has started when it has read its port, which must be a number.
const WEB: &str = r#"
cat > /usr/local/bin/web <<'END'
use IO::Socket::INET;
open my $file, "<", "/etc/web.conf" or die;
my ($port) = <$file> =~ /^port=(\d+)$/ or die "web.conf has no port";
open my $ready, ">", "/run/web.ready";
my $server = IO::Socket::INET->new(LocalPort => $port, Listen => 5, ReuseAddr => 1) or die;
while (my $client = $server->accept) { <$client>; print $client "HTTP/1.0 200 OK\r\n\r\nhello from web\n"; close $client; }
END
cat > /etc/systemd/system/web.service <<'END'
[Service]
ExecStartPre=rm -f /run/web.ready
ExecStart=perl /usr/local/bin/web
ExecStartPost=timeout 5 sh -c 'until [ -e /run/web.ready ]; do sleep 0.05; done'
END
echo port=8080 > /etc/web.conf
systemctl daemon-reload
systemctl start web
"#;

#[test]
fn a_rollout_is_taken_back_on_the_host_where_it_fails_and_the_service_serves_again() {
    let (project, rig) = (Project::new(), Rig::boot(2));
    project.write("inventory.yaml", &rig.inventory("ops", ""));
    project.write("rollout.ops", ROLLOUT);
    for host in &rig.hosts {
        host.sh(WEB);
    }
    let run = |port: &str| project.opsc(&["run", "rollout.ops", "-y", "-e", &format!("port={port}")]);
    let first = run("8080");
    let ok = "ok=5 changed=2 unreachable=0 failed=0 skipped=0 rolled_back=0";
    assert_eq!((first.code, first.stdout), (0, format!("h1 : {ok}\nh2 : {ok}\n")), "{}", first.stderr);

    let looks = "cat /etc/web.conf; perl -MIO::Socket::INET -e \
        'print IO::Socket::INET->new(q(127.0.0.1:8080)) ? qq(serves\\n) : qq(is dead\\n)'";
    // Once it listens elsewhere, once it does not start at all: either way the old file counts again, and is read.
    for (port, because) in [("9090", "wait.port: timed_out"), ("0x", "web.conf has no port")] {
        if port == "0x" {
            project.write("rollout.ops", &ROLLOUT.replace("port: int", "port: string"));
        }
        let said = run(port);
        assert!([23, 27].contains(&said.code), "{said:?}");
        assert!(said.stderr.contains(because), "{because}: {said:?}");
        assert!(said.stderr.contains("h1 rolled back"), "{said:?}");
        assert_eq!(rig.hosts[0].sh(looks), "port=8080\nserves\n", "{said:?}");
        assert_eq!(rig.hosts[1].sh(looks), "port=8080\nserves\n");
        assert!(!said.stderr.contains("h2 "), "the second batch never began: {said:?}");
    }
}

fn restart(case: &Case, more: &[&str]) -> Said {
    let command: Vec<&str> = ["run", "-y"].iter().chain(more).copied().collect();
    case.opsc(&command, "service.restart(name: \"cron-like\")")
}

fn with_service(user: &str) -> Case {
    let case = Case::as_user(user);
    case.host().sh("printf '[Service]\\nExecStart=sleep infinity\\n' > /etc/systemd/system/cron-like.service");
    case
}

#[test]
fn who_may_not_become_root_is_told_so() {
    let guest = with_service("guest");
    for (name, text) in [("password", "pass word\n"), ("wrong", "no\n")] {
        guest.project.write(name, text);
        let readable = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(guest.project.path(name), readable).unwrap();
    }
    let said = restart(&guest, &[]);
    assert_eq!(said.code, 21, "nothing was done, so nothing was rolled back: {said:?}");
    assert!(said.stderr.contains("h1: sudo asks for a password to become `root`, and none was given"), "{said:?}");

    guest.host().sh("echo 'guest:pass word' | chpasswd");
    let said = restart(&guest, &["--password-file", "password"]);
    assert!(said.stderr.contains("h1: sudo does not allow becoming `root`: "), "{said:?}");

    guest.project.write("inventory.yaml", &guest.rig.inventory("asked", ""));
    let said = restart(&guest, &[]);
    assert!(said.stderr.contains("h1: sudo asks for a password"), "{said:?}");
    assert!(said.stderr.contains("hint: give the admin password"), "{said:?}");
    let said = restart(&guest, &["--password-file", "wrong"]);
    assert!(said.stderr.contains("h1: sudo did not accept the password to become `root`"), "{said:?}");
    let said = restart(&guest, &["--password-file", "password"]);
    assert_eq!((said.code, changed(&said)), (0, 1), "{said:?}");

    guest.host().sh("mv /usr/bin/sudo /usr/bin/sudo.away");
    let said = restart(&guest, &[]);
    assert_eq!(said.code, 21, "nothing was done, so nothing was rolled back: {said:?}");
    assert!(said.stderr.contains("h1: sudo is not installed (hint: install sudo"), "{said:?}");
    guest.host().sh("mv /usr/bin/sudo.away /usr/bin/sudo");

    guest.project.write("inventory.yaml", &guest.rig.inventory("ops", ""));
    let said = restart(&guest, &[]);
    assert_eq!((said.code, changed(&said)), (0, 1), "{said:?}");
}

#[test]
fn files_belong_to_who_wrote_them_and_root_writes_where_users_may_not() {
    let case = Case::new();
    let owner = "stat -c '%U %a' /home/ops/note 2>/dev/null || true";
    case.converges("file.write(to: \"/home/ops/note\", content: \"x\", mode: \"0600\")", owner, "ops 600\n");
    case.fails("file.write(to: \"/etc/note\", content: \"x\")", owner, &["Permission denied"]);
    let owner = "stat -c '%U:%G %a' /etc/note 2>/dev/null || true";
    let step = "file.write(to: \"/etc/note\", content: \"x\", owner: \"guest\", group: \"sudo\", mode: \"0640\") {\n      as: \"root\"\n    }";
    case.converges(step, owner, "guest:sudo 640\n");
    let whole = "file.directory(path: \"/srv/app/data\", owner: \"ops\", mode: \"0750\") {\n      as: \"root\"\n    }";
    case.converges(whole, "stat -c '%U %a' /srv/app/data 2>/dev/null || true", "ops 750\n");
    let owner = "file.write(to: \"/etc/other\", content: \"x\", owner: \"nobody-at-all\") {\n      as: \"root\"\n    }";
    case.fails(owner, "ls /etc/other 2>/dev/null || true", &["nobody-at-all"]);
    // An owner may be a number, with a name or without one.
    case.host()
        .sh("mkdir -p -m 700 /root/.opsc/backup; touch /srv/app/file; chown 4242:4243 /srv/app/file /srv/app/data");
    for (step, path) in [
        ("file.write(to: \"/srv/app/file\", content: \"x\", owner: \"4244\", group: \"27\")", "/srv/app/file"),
        ("file.directory(path: \"/srv/app/data\", owner: \"4244\", group: \"sudo\")", "/srv/app/data"),
    ] {
        let step = format!("{step} {{\n      as: \"root\"\n    }}");
        case.converges(&step, &format!("stat -c '%u:%g' {path}"), "4244:27\n");
    }
}

/// A step that writes on both hosts.
const NOTE: &str = "ops 1\n\nplaybook note() ! change {\n  on group(\"rig\") (batch: 1, max_failures: 1) {\n    file.write(to: \"/home/ops/note\", content: \"x\")\n  }\n}\n";

#[test]
fn a_host_that_is_gone_is_unreachable_and_the_others_go_on() {
    let (project, rig) = (Project::new(), Rig::boot(2));
    project.write("inventory.yaml", &rig.inventory("ops", ", connect_timeout: 3s"));
    project.write("note.ops", NOTE);
    let gone = &rig.hosts[0];
    let run = || project.opsc(&["run", "note.ops", "-y"]);
    gone.link("down");
    let said = run();
    assert_eq!(said.code, 20, "{said:?}");
    assert!(said.stdout.starts_with("h1 : ok=0 changed=0 unreachable=1 failed=0"), "{said:?}");
    assert!(said.stdout.contains("h2 : ok=1 changed=1 unreachable=0 failed=0"), "{said:?}");
    gone.link("up");

    gone.signal("STOP", "sshd");
    let said = run();
    gone.signal("CONT", "sshd");
    assert_eq!(said.code, 20, "{said:?}");
    assert!(said.stdout.starts_with("h1 : ok=0 changed=0 unreachable=1 failed=0"), "{said:?}");
    assert!(said.stderr.contains("did not answer within 3s"), "{said:?}");

    let said = run();
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stdout.starts_with("h1 : ok=1 changed=1 "), "{said:?}");
    assert!(said.stdout.contains("h2 : ok=1 changed=0 "), "{said:?}");
}
