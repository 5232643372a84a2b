//! Small servers of this machine for the example actions: one that answers HTTP by path, one that takes mail. Each
//! keeps what it heard and ends with its value. Knows no action.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

/// A request line as the client wrote it, its headers with names in lower case, and the body.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) line: String,
    pub(crate) headers: Vec<String>,
    pub(crate) body: String,
}

pub(crate) struct Server<Heard> {
    pub(crate) port: u16,
    heard: Receiver<Heard>,
    ended: Arc<AtomicBool>,
}

impl<Heard: Send + 'static> Server<Heard> {
    fn start(mut serve: impl FnMut(TcpStream, &Sender<Heard>) + Send + 'static) -> Server<Heard> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, heard) = channel();
        let server = Server { port, heard, ended: Arc::new(AtomicBool::new(false)) };
        let ended = Arc::clone(&server.ended);
        std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                serve(stream, &tell);
            }
        });
        server
    }

    /// What came since the last look.
    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard.try_iter().collect()
    }
}

impl<Heard> Drop for Server<Heard> {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // Wakes the thread, which then ends; if nobody listens any more, it has ended already.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

/// `answer` gives status and body for a request.
pub(crate) fn http(mut answer: impl FnMut(&Request) -> (u16, String) + Send + 'static) -> Server<Request> {
    http_with_headers(move |request| {
        let (status, body) = answer(request);
        (status, String::new(), body)
    })
}

/// `answer` gives status, further headers (each with its line end) and body.
pub(crate) fn http_with_headers(
    mut answer: impl FnMut(&Request) -> (u16, String, String) + Send + 'static,
) -> Server<Request> {
    Server::start(move |stream, tell: &Sender<Request>| {
        let request = read_request(&stream);
        let (status, headers, body) = answer(&request);
        let length = body.len();
        let head = format!("HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n");
        // Told first: the client may look as soon as it has its answer. One that went away needs none.
        tell.send(request).unwrap_or_default();
        drop((&stream).write_all(format!("{head}{body}").as_bytes()));
    })
}

/// `answer` gives all that is sent, which need not be HTTP.
pub(crate) fn raw(mut answer: impl FnMut(&Request) -> String + Send + 'static) -> Server<Request> {
    Server::start(move |stream, tell: &Sender<Request>| {
        let request = read_request(&stream);
        let text = answer(&request);
        tell.send(request).unwrap_or_default();
        drop((&stream).write_all(text.as_bytes()));
    })
}

/// Takes every connection and never says a word.
pub(crate) fn silent() -> Server<()> {
    Server::start(|mut stream, _: &Sender<()>| {
        let mut rest = Vec::new();
        drop(stream.read_to_end(&mut rest));
    })
}

fn read_request(stream: &TcpStream) -> Request {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let (mut length, mut headers) = (0, Vec::new());
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header).unwrap() == 0 || header.trim().is_empty() {
            break;
        }
        if let Some(value) = header.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        let (name, value) = header.trim_end().split_once(": ").unwrap();
        headers.push(format!("{}: {value}", name.to_lowercase()));
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    Request { line: line.trim_end().to_string(), headers, body: String::from_utf8(body).unwrap() }
}

/// Takes every mail; what is heard is all that the client said, line by line.
pub(crate) fn mail() -> Server<String> {
    Server::start(|stream, tell: &Sender<String>| tell.send(take_mail(&stream)).unwrap_or_default())
}

fn take_mail(stream: &TcpStream) -> String {
    let say = |text: &str| drop((&*stream).write_all(format!("{text}\r\n").as_bytes()));
    say("220 test");
    let (mut said, mut in_text) = (String::new(), false);
    for line in BufReader::new(stream).lines() {
        let Ok(line) = line else { break };
        said.push_str(&format!("{line}\n"));
        match line.split(' ').next() {
            Some(".") if in_text => {
                in_text = false;
                say("250 taken");
            }
            _ if in_text => {}
            Some("DATA") => {
                in_text = true;
                say("354 go on");
            }
            Some("QUIT") => {
                say("221 bye");
                break;
            }
            _ => say("250 well"),
        }
    }
    said
}
