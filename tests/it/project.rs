//! A project in a folder of its own, and the binary run in it with nothing of the user's environment.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};

pub(crate) struct Project {
    pub(crate) folder: tempfile::TempDir,
}

/// What one command came to.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Project {
    pub(crate) fn new() -> Project {
        let project = Project { folder: tempfile::Builder::new().prefix("opsc-project-").tempdir().unwrap() };
        project.write("opsc.toml", "");
        std::fs::create_dir_all(project.path("home")).unwrap();
        project
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.path(name)).ok()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_opsc"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", self.path("home"))
            .env("USER", "root")
            // Nothing of the machine's own; tests of ssh's configuration name theirs.
            .env("OPSC_SSH_CONFIG", "none")
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn opsc(&self, arguments: &[&str]) -> Said {
        said(self.command(arguments).output().unwrap())
    }

    /// The number of the run that began last, 0 where there is none.
    pub(crate) fn newest_run(&self) -> usize {
        let json: serde_json::Value = serde_json::from_str(&self.opsc(&["runs", "-o", "json"]).stdout).unwrap();
        json["runs"].as_array().unwrap().first().map_or(0, |run| run["run"].as_u64().unwrap() as usize)
    }

    /// The same on a terminal of its own, with what is typed there; both streams together, as the terminal shows them.
    pub(crate) fn on_terminal(&self, arguments: &str, typed: &str) -> String {
        let line = format!("{} {arguments}", env!("CARGO_BIN_EXE_opsc"));
        let mut child = Command::new("script")
            .args(["-qec", &line, "/dev/null"])
            .current_dir(self.folder.path())
            .env("HOME", self.path("home"))
            .env("OPSC_SSH_CONFIG", "none")
            .env("TERM", "xterm")
            .env_remove("CI")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.as_mut().unwrap().write_all(typed.as_bytes()).unwrap();
        String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
    }

    pub(crate) fn spawn(&self, arguments: &[&str]) -> Child {
        self.command(arguments).spawn().unwrap()
    }
}

pub(crate) fn said(output: Output) -> Said {
    Said {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A web server that answers every request with one status, which can be changed; ends with the value.
pub(crate) struct Health {
    pub(crate) port: u16,
    status: Arc<AtomicU16>,
    ended: Arc<AtomicBool>,
}

impl Health {
    pub(crate) fn start() -> Health {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let health = Health {
            port: listener.local_addr().unwrap().port(),
            status: Arc::new(AtomicU16::new(200)),
            ended: Arc::new(AtomicBool::new(false)),
        };
        let (status, ended) = (Arc::clone(&health.status), Arc::clone(&health.ended));
        std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                answer(stream, status.load(Ordering::SeqCst));
            }
        });
        health
    }

    pub(crate) fn set(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }
}

impl Drop for Health {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // Wakes the thread, which then ends; if nobody listens any more, it has ended already.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

fn answer(mut stream: TcpStream, status: u16) {
    let mut request = [0_u8; 4096];
    let read = stream.read(&mut request);
    let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok");
    // A client that went away needs no answer.
    drop(read.and_then(|_| stream.write_all(answer.as_bytes())));
}
