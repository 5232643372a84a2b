//! Networks that lose what is sent, one way, the other, or both, for a while or for good: a step is done once, its end is
//! heard or said to be unknown, and runs end. On real hosts, each behind a cable of its own.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::process::Child;
use std::time::{Duration, Instant};

use super::project::{Project, Said, said};
use super::rig::{Lost, Rig, RigHost};

/// What waits for a step that may begin late, on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(60);
/// How soon a connection is taken for lost.
const NOTICED: &str = "  ServerAliveInterval 1\n  ServerAliveCountMax 2\n";
const NOT_NOTICED: &str = "  ServerAliveInterval 15\n";

/// It counts how often it was begun, and ends once a file is there.
const STEP: &str = r#"shell.run(script: sh"""echo begun >> done; echo first; until [ -e go ]; do sleep 0.1; done; echo over""", cwd: "/home/ops", effect: "change")"#;

/// Three hosts, one for each way to be lost, and the same playbook for each of them.
struct Place {
    project: Project,
    rig: Rig,
}

impl Place {
    fn new(ssh: &str, options: &str) -> Place {
        let place = Place { project: Project::new(), rig: Rig::boot(3) };
        place.project.write("inventory.yaml", &place.rig.inventory("ops", ", connect_timeout: 2s"));
        place.project.write("ssh_config", &format!("Host *\n{ssh}"));
        let playbook =
            format!("playbook p() ! change, exec {{\n  on group(\"rig\") {{\n    {STEP}{options}\n  }}\n}}\n");
        place.project.write("p.ops", &format!("ops 1\n\n{playbook}"));
        place
    }

    /// How many milliseconds the one step of a run took.
    fn elapsed(&self, run: &str) -> u64 {
        let events = self.project.opsc(&["replay", run, "-o", "ndjson"]).stdout;
        let ended = events.lines().find(|line| line.contains("\"step.finished\"")).unwrap();
        let ended: serde_json::Value = serde_json::from_str(ended).unwrap();
        ended["evidence"]["elapsed_ms"].as_u64().unwrap()
    }

    /// The step has begun on each host.
    fn begun(&self, timeout: &str) -> Vec<Track<'_>> {
        let ways = [Lost::ToHost, Lost::FromHost, Lost::Both];
        let mut tracks: Vec<Track<'_>> = ways
            .into_iter()
            .zip(&self.rig.hosts)
            .enumerate()
            .map(|(number, (lost, host))| {
                let mut track = Track { place: self, host, lost, runner: None };
                track.runner = Some(track.spawn(&format!("run p.ops -y -v -l h{}", number + 1), timeout));
                track
            })
            .collect();
        tracks.iter_mut().for_each(Track::wait_until_it_began);
        tracks
    }
}

/// A run on one host.
struct Track<'a> {
    place: &'a Place,
    host: &'a RigHost,
    lost: Lost,
    runner: Option<Child>,
}

impl Track<'_> {
    fn spawn(&self, line: &str, timeout: &str) -> Child {
        let words = line.split_whitespace().chain(["--ssh-config", "ssh_config", "--timeout", timeout]);
        self.place.project.spawn(&words.collect::<Vec<_>>())
    }

    fn wait_until_it_began(&mut self) {
        let until = Instant::now() + PATIENCE;
        while self.times_begun() == 0 {
            let ended = self.runner.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < until, "{:?}: it never began, {ended:?}", self.lost);
            std::thread::yield_now();
        }
    }

    fn times_begun(&self) -> usize {
        std::fs::read_to_string(self.host.root.join("home/ops/done")).unwrap_or_default().lines().count()
    }

    /// The step may end.
    fn go(&self) {
        std::fs::write(self.host.root.join("home/ops/go"), "").unwrap();
    }

    fn said(&mut self) -> Said {
        said(self.runner.take().unwrap().wait_with_output().unwrap())
    }

    /// The run of `said` did the step, or took it up, and heard all of it; nobody began it again.
    #[track_caller]
    fn is_done_once(&self, said: &Said) {
        assert_eq!((said.code, self.times_begun()), (0, 1), "{:?}: {said:?}", self.lost);
        let run = said.stderr.lines().find_map(|line| line.strip_prefix("run ")?.split_once(':')).unwrap().0;
        let logs = self.place.project.opsc(&["logs", run]).stdout;
        assert!(logs.contains("first\n") && logs.contains("over\n"), "{:?}: {logs}", self.lost);
    }
}

/// All at the same time.
fn lose_for(tracks: &[Track<'_>], seconds: u64) {
    tracks.iter().for_each(|track| track.host.loses(track.lost));
    super::rig::pass(Duration::from_secs(seconds));
    tracks.iter().for_each(|track| track.host.finds());
}

/// Shorter than it takes to notice: TCP sends again what was lost.
#[test]
fn a_short_partition_is_not_even_noticed() {
    let place = Place::new(NOT_NOTICED, "");
    let mut tracks = place.begun("2");
    tracks.iter().for_each(Track::go);
    lose_for(&tracks, 5);
    for track in &mut tracks {
        let said = track.said();
        track.is_done_once(&said);
        assert!(!said.stderr.contains("the connection was lost"), "{:?}: {said:?}", track.lost);
    }
}

/// Another connection finds the step where it is. `OPSC_TEST_LONG=1`: after two minutes.
#[test]
fn a_partition_that_is_noticed_is_waited_for() {
    let place = Place::new(NOTICED, " { timeout: 10m }");
    let is_long = std::env::var_os("OPSC_TEST_LONG").is_some();
    let (seconds, timeout) = if is_long { (120, "60") } else { (8, "5") };
    let mut tracks = place.begun(timeout);
    lose_for(&tracks, seconds);
    tracks.iter().for_each(Track::go);
    for track in &mut tracks {
        let said = track.said();
        track.is_done_once(&said);
        let told = "the connection was lost; the host went on with the step";
        assert!(said.stderr.contains(told), "{:?}: {said:?}", track.lost);
    }
}

#[test]
fn a_partition_for_good_ends_the_run_and_resume_takes_up_what_went_on() {
    let place = Place::new(NOTICED, "");
    let mut tracks = place.begun("2");
    tracks.iter().for_each(|track| track.host.loses(track.lost));
    let runs: Vec<Said> = tracks.iter_mut().map(Track::said).collect();
    for (track, said) in tracks.iter_mut().zip(&runs) {
        assert_eq!(said.code, 20, "{:?}: {said:?}", track.lost);
        assert!(said.stdout.contains("unreachable=1") && track.times_begun() == 1, "{:?}: {said:?}", track.lost);
        track.host.finds();
        track.go();
        let run = said.stderr.split_once("run ").unwrap().1.split_once(':').unwrap().0;
        track.runner = Some(track.spawn(&format!("resume {run} -y"), "5"));
        let resumed = track.said();
        track.is_done_once(&resumed);
        let told = format!("taken up where run {run} lost sight of it");
        assert!(resumed.stderr.contains(&told), "{:?}: {resumed:?}", track.lost);
    }
}

/// Nobody can end what runs on a host that nobody reaches. The step ends all the same, within two seconds of its deadline,
/// and says that it does not know; a run that reaches the host again ends what still runs.
#[test]
fn a_deadline_holds_without_the_host() {
    let place = Place::new(NOT_NOTICED, " { timeout: 4s }");
    let mut tracks = place.begun("2");
    tracks.iter().for_each(|track| track.host.loses(track.lost));
    let runs: Vec<Said> = tracks.iter_mut().map(Track::said).collect();
    for (track, said) in tracks.iter_mut().zip(&runs) {
        assert_eq!(said.code, 20, "{:?}: {said:?}", track.lost);
        assert!(said.stderr.contains("did not end within 4s, and the host is silent"), "{:?}: {said:?}", track.lost);
        let run = said.stderr.split_once("run ").unwrap().1.split_once(':').unwrap().0;
        let elapsed = place.elapsed(run);
        println!("{:?}: a deadline of 4 s was told after {elapsed} ms", track.lost);
        assert!((4000..=6000).contains(&elapsed), "{elapsed}: {said:?}");
        track.host.finds();
        let host = track.host;
        let process = host.sh("cut -d' ' -f1 /home/ops/.opsc/receipts/*/process");
        let goes_on = || host.sh(&format!("kill -0 {} 2>/dev/null && echo yes || echo no", process.trim()));
        assert_eq!(goes_on(), "yes\n", "{:?}", track.lost);
        let run = said.stderr.split_once("run ").unwrap().1.split_once(':').unwrap().0;
        track.runner = Some(track.spawn(&format!("resume {run} -y"), "5"));
        let resumed = track.said();
        assert!(resumed.code == 27 && track.times_begun() == 1, "{:?}: {resumed:?}", track.lost);
        assert!(resumed.stderr.contains("did not end within 4s"), "{:?}: {resumed:?}", track.lost);
        assert_eq!(goes_on(), "no\n", "{:?}", track.lost);
    }
}
