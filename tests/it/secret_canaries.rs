//! Canaries: secrets of every provider go through every kind of parameter, on this machine and over SSH, in runs that
//! succeed and in runs that fail and tell all they can. Then nothing holds a canary but the files it was meant for.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::project::{Project, Said, said};
use super::sshd::{Sshd, SshdOptions};

/// The part of every canary that is looked for: a form of it anywhere means that most of a secret is there.
const INNER: &str = "Kanarie";
const BY_ENV: &str = "eNv+Kanarie/7\"q";
const BY_FILE: &str = "fIle&Kanarie=8 é\nsecond+Kanarie/line";
const BY_COMMAND: &str = "cOm;Kanarie%9'x\\";

const ACTIONS: &str = r#"ops 1

action canary.tell(token: secret<text>, to: path) -> { said: text, list: list<string> } ! change {
  doc: "Report a secret in every way an action can."
  touches: ["path:{to}"]
  ensure: after.said != "" else "it said {after.said}"

  linux {
    check sh """
      out said "no: $token"
      out list "$token"
    """
    apply sh """
      printf '%s' "$token" > "$to"
      out said "$token"
      out encoded "$(printf '%s' "$token" | base64)"
    """
    rollback sh """
      echo "taking $before_said back"
      rm -f -- "$to"
    """
  }
}
"#;

/// `HOST` and `LAST` are filled in.
const PLAYBOOK: &str = r#"ops 1

playbook canaries(
  base: path,
  one: secret<text> = secret("env:CANARY_ENV"),
  two: secret<text> = secret("file:keys/file"),
  three: secret<text> = secret("command:canary"),
) ! change, exec {
  doc: "Give secrets away in every way there is."
  let all = "{one}\n{two}\n{three}\n"

  on host("HOST") {
    file.secret(to: "{base}/file", content: all)
    file.template(
      from: file("app.j2"),
      to: "{base}/conf",
      vars: { name: "app" },
      secrets: { one: one, two: two, three: trim(three) },
      mode: "0600",
    )
    told = shell.run(
      script: sh"""
        tell() {
          printf '%s\n' "$1"
          printf '%s' "$1" | base64
          printf 'user:%s' "$1" | base64 -w 7
          printf 'x%s' "$1" | base64 | tr '+/' '-_'
          printf '%s' "$1" | od -An -v -tx1
          printf '%s' "$1" | od -An -v -tx1 | tr -d ' \n' | tr 'a-f' 'A-F'
          echo
          printf '%s' "$1" | od -An -v -tx1 | tr ' ' '%' | tr -d '\n'
          echo
          printf '%s' "$1" | iconv -f UTF-8 -t UTF-16LE
          echo
          printf '%s' "$1" | iconv -f UTF-8 -t UTF-16BE
          echo
          printf '"%s"\n' "$(printf '%s' "$1" | sed 's/["\\]/\\&/g')"
          ( set -x; : "$1" )
        }
        for value in "$one" "$two" "$three" "$auth"; do tell "$value"; tell "$value" >&2; done
        printf '%s' "$one" | cut -c 1-8 | tr -d '\n'
        echo > "$base/ready"
        while [ ! -e "$base/go" ]; do read -r nothing < /dev/null; done
        printf '%s\n' "$one" | cut -c 9-
        cat
        if env | grep -q '[K]anarie'; then echo "it is exported"; exit 9; fi
      """,
      effect: "change",
      vars: { one: one, two: two, three: three, auth: base64("{one}:{two}"), base: base },
      stdin: all,
    )
    again = shell.run(script: sh"cat \"$base/file\"; cat \"$base/conf\" >&2", effect: "read", vars: { base: base })
    noted = canary.tell(token: one, to: "{base}/told")
    file.write(to: "{base}/copy", content: "{again.stdout} {again.stderr} {noted.said}")
    require again.code == 0 else "{again.stdout}"
LAST
    on failure {
      rollback
    }
  }
}
"#;

const FAILS: &str = r#"    shell.run(script: sh"tee /dev/stderr; exit 5", effect: "read", stdin: all) {
      allow_failure: true
    }
    require told.code == 7 else "{told.stdout} {noted.said} {told.stderr}"
"#;

struct Scene {
    project: Project,
    base: PathBuf,
    _sshd: Sshd,
}

fn scene(host: &str, last: &str) -> Scene {
    let sshd = Sshd::start(&SshdOptions::default());
    let project = Project::new();
    project.write("opsc.toml", "[secrets.canary]\ncommand = [\"tools/print-canary\", \"x\"]\n");
    let place = format!(
        "hosts:\n  far:\n    address: 127.0.0.1\n    port: {}\n    user: root\n    os: linux\n    key: {}\n    known_hosts: {}\n",
        sshd.port,
        sshd.key_path.display(),
        sshd.known_hosts_path.display(),
    );
    project.write("inventory.yaml", &place);
    project.write("actions/canary.ops", ACTIONS);
    project.write("app.j2", "{{ vars.name }} {{ secrets.one }} {{ secrets.two }} {{ secrets.three }}\n");
    project.write("canaries.ops", &PLAYBOOK.replace("HOST", host).replace("LAST", last));
    project.write("keys/file", &format!("{BY_FILE}\n"));
    project.write("keys/command", &format!("{BY_COMMAND}\n"));
    project.write("tools/print-canary", "#!/bin/sh\nexec cat keys/command\n");
    for (name, mode) in [("keys/file", 0o600), ("keys/command", 0o600), ("tools/print-canary", 0o700)] {
        std::fs::set_permissions(project.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let base = project.path("base");
    std::fs::create_dir_all(&base).unwrap();
    Scene { project, base, _sshd: sshd }
}

/// Every form of what must not be seen.
fn forms() -> Vec<(&'static str, Vec<u8>)> {
    let wide = |unit: fn(u16) -> [u8; 2]| INNER.encode_utf16().flat_map(unit).collect::<Vec<u8>>();
    let (little, big) = (wide(u16::to_le_bytes), wide(u16::to_be_bytes));
    let hex = |bytes: &[u8]| {
        bytes.iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        })
    };
    let percent = INNER.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
    let spaced = INNER.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
    let escaped = INNER.chars().map(|letter| format!("\\u{:04x}", u32::from(letter))).collect::<String>();
    let mut forms = vec![
        ("plain", INNER.into()),
        ("hex", hex(INNER.as_bytes()).into()),
        ("HEX", hex(INNER.as_bytes()).to_uppercase().into()),
        ("hex dump", spaced.into()),
        ("percent", percent.into()),
        ("json", escaped.into()),
        ("hex of UTF-16", hex(&little).into()),
        // As a terminal gets it: NULs written out.
        ("UTF-16, printable", INNER.chars().map(|letter| format!("{letter}\\u{{0}}")).collect::<String>().into()),
        ("UTF-16LE", little.clone()),
        ("UTF-16BE", big),
    ];
    for bytes in [INNER.as_bytes(), &little] {
        for (offset, shared) in [(0, 0), (1, 2), (2, 3)] {
            let padded = [vec![0; offset], bytes.to_vec()].concat();
            let encoded = STANDARD_NO_PAD.encode(&padded);
            forms.push(("base64", encoded[shared..padded.len() * 8 / 6].into()));
        }
    }
    forms
}

/// The names of the forms in some bytes. Line ends between letters hide nothing.
fn seen(bytes: &[u8]) -> BTreeSet<&'static str> {
    let joined: Vec<u8> = bytes.iter().copied().filter(|byte| *byte != b'\n').collect();
    let holds = |form: &[u8]| [bytes, &joined].iter().any(|text| text.windows(form.len()).any(|part| part == form));
    forms().into_iter().filter(|(_, form)| holds(form)).map(|(name, _)| name).collect()
}

#[track_caller]
fn assert_unseen(what: &str, bytes: &[u8]) {
    let found = seen(bytes);
    assert!(found.is_empty(), "{what} has a canary as {found:?}:\n{}", String::from_utf8_lossy(bytes));
}

/// What processes show of themselves, and files that lanes leave while they work.
struct Watch {
    runner: PathBuf,
    found: BTreeSet<String>,
    looks: usize,
}

impl Watch {
    fn look(&mut self) {
        self.looks += 1;
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            if entry.file_name().to_string_lossy().bytes().all(|digit| digit.is_ascii_digit()) {
                self.process(&entry.path());
            }
        }
        for folder in std::fs::read_dir("/tmp").unwrap().flatten() {
            // Lanes' own folders; what is gone meanwhile was not left there.
            let name = folder.file_name().to_string_lossy().into_owned();
            let token = name.strip_prefix("opsc-").unwrap_or_default();
            let is_lane = token.len() == 32 && token.bytes().all(|digit| digit.is_ascii_hexdigit());
            for file in std::fs::read_dir(folder.path()).into_iter().flatten().flatten().filter(|_| is_lane) {
                self.note(&std::fs::read(file.path()).unwrap_or_default(), || file.path().display().to_string());
            }
        }
    }

    fn process(&mut self, process: &Path) {
        let read = |name: &str| std::fs::read(process.join(name)).unwrap_or_default();
        // Between fork and exec a child is still the runner, whose own environment `env:` reads.
        let is_runner = || std::fs::read_link(process.join("exe")).is_ok_and(|exe| exe == self.runner);
        let before = is_runner();
        let (words, environment) = (read("cmdline"), read("environ"));
        let is_runner = before || is_runner();
        let shown = String::from_utf8_lossy(&words).replace('\0', " ");
        self.note(&words, || format!("the arguments of {shown}"));
        let is_provider = shown.contains("print-canary") || shown.contains("keys/command");
        if !is_runner && !is_provider {
            self.note(&environment, || format!("the environment of {shown}"));
        }
    }

    fn note(&mut self, bytes: &[u8], place: impl Fn() -> String) {
        let found = seen(bytes);
        if !found.is_empty() {
            self.found.insert(format!("{} as {found:?}", place()));
        }
    }
}

impl Scene {
    fn opsc(&self, arguments: &[&str]) -> Said {
        let mut command = self.project.command(arguments);
        command.env("CANARY_ENV", BY_ENV).env("OPSC_LOG", "trace");
        lossy(command.output().unwrap())
    }

    /// A run that is watched from its start to its end, and held in the middle until it was looked at.
    fn watched_run(&self, more: &[&str]) -> (Said, Watch) {
        for name in ["ready", "go"] {
            // Left by an earlier run, if there was one.
            drop(std::fs::remove_file(self.base.join(name)));
        }
        let base = format!("base={}", self.base.display());
        let arguments: Vec<&str> = ["run", "canaries.ops", "-y", "-e", &base].iter().chain(more).copied().collect();
        let mut command = self.project.command(&arguments);
        command.env("CANARY_ENV", BY_ENV).env("OPSC_LOG", "trace");
        let streams = ["stdout", "stderr"].map(|name| self.project.path("home").join(name));
        let [stdout, stderr] = [&streams[0], &streams[1]].map(|path| std::fs::File::create(path).unwrap());
        let mut child = command.stdout(Stdio::from(stdout)).stderr(Stdio::from(stderr)).spawn().unwrap();
        let mut watch = Watch { runner: env!("CARGO_BIN_EXE_opsc").into(), found: BTreeSet::new(), looks: 0 };
        let mut held = false;
        let status = loop {
            watch.look();
            if !held && self.base.join("ready").exists() {
                watch.look();
                held = true;
                std::fs::write(self.base.join("go"), "").unwrap();
            }
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
        };
        let [stdout, stderr] = [&streams[0], &streams[1]].map(|path| std::fs::read(path).unwrap());
        let said = lossy(std::process::Output { status, stdout, stderr });
        assert!(held, "the run was never in the middle: {said:?}");
        (said, watch)
    }

    /// Everything that opsc keeps or says afterwards.
    fn assert_sinks_are_clean(&self) {
        let base = format!("base={}", self.base.display());
        let plan = |more: &[&str]| {
            let all: Vec<&str> = ["plan", "canaries.ops", "-e", &base].iter().chain(more).copied().collect();
            self.opsc(&all)
        };
        let sinks = [
            ("check", self.opsc(&["check", "canaries.ops", "-o", "json"])),
            ("plan", plan(&["--offline"])),
            ("plan, connected", plan(&[])),
            ("plan as JSON", plan(&["--offline", "-o", "json"])),
            ("graph", self.opsc(&["graph", "canaries.ops", "-e", &base])),
            ("runs", self.opsc(&["runs"])),
            ("show", self.opsc(&["show", "1"])),
            ("show as JSON", self.opsc(&["show", "1", "-o", "json"])),
            ("logs", self.opsc(&["logs", "1"])),
            ("report", self.opsc(&["report", "1"])),
            ("report as JSON", self.opsc(&["report", "1", "-o", "json"])),
            ("report as a page", self.opsc(&["report", "1", "-o", "html"])),
            ("report for CI", self.opsc(&["report", "1", "-o", "junit"])),
            ("replay", self.opsc(&["replay", "1", "--fast", "-v"])),
            ("replay as NDJSON", self.opsc(&["replay", "1", "-o", "ndjson"])),
            ("stats", self.opsc(&["runs", "stats", "canaries"])),
        ];
        for (name, said) in sinks {
            assert!([0, 2, 20, 21].contains(&said.code), "{name}: {said:?}");
            assert_unseen(name, said.stdout.as_bytes());
            assert_unseen(name, said.stderr.as_bytes());
        }
        let mut kept = 0;
        for entry in std::fs::read_dir(self.project.path(".opsc")).unwrap() {
            let path = entry.unwrap().path();
            assert_unseen(&path.display().to_string(), &std::fs::read(&path).unwrap());
            kept += 1;
        }
        assert!(kept > 0, "there is a journal");
    }

    fn assert_run_is_clean(&self, said: &Said, watch: &Watch) {
        assert_unseen("standard output", said.stdout.as_bytes());
        assert_unseen("standard error", said.stderr.as_bytes());
        // One is printed in two pieces, with time between them.
        assert!(!said.stdout.contains("Kana") && !said.stderr.contains("Kana"), "{said:?}");
        assert!(watch.found.is_empty(), "{:#?}", watch.found);
        assert!(watch.looks > 3, "{}", watch.looks);
    }
}

fn lossy(output: std::process::Output) -> Said {
    // UTF-16 that got through would not be UTF-8: it must be seen, not stop the test.
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned().into_bytes();
    said(std::process::Output { status: output.status, stdout: text(output.stdout), stderr: text(output.stderr) })
}

fn tell_and_look(host: &str) {
    let scene = scene(host, "");
    let (said, watch) = scene.watched_run(&["-v"]);
    assert_eq!(said.code, 0, "{said:?}");
    // The canaries are where they belong, and were told: what hides them is not that nothing was said.
    let all = format!("{BY_ENV}\n{BY_FILE}\n{BY_COMMAND}\n");
    assert_eq!(std::fs::read_to_string(scene.base.join("file")).unwrap(), all);
    let conf = std::fs::read_to_string(scene.base.join("conf")).unwrap();
    assert_eq!(conf, format!("app {BY_ENV} {BY_FILE} {BY_COMMAND}\n"));
    assert!(said.stderr.matches("(secret)").count() > 50, "{said:?}");
    assert_unseen("a file made of results", &std::fs::read(scene.base.join("copy")).unwrap());
    scene.assert_run_is_clean(&said, &watch);
    scene.assert_sinks_are_clean();
    let (events, watch) = scene.watched_run(&["-o", "ndjson"]);
    assert_eq!(events.code, 0, "{events:?}");
    assert!(events.stdout.contains("(secret)"), "{events:?}");
    scene.assert_run_is_clean(&events, &watch);
}

fn fail_and_look(host: &str) {
    let scene = scene(host, FAILS);
    let (said, watch) = scene.watched_run(&["-v"]);
    assert!([21, 23].contains(&said.code), "{said:?}");
    assert!(said.stderr.contains("(secret)"), "{said:?}");
    assert!(!scene.base.join("file").exists() && !scene.base.join("told").exists(), "rolled back");
    scene.assert_run_is_clean(&said, &watch);
    scene.assert_sinks_are_clean();
}

#[test]
fn here_a_run_that_tells_all_shows_nothing() {
    tell_and_look("localhost");
}

#[test]
fn here_a_run_that_fails_shows_nothing() {
    fail_and_look("localhost");
}

#[test]
fn over_ssh_a_run_that_tells_all_shows_nothing() {
    tell_and_look("far");
}

#[test]
fn over_ssh_a_run_that_fails_shows_nothing() {
    fail_and_look("far");
}

#[test]
fn the_search_finds_every_form() {
    assert_eq!(seen(b"nothing here"), BTreeSet::new());
    for (name, form) in forms() {
        assert!(seen(&[b"a ".as_slice(), &form, b" z"].concat()).contains(name), "{name}");
    }
    let wrapped =
        STANDARD_NO_PAD.encode(format!("ab{INNER}xyz")).into_bytes().chunks(4).collect::<Vec<_>>().join(&b'\n');
    assert!(seen(&wrapped).contains("base64"));
}
