//! The standard library on other systems than this one: where `/bin/sh` is another shell, and where every tool is
//! busybox's. Each comes to the same as here. Needs root, to put another shell in the place of this one.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::project::{Health, Project, Said, said};

/// What is done, one playbook after another; `@` is the folder.
const STEPS: &[&str] = &[
    "file.line(path: \"@/l\", line: \"it's $(x) \\\\1 ä\", create: true)",
    "file.line(path: \"@/l\", line: \"Port 80\", match: '^#?Port [0-9]{1,5}$', after: '^b')",
    "file.line(path: \"@/dos\", line: \"Port 80\", match: '^#?Port [0-9]{1,5}$')",
    "file.line(path: \"@/cut\", line: \"-n\")",
    "file.no_line(path: \"@/l\", match: '^a[a-z]{2}$')",
    "file.no_line(path: \"@/cut\", line: \"b\")",
    "file.block(path: \"@/l\", block: \"it's\\n$(x)\", after: '^b')",
    "file.block(path: \"@/dos\", block: \"x\\ny\")",
    "file.no_block(path: \"@/block\", name: \"old\")",
    "file.replace(path: \"@/l\", match: '^([a-z]+)[0-9]{2}$', with: '[&|\\1]')",
    "file.ini(path: \"@/ini\", section: \"b\", key: \"x\", value: \"01\")",
    "file.ini(path: \"@/ini\", section: \"c\", key: \"y\", value: \"it's\")",
    "file.no_ini(path: \"@/ini\", section: \"a\", key: \"x\")",
    "file.touch(path: \"@/new\", mode: \"0640\", owner: \"daemon\")",
    "file.permissions(path: \"@/d\", mode: \"0640\", folder_mode: \"0750\", owner: \"daemon\", group: \"1\", recursive: true)",
    "file.permissions(path: \"@/l\", owner: \"4711\")",
    "file.tree(from: folder(\"root/source\"), to: \"@/tree\", delete: true, exclude: [\"*.log\"])",
    "archive.extract(archive: \"@/a.tgz\", to: \"@/it's out\")",
    "git.checkout(repo: \"@/repo\", to: \"@/clone\", version: \"v1\")",
    "service = process.status(name: \"opsc-no-such-process\")",
    "require not service.running else \"it runs\"",
    "own = process.status(name: \"opsc\")",
    "require own.running else \"opsc does not run\"",
    "found = file.find(path: \"@/d\", name: \"b\", older: 1h)",
    "require found.count == 0 else \"{found.count}\"",
    "read = file.read(path: \"@/d/a\")",
    "require read.content == \"it's\\n\\n\" else \"{read.content}\"",
];

fn fill(root: &Path) {
    let files: &[(&str, &str)] = &[
        ("l", "aaa\nb\nc\nab12\n"),
        ("dos", "a\r\nPort 22\r\n"),
        ("cut", "a\nb"),
        ("block", "# begin old\nx\n# end old\ny"),
        ("ini", "[a]\nx=1\n[b]\nx=1\n"),
    ];
    fs::create_dir_all(root.join("repo")).unwrap();
    let make = "tar -czf ../a.tgz /etc/hostname 2>/dev/null; export GIT_CONFIG_GLOBAL=/dev/null; git init -q . &&
        git -c user.name=a -c user.email=a@b commit -q --date=2020-01-01T00:00Z --allow-empty -m a && git tag v1";
    let made = Command::new("sh").args(["-c", make]).current_dir(root.join("repo")).status().unwrap();
    assert!(made.success());
    fs::create_dir(root.join("d")).unwrap();
    fs::write(root.join("d/a"), "it's\n\n").unwrap();
    fs::write(root.join("d/two\nlines"), "").unwrap();
    for (name, text) in [
        ("source/it's", "$(x)"),
        ("source/sub/.h", "ä"),
        ("tree/own/x", "x"),
        ("tree/a.log", "log"),
        ("tree/it's", "old"),
    ] {
        fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
        fs::write(root.join(name), text).unwrap();
    }
    std::os::unix::fs::symlink("sub/.h", root.join("source/two\nlines")).unwrap();
    fs::write(root.join(format!("source/{}", "long ".repeat(25))), "").unwrap();
    std::os::unix::fs::chown(root.join("d/a"), Some(2), Some(4711)).unwrap();
    for (name, text) in files {
        fs::write(root.join(name), text).unwrap();
    }
}

/// A project on a system where other files lie in the place of some.
pub(crate) struct Other<'a> {
    /// What lies there, and where.
    pub(crate) mounts: &'a [(&'a str, &'a str)],
    pub(crate) path: &'a str,
    pub(crate) project: Project,
}

pub(crate) const USUAL: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

impl Other<'_> {
    fn root(&self) -> PathBuf {
        self.project.path("root")
    }

    pub(crate) fn run(&self, steps: &[&str], last: &str) -> Said {
        let steps: String = steps.iter().map(|step| format!("    {step}\n")).collect();
        let steps = steps.replace("@/", &format!("{}/", self.root().display()));
        let text = format!(
            "ops 1\n\nplaybook p() ! change, network {{\n  on host(\"localhost\") {{\n{steps}{last}    on failure {{\n      rollback\n    }}\n  }}\n}}\n"
        );
        self.project.write("p.ops", &text);
        // In mounts of its own, so that nobody else finds other files.
        let inside =
            "while [ \"$1\" != -- ]; do mount --bind \"$1\" \"$(readlink -f \"$2\")\" && shift 2 || exit 1; done
            PATH=$2 && shift 2 && exec \"$@\"";
        let opsc = self.project.command(&["run", "-y", "p.ops"]);
        let mut command = Command::new("unshare");
        command.args(["--mount", "/bin/bash", "-c", inside, "bash"]);
        for (from, to) in self.mounts {
            command.args([from, to]);
        }
        command.args(["--", self.path]).arg(opsc.get_program()).args(opsc.get_args());
        command.current_dir(self.project.folder.path()).env_clear();
        command.envs(opsc.get_envs().filter_map(|(name, value)| Some((name, value?))));
        said(command.output().unwrap())
    }
}

/// What the folder comes to, undone, done and done again on the way.
fn done(shell: &str, path: &str) -> Vec<String> {
    let other = Other { mounts: &[(shell, "/bin/sh")], path, project: Project::new() };
    fs::create_dir(other.root()).unwrap();
    fill(&other.root());
    let before = looks(&other.root());
    let undone = other.run(STEPS, "    require host.name == \"x\" else \"stop\"\n");
    assert_eq!((undone.code, looks(&other.root())), (23, before), "{shell}: {undone:?}");
    let changing = STEPS.iter().filter(|step| !step.starts_with("require") && !step.contains(" = ")).count();
    for changes in [changing, 0] {
        let ran = other.run(STEPS, "");
        assert!(ran.code == 0 && ran.stdout.contains(&format!("changed={changes} ")), "{shell}: {ran:?}");
    }
    looks(&other.root())
}

fn looks(root: &Path) -> Vec<String> {
    let list = "cd \"$1\" && find . -name .git -prune -o -exec stat -c '%n %A %U %g %s' {} + | sort; find . -name .git -prune -o -type f ! -name a.tgz -exec sha256sum {} + | sort";
    let listed = Command::new("bash").args(["-c", list, "bash", root.to_str().unwrap()]).output().unwrap();
    String::from_utf8(listed.stdout).unwrap().lines().map(str::to_string).collect()
}

/// A folder where every tool is busybox's.
pub(crate) fn busybox_tools() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let list = Command::new("busybox").arg("--list").output().unwrap();
    for tool in String::from_utf8(list.stdout).unwrap().lines() {
        std::os::unix::fs::symlink("/bin/busybox", folder.path().join(tool)).unwrap();
    }
    folder
}

#[test]
fn every_shell_and_busybox_come_to_the_same() {
    let expected = done("/bin/dash", USUAL);
    for shell in ["/bin/bash", "/bin/ksh"] {
        assert_eq!(done(shell, USUAL), expected, "{shell}");
    }
    assert_eq!(done("/bin/busybox", busybox_tools().path().to_str().unwrap()), expected, "busybox");
}

#[test]
fn a_download_takes_wget_where_there_is_no_curl() {
    let (server, nothing) = (Health::start(), "/dev/null");
    let curl = (nothing, "/usr/bin/curl");
    let step = format!("file.download(url: \"http://127.0.0.1:{}/x\", to: \"@/x\")", server.port);
    let tries = |mounts: &[(&str, &str)], words: &str| {
        let other = Other { mounts, path: USUAL, project: Project::new() };
        fs::create_dir(other.root()).unwrap();
        let ran = other.run(&[&step], "");
        assert!(ran.stderr.contains(words), "{mounts:?}: {ran:?}");
        other.project.read("root/x")
    };
    assert_eq!(tries(&[curl], "changed").as_deref(), Some("ok"));
    assert_eq!(tries(&[curl, ("/bin/busybox", "/usr/bin/wget")], "changed").as_deref(), Some("ok"));
    assert_eq!(tries(&[curl, (nothing, "/usr/bin/wget")], "neither curl nor wget"), None);
    server.set(404);
    assert_eq!(tries(&[curl], "404"), None);
    assert_eq!(tries(&[curl, ("/bin/busybox", "/usr/bin/wget")], "404"), None);
}
