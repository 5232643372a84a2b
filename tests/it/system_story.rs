//! One sentence becomes a rollout on three real hosts: compiled, checked, planned, run, run again, and taken back where
//! the health check fails. Once by the offline translator, once by a model.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use serde_json::{Value as Json, json};

use super::model_server::{ModelServer, Reply};
use super::project::Project;
use super::rig::Rig;

const SENTENCE: &str = "create the directory /srv/app on the app servers, copy app.conf to /srv/app/app.conf with mode 0640, then check that http://{address}:8080/healthz answers 200, one server at a time, roll back on failure";

/// Answers 200, or 503 while there is a file `/run/sick`.
const HEALTH: &str = r#"
cat > /usr/local/bin/health <<'END'
use IO::Socket::INET;
my $server = IO::Socket::INET->new(LocalPort => 8080, Listen => 5, ReuseAddr => 1) or die;
open my $ready, ">", "/run/health.ready";
while (my $client = $server->accept) {
    <$client>;
    print $client -e "/run/sick" ? "HTTP/1.0 503 X\r\n\r\nsick\n" : "HTTP/1.0 200 OK\r\n\r\nwell\n";
    close $client;
}
END
cat > /etc/systemd/system/health.service <<'END'
[Service]
ExecStart=perl /usr/local/bin/health
ExecStartPost=timeout 5 sh -c 'until [ -e /run/health.ready ]; do sleep 0.05; done'
END
systemctl daemon-reload
systemctl start health
"#;

struct Story {
    project: Project,
    rig: Rig,
}

impl Story {
    fn new() -> Story {
        let (project, rig) = (Project::new(), Rig::boot(3));
        project.write("inventory.yaml", &rig.inventory("ops", "").replace("  rig:", "  app:"));
        project.write("app.conf", "first\n");
        rig.hosts.iter().for_each(|host| drop(host.sh(HEALTH)));
        Story { project, rig }
    }

    /// The file on each host: mode, owner, content; nothing where it is not.
    fn files(&self) -> [String; 3] {
        let look = "cd /srv/app 2>/dev/null && stat -c '%a %U' app.conf && cat app.conf; true";
        [0, 1, 2].map(|host| self.rig.hosts[host].sh(look))
    }

    fn recap(ok: u8, changed: u8) -> String {
        let line =
            |host| format!("h{host} : ok={ok} changed={changed} unreachable=0 failed=0 skipped=0 rolled_back=0\n");
        (1..=3).map(line).collect()
    }

    /// From the file on.
    fn tell(&self) {
        let project = &self.project;
        assert_eq!(project.opsc(&["fmt", "--check", "deploy.ops"]).code, 0);
        let checked = project.opsc(&["check", "deploy.ops"]);
        assert_eq!((checked.code, checked.stderr.as_str()), (0, "checked 1 file: 0 errors, 0 warnings\n"));
        self.plan_is_right();

        let first = project.opsc(&["run", "deploy.ops", "-y"]);
        assert_eq!((first.code, first.stdout.as_str()), (0, Story::recap(3, 2).as_str()), "{first:?}");
        assert_eq!(self.files(), ["640 root\nfirst\n"; 3]);
        let second = project.opsc(&["run", "deploy.ops", "-y"]);
        assert_eq!((second.code, second.stdout.as_str()), (0, Story::recap(3, 0).as_str()), "{second:?}");

        project.write("app.conf", "second\n");
        self.rig.hosts[1].sh("touch /run/sick");
        let third = project.opsc(&["run", "deploy.ops", "-y"]);
        assert_eq!(third.code, 23, "{third:?}");
        assert!(third.stderr.contains("expected status 200, found 503"), "{third:?}");
        assert_eq!(self.files(), ["640 root\nsecond\n", "640 root\nfirst\n", "640 root\nfirst\n"]);

        let shown = project.opsc(&["show", "3"]);
        assert!(shown.stdout.contains("(rolled_back)") && shown.stdout.contains("h2 file.copy rollback"), "{shown:?}");
        assert!(shown.stdout.contains("not started: h3"), "{shown:?}");
        assert!(!shown.stdout.contains("h3 "), "the third batch never began: {shown:?}");
        let report = project.opsc(&["report", "3"]);
        assert!(report.stdout.contains("| result | **rolled_back**, exit 23 |"), "{}", report.stdout);
        assert!(report.stdout.contains("### http.check on h2, apply"), "{}", report.stdout);
    }

    fn plan_is_right(&self) {
        let planned = self.project.opsc(&["plan", "deploy.ops", "-o", "json"]);
        let plan: Json = serde_json::from_str(&planned.stdout).unwrap_or_else(|error| panic!("{error}: {planned:?}"));
        assert_eq!(plan["blocks"][0]["batches"], json!([["h1"], ["h2"], ["h3"]]));
        for (host, name) in self.rig.hosts.iter().zip(["h1", "h2", "h3"]) {
            let url = &plan["steps"][2]["args"]["url"]["by_host"][name];
            assert_eq!(*url, format!("http://{}:8080/healthz", host.address));
        }
        assert_eq!((&plan["steps"][0]["as"], &plan["steps"][0]["reversible"]), (&json!("root"), &json!(true)));
        let connected = self.project.opsc(&["plan", "deploy.ops", "--detailed-exitcode"]);
        assert_eq!(connected.code, 2, "{connected:?}");
        assert!(connected.stdout.contains("h3: ~ will change"), "{connected:?}");
        assert_eq!(self.files(), [""; 3], "a plan writes nothing");
    }
}

#[test]
fn one_sentence_becomes_a_rollout_that_is_taken_back_where_it_fails() {
    let story = Story::new();
    let compiled = story.project.opsc(&["compile", SENTENCE, "--save", "deploy.ops"]);
    assert_eq!(compiled.code, 0, "{compiled:?}");
    story.tell();
}

#[test]
fn a_model_s_program_becomes_the_same_rollout() {
    let story = Story::new();
    let program = story.project.opsc(&["compile", SENTENCE]).stdout;
    let mistaken = program.replace("file.copy(from:", "file.copy(source:");
    let server = ModelServer::start(&[
        Reply::Say(format!("Here you are:\n```ops\n{mistaken}```")),
        Reply::Say(format!("<think>`from`, then</think>\n{program}")),
    ]);
    let compiled = story
        .project
        .command(&["compile", SENTENCE, "--save", "deploy.ops", "--translator", "model"])
        .env("OPSC_MODEL_URL", server.url())
        .env("OPSC_MODEL_NAME", "scripted")
        .output()
        .unwrap();
    assert!(compiled.status.success(), "{compiled:?}");
    assert!(story.project.read("deploy.ops").unwrap().contains("# translated by scripted"));
    story.tell();
}
