//! Every runbook of `playbooks/` on real hosts: it does what it says, has nothing to do the second time, and where it
//! fails it leaves its hosts as they were, or says what it leaves.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use super::project::{Project, Said};
use super::rig::{Rig, RigHost};
use super::rig_changes::Files;
use super::runbook_files::copied;

/// Answers with its version, and with the status that `/etc/app.conf` says, else 200.
fn program(version: &str) -> String {
    format!(
        r#"#!/usr/bin/perl
use IO::Socket::INET;
my $status = 200;
if (open my $conf, "<", "/etc/app.conf") {{ while (<$conf>) {{ $status = $1 if /^status=(\d+)/ }} }}
die "no such version" if "{version}" eq "broken";
my $server = IO::Socket::INET->new(LocalPort => 8080, Listen => 5, ReuseAddr => 1) or die;
while (my $client = $server->accept) {{
    <$client>;
    print $client "HTTP/1.0 $status X\r\n\r\nversion {version}\n";
    close $client;
}}
"#
    )
}

/// A service `app` that runs a program.
const SERVICE: &str = r#"
cat > /etc/systemd/system/app.service <<END
[Service]
ExecStart=$program
[Install]
WantedBy=multi-user.target
END
systemctl daemon-reload
systemctl start app
"#;

struct Fleet {
    project: Project,
    rig: Rig,
}

impl Fleet {
    /// `web1`, `web2`, … and one more host with these packages if there are any, which is `lb1`.
    fn new(web: usize, packages: &[&str]) -> Fleet {
        let (project, rig) = (copied(), Rig::boot_with(web + usize::from(!packages.is_empty()), packages));
        let first = rig.inventory("ops", "");
        let mut text = first.split("groups:").next().unwrap().to_string();
        text.push_str(&format!("groups:\n  web: {{ hosts: [\"web[1:{web}]\"], os: linux }}\nhosts:\n"));
        for (index, host) in rig.hosts.iter().enumerate() {
            let name = if index < web { format!("web{}", index + 1) } else { "lb1".to_string() };
            text.push_str(&format!("  {name}: {{ address: {}, os: linux }}\n", host.address));
        }
        project.write("inventory.yaml", &text);
        Fleet { project, rig }
    }

    /// With the service `app` on the first of them.
    fn with_app(web: usize, packages: &[&str], path: &str) -> Fleet {
        let fleet = Fleet::new(web, packages);
        for host in fleet.web(web) {
            let text = program("1").replace('\'', "'\\''");
            host.sh(&format!("mkdir -p \"$(dirname {path})\"\nprintf '%s' '{text}' > {path}\nchmod 755 {path}\nprogram={path}\n{SERVICE}"));
        }
        fleet
    }

    fn web(&self, count: usize) -> &[RigHost] {
        &self.rig.hosts[..count]
    }

    fn files(&self) -> Vec<Files> {
        self.rig.hosts.iter().map(Files::of).collect()
    }

    /// A line for each file that is another, with the number of its host.
    fn changed_since(&self, before: &[Files]) -> Vec<String> {
        let now = self.files();
        let of = |(number, (before, now)): (usize, (&Files, &Files))| {
            before.changed_to(now).into_iter().map(move |line| format!("{number}: {line}")).collect::<Vec<_>>()
        };
        before.iter().zip(&now).enumerate().flat_map(of).collect()
    }

    fn opsc(&self, command: &[&str], runbook: &str, more: &[&str]) -> Said {
        let file = format!("{runbook}.ops");
        let mut arguments = command.to_vec();
        arguments.push(&file);
        arguments.extend(more);
        self.project.opsc(&arguments)
    }

    fn run(&self, runbook: &str, more: &[&str]) -> Said {
        self.opsc(&["run", "-y"], runbook, more)
    }

    /// A plan and a second run that change nothing.
    fn has_nothing_to_do(&self, runbook: &str, more: &[&str]) {
        let before = self.files();
        let planned = self.opsc(&["plan", "--detailed-exitcode"], runbook, more);
        assert_eq!(planned.code, 0, "{planned:?}");
        let again = self.run(runbook, more);
        assert_eq!((again.code, changed(&again)), (0, 0), "{again:?}");
        assert_eq!(self.changed_since(&before), Vec::<String>::new());
    }

    /// Ends with this code and these words, and leaves every file as it was.
    fn fails_without_a_trace(&self, runbook: &str, more: &[&str], code: i32, words: &str) -> Said {
        let before = self.files();
        let said = self.run(runbook, more);
        assert_eq!(said.code, code, "{said:?}");
        assert!(said.stderr.contains(words), "{words:?} is not in {said:?}");
        assert_eq!(self.changed_since(&before), Vec::<String>::new(), "{said:?}");
        said
    }
}

/// Steps that changed something, over all hosts.
fn changed(said: &Said) -> usize {
    let counts = said.stdout.split("changed=").skip(1);
    counts.map(|rest| rest.split(' ').next().unwrap().parse::<usize>().unwrap()).sum()
}

fn answer(host: &RigHost) -> String {
    let ask = "perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(\"127.0.0.1:8080\") or die; print $s \"GET / HTTP/1.0\\r\\n\\r\\n\"; print <$s>'";
    host.sh(ask).split("\r\n\r\n").nth(1).unwrap().to_string()
}

#[test]
fn safe_update_stops_updates_starts_and_verifies_or_puts_back() {
    let fleet = Fleet::with_app(3, &[], "/usr/local/bin/app");
    fleet.project.write("files/app", &program("broken"));
    fleet.web(3).iter().for_each(|host| drop(host.sh("mkdir -p -m 700 /root/.opsc/backup")));
    fleet.fails_without_a_trace(
        "safe_update",
        &["-e", "program=files/app"],
        23,
        "did not keep running for 1 s; no such version",
    );
    assert_eq!(fleet.web(3).iter().map(answer).collect::<String>(), "version 1\nversion 1\nversion 1\n");

    fleet.project.write("files/app", &program("2"));
    let planned = fleet.opsc(&["plan"], "safe_update", &["-e", "program=files/app"]);
    assert_eq!(planned.stdout.matches("~ will change").count(), 6, "{planned:?}");
    let said = fleet.run("safe_update", &["-e", "program=files/app"]);
    assert_eq!((said.code, changed(&said)), (0, 9), "{said:?}");
    assert_eq!(fleet.web(3).iter().map(answer).collect::<String>(), "version 2\nversion 2\nversion 2\n");
    fleet.has_nothing_to_do("safe_update", &["-e", "program=files/app"]);
}

#[test]
fn rolling_config_drains_restarts_and_puts_back() {
    let fleet = Fleet::with_app(2, &["haproxy", "socat"], "/usr/local/bin/app");
    let balancer = &fleet.rig.hosts[2];
    let servers: String = fleet
        .web(2)
        .iter()
        .zip(1..)
        .map(|(host, number)| format!("  server web{number} {}:8080\n", host.address))
        .collect();
    balancer.sh(&format!(
        "cat > /etc/haproxy/haproxy.cfg <<'END'\nglobal\n  stats socket /run/haproxy/admin.sock mode 660 level admin\ndefaults\n  mode http\n  timeout connect 5s\n  timeout client 5s\n  timeout server 5s\nfrontend f\n  bind :8080\n  default_backend web\nbackend web\n{servers}END\nsystemctl restart haproxy"
    ));
    let states = "echo 'show stat' | socat - UNIX-CONNECT:/run/haproxy/admin.sock | awk -F , '$1 == \"web\" && $2 ~ /web/ { print $2, $18 }'";
    assert_eq!(balancer.sh(states), "web1 no check\nweb2 no check\n");
    fleet
        .web(2)
        .iter()
        .for_each(|host| drop(host.sh("echo status=200 > /etc/app.conf; mkdir -p -m 700 /root/.opsc/backup")));

    fleet.project.write("files/app.conf", "status=500\n");
    let said = fleet.fails_without_a_trace(
        "rolling_config",
        &["-e", "config=files/app.conf"],
        23,
        "expected status 200, found 500",
    );
    assert_eq!(said.stderr.matches("trying again").count(), 4, "attempts 1, 2, 4 and 8 of ten are told");
    // The server is back behind the balancer only when it runs as before.
    let undone =
        said.stderr.lines().filter(|line| line.contains(": rolled_back")).map(|line| line.split(' ').nth(4).unwrap());
    assert_eq!(undone.collect::<Vec<_>>(), ["written:", "service.restart:", "haproxy.drain:"]);
    assert_eq!(balancer.sh(states), "web1 no check\nweb2 no check\n");
    assert_eq!(answer(balancer), "version 1\n");

    fleet.project.write("files/app.conf", "status=200\nnew=1\n");
    let said = fleet.run("rolling_config", &["-e", "config=files/app.conf"]);
    assert_eq!((said.code, changed(&said)), (0, 8), "{said:?}");
    let shown = fleet.project.opsc(&["show", "2", "-o", "json"]).stdout;
    assert!(shown.contains("haproxy.drain") && shown.contains("drain") && shown.contains("ready"), "{shown}");
    assert_eq!(balancer.sh(states), "web1 no check\nweb2 no check\n");
    fleet.has_nothing_to_do("rolling_config", &["-e", "config=files/app.conf"]);
}

#[test]
fn link_deploy_switches_in_one_go_and_back() {
    let fleet = Fleet::with_app(2, &[], "/srv/app/releases/1/app");
    for host in fleet.web(2) {
        host.sh("ln -s /srv/app/releases/1 /srv/app/current; sed -i 's,/releases/1/,/current/,' /etc/systemd/system/app.service; systemctl daemon-reload; systemctl restart app");
    }
    let pack = |version: &str, inside: &str| {
        fleet.project.write("files/app", &program(inside));
        let status = std::process::Command::new("tar")
            .args(["--mode=755", "-czf", "release.tar.gz", "app"])
            .current_dir(fleet.project.path("files"))
            .status();
        assert!(status.unwrap().success(), "{version}");
    };
    pack("2", "2");
    let said = fleet.run("link_deploy", &["-e", "version=2", "-e", "release=files/release.tar.gz"]);
    assert_eq!((said.code, changed(&said)), (0, 8), "{said:?}");
    assert_eq!(fleet.web(2).iter().map(answer).collect::<String>(), "version 2\nversion 2\n");
    fleet.has_nothing_to_do("link_deploy", &["-e", "version=2", "-e", "release=files/release.tar.gz"]);
    // It starts, and is not what it should be.
    pack("3", "2");
    fleet.fails_without_a_trace(
        "link_deploy",
        &["-e", "version=3", "-e", "release=files/release.tar.gz"],
        23,
        "does not contain",
    );
    assert_eq!(fleet.web(2)[0].sh("readlink /srv/app/current"), "/srv/app/releases/2\n");
    assert_eq!(fleet.web(2).iter().map(answer).collect::<String>(), "version 2\nversion 2\n");
}

#[test]
fn patch_and_reboot_goes_in_growing_batches_and_stops_at_the_first_failure() {
    let fleet = Fleet::with_app(3, &[], "/usr/local/bin/app");
    let boot = |host: &RigHost| host.sh("cat /proc/sys/kernel/random/boot_id");
    for host in fleet.web(3) {
        host.sh("systemctl enable -q app; apt-get install -q -y hello=1.0");
    }
    let more = ["-e", "classes=all", "-e", "services=app"];
    fleet.web(3)[0].sh("systemctl stop app");
    fleet.fails_without_a_trace("patch_and_reboot", &more, 22, "app is inactive on web1 before anything was done");
    fleet.web(3)[0].sh("systemctl start app; touch /run/reboot-required");
    let boots: Vec<String> = fleet.web(3).iter().map(boot).collect();
    let planned = fleet.opsc(&["plan"], "patch_and_reboot", &more);
    assert!(planned.stdout.contains("not reversible"), "{planned:?}");
    let said = fleet.run("patch_and_reboot", &more);
    assert_eq!((said.code, changed(&said)), (0, 4), "{said:?}");
    let since: Vec<bool> = fleet.web(3).iter().zip(&boots).map(|(host, before)| boot(host) != *before).collect();
    assert_eq!(since, [true, false, false]);
    for host in fleet.web(3) {
        assert_eq!(host.sh("dpkg-query -W -f '${Version} ' hello; systemctl is-active app"), "2.0 active\n");
    }
    fleet.has_nothing_to_do("patch_and_reboot", &more);
}

#[test]
fn offboard_takes_an_account_away_and_keeps_its_home() {
    let fleet = Fleet::new(2, &[]);
    for host in fleet.web(2) {
        host.sh("useradd -m ada; echo hers > /home/ada/note; chown ada: /home/ada/note; echo 'ada ALL=(ALL) ALL' > /etc/sudoers.d/ada; chmod 440 /etc/sudoers.d/ada; mkdir -p /etc/cron.d; echo '* * * * * ada true' > /etc/cron.d/ada; mkdir -p -m 700 /root/.opsc/backup");
    }
    let more = ["-e", "who=ada"];
    // Somebody of this name is at work there: the account cannot go, and all that went before comes back.
    let busy = &fleet.web(2)[0];
    busy.sh("systemd-run --quiet --unit=busy --uid=ada sleep 300");
    fleet.fails_without_a_trace("offboard", &more, 23, "ada");
    busy.sh("systemctl stop busy");
    let said = fleet.run("offboard", &more);
    assert_eq!((said.code, changed(&said)), (0, 6), "{said:?}");
    for host in fleet.web(2) {
        assert_eq!(host.sh("id ada 2>/dev/null || ls /etc/sudoers.d /etc/cron.d | grep ada || echo gone"), "gone\n");
    }
    fleet.has_nothing_to_do("offboard", &more);
}

#[test]
fn disk_cleanup_removes_old_logs_only_where_it_is_needed() {
    let fleet = Fleet::new(2, &[]);
    for host in fleet.web(2) {
        host.sh("mkdir -p /var/log/app; mount -t tmpfs -o size=8m tmpfs /var/log/app; cd /var/log/app; head -c 100000 /dev/zero > 'new one.gz'; echo x > app.log; touch -d '30 days ago' app.log");
    }
    fleet.web(2)[0]
        .sh("cd /var/log/app; head -c 5000000 /dev/zero > 'old one.gz'; touch -d '30 days ago' 'old one.gz'");
    let more = ["-e", "path=/var/log/app", "-e", "enough=6MiB"];
    let refused = fleet.run("disk_cleanup", &more);
    assert!(refused.code == 12 && refused.stderr.contains("--allow-destroy"), "{refused:?}");
    let more = [&more[..], &["--allow-destroy"]].concat();
    let said = fleet.run("disk_cleanup", &more);
    assert_eq!((said.code, changed(&said)), (0, 1), "{said:?}");
    assert_eq!(fleet.web(2)[0].sh("ls /var/log/app"), "app.log\nnew one.gz\n");
    assert_eq!(fleet.web(2)[1].sh("ls /var/log/app"), "app.log\nnew one.gz\n");
    fleet.has_nothing_to_do("disk_cleanup", &more);
    let more = ["-e", "path=/var/log/app", "-e", "enough=1GiB", "--allow-destroy"];
    fleet.fails_without_a_trace("disk_cleanup", &more, 21, "less than 1GiB: look for what else is large");
}

#[test]
fn backup_check_proves_that_what_it_made_can_be_restored() {
    let fleet = Fleet::new(2, &[]);
    for host in fleet.web(2) {
        host.sh("mkdir -p '/srv/app/data/a b'; echo 1 > '/srv/app/data/a b/c'; ln -s nowhere /srv/app/data/link");
    }
    let more = ["-e", "day=2026-01-31"];
    // A socket is in no archive, so the restored folder is not the same.
    let socket =
        "perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => \"/srv/app/data/socket\", Listen => 1) or die'";
    fleet.web(2)[0].sh(socket);
    fleet.fails_without_a_trace("backup_check", &more, 23, "Only in /srv/app/data: socket");
    fleet.web(2)[0].sh("rm /srv/app/data/socket");
    let said = fleet.run("backup_check", &more);
    assert_eq!((said.code, changed(&said)), (0, 4), "{said:?}");
    for host in fleet.web(2) {
        let listed = host
            .sh("stat -c %a /var/backups/app/2026-01-31.tar.gz; tar -tzf /var/backups/app/2026-01-31.tar.gz | sort");
        assert_eq!(listed, "600\n./\n./a b/\n./a b/c\n./link\n");
    }
    fleet.has_nothing_to_do("backup_check", &more);
}

const CA: &str = "mkdir -p -m 700 /srv/ca; cd /srv/ca; openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.crt -days 3650 -subj /CN=test 2>/dev/null";

/// nginx with a certificate of its own for so many days, on port 443.
const TLS: &str = r#"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /etc/ssl/app.key -out /etc/ssl/app.crt -days $days -subj /CN=old 2>/dev/null
cat > /etc/nginx/sites-enabled/default <<'END'
server { listen 443 ssl; ssl_certificate /etc/ssl/app.crt; ssl_certificate_key /etc/ssl/app.key; }
END
mkdir -p -m 700 /root/.opsc/backup
systemctl restart nginx
"#;

#[test]
fn rotate_certs_renews_what_runs_out_and_sees_it_from_outside() {
    let fleet = Fleet::new(2, &["nginx-light", "openssl"]);
    let inventory = fleet.project.read("inventory.yaml").unwrap().replace("lb1", "ca1");
    fleet.project.write("inventory.yaml", &inventory);
    fleet.rig.hosts[2].sh(CA);
    for (host, days) in fleet.web(2).iter().zip(["10", "300"]) {
        host.sh(&format!("days={days}\n{TLS}"));
    }
    let [due, good] = fleet.web(2) else { panic!("two hosts") };
    let seen = |host: &RigHost| {
        host.sh("openssl s_client -connect 127.0.0.1:443 </dev/null 2>/dev/null | openssl x509 -noout -subject -issuer")
    };
    let subject = |name: &str, issuer: &str| format!("subject=CN = {name}\nissuer=CN = {issuer}\n");
    assert_eq!((seen(due), seen(good)), (subject("old", "old"), subject("old", "old")));

    // nginx goes on with another file, so nobody sees the new certificate.
    let point_at = |from: &str, to: &str| {
        due.sh(&format!("cp -n /etc/ssl/app.crt /etc/ssl/other.crt; cp -n /etc/ssl/app.key /etc/ssl/other.key; sed -i 's,/{from}[.],/{to}.,g' /etc/nginx/sites-enabled/default; systemctl reload nginx"));
    };
    point_at("app", "other");
    let before: Vec<Files> = fleet.web(2).iter().map(Files::of).collect();
    let said = fleet.run("rotate_certs", &[]);
    assert!(said.code == 23 && said.stderr.contains("`until` was not true after 6 attempts"), "{said:?}");
    assert_eq!(fleet.changed_since(&before), Vec::<String>::new(), "{said:?}");
    assert_eq!(fleet.rig.hosts[2].sh("ls /srv/ca/to-revoke | wc -l; ls /srv/ca/issued 2>/dev/null | wc -l"), "1\n0\n");
    point_at("other", "app");

    let said = fleet.run("rotate_certs", &[]);
    assert_eq!((said.code, changed(&said)), (0, 5), "{said:?}");
    assert_eq!((seen(due), seen(good)), (subject("web1", "test"), subject("old", "old")));
    assert_eq!(
        due.sh("stat -c '%a %U' /etc/ssl/app.key; ls /etc/ssl/app.*"),
        "600 root\n/etc/ssl/app.crt\n/etc/ssl/app.key\n"
    );
    fleet.has_nothing_to_do("rotate_certs", &[]);
}
