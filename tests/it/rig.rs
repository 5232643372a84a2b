//! Real Debian hosts with systemd, apt, sudo and sshd, on a network of their own; they end with the value, also when a
//! test fails. Needs root. Knows nothing of what is tested.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::rig_image::{image, lock, run};
use super::sshd::make_key;

/// Far more than a host needs, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Who can log in with the key of the rig: name, and number of user and group.
const USERS: &[(&str, u32)] = &[("root", 0), ("ops", 1000), ("asked", 1001), ("guest", 1002)];

/// Hosts on one bridge. The fields end in this order.
pub(crate) struct Rig {
    pub(crate) hosts: Vec<RigHost>,
    bridge: Bridge,
    folder: Folder,
}

impl Rig {
    /// Boots so many hosts and waits until each of them is up.
    pub(crate) fn boot(count: usize) -> Rig {
        Rig::boot_with(count, &[])
    }

    /// The same, with more of Debian's packages installed on them.
    pub(crate) fn boot_with(count: usize, packages: &[&str]) -> Rig {
        let held = lock();
        let tree = image(&held, packages);
        clear_the_dead();
        let folder = Folder::new();
        let bridge = Bridge::new();
        drop(held);
        make_key(&folder.path.join("key"));
        let mut hosts = Vec::new();
        for number in 1..=count {
            hosts.push(RigHost::start(&tree, &folder.path, &bridge, number));
        }
        for host in &mut hosts {
            host.wait_until_up();
        }
        Rig { hosts, bridge, folder }
    }

    /// The inventory of these hosts as group `rig`, with the login user and more lines of each host.
    pub(crate) fn inventory(&self, user: &str, more: &str) -> String {
        let folder = self.folder.path.display();
        let mut text = format!(
            "defaults: {{ user: {user}, key: {folder}/key, known_hosts: {folder}/known_hosts }}\ngroups:\n  rig:\n    os: linux\n    hosts:\n"
        );
        for host in &self.hosts {
            text.push_str(&format!("      - h{}\n", host.number));
        }
        text.push_str("hosts:\n");
        for host in &self.hosts {
            text.push_str(&format!("  h{}: {{ address: {}{more} }}\n", host.number, host.address));
        }
        text
    }
}

/// A queue that holds nothing: whatever is sent into it is gone.
const DROPS: [&str; 4] = ["root", "pfifo", "limit", "0"];

/// What a broken network loses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Lost {
    ToHost,
    FromHost,
    Both,
}

/// Everything of a rig that outlasts a process, as paths.
fn traces(rig: &Rig) -> Vec<PathBuf> {
    let mut traces = vec![rig.folder.path.clone(), Path::new("/sys/class/net").join(&rig.bridge.name)];
    for host in &rig.hosts {
        traces.extend([Path::new("/run/netns").join(&host.name), host.root.clone()]);
        traces.extend(host.groups.iter().cloned());
        traces.extend(host.processes().iter().map(|pid| PathBuf::from(format!("/proc/{pid}"))));
    }
    traces
}

/// One booted host.
pub(crate) struct RigHost {
    /// 1 for the first of its rig.
    number: usize,
    /// Of the machine and of its network namespace.
    name: String,
    /// Of this end of its cable.
    cable: String,
    pub(crate) address: String,
    /// The folder of its rig, with key and known_hosts.
    shared: PathBuf,
    /// What it started from, what it changed, and both together.
    pub(crate) tree: PathBuf,
    pub(crate) upper: PathBuf,
    pub(crate) root: PathBuf,
    groups: Vec<PathBuf>,
    machine: Option<Child>,
}

impl RigHost {
    fn start(tree: &Path, shared: &Path, bridge: &Bridge, number: usize) -> RigHost {
        static COUNTER: AtomicU32 = AtomicU32::new(1);
        let name = format!("opsc-{}-h{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
        let own = shared.join(&name);
        let mut host = RigHost {
            number,
            address: format!("{}.{}", bridge.subnet, number + 10),
            shared: shared.to_owned(),
            tree: tree.to_owned(),
            upper: own.join("upper"),
            root: own.join("root"),
            groups: Vec::new(),
            machine: None,
            cable: format!("{}h{number}", bridge.name),
            name,
        };
        for folder in ["upper", "work", "root"] {
            fs::create_dir_all(own.join(folder)).unwrap();
        }
        let layers = format!(
            "lowerdir={},upperdir={},workdir={}",
            tree.display(),
            host.upper.display(),
            own.join("work").display()
        );
        run(Command::new("mount").args(["-t", "overlay", "-o", &layers, "overlay"]).arg(&host.root));
        host.give_identity();
        host.connect(bridge);
        host.power_on();
        host
    }

    /// Its name, its keys, and who may log in.
    fn give_identity(&self) {
        fs::write(self.root.join("etc/hostname"), format!("{}\n", self.name)).unwrap();
        fs::write(self.root.join("etc/hosts"), format!("127.0.0.1 localhost\n127.0.1.1 {}\n", self.name)).unwrap();
        let (high, low) = (RandomState::new().hash_one(&self.name), RandomState::new().hash_one(&self.name));
        fs::write(self.root.join("etc/machine-id"), format!("{high:016x}{low:016x}\n")).unwrap();
        make_key(&self.root.join("etc/ssh/ssh_host_ed25519_key"));
        let public = fs::read_to_string(self.root.join("etc/ssh/ssh_host_ed25519_key.pub")).unwrap();
        let mut known = fs::File::options().create(true).append(true).open(self.shared.join("known_hosts")).unwrap();
        write!(known, "{} {public}", self.address).unwrap();
        for (user, number) in USERS {
            let home = if *number == 0 { "root".to_owned() } else { format!("home/{user}") };
            let ssh = self.root.join(home).join(".ssh");
            fs::create_dir_all(&ssh).unwrap();
            fs::copy(self.shared.join("key.pub"), ssh.join("authorized_keys")).unwrap();
            fs::set_permissions(&ssh, fs::Permissions::from_mode(0o700)).unwrap();
            chown(&ssh, Some(*number), Some(*number)).unwrap();
            chown(ssh.join("authorized_keys"), Some(*number), Some(*number)).unwrap();
        }
    }

    fn connect(&self, bridge: &Bridge) {
        let cable = &self.cable;
        ip(&["netns", "add", &self.name]);
        ip(&["link", "add", cable, "type", "veth", "peer", "name", "host0", "netns", &self.name]);
        ip(&["link", "set", cable, "master", &bridge.name, "up"]);
        ip(&["-n", &self.name, "address", "add", &format!("{}/24", self.address), "dev", "host0"]);
        ip(&["-n", &self.name, "link", "set", "lo", "up"]);
        ip(&["-n", &self.name, "link", "set", "host0", "up"]);
    }

    /// Each machine has control groups of its own: systemd ends the processes of a service by its group.
    fn power_on(&mut self) {
        self.groups = group_homes().iter().map(|home| home.join(&self.name)).collect();
        for group in &self.groups {
            fs::create_dir_all(group).unwrap();
        }
        // nspawn ends with 133 when its machine restarts.
        let joins = "for group; do echo $$ > \"$group/cgroup.procs\" || exit 1; done; code=133; \
            while [ \"$code\" = 133 ]; do setpriv --pdeathsig TERM systemd-nspawn -q -b \
            -D \"$root\" --register=no --keep-unit --machine=\"$machine\" --resolv-conf=off --timezone=off \
            --link-journal=no --capability=CAP_NET_ADMIN --network-namespace-path=\"/run/netns/$machine\" --console=pipe; \
            code=$?; done; exit $code";
        let log = fs::File::create(self.shared.join(&self.name).join("console")).unwrap();
        let mut machine = Command::new("setpriv");
        machine.args(["--pdeathsig", "TERM", "sh", "-c", joins, "sh"]).args(&self.groups);
        machine.env("root", &self.root).env("machine", &self.name);
        machine.stdin(Stdio::null()).stderr(log.try_clone().unwrap()).stdout(log);
        self.machine = Some(machine.spawn().unwrap());
    }

    fn wait_until_up(&mut self) {
        let until = Instant::now() + PATIENCE;
        while !self.answers() {
            let ended = self.machine.as_mut().unwrap().try_wait().unwrap();
            if ended.is_some() || Instant::now() > until {
                let console = fs::read(self.shared.join(&self.name).join("console")).unwrap();
                panic!("{} did not come up: {ended:?}\n{}", self.name, String::from_utf8_lossy(&console));
            }
            pause();
        }
        let state = self.sh("systemctl is-system-running --wait || systemctl --failed --no-legend");
        assert_eq!(state, "running\n", "{}", self.name);
    }

    fn answers(&self) -> bool {
        let address = format!("{}:22", self.address).parse().unwrap();
        let mut banner = [0; 4];
        TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok_and(|mut stream| {
            stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            stream.read_exact(&mut banner).is_ok() && &banner == b"SSH-"
        })
    }

    /// What root's script printed; the way of an ordinary ssh, not of opsc.
    pub(crate) fn sh(&self, script: &str) -> String {
        let mut ssh = Command::new("ssh")
            .args(["-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-i"])
            .arg(self.shared.join("key"))
            .args(["-o", &format!("UserKnownHostsFile={}", self.shared.join("known_hosts").display())])
            .args([&format!("root@{}", self.address), "timeout 120 sh -e -s"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // An ssh that ended before it read all of it says why.
        let written = ssh.stdin.take().unwrap().write_all(script.as_bytes());
        let done = ssh.wait_with_output().unwrap();
        let (stdout, stderr) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        let done_well = done.status.success() && written.is_ok();
        assert!(done_well, "{script}: {}\n{stdout}\n{stderr}", done.status);
        stdout.into_owned()
    }

    /// Takes the cable out, or puts it back.
    pub(crate) fn link(&self, state: &str) {
        ip(&["-n", &self.name, "link", "set", "host0", state]);
    }

    /// What goes this way is lost, without a word to anybody, from now on.
    pub(crate) fn loses(&self, lost: Lost) {
        if lost != Lost::FromHost {
            run(Command::new("tc").args(["qdisc", "add", "dev", &self.cable]).args(DROPS));
        }
        if lost != Lost::ToHost {
            run(Command::new("tc").args(["-n", &self.name, "qdisc", "add", "dev", "host0"]).args(DROPS));
        }
    }

    /// Nothing is lost any more.
    pub(crate) fn finds(&self) {
        try_run("tc", &["qdisc", "del", "dev", &self.cable, "root"]);
        try_run("tc", &["-n", &self.name, "qdisc", "del", "dev", "host0", "root"]);
    }

    /// A signal to every process of the machine of this name, such as `sshd`.
    pub(crate) fn signal(&self, signal: &str, process: &str) {
        let found: Vec<u32> = self.processes().into_iter().filter(|pid| comm(*pid) == process).collect();
        assert!(!found.is_empty(), "{} runs no {process}", self.name);
        for pid in found {
            run(Command::new("kill").args([format!("-{signal}"), pid.to_string()]));
        }
    }

    fn processes(&self) -> Vec<u32> {
        ip(&["netns", "pids", &self.name]).split_whitespace().map(|pid| pid.parse().unwrap()).collect()
    }
}

impl Drop for RigHost {
    fn drop(&mut self) {
        if let Some(machine) = &mut self.machine {
            power_off(machine);
        }
        try_run("umount", &["--lazy", &self.root.display().to_string()]);
        // Takes its end of the cable along, and the other end goes with it.
        try_run("ip", &["netns", "delete", &self.name]);
        for group in &self.groups {
            forget_group(group);
        }
    }
}

/// The machine's first process is killed: the kernel ends all others, and nspawn tidies up and ends by itself.
fn power_off(machine: &mut Child) {
    for nspawn in children(&machine.id().to_string()) {
        children(&nspawn).iter().for_each(|first| try_run("kill", &["-KILL", first]));
    }
    let until = Instant::now() + PATIENCE;
    while machine.try_wait().is_ok_and(|ended| ended.is_none()) && Instant::now() < until {
        pause();
    }
    drop(machine.kill());
    drop(machine.wait());
}

fn children(pid: &str) -> Vec<String> {
    let pids = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    pids.split_whitespace().map(str::to_owned).collect()
}

/// A file system in memory, as upper layers need one that is no overlay itself.
struct Folder {
    path: PathBuf,
}

impl Folder {
    fn new() -> Folder {
        let name = format!("opsc-rig-{}-", std::process::id());
        let path = tempfile::Builder::new().prefix(&name).tempdir_in("/tmp").unwrap().keep();
        let folder = Folder { path };
        run(Command::new("mount").args(["-t", "tmpfs", "-o", "mode=755", "tmpfs"]).arg(&folder.path));
        folder
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        forget_folder(&self.path);
    }
}

fn forget_folder(path: &Path) {
    try_run("umount", &["--lazy", &path.display().to_string()]);
    drop(fs::remove_dir(path));
}

struct Bridge {
    name: String,
    /// The first three numbers of its addresses.
    subnet: String,
}

impl Bridge {
    /// On a subnet that nobody has; the lock of the rig is held, so two runs do not choose at once.
    fn new() -> Bridge {
        static COUNTER: AtomicU32 = AtomicU32::new(1);
        let name = format!("ob{}x{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
        let taken = ip(&["-4", "-o", "address"]) + &ip(&["-4", "route", "show", "table", "all"]);
        let chosen = (0..1000).map(|_| RandomState::new().hash_one(&name)).map(|random| {
            let [second, third, ..] = random.to_le_bytes();
            format!("10.{second}.{third}")
        });
        let subnet = chosen.into_iter().find(|subnet| !taken.contains(&format!("{subnet}."))).expect("a free subnet");
        let bridge = Bridge { name, subnet };
        ip(&["link", "add", &bridge.name, "type", "bridge"]);
        ip(&["address", "add", &format!("{}.1/24", bridge.subnet), "dev", &bridge.name]);
        ip(&["link", "set", &bridge.name, "up"]);
        bridge
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        try_run("ip", &["link", "delete", &self.name]);
    }
}

/// What a killed run of this test left: machines end with their run, but folders, namespaces and bridges stay.
fn clear_the_dead() {
    let names = |folder: &str| -> Vec<String> {
        let entries = fs::read_dir(folder).into_iter().flatten();
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
    };
    let is_dead = |name: &&String, prefix: &str, end: char| {
        let pid = name.strip_prefix(prefix).and_then(|rest| rest.split(end).next()?.parse::<u32>().ok());
        pid.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists())
    };
    for folder in names("/tmp").iter().filter(|name| is_dead(name, "opsc-rig-", '-')) {
        let path = PathBuf::from("/tmp").join(folder);
        for machine in names(&path.display().to_string()) {
            try_run("umount", &["--lazy", &path.join(machine).join("root").display().to_string()]);
        }
        forget_folder(&path);
    }
    for namespace in names("/run/netns").iter().filter(|name| is_dead(name, "opsc-", '-')) {
        try_run("ip", &["netns", "delete", namespace]);
    }
    for bridge in names("/sys/class/net").iter().filter(|name| is_dead(name, "ob", 'x')) {
        try_run("ip", &["link", "delete", bridge]);
    }
    for home in group_homes() {
        for group in names(&home.display().to_string()).iter().filter(|name| is_dead(name, "opsc-", '-')) {
            forget_group(&home.join(group));
        }
    }
}

/// Our own control group, in the hierarchy of systemd and in the unified one, as far as they are mounted.
fn group_homes() -> Vec<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let own = fs::read_to_string("/proc/self/cgroup").unwrap();
    let home = |(controllers, kind): (&str, &str)| {
        let mount = mounts.lines().find(|line| {
            let behind = line.split(" - ").nth(1).unwrap_or_default();
            behind.starts_with(kind) && behind.contains(controllers)
        })?;
        let path = own.lines().find_map(|line| line.split_once(':')?.1.strip_prefix(controllers)?.strip_prefix(':'))?;
        Some(Path::new(mount.split(' ').nth(4)?).join(path.trim_start_matches('/')))
    };
    [("name=systemd", "cgroup "), ("", "cgroup2 ")].into_iter().filter_map(home).collect()
}

fn forget_group(group: &Path) {
    try_run("find", &[&group.display().to_string(), "-depth", "-type", "d", "-exec", "rmdir", "{}", ";"]);
}

fn comm(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned()
}

fn ip(arguments: &[&str]) -> String {
    run(Command::new("ip").args(arguments))
}

/// For the end of things, where the rest must go on.
fn try_run(program: &str, arguments: &[&str]) {
    drop(Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status());
}

/// Between two looks at something that takes a while.
fn pause() {
    pass(Duration::from_millis(20));
}

/// While something is as it is.
pub(crate) fn pass(time: Duration) {
    std::thread::sleep(time);
}

#[test]
fn two_rigs_do_not_meet_and_each_ends_with_its_test_also_when_that_panics() {
    let kept = Rig::boot(1);
    let (send, receive) = std::sync::mpsc::channel();
    let panicked = std::thread::spawn(move || {
        let rig = Rig::boot(2);
        send.send(traces(&rig)).unwrap();
        panic!("as a test that fails does");
    });
    let traces_of_the_other = receive.recv().unwrap();
    assert!(traces_of_the_other.len() > 15, "{traces_of_the_other:?}");
    assert!(panicked.join().is_err());
    let left: Vec<&PathBuf> = traces_of_the_other.iter().filter(|trace| trace.exists()).collect();
    assert_eq!(left, Vec::<&PathBuf>::new());
    assert!(traces(&kept).iter().all(|trace| trace.exists()));
    assert_eq!(kept.hosts[0].sh("hostname"), format!("{}\n", kept.hosts[0].name));
}

#[test]
fn what_a_killed_run_left_is_cleared_by_the_next() {
    let mut ended = Command::new("true").spawn().unwrap();
    let pid = ended.id();
    ended.wait().unwrap();
    let (folder, name, bridge) = (format!("/tmp/opsc-rig-{pid}-x"), format!("opsc-{pid}-h1"), format!("ob{pid}x1"));
    fs::create_dir(&folder).unwrap();
    run(Command::new("mount").args(["-t", "tmpfs", "tmpfs", &folder]));
    ip(&["netns", "add", &name]);
    ip(&["link", "add", &bridge, "type", "bridge"]);
    let groups: Vec<PathBuf> = group_homes().iter().map(|home| home.join(&name)).collect();
    groups.iter().for_each(|group| fs::create_dir_all(group.join("payload")).unwrap());
    clear_the_dead();
    let left = [PathBuf::from(folder), Path::new("/run/netns").join(name), Path::new("/sys/class/net").join(bridge)];
    for trace in left.iter().chain(&groups) {
        assert!(!trace.exists(), "{}", trace.display());
    }
}

#[test]
fn a_host_may_have_more_packages_and_filters_its_own_packets_only() {
    let rig = Rig::boot_with(1, &["nftables"]);
    let host = &rig.hosts[0];
    assert_eq!(host.sh("nft add table inet mine; nft list tables"), "table inet mine\n");
    let seen_from_outside = run(Command::new("ip").args(["netns", "exec", &host.name, "nft", "list", "tables"]));
    assert_eq!(seen_from_outside, "table inet mine\n");
    assert!(!run(Command::new("nft").args(["list", "tables"])).contains("inet mine"));
    assert_eq!(host.sh("ls /tmp/sources /usr/sbin/policy-rc.d 2>/dev/null || echo gone"), "gone\n");
    let plain = Rig::boot(1);
    assert_eq!(plain.hosts[0].sh("command -v nft || echo none"), "none\n");
}
