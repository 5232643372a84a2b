//! Runs whose journals know nothing of each other, as on two machines: one of them changes a host, the other is told whose
//! run it is. First the case of the contract, then through the binary.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use opsc::shell::holder::{HOLDER, Owner, claim};
use opsc::shell::{Language, Program, Text, receipt};
use opsc::transport::{Completed, Credentials, Endpoint, Session};

use super::contract::{Bench, SOON, sha256, stdout};
use super::project::{Project, Said, said};
use super::sshd::{Sshd, SshdOptions};

pub(crate) fn owner(name: &str) -> Owner {
    Owner { journal: sha256(name.as_bytes()), words: format!("run 3 (`it's`) of {name} on ci") }
}

/// Who has the host, where that is somebody else.
pub(crate) fn told(asked: &Completed) -> Option<String> {
    assert_eq!((asked.code, stdout(asked).as_str(), asked.stderr.bytes), (0, "", 0), "{asked:?}");
    asked.text(HOLDER)
}

struct Claims {
    home: String,
}

impl Claims {
    fn here(&self, program: Program) -> Program {
        Program { env: vec![("HOME".to_owned(), Text::Plain(self.home.clone()))], ..program }
    }

    async fn by(&self, bench: &mut Bench, name: &str) -> Option<String> {
        told(&bench.run(&self.here(claim(Language::Sh, &owner(name)))).await)
    }

    async fn free(&self, bench: &mut Bench, name: &str) {
        let until = Instant::now() + SOON;
        while let Some(holder) = self.by(bench, name).await {
            assert!(Instant::now() < until, "{holder} has it for ever");
        }
    }
}

/// Case of the contract: a host is that of the journal whose lane, or whose step, is there; and only as long.
pub(crate) async fn one_journal_at_a_time_changes_a_host(bench: &mut Bench) {
    let claims =
        Claims { home: stdout(&bench.sh("umask 077; mktemp -d /tmp/opsc-home-XXXXXX").await).trim().to_owned() };
    let (mut ann, mut bob) = (bench.another().await, bench.another().await);
    let by_ann = Some("run 3 (`it's`) of ann on ci".to_owned());
    assert_eq!(claims.by(&mut ann, "ann").await, None);
    assert_eq!(claims.by(&mut ann, "ann").await, None, "a second time");
    assert_eq!(claims.by(&mut bob, "bob").await, by_ann);
    assert_eq!(claims.by(bench, "ann").await, None, "another lane of hers");
    ann.session.close().await;
    assert_eq!(claims.by(&mut bob, "bob").await, by_ann, "her other lane");
    // Her step goes on without any lane.
    bench.run(&claims.here(receipt::prepare(Language::Sh))).await;
    let id = sha256(claims.home.as_bytes()).chars().take(32).collect::<String>();
    let wait = Program::new("until [ -e \"$HOME/go\" ]; do sleep 0.01 || sleep 1; done");
    let step = claims.here(Program { receipt: Some(id.clone()), ..wait });
    let mut lost = bench.another().await;
    assert_eq!(claims.by(&mut lost, "ann").await, None);
    let begun = async {
        let ask = claims.here(receipt::ask(Language::Sh, &id));
        while bench.run(&ask).await.text("state").as_deref() != Some("running") {}
    };
    tokio::select! {
        done = lost.run(&step) => panic!("{done:?}"),
        () = begun => {}
    }
    lost.session.close().await;
    let mut fresh = bench.another().await;
    std::mem::swap(bench, &mut fresh);
    fresh.session.close().await;
    assert_eq!(claims.by(&mut bob, "bob").await, by_ann, "her step");
    bench.run(&claims.here(Program::new(": >\"$HOME/go\""))).await;
    claims.free(&mut bob, "bob").await;
    assert_eq!(claims.by(bench, "ann").await, Some("run 3 (`it's`) of bob on ci".to_owned()));
    bob.session.close().await;
    claims.free(bench, "ann").await;
    bench.run(&claims.here(Program::new("rm -rf \"$HOME\""))).await;
}

/// All write before they look, and those who see each other step back for times that differ.
#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_the_same_moment_one_has_the_host() {
    for round in 0..20 {
        let home = tempfile::tempdir().unwrap();
        let mut sessions = Vec::new();
        for _ in 0..8 {
            sessions.push(Session::connect(&Endpoint::local("w1"), &Credentials::default()).await.unwrap());
        }
        let claims = sessions.into_iter().enumerate().map(|(number, mut session)| {
            let env = vec![("HOME".to_owned(), Text::Plain(home.path().display().to_string()))];
            let program = Program { env, ..claim(Language::Sh, &owner(&number.to_string())) };
            tokio::spawn(async move {
                let asked = session.run(None, &program, SOON, &mut |_, _| {}).await.unwrap();
                (told(&asked), session)
            })
        });
        let claims: Vec<_> = claims.collect();
        let mut free = 0;
        let mut sessions = Vec::new();
        for claim in claims {
            let (holder, session) = claim.await.unwrap();
            free += usize::from(holder.is_none());
            sessions.push(session);
        }
        assert_eq!(free, 1, "round {round}");
        for session in sessions {
            session.close().await;
        }
    }
}

/// Where nobody can write, or whose home it is is not known, nothing is held and nothing fails.
#[tokio::test]
async fn without_a_home_of_its_own_nothing_is_held() {
    let mut session = Session::connect(&Endpoint::local("w1"), &Credentials::default()).await.unwrap();
    for home in ["/nonexistent", "/proc", ""] {
        let env = vec![("HOME".to_owned(), Text::Plain(home.to_owned()))];
        let program = Program { env, ..claim(Language::Sh, &owner("ann")) };
        let asked = session.run(None, &program, SOON, &mut |_, _| {}).await.unwrap();
        assert_eq!(told(&asked), None, "{home}");
    }
    session.close().await;
}

const DEPLOY: &str = r#"ops 1

playbook deploy() ! change, exec {
  on host("w1") {
    file.write(to: "ROOT/NAME", content: "new")
    shell.run(script: sh"""echo begun; until [ -e ROOT/go ]; do sleep 0.02; done; echo NAME >> ROOT/once""", effect: "change")
    on failure { rollback }
  }
}
"#;

/// Two people, each with a project and a journal, and one host.
struct Pair {
    sshd: Option<Sshd>,
    ann: Project,
    bob: Project,
}

impl Pair {
    fn new(over_ssh: bool) -> Pair {
        let pair = Pair {
            sshd: over_ssh.then(|| Sshd::start(&SshdOptions::default())),
            ann: Project::new(),
            bob: Project::new(),
        };
        let way = match &pair.sshd {
            Some(sshd) => format!(
                "address: 127.0.0.1, port: {}, user: root, key: {:?}, known_hosts: {:?}",
                sshd.port, sshd.key_path, sshd.known_hosts_path
            ),
            None => "transport: local".to_owned(),
        };
        for (name, project) in [("ann", &pair.ann), ("bob", &pair.bob)] {
            project.write("inventory.yaml", &format!("hosts:\n  w1: {{ os: linux, {way} }}\n"));
            let root = pair.root().display().to_string();
            project.write("deploy.ops", &DEPLOY.replace("ROOT", &root).replace("NAME", name));
        }
        std::fs::create_dir(pair.root()).unwrap();
        pair
    }

    fn root(&self) -> PathBuf {
        self.ann.path("root")
    }

    /// Both are the same user of the host.
    fn command(&self, project: &Project, line: &str) -> Command {
        let mut command = project.command(&line.split_whitespace().collect::<Vec<_>>());
        command.env("HOME", self.ann.path("home"));
        command
    }

    fn opsc(&self, project: &Project, line: &str) -> Said {
        said(self.command(project, line).output().unwrap())
    }

    /// A run of Ann's that has begun its last step.
    fn begun(&self) -> Child {
        let mut child = self.command(&self.ann, "run deploy.ops -y -o ndjson").spawn().unwrap();
        let mut events = BufReader::new(child.stdout.as_mut().unwrap()).lines();
        assert!(events.any(|event| event.unwrap().contains("begun")), "it does not begin");
        child
    }

    fn kill(child: &mut Child) {
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[track_caller]
    fn kept_off(&self, said: &Said, code: i32) -> String {
        assert_eq!(said.code, code, "{said:?}");
        let machine = String::from_utf8(Command::new("hostname").output().unwrap().stdout).unwrap();
        let words = format!(
            "another opsc is changing this host: run 1 (`deploy`) of root on {}; its process there is ",
            machine.trim()
        );
        let told = said.stderr.split_once(words.as_str()).unwrap_or_else(|| panic!("{said:?}")).1;
        let (process, hint) = told.split_once(' ').unwrap();
        let expected = format!(
            "(hint: wait for its end; if that run is gone and its process is not, end process {process} there)"
        );
        assert!(hint.starts_with(&expected), "{said:?}");
        assert!(!self.root().join("bob").exists(), "{said:?}");
        process.to_string()
    }

    fn go(&self) {
        std::fs::write(self.root().join("go"), "").unwrap();
    }
}

#[test]
fn two_journals_and_one_host() {
    for over_ssh in [false, true] {
        let pair = Pair::new(over_ssh);
        let mut child = pair.begun();
        let process = pair.kept_off(&pair.opsc(&pair.bob, "run deploy.ops -y"), 21);
        assert!(PathBuf::from("/proc").join(process).exists());
        pair.kept_off(&pair.opsc(&pair.bob, "exec -y -l w1 -- true"), 21);
        let looks = pair.opsc(&pair.bob, "exec -l w1 --effect read -- true");
        assert_eq!(looks.code, 0, "who only reads is not kept off: {looks:?}");
        pair.go();
        assert_eq!(child.wait().unwrap().code(), Some(0));
        let done = pair.opsc(&pair.bob, "run deploy.ops -y");
        assert_eq!((done.code, std::fs::read_to_string(pair.root().join("once")).unwrap().as_str()), (0, "ann\nbob\n"));
        let home = pair.sshd.as_ref().map_or(pair.ann.path("home"), |sshd| sshd.directory.path().join("home"));
        assert!(!home.join(".opsc/holders").exists(), "nothing of it stays on the host");
    }
}

/// The step goes on without its run, so nobody else changes the host; its own journal takes it up.
#[test]
fn the_step_of_a_run_that_was_killed_keeps_others_off() {
    for over_ssh in [false, true] {
        let pair = Pair::new(over_ssh);
        let mut child = pair.begun();
        Pair::kill(&mut child);
        pair.kept_off(&pair.opsc(&pair.bob, "run deploy.ops -y"), 21);
        let mut resumed =
            pair.command(&pair.ann, "resume 1 -y").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::spawn({
            let root = pair.root();
            move || std::fs::write(root.join("go"), "").unwrap()
        });
        assert_eq!(resumed.wait().unwrap().code(), Some(0));
        assert_eq!(pair.opsc(&pair.bob, "run deploy.ops -y").code, 0);
    }
}

/// Going back over a run changes its hosts too.
#[test]
fn nothing_is_undone_on_a_host_that_another_has() {
    let pair = Pair::new(false);
    pair.go();
    assert_eq!(pair.opsc(&pair.bob, "run deploy.ops -y").code, 0);
    std::fs::remove_file(pair.root().join("go")).unwrap();
    let mut child = pair.begun();
    let back = pair.opsc(&pair.bob, "rollback 1 -y");
    assert_eq!(back.code, 24, "{back:?}");
    assert!(back.stderr.contains("another opsc is changing this host"), "{back:?}");
    assert!(pair.root().join("bob").exists(), "{back:?}");
    pair.go();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// A host that is restarted, or a file that nobody's process stands for, keeps nobody off.
#[test]
fn what_is_left_of_a_claim_keeps_nobody_off() {
    let pair = Pair::new(false);
    let folder = pair.ann.path("home/.opsc/holders");
    std::fs::create_dir_all(&folder).unwrap();
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let old = format!("11111111-2222-3333-4444-555555555555\n1\n{0}\nrun 9\n", "0".repeat(64));
    let dead = format!("{boot}1\n{}\nrun 9\n", "0".repeat(64));
    for (name, text) in [("1", &old), ("2", &dead), ("3", &"torn\n".to_owned()), (".4", &dead)] {
        std::fs::write(folder.join(name), text).unwrap();
    }
    pair.go();
    let done = pair.opsc(&pair.bob, "run deploy.ops -y");
    assert_eq!(done.code, 0, "{done:?}");
    assert!(folder.join("1").exists() && !folder.join("2").exists(), "of this start, what is dead goes");
}
