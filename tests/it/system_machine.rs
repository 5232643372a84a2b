//! The actions for the machine itself on a real Debian host: its name, time zone, locale, file systems, and what of its
//! kernel a container can see.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::system_case::Case;

#[test]
fn a_host_is_named_and_has_a_time_zone_and_a_locale() {
    let case = Case::new();
    let shows = "uname -n; cat /etc/hostname; grep 127.0.1.1 /etc/hosts";
    let named = "web1.example.org\nweb1.example.org\n127.0.1.1 web1.example.org\n";
    case.converges("os.hostname(name: \"web1.example.org\")", shows, named);

    let zone = "readlink /etc/localtime || true; cat /etc/timezone 2>/dev/null || true; date +%Z";
    let berlin = "/usr/share/zoneinfo/Europe/Berlin\nEurope/Berlin\n";
    let shows = zone.replace("; date +%Z", "");
    case.converges("os.timezone(name: \"Europe/Berlin\")", &shows, berlin);
    // Some hosts have a copy in place of the link, and no second file.
    case.host().sh("rm /etc/timezone /etc/localtime; cp /usr/share/zoneinfo/Asia/Tokyo /etc/localtime");
    case.converges("os.timezone(name: \"Etc/UTC\")", zone, "/usr/share/zoneinfo/Etc/UTC\nUTC\n");
    case.fails("os.timezone(name: \"Mars/Base\")", zone, &["there is no time zone of this name"]);

    let locale = "cat /etc/default/locale 2>/dev/null || true";
    case.converges("os.locale(name: \"C.UTF-8\")", locale, "LANG=C.UTF-8\n");
    case.host().sh("echo LC_TIME=C >> /etc/default/locale");
    case.converges("os.locale(name: \"POSIX\")", locale, "LC_TIME=C\nLANG=POSIX\n");
    case.fails("os.locale(name: \"xx_XX.UTF-8\")", locale, &["no locale of this name"]);

    for wrong in [
        "os.hostname(name: \"a_b\")",
        "os.hostname(name: \"-a\")",
        "os.timezone(name: \"../etc/shadow\")",
        "os.locale(name: \"C;x\")",
        "os.sysctl(name: \"../x\", value: \"1\")",
        "os.module(name: \"a b\")",
        "os.mount(path: \"/mnt\", source: \"a b\", fstype: \"ext4\")",
    ] {
        let said = case.run(wrong);
        assert_eq!(said.code, 11, "{wrong}: {said:?}");
    }
}

#[test]
fn file_systems_are_mounted_again_and_unmounted() {
    let case = Case::new();
    // The first two options: the kernel adds others.
    let shows = "grep -v '^#' /etc/fstab || true; findmnt -rn -M '/srv/da ta/x' -o SOURCE,FSTYPE,OPTIONS | cut -d , -f 1-2 || true; ls -d /srv/da* || true";
    let step = |source: &str, options: &str| {
        format!("os.mount(path: \"/srv/da ta/x\", source: \"{source}\", fstype: \"tmpfs\", options: \"{options}\")")
    };
    let done = "scratch /srv/da\\040ta/x tmpfs size=1m,mode=700 0 0\nscratch tmpfs rw,relatime\n/srv/da ta\n";
    case.converges(&step("scratch", "size=1m,mode=700"), shows, done);
    let done = "scratch /srv/da\\040ta/x tmpfs noexec,size=2m 0 0\nscratch tmpfs rw,noexec\n/srv/da ta\n";
    case.converges(&step("scratch", "noexec,size=2m"), shows, done);
    case.fails(&step("other", "size=2m"), shows, &["something else is mounted at /srv/da ta/x"]);

    case.host().sh("systemd-run -q --unit holds -p WorkingDirectory='/srv/da ta/x' sleep 1000");
    case.fails("os.unmount(path: \"/srv/da ta/x\")", shows, &["target is busy"]);
    case.host().sh("systemctl stop holds");
    case.converges("os.unmount(path: \"/srv/da ta/x\")", shows, "/srv/da ta\n");

    let bound = "findmnt -n -M /mnt >/dev/null && ls /mnt || true";
    case.host().sh("mkdir /srv/only; touch /srv/only/this");
    case.converges(
        "os.mount(path: \"/mnt\", source: \"/srv/only\", fstype: \"none\", options: \"bind\")",
        bound,
        "this\n",
    );
    let missing = "os.mount(path: \"/media/x\", source: \"/dev/no-such-disk\", fstype: \"ext4\")";
    case.fails(missing, "ls /media; tail -n 1 /etc/fstab", &["/dev/no-such-disk"]);
}

#[test]
fn parameters_and_modules_of_the_kernel_are_kept_where_they_are_as_they_should_be() {
    let case = Case::new();
    // Nobody in a container may change a value, so the one that counts is asked for.
    let now = case.host().sh("cat /proc/sys/net/ipv4/ip_forward");
    let now = now.trim();
    let file = "cat /etc/sysctl.d/60-net* 2>/dev/null || true";
    let dots = format!("os.sysctl(name: \"net.ipv4.ip_forward\", value: \"{now}\")");
    case.converges(&dots, file, &format!("net.ipv4.ip_forward = {now}\n"));
    case.host().sh("rm /etc/sysctl.d/60-net*");
    let lo = case.host().sh("cat /proc/sys/net/ipv4/conf/lo/forwarding");
    let lo = lo.trim();
    let slashes = format!("os.sysctl(name: \"net/ipv4/conf/lo/forwarding\", value: \"{lo}\")");
    case.converges(&slashes, file, &format!("net/ipv4/conf/lo/forwarding = {lo}\n"));
    let other = if now == "1" { "0" } else { "1" };
    let refused = format!("os.sysctl(name: \"net.ipv4.ip_forward\", value: \"{other}\")");
    case.fails(&refused, file, &["Read-only file system"]);
    case.fails("os.sysctl(name: \"kernel.no_such_thing\", value: \"1\")", file, &["no parameter of this name"]);

    let modules = "cat /etc/modules-load.d/printk.conf 2>/dev/null || true";
    case.converges("os.module(name: \"printk\")", modules, "printk\n");
    case.fails("os.module(name: \"no-such-module\")", "ls /etc/modules-load.d", &["modprobe"]);
}
