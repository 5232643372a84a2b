//! The trees of files that the hosts of the rig start from: made once with debootstrap (and apt), kept in the user's cache, used
//! by any number of runs at once because nobody writes to it. Knows nothing of hosts.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

const SUITE: &str = "bookworm";
const PACKAGES: &str =
    "systemd,systemd-sysv,dbus,openssh-server,sudo,iproute2,iputils-ping,iputils-tracepath,traceroute";
/// Runs inside the tree when debootstrap is done.
const RECIPE: &str = include_str!("rig_image.sh");
/// Runs beside a copy of that tree, `$root`, and installs more packages into it.
const LARGER_RECIPE: &str = include_str!("rig_image_larger.sh");

/// Held while something is made that two runs must not make at once.
pub(crate) fn lock() -> File {
    let folder = cache();
    fs::create_dir_all(&folder).unwrap();
    let file = File::create(folder.join("lock")).unwrap();
    file.lock().unwrap();
    file
}

/// The tree, made now if it is not there; with more of Debian's packages a tree of its own.
pub(crate) fn image(_held: &File, packages: &[&str]) -> PathBuf {
    let smallest = cache().join(name(&[]));
    if !smallest.exists() {
        make(&smallest);
    }
    let tree = cache().join(name(packages));
    if !tree.exists() {
        make_larger(&smallest, &tree, packages);
    }
    tree
}

/// Differs with everything that the tree is made from.
fn name(packages: &[&str]) -> String {
    let more = if packages.is_empty() { String::new() } else { format!(" {LARGER_RECIPE} {}", packages.join(" ")) };
    let key = Sha256::digest(format!("{SUITE} {PACKAGES} {RECIPE}{more}"));
    key.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn cache() -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").expect("HOME is set")).join(".cache");
    std::env::var_os("XDG_CACHE_HOME").map_or_else(home, PathBuf::from).join("opsc-test-rig")
}

/// A tree has its name only when it is complete; what a killed build left is removed by the next one.
fn make(tree: &Path) {
    let unfinished = Unfinished::of(tree);
    let mut debootstrap = in_namespaces("debootstrap");
    debootstrap.arg("--variant=minbase").arg(format!("--include={PACKAGES}"));
    run(debootstrap.arg(SUITE).arg(&unfinished.0).arg(mirror()));
    run(Command::new("chroot").arg(&unfinished.0).args(["/bin/sh", "-c", RECIPE]));
    unfinished.finish(tree);
}

fn make_larger(smaller: &Path, tree: &Path, packages: &[&str]) {
    let unfinished = Unfinished::of(tree);
    run(Command::new("cp").args(["--archive", "--reflink=auto"]).arg(smaller).arg(&unfinished.0));
    let mut install = in_namespaces("sh");
    install.args(["-c", LARGER_RECIPE, "sh"]).args(packages);
    run(install.env("root", &unfinished.0).env("mirror", mirror()).env("suite", SUITE));
    unfinished.finish(tree);
}

/// A program in namespaces of its own: when this process dies, the program, its children and its mounts go with it.
fn in_namespaces(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    command.arg(program);
    command
}

struct Unfinished(PathBuf);

impl Unfinished {
    fn of(tree: &Path) -> Unfinished {
        let unfinished = tree.with_extension("unfinished");
        run(Command::new("rm").args(["-rf", "--one-file-system"]).arg(&unfinished));
        Unfinished(unfinished)
    }

    fn finish(self, tree: &Path) {
        fs::rename(&self.0, tree).unwrap();
    }
}

/// Where this machine itself gets Debian from.
fn mirror() -> String {
    if let Ok(mirror) = std::env::var("OPSC_TEST_MIRROR") {
        return mirror;
    }
    let files = fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().map(|entry| entry.unwrap().path());
    let texts = files.chain([PathBuf::from("/etc/apt/sources.list")]).filter_map(|file| fs::read_to_string(file).ok());
    let found = texts.flat_map(|text| text.split("\n\n").filter_map(mirror_in).collect::<Vec<_>>()).next();
    found.unwrap_or_else(|| panic!("no source of {SUITE} in /etc/apt; OPSC_TEST_MIRROR=URL names one"))
}

/// The mirror of one stanza of `deb822`, or of the lines of a `sources.list`.
fn mirror_in(stanza: &str) -> Option<String> {
    let value = |key: &str| stanza.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
    let is_suite = |suites: &str| suites.split_whitespace().any(|suite| suite == SUITE);
    if value("Suites:").is_some_and(is_suite) {
        return value("URIs:")?.split_whitespace().next().map(str::to_owned);
    }
    stanza.lines().filter(|line| line.starts_with("deb ") && is_suite(line)).find_map(|line| {
        let mut words = line.split_whitespace().filter(|word| word.contains("://") && !word.starts_with('['));
        words.next().map(str::to_owned)
    })
}

/// Runs it and shows what it said when it fails.
pub(crate) fn run(command: &mut Command) -> String {
    let done = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (stdout, stderr) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{command:?}: {}\n{stdout}\n{stderr}", done.status);
    stdout.into_owned()
}

#[test]
fn the_mirror_is_the_one_of_the_machine() {
    let stanza = "Types: deb\n# a note\nURIs: http://example.org/debian\nSuites: bookworm bookworm-updates\n";
    assert_eq!(mirror_in(stanza).as_deref(), Some("http://example.org/debian"));
    let other = "deb http://example.org/security bookworm-security main\n";
    assert_eq!(mirror_in(other), None);
    let lines = format!("{other}deb [arch=amd64] http://example.org/debian bookworm main\n");
    assert_eq!(mirror_in(&lines).as_deref(), Some("http://example.org/debian"));
}
