//! Hosts from servers that opsc.toml declares: asked over HTTP, with a token that goes nowhere else; through the binary.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};

use super::project::{Project, Said, said};

/// Answers every request with what the function makes of it; what was asked is kept. Ends with the process.
struct Server {
    port: u16,
    asked: Receiver<String>,
    requests: RefCell<Vec<String>>,
}

impl Server {
    fn start(answer: impl Fn(&str, &mut TcpStream) + Send + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (sender, asked) = channel();
        let server = Server { port: listener.local_addr().unwrap().port(), asked, requests: RefCell::default() };
        std::thread::spawn(move || {
            while let Ok((mut stream, _)) = listener.accept() {
                let mut request = Vec::new();
                let mut byte = [0_u8; 1];
                while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read > 0) {
                    request.push(byte[0]);
                }
                let request = String::from_utf8(request).unwrap();
                // Told before it is answered; nobody may be left who listens.
                drop(sender.send(request.clone()));
                answer(&request, &mut stream);
            }
        });
        server
    }

    fn saying(body: &'static str) -> Server {
        Server::start(move |_, stream| respond(stream, "200 OK", "", body))
    }

    fn requests(&self) -> Vec<String> {
        self.requests.borrow_mut().extend(self.asked.try_iter());
        self.requests.borrow().clone()
    }
}

/// A client that went away needs no answer.
fn respond(stream: &mut TcpStream, status: &str, headers: &str, body: &str) {
    let length = body.len();
    drop(write!(stream, "HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"));
}

fn project(settings: &str) -> Project {
    let project = Project::new();
    project.write("opsc.toml", &format!("[sources.cmdb]\nmax_age = 0\n{settings}"));
    project
}

fn listed(project: &Project) -> Said {
    said(project.command(&["inv", "ls"]).env("CMDB_TOKEN", "s3cret-t0ken").output().unwrap())
}

#[test]
fn a_server_names_the_hosts_to_whom_has_its_token() {
    let server = Server::start(|request, stream| {
        let is_known = request.to_lowercase().contains("authorization: bearer s3cret-t0ken\r\n");
        let (status, body) = if is_known { ("200 OK", r#"["w1"]"#) } else { ("401 No", "who are you?\u{1b}[2J") };
        respond(stream, status, "", body);
    });
    let url = format!("url = \"http://127.0.0.1:{}/hosts?site=a\"\n", server.port);
    let answered = listed(&project(&format!("{url}token_env = \"CMDB_TOKEN\"\n")));
    assert_eq!(answered.code, 0, "{answered:?}");
    assert!(answered.stdout.starts_with("w1 "), "{answered:?}");
    assert!(server.requests()[0].starts_with("GET /hosts?site=a HTTP/1.1\r\n"), "{:?}", server.requests());
    let refused = listed(&project(&url));
    assert_eq!(refused.code, 13, "{refused:?}");
    // Neither what a query says nor what would move the cursor.
    let words = format!(
        "error: the source `cmdb` (http://127.0.0.1:{}/hosts): the server answered 401: who are you?\\u{{1b}}[2J\n",
        server.port
    );
    assert!(refused.stderr.starts_with(&words), "{refused:?}");
    let unset = listed(&project(&format!("{url}token_env = \"CMDB_TOKEN_OTHER\"\n")));
    assert_eq!(unset.code, 13, "{unset:?}");
    assert!(unset.stderr.contains("the variable `CMDB_TOKEN_OTHER`, which holds its token, is not set"), "{unset:?}");
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn a_token_is_not_taken_to_another_server() {
    let other = Server::saying(r#"["evil"]"#);
    let to = format!("location: http://127.0.0.1:{}/\r\n", other.port);
    let server = Server::start(move |_, stream| respond(stream, "302 Found", &to, ""));
    let url = format!("url = \"http://127.0.0.1:{}/\"\n", server.port);
    let refused = listed(&project(&format!("{url}token_env = \"CMDB_TOKEN\"\n")));
    assert_eq!(refused.code, 13, "{refused:?}");
    assert!(refused.stderr.contains("the answer leads to another server"), "{refused:?}");
    assert!(other.requests().is_empty(), "{:?}", other.requests());
    // Without one, there is nothing to lose.
    assert_eq!(listed(&project(&url)).code, 0);
    assert!(!other.requests()[0].to_lowercase().contains("authorization"), "{:?}", other.requests());
}

#[test]
fn a_server_that_fails_is_no_empty_list_of_hosts() {
    let endless = Server::start(|_, stream| {
        let piece = vec![b' '; 1 << 20];
        let begun = stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n[");
        if begun.is_ok() {
            while stream.write_all(&piece).is_ok() {}
        }
    });
    // Says when its answer would come, and says no more as long as somebody waits.
    let silent = Server::start(|_, stream| {
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n"));
        drop(stream.read(&mut [0_u8; 1]));
    });
    let cut =
        Server::start(|_, stream| drop(stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 90\r\n\r\n[\"w1\"]")));
    let nothing = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for (port, words) in [
        (Server::saying("<html>").port, "what it says is no list of hosts: it is no JSON"),
        (Server::saying("[]").port, "it says that there is no host at all"),
        (endless.port, "its answer is larger than 16MiB"),
        (silent.port, "no answer in time"),
        (cut.port, "): "),
        (nothing, "connection refused"),
    ] {
        let said = listed(&project(&format!("url = \"http://127.0.0.1:{port}/\"\ntimeout = \"5s\"\n")));
        assert_eq!(said.code, 13, "{words}: {said:?}");
        assert!(said.stderr.starts_with("error: the source `cmdb` (http://127.0.0.1"), "{said:?}");
        assert!(said.stderr.contains(words) && said.stderr.contains("hint: nothing was done"), "{words}: {said:?}");
    }
}
