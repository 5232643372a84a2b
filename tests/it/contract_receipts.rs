//! The contract, fourth part: steps that leave a receipt on the host outlive their lane, and are found again.
//! Knows only the public face of `shell` and `transport`.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::time::Instant;

use opsc::base::secret::Secret;
use opsc::shell::{Language, Program, Text, receipt};
use opsc::transport::{Completed, TransportError};

use super::contract::{Bench, MINUTE, SOON, alive, field, gone, sha256, stdout, unique_seconds};

/// A home of its own on the host, and a receipt in it.
struct Home {
    path: String,
    id: String,
}

impl Home {
    async fn make(bench: &mut Bench) -> Home {
        let path = stdout(&bench.sh("umask 077; mktemp -d /tmp/opsc-home-XXXXXX").await).trim().to_owned();
        let id = sha256(path.as_bytes()).chars().take(32).collect();
        let home = Home { path, id };
        let prepared = home.run(bench, receipt::prepare(Language::Sh)).await;
        assert!(field(&prepared, "boot").len() > 9, "{prepared:?}");
        home
    }

    fn here(&self, program: Program) -> Program {
        let env = [("HOME".to_owned(), Text::Plain(self.path.clone()))];
        Program { env: env.into_iter().chain(program.env).collect(), ..program }
    }

    fn once(&self, program: Program) -> Program {
        self.here(Program { receipt: Some(self.id.clone()), ..program })
    }

    async fn run(&self, bench: &mut Bench, program: Program) -> Completed {
        bench.run(&self.here(program)).await
    }

    async fn state(&self, bench: &mut Bench) -> String {
        let asked = self.run(bench, receipt::ask(Language::Sh, &self.id)).await;
        String::from_utf8_lossy(field(&asked, "state")).into_owned()
    }

    /// Runs a body and leaves it, as a crash would, once it has made the file `begun` in its home.
    async fn leave(&self, bench: &mut Bench, body: &str) {
        let program = self.once(Program::new(format!(": >\"$HOME/begun\"; {body}")));
        let (way, (leave, left)) = (bench.way.clone(), tokio::sync::oneshot::channel());
        // All that reads and writes of the connection is gone with its runtime.
        let other = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let mut other = Bench::connect(way).await;
                tokio::select! {
                    done = other.run(&program) => panic!("{done:?}"),
                    _ = left => {}
                }
            });
        });
        let begun = Program::new("until [ -e \"$HOME/begun\" ]; do sleep 0.01 || sleep 1; done");
        assert_eq!(self.run(bench, begun).await.code, 0);
        leave.send(()).unwrap();
        other.join().unwrap();
    }

    async fn gone(self, bench: &mut Bench) {
        let ended = self.state(bench).await == "finished";
        let list = Program::new("ls -A \"$HOME/.opsc/receipts/$id\"").with("id", &self.id);
        let mut left = String::new();
        // What carries its output may write down a moment later that it is over, where nobody followed it.
        for _ in 0..if ended { 50 } else { 1 } {
            self.run(bench, receipt::told(Language::Sh, vec![self.id.clone()])).await;
            left = stdout(&self.run(bench, list.clone()).await);
            if left == "code\ntold\n" {
                break;
            }
        }
        assert_eq!(left == "code\ntold\n", ended, "{left}");
        assert_eq!(self.state(bench).await == "told", ended);
        self.run(bench, Program::new("rm -rf \"$HOME\"")).await;
    }
}

/// A process that was killed may still be there for a moment.
async fn gone_to(home: &Home, bench: &mut Bench, state: &str) {
    let until = Instant::now() + SOON;
    while home.state(bench).await != state {
        assert!(Instant::now() < until, "never {state}");
    }
}

/// But for its folder, nobody could tell the difference.
pub(crate) async fn a_receipt_changes_nothing_else(bench: &mut Bench) {
    let body = "out a \"$v\"; pwd; umask; echo \"$e\"; cat; echo \"$#\"; (out b 1); out a again; out c 'x
'; echo err >&2; f() { exit 5; }; f";
    let program = Program {
        env: vec![("e".to_owned(), Text::Plain("it's".to_owned()))],
        stdin: Some(Secret::new("in\n".to_owned())),
        cwd: Some("/usr".to_owned()),
        ..Program::new(body).with("v", "héé\x1e $x")
    };
    let home = Home::make(bench).await;
    let plain = home.run(bench, program.clone()).await;
    let kept = bench.run(&home.once(program)).await;
    assert_eq!((kept.code, stdout(&kept)), (5, stdout(&plain)));
    assert_eq!(kept.stderr, plain.stderr);
    let fields = ["a", "b", "c"].map(|key| field(&kept, key).to_vec());
    assert_eq!(fields, [b"again".to_vec(), b"1".to_vec(), b"x\n".to_vec()]);
    assert_eq!(home.state(bench).await, "finished");
    home.gone(bench).await;
}

pub(crate) async fn what_a_receipt_cannot_carry_is_an_error(bench: &mut Bench) {
    let home = Home::make(bench).await;
    let wrong = bench
        .session
        .run(bench.way.user.as_deref(), &home.once(Program::new("out 'no key' 1")), MINUTE, &mut |_, _| {})
        .await;
    assert!(matches!(wrong, Err(TransportError::Protocol { .. })), "{wrong:?}");
    let again = bench.run(&home.once(Program::new("echo twice"))).await;
    assert_eq!((again.code, stdout(&again).as_str()), (125, ""));
    home.gone(bench).await;
}

pub(crate) async fn a_step_with_a_receipt_outlives_its_lane(bench: &mut Bench) {
    let home = Home::make(bench).await;
    assert_eq!(home.state(bench).await, "absent");
    let wait = "echo early; until [ -e \"$HOME/go\" ]; do sleep 0.01 || sleep 1; done";
    home.leave(bench, &format!("{wait}; echo late; echo err >&2; out k v; exit 3")).await;
    assert_eq!(home.state(bench).await, "running");
    home.run(bench, Program::new(": >\"$HOME/go\"")).await;
    let followed = home.run(bench, receipt::follow(Language::Sh, &home.id)).await;
    assert_eq!((followed.code, field(&followed, "k")), (3, b"v".as_slice()));
    let words = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!((stdout(&followed), words(&followed.stderr.kept)), ("early\nlate\n".to_owned(), "err\n".to_owned()));
    assert_eq!(home.state(bench).await, "finished");
    home.gone(bench).await;
}

/// What prints without pause meets nobody who listens, and neither stops nor fills the disk.
pub(crate) async fn what_is_printed_to_nobody_is_bounded(bench: &mut Bench) {
    let home = Home::make(bench).await;
    let wait = "until [ -e \"$HOME/go\" ]; do sleep 0.01 || sleep 1; done";
    home.leave(bench, &format!("{wait}; head -c 4000000 /dev/zero; head -c 4000000 /dev/zero; exit 4")).await;
    home.run(bench, Program::new(": >\"$HOME/go\"")).await;
    let followed = home.run(bench, receipt::follow(Language::Sh, &home.id)).await;
    assert_eq!(followed.code, 4);
    // Some shells count the limit in blocks of 512 bytes, some in twice as many.
    assert!([1 << 20, 2 << 20].contains(&followed.stdout.bytes), "{}", followed.stdout.bytes);
    home.gone(bench).await;
}

pub(crate) async fn a_step_that_was_killed_is_lost(bench: &mut Bench) {
    let home = Home::make(bench).await;
    let seconds = unique_seconds();
    home.leave(bench, &format!("sleep {seconds}")).await;
    let kill = "read -r p s <\"$HOME/.opsc/receipts/$id/process\"; kill -KILL \"$p\"";
    home.run(bench, Program::new(kill).with("id", &home.id)).await;
    gone_to(&home, bench, "lost").await;
    assert_eq!(home.run(bench, receipt::follow(Language::Sh, &home.id)).await.code, 137);
    for pid in alive(&seconds) {
        bench.run(&Program::new("kill \"$pid\"").with("pid", &pid.to_string())).await;
    }
    gone(bench, &seconds).await;
    home.gone(bench).await;
}

pub(crate) async fn a_step_with_a_receipt_can_be_ended(bench: &mut Bench) {
    let home = Home::make(bench).await;
    let seconds = unique_seconds();
    let body = format!("trap '' TERM; sh -c 'sleep {seconds}; :' & : >\"$HOME/both\"; sleep {seconds}");
    home.leave(bench, &body).await;
    assert_eq!(home.run(bench, receipt::end(Language::Sh, &home.id)).await.code, 0);
    gone(bench, &seconds).await;
    gone_to(&home, bench, "lost").await;
    home.gone(bench).await;
}

pub(crate) async fn a_child_in_the_background_does_not_hold_a_receipt(bench: &mut Bench) {
    let home = Home::make(bench).await;
    let seconds = unique_seconds();
    let begun = Instant::now();
    let done = bench.run(&home.once(Program::new(format!("sleep {seconds} & out pid $!; echo on")))).await;
    assert_eq!((done.code, stdout(&done).as_str()), (0, "on\n"));
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    let pid = String::from_utf8_lossy(field(&done, "pid")).into_owned();
    bench.run(&Program::new("kill \"$pid\"").with("pid", &pid)).await;
    gone(bench, &seconds).await;
    home.gone(bench).await;
}
